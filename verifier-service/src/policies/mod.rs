//! What this site asks for: purposes by their registered ids, each with the credentials and claims that it needs.
//!
//! A policy is only as good as its registration: [`Policy::allowed_by`] is asked at the start, for every login, and again
//! before anything that was presented is used (P7: a verifier that asks for more than it registered).

use identity::dcql::{ClaimPath, ClaimQuery, CredentialQuery, PathPart, Query, QueryError};
use ledger::records::{Name32, PartyRecord, Purpose};
use serde::Deserialize;

/// A purpose in the configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PurposeConfig {
    /// The purpose's id as it is registered on the ledger.
    pub id: String,
    /// What to ask for.
    pub credentials: Vec<CredentialConfig>,
}

/// A credential to ask for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CredentialConfig {
    /// Its name in the request and the answer.
    pub id: String,
    /// Its type (`vct`).
    pub vct: String,
    /// The claims: object keys joined by '.', as in the registration.
    pub claims: Vec<String>,
}

/// A purpose with its query.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The purpose's id.
    pub purpose: Name32,
    /// What is asked for (OpenID4VP 1.0 section 6).
    pub query: Query,
}

/// Why a configured purpose cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// The id is not that of a purpose.
    #[error("the purpose id '{0}' is not 1 to 32 of a-z, 0-9 and '-'")]
    Id(String),
    /// A claim's path is empty or too deep.
    #[error("the claim '{0}' is not a path of object keys joined by '.'")]
    Claim(String),
    /// The query would not be valid.
    #[error("the purpose makes no valid query: {0}")]
    Query(QueryError),
}

/// Why the registration does not allow a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRegistered {
    /// The party has no such purpose.
    #[error("the purpose '{0}' is not registered")]
    Purpose(Name32),
    /// The purpose does not allow the credential type.
    #[error("the registered purpose does not allow the type {0}")]
    Type(String),
    /// The purpose does not allow the claim.
    #[error("the registered purpose does not allow the claim {0}")]
    Claim(ClaimPath),
}

impl Policy {
    /// Makes the query of a configured purpose.
    pub fn new(config: &PurposeConfig) -> Result<Self, PolicyError> {
        let purpose = config.id.parse().map_err(|_| PolicyError::Id(config.id.clone()))?;
        let credentials: Result<Vec<_>, _> = config.credentials.iter().map(credential_query).collect();
        let query = Query { credentials: credentials?, credential_sets: None };
        query.validate().map_err(PolicyError::Query)?;
        Ok(Self { purpose, query })
    }

    /// The registered purpose, if it allows everything that this policy asks for.
    pub fn allowed_by<'p>(&self, party: &'p PartyRecord) -> Result<&'p Purpose, NotRegistered> {
        let purpose = party.purposes.iter().find(|purpose| purpose.id == self.purpose);
        let purpose = purpose.ok_or(NotRegistered::Purpose(self.purpose))?;
        for credential in &self.query.credentials {
            for vct in credential.types() {
                let allowed = allowed_claims(purpose, vct);
                if !purpose.data.iter().any(|data| data.attestation_type == vct) {
                    return Err(NotRegistered::Type(vct.to_owned()));
                }
                let mut claims = credential.claims.iter().flatten();
                if let Some(claim) = claims.find(|claim| !allowed.iter().any(|path| path.contains(&claim.path))) {
                    return Err(NotRegistered::Claim(claim.path.clone()));
                }
            }
        }
        Ok(purpose)
    }
}

/// The claim paths that a purpose allows of a type.
fn allowed_claims(purpose: &Purpose, vct: &str) -> Vec<ClaimPath> {
    let data = purpose.data.iter().filter(|data| data.attestation_type == vct);
    data.flat_map(|data| &data.claims).filter_map(|claim| path(claim)).collect()
}

fn credential_query(config: &CredentialConfig) -> Result<CredentialQuery, PolicyError> {
    let claim = |text: &String| path(text).map(ClaimQuery::new).ok_or_else(|| PolicyError::Claim(text.clone()));
    let claims: Result<Vec<_>, _> = config.claims.iter().map(claim).collect();
    Ok(CredentialQuery::sd_jwt_vc(&config.id, &[&config.vct], claims?))
}

fn path(text: &str) -> Option<ClaimPath> {
    if text.split('.').any(str::is_empty) {
        return None;
    }
    let parts: Vec<PathPart> = text.split('.').map(PathPart::from).collect();
    ClaimPath::try_from(parts).ok()
}

#[cfg(test)]
mod tests {
    use identity::Localized;
    use identity::keys::{Algorithm, SecretKey};
    use ledger::records::AllowedData;

    use super::*;

    fn policy(claims: &[&str]) -> Policy {
        let credential = CredentialConfig {
            id: "identity".into(),
            vct: "urn:yufu:vct:resident-identity:1".into(),
            claims: claims.iter().map(|c| (*c).to_owned()).collect(),
        };
        Policy::new(&PurposeConfig { id: "tax-login".into(), credentials: vec![credential] }).unwrap()
    }

    fn party(purpose: &str, vct: &str, claims: &[&str]) -> PartyRecord {
        let data = AllowedData { attestation_type: vct.into(), claims: claims.iter().map(|c| (*c).to_owned()).collect() };
        PartyRecord {
            id: "tax-portal".parse().unwrap(),
            sponsor: "tax".parse().unwrap(),
            name: Localized::new("税务", "Tax"),
            origin: "https://tax.example".into(),
            client_id: "x509_hash:x".into(),
            ledger_key: SecretKey::from_bytes(Algorithm::Ed25519, &[1; 32]).unwrap().public_key(),
            purposes: vec![Purpose {
                id: purpose.parse().unwrap(),
                text: Localized::new("登录", "Log in"),
                data: vec![data],
                retention_days: 30,
            }],
        }
    }

    const VCT: &str = "urn:yufu:vct:resident-identity:1";

    #[test]
    fn what_is_registered_is_allowed_and_so_is_what_lies_inside_it() {
        let registered = party("tax-login", VCT, &["family_name", "address"]);
        policy(&["family_name"]).allowed_by(&registered).unwrap();
        policy(&["family_name", "address.locality"]).allowed_by(&registered).unwrap();
    }

    /// SEC-P7: more than the registration allows is refused on this side too.
    #[test]
    fn another_purpose_another_type_and_another_claim_are_refused() {
        let ask = policy(&["family_name", "id_number"]);
        let refused = |party: PartyRecord| ask.allowed_by(&party).unwrap_err();
        assert!(matches!(refused(party("other", VCT, &["family_name", "id_number"])), NotRegistered::Purpose(_)));
        assert!(matches!(refused(party("tax-login", "urn:other", &["family_name", "id_number"])), NotRegistered::Type(_)));
        assert!(matches!(refused(party("tax-login", VCT, &["family_name"])), NotRegistered::Claim(_)));
        assert!(matches!(refused(party("tax-login", VCT, &["family_name", "id_number.x"])), NotRegistered::Claim(_)));
    }

    #[test]
    fn a_purpose_without_credentials_or_with_an_empty_path_is_refused() {
        let none = PurposeConfig { id: "tax-login".into(), credentials: vec![] };
        assert!(matches!(Policy::new(&none), Err(PolicyError::Query(_))));
        let credential = CredentialConfig { id: "a".into(), vct: "v".into(), claims: vec!["a..b".into()] };
        let empty = PurposeConfig { id: "tax-login".into(), credentials: vec![credential] };
        assert!(matches!(Policy::new(&empty), Err(PolicyError::Claim(_))));
    }
}
