//! Who asks, by the ledger: the registered party, its sponsor, the purpose, and whether everything that is asked for is allowed; or
//! somebody whom nobody vouches for.

use identity::Localized;
use identity::dcql::{ClaimPath, PathPart, Query};
use ledger::cell::Subject;
use ledger::records::{AuthorityRecord, PartyId, PartyRecord, Purpose};
use url::Url;

use super::client::Client;
use super::{Asked, RequestError, RequestObject};
use crate::chain::{self, AsOf, Chain};
use crate::error::WalletError;

/// The registered party behind a request.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredParty {
    pub(crate) record: PartyRecord,
    pub(crate) sponsor: Localized,
    pub(crate) purpose: Purpose,
    pub(crate) as_of: AsOf,
}

/// Who asks, as far as anybody vouches.
#[derive(Clone, Debug)]
pub(crate) enum Asker {
    /// A registered party: the ledger says what it may ask for.
    Registered(Box<RegisteredParty>),
    /// Nobody vouches: a name that proves nothing, and the origin that the answer goes to.
    Unverified {
        /// What it is called.
        name: Localized,
        /// The block that proved its key, for an identity on the ledger.
        as_of: Option<AsOf>,
    },
}

impl Asker {
    /// The registered party.
    pub(crate) fn registered(&self) -> Option<&RegisteredParty> {
        match self {
            Self::Registered(party) => Some(party),
            Self::Unverified { .. } => None,
        }
    }

    /// Whether a claim of a type may be asked for. Who registered no purpose is bound by none; the citizen is told that.
    pub(crate) fn may_ask(&self, vct: &str, path: &ClaimPath) -> bool {
        self.registered().is_none_or(|party| allows(&party.purpose, vct, path))
    }
}

/// Finds who asks by what was proven of it, and checks that it may ask for this.
/// What is found on the way is noted in `asked`, so that a refusal says whose request it was.
pub(super) async fn find(chain: &dyn Chain, object: &RequestObject, asked: &mut Asked) -> Result<Asker, WalletError> {
    let unregistered = || RequestError::Unregistered { claimed_name: object.client.claimed_name() };
    let client = chain::find::<PartyId>(chain, &Subject::Client(object.client_id.clone())).await?;
    let id = match (client.record, &object.client, &object.registration) {
        (Some((_, id)), ..) => id,
        // A name in a certificate is proven against the registered origin instead.
        (None, Client::Named(..), Some(registration)) => registration.party,
        (None, Client::Identity(_, as_of), None) => {
            let name = object.client.unverified_name(&object.response_uri.origin().ascii_serialization());
            asked.may_be_told(object.response_uri.clone(), object.state.clone());
            return Ok(Asker::Unverified { name, as_of: Some(*as_of) });
        }
        (None, ..) => return Err(unregistered().into()),
    };
    let registration = object.registration.as_ref().ok_or(RequestError::Claim("verifier_info"))?;
    let party = chain::find::<PartyRecord>(chain, &Subject::Party(id)).await?;
    let (cell, record) = party.record.ok_or_else(unregistered)?;
    let is_proven = match &object.client {
        Client::Named(_, name) => host_of(&record.origin).as_deref() == Some(name),
        Client::Certified(_) | Client::Identity(..) | Client::Nobody => record.client_id == object.client_id,
    };
    if !is_proven || record.id != id {
        return Err(unregistered().into());
    }
    if registration.party != id {
        return Err(RequestError::OtherParty.into());
    }
    asked.is_by(&record);
    check_address(&record, &object.response_uri)?;
    check_source(&record, asked.request_uri.as_ref())?;
    asked.may_be_told(object.response_uri.clone(), object.state.clone());
    let purpose = record.purposes.iter().find(|purpose| purpose.id == registration.purpose);
    let purpose = purpose.cloned().ok_or_else(|| RequestError::UnknownPurpose { party: record.name.clone() })?;
    asked.has_purpose(&purpose);
    check_entitlement(&record, &purpose, &object.query)?;
    let sponsor = chain::find::<AuthorityRecord>(chain, &Subject::Authority(record.sponsor)).await?;
    let as_of = client.as_of.older(party.as_of).older(sponsor.as_of);
    let (sponsor_cell, sponsor) = sponsor.record.ok_or_else(unregistered)?;
    if !cell.is_in_force() || !sponsor_cell.is_in_force() {
        return Err(RequestError::Suspended { party: record.name }.into());
    }
    Ok(Asker::Registered(Box::new(RegisteredParty { record, sponsor: sponsor.name, purpose, as_of })))
}

fn host_of(origin: &str) -> Option<String> {
    Url::parse(origin).ok()?.host_str().map(str::to_owned)
}

/// The response goes to the registered origin and nowhere else.
fn check_address(party: &PartyRecord, response_uri: &Url) -> Result<(), RequestError> {
    if is_of_origin(response_uri, &party.origin) {
        return Ok(());
    }
    let found = response_uri.origin().ascii_serialization();
    Err(RequestError::ForeignAddress { found, registered: party.origin.clone() })
}

