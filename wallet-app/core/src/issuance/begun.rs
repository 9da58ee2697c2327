//! Offers that were begun: a department gives an offer once, and a wallet that died after its code was used goes on without it.

use std::collections::BTreeMap;

use identity::UnixSeconds;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use wire::oid4vci::CredentialOffer;

use crate::records::base64url;
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// The vault's record of all of them.
const RECORD: &str = "begun-offers";
/// Offers that are kept: one that is never finished makes room in the end.
const MAX_OFFERS: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Begun {
    at: UnixSeconds,
    offer: CredentialOffer,
}

type All = BTreeMap<String, Begun>;

fn key(link: &str) -> String {
    base64url(&Sha256::digest(link.as_bytes()))
}

impl Wallet {
    /// The offer behind a link that was begun.
    pub(super) fn begun_offer(&self, link: &str) -> Result<Option<CredentialOffer>, VaultError> {
        let mut all: All = self.vault.get(Table::Identity, RECORD)?.unwrap_or_default();
        Ok(all.remove(&key(link)).map(|begun| begun.offer))
    }

    /// Remembers it, before its code is used.
    pub(super) fn keep_offer(&self, link: &str, offer: &CredentialOffer) -> Result<(), VaultError> {
        self.vault.write(|batch| {
            let mut all: All = batch.get(Table::Identity, RECORD)?.unwrap_or_default();
            all.insert(key(link), Begun { at: self.now(), offer: offer.clone() });
            while all.len() > MAX_OFFERS {
                let oldest = all.iter().min_by_key(|(_, begun)| begun.at).map(|(key, _)| key.clone());
                oldest.and_then(|oldest| all.remove(&oldest));
            }
            batch.put(Table::Identity, RECORD, &all)
        })
    }

    /// Forgets it: everything of it was received.
    pub(super) fn forget_offer(&self, link: &str) -> Result<(), VaultError> {
        self.vault.write(|batch| {
            let mut all: All = batch.get(Table::Identity, RECORD)?.unwrap_or_default();
            match all.remove(&key(link)) {
                Some(_) => batch.put(Table::Identity, RECORD, &all),
                None => Ok(()),
            }
        })
    }
}
