//! What the honest validators were seen to finalize, and every contradiction in it, found when it happens.

use chain_node::engine::{
    epochs::Boundary,
    types::{Finalization, Scheme},
};
use commonware_codec::{Copying, Decode as _};
use commonware_cryptography::certificate::Verifier as _;
use ledger::{Hash, TrustRoot, block::Header, canonical, finality, proof, quorum::quorum, trust::TrustError};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    /// An epoch has one set of validators, and it is the one that was decided.
    Members,
    /// Who contradicted itself and was seen to stands on the ledger, and nobody else does.
    Evidence,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 11] = [
        Self::Agreement,
        Self::Kept,
        Self::Once,
        Self::Progress,
        Self::Halt,
        Self::LightClient,
        Self::Connected,
        Self::Time,
        Self::Alive,
        Self::Members,
        Self::Evidence,
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
            Self::Members => "C5 an epoch has one set of members, the one decided",
            Self::Evidence => "B2 who was seen to vote twice is on the ledger",
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
    /// Whose signatures its certificate has; empty while none was checked.
    pub signers: BTreeSet<[u8; 32]>,
}

/// Two blocks at a height, both with a quorum's certificate: whoever signed both is proven guilty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fork {
    /// The height.
    pub height: u64,
    /// The consensus keys whose signatures are under both.
    pub guilty: BTreeSet<[u8; 32]>,
}

#[derive(Debug)]
struct Inner {
    root: TrustRoot,
    /// Certificates of epochs whose validators nobody has proved yet.
    unchecked: Vec<(Header, Arc<[u8]>)>,
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
    pub certificate: Option<Arc<[u8]>>,
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
            unchecked: Vec::new(),
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

    /// The newest epoch whose validators the light client knows.
    pub fn newest_epoch(&self) -> u64 {
        self.inner().root.newest_epoch()
    }

    /// Lets the light client learn the validators of the next epoch as a validator proves them. Gives whether it did.
    pub fn follow(&self, place: usize, boundary: &Boundary, certificate: &[u8]) -> bool {
        let mut inner = self.inner();
        let followed = follow(&mut inner.root, boundary, certificate);
        if let Err(error) = followed {
            let rule = if matches!(error, TrustError::Fork(_)) { Rule::Members } else { Rule::LightClient };
            let epoch = boundary.introduces();
            inner.breaks(rule, format!("a light client refuses what validator {place} proves of epoch {epoch}: {error}"));
            return false;
        }
        for (header, certificate) in std::mem::take(&mut inner.unchecked) {
            inner.check_late(header, certificate);
        }
        true
    }

    /// The keys of an epoch's validators, if the light client knows them.
    pub fn committee(&self, epoch: u64) -> Option<Vec<[u8; 32]>> {
        self.inner().root.committee(epoch).map(|committee| committee.keys.to_vec())
    }

    /// The last known epoch of which this key is a validator's.
    pub fn last_term_of(&self, key: &[u8; 32]) -> Option<u64> {
        let inner = self.inner();
        let serves = |epoch: &u64| inner.root.committee(*epoch).is_some_and(|committee| committee.keys.contains(key));
        inner.root.known_epochs().filter(serves).last()
    }

    /// Epoch and view of the newest block.
    pub fn newest_round(&self) -> Option<(u64, u64)> {
        let inner = self.inner();
        let (_, rivals) = inner.blocks.last_key_value()?;
        rivals.first().map(|newest| (newest.header.context.epoch, newest.header.context.view))
    }

    /// Heights of blocks whose certificates nobody could check.
    pub fn unchecked(&self) -> Vec<u64> {
        self.inner().unchecked.iter().map(|(header, _)| header.height).collect()
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
        self.check_epoch(&header);
        let signers = certificate.map(|certificate| self.signers(&header, certificate)).unwrap_or_default();
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

    fn check_epoch(&mut self, header: &Header) {
        let governance = self.root.genesis().governance.as_ref();
        let expected = governance.map_or(0, |governance| governance.epoch_of(header.height));
        if header.context.epoch != expected {
            self.breaks(Rule::Members, format!("block {} is of epoch {}, not {expected}", header.height, header.context.epoch));
        }
    }

    /// Whose signatures are under the certificate, which a light client checks here as it would anywhere.
    fn signers(&mut self, header: &Header, certificate: Arc<[u8]>) -> BTreeSet<[u8; 32]> {
        let known = self.blocks.get(&header.height).and_then(|rivals| rivals.iter().find(|known| known.header == *header));
        if known.is_some_and(|known| !known.signers.is_empty()) {
            return BTreeSet::new();
        }
        let Some(committee) = self.root.committee(header.context.epoch) else {
            if self.unchecked.iter().all(|(waiting, _)| waiting != header) {
                self.unchecked.push((header.clone(), certificate));
            }
            return BTreeSet::new();
        };
        let (keys, quorum) = (committee.keys.to_vec(), quorum(committee.keys.len()));
        self.certificates += 1;
        if let Err(error) = finality::verify_certificate(&self.root, header, &certificate) {
            self.breaks(Rule::LightClient, format!("block {}: a light client refuses its certificate: {error}", header.height));
        }
        let config = Scheme::certificate_codec_config_unbounded();
        let Ok(finalization) = Finalization::decode_cfg(Copying(&certificate), &config) else {
            return BTreeSet::new();
        };
        let numbers = finalization.certificate.signers.iter().map(usize::from);
        let signers: BTreeSet<[u8; 32]> = numbers.filter_map(|number| keys.get(number).copied()).collect();
        if signers.len() < quorum {
            self.breaks(Rule::LightClient, format!("block {} is final with {} signatures", header.height, signers.len()));
        }
        signers
    }

    /// Checks a certificate that came before its epoch's validators were proved.
    fn check_late(&mut self, header: Header, certificate: Arc<[u8]>) {
        let signers = self.signers(&header, certificate);
        let rivals = self.blocks.get_mut(&header.height);
        if let Some(known) = rivals.and_then(|rivals| rivals.iter_mut().find(|known| known.header == header)) {
            known.signers.extend(signers);
        }
    }
}

/// Lets a light client learn the validators of an epoch.
///
/// # Errors
/// When they are not proved.
pub fn follow(root: &mut TrustRoot, boundary: &Boundary, certificate: &[u8]) -> Result<u64, TrustError> {
    root.follow(&proof::Answer {
        header: &canonical::encode(&boundary.header),
        certificate,
        cell: Some(&boundary.cell),
        body: Some(&boundary.body),
        proof: &boundary.proof,
    })
}
