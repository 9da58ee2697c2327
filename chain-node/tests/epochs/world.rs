//! A governed ledger in virtual time: nodes that start, die and come back with what was on their disks, and one authority that decides.

use chain_node::{
    config::{Consensus, Mempool},
    engine::{
        self,
        epochs::Epochs,
        network::{Channels, Links},
        types::{Finalization, PublicKey, Scheme},
    },
    folder::ITEMS_PER_FILE,
    genesis::Checked,
    node::{self, Node, Parts},
    store::Store,
};
use commonware_codec::{Copying, Decode as _, DecodeExt as _};
use commonware_cryptography::{Signer as _, certificate::Verifier as _, ed25519::PrivateKey};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Link, Network, Oracle},
};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Clock as _, Handle, Quota, Runner as _, Spawner as _, Supervisor as _,
    deterministic::{self, Context},
};
use commonware_utils::{NZU32, NZUsize, ordered::Set, probability};
use identity::{Localized, SecretKey, did::Inception, keys::Algorithm};
use ledger::{
    cell::Subject,
    finality,
    genesis::{Genesis, Validator},
    governance::{Admission, Change, Fraction, Governance, Parameters, Placement, ProposalId},
    receipt::{Outcome, Receipt},
    records::AuthorityRecord,
    transaction::{Body, Sender, Transaction, Unsigned},
};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, num::NonZeroU64, sync::Arc, time::Duration};

/// Blocks of an epoch here.
pub(crate) const EPOCH: u64 = 12;
/// Names of everybody that a test may start.
const PEOPLE: usize = 12;
const AUTHORITY: &str = "e-government";

pub(crate) fn secret(word: &str) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &Sha256::digest(word).into()).unwrap()
}

/// The consensus key made from a word.
pub(crate) fn signer(word: &str) -> PrivateKey {
    PrivateKey::decode(Copying(&*secret(word).to_bytes())).unwrap()
}

pub(crate) fn public(word: &str) -> PublicKey {
    signer(word).public_key()
}

/// The word of the first key of the node in this place.
pub(crate) fn word(place: usize) -> String {
    format!("validator-{place}")
}

pub(crate) fn validator(name: &str, word: &str) -> Validator {
    Validator {
        name: name.to_owned(),
        authority: AUTHORITY.parse().unwrap(),
        key: secret(word).public_key(),
        cluster: "one".to_owned(),
        address: None,
    }
}

fn genesis(validators: usize) -> Genesis {
    Genesis {
        network: "simulation".parse().unwrap(),
        name: Localized::new("模拟", "Simulation"),
        started_at: 0,
        validators: (0..validators).map(|place| validator(&word(place), &word(place))).collect(),
        authorities: vec![AuthorityRecord {
            id: AUTHORITY.parse().unwrap(),
            name: Localized::new("政务云", "E-government cloud"),
            ledger_keys: vec![secret(AUTHORITY).public_key()],
            credential_keys: Vec::new(),
            reader_key: None,
            issuer_url: None,
            accredited_types: Vec::new(),
            may_sponsor: false,
        }],
        governance: Some(Governance {
            epoch_blocks: EPOCH,
            parameters: Parameters {
                approval: Fraction { numerator: 2, denominator: 3 },
                voting_blocks: 20,
                notice_blocks: 1,
                placement: Placement::Advisory,
            },
        }),
    }
}

/// What nodes keep.
pub(crate) struct Keeping {
    /// Items of the engine's files.
    pub(crate) items_per_file: NonZeroU64,
    /// The last blocks that each node keeps; an archive all.
    pub(crate) blocks: fn(&str) -> Option<u64>,
}

struct Running {
    node: Arc<Node<Context>>,
    task: Handle<()>,
}

pub(crate) struct World {
    pub(crate) context: Context,
    pub(crate) oracle: Oracle<PublicKey, Context>,
    pub(crate) genesis: Checked,
    stores: BTreeMap<String, Arc<Store>>,
    keeping: Keeping,
    /// How often the disk of a node was emptied.
    wiped: BTreeMap<String, u32>,
    running: BTreeMap<String, Running>,
    sequence: u64,
    starts: u64,
}

/// Runs a test in virtual time.
pub(crate) fn run<F: Future<Output = ()>>(validators: usize, seed: u64, test: impl FnOnce(World) -> F) {
    run_keeping(validators, seed, Keeping { items_per_file: ITEMS_PER_FILE, blocks: |_| None }, test);
}

