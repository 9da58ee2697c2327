//! Who signed a request, by its client identifier (OpenID4VP 1.0 section 5.9.3). Every prefix has its own proof, and no proof serves
//! for another prefix: a certificate by its hash or by its name, a device of an identity on the ledger, or nobody.

use identity::did::Did;
use identity::jose::jwk::thumbprint_text;
use identity::jose::jws::{JwsAlg, Parsed, Policy, Presence};
use identity::jose::{Certificate, TrustAnchors};
use identity::{Localized, UnixSeconds};
use ledger::cell::Subject;
use ledger::records::IdentityRecord;
use serde_json::{Map, Value};

use super::RequestError;
use crate::chain::{self, AsOf, Chain};
use crate::error::WalletError;

/// HAIP section 5 asks for ES256; a certificate of the city may also hold an Ed25519 key.
const ALGS: &[JwsAlg] = &[JwsAlg::Es256, JwsAlg::EdDsa, JwsAlg::Ed25519];
const CERTIFIED: Policy = Policy { algs: ALGS, ..Policy::REQUEST_OBJECT };
const BY_DID: Policy = Policy { algs: ALGS, x5c: Presence::Refused, ..Policy::REQUEST_OBJECT };

/// What a client identifier says that it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prefix<'a> {
    /// The SHA-256 of the certificate, base64url.
    CertificateHash(&'a str),
    /// A DNS name in the certificate.
    DnsName(&'a str),
    /// A DID.
    Did(&'a str),
    /// The address of the response; nobody signs.
    RedirectUri(&'a str),
}

/// Who a request is proven to be from.
#[derive(Clone, Debug)]
pub(crate) enum Client {
    /// The holder of a certificate of the city.
    Certified(Box<Certificate>),
    /// The holder of a certificate of the city for this DNS name.
    Named(Box<Certificate>, String),
    /// A device of an identity on the ledger.
    Identity(Did, AsOf),
    /// Nobody.
    Nobody,
}

impl Client {
    /// What a certificate calls its holder.
    pub(crate) fn claimed_name(&self) -> Option<String> {
        match self {
            Self::Certified(certificate) | Self::Named(certificate, _) => {
                certificate.organization.clone().or_else(|| certificate.common_name.clone())
            }
            Self::Identity(..) | Self::Nobody => None,
        }
    }

    /// How somebody is called whom nobody vouches for.
    pub(crate) fn unverified_name(&self, origin: &str) -> Localized {
        match self {
            Self::Identity(did, _) => Localized::new(did.to_string(), did.to_string()),
            Self::Certified(_) | Self::Named(..) | Self::Nobody => Localized::new(origin, origin),
        }
    }
}

/// Reads the prefix, letter for letter.
pub(super) fn prefix(client_id: &str) -> Result<Prefix<'_>, RequestError> {
    let (prefix, rest) = client_id.split_once(':').ok_or(RequestError::ClientId("it has no known prefix"))?;
    match prefix {
        "x509_hash" => Ok(Prefix::CertificateHash(rest)),
        "x509_san_dns" => Ok(Prefix::DnsName(rest)),
        "decentralized_identifier" => Ok(Prefix::Did(rest)),
        "redirect_uri" => Ok(Prefix::RedirectUri(rest)),
        _ => Err(RequestError::ClientId("it has no known prefix")),
    }
}

/// Verifies a signed request object: its claims, and who signed.
pub(super) async fn verify(
    token: &str,
    client_id: &str,
    (anchors, now): (&TrustAnchors, UnixSeconds),
    chain: &dyn Chain,
) -> Result<(Map<String, Value>, Client), WalletError> {
    match prefix(client_id)? {
        Prefix::CertificateHash(hash) => {
            let (claims, certificate) = certified(token, anchors, now)?;
            if hash != certificate.x509_hash() {
                return Err(RequestError::ClientId("it is not the hash of the certificate").into());
            }
            Ok((claims, Client::Certified(Box::new(certificate))))
        }
        Prefix::DnsName(name) => {
            let (claims, certificate) = certified(token, anchors, now)?;
            // The very name: a wildcard certifies no client.
            if !certificate.dns_names.iter().any(|certified| certified == name) {
                return Err(RequestError::ClientId("it is not a name in the certificate").into());
            }
            Ok((claims, Client::Named(Box::new(certificate), name.to_owned())))
        }
        Prefix::Did(text) => by_did(token, text, chain).await,
        Prefix::RedirectUri(_) => Err(RequestError::ClientId("a request of this kind is never signed").into()),
    }
}

fn certified(token: &str, anchors: &TrustAnchors, now: UnixSeconds) -> Result<(Map<String, Value>, Certificate), RequestError> {
    let parsed = Parsed::parse(token, &CERTIFIED).map_err(RequestError::Signature)?;
    // A certificate outside of the city's trust gets its own sentence.
    let chain = parsed.header().x5c.clone().ok_or(RequestError::Claim("x5c"))?;
    let certificate = chain.verify(anchors, now).map_err(RequestError::Certificate)?;
    let verified = parsed.verify(&certificate.public_key).map_err(RequestError::Signature)?;
    Ok((verified.claims().map_err(RequestError::Signature)?, certificate))
}

/// The key that `kid` names is one of the identity's devices, by proof from the ledger.
async fn by_did(token: &str, text: &str, chain: &dyn Chain) -> Result<(Map<String, Value>, Client), WalletError> {
    let unknown = || RequestError::ClientId("its DID is not of this ledger");
    let did: Did = text.parse().map_err(|_| unknown())?;
    let parsed = Parsed::parse(token, &BY_DID).map_err(RequestError::Signature)?;
    let kid = parsed.header().kid.clone().ok_or(RequestError::Claim("kid"))?;
    let fragment = kid.strip_prefix(text).and_then(|rest| rest.strip_prefix('#'));
    let fragment = fragment.ok_or(RequestError::ClientId("its key is of another DID"))?;
    let found = chain::find::<IdentityRecord>(chain, &Subject::Identity(did.id)).await?;
    let (_, record) = found.record.ok_or_else(unknown)?;
    if record.inception.network != did.network {
        return Err(unknown().into());
    }
    let device = record.devices.iter().find(|device| thumbprint_text(device) == fragment);
    let device = device.ok_or(RequestError::ClientId("its key is no device of the identity now"))?;
    let verified = parsed.verify(device).map_err(RequestError::Signature)?;
    Ok((verified.claims().map_err(RequestError::Signature)?, Client::Identity(did, found.as_of)))
}
