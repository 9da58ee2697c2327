//! `chain-node console-login`: answers a console's challenge where the key is kept. Asks nobody and sends nothing.
//!
//! Refuses a challenge of another ledger or of another address than the browser shows: then somebody stands in between.

use super::challenge::Challenge;
use crate::{
    genesis::{self, GenesisError},
    govern::{self, GovernError},
};
use clap::{Args, ValueEnum};
use clients::Clock;
use identity::{Algorithm, SecretKey};
use ledger::records::AuthorityId;
use std::path::PathBuf;
use url::Url;

/// Who logs in where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The console's address, as the browser shows it: type it, or copy it from there.
    #[arg(long)]
    pub at: Url,
    /// The genesis file (JSON) of the ledger.
    #[arg(long)]
    pub genesis: PathBuf,
    /// The authority that logs in.
    #[arg(long)]
    pub authority: AuthorityId,
    /// The file with its ledger key: 64 hexadecimal digits, mode 0600. It stays on this machine.
    #[arg(long)]
    pub key_file: PathBuf,
    /// What the key is for.
    #[arg(long, value_enum, default_value_t = KeyKind::Ed25519)]
    pub algorithm: KeyKind,
    /// The challenge on the login page.
    #[arg(long, allow_hyphen_values = true)]
    pub challenge: String,
}

/// An algorithm of ledger keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum KeyKind {
    /// Ed25519.
    Ed25519,
    /// ECDSA P-256.
    P256,
}

/// Why nothing was signed.
#[derive(Debug, thiserror::Error)]
pub enum LoginError {
    /// The genesis file cannot be used.
    #[error("the genesis file cannot be used")]
    Genesis(#[from] GenesisError),
    /// The key file cannot be used.
    #[error(transparent)]
    Key(#[from] GovernError),
    /// The challenge is damaged.
    #[error("the challenge is damaged or not whole; copy all of it from the login page")]
    Challenge,
    /// The challenge is for another address.
    #[error(
        "the challenge is for {theirs}, and you are at {yours}: nothing was signed. If the browser shows {yours}, the page there passes on \
         another console's challenge; tell that console's operators"
    )]
    Origin {
        /// What the challenge says.
        theirs: String,
        /// What the command was given.
        yours: String,
    },
    /// The challenge is for another ledger.
    #[error("the challenge is for another ledger than this genesis: nothing was signed; give that ledger's genesis file")]
    Ledger,
    /// The challenge is too old.
    #[error("the challenge has expired; load the login page again and sign the new one")]
    Expired,
}

/// Answers the challenge.
///
/// # Errors
/// See [`LoginError`].
pub fn run(arguments: &Arguments, clock: &Clock) -> Result<serde_json::Value, LoginError> {
    let challenge = Challenge::from_text(&arguments.challenge).map_err(|_| LoginError::Challenge)?;
    let yours = arguments.at.origin().ascii_serialization();
    if challenge.origin != yours {
        return Err(LoginError::Origin { theirs: challenge.origin, yours });
    }
    if genesis::load(&arguments.genesis)?.genesis.hash() != challenge.genesis {
        return Err(LoginError::Ledger);
    }
    let left = challenge.expires_at.saturating_sub(clock.now());
    if left <= 0 {
        return Err(LoginError::Expired);
    }
    let seed = govern::seed(&arguments.key_file)?;
    let algorithm = match arguments.algorithm {
        KeyKind::Ed25519 => Algorithm::Ed25519,
        KeyKind::P256 => Algorithm::P256,
    };
    let unusable = |_| GovernError::Content { path: arguments.key_file.clone(), expected: "a secret key of this algorithm" };
    let key = SecretKey::from_bytes(algorithm, &seed).map_err(unusable)?;
    Ok(serde_json::json!({
        "code": challenge.answer(arguments.authority, &key).to_text(),
        "at": yours,
        "node": challenge.node,
        "expires_in_seconds": left,
        "next": "paste the code into the login page that shows this challenge; it works there only, once",
    }))
}
