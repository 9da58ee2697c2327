//! What the client has learned of the validators, in a file of its owner's: the next start goes on from there.
//!
//! Whoever can write the file can name the validators: it needs the same care as the genesis file. One that is missing, damaged or of
//! another ledger is passed over, and the client begins with what it was given.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ledger::TrustRoot;

use super::ChainClient;
use crate::environment::Clock;

impl ChainClient {
    /// Begins with what an earlier run kept in `path`, and keeps there what this one learns. Says so in the log when that is from so
    /// long ago that the owner should confirm it from outside the ledger ([`TrustRoot::needs_checkpoint`]).
    #[must_use]
    pub fn with_trust_file(self, path: PathBuf, clock: &Clock) -> Self {
        match std::fs::read(&path) {
            Ok(bytes) => match TrustRoot::from_bytes(self.root.genesis().clone(), &bytes) {
                Ok(root) => self.known.learn(root),
                Err(error) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(path = %path.display(), error, "the kept validators are not used");
                }
            },
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(path = %path.display(), error, "the kept validators cannot be read");
            }
        }
        let root = self.known.root();
        if root.needs_checkpoint(clock.now_ms()) {
            tracing::warn!(
                epoch = root.newest_epoch(),
                "the ledger's validators were last followed long ago: confirm the newest epoch with somebody outside of the ledger"
            );
        }
        self.with_keeper(move |root| {
            if let Err(error) = write(&path, &root.to_bytes()) {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(path = %path.display(), error, "the followed validators cannot be kept");
            }
        })
    }
}

/// All of it or what was there before.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    std::fs::write(&beside, bytes)?;
    std::fs::rename(&beside, path)
}