/// Runs a test in which some nodes prune.
pub(crate) fn run_keeping<F: Future<Output = ()>>(validators: usize, seed: u64, keeping: Keeping, test: impl FnOnce(World) -> F) {
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(1_800)));
    deterministic::Runner::new(config).start(|context| async move {
        let genesis = Checked::new(genesis(validators)).unwrap();
        let config = simulated::Config {
            max_size: engine::max_message_size(128),
            max_peers_per_set: NZUsize!(64),
            disconnect_on_block: true,
            tracked_peer_sets: NZUsize!(2),
        };
        let (network, oracle) = Network::new(context.child("network"), config);
        network.start();
        let mut words: Vec<String> = (0..PEOPLE).map(word).collect();
        words.extend((0..PEOPLE).map(|place| format!("{} again", word(place))));
        let keys: Vec<PublicKey> = words.iter().map(|word| public(word)).collect();
        let _ = oracle.manager().track(0, Set::from_iter_dedup(keys.iter().cloned()));
        for from in &keys {
            for to in keys.iter().filter(|to| *to != from) {
                oracle.add_link(from.clone(), to.clone(), link()).await.unwrap();
            }
        }
        let (stores, wiped, running) = Default::default();
        let mut world = World { context, oracle, genesis, stores, keeping, wiped, running, sequence: 0, starts: 0 };
        for place in 0..validators {
            world.start(&word(place)).await;
        }
        test(world).await;
    });
}

pub(crate) fn link() -> Link {
    Link { latency: Duration::from_millis(20), jitter: Duration::from_millis(5), success_rate: probability!(1.0) }
}

pub(crate) async fn channels(
    oracle: &Oracle<PublicKey, Context>,
    key: &PublicKey,
) -> Channels<simulated::Sender<PublicKey, Context>, simulated::Receiver<PublicKey>> {
    let quota = Quota::per_second(NZU32!(256));
    let control = oracle.control(key.clone());
    Channels {
        votes: control.register(0, quota).await.unwrap(),
        certificates: control.register(1, quota).await.unwrap(),
        resolver: control.register(2, quota).await.unwrap(),
        backfill: control.register(3, quota).await.unwrap(),
        broadcast: control.register(4, quota).await.unwrap(),
        state_sync: control.register(5, quota).await.unwrap(),
        probe: control.register(6, quota).await.unwrap(),
        mempool: control.register(7, quota).await.unwrap(),
    }
}

impl World {
    /// Starts the node with this key, on what it had on its disk.
    pub(crate) async fn start(&mut self, word: &str) {
        self.start_asking(word, None).await;
    }

    /// Ends the node and empties its disk.
    pub(crate) async fn wipe(&mut self, word: &str) {
        self.kill(word).await;
        self.stores.remove(word);
        *self.wiped.entry(word.to_owned()).or_default() += 1;
    }

    /// What the names of a node's partitions begin with.
    pub(crate) fn prefix(&self, word: &str) -> String {
        format!("{}-{}", word.replace(' ', "-"), self.wiped.get(word).copied().unwrap_or(0))
    }

    /// Starts the node, which asks for a state for so long if it has none.
    pub(crate) async fn start_asking(&mut self, word: &str, sync_patience: Option<Duration>) {
        let key = public(word);
        let links = Links {
            channels: channels(&self.oracle, &key).await,
            peers: self.oracle.manager(),
            blocker: self.oracle.control(key),
            directory: (),
        };
        let store = self.stores.entry(word.to_owned()).or_insert_with(|| Arc::new(Store::in_memory().unwrap())).clone();
        let parts = Parts {
            genesis: self.genesis.clone(),
            key: signer(word),
            store,
            consensus: Consensus { min_interval_ms: 50, heartbeat_ms: 300, leader_timeout_ms: 1_000, worker_threads: 1 },
            mempool: Mempool::default(),
            files: engine::Files { prefix: self.prefix(word), items_per_file: self.keeping.items_per_file },
            protection: node::Protection {
                keep_blocks: (self.keeping.blocks)(word),
                sync_patience,
                ..node::Protection::default()
            },
        };
        self.starts += 1;
        let context = self.context.child("node").with_attribute("start", self.starts);
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let task = context.spawn(|context| async move {
            let (node, consensus) = node::start(context, parts, links).await.unwrap();
            let _ = sender.send(node);
            consensus.await.unwrap();
        });
        self.running.insert(word.to_owned(), Running { node: receiver.await.unwrap(), task });
    }

