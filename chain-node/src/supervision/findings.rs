//! Findings: what a node found wrong with its own copy of the ledger. Kept beside the bodies, so that a restart forgets none.

use super::checks::Fault;
use crate::store::{Store, StoreError};
use ledger::{Hash, canonical};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use wire::chain::Finding;

/// Findings that are kept at most.
pub const MAX_FINDINGS: usize = 1_000;
/// Context string of the hash that a finding is kept under. Local to a node.
const CONTEXT: &str = "yufu/chain-node/finding/v1";

/// The findings of one node, oldest first.
#[derive(Debug)]
pub struct Findings {
    store: Arc<Store>,
    kept: Mutex<BTreeMap<Hash, Finding>>,
}

impl Findings {
    /// Reads what earlier runs found.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn open(store: Arc<Store>) -> Result<Self, StoreError> {
        let stored = store.findings()?.into_iter();
        let kept = stored.filter_map(|(key, bytes)| Some((key, serde_json::from_slice(&bytes).ok()?))).collect();
        Ok(Self { store, kept: Mutex::new(kept) })
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<Hash, Finding>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that this subject of this height has these faults now, and no others. Logs what is new and what is over.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub fn set(&self, height: u64, subject: &str, faults: &[Fault], now_ms: u64) -> Result<(), StoreError> {
        for fault in faults {
            self.found(height, subject, *fault, now_ms)?;
        }
        let over: Vec<(Hash, Finding)> = self
            .kept()
            .iter()
            .filter(|(_, finding)| finding.height == height && finding.subject == subject && finding.cleared_ms.is_none())
            .filter(|(_, finding)| !faults.iter().any(|fault| fault.slug() == finding.what))
            .map(|(key, finding)| (*key, finding.clone()))
            .collect();
        for (key, mut finding) in over {
            tracing::warn!(height, subject, what = finding.what, "a finding is over: this node's copy is right again");
            finding.cleared_ms = Some(now_ms);
            self.keep(key, finding)?;
        }
        Ok(())
    }

    fn found(&self, height: u64, subject: &str, fault: Fault, now_ms: u64) -> Result<(), StoreError> {
        let what = fault.slug();
        let key = canonical::hash(CONTEXT, &(height, subject, what));
        let known = self.kept().get(&key).cloned();
        match known {
            Some(mut finding) if finding.cleared_ms.is_none() => {
                // Only in memory: a restart may forget when a finding was seen last, and never since when it stands.
                finding.seen_ms = now_ms;
                self.kept().insert(key, finding);
                return Ok(());
            }
            Some(_) => {}
            None if self.kept().len() >= MAX_FINDINGS => return Ok(()),
            None => {}
        }
        tracing::error!(height, subject, what, "supervision found that this node's copy of the ledger is wrong: {fault}");
        let finding = Finding {
            height,
            subject: subject.to_owned(),
            what: what.to_owned(),
            detail: fault.to_string(),
            since_ms: now_ms,
            seen_ms: now_ms,
            cleared_ms: None,
        };
        self.keep(key, finding)
    }

    fn keep(&self, key: Hash, finding: Finding) -> Result<(), StoreError> {
        let bytes = serde_json::to_vec(&finding).expect("a finding is texts and numbers");
        self.store.keep_finding(&key, &bytes)?;
        self.kept().insert(key, finding);
        Ok(())
    }

    /// Findings that still hold.
    pub fn open_count(&self) -> usize {
        self.kept().values().filter(|finding| finding.cleared_ms.is_none()).count()
    }

    /// All of them: those that still hold first, each part oldest first.
    pub fn list(&self) -> Vec<Finding> {
        let mut list: Vec<Finding> = self.kept().values().cloned().collect();
        list.sort_by_key(|finding| (finding.cleared_ms.is_some(), finding.since_ms, finding.height));
        list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_stays_over_a_restart_until_the_copy_is_right_again() {
        let store = Arc::new(Store::in_memory().unwrap());
        let findings = Findings::open(store.clone()).unwrap();
        findings.set(7, "block", &[Fault::BackDated], 1_000).unwrap();
        findings.set(7, "block", &[Fault::BackDated], 2_000).unwrap();
        let [finding] = &findings.list()[..] else { panic!("one finding: {:?}", findings.list()) };
        assert_eq!((finding.since_ms, finding.seen_ms, finding.what.as_str()), (1_000, 2_000, "back_dated"));

        let findings = Findings::open(store.clone()).unwrap();
        assert_eq!(findings.open_count(), 1);
        findings.set(8, "block", &[], 3_000).unwrap();
        assert_eq!(findings.open_count(), 1, "another block being right does not end it");
        findings.set(7, "block", &[], 4_000).unwrap();
        assert_eq!((findings.open_count(), findings.list().len()), (0, 1), "it is over, and not forgotten");
        findings.set(7, "block", &[Fault::BackDated], 5_000).unwrap();
        assert_eq!(findings.list().first().map(|finding| finding.since_ms), Some(5_000));
    }
}
