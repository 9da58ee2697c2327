//! Transactions that wait for a block: bounded in number, bytes and per sender, each id once, and taken in turns.
//!
//! Assumes that whoever inserts has checked the signature. Refuses what is expired, too much, or already here.
//! Holds no promise: a transaction is acknowledged only when a finalized block has it.
//!
//! Turns are start-time fair queueing over bytes: a transaction's turn is the turn that is being served now or, if its sender has
//! others waiting, after them. So a sender with a thousand waiting transactions delays another's first one by one at most.

use ledger::{Hash, encoded::Encoded};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};
use tokio::sync::watch;

/// How much waits at most.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Transactions in the pool.
    pub transactions: usize,
    /// Encoded bytes in the pool.
    pub bytes: usize,
    /// Transactions of one sender.
    pub per_sender: usize,
}

/// Why a transaction is not taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It can no longer be in a block.
    #[error("the transaction expired at height {expired_at}; the chain is at {height}")]
    Expired {
        /// The last height at which it was valid.
        expired_at: u64,
        /// The finalized height.
        height: u64,
    },
    /// The pool is full.
    #[error("too many transactions wait; try again in a few seconds")]
    Full,
    /// This sender has too many transactions waiting.
    #[error("too many transactions of this sender wait; wait for their receipts first")]
    SenderFull,
}

/// Who brought a transaction here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client of this node: this node sends it to the other validators until it is final.
    Local,
    /// Another validator.
    Peer,
}

/// A transaction whose signature was checked, with what the pool needs to know of it.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The transaction's id.
    pub id: [u8; 32],
    /// Whose quota it counts against.
    pub sender: [u8; 32],
    /// The last height at which it is valid.
    pub expires_at: u64,
    /// Its encoded size.
    pub bytes: usize,
    /// The transaction itself, with its bytes.
    pub transaction: Arc<Encoded>,
}

struct Entry {
    candidate: Candidate,
    origin: Origin,
    place: Place,
}

/// Where a transaction stands in the queue: its turn, then its arrival.
type Place = (u64, u64);

/// What a sender has waiting.
#[derive(Default)]
struct Waiting {
    count: usize,
    /// When the last of them will have had its turn.
    served_at: u64,
}

#[derive(Default)]
struct Pool {
    by_id: HashMap<[u8; 32], Entry>,
    by_place: BTreeMap<Place, [u8; 32]>,
    per_sender: HashMap<[u8; 32], Waiting>,
    bytes: usize,
    next_arrival: u64,
    /// The turn that is being served: that of the last transaction that left in a block.
    turn: u64,
    recent: HashSet<[u8; 32]>,
    recent_order: VecDeque<[u8; 32]>,
}

/// What a transaction counts beside its bytes: each has a receipt, whatever its size.
const TURN_OVERHEAD: u64 = 512;

/// Finalized ids that are remembered, so that a late copy does not wait here again.
const RECENT: usize = 16_384;

/// The pool, shared by RPC, gossip and the block builder.
pub struct Mempool {
    pool: Mutex<Pool>,
    limits: Limits,
    changes: watch::Sender<u64>,
    finalized_height: AtomicU64,
}