    /// Ends the node at once: what it had not yet written is gone.
    pub(crate) async fn kill(&mut self, word: &str) {
        let Running { node, task } = self.running.remove(word).unwrap();
        task.abort();
        let _ = task.await;
        drop(node);
    }

    pub(crate) fn node(&self, word: &str) -> &Arc<Node<Context>> {
        &self.running[word].node
    }

    pub(crate) fn nodes(&self) -> Vec<&Arc<Node<Context>>> {
        self.running.values().map(|running| &running.node).collect()
    }

    fn anybody(&self) -> &Arc<Node<Context>> {
        let height = |running: &&Running| running.node.head.tip().borrow().height;
        &self.running.values().max_by_key(height).unwrap().node
    }

    pub(crate) fn height(&self, word: &str) -> u64 {
        self.node(word).head.tip().borrow().height
    }

    pub(crate) async fn sleep(&self, milliseconds: u64) {
        self.context.sleep(Duration::from_millis(milliseconds)).await;
    }

    /// Waits until the node has this block.
    pub(crate) async fn reach(&self, word: &str, height: u64) {
        for _ in 0..20_000 {
            if self.height(word) >= height {
                return;
            }
            self.sleep(10).await;
        }
        panic!("{word} is at height {} and does not reach {height}", self.height(word));
    }

    /// Waits until the node's consensus is in this epoch.
    pub(crate) async fn enter(&self, word: &str, epoch: u64) {
        for _ in 0..20_000 {
            if self.node(word).peers.membership().epoch >= epoch {
                return;
            }
            self.sleep(10).await;
        }
        panic!("{word} does not enter epoch {epoch}");
    }

    /// The first epoch in which what is decided now is in force, on every running node.
    pub(crate) async fn next_epoch(&self, word: &str) -> u64 {
        let epoch = self.node(word).peers.membership().epoch + 1;
        self.enter(word, epoch).await;
        epoch
    }

    fn sign(&mut self, sender: Sender, key: &SecretKey, body: Body) -> Transaction {
        self.sequence += 1;
        let expiry_height = self.anybody().head.tip().borrow().height + 1_000;
        Unsigned { genesis: self.genesis.genesis.hash(), sender, sequence: self.sequence, expiry_height, body }.sign(key)
    }

    /// A citizen creates an identity: load.
    pub(crate) async fn load(&mut self, number: u64) -> Transaction {
        let device = secret(&format!("citizen {number}"));
        let network = "simulation".parse().unwrap();
        let inception = Inception { network, device: device.public_key(), recovery_commitment: [0; 32] };
        let transaction = self.sign(Sender::Key(device.public_key()), &device, Body::CreateIdentity(inception));
        self.anybody().submit(transaction.clone()).await.unwrap();
        transaction
    }

    /// The receipt, once the transaction is final on the node that is ahead.
    pub(crate) async fn receipt(&self, transaction: &Transaction) -> Receipt {
        for _ in 0..20_000 {
            if let Some(receipt) = self.anybody().receipt(&transaction.id()).await {
                return receipt;
            }
            self.sleep(10).await;
        }
        panic!("a transaction does not become final");
    }

    /// The authority does this; it must be allowed.
    pub(crate) async fn act(&mut self, body: Body) -> Transaction {
        let key = secret(AUTHORITY);
        let sender = Sender::Authority { authority: AUTHORITY.parse().unwrap(), key: key.public_key() };
        let transaction = self.sign(sender, &key, body);
        self.anybody().submit(transaction.clone()).await.unwrap();
        assert_eq!(self.receipt(&transaction).await.outcome, Outcome::Applied, "{:?}", transaction.unsigned.body);
        transaction
    }

    /// The authority, which runs all validators, decides and enacts a change. It is in force from the next epoch on.
    pub(crate) async fn decide(&mut self, change: Change) {
        let proposal: ProposalId = self.act(Body::Propose(change)).await.id();
        let height = self.anybody().head.tip().borrow().height;
        while self.anybody().head.tip().borrow().height < height + 3 {
            self.sleep(20).await;
        }
        self.act(Body::Enact { proposal }).await;
    }

    fn admission(&self, name: &str, word: &str) -> identity::Signature {
        let admission =
            Admission { genesis: self.genesis.genesis.hash(), name: name.to_owned(), authority: AUTHORITY.parse().unwrap() };
        admission.sign(&secret(word))
    }

    pub(crate) fn admit(&self, name: &str, word: &str) -> Change {
        Change::AdmitValidator { validator: validator(name, word), proof: self.admission(name, word) }
    }

