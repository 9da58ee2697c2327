//! Whether one credential answers one Credential Query, and with which claims.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use super::query::{AUTHORITY_KEY_IDENTIFIER, ClaimQuery, CredentialQuery};
use crate::sd_jwt::{ClaimPath, Gaps, Held, PathError};
use crate::sd_jwt_vc::FORMAT;

/// A credential as a query sees it: of a wallet with all claims, or in a presentation with those that were disclosed.
#[derive(Clone, Copy, Debug)]
pub struct Candidate<'a> {
    /// The format, such as `dc+sd-jwt`.
    pub format: &'a str,
    /// The type.
    pub vct: &'a str,
    /// The claims.
    pub claims: &'a Map<String, Value>,
    /// In a presentation: which array elements were not disclosed.
    pub gaps: Option<&'a Gaps>,
    /// In a wallet: whether the credential names a holder key. In a presentation: whether key binding was verified.
    pub holder_bound: bool,
    /// The authority key identifiers of the certificates in the credential's `x5c`.
    pub authority_key_ids: &'a [Vec<u8>],
}

impl<'a> Candidate<'a> {
    /// A credential of a wallet.
    pub fn held(held: &'a Held, authority_key_ids: &'a [Vec<u8>]) -> Self {
        Self {
            format: FORMAT,
            vct: held.claims().get("vct").and_then(Value::as_str).unwrap_or_default(),
            claims: held.claims(),
            gaps: None,
            holder_bound: held.holder_key().is_some(),
            authority_key_ids,
        }
    }

    fn select(&self, path: &ClaimPath) -> Result<Vec<ClaimPath>, PathError> {
        match self.gaps {
            None => path.select(self.claims),
            // A wallet that leaves out decoys and one that counts them name different indices; either is an answer.
            Some(gaps) => path.select_with(self.claims, gaps).or_else(|_| path.select(self.claims)),
        }
    }
}

/// Why a credential does not answer a Credential Query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another format.
    #[error("the credential is of another format")]
    Format,
    /// Another type.
    #[error("the credential is of another type")]
    Type,
    /// None of the trusted authorities stands behind the issuer.
    #[error("the issuer is under none of the trusted authorities")]
    Authority,
    /// Not bound to a key of the holder.
    #[error("the credential is not bound to a key of its holder")]
    HolderBinding,
    /// A claim is not there.
    #[error("the credential has no claim {0}")]
    Claim(ClaimPath),
    /// A claim has none of the wanted values. To be shown to the holder only: it tells something about the value.
    #[error("the claim {0} has none of the wanted values")]
    Value(ClaimPath),
}

/// One way in which a credential answers: the claim set (if there are any), and the concrete paths of its claims.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) claim_set: Option<usize>,
    pub(super) paths: Vec<ClaimPath>,
}

/// All ways in which the credential answers, the most wanted first; at least one.
pub(super) fn answers(query: &CredentialQuery, candidate: &Candidate<'_>) -> Result<Vec<Answer>, Mismatch> {
    if query.format != FORMAT || candidate.format != FORMAT {
        return Err(Mismatch::Format);
    }
    if !query.types().any(|vct| vct == candidate.vct) {
        return Err(Mismatch::Type);
    }
    if !is_trusted(query, candidate) {
        return Err(Mismatch::Authority);
    }
    if query.require_cryptographic_holder_binding && !candidate.holder_bound {
        return Err(Mismatch::HolderBinding);
    }
    let claims = query.claims.as_deref().unwrap_or_default();
    let Some(sets) = &query.claim_sets else {
        let paths = select_all(claims.iter(), candidate)?;
        return Ok(vec![Answer { claim_set: None, paths }]);
    };
    let mut found = Vec::new();
    let mut reason = None;
    for (number, set) in sets.iter().enumerate() {
        let wanted = claims.iter().filter(|claim| claim.id.as_ref().is_some_and(|id| set.contains(id)));
        match select_all(wanted, candidate) {
            Ok(paths) => found.push(Answer { claim_set: Some(number), paths }),
            Err(mismatch) => reason = reason.or(Some(mismatch)),
        }
    }
    match reason {
        Some(reason) if found.is_empty() => Err(reason),
        Some(_) | None => Ok(found),
    }
}

fn select_all<'q>(claims: impl Iterator<Item = &'q ClaimQuery>, candidate: &Candidate<'_>) -> Result<Vec<ClaimPath>, Mismatch> {
    let mut paths = Vec::new();
    for claim in claims {
        for path in select(claim, candidate)? {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

/// The claims that a Claims Query selects. Where values are wanted, the others count as not there (section 6.4.1).
fn select(query: &ClaimQuery, candidate: &Candidate<'_>) -> Result<Vec<ClaimPath>, Mismatch> {
    let mut selected = candidate.select(&query.path).map_err(|_| Mismatch::Claim(query.path.clone()))?;
    if let Some(values) = &query.values {
        selected.retain(|path| path.value(candidate.claims).is_some_and(|value| values.contains(value)));
        if selected.is_empty() {
            return Err(Mismatch::Value(query.path.clone()));
        }
    }
    Ok(selected)
}

fn is_trusted(query: &CredentialQuery, candidate: &Candidate<'_>) -> bool {
    let Some(authorities) = &query.trusted_authorities else { return true };
    let known = authorities.iter().filter(|authority| authority.kind == AUTHORITY_KEY_IDENTIFIER);
    known
        .flat_map(|authority| &authority.values)
        .any(|value| URL_SAFE_NO_PAD.decode(value).is_ok_and(|id| !id.is_empty() && candidate.authority_key_ids.contains(&id)))
}
