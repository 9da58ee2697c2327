//! What can be said of a transaction without the state: who may send its kind, and whether every field is within its bounds.
//!
//! A node asks at its door, and the state machine asks again; a client may ask before it signs. Says nothing about the signature
//! (`Transaction::verify_signature`), about time, or about what exists.

use std::collections::BTreeSet;

use identity::Localized;
use identity::canonical;

use crate::limits::{
    MAX_ALLOWED_DATA, MAX_AUTHORITY_KEYS, MAX_BATCH, MAX_BATCH_ITEMS, MAX_CID_BYTES, MAX_CLAIMS, MAX_PURPOSES, MAX_RECORD_BYTES,
    MAX_RETENTION_DAYS, MAX_TEXT_BYTES, MAX_TRANSACTION_BYTES,
};
use crate::receipt::Refusal;
use crate::records::{AllowedData, AttestationStatus, AuthorityRecord, BatchKind, PartyRecord, Purpose, RecordId};
use crate::transaction::{Anchor, Body, NewAttestation, NewBatch, NewReceipt, Sender, StatusChange, Transaction};

/// How an OpenID4VP client identifier begins: the rest is the SHA-256 of a certificate, base64url (OpenID4VP 1.0 section 5.9.3).
const CLIENT_ID_PREFIX: &str = "x509_hash:";
/// The multicodecs of a blob's root: raw bytes and dag-pb.
const CID_CODECS: [u8; 2] = [0x55, 0x70];

impl Transaction {
    /// Checks size, sender's kind and every field's bounds.
    ///
    /// # Errors
    /// [`Refusal::WrongSender`] or [`Refusal::Malformed`].
    pub fn check_bounds(&self) -> Result<(), Refusal> {
        if !borsh::object_length(self).is_ok_and(|length| length <= MAX_TRANSACTION_BYTES) {
            return Err(Refusal::Malformed);
        }
        if !may_send(&self.unsigned.sender, &self.unsigned.body) {
            return Err(Refusal::WrongSender);
        }
        if well_formed(&self.unsigned.body) { Ok(()) } else { Err(Refusal::Malformed) }
    }
}

/// Which kind of sender may send which kind of transaction.
fn may_send(sender: &Sender, body: &Body) -> bool {
    let key = matches!(sender, Sender::Key(_));
    let device = matches!(sender, Sender::Device { .. });
    let authority = matches!(sender, Sender::Authority { .. });
    let party = matches!(sender, Sender::Party { .. });
    match body {
        Body::CreateIdentity(_)
        | Body::BreakLock { .. }
        | Body::Recover { .. }
        | Body::RotateRecovery { .. }
        | Body::RecordEvidence(_) => key,
        Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate => device,
        Body::AnchorAttributes(_) => key || authority,
        Body::RecordAttestations(_)
        | Body::SetAttestationStatus(_)
        | Body::RegisterParty(_)
        | Body::SetPurposes { .. }
        | Body::Propose(_)
        | Body::Vote { .. }
        | Body::Enact { .. }
        | Body::Withdraw { .. }
        | Body::Leave { .. }
        | Body::SetPartyStatus { .. }
        | Body::SetBatchItemStatus { .. } => authority,
        Body::RecordReceipts(_) => key || authority || party,
        Body::RecordBatch(batch) => match batch.kind {
            BatchKind::Receipts => key || authority || party,
            BatchKind::Attestations { .. } => authority,
        },
    }
}

fn well_formed(body: &Body) -> bool {
    match body {
        // Keys are valid by construction, and the rest of these has a fixed size.
        Body::CreateIdentity(_)
        | Body::AddDevice(_)
        | Body::RemoveDevice(_)
        | Body::Deactivate
        | Body::BreakLock { .. }
        | Body::Recover { .. }
        | Body::RotateRecovery { .. }
        | Body::Vote { .. }
        | Body::Enact { .. }
        | Body::Withdraw { .. }
        | Body::SetPartyStatus { .. }
        | Body::RecordEvidence(_) => true,
        Body::AnchorAttributes(anchors) => batch(anchors, |anchor| anchor.id) && anchors.iter().all(anchor),
        Body::RecordAttestations(attestations) => batch(attestations, |new| new.id) && attestations.iter().all(attestation),
        Body::SetAttestationStatus(changes) => batch(changes, |change| change.record) && changes.iter().all(status_change),
        Body::RecordReceipts(receipts) => batch(receipts, receipt_id),
        Body::RegisterParty(record) => party(record),
        Body::SetPurposes { party: _, purposes } => all_purposes(purposes),
        Body::Propose(change) => change.fits(),
        Body::Leave { validator } => text(validator),
        Body::RecordBatch(batch) => new_batch(batch),
        Body::SetBatchItemStatus { batch: _, changes } => batch_items(changes),
    }
}

/// 1 to [`MAX_BATCH`] entries, no id twice.
fn batch<T>(entries: &[T], id: impl Fn(&T) -> RecordId) -> bool {
    let ids: BTreeSet<RecordId> = entries.iter().map(id).collect();
    (1..=MAX_BATCH).contains(&entries.len()) && ids.len() == entries.len()
}

fn receipt_id(receipt: &NewReceipt) -> RecordId {
    receipt.id
}

/// The CID is version 1, of raw bytes or dag-pb, with a SHA-256 of 32 bytes.
fn anchor(anchor: &Anchor) -> bool {
    if anchor.cid.len() > MAX_CID_BYTES {
        return false;
    }
    match anchor.cid.as_slice() {
        [0x01, codec, 0x12, 0x20, digest @ ..] => CID_CODECS.contains(codec) && digest.len() == 32,
        _ => false,
    }
}