/// A request by reference is served by the registered origin (section 15.8.2): whoever else has it got it there and passes it on.
fn check_source(party: &PartyRecord, request_uri: Option<&Url>) -> Result<(), RequestError> {
    match request_uri {
        Some(uri) if !is_of_origin(uri, &party.origin) => {
            let found = uri.origin().ascii_serialization();
            Err(RequestError::ForeignRequest { found, registered: party.origin.clone() })
        }
        Some(_) | None => Ok(()),
    }
}

fn is_of_origin(uri: &Url, registered: &str) -> bool {
    let registered = Url::parse(registered).ok().map(|url| url.origin());
    registered.is_some_and(|origin| origin.is_tuple() && origin == uri.origin())
}

/// Whether an error response may go to this address of a request that is not as it must be: it belongs to whoever signed. A ledger that does
/// not answer proves nothing.
pub(super) async fn answers_at(chain: &dyn Chain, client_id: &str, client: &Client, response_uri: &Url) -> bool {
    match client {
        Client::Identity(..) => true,
        Client::Named(_, name) => response_uri.host_str() == Some(name),
        Client::Nobody => false,
        Client::Certified(_) => {
            let Ok(found) = chain::find::<PartyId>(chain, &Subject::Client(client_id.to_owned())).await else { return false };
            let Some((_, id)) = found.record else { return false };
            let Ok(party) = chain::find::<PartyRecord>(chain, &Subject::Party(id)).await else { return false };
            party.record.is_some_and(|(_, party)| party.client_id == client_id && is_of_origin(response_uri, &party.origin))
        }
    }
}

/// Everything that the query asks for, in whatever combination, is allowed by the purpose.
fn check_entitlement(party: &PartyRecord, purpose: &Purpose, query: &Query) -> Result<(), RequestError> {
    let mut beyond = Vec::new();
    for credential in &query.credentials {
        for vct in credential.types() {
            let claims = credential.claims.as_deref().unwrap_or_default();
            if !purpose.data.iter().any(|allowed| allowed.attestation_type == vct) {
                beyond.push(vct.to_owned());
            }
            let not_allowed = claims.iter().filter(|claim| !allows(purpose, vct, &claim.path));
            beyond.extend(not_allowed.map(|claim| dotted(&claim.path)));
        }
    }
    beyond.dedup();
    if beyond.is_empty() { Ok(()) } else { Err(RequestError::OverAsking { party: party.name.clone(), claims: beyond }) }
}

/// Whether a purpose allows a claim of a type: the claim itself, or an object that contains it.
pub(crate) fn allows(purpose: &Purpose, vct: &str, path: &ClaimPath) -> bool {
    // A name with a dot in it could pass for a path.
    if path.parts().iter().any(|part| matches!(part, PathPart::Name(name) if name.contains('.'))) {
        return false;
    }
    let asked = dotted(path);
    let covers =
        |allowed: &String| asked.strip_prefix(allowed.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    let of_type = purpose.data.iter().filter(|allowed| allowed.attestation_type == vct);
    of_type.flat_map(|allowed| &allowed.claims).any(covers)
}

/// The path with its names joined by dots, up to the first array element.
pub(crate) fn dotted(path: &ClaimPath) -> String {
    let names = path.parts().iter().map_while(|part| match part {
        PathPart::Name(name) => Some(name.as_str()),
        PathPart::Index(_) | PathPart::All => None,
    });
    names.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger::records::AllowedData;

    fn purpose(claims: &[&str]) -> Purpose {
        Purpose {
            id: "login".parse().unwrap(),
            text: Localized::new("登录", "log in"),
            data: vec![AllowedData {
                attestation_type: "t".to_owned(),
                claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
            }],
            retention_days: 1,
        }
    }

    fn path(names: &[&str]) -> ClaimPath {
        ClaimPath::names(names).unwrap()
    }

    /// SEC-P7: a claim is allowed by its own name or by an object around it, of the same type, and not by a common beginning.
    #[test]
    fn a_purpose_allows_what_it_names_and_what_lies_below() {
        let purpose = purpose(&["address", "name.family"]);
        assert!(allows(&purpose, "t", &path(&["address"])));
        assert!(allows(&purpose, "t", &path(&["address", "street"])));
        assert!(allows(&purpose, "t", &path(&["name", "family"])));
        assert!(!allows(&purpose, "t", &path(&["name"])));
        assert!(!allows(&purpose, "t", &path(&["address2"])));
        assert!(!allows(&purpose, "other", &path(&["address"])));
    }

    /// SEC-P7: a name that contains a dot must not pass for a path below an allowed claim.
    #[test]
    fn a_name_with_a_dot_is_not_a_path() {
        assert!(!allows(&purpose(&["address"]), "t", &path(&["address.x"])));
        assert!(!allows(&purpose(&["address.x"]), "t", &path(&["address.x"])));
    }

    #[test]
    fn an_element_of_an_array_is_as_much_as_the_array() {
        let list: ClaimPath = serde_json::from_str(r#"["address",null,"x"]"#).unwrap();
        assert!(allows(&purpose(&["address"]), "t", &list));
        assert!(!allows(&purpose(&["address.x"]), "t", &list));
    }
}
