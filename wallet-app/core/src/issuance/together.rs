//! What the credentials of one offer share (OpenID4VCI section 4.1.1): a token and the keys that it is bound to. They are begun together and
//! asked for in turn; each has keys of its own, and is stored or fails by itself.

use clients::issuer::ServerMetadata;
use serde::Serialize;
use serde::de::{DeserializeOwned, IgnoredAny};
use wire::oid4vci::PRE_AUTHORIZED_CODE_GRANT;

use super::offer::{MAX_CREDENTIALS, Target};
use super::session::{Access, NOT_GRANTED};
use super::{Credential, CredentialView, Grant, Issuance, IssuanceError, Moved, Token};
use crate::error::WalletError;
use crate::history::{self, Event, HistoryEntry};
use crate::records::Secret32;
use crate::vault::{Batch, Table, VaultError};
use crate::wallet::Wallet;
use identity::keys::SignError;

impl Wallet {
    /// An issuance with fresh keys for each of them, under one token's keys.
    pub(super) fn fresh_issuances(
        &self,
        id: &str,
        targets: &[Target],
        server: &ServerMetadata,
    ) -> Result<Vec<Issuance>, SignError> {
        let fresh = |(number, target)| self.fresh_issuance(numbered(id, number), target, server);
        let mut issuances: Vec<Issuance> = targets.iter().enumerate().map(fresh).collect::<Result<_, _>>()?;
        if let Some((first, others)) = issuances.split_first_mut() {
            for other in others {
                (other.dpop, other.attested) = (first.dpop.clone(), first.attested.clone());
            }
        }
        Ok(issuances)
    }

    /// The issuances of an offer that are under way, without those that are done; or where there are none the fresh ones, which are on
    /// the disk when this returns.
    pub(super) fn begin_offer(&self, id: &str, fresh: Vec<Issuance>) -> Result<Vec<Issuance>, VaultError> {
        self.vault.write(|batch| {
            let is_ours = |earlier: &Issuance| {
                fresh.iter().any(|one| one.issuer == earlier.issuer && one.configuration == earlier.configuration)
            };
            let mut under_way = Vec::new();
            for number in 0..MAX_CREDENTIALS {
                under_way.extend(batch.get(Table::Issuances, &numbered(id, number))?.filter(is_ours));
            }
            if !under_way.is_empty() {
                return Ok(under_way);
            }
            for issuance in &fresh {
                batch.put(Table::Issuances, &issuance.id, issuance)?;
            }
            Ok(fresh)
        })
    }

    /// The issuances under way that share this id.
    pub(super) fn issuances_of(&self, id: &str) -> Result<Vec<Issuance>, VaultError> {
        let mut under_way = Vec::new();
        for number in 0..MAX_CREDENTIALS {
            under_way.extend(self.vault.get(Table::Issuances, &numbered(id, number))?);
        }
        Ok(under_way)
    }

    /// These, and what a token response added to them.
    pub(super) fn with_siblings(&self, id: &str, mut issuances: Vec<Issuance>) -> Result<Vec<Issuance>, VaultError> {
        for one in self.issuances_of(id)? {
            // Another issuer's offer may have a code of the same text.
            let is_ours = issuances.first().is_some_and(|first| first.issuer == one.issuer);
            if is_ours && issuances.iter().all(|known| known.id != one.id) {
                issuances.push(one);
            }
        }
        Ok(issuances)
    }

    pub(super) fn keep_issuances(&self, issuances: &[Issuance]) -> Result<(), VaultError> {
        self.vault.write(|batch| issuances.iter().try_for_each(|one| batch.put(Table::Issuances, &one.id, one)))
    }

    pub(super) fn drop_issuances(&self, issuances: &[Issuance]) -> Result<(), VaultError> {
        self.vault.write(|batch| issuances.iter().try_for_each(|one| batch.remove(Table::Issuances, &one.id).map(drop)))
    }

    /// Asks for a token and keeps it for each of them. One that it is not for is over, unless it is for none of them.
    pub(super) async fn take_token(
        &self,
        access: &Access,
        issuances: &[Issuance],
        parameters: &[(&str, &str)],
    ) -> Result<(), WalletError> {
        let answer = access.session.token(parameters).await.map_err(IssuanceError::Issuer)?;
        let tokens = |one: &Issuance| self.read_tokens(&answer, &one.configuration, one.token.as_ref()).unwrap_or_default();
        let tokens: Vec<Vec<Token>> = issuances.iter().map(tokens).collect();
        if tokens.iter().all(Vec::is_empty) {
            return Err(NOT_GRANTED.into());
        }
        let now = self.now();
        self.vault.write::<_, WalletError>(|batch| {
            for (issuance, tokens) in issuances.iter().zip(&tokens) {
                let Some(token) = tokens.first().cloned() else {
                    batch.remove(Table::Issuances, &issuance.id)?;
                    history::record(batch, &not_granted(issuance, now))?;
                    continue;
                };
                // The code is used up from here on.
                let issuance = Issuance { token: Some(token), authorization: None, ..issuance.clone() };
                batch.put(Table::Issuances, &issuance.id, &issuance)?;
            }
            let more =
                issuances.iter().zip(&tokens).flat_map(|(one, tokens)| tokens.iter().skip(1).map(move |token| (one, token)));
            // Only beside the ids that the offer has already: with several credentials under one code, the rest is not asked for.
            for ((issuance, token), number) in more.zip(free_numbers(batch, issuances)?) {
                let issuance = self.sibling(issuance, number, token.clone())?;
                batch.put(Table::Issuances, &issuance.id, &issuance)?;
            }
            Ok(())
        })?;
        Ok(())
    }

