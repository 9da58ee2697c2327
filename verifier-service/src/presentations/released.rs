//! What was released: what the account page shows, and nothing that was not disclosed.
//!
//! It is personal data: never `Debug`, never in a log, sealed wherever it is kept.

use identity::dcql::PathPart;
use identity::{Localized, UnixSeconds};
use ledger::records::{AuthorityRecord, Purpose};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::rules::Presented;

/// Everything that one login released.
#[derive(Serialize, Deserialize)]
pub struct Released {
    /// The purpose's id.
    pub purpose: String,
    /// The sentence that the citizen read: what for.
    pub purpose_text: Localized,
    /// When.
    pub released_at: UnixSeconds,
    /// Until when it may be kept.
    pub keep_until: UnixSeconds,
    /// The credentials.
    pub credentials: Vec<ReleasedCredential>,
}

/// What one credential released.
#[derive(Serialize, Deserialize)]
pub struct ReleasedCredential {
    /// The attestation type.
    pub vct: String,
    /// Who attests.
    pub authority: String,
    /// Its name.
    pub authority_name: Localized,
    /// The claims that were disclosed.
    pub claims: Vec<ReleasedClaim>,
}

/// A claim.
#[derive(Serialize, Deserialize)]
pub struct ReleasedClaim {
    /// Its path, components joined by '.'.
    pub path: String,
    /// Its value as text.
    pub value: String,
}

impl Released {
    /// Takes what was disclosed from presentations that passed every check.
    pub fn of(presented: &[Presented], authorities: &[AuthorityRecord], purpose: &Purpose, now: UnixSeconds) -> Self {
        const DAY_SECONDS: i64 = 86_400;
        let credential = |(presented, authority): (&Presented, &AuthorityRecord)| ReleasedCredential {
            vct: presented.credential.vct.clone(),
            authority: authority.id.to_string(),
            authority_name: authority.name.clone(),
            claims: claims(presented),
        };
        Self {
            purpose: purpose.id.to_string(),
            purpose_text: purpose.text.clone(),
            released_at: now,
            keep_until: now.saturating_add(i64::from(purpose.retention_days).saturating_mul(DAY_SECONDS)),
            credentials: presented.iter().zip(authorities).map(credential).collect(),
        }
    }
}

fn claims(presented: &Presented) -> Vec<ReleasedClaim> {
    let verified = &presented.credential.verified;
    let claim = |path: &identity::dcql::ClaimPath| ReleasedClaim {
        path: path.parts().iter().map(name).collect::<Vec<_>>().join("."),
        value: text(at(&verified.claims, path.parts())),
    };
    verified.disclosed.iter().map(claim).collect()
}

fn name(part: &PathPart) -> String {
    match part {
        PathPart::Name(name) => name.clone(),
        PathPart::Index(index) => index.to_string(),
        PathPart::All => "*".to_owned(),
    }
}

fn at<'v>(claims: &'v Map<String, Value>, parts: &[PathPart]) -> Option<&'v Value> {
    let (first, rest) = parts.split_first()?;
    let PathPart::Name(first) = first else { return None };
    rest.iter().try_fold(claims.get(first)?, |value, part| match part {
        PathPart::Name(name) => value.get(name),
        PathPart::Index(index) => value.get(index),
        PathPart::All => None,
    })
}

fn text(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
