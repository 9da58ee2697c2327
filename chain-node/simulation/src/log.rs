//! What the honest validators were seen to finalize, and every contradiction in it, found when it happens.

use chain_node::engine::types::{Finalization, Scheme};
use commonware_codec::{Copying, Decode as _};
use commonware_cryptography::certificate::Verifier as _;
use ledger::{Hash, TrustRoot, block::Header, finality};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// How far ahead of the true time a final block's time may be, in milliseconds: validators wait with their vote until it is at most a
/// minute ahead of their own clocks, which may themselves be a minute ahead.
const MAX_AHEAD_MS: u64 = 121_000;

/// A rule that must hold whatever happens, within the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    /// I1: one block at a height, and one state.
    Agreement,
    /// I2: what a client saw final stays.
    Kept,
    /// I2: a transaction is in one block at most.
    Once,
    /// I9: the ledger goes on.
    Progress,
    /// Without a quorum nothing is final.
    Halt,
    /// A light client that trusts the genesis only believes what is final, and nothing else.
    LightClient,
    /// No honest validator cuts off another.
    Connected,
    /// Block times do not go back and are not far ahead.
    Time,
    /// No honest validator stops by itself.
    Alive,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 9] = [
        Self::Agreement,
        Self::Kept,
        Self::Once,
        Self::Progress,
        Self::Halt,
        Self::LightClient,
        Self::Connected,
        Self::Time,
        Self::Alive,
    ];

    /// What it says.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Agreement => "I1 one block and one state at a height",
            Self::Kept => "I2 what was seen final stays final",
            Self::Once => "I2 a transaction is in one block at most",
            Self::Progress => "I9 the ledger goes on",
            Self::Halt => "B5 nothing is final without a quorum",
            Self::LightClient => "B5 a light client believes what is final only",
            Self::Connected => "B4 no honest validator is cut off by another",
            Self::Time => "E3 block times do not go back and are not far ahead",
            Self::Alive => "I10 no honest validator stops by itself",
        }
    }
}

/// A final block.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Its header.
    pub header: Header,
    /// Its digest.
    pub digest: Hash,
    /// When the first validator had it, in milliseconds since the start.
    pub at_ms: u64,
    /// Who has it.
    pub by: BTreeSet<usize>,
    /// Its transactions.
    pub transactions: usize,
    /// Whose signatures its certificate has, as numbers of the epoch's sorted keys; empty while no certificate was seen.
    pub signers: BTreeSet<usize>,
}

/// Two blocks at a height, both with a quorum's certificate: whoever signed both is proven guilty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The height.
    pub height: u64,
    /// The validators (numbers of the sorted keys) whose signatures are under both.
    pub guilty: BTreeSet<usize>,
}

#[derive(Debug)]
struct Inner {
    root: TrustRoot,
    blocks: BTreeMap<u64, Vec<Seen>>,
    tips: BTreeMap<usize, u64>,
    /// Where each transaction is, and when each validator had it.
    finals: BTreeMap<Hash, (u64, BTreeMap<usize, u64>)>,
    broken: BTreeMap<Rule, String>,
    certificates: u64,
}

/// The record of one run.
#[derive(Debug)]
pub struct Log(Mutex<Inner>);

/// What a validator has just made final.
#[derive(Debug)]
pub struct Final {
    /// Its place.
    pub place: usize,
    /// The block's header.
    pub header: Header,
    /// The transactions, in order.
    pub transactions: Vec<Hash>,
    /// The certificate, if there is one of this very block.
    pub certificate: Option<std::sync::Arc<[u8]>>,
    /// Milliseconds since the start.
    pub at_ms: u64,
    /// The true time, milliseconds since the Unix epoch.
    pub now_ms: u64,
}

