//! A ledger with two final histories: more validators than the model allows signed both. Nothing in a node can decide between them.
//!
//! The node that is shown the other history writes down both certificates, stops, and does not start again while that file is in
//! its data folder. Whose signatures are under both is in the certificates: that is for the members.

use crate::durable::{self, FileError};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// How the names of proofs in a data folder begin.
const NAME: &str = "fork-at-";

/// One of the two histories.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Side {
    /// The digest of this history's block at the height, base64url.
    pub digest: String,
    /// Headers in order, Borsh bytes in base64url: of this history's block at the height or the one after it, up to the one that the
    /// certificate is for.
    pub headers: Vec<String>,
    /// The finality certificate of the last header, base64url; absent if this node has none.
    pub certificate: Option<String>,
}

/// Two histories of one ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// What was seen and who must act.
    pub what: String,
    /// The first height at which they differ, as far as this node has both.
    pub height: u64,
    /// What this node had made final.
    pub ours: Side,
    /// What it was shown afterwards.
    pub theirs: Side,
}

impl Proof {
    /// The proof, with the sentence that belongs to it.
    pub fn new(height: u64, ours: Side, theirs: Side) -> Self {
        let what = format!(
            "the ledger is forked: at height {height} this node had made block {} final, and was then shown a final history with block \
             {} there. More than a third of one epoch's validators signed both, or their keys are in wrong hands. No node can decide \
             which history holds: the members must, and bring every node onto it with `chain-node restore`",
            ours.digest, theirs.digest
        );
        Self { what, height, ours, theirs }
    }
}

/// Where proofs go.
#[derive(Debug, Clone, Default)]
pub struct Forks {
    folder: Option<PathBuf>,
    seen: Arc<Mutex<Vec<Proof>>>,
}

impl Forks {
    /// Into a file of this folder.
    pub fn in_folder(folder: &Path) -> Self {
        Self { folder: Some(folder.to_owned()), seen: Arc::default() }
    }

    /// Those that were seen since the node started.
    pub fn seen(&self) -> Vec<Proof> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps a proof; on the disk when this returns, if there is a folder. Gives the file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, proof: &Proof) -> Result<Option<PathBuf>, FileError> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(proof.clone());
        let Some(folder) = &self.folder else { return Ok(None) };
        let file = folder.join(format!("{NAME}{}.json", proof.height));
        durable::replace(&file, &serde_json::to_vec_pretty(proof).expect("a proof is texts and numbers"))?;
        Ok(Some(file))
    }
}

/// The proof that an earlier run left in a data folder: such a node does not start.
///
/// # Errors
/// When the folder cannot be read.
pub fn left_in(folder: &Path) -> Result<Option<PathBuf>, FileError> {
    let unread = |source| FileError::new(folder, "read", source);
    for entry in fs::read_dir(folder).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.starts_with(NAME) && path.extension().is_some_and(|extension| extension == "json") {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_found_again_and_says_what_was_seen() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(left_in(dir.path()).unwrap(), None);
        let side = |digest: &str| Side { digest: digest.to_owned(), headers: Vec::new(), certificate: None };
        let proof = Proof::new(7, side("one"), side("other"));
        let forks = Forks::in_folder(dir.path());
        let file = forks.keep(&proof).unwrap().unwrap();
        assert_eq!(left_in(dir.path()).unwrap(), Some(file.clone()));
        assert_eq!(serde_json::from_slice::<Proof>(&fs::read(file).unwrap()).unwrap(), proof);
        assert_eq!(forks.seen(), std::slice::from_ref(&proof));
        for part in ["height 7", "block one", "block other", "the members must"] {
            assert!(proof.what.contains(part), "{}", proof.what);
        }
        assert_eq!(Forks::default().keep(&proof).unwrap(), None);
    }
}
