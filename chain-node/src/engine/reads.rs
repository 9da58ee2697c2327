//! Finalized state and blocks, with what proves them to somebody who trusts only the genesis.
//!
//! A proof is made from the current state and goes with the header of the very block that this state is of, and that
//! header's own finality certificate. A block that is final only through a descendant has none: then the next one serves.

use super::{
    Engine,
    block::Block,
    epochs::Epochs,
    kept::Kept,
    types::{Databases, Digest, Environment, Finalization, Marshal, PublicKey},
};
use crate::head::Head;
use commonware_codec::Encode as _;
use commonware_consensus::types::Height;
use commonware_cryptography::Digested;
use commonware_utils::vec::NonEmptyVec;
use futures::StreamExt as _;
use ledger::{Hash, block::Header, cell::CELL_BYTES};
use std::{
    ops::Bound,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// What the state says under a key, with everything needed to check it.
#[derive(Debug, Clone)]
pub struct ProvenValue {
    /// The header whose state root the proof is against.
    pub header: Header,
    /// Its finality certificate.
    pub certificate: Arc<[u8]>,
    /// The value, if there is one.
    pub cell: Option<[u8; CELL_BYTES]>,
    /// The inclusion or exclusion proof.
    pub proof: Vec<u8>,
}

/// Why there is no proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// No block with a certificate of its own became final within the limit.
    #[error("no block with a finality certificate is at hand; the ledger may lack a quorum")]
    NoCertificate,
}

/// How long a proof waits for a certified block.
const PROOF_LIMIT: Duration = Duration::from_secs(5);
/// How often the certificate of the current block is asked for again.
const ASK_AGAIN: Duration = Duration::from_millis(250);

/// Reads of the finalized ledger.
pub struct Reads<E: Environment> {
    clock: E,
    state: Databases<E>,
    marshal: Marshal,
    head: Arc<Head>,
    epochs: Arc<Epochs>,
    last: Mutex<Option<(u64, Arc<[u8]>)>>,
    kept: Arc<Kept>,
}

impl<E: Environment> Reads<E> {
    /// Waits until the state on disk is open, and tells `head` which block it is of. `epochs` knows the validators
    /// that may have a certificate which this node lacks.
    pub async fn open(clock: E, engine: &Engine<E>, head: Arc<Head>, epochs: Arc<Epochs>) -> Self {
        let state = engine.state.subscribe_databases().await;
        if let Some((_, block)) = engine.marshal.get_anchor().await {
            head.resume(block.inner().header().clone());
        }
        let (marshal, kept) = (engine.marshal.clone(), engine.kept.clone());
        Self { clock, state, marshal, head, epochs, last: Mutex::default(), kept }
    }

    /// Asks the other validators for the certificate of a finalized block.
    pub fn ask_for_certificate(&self, height: u64) {
        let (me, membership) = (self.epochs.me(), self.epochs.membership());
        let others: Vec<PublicKey> = membership.borrow().current.keys().into_iter().filter(|key| *key != me).collect();
        if let Ok(others) = NonEmptyVec::try_from(others) {
            self.marshal.hint_finalized(Height::new(height), others);
        }
    }

    /// The value under `key` in the finalized state, without proof: for this node's own answers.
    pub async fn cell(&self, key: &Hash) -> Option<[u8; CELL_BYTES]> {
        let state = self.state.read().await;
        let value = state.get(&Digest::from(*key)).await.expect("the state can be read");
        value.map(|bytes| (*bytes).try_into().expect("a cell has this size"))
    }

    /// The next `limit` keys and values of the finalized state after `key`, in the order of keys.
    pub async fn cells_after(&self, key: Option<&Hash>, limit: usize) -> Vec<(Hash, [u8; CELL_BYTES])> {
        let from = key.map_or(Bound::Unbounded, |key| Bound::Excluded(Digest::from(*key)));
        let state = self.state.read().await;
        let cells = state.stream_range((from, Bound::Unbounded)).take(limit).map(|entry| {
            let (key, value) = entry.expect("the state can be read");
            (key.0, (*value).try_into().expect("a cell has this size"))
        });
        cells.collect().await
    }

