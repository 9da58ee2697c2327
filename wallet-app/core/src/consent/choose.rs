//! Which credentials answer a request: in force by the ledger, newest first, each by a copy that was never shown.

use std::collections::BTreeSet;

use identity::dcql::{self, Candidate};
use identity::sd_jwt::Held;

use super::{Chosen, ClaimToShow};
use crate::error::WalletError;
use crate::issuance::Credential;
use crate::labels;
use crate::requests::{OpenedRequest, RequestError, allows, dotted};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A credential with the copy that would be shown.
struct Showable {
    credential: Credential,
    copy: usize,
    held: Held,
}

impl Wallet {
    /// Chooses what to show, and says what that reveals.
    pub(super) async fn choose(&self, request: &OpenedRequest) -> Result<(Vec<Chosen>, Vec<ClaimToShow>), WalletError> {
        let query = &request.object.query;
        let types: BTreeSet<&str> = query.credentials.iter().flat_map(|credential| credential.types()).collect();
        let missing = |not_in_force| RequestError::NoCredential {
            types: types.iter().map(|vct| (*vct).to_owned()).collect(),
            not_in_force,
        };
        let mut held_types: Vec<Credential> = self.vault.list(Table::Credentials)?;
        held_types.retain(|credential| types.contains(credential.attestation_type.as_str()));
        held_types.sort_by_key(|credential| std::cmp::Reverse(credential.received_at));
        let any = !held_types.is_empty();
        let mut options = Vec::new();
        for credential in held_types {
            options.extend(self.live_copy(credential).await?);
        }
        if options.is_empty() {
            return Err(missing(any).into());
        }
        let candidates: Vec<Candidate<'_>> = options.iter().map(|option| Candidate::held(&option.held, &[])).collect();
        let evaluation = dcql::evaluate(query, &candidates);
        let choices = evaluation.choose(&[]).map_err(|_| missing(false))?;
        let (mut chosen, mut claims) = (Vec::new(), Vec::new());
        for choice in choices {
            let option = options.get(choice.chosen.candidate).ok_or_else(|| missing(false))?;
            claims.extend(revealed(request, option, &choice.chosen.disclose)?);
            chosen.push(Chosen {
                query_id: choice.query.id.clone(),
                credential: option.credential.clone(),
                copy: option.copy,
                paths: choice.chosen.disclose,
            });
        }
        Ok((chosen, claims))
    }

    /// The next copy of a credential that the ledger says is in force; `None` when there is none.
    async fn live_copy(&self, mut credential: Credential) -> Result<Option<Showable>, WalletError> {
        for _ in 0..credential.copies.len() {
            let Some(copy) = credential.next_copy(self.now()) else { return Ok(None) };
            credential = self.refresh_copies(&credential, &[copy]).await?;
            let current = credential.copies.get(copy).ok_or(VaultError::Tampered("credentials"))?;
            if current.is_live(self.now()) {
                let held = current.open()?;
                return Ok(Some(Showable { credential, copy, held }));
            }
        }
        Ok(None)
    }
}

/// What the disclosures for these paths reveal: never more than the purpose allows, even where the credential's own structure
/// would (SEC-P7).
fn revealed(request: &OpenedRequest, option: &Showable, paths: &[dcql::ClaimPath]) -> Result<Vec<ClaimToShow>, WalletError> {
    let vct = &option.credential.attestation_type;
    let all = option.held.revealed(paths).map_err(|_| VaultError::Tampered("credentials"))?;
    let mut claims = Vec::new();
    let mut beyond = Vec::new();
    for path in all {
        let name = dotted(path);
        if !allows(&request.party.purpose, vct, path) {
            beyond.push(name.clone());
        }
        let value = path.value(option.held.claims()).map(crate::issuance::value_text).unwrap_or_default();
        claims.push(ClaimToShow {
            attestation_type: vct.clone(),
            type_name: labels::attestation_type(vct),
            label: labels::claim(&name),
            name,
            value: labels::printable(&value, 400),
        });
    }
    claims.sort_by_key(|claim| labels::rank(&claim.name));
    if beyond.is_empty() {
        return Ok(claims);
    }
    Err(RequestError::OverAsking { party: request.party.record.name.clone(), claims: beyond }.into())
}
