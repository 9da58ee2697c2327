//! Issuance: RFC 9901 sections 4.1 and 4.2.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value};
use sha2::Sha256;

use super::disclosure::{self, ELLIPSIS, HashAlgorithm, SD, SD_ALG, is_reserved};
use super::error::SdJwtError;
use super::path::{ClaimPath, PathError, PathPart};
use super::process;
use super::{MAX_BYTES, MAX_DISCLOSURES};
use crate::jose::Jwk;
use crate::jose::jws::{self, JwsHeader};
use crate::json;
use crate::keys::{PublicKey, SecretKey};

/// Bytes of a salt: 128 bits (section 9.3).
const SALT_BYTES: usize = 16;

/// How many decoy digests are added (section 4.2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decoys {
    /// To the `_sd` of each object that has one.
    pub per_object: usize,
    /// To the end of each array that has a disclosable element, so that indices stay what they were.
    pub per_array: usize,
}

/// What to issue.
#[derive(Clone, Copy, Debug)]
pub struct Template<'a> {
    /// The header: `typ`, and how to find the issuer's key (`kid`, `x5c`). `alg` follows from the signer.
    pub header: &'a JwsHeader,
    /// All claims, plain.
    pub claims: &'a Map<String, Value>,
    /// Which of them are selectively disclosable. A path may select members or elements inside another disclosable claim.
    pub disclosable: &'a [ClaimPath],
    /// Decoy digests.
    pub decoys: Decoys,
    /// Top-level claims that must stay plain; at least [`super::PROTECTED`] is used.
    pub protected: &'static [&'static str],
}

