//! Creating an identity: once, whatever happens on the way.

use std::sync::atomic::Ordering;

use ledger::cell::Subject;
use ledger::records::IdentityRecord;
use ledger::transaction::Body;
use wallet_core::Event;

use crate::city::City;

/// X053, X054: an identity is created and proven; its DID follows from keys that never left the vault.
#[tokio::test]
async fn an_identity_is_created_and_proven() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    assert_eq!(wallet.identity().unwrap(), None);
    let identity = wallet.create_identity().await.unwrap();
    assert!(identity.did.to_string().starts_with("did:yufu:test:"));
    assert_eq!(identity.as_of.unwrap().height, 42);
    let transactions = city.ledger.transactions();
    assert!(
        matches!(&transactions[0].unsigned.body, Body::CreateIdentity(i) if i.did() == identity.did && i.device == identity.device)
    );
    let devices = wallet.devices().await.unwrap();
    assert!(devices.devices.len() == 1 && devices.devices[0].this_device);
    assert_eq!(wallet.history().unwrap()[0].event, Event::IdentityCreated);
}

#[tokio::test]
async fn creating_it_again_is_the_same_identity_and_no_transaction() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    let first = wallet.create_identity().await.unwrap();
    let wallet = city.reopen(wallet);
    assert_eq!(wallet.create_identity().await.unwrap(), first);
    assert_eq!(city.ledger.transactions().len(), 1);
}

/// REL-A3: the ledger is away, the wallet dies, the answer is lost: in the end there is one identity, with the first keys.
#[tokio::test]
async fn a_wallet_that_died_on_the_way_goes_on_with_the_same_keys() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    city.ledger.set_away(true);
    assert_eq!(wallet.create_identity().await.unwrap_err().slug(), "ledger-unreachable");
    let prepared = wallet.identity().unwrap().unwrap();
    assert_eq!(prepared.as_of, None);
    let wallet = city.reopen(wallet);
    city.ledger.set_away(false);
    city.ledger.lose_answers.store(1, Ordering::SeqCst);
    assert_eq!(wallet.create_identity().await.unwrap_err().slug(), "ledger-not-final");
    let wallet = city.reopen(wallet);
    let identity = wallet.create_identity().await.unwrap();
    assert_eq!(identity.did, prepared.did);
    assert_eq!(city.ledger.transactions().len(), 1, "it was there already");
}

#[tokio::test]
async fn an_identity_that_was_ended_elsewhere_is_not_used() {
    let city = City::new().await;
    let wallet = city.create_wallet();
    wallet.create_identity().await.unwrap();
    let Body::CreateIdentity(inception) = city.ledger.transactions()[0].unsigned.body.clone() else { panic!() };
    let ended = IdentityRecord { inception: inception.clone(), devices: vec![] };
    city.ledger.put(&Subject::Identity(inception.id()), &ended, 1);
    assert_eq!(wallet.devices().await.unwrap_err().slug(), "identity-deactivated");
}
