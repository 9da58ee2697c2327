//! The genesis: what the ledger begins with, and the trust root of everybody who checks it.

use identity::canonical::{self, Hash};
use identity::did::Network;
use identity::keys::PublicKey;
use identity::{Localized, UnixSeconds};
use serde::{Deserialize, Serialize};

use crate::records::{AuthorityId, AuthorityRecord};

/// Context string of the genesis hash.
pub const CONTEXT: &str = "yufu/ledger/genesis/v1";

/// The genesis file (JSON).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Genesis {
    /// The network's name in DIDs.
    pub network: Network,
    /// The name that people read.
    pub name: Localized,
    /// When the ledger began.
    pub started_at: UnixSeconds,
    /// The validators of the first epoch.
    pub validators: Vec<Validator>,
    /// The authorities and their accreditations.
    pub authorities: Vec<AuthorityRecord>,
}

/// A validator of the first epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validator {
    /// Its name, unique.
    pub name: String,
    /// The authority that runs it.
    pub authority: AuthorityId,
    /// Its Ed25519 consensus key.
    pub key: PublicKey,
    /// Its cluster, for placement.
    pub cluster: String,
}

impl Genesis {
    /// The hash of the genesis: SHA-256 over the context and the RFC 8785 canonical JSON.
    pub fn hash(&self) -> Hash {
        let json = serde_json_canonicalizer::to_vec(self).expect("a genesis has only text, whole numbers and lists");
        canonical::hash(CONTEXT, &json)
    }
}