    pub(crate) fn observe(&self, name: &str, word: &str) -> Change {
        Change::AdmitObserver { observer: validator(name, word), proof: self.admission(name, word) }
    }

    pub(crate) fn rotate(&self, name: &str, word: &str) -> Change {
        let key = secret(word).public_key();
        Change::RotateValidatorKey { name: name.to_owned(), key, proof: self.admission(name, word) }
    }

    /// The names of an epoch's validators, as a node has them.
    pub(crate) fn validators(&self, word: &str, epoch: u64) -> Vec<String> {
        let members = self.node(word).epochs.members(epoch).unwrap();
        members.validators.iter().map(|member| member.record.name.clone()).collect()
    }

    /// Every running node has the same blocks up to `height`, each in the epoch of its height, no more than `gap_ms` apart; every certificate
    /// is by that epoch's validators and by no other set; and every set is proved on the last block before it.
    pub(crate) async fn check(&mut self, height: u64, gap_ms: u64) {
        let nodes = self.nodes();
        let first = nodes[0];
        let mut before: Option<(u64, [u8; 32])> = None;
        for at in 1..=height {
            let block = first.reads.block(at).await.unwrap();
            let header = block.inner().header().clone();
            assert_eq!(header.context.epoch, at / EPOCH, "block {at}");
            if let Some((time, digest)) = before {
                assert_eq!(header.parent, digest, "block {at}");
                assert!(header.timestamp_ms - time <= gap_ms, "{} ms before block {at}", header.timestamp_ms - time);
            }
            before = Some((header.timestamp_ms, header.digest()));
            for node in &nodes[1..] {
                let theirs = node.reads.block(at).await.unwrap();
                assert_eq!(theirs.inner().header().digest(), header.digest(), "INV-I1 at block {at}");
            }
            self.check_certificate(first, &header).await;
        }
        for epoch in 1..=height / EPOCH {
            for node in &nodes {
                self.check_change(node, epoch).await;
            }
        }
    }

    fn verifier(&self, epochs: &Epochs, epoch: u64) -> Scheme {
        let keys = Set::from_iter_dedup(epochs.members(epoch).unwrap().keys());
        Scheme::verifier(&finality::namespace(&self.genesis.genesis.hash()), keys)
    }

    async fn check_certificate(&self, node: &Node<Context>, header: &ledger::block::Header) {
        let Some(certificate) = node.reads.certificate(header).await else {
            return;
        };
        let epoch = header.context.epoch;
        let mut rng = self.context.child("verification");
        let decoded = Finalization::decode_cfg(Copying(&certificate), &Scheme::certificate_codec_config_unbounded()).unwrap();
        assert!(decoded.verify(&mut rng, &self.verifier(&node.epochs, epoch), &Sequential), "block {}", header.height);
        for other in [epoch.checked_sub(1), Some(epoch + 1)].into_iter().flatten() {
            let differs = node.epochs.members(other).is_some_and(|members| {
                let mut keys = [members.keys(), node.epochs.members(epoch).unwrap().keys()];
                keys.iter_mut().for_each(|keys| keys.sort());
                keys[0] != keys[1]
            });
            if differs {
                assert!(
                    !decoded.verify(&mut rng, &self.verifier(&node.epochs, other), &Sequential),
                    "epoch {other} cannot sign for {epoch}"
                );
            }
        }
    }

    async fn check_change(&self, node: &Node<Context>, epoch: u64) {
        let (boundary, certificate) = node.epoch_change(epoch).await.unwrap_or_else(|| panic!("no change into epoch {epoch}"));
        assert_eq!(boundary.header.height, epoch * EPOCH - 1);
        let key = Subject::Validators.key();
        ledger::proof::verify_cell(&boundary.header.state_root, &key, Some(&boundary.cell), &boundary.proof).unwrap();
        let cell = ledger::cell::Cell::from_bytes(&boundary.cell).unwrap();
        assert_eq!(cell.body, ledger::cell::body_hash(&boundary.body));
        let decoded = Finalization::decode_cfg(Copying(&certificate), &Scheme::certificate_codec_config_unbounded()).unwrap();
        assert_eq!(decoded.proposal.payload.0, boundary.header.digest());
        let mut rng = self.context.child("verification");
        assert!(decoded.verify(&mut rng, &self.verifier(&node.epochs, epoch - 1), &Sequential), "the change into epoch {epoch}");
    }
}