impl std::fmt::Debug for Mempool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Mempool").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Mempool {
    /// An empty pool.
    pub fn new(limits: Limits) -> Self {
        Self { pool: Mutex::default(), limits, changes: watch::Sender::new(0), finalized_height: AtomicU64::new(0) }
    }

    fn pool(&self) -> MutexGuard<'_, Pool> {
        // A panic while the lock was held leaves at worst a wrong count: the pool promises nothing.
        self.pool.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a transaction in. `Ok(false)` if it waits here already or was finalized a while ago.
    ///
    /// # Errors
    /// When it is expired or a limit is reached.
    pub fn insert(&self, candidate: Candidate, origin: Origin) -> Result<bool, Refusal> {
        let mut pool = self.pool();
        if pool.knows(&candidate.id) {
            return Ok(false);
        }
        self.room(&pool, &candidate)?;
        let place = pool.queue(&candidate);
        pool.bytes += candidate.bytes;
        pool.by_place.insert(place, candidate.id);
        pool.by_id.insert(candidate.id, Entry { candidate, origin, place });
        drop(pool);
        self.changes.send_modify(|version| *version = version.wrapping_add(1));
        Ok(true)
    }

    /// Whether there is room for it now, so that a sender whose quota is used up costs no signature check.
    ///
    /// # Errors
    /// When it is expired or a limit is reached.
    pub fn room_for(&self, candidate: &Candidate) -> Result<(), Refusal> {
        self.room(&self.pool(), candidate)
    }

    fn room(&self, pool: &Pool, candidate: &Candidate) -> Result<(), Refusal> {
        let height = self.finalized_height();
        if candidate.expires_at <= height {
            return Err(Refusal::Expired { expired_at: candidate.expires_at, height });
        }
        if pool.by_id.len() >= self.limits.transactions || pool.bytes.saturating_add(candidate.bytes) > self.limits.bytes {
            return Err(Refusal::Full);
        }
        if pool.per_sender.get(&candidate.sender).is_some_and(|waiting| waiting.count >= self.limits.per_sender) {
            return Err(Refusal::SenderFull);
        }
        Ok(())
    }

    /// Whether a transaction waits here or was finalized a while ago.
    pub fn knows(&self, id: &[u8; 32]) -> bool {
        self.pool().knows(id)
    }

    /// The places of those transactions of a block that do not wait here exactly so: a leaf covers the signature too. The others were
    /// checked before they came to wait.
    pub fn unchecked(&self, ids: &[Hash], leaves: &[Hash]) -> Vec<usize> {
        let pool = self.pool();
        let holds = |id: &Hash, leaf: &Hash| pool.by_id.get(id).is_some_and(|entry| entry.candidate.transaction.leaf() == *leaf);
        ids.iter().zip(leaves).enumerate().filter(|(_, (id, leaf))| !holds(id, leaf)).map(|(place, _)| place).collect()
    }

    /// These can never be in a block again.
    pub fn forget(&self, ids: &[[u8; 32]]) {
        let mut pool = self.pool();
        for id in ids {
            pool.remove(id);
            pool.settle(*id);
        }
    }

    /// How many wait, and their bytes.
    pub fn size(&self) -> (usize, usize) {
        let pool = self.pool();
        (pool.by_id.len(), pool.bytes)
    }

    /// Whether anything waits that is not in `included`.
    pub fn waits(&self, included: &HashSet<[u8; 32]>) -> bool {
        let pool = self.pool();
        pool.by_id.len() > included.len() || pool.by_id.keys().any(|id| !included.contains(id))
    }

    /// Tells when something new waits.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// What the block at `height` may take, by turns and then oldest first, within `count` and `bytes`, without `included`.
    pub fn select(&self, height: u64, count: usize, bytes: usize, included: &HashSet<[u8; 32]>) -> Vec<Candidate> {
        let pool = self.pool();
        let mut left = bytes;
        let mut chosen = Vec::new();
        for entry in pool.by_place.values().filter_map(|id| pool.by_id.get(id)) {
            let candidate = &entry.candidate;
            if chosen.len() >= count {
                break;
            }
            if included.contains(&candidate.id) || candidate.expires_at < height || candidate.bytes > left {
                continue;
            }
            left -= candidate.bytes;
            chosen.push(candidate.clone());
        }
        chosen
    }

    /// Up to `count` of this node's own clients' transactions, the next ones first: what it sends again.
    pub fn local(&self, count: usize) -> Vec<Arc<Encoded>> {
        let pool = self.pool();
        pool.by_place
            .values()
            .filter_map(|id| pool.by_id.get(id))
            .filter(|entry| entry.origin == Origin::Local)
            .take(count)
            .map(|entry| entry.candidate.transaction.clone())
            .collect()
    }

    /// A block is final: its transactions leave, and so do those that can no longer be in one.
    pub fn finalized<'a>(&self, height: u64, ids: impl IntoIterator<Item = &'a [u8; 32]>) {
        self.finalized_height.fetch_max(height, Ordering::Relaxed);
        let mut pool = self.pool();
        for id in ids {
            pool.serve(id);
            pool.settle(*id);
        }
        let expired: Vec<[u8; 32]> =
            pool.by_id.values().filter(|entry| entry.candidate.expires_at <= height).map(|entry| entry.candidate.id).collect();
        for id in &expired {
            pool.remove(id);
        }
    }

    /// The highest block that this node knows to be final.
    pub fn finalized_height(&self) -> u64 {
        self.finalized_height.load(Ordering::Relaxed)
    }
}

impl Pool {
    fn knows(&self, id: &[u8; 32]) -> bool {
        self.by_id.contains_key(id) || self.recent.contains(id)
    }

    /// Gives a transaction its place behind what its sender has waiting.
    fn queue(&mut self, candidate: &Candidate) -> Place {
        let waiting = self.per_sender.entry(candidate.sender).or_default();
        let turn = waiting.served_at.max(self.turn);
        let length = u64::try_from(candidate.bytes).unwrap_or(u64::MAX).saturating_add(TURN_OVERHEAD);
        waiting.count += 1;
        waiting.served_at = turn.saturating_add(length);
        let arrival = self.next_arrival;
        self.next_arrival += 1;
        (turn, arrival)
    }

    /// A transaction of this id is in a final block: its turn was served.
    fn serve(&mut self, id: &[u8; 32]) {
        if let Some(entry) = self.by_id.get(id) {
            self.turn = self.turn.max(entry.place.0);
        }
        self.remove(id);
    }

    fn settle(&mut self, id: [u8; 32]) {
        if self.recent.insert(id) {
            self.recent_order.push_back(id);
        }
        if self.recent_order.len() > RECENT
            && let Some(oldest) = self.recent_order.pop_front()
        {
            self.recent.remove(&oldest);
        }
    }

    fn remove(&mut self, id: &[u8; 32]) {
        let Some(entry) = self.by_id.remove(id) else {
            return;
        };
        self.by_place.remove(&entry.place);
        self.bytes = self.bytes.saturating_sub(entry.candidate.bytes);
        if let Some(waiting) = self.per_sender.get_mut(&entry.candidate.sender) {
            waiting.count = waiting.count.saturating_sub(1);
            if waiting.count == 0 {
                self.per_sender.remove(&entry.candidate.sender);
            }
        }
    }
}