/// Why an SD-JWT is not issued.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IssueError {
    /// A claim is called `_sd`, `...` or `_sd_alg`.
    #[error("a claim has the reserved name {0:?}")]
    ReservedName(String),
    /// A path selects nothing.
    #[error("the path {path} of a disclosable claim selects nothing")]
    Path {
        /// The path.
        path: ClaimPath,
        /// Why.
        source: PathError,
    },
    /// A claim that decides about validity must stay plain (section 9.7).
    #[error("the claim {0:?} must not be selectively disclosable")]
    Protected(&'static str),
    /// A claim that must be there, or must be of another type.
    #[error("the claim {0:?} is missing or malformed")]
    Claim(&'static str),
    /// Too many disclosures, or the result is longer than verifiers accept.
    #[error("the credential is larger than verifiers accept")]
    TooLarge,
    /// The disclosures together would not give the claims back, such as for a number that JSON text does not keep.
    #[error("a claim would not come back as it was given")]
    Altered,
    /// The result would not be accepted by our own verifier.
    #[error("the credential would be refused")]
    Refused(#[source] SdJwtError),
}

/// Issues an SD-JWT with all disclosures. `entropy` is 32 fresh random bytes, used for this SD-JWT only and then forgotten: each
/// salt and decoy is a separate output of HMAC-SHA-256 under it.
pub fn issue(template: &Template<'_>, entropy: &[u8; 32], signer: &SecretKey) -> Result<String, IssueError> {
    check_members(template.claims)?;
    let marks = marks(template)?;
    let mut blinder = Blinder { entropy, counter: 0, decoys: template.decoys, disclosures: Vec::new() };
    let mut payload = template.claims.clone();
    let root = marks.iter().map(ClaimPath::parts).collect::<Vec<_>>();
    blinder.object(&mut payload, &root);
    if !blinder.disclosures.is_empty() {
        payload.insert(SD_ALG.to_owned(), "sha-256".into());
    }
    let disclosures = blinder.disclosures;
    if disclosures.len() > MAX_DISCLOSURES {
        return Err(IssueError::TooLarge);
    }
    check_own_work(&payload, &disclosures, template)?;

    let bytes = serde_json::to_vec(&payload).expect("a JSON map is always JSON");
    let mut text = jws::sign_compact(signer, template.header, &bytes);
    text.push('~');
    for disclosure in disclosures {
        text.push_str(&disclosure);
        text.push('~');
    }
    if text.len() > MAX_BYTES { Err(IssueError::TooLarge) } else { Ok(text) }
}

/// The value of `cnf` that names the holder's key (section 4.1.2, RFC 7800 section 3.2).
pub fn holder_key_claim(key: &PublicKey) -> Value {
    let mut cnf = Map::new();
    cnf.insert("jwk".to_owned(), Jwk::from(*key).to_value());
    Value::Object(cnf)
}

/// The concrete paths of all disclosable claims, sorted, without repetition.
fn marks(template: &Template<'_>) -> Result<Vec<ClaimPath>, IssueError> {
    let mut marks = Vec::new();
    for path in template.disclosable {
        let selected = path.select(template.claims);
        marks.extend(selected.map_err(|source| IssueError::Path { path: path.clone(), source })?);
    }
    for mark in &marks {
        let Some(PathPart::Name(root)) = mark.parts().first() else { continue };
        let protected = process::PROTECTED.iter().chain(template.protected).find(|name| **name == root.as_str());
        let single_audience = root == "aud" && matches!(mark.parts(), [_, PathPart::Index(_)]);
        if let Some(name) = protected.filter(|_| !single_audience) {
            return Err(IssueError::Protected(name));
        }
    }
    marks.sort_unstable();
    marks.dedup();
    Ok(marks)
}

fn check_members(members: &Map<String, Value>) -> Result<(), IssueError> {
    members.iter().try_for_each(
        |(name, value)| {
            if is_reserved(name) { Err(IssueError::ReservedName(name.clone())) } else { check_names(value) }
        },
    )
}

fn check_names(value: &Value) -> Result<(), IssueError> {
    match value {
        Value::Object(members) => check_members(members),
        Value::Array(elements) => elements.iter().try_for_each(check_names),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// What we issue must pass our own verifier: the same limits, the same claims back.
fn check_own_work(payload: &Map<String, Value>, disclosures: &[String], template: &Template<'_>) -> Result<(), IssueError> {
    let bytes = serde_json::to_vec(payload).expect("a JSON map is always JSON");
    let payload = json::parse_object(&bytes).map_err(|error| IssueError::Refused(SdJwtError::IssuerPayload(error)))?;
    let disclosures: Vec<&str> = disclosures.iter().map(String::as_str).collect();
    let processed = process::process(payload, &disclosures, process::PROTECTED).map_err(IssueError::Refused)?;
    // No assertion: its message would show the claims.
    if &processed.claims == template.claims { Ok(()) } else { Err(IssueError::Altered) }
}

/// Replaces claims by digests.
struct Blinder<'a> {
    entropy: &'a [u8; 32],
    counter: u64,
    decoys: Decoys,
    disclosures: Vec<String>,
}

impl Blinder<'_> {
    /// A fresh pseudo-random value: HMAC-SHA-256 of a purpose and a counter that never repeats under one entropy.
    fn fresh(&mut self, purpose: &[u8]) -> [u8; 32] {
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(self.entropy).expect("HMAC takes a key of any length");
        mac.update(purpose);
        mac.update(&self.counter.to_be_bytes());
        self.counter += 1;
        mac.finalize().into_bytes().into()
    }

    fn disclose(&mut self, name: Option<&str>, value: &Value) -> String {
        let random = self.fresh(b"yufu/sd-jwt/salt/v1");
        let salt = URL_SAFE_NO_PAD.encode(random.get(..SALT_BYTES).expect("16 is less than 32"));
        let disclosure = disclosure::encode(&salt, name, value);
        let digest = HashAlgorithm::Sha256.digest(&disclosure);
        self.disclosures.push(disclosure);
        digest
    }

    /// The digest of random bytes, which nobody can tell from that of a disclosure.
    fn decoy(&mut self) -> String {
        let random = self.fresh(b"yufu/sd-jwt/decoy/v1");
        HashAlgorithm::Sha256.digest(&URL_SAFE_NO_PAD.encode(random))
    }

    /// `marks` are the rests of the disclosable paths that begin here; none is empty.
    fn value(&mut self, value: &mut Value, marks: &[&[PathPart]]) {
        match value {
            Value::Object(members) => self.object(members, marks),
            Value::Array(elements) => self.array(elements, marks),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    fn object(&mut self, members: &mut Map<String, Value>, marks: &[&[PathPart]]) {
        let mut digests = Vec::new();
        let names: Vec<String> = members.keys().cloned().collect();
        for name in names {
            let (here, below) = split(marks, &PathPart::Name(name.clone()));
            if let Some(value) = members.get_mut(&name) {
                self.value(value, &below);
            }
            if here && let Some(value) = members.remove(&name) {
                digests.push(self.disclose(Some(&name), &value));
            }
        }
        if !digests.is_empty() {
            digests.extend((0..self.decoys.per_object).map(|_| self.decoy()));
            // Sorting hides the order of the claims (section 4.2.4.1).
            digests.sort_unstable();
            members.insert(SD.to_owned(), digests.into());
        }
    }

    fn array(&mut self, elements: &mut Vec<Value>, marks: &[&[PathPart]]) {
        let mut blinded = false;
        for (index, element) in elements.iter_mut().enumerate() {
            let (here, below) = split(marks, &PathPart::Index(index));
            self.value(element, &below);
            if here {
                let digest = self.disclose(None, element);
                *element = stand_in(digest);
                blinded = true;
            }
        }
        if blinded {
            elements.extend((0..self.decoys.per_array).map(|_| stand_in(self.decoy())));
        }
    }
}

fn stand_in(digest: String) -> Value {
    let mut member = Map::new();
    member.insert(ELLIPSIS.to_owned(), digest.into());
    Value::Object(member)
}

/// Whether the child itself is marked, and the marks below it.
fn split<'m>(marks: &[&'m [PathPart]], child: &PathPart) -> (bool, Vec<&'m [PathPart]>) {
    let mut here = false;
    let mut below = Vec::new();
    for mark in marks {
        match mark.split_first() {
            Some((first, [])) if first == child => here = true,
            Some((first, rest)) if first == child => below.push(rest),
            Some(_) | None => {}
        }
    }
    (here, below)
}
