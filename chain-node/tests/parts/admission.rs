//! What a node takes from a client, and what it turns away.

use crate::{GENESIS, secret, transaction, unsigned};
use chain_node::admission::{AdmissionError, admit, screen};
use identity::keys::KeyError;
use ledger::{
    encoded::Encoded,
    limits::MAX_EXPIRY_BLOCKS,
    receipt::Refusal,
    records::RecordId,
    transaction::{Anchor, Body, Sender, Transaction},
};

#[test]
fn a_signed_transaction_of_this_ledger_is_admitted_with_its_size_and_expiry() {
    let transaction = transaction("citizen", 1);
    let candidate = admit(&GENESIS, 7, transaction.clone()).unwrap();
    assert_eq!((candidate.id, candidate.expires_at), (transaction.id().0, 100));
    assert_eq!(candidate.bytes, identity::canonical::encode(&transaction).len());
}

#[test]
fn a_transaction_of_another_ledger_is_refused() {
    assert_eq!(admit(&[1; 32], 0, transaction("citizen", 1)).unwrap_err(), AdmissionError::OtherLedger);
}

/// SEC-C1: a transaction that somebody else signed, or changed after it was signed, does not even wait.
#[test]
fn a_signature_of_another_key_or_over_other_bytes_is_refused() {
    let forged = unsigned("citizen", 1, 100).sign(&secret("thief"));
    assert_eq!(admit(&GENESIS, 0, forged).unwrap_err(), AdmissionError::Signature(KeyError::Signature));
    let good = transaction("citizen", 1);
    let changed = Transaction { unsigned: unsigned("citizen", 2, 100), ..good };
    assert_eq!(admit(&GENESIS, 0, changed).unwrap_err(), AdmissionError::Signature(KeyError::Signature));
}

/// SEC-C1: the cheap rules come first, so that whoever floods is turned away before a signature is paid for; no less is checked in the end.
#[test]
fn the_signature_is_checked_last_and_is_checked() {
    let forged = unsigned("citizen", 1, 100).sign(&secret("thief"));
    let screened = screen(&GENESIS, 0, Encoded::new(forged)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(screened.verify().unwrap_err(), AdmissionError::Signature(KeyError::Signature));
}

#[test]
fn an_expiry_too_far_ahead_is_refused() {
    let latest = unsigned("citizen", 1, 5 + MAX_EXPIRY_BLOCKS).sign(&secret("citizen"));
    assert!(admit(&GENESIS, 5, latest.clone()).is_ok());
    let refused = admit(&GENESIS, 4, latest).unwrap_err();
    assert_eq!(refused, AdmissionError::ExpiryTooFar { expires_at: 5 + MAX_EXPIRY_BLOCKS, height: 4 });
}

#[test]
fn a_transaction_over_the_limit_is_refused_before_its_signature_is_looked_at() {
    let mut unsigned = unsigned("citizen", 1, 100);
    let anchor = Anchor { id: RecordId([1; 32]), commitment: bytes([2; 32]), cid: vec![0; 64] };
    unsigned.body = Body::AnchorAttributes(vec![anchor; 1_000]);
    let refused = admit(&GENESIS, 0, unsigned.sign(&secret("thief"))).unwrap_err();
    assert!(matches!(refused, AdmissionError::TooLarge { length } if length > 65_536));
}

/// SEC-C1: what no block would apply does not wait for one: a sender that may not send this, a field outside its bounds.
#[test]
fn a_transaction_that_no_state_could_apply_is_refused_before_its_signature_is_looked_at() {
    let mut unsigned = unsigned("citizen", 1, 100);
    unsigned.body = Body::AnchorAttributes(Vec::new());
    let refused = admit(&GENESIS, 0, unsigned.clone().sign(&secret("thief"))).unwrap_err();
    assert_eq!(refused, AdmissionError::IllFormed(Refusal::Malformed));
    unsigned.body = Body::Deactivate;
    let refused = admit(&GENESIS, 0, unsigned.sign(&secret("citizen"))).unwrap_err();
    assert_eq!(refused, AdmissionError::IllFormed(Refusal::WrongSender));
}

fn bytes<T: borsh::BorshDeserialize>(bytes: [u8; 32]) -> T {
    borsh::from_slice(&bytes).unwrap()
}

/// SEC-C1: whether a key is an authority's, only the state knows; a stranger's key in its name must not use up its quota.
#[test]
fn a_quota_belongs_to_a_name_and_a_key() {
    let quota = |word: &str, name: &str| {
        let mut unsigned = unsigned(word, 1, 100);
        let anchor =
            Anchor { id: RecordId([1; 32]), commitment: bytes([2; 32]), cid: [&[1, 0x55, 0x12, 0x20][..], &[0; 32]].concat() };
        unsigned.body = Body::AnchorAttributes(vec![anchor]);
        unsigned.sender = Sender::Authority { authority: name.parse().unwrap(), key: secret(word).public_key() };
        admit(&GENESIS, 0, unsigned.sign(&secret(word))).unwrap().sender
    };
    assert_eq!(quota("first key", "tax"), quota("first key", "tax"));
    assert_ne!(quota("first key", "tax"), quota("second key", "tax"));
    assert_ne!(quota("first key", "tax"), quota("first key", "police"));
}
