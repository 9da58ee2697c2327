//! What can be said of a transaction without the state: who may send its kind, and whether every field is within its bounds.
//!
//! A node asks at its door, and the state machine asks again; a client may ask before it signs. Says nothing about the signature
//! (`Transaction::verify_signature`), about time, or about what exists.

use std::collections::BTreeSet;

use identity::Localized;
use identity::canonical;

use crate::limits::{
    MAX_ALLOWED_DATA, MAX_BATCH, MAX_CID_BYTES, MAX_CLAIMS, MAX_PURPOSES, MAX_RECORD_BYTES, MAX_RETENTION_DAYS, MAX_TEXT_BYTES,
    MAX_TRANSACTION_BYTES,
};
use crate::receipt::Refusal;
use crate::records::{AllowedData, AttestationStatus, PartyRecord, Purpose, RecordId};
use crate::transaction::{Anchor, Body, NewAttestation, NewReceipt, Sender, StatusChange, Transaction};

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
        if canonical::encode(self).len() > MAX_TRANSACTION_BYTES {
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
    match (body, sender) {
        (Body::CreateIdentity(_) | Body::BreakLock { .. }, Sender::Key(_)) => true,
        (Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate, Sender::Device { .. }) => true,
        (Body::AnchorAttributes(_), Sender::Key(_) | Sender::Authority { .. }) => true,
        (
            Body::RecordAttestations(_) | Body::SetAttestationStatus(_) | Body::RegisterParty(_) | Body::SetPurposes { .. },
            Sender::Authority { .. },
        ) => true,
        (Body::RecordReceipts(_), Sender::Key(_) | Sender::Authority { .. } | Sender::Party { .. }) => true,
        (
            Body::CreateIdentity(_) | Body::BreakLock { .. },
            Sender::Device { .. } | Sender::Authority { .. } | Sender::Party { .. },
        )
        | (
            Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate,
            Sender::Key(_) | Sender::Authority { .. } | Sender::Party { .. },
        )
        | (Body::AnchorAttributes(_), Sender::Device { .. } | Sender::Party { .. })
        | (
            Body::RecordAttestations(_) | Body::SetAttestationStatus(_) | Body::RegisterParty(_) | Body::SetPurposes { .. },
            Sender::Key(_) | Sender::Device { .. } | Sender::Party { .. },
        )
        | (Body::RecordReceipts(_), Sender::Device { .. }) => false,
    }
}

fn well_formed(body: &Body) -> bool {
    match body {
        // Keys are valid by construction, and the rest of these has a fixed size.
        Body::CreateIdentity(_) | Body::AddDevice(_) | Body::RemoveDevice(_) | Body::Deactivate | Body::BreakLock { .. } => true,
        Body::AnchorAttributes(anchors) => batch(anchors, |anchor| anchor.id) && anchors.iter().all(anchor),
        Body::RecordAttestations(attestations) => batch(attestations, |new| new.id) && attestations.iter().all(attestation),
        Body::SetAttestationStatus(changes) => batch(changes, |change| change.record) && changes.iter().all(status_change),
        Body::RecordReceipts(receipts) => batch(receipts, receipt_id),
        Body::RegisterParty(record) => party(record),
        Body::SetPurposes { party: _, purposes } => all_purposes(purposes),
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

/// An issuer cannot say that the holder broke the lock.
fn status_change(change: &StatusChange) -> bool {
    match change.status {
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

/// `https://host` or `http://host`, with or without a port, as a browser writes an origin (RFC 6454 section 6.2): lower case, no
/// path. Whether plain http is good enough is for wallets to say.
fn origin(origin: &str) -> bool {
    let Some(rest) = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://")) else { return false };
    let (host, port) = match rest.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (rest, None),
    };
    let digits = |port: &str| port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0);
    let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'-');
    let in_address = |b: u8| b.is_ascii_hexdigit() || b == b':';
    let host_fits = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(address) => !address.is_empty() && address.bytes().all(in_address),
        None => !host.is_empty() && host.bytes().all(in_name),
    };
    identifier(origin) && host_fits && port.is_none_or(digits)
}
