//! Making one copy of a credential and its record on the ledger. Pure: entropy and times are arguments.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::canonical::Hash;
use identity::jose::jwk;
use identity::sd_jwt::{ClaimPath, Decoys, IssueError};
use identity::sd_jwt_vc::{self, Credential};
use identity::status_list::StatusReference;
use identity::{CommitmentKey, PublicKey, UnixSeconds};
use ledger::records::{AttestationRecord, AuthorityId, CREDENTIAL_CONTEXT, HOLDER_KEY_CONTEXT, RecordId};
use ledger::transaction::NewAttestation;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::app::Keys;

/// The claim that ties a credential to its record on the ledger.
pub const YUFU_CLAIM: &str = "yufu";

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// From when and until when what is attested now is good: from the start of the hour, so that it does not tell copies of different
/// people apart by the second, and until the end of a day, because renewals have the same end.
pub fn validity(now: UnixSeconds, days: u32) -> (UnixSeconds, UnixSeconds) {
    let from = now.div_euclid(HOUR).saturating_mul(HOUR);
    let until = from.saturating_add(i64::from(days).saturating_mul(DAY)).saturating_add(DAY - 1);
    (from, until.div_euclid(DAY).saturating_mul(DAY))
}

/// What all copies of an issuance have in common.
pub struct Dataset<'a> {
    /// The credential issuer identifier.
    pub issuer: &'a str,
    /// The department.
    pub authority: AuthorityId,
    /// The ledger.
    pub genesis: Hash,
    /// The credential's type.
    pub vct: &'a str,
    /// The claims about the citizen.
    pub claims: &'a BTreeMap<String, String>,
    /// `iat`.
    pub valid_from: UnixSeconds,
    /// `exp`.
    pub valid_until: UnixSeconds,
}

/// What one copy has of its own.
pub struct Copy {
    /// The holder's key.
    pub key: PublicKey,
    /// The record's id, random.
    pub record: RecordId,
    /// The record's hash lock.
    pub lock: [u8; 32],
    /// Where its status is.
    pub status: StatusReference,
    /// 32 fresh bytes for the commitments.
    pub commitment_entropy: [u8; 32],
    /// 32 fresh bytes for the salts.
    pub salt_entropy: [u8; 32],
}

/// Signs the copy and makes its record.
///
/// # Errors
/// [`IssueError`] when the claims cannot be a credential: a mistake in the configuration.
pub fn issue(dataset: &Dataset<'_>, copy: &Copy, keys: &Keys) -> Result<(String, NewAttestation), IssueError> {
    let commitment_key = CommitmentKey::from_entropy(copy.commitment_entropy);
    let text = |bytes: &[u8]| Value::String(URL_SAFE_NO_PAD.encode(bytes));
    let mut claims: Map<String, Value> =
        dataset.claims.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    let disclosable = dataset.claims.keys().map(|name| ClaimPath::name(name)).collect();
    let record = json!({
        "authority": dataset.authority,
        "genesis": text(&dataset.genesis),
        "record": text(&copy.record.0),
        "commitment_key": text(commitment_key.as_bytes()),
    });
    claims.insert(YUFU_CLAIM.to_owned(), record);
    let credential = Credential {
        vct: dataset.vct,
        issuer: dataset.issuer,
        chain: Some(keys.chain.clone()),
        kid: None,
        issued_at: dataset.valid_from,
        not_before: None,
        expires_at: Some(dataset.valid_until),
        holder: Some(copy.key),
        status: Some(copy.status.clone()),
        claims,
        disclosable,
        decoys: Decoys::default(),
    };
    let sd_jwt = sd_jwt_vc::issue(&credential, &copy.salt_entropy, &keys.credential)?;
    let issuer_jwt = sd_jwt.split('~').next().unwrap_or_default();
    let digest: Hash = Sha256::digest(issuer_jwt.as_bytes()).into();
    let record = AttestationRecord {
        issuer: dataset.authority,
        attestation_type: dataset.vct.to_owned(),
        credential: commitment_key.commit(CREDENTIAL_CONTEXT, &digest),
        holder_key: commitment_key.commit(HOLDER_KEY_CONTEXT, &jwk::thumbprint(&copy.key)),
        lock: copy.lock,
        valid_from: dataset.valid_from,
        valid_until: dataset.valid_until,
    };
    Ok((sd_jwt, NewAttestation { id: copy.record, record }))
}
