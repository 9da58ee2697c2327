//! Evidence of equivocation: kept on this node's disk, and brought before the ledger so that every member has it.
//!
//! Every validator that saw the offence holds the evidence, and one record is enough: they take turns by their place in the epoch's
//! set, and whoever finds it recorded is done. On a ledger without governance it is kept and logged, and nothing is sent.

use crate::{
    engine::{epochs::Epochs, types::Environment},
    node::Node,
    store::Store,
};
use commonware_codec::Encode as _;
use commonware_cryptography::ed25519::PrivateKey;
use commonware_macros::select;
use identity::{Algorithm, SecretKey, canonical};
use ledger::{
    cell::Subject,
    evidence::{Evidence, EvidenceId},
    limits::MAX_RECORD_BYTES,
    transaction::{Body, Sender, Unsigned},
};
use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// How often open cases are looked at.
const EVERY: Duration = Duration::from_secs(2);
/// How much later than the validator before it each validator sends the same evidence.
const TURN: Duration = Duration::from_secs(4);
/// How long after a sending the record is missed and the evidence sent again.
const AGAIN: Duration = Duration::from_secs(60);
/// Sendings at most: after these the case stays on this node's disk until it starts again.
const SENDINGS: u32 = 10;
/// Cases open at a time.
const CASES: usize = 1_024;
/// Blocks within which a sent transaction must be final.
const EXPIRY_BLOCKS: u64 = 1_000;

struct Case {
    evidence: Evidence,
    due: SystemTime,
    sendings: u32,
}

/// Brings evidence before the ledger.
pub struct Prosecution<E: Environment> {
    node: Arc<Node<E>>,
    signer: SecretKey,
    open: BTreeMap<EvidenceId, Case>,
}

impl<E: Environment> Prosecution<E> {
    /// Takes up what lies in the store. `key` is this node's.
    ///
    /// # Panics
    /// When the store cannot be read.
    pub fn new(node: Arc<Node<E>>, key: &PrivateKey, now: SystemTime) -> Self {
        let bytes = zeroize::Zeroizing::new(key.encode().to_vec());
        let seed = bytes.as_slice().try_into().expect("an Ed25519 key has 32 bytes");
        let signer = SecretKey::from_bytes(Algorithm::Ed25519, seed).expect("32 bytes are an Ed25519 key");
        let kept = node.store.evidence().expect("the store can be read");
        let mut prosecution = Self { node, signer, open: BTreeMap::new() };
        for (_, bytes) in kept {
            let evidence = canonical::decode(&bytes, MAX_RECORD_BYTES).expect("the store holds evidence under its id");
            prosecution.take_up(evidence, now);
        }
        prosecution
    }

    /// Runs until the engine is gone.
    ///
    /// # Panics
    /// When the store cannot be written.
    pub async fn run(mut self, clock: E, mut accusations: mpsc::Receiver<Evidence>) {
        let mut next = clock.current() + EVERY;
        loop {
            select! {
                accusation = accusations.recv() => {
                    let Some(evidence) = accusation else { return };
                    keep(&self.node.store, &evidence);
                    self.take_up(evidence, clock.current());
                },
                _ = clock.sleep_until(next) => {
                    next = clock.current() + EVERY;
                    self.pursue(clock.current()).await;
                },
            }
        }
    }

    fn take_up(&mut self, evidence: Evidence, now: SystemTime) {
        if self.node.epochs.governed() && self.open.len() < CASES {
            let due = now + TURN * turn(&self.node.epochs);
            self.open.entry(evidence.id()).or_insert(Case { evidence, due, sendings: 0 });
        }
    }

    /// Closes what is on the ledger, and sends what is due.
    async fn pursue(&mut self, now: SystemTime) {
        let ids: Vec<EvidenceId> = self.open.keys().copied().collect();
        for id in ids {
            if self.node.cell(&Subject::Evidence(id)).await.is_some() {
                self.open.remove(&id);
            } else if self.open.get(&id).is_some_and(|case| case.due <= now) {
                self.send(id, now).await;
            }
        }
    }

    async fn send(&mut self, id: EvidenceId, now: SystemTime) {
        let Some(case) = self.open.get_mut(&id) else {
            return;
        };
        case.due = now + AGAIN;
        case.sendings += 1;
        let unsigned = Unsigned {
            genesis: self.node.genesis_hash,
            sender: Sender::Key(identity::Signer::public_key(&self.signer)),
            sequence: crate::progress::milliseconds(now),
            expiry_height: self.node.mempool.finalized_height() + EXPIRY_BLOCKS,
            body: Body::RecordEvidence(case.evidence.clone()),
        };
        if case.sendings >= SENDINGS {
            self.open.remove(&id);
        }
        if let Err(error) = self.node.submit(unsigned.sign(&self.signer)).await {
            tracing::warn!(%error, "evidence of equivocation could not be sent; it is sent again later");
        }
    }
}

/// Keeps evidence on the disk.
fn keep(store: &Store, evidence: &Evidence) {
    store.put_evidence(&evidence.id().0, &canonical::encode(evidence)).expect("the store can be written");
}

/// This node's place among the validators; those that are none come last.
fn turn(epochs: &Epochs) -> u32 {
    let (me, membership) = (epochs.me(), epochs.membership());
    let current = membership.borrow().current.clone();
    let place = current.validators.iter().position(|validator| validator.key == me);
    u32::try_from(place.unwrap_or(current.validators.len())).unwrap_or(u32::MAX)
}
