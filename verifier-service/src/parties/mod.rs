//! Who this site is: its certificate and client identifier, its ledger key, and its registration on the ledger.
//!
//! A site that is not registered, or registered otherwise than it is set up, asks nobody for anything.

mod keys;
mod registration;

pub use keys::{KeyError, read_key};
pub use registration::{Mismatch, Registry, check};

use identity::jose::Chain;
use identity::keys::{Algorithm, PublicKey, SecretKey};
use ledger::records::PartyId;
use service_kit::config::{self, Loaded};

use crate::config::{Config, SetupError};

/// This site's identity.
pub struct Party {
    /// The id on the ledger.
    pub id: PartyId,
    /// The key that signs ledger transactions.
    pub ledger_key: SecretKey,
    /// The certificate and its intermediates.
    pub chain: Chain,
    /// The certificate's key.
    pub certificate_key: SecretKey,
    /// `x509_hash:…` of the certificate (OpenID4VP 1.0 section 5.9.3).
    pub client_id: String,
}

impl Party {
    /// Puts the parts together.
    ///
    /// # Errors
    /// A sentence when the key is not the certificate's.
    pub fn new(id: PartyId, ledger_key: SecretKey, chain: Chain, certificate_key: SecretKey) -> Result<Self, String> {
        let leaf = chain.unverified_leaf().map_err(|error| error.to_string())?;
        if leaf.public_key != certificate_key.public_key() {
            return Err("the key is not the one of the certificate".to_owned());
        }
        if leaf.public_key.algorithm() != Algorithm::P256 {
            return Err("the certificate's key must be P-256: wallets expect ES256".to_owned());
        }
        Ok(Self { id, ledger_key, chain, certificate_key, client_id: format!("x509_hash:{}", leaf.x509_hash()) })
    }

    /// Reads the files that the configuration names.
    pub(crate) fn load(loaded: &Loaded<Config>) -> Result<Self, SetupError> {
        let config = &loaded.value.party;
        let id = config.id.parse().map_err(|_| loaded.refuse("id", "a party's id is 1 to 32 of a-z, 0-9 and '-'"))?;
        let pem = config::read(&loaded.path(&config.certificate_file))?;
        let chain = Chain::from_pem(&pem).map_err(|error| loaded.refuse("certificate_file", error.to_string()))?;
        let ledger_key = keys::read_signing_key(&loaded.path(&config.ledger_key_file), Algorithm::Ed25519)?;
        let certificate_key = keys::read_signing_key(&loaded.path(&config.certificate_key_file), Algorithm::P256)?;
        Self::new(id, ledger_key, chain, certificate_key).map_err(|message| loaded.refuse("certificate_key_file", message).into())
    }

    /// The public half of the ledger key.
    pub fn ledger_public_key(&self) -> PublicKey {
        self.ledger_key.public_key()
    }
}
