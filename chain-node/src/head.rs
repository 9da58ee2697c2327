//! The finalized tip: what RPC, proofs and readiness look at.

use crate::kinds::Counts;
use ledger::{Hash, block::Header, transaction::TransactionId};
use std::{
    collections::BTreeMap,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::sync::{broadcast, watch};

/// A block that became final, as subscribers hear of it.
#[derive(Debug, Clone)]
pub struct Finalized {
    /// Its height.
    pub height: u64,
    /// Milliseconds since the Unix epoch by its leader's clock.
    pub timestamp_ms: u64,
    /// Its transactions, in order.
    pub transactions: Vec<TransactionId>,
    /// Its header.
    pub header: Header,
    /// How many of its transactions are of which kind.
    pub kinds: Counts,
}

/// Finalized blocks that a slow subscriber may lag behind.
const EVENTS: usize = 256;

/// The tip of the applied state, and the block that is being applied.
#[derive(Debug)]
pub struct Head {
    applying: Mutex<Option<Header>>,
    tip: watch::Sender<Header>,
    events: broadcast::Sender<Finalized>,
    /// When proposed blocks were first seen here, by height and digest; milliseconds since the Unix epoch.
    seen: Mutex<BTreeMap<(u64, Hash), u64>>,
    /// A proposal that was seen before the first block became final here may be from before this node started.
    live: AtomicBool,
}

/// Proposed blocks whose first sight is remembered.
const SEEN: usize = 1_024;

impl Head {
    /// Starts at the genesis block.
    pub fn new(genesis: Header) -> Self {
        Self {
            applying: Mutex::default(),
            tip: watch::Sender::new(genesis),
            events: broadcast::Sender::new(EVENTS),
            seen: Mutex::default(),
            live: AtomicBool::new(false),
        }
    }

    fn applying(&self) -> MutexGuard<'_, Option<Header>> {
        self.applying.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of this block is about to become the current state.
    pub fn will_apply(&self, header: Header) {
        *self.applying() = Some(header);
    }

    /// After a restart: the block that the state on disk is of.
    pub fn resume(&self, header: Header) {
        self.tip.send_if_modified(|tip| {
            let newer = header.height > tip.height;
            if newer {
                *tip = header;
            }
            newer
        });
    }

    /// The block is final, its state applied and its bodies on the disk.
    pub fn applied(&self, header: Header, transactions: &[Hash], kinds: Counts) {
        let event = Finalized {
            height: header.height,
            timestamp_ms: header.timestamp_ms,
            transactions: transactions.iter().copied().map(TransactionId).collect(),
            header: header.clone(),
            kinds,
        };
        self.live.store(true, Ordering::Relaxed);
        self.tip.send_replace(header);
        // Nobody may be listening.
        let _ = self.events.send(event);
    }

    /// A proposed block arrived, or was built here. Only the first sight counts.
    pub fn saw(&self, height: u64, digest: Hash, now_ms: u64) {
        if !self.live.load(Ordering::Relaxed) {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry((height, digest)).or_insert(now_ms);
        if seen.len() > SEEN {
            seen.pop_first();
        }
    }

    /// When this block was first seen as a proposal; `None` if this node heard of it only once it was final. What is not higher
    /// is forgotten.
    pub fn first_seen(&self, height: u64, digest: &Hash) -> Option<u64> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let at = seen.get(&(height, *digest)).copied();
        seen.retain(|(other, _), _| *other > height);
        at
    }

    /// The header whose state has this root: the tip's or, for a moment, that of the block being applied.
    pub fn with_state_root(&self, root: &Hash) -> Option<Header> {
        let tip = self.tip.borrow().clone();
        if tip.state_root == *root {
            return Some(tip);
        }
        self.applying().clone().filter(|header| header.state_root == *root)
    }

    /// The finalized tip and its changes.
    pub fn tip(&self) -> watch::Receiver<Header> {
        self.tip.subscribe()
    }

    /// Every finalized block from now on.
    pub fn events(&self) -> broadcast::Receiver<Finalized> {
        self.events.subscribe()
    }
}
