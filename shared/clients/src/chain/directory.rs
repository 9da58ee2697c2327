//! The resource directory: a node says which entries there are, and each is then asked for with its proof. What a page holds is proved; that
//! nothing is missing from it is the node's word.

use std::collections::BTreeSet;

use ledger::cell::Cell;
use ledger::genesis::Validator;
use ledger::governance::{AccreditationStatus, ValidatorSet};
use ledger::records::{AuthorityId, AuthorityRecord, Name32, PartyId, PartyRecord};
use wire::directory::{Directory, Parties};

use super::{AsOf, ChainClient, ChainError};
use crate::http;

/// Entries of a page of the directory.
#[derive(Clone, Debug)]
pub struct Page<T, Id> {
    /// The entries, each proved.
    pub entries: Vec<AsOf<T>>,
    /// What the next page is after; `None` on the last one.
    pub next: Option<Id>,
    /// Whether the node says that it knows every entry.
    pub complete: bool,
}

/// An authority with what it answers for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthorityEntry {
    /// Its cell: whether it is in force.
    pub cell: Cell,
    /// Its record.
    pub record: AuthorityRecord,
    /// Its attestation types, in order.
    pub types: Vec<TypeEntry>,
    /// The validators of the next epoch that it runs.
    pub validators: Vec<Validator>,
    /// The observers of the next epoch that it runs.
    pub observers: Vec<Validator>,
}

/// An attestation type of an authority.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeEntry {
    /// The type.
    pub attestation_type: String,
    /// Whether it is attested now.
    pub status: AccreditationStatus,
}

/// A website or counter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartyEntry {
    /// Its cell: whether it is in force.
    pub cell: Cell,
    /// Its record.
    pub record: PartyRecord,
}

/// Which page was asked for.
struct Asked {
    after: Option<Name32>,
    limit: usize,
}