    /// The value under `key` with its proof, header and certificate.
    ///
    /// # Errors
    /// When no certified block is at hand within five seconds.
    pub async fn prove(&self, key: &Hash) -> Result<ProvenValue, ProofError> {
        let deadline = self.clock.current() + PROOF_LIMIT;
        let mut tip = self.head.tip();
        loop {
            if let Some((header, cell, proof)) = self.current(key).await {
                if let Some(certificate) = self.certificate(&header).await {
                    return Ok(ProvenValue { header, certificate, cell, proof });
                }
                self.ask_for_certificate(header.height);
            }
            if self.clock.current() >= deadline {
                return Err(ProofError::NoCertificate);
            }
            commonware_macros::select! {
                _ = tip.changed() => {},
                _ = self.clock.sleep(ASK_AGAIN) => {},
            }
        }
    }

    /// The proof against the current state and the header of the block that this state is of.
    pub async fn current(&self, key: &Hash) -> Option<(Header, Option<[u8; CELL_BYTES]>, Vec<u8>)> {
        let key = Digest::from(*key);
        let state = self.state.read().await;
        let header = self.head.with_state_root(&state.root().0)?;
        let value = state.get(&key).await.expect("the state can be read");
        let Some(value) = value else {
            let proof = state.exclusion_proof(&key).await.expect("a key without value can be excluded");
            return Some((header, None, proof.encode().to_vec()));
        };
        let proof = state.key_value_proof(key).await.expect("a key with a value can be proved");
        Some((header, Some((*value).try_into().expect("a cell has this size")), proof.encode().to_vec()))
    }

    /// The certificate of exactly this header, if this node has it.
    pub async fn certificate(&self, header: &Header) -> Option<Arc<[u8]>> {
        let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some((height, certificate)) = known
            && height == header.height
        {
            return Some(certificate);
        }
        let finalization: Finalization = self.marshal.get_finalization(Height::new(header.height)).await?;
        if finalization.proposal.payload.0 != header.digest() {
            return None;
        }
        let certificate: Arc<[u8]> = finalization.encode().to_vec().into();
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((header.height, certificate.clone()));
        Some(certificate)
    }

    /// The certificate kept for a height, whatever header it is for.
    pub async fn finalization(&self, height: u64) -> Option<Vec<u8>> {
        let finalization: Finalization = self.marshal.get_finalization(Height::new(height)).await?;
        Some(finalization.encode().to_vec())
    }

    /// The finalized block with this digest.
    pub async fn block_with_digest(&self, digest: &Hash) -> Option<Digested<Block>> {
        let block = self.marshal.get_block(&Digest::from(*digest)).await?;
        // Marshal also knows blocks that never became final.
        self.block(block.inner().header().height).await.filter(|finalized| finalized.inner().header().digest() == *digest)
    }

    /// The certificate of the block of this height, if the height has one of its own.
    pub async fn certificate_at(&self, height: u64) -> Option<Vec<u8>> {
        let finalization: Finalization = self.marshal.get_finalization(Height::new(height)).await?;
        Some(finalization.encode().to_vec())
    }

    /// A finalized block by height.
    pub async fn block(&self, height: u64) -> Option<Digested<Block>> {
        self.marshal.get_block(Height::new(height)).await
    }

    /// The lowest height from which every finalized block is here.
    pub fn oldest(&self) -> u64 {
        self.kept.oldest(self.head.tip().borrow().height)
    }

    /// Lets blocks and certificates below `height` go, file by file: soon, and never the last ones.
    pub fn prune(&self, height: u64) {
        self.kept.let_go_below(height);
        self.marshal.prune(Height::new(height));
    }
}
