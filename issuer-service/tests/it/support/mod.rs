//! A department in a temporary directory, a citizen with a wallet, and a clerk with a browser.

mod citizen;
mod clerk;
mod dpop;
mod ledger;
mod log;
mod wallet;
mod world;

pub(crate) use citizen::{Citizen, Declared};
pub(crate) use clerk::{Clerk, attribute, count, form, text};
pub(crate) use dpop::{Bound, DpopWallet};
pub(crate) use ledger::EXPIRY_BLOCKS;
pub(crate) use log::logged;
pub(crate) use wallet::WalletKeys;
pub(crate) use world::{Answer, CIVIL_TYPE, NOW, PASSWORD, TYPE, World, claims, database_url};

/// What a wallet makes itself.
pub(crate) mod wallet_tools {
    pub(crate) use super::dpop::code_form;
    pub(crate) use super::wallet::{ISSUER, LOCK, code, credential_request, credentials, proof};
}