impl ChainClient {
    /// The authorities after `after`, at most `limit` (1 to 20), in the order of their ids.
    ///
    /// # Errors
    /// As [`Self::get`]; [`ChainError::Undecodable`] when an entry is not what is proved.
    pub async fn directory(
        &self,
        after: Option<AuthorityId>,
        limit: usize,
    ) -> Result<Page<AuthorityEntry, AuthorityId>, ChainError> {
        let asked = self.nodes.ask(|index| self.directory_of(index, after, limit), |_| true).await;
        asked.answer.ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))
    }

    /// The websites and counters that an authority answers for after `after`, at most `limit` (1 to 50), in the order of their ids.
    ///
    /// # Errors
    /// As [`Self::directory`].
    pub async fn parties_of(
        &self,
        authority: AuthorityId,
        after: Option<PartyId>,
        limit: usize,
    ) -> Result<Page<PartyEntry, PartyId>, ChainError> {
        let asked = self.nodes.ask(|index| self.parties_from(index, authority, after, limit), |_| true).await;
        asked.answer.ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))
    }

    async fn directory_of(
        &self,
        index: usize,
        after: Option<AuthorityId>,
        limit: usize,
    ) -> Result<Page<AuthorityEntry, AuthorityId>, ChainError> {
        let node = self.nodes.node(index)?;
        let mut url = node.path(&["v1", "directory"])?;
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after.as_str());
        }
        let page: Directory = http::json(&node.host, self.http.get(url), "a page of the directory").await?;
        let ids: Vec<AuthorityId> = page.authorities.iter().map(|entry| entry.id).collect();
        self.in_order(index, &ids, page.next, Asked { after, limit })?;
        let set = self.members_of_next().await?;
        let mut entries = Vec::new();
        for said in page.authorities {
            let proven = self.authority(&said.id).await?;
            let (height, timestamp_ms) = (proven.height, proven.timestamp_ms);
            let (cell, record) = proven.value.filter(|(_, record)| record.id == said.id).ok_or_else(|| self.untrue(index))?;
            let named = said.types.into_iter().map(|entry| entry.attestation_type);
            let types = self.types_of(index, &record, named.collect()).await?;
            let run = |members: &[Validator]| members.iter().filter(|member| member.authority == said.id).cloned().collect();
            let (validators, observers) = (run(&set.validators), run(&set.observers));
            entries.push(AsOf { height, timestamp_ms, value: AuthorityEntry { cell, record, types, validators, observers } });
        }
        Ok(Page { entries, next: page.next, complete: page.complete })
    }

    /// The types that the node names and those that the proved record lists, each proved to be this authority's.
    async fn types_of(
        &self,
        index: usize,
        record: &AuthorityRecord,
        named: BTreeSet<String>,
    ) -> Result<Vec<TypeEntry>, ChainError> {
        let listed: BTreeSet<String> = record.accredited_types.iter().cloned().collect();
        let mut types = Vec::new();
        for attestation_type in named.union(&listed) {
            let status = match self.accreditation(attestation_type).await?.value {
                Some((cell, accreditation)) if accreditation.authority == record.id => match cell.status {
                    0 => AccreditationStatus::InForce,
                    1 => AccreditationStatus::Suspended,
                    _ => AccreditationStatus::Withdrawn,
                },
                // A ledger without governance keeps no accreditations apart: the record is all there is.
                None if listed.contains(attestation_type) => AccreditationStatus::InForce,
                Some(_) | None => return Err(self.untrue(index)),
            };
            types.push(TypeEntry { attestation_type: attestation_type.clone(), status });
        }
        Ok(types)
    }

    async fn members_of_next(&self) -> Result<ValidatorSet, ChainError> {
        let proven = self.next_validators().await?.value;
        Ok(proven.map_or_else(|| self.trust_root().genesis().validator_set(), |(_, set)| set))
    }

    async fn parties_from(
        &self,
        index: usize,
        authority: AuthorityId,
        after: Option<PartyId>,
        limit: usize,
    ) -> Result<Page<PartyEntry, PartyId>, ChainError> {
        let node = self.nodes.node(index)?;
        let mut url = node.path(&["v1", "directory", authority.as_str(), "parties"])?;
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(after) = after {
            url.query_pairs_mut().append_pair("after", after.as_str());
        }
        let page: Parties = http::json(&node.host, self.http.get(url), "a page of websites").await?;
        let ids: Vec<PartyId> = page.parties.iter().map(|entry| entry.id).collect();
        self.in_order(index, &ids, page.next, Asked { after, limit })?;
        let mut entries = Vec::new();
        for id in ids {
            let proven = self.party(&id).await?;
            let (height, timestamp_ms) = (proven.height, proven.timestamp_ms);
            let own = |record: &PartyRecord| record.id == id && record.sponsor == authority;
            let (cell, record) = proven.value.filter(|(_, record)| own(record)).ok_or_else(|| self.untrue(index))?;
            entries.push(AsOf { height, timestamp_ms, value: PartyEntry { cell, record } });
        }
        Ok(Page { entries, next: page.next, complete: page.complete })
    }

    /// Checks a page's length and order, which its reader goes on by.
    fn in_order(&self, index: usize, ids: &[Name32], next: Option<Name32>, asked: Asked) -> Result<(), ChainError> {
        let Asked { after, limit } = asked;
        let ascends = ids.is_sorted_by(|one, next| one.as_str() < next.as_str());
        let goes_on = ids.first().is_none_or(|first| after.is_none_or(|after| after.as_str() < first.as_str()));
        let leads_on = next.is_none() || next == ids.last().copied();
        if ascends && goes_on && leads_on && ids.len() <= limit { Ok(()) } else { Err(self.untrue(index)) }
    }

    fn untrue(&self, index: usize) -> ChainError {
        ChainError::Undecodable { host: self.nodes.host(index).to_owned(), field: "directory" }
    }
}
