//! The resource directory: who answers for which data, and which websites use it. Which entries there are is this node's word; each is
//! asked for with its proof by the key that it names. By authority and type, never by person.

use super::{Node, Rpc, encode};
use axum::{
    Json,
    extract::{Path, State},
};
use borsh::BorshDeserialize;
use identity::canonical;
use ledger::{
    cell::{Cell, Subject},
    genesis::Validator,
    governance::{AccreditationRecord, AccreditationStatus, ValidatorSet},
    limits::MAX_RECORD_BYTES,
    records::{AuthorityId, AuthorityRecord, PartyId, PartyRecord},
};
use serde::Deserialize;
use service_kit::{ApiError, Slug, extract::QueryOf};
use wire::directory::{Directory, DirectoryEntry, DirectoryParty, DirectoryType, Parties};

/// Authorities of a page where no number is asked for.
const DEFAULT_AUTHORITIES: usize = 10;
/// Authorities of a page at most: each with its types, out of a record of up to 32 KiB.
const MAX_AUTHORITIES: usize = 20;
/// Parties of a page where no number is asked for.
const DEFAULT_PARTIES: usize = 20;
/// Parties of a page at most: each is a record of up to 32 KiB.
const MAX_PARTIES: usize = 50;

/// Which authorities.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct AuthoritiesPage {
    /// Authorities whose ids come after this one; without it, from the first.
    #[param(value_type = Option<String>)]
    after: Option<AuthorityId>,
    /// How many at most: 1 to 20, 10 without it.
    limit: Option<usize>,
}

/// Which parties.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct PartiesPage {
    /// Parties whose ids come after this one; without it, from the first.
    #[param(value_type = Option<String>)]
    after: Option<PartyId>,
    /// How many at most: 1 to 50, 20 without it.
    limit: Option<usize>,
}

/// The authorities with the attestation types that they answer for and the nodes that they run, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/directory", tag = "governance", params(AuthoritiesPage),
    responses((status = 200, body = Directory), (status = 400, description = "not a page", body = wire::problem::Problem))
)]
pub(super) async fn directory(
    State(rpc): State<Rpc>,
    QueryOf(page): QueryOf<AuthoritiesPage>,
) -> Result<Json<Directory>, ApiError> {
    let limit = super::page(page.limit, DEFAULT_AUTHORITIES, MAX_AUTHORITIES)?;
    Ok(Json(authorities(&rpc.node, page.after, limit).await))
}

/// The websites and counters that an authority answers for, with what they may ask for, in the order of their ids.
#[utoipa::path(
    get, path = "/v1/directory/{authority}/parties", tag = "governance",
    params(("authority" = String, Path, description = "the authority's id"), PartiesPage),
    responses(
        (status = 200, body = Parties),
        (status = 400, description = "not a page", body = wire::problem::Problem),
        (status = 404, description = "no such authority", body = wire::problem::Problem),
    )
)]
pub(super) async fn parties(
    State(rpc): State<Rpc>,
    Path(authority): Path<String>,
    QueryOf(page): QueryOf<PartiesPage>,
) -> Result<Json<Parties>, ApiError> {
    let limit = super::page(page.limit, DEFAULT_PARTIES, MAX_PARTIES)?;
    let authority: AuthorityId =
        authority.parse().map_err(|_| ApiError::new(Slug::BadRequest).detail("the path must have an authority's id"))?;
    let found = parties_of(&rpc.node, &authority, page.after, limit).await;
    found.map(Json).ok_or_else(|| ApiError::new(Slug::NotFound).detail("the finalized state has no such authority"))
}

/// A page of authorities.
pub(crate) async fn authorities(node: &Node, after: Option<AuthorityId>, limit: usize) -> Directory {
    let mut ids = node.store.authorities(after.as_ref(), limit + 1).expect("the body store can be read");
    let more = ids.len() > limit;
    ids.truncate(limit);
    let set = record::<ValidatorSet>(node, &Subject::Validators).await.map(|(_, set)| set);
    let set = set.unwrap_or_else(|| node.genesis.validator_set());
    let mut authorities = Vec::new();
    for id in &ids {
        // The index is ahead of the state for a moment while a block is applied.
        if let Some(entry) = entry(node, *id, &set).await {
            authorities.push(entry);
        }
    }
    let next = authorities.last().map(|entry| entry.id).filter(|_| more);
    Directory { height: height(node), complete: node.is_complete(), authorities, next }
}

async fn entry(node: &Node, id: AuthorityId, set: &ValidatorSet) -> Option<DirectoryEntry> {
    let subject = Subject::Authority(id);
    let (cell, record) = record::<AuthorityRecord>(node, &subject).await?;
    let mut types = Vec::new();
    for name in node.store.types_of(&id).expect("the body store can be read") {
        types.extend(attests(node, &record, name).await);
    }
    let in_force = cell.is_in_force();
    let record = record.as_in_force(&cell);
    let run = |members: &[Validator]| {
        members.iter().filter(|member| member.authority == id).map(|member| member.name.clone()).collect()
    };
    Some(DirectoryEntry {
        key: encode(&subject.key()),
        in_force,
        supervises: record.supervises(),
        may_sponsor: record.may_sponsor,
        types,
        validators: run(&set.validators),
        observers: run(&set.observers),
        name: record.name,
        id,
    })
}

/// How the authority stands to a type that it once was accredited for; `None` if it is not its authority any more.
async fn attests(node: &Node, record: &AuthorityRecord, attestation_type: String) -> Option<DirectoryType> {
    let subject = Subject::Accreditation(attestation_type.clone());
    let (status, key) = match self::record::<AccreditationRecord>(node, &subject).await {
        Some((cell, accreditation)) if accreditation.authority == record.id => match cell.status {
            0 => (AccreditationStatus::InForce, Some(encode(&subject.key()))),
            1 => (AccreditationStatus::Suspended, Some(encode(&subject.key()))),
            _ => return None,
        },
        None if record.accredited_types.contains(&attestation_type) => (AccreditationStatus::InForce, None),
        Some(_) | None => return None,
    };
    Some(DirectoryType { attestation_type, status, key })
}

/// A page of an authority's parties; `None` if there is no such authority.
pub(crate) async fn parties_of(node: &Node, authority: &AuthorityId, after: Option<PartyId>, limit: usize) -> Option<Parties> {
    node.cell(&Subject::Authority(*authority)).await?;
    let mut ids = node.store.parties_of(authority, after.as_ref(), limit + 1).expect("the body store can be read");
    let more = ids.len() > limit;
    ids.truncate(limit);
    let mut parties = Vec::new();
    for id in &ids {
        let subject = Subject::Party(*id);
        let Some((cell, record)) = record::<PartyRecord>(node, &subject).await else { continue };
        parties.push(DirectoryParty {
            id: record.id,
            key: encode(&subject.key()),
            name: record.name,
            origin: record.origin,
            in_force: cell.is_in_force(),
            purposes: record.purposes,
        });
    }
    let next = parties.last().map(|party| party.id).filter(|_| more);
    Some(Parties { height: height(node), complete: node.is_complete(), parties, next })
}

fn height(node: &Node) -> u64 {
    node.head.tip().borrow().height
}

/// The record of a subject in this node's finalized state.
async fn record<T: BorshDeserialize>(node: &Node, subject: &Subject) -> Option<(Cell, T)> {
    let cell = node.cell(subject).await?;
    let body = node.body(&cell).await;
    Some((cell, canonical::decode(&body, MAX_RECORD_BYTES).expect("the state names records of the subject's kind")))
}
