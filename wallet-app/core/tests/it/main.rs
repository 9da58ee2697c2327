//! The wallet's stories through its public methods, against fakes at the edges of the network: a ledger of real records in a map,
//! a department and a website on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's own exception covers test functions and not the fakes that they share"
)]

mod attested;
mod attributes;
mod bound;
mod city;
mod consent;
mod crash;
mod damaged;
mod devices;
mod dying;
mod haip;
mod hardware;
mod hostile_issuer;
mod hostile_site;
mod identity;
mod issuance;
mod issuer;
mod later;
mod ledger;
mod look_back;
mod my_data;
mod no_face;
mod pictures;
mod provider;
mod recovery;
mod servers;
mod several;
mod sign_in;
mod site;
mod slip39;
mod statements;
mod strangers;
mod vault;
mod verifiers;
mod waits;

use base64::Engine as _;

fn base64url(bytes: &[u8]) -> String {
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
}