fn attestation(new: &NewAttestation) -> bool {
    identifier(&new.record.attestation_type) && 0 <= new.record.valid_from && new.record.valid_from < new.record.valid_until
}

fn new_batch(batch: &NewBatch) -> bool {
    let kind = match &batch.kind {
        BatchKind::Receipts => true,
        BatchKind::Attestations { attestation_type, valid_from, valid_until } => {
            identifier(attestation_type) && 0 <= *valid_from && valid_from < valid_until
        }
    };
    kind && (1..=MAX_BATCH_ITEMS).contains(&batch.count)
}

/// 1 to [`MAX_BATCH`] items, no place twice.
fn batch_items(changes: &[(u32, AttestationStatus)]) -> bool {
    let places: BTreeSet<u32> = changes.iter().map(|(place, _)| *place).collect();
    (1..=MAX_BATCH).contains(&changes.len())
        && places.len() == changes.len()
        && changes.iter().all(|(_, status)| issuers_status(*status))
}

fn status_change(change: &StatusChange) -> bool {
    issuers_status(change.status)
}

/// An issuer cannot say that the holder broke the lock.
fn issuers_status(status: AttestationStatus) -> bool {
    match status {
        AttestationStatus::Active | AttestationStatus::Suspended | AttestationStatus::Revoked | AttestationStatus::Superseded => {
            true
        }
        AttestationStatus::BrokenByHolder => false,
    }
}

fn party(record: &PartyRecord) -> bool {
    localized(&record.name)
        && origin(&record.origin)
        && client_id(&record.client_id)
        && all_purposes(&record.purposes)
        && canonical::encode(record).len() <= MAX_RECORD_BYTES
}

/// An authority in a genesis or in a proposal.
pub(crate) fn authority(authority: &AuthorityRecord) -> bool {
    let types: BTreeSet<&String> = authority.accredited_types.iter().collect();
    localized(&authority.name)
        && authority.ledger_keys.len() <= MAX_AUTHORITY_KEYS
        && authority.credential_keys.len() <= MAX_AUTHORITY_KEYS
        && authority.issuer_url.as_deref().is_none_or(identifier)
        && types.len() == authority.accredited_types.len()
        && types.iter().all(|name| identifier(name))
        && canonical::encode(authority).len() <= MAX_RECORD_BYTES
}

/// At most [`MAX_PURPOSES`], no id twice. None at all is allowed: such a party may ask for nothing.
fn all_purposes(purposes: &[Purpose]) -> bool {
    let ids: BTreeSet<_> = purposes.iter().map(|purpose| purpose.id).collect();
    purposes.len() <= MAX_PURPOSES && ids.len() == purposes.len() && purposes.iter().all(purpose)
}

fn purpose(purpose: &Purpose) -> bool {
    localized(&purpose.text)
        && (1..=MAX_ALLOWED_DATA).contains(&purpose.data.len())
        && purpose.data.iter().all(allowed_data)
        && purpose.retention_days <= MAX_RETENTION_DAYS
}

fn allowed_data(data: &AllowedData) -> bool {
    identifier(&data.attestation_type) && data.claims.len() <= MAX_CLAIMS && data.claims.iter().all(|claim| text(claim))
}

/// Both languages, each a text.
pub(crate) fn localized(localized: &Localized) -> bool {
    text(&localized.zh) && text(&localized.en)
}

/// 1 to [`MAX_TEXT_BYTES`] bytes, without control characters and without those that turn the direction of reading: people read it.
pub(crate) fn text(text: &str) -> bool {
    let deceives = |c: char| c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    (1..=MAX_TEXT_BYTES).contains(&text.len()) && !text.chars().any(deceives)
}

/// A text of visible ASCII: a type, a URL.
pub(crate) fn identifier(name: &str) -> bool {
    (1..=MAX_TEXT_BYTES).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_graphic())
}

fn client_id(id: &str) -> bool {
    let digest = id.strip_prefix(CLIENT_ID_PREFIX).and_then(|hash| data_encoding::BASE64URL_NOPAD.decode(hash.as_bytes()).ok());
    digest.is_some_and(|digest| digest.len() == 32)
}

/// `host:port`, the host a name, an IPv4 address or an IPv6 address in brackets.
pub(crate) fn address(address: &str) -> bool {
    let in_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    let host_fits = |host: &str| match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => !host.is_empty() && host.bytes().all(in_name),
    };
    identifier(address) && address.rsplit_once(':').is_some_and(|(host, digits)| host_fits(host) && port(digits))
}

/// Digits of a port that one can connect to.
fn port(digits: &str) -> bool {
    digits.bytes().all(|b| b.is_ascii_digit()) && digits.parse::<u16>().is_ok_and(|port| port > 0)
}

/// `https://host` or `http://host`, with or without a port, as a browser writes an origin (RFC 6454 section 6.2): lower case, no
/// path. Whether plain http is good enough is for wallets to say.
fn origin(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) else { return false };
    let (host, digits) = match rest.rsplit_once(':') {
        Some((host, digits)) if !digits.ends_with(']') => (host, Some(digits)),
        _ => (rest, None),
    };
    let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let in_address = |b: u8| b.is_ascii_hexdigit() || b == b':';
    let host_fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(in_address),
        None => !host.is_empty() && host.bytes().all(in_name),
    };
    identifier(origin) && host_fits && digits.is_none_or(port)
}