impl Log {
    /// Nothing was seen yet.
    pub fn new(root: TrustRoot) -> Self {
        Self(Mutex::new(Inner {
            root,
            blocks: BTreeMap::new(),
            tips: BTreeMap::new(),
            finals: BTreeMap::new(),
            broken: BTreeMap::new(),
            certificates: 0,
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An honest validator made a block final.
    pub fn record(&self, seen: Final) {
        self.inner().record(seen);
    }

    /// A rule is broken; the first time counts.
    pub fn breaks(&self, rule: Rule, what: String) {
        self.inner().broken.entry(rule).or_insert(what);
    }

    /// What is broken.
    pub fn broken(&self) -> BTreeMap<Rule, String> {
        self.inner().broken.clone()
    }

    /// Height, transaction height and time by validator of a final transaction.
    pub fn finals(&self, id: &Hash) -> Option<(u64, BTreeMap<usize, u64>)> {
        self.inner().finals.get(id).cloned()
    }

    /// The last block that a validator has.
    pub fn tip(&self, place: usize) -> u64 {
        self.inner().tips.get(&place).copied().unwrap_or(0)
    }

    /// The first block seen at every height.
    pub fn blocks(&self) -> Vec<Seen> {
        self.inner().blocks.values().filter_map(|rivals| rivals.first().cloned()).collect()
    }

    /// How many certificates the light client checked.
    pub fn certificates(&self) -> u64 {
        self.inner().certificates
    }

    /// Heights with two blocks.
    pub fn forks(&self) -> Vec<Fork> {
        let inner = self.inner();
        let rivals = inner.blocks.iter().filter(|(_, rivals)| rivals.len() > 1);
        rivals
            .map(|(height, rivals)| {
                let mut signers = rivals.iter().map(|seen| seen.signers.clone());
                let first = signers.next().unwrap_or_default();
                let guilty = signers.fold(first, |guilty, signers| guilty.intersection(&signers).copied().collect());
                Fork { height: *height, guilty }
            })
            .collect()
    }
}

impl Inner {
    fn breaks(&mut self, rule: Rule, what: String) {
        self.broken.entry(rule).or_insert(what);
    }

    fn record(&mut self, seen: Final) {
        let Final { place, header, transactions, certificate, at_ms, now_ms } = seen;
        let (height, digest) = (header.height, header.digest());
        let tip = self.tips.entry(place).or_default();
        *tip = height.max(*tip);
        for id in &transactions {
            let (at, by) = self.finals.entry(*id).or_insert_with(|| (height, BTreeMap::new()));
            let other = *at;
            by.entry(place).or_insert(at_ms);
            if other != height {
                self.breaks(Rule::Once, format!("a transaction is at heights {other} and {height}"));
            }
        }
        if header.timestamp_ms > now_ms + MAX_AHEAD_MS {
            self.breaks(Rule::Time, format!("block {height} is {} ms ahead", header.timestamp_ms - now_ms));
        }
        let before = height.checked_sub(1).and_then(|before| self.blocks.get(&before)?.first());
        if before.is_some_and(|before| before.header.timestamp_ms > header.timestamp_ms) {
            self.breaks(Rule::Time, format!("block {height} is older than its parent"));
        }
        let signers = certificate.map(|certificate| self.signers(&header, &certificate)).unwrap_or_default();
        let rivals = self.blocks.entry(height).or_default();
        if let Some(known) = rivals.iter_mut().find(|known| known.digest == digest) {
            known.by.insert(place);
            known.signers.extend(signers);
            return;
        }
        let others: Vec<usize> = rivals.iter().flat_map(|rival| rival.by.iter().copied()).collect();
        let by = BTreeSet::from([place]);
        rivals.push(Seen { header, digest, at_ms, by, transactions: transactions.len(), signers });
        if !others.is_empty() {
            self.breaks(Rule::Agreement, format!("at height {height} validator {place} has another block than {others:?}"));
        }
    }

    /// Whose signatures are under the certificate, which a light client checks here as it would anywhere.
    fn signers(&mut self, header: &Header, certificate: &[u8]) -> BTreeSet<usize> {
        let known = self.blocks.get(&header.height).and_then(|rivals| rivals.iter().find(|known| known.header == *header));
        if known.is_some_and(|known| !known.signers.is_empty()) {
            return BTreeSet::new();
        }
        self.certificates += 1;
        if let Err(error) = finality::verify_certificate(&self.root, header, certificate) {
            self.breaks(Rule::LightClient, format!("block {}: a light client refuses its certificate: {error}", header.height));
        }
        let config = Scheme::certificate_codec_config_unbounded();
        let Ok(finalization) = Finalization::decode_cfg(Copying(certificate), &config) else {
            return BTreeSet::new();
        };
        let signers: BTreeSet<usize> = finalization.certificate.signers.iter().map(usize::from).collect();
        if signers.len() < self.root.quorum() {
            self.breaks(Rule::LightClient, format!("block {} is final with {} signatures", header.height, signers.len()));
        }
        signers
    }
}