    /// Another credential under the same token's keys, with keys of its own.
    fn sibling(&self, issuance: &Issuance, number: usize, token: Token) -> Result<Issuance, SignError> {
        let (id, keys) = (numbered(offer_of(issuance), number), self.fresh_keys(issuance.keys.len())?);
        Ok(Issuance { id, keys, token: Some(token), authorization: None, ..issuance.clone() })
    }

    /// Keeps a new token, for this issuance and for everything else that has the refresh token that was used for it: a server may take
    /// each of them only once (RFC 9700 section 4.14.2).
    pub(super) fn share_token(&self, issuance: &Issuance, used: &str) -> Result<(), VaultError> {
        let Some(new) = &issuance.token else { return Ok(()) };
        // Another key's token with the same text is none of ours: the issuer chooses the text.
        let renew = |issuer: &str, dpop: &Option<Secret32>, token: &mut Token| {
            let has_old = issuer == issuance.issuer && *dpop == issuance.dpop && token.refresh.as_deref() == Some(used);
            if has_old {
                *token = Token { identifier: token.identifier.take(), ..new.clone() };
            }
            has_old
        };
        let renew_grant =
            |issuer: &str, grant: Option<&mut Grant>| grant.is_some_and(|grant| renew(issuer, &grant.dpop, &mut grant.token));
        let (issuances, credentials) = (self.keys(Table::Issuances)?, self.keys(Table::Credentials)?);
        let moved = self.keys(Table::Moved)?;
        self.vault.write(|batch| {
            for id in &issuances {
                change(batch, Table::Issuances, id, |one: &mut Issuance| {
                    one.token.as_mut().is_some_and(|token| renew(&one.issuer, &one.dpop, token))
                })?;
            }
            for id in &credentials {
                change(batch, Table::Credentials, id, |one: &mut Credential| renew_grant(&one.issuer, one.grant.as_mut()))?;
            }
            for id in &moved {
                change(batch, Table::Moved, id, |one: &mut Moved| one.renew_grant(renew_grant))?;
            }
            batch.put(Table::Issuances, &issuance.id, issuance)
        })
    }

    fn keys(&self, table: Table) -> Result<Vec<String>, VaultError> {
        Ok(self.vault.entries::<IgnoredAny>(table)?.into_iter().map(|(key, _)| key).collect())
    }

    /// Goes on with issuances of one offer that have a token.
    pub(super) async fn resume_all(&self, issuances: &[Issuance]) -> Result<Vec<CredentialView>, WalletError> {
        let first = issuances.first().ok_or(IssuanceError::UnknownIssuance)?;
        let target = self.target_of(first).await?;
        let server = self.server(&target, first.server.as_deref(), PRE_AUTHORIZED_CODE_GRANT).await?;
        let access = self.access(first, server).await?;
        let targets = issuances.iter().map(|one| self.target_by(target.metadata.clone(), one));
        let targets: Vec<Target> = targets.collect::<Result<_, _>>()?;
        self.obtain_all(&access, targets, issuances).await
    }

    /// Obtains each in turn. An error of one does not keep the others from being received, and is returned at the end.
    pub(super) async fn obtain_all(
        &self,
        access: &Access,
        targets: Vec<Target>,
        issuances: &[Issuance],
    ) -> Result<Vec<CredentialView>, WalletError> {
        let mut received = Vec::new();
        let mut first_error = None;
        for issuance in issuances {
            let Some(target) = targets.iter().find(|target| target.configuration == issuance.configuration) else { continue };
            // As it is now: with the token, and with the newer one that another of them may have brought.
            let obtained = match self.vault.get::<Issuance>(Table::Issuances, &issuance.id)? {
                Some(mut current) => self.obtain(access, target, &mut current).await,
                None => Err(NOT_GRANTED.into()),
            };
            match obtained {
                Ok(credential) => received.push(credential),
                Err(error @ WalletError::Vault(_)) => return Err(error),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        first_error.map_or(Ok(received), Err)
    }
}

/// The id of an offer's issuance. The configuration's name is not in it, because ids are not sealed.
fn numbered(id: &str, number: usize) -> String {
    if number == 0 { id.to_owned() } else { format!("{id}.{number}") }
}

/// The id that the issuances of its offer share.
fn offer_of(issuance: &Issuance) -> &str {
    issuance.id.split('.').next().unwrap_or_default()
}

/// The numbers under an offer's id that no issuance has.
fn free_numbers(batch: &Batch<'_>, issuances: &[Issuance]) -> Result<Vec<usize>, VaultError> {
    let offer = issuances.first().map(offer_of).unwrap_or_default();
    let mut free = Vec::new();
    for number in 0..MAX_CREDENTIALS {
        if batch.get::<IgnoredAny>(Table::Issuances, &numbered(offer, number))?.is_none() {
            free.push(number);
        }
    }
    Ok(free)
}

fn not_granted(issuance: &Issuance, at: identity::UnixSeconds) -> HistoryEntry {
    HistoryEntry {
        origin: Some(issuance.issuer.clone()),
        attestation_type: issuance.vct.clone(),
        reason: Some(NOT_GRANTED.explain().slug.to_owned()),
        ..HistoryEntry::new(at, Event::IssuanceEnded)
    }
}

/// Writes a record that is still there, where `change` says that it changed it.
fn change<T: Serialize + DeserializeOwned>(
    batch: &mut Batch<'_>,
    table: Table,
    key: &str,
    change: impl FnOnce(&mut T) -> bool,
) -> Result<(), VaultError> {
    if let Some(mut record) = batch.get::<T>(table, key)?
        && change(&mut record)
    {
        batch.put(table, key, &record)?;
    }
    Ok(())
}
