//! The engine alone: simplex, marshal, the authenticated state and the same network, without our signatures and state machine. Blocks are
//! opaque bytes, and each writes as many new keys as it is told.
//!
//! One process is one validator. It runs for some seconds and prints how long blocks took from being proposed to being applied as
//! final on this node. `cargo city bench-ledger` starts as many as it measures of ours, and compares.

#![expect(clippy::print_stdout, reason = "a measurement's result is what it prints")]

use chain_node::engine::{
    members::{Admitted, Member},
    network::{self, AddressBook, Addresses, Settings},
    types::{Cell, Consensus, Databases, Digest, Environment, PublicKey, State},
};
use clap::Parser;
use commonware_broadcast::buffered;
use commonware_codec::{Buf, EncodeSize, Error, FixedSize as _, RangeCfg, Read, ReadExt as _, Write};
use commonware_consensus::{
    Application, BoundedBlock, CertifiableBlock, Handoff, Heightable,
    marshal::{
        self,
        ancestry::Ancestry,
        core::Actor,
        resolver::p2p as backfill,
        standard::{Deferred, Standard},
    },
    simplex::{
        self, SkipBudget,
        config::{Floor, ForwardPolicy, SkipPolicy},
        elector::RoundRobin,
        scheme::ed25519::Scheme,
    },
    types::{Epoch, FixedEpocher, Height, ViewDelta},
};
use commonware_cryptography::{
    Digested, Digestible, Hasher as _, Sha256, Signer as _,
    certificate::{ConstantProvider, Verifier as _},
    ed25519::PrivateKey,
};
use commonware_glue::stateful::{
    self, Config as StatefulConfig, Finality, Input, Proposed, Stateful, SyncPlan,
    db::{DatabaseSet, Merkleized as _, SyncEngineConfig, Unmerkleized as _, p2p as state_sync},
};
use commonware_parallel::Sequential;
use commonware_runtime::{
    BufMut, Clock as _, Runner as _, Supervisor as _,
    buffer::paged::CacheRef,
    tokio::{self as runtime, Context},
};
use commonware_storage::{
    archive::prunable::{self, Archive},
    journal::contiguous::fixed::Config as LogConfig,
    merkle::Location,
    mmr::{self, full::Config as TreeConfig},
    qmdb::{current::FixedConfig, sync::Target},
    translator::EightCap,
};
use commonware_utils::{NZDuration, NZU16, NZU64, NZUsize, non_empty_range, ordered::Set};
use futures::StreamExt as _;
use ledger::genesis::Validator;
use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const MAX_PAYLOAD: usize = 2 * 1024 * 1024;

#[derive(Parser, Clone)]
struct Arguments {
    /// This validator's place, from 0.
    #[arg(long)]
    place: u16,
    /// How many there are.
    #[arg(long)]
    validators: u16,
    /// Ports of all, from here on.
    #[arg(long)]
    first_port: u16,
    /// Where its files go.
    #[arg(long)]
    directory: PathBuf,
    /// How long it runs, in seconds.
    #[arg(long)]
    seconds: u64,
    /// Bytes of a block.
    #[arg(long)]
    payload: usize,
    /// Keys that a block writes.
    #[arg(long)]
    writes: u64,
    /// The least time between two blocks, in milliseconds.
    #[arg(long)]
    interval_ms: u64,
    /// Threads of the runtime.
    #[arg(long)]
    worker_threads: usize,
}

/// What a block says about the state after it.
#[derive(Clone, Debug, PartialEq)]
struct After {
    root: Digest,
    operations_root: Digest,
    start: u64,
    end: u64,
}

impl After {
    fn of<E: Environment>(state: &Merkleized<E>) -> Self {
        let (start, end) = (*state.sync_boundary(), *state.bounds().tip.size);
        Self { root: state.root(), operations_root: state.ops_root(), start, end }
    }
}

/// A block of opaque bytes.
#[derive(Clone, Debug)]
struct Opaque {
    context: Consensus,
    height: u64,
    timestamp_ms: u64,
    after: After,
    payload: bytes::Bytes,
    digest: Digest,
}

impl Opaque {
    fn new(context: Consensus, height: u64, timestamp_ms: u64, after: After, payload: bytes::Bytes) -> Self {
        let mut block = Self { context, height, timestamp_ms, after, payload, digest: Digest::from([0; 32]) };
        let mut head = Vec::new();
        block.write_head(&mut head);
        head.extend_from_slice(Sha256::hash(&[&block.payload]).as_ref());
        block.digest = Sha256::hash(&[&head]);
        block
    }

    fn write_head(&self, buf: &mut impl BufMut) {
        self.context.write(buf);
        self.height.write(buf);
        self.timestamp_ms.write(buf);
        self.after.root.write(buf);
        self.after.operations_root.write(buf);
        self.after.start.write(buf);
        self.after.end.write(buf);
    }
}

impl Write for Opaque {
    fn write(&self, buf: &mut impl BufMut) {
        self.write_head(buf);
        self.payload.write(buf);
    }
}

impl EncodeSize for Opaque {
    fn encode_size(&self) -> usize {
        self.context.encode_size() + u64::SIZE * 4 + Digest::SIZE * 2 + self.payload.encode_size()
    }
}

impl Read for Opaque {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let context = Consensus::read(buf)?;
        let (height, timestamp_ms) = (u64::read(buf)?, u64::read(buf)?);
        let (root, operations_root) = (Digest::read(buf)?, Digest::read(buf)?);
        let after = After { root, operations_root, start: u64::read(buf)?, end: u64::read(buf)? };
        let payload = bytes::Bytes::read_cfg(buf, &RangeCfg::from(0..=MAX_PAYLOAD))?;
        Ok(Self::new(context, height, timestamp_ms, after, payload))
    }
}

impl Digestible for Opaque {
    type Digest = Digest;

    fn digest(&self) -> Digest {
        self.digest
    }
}

impl Heightable for Opaque {
    fn height(&self) -> Height {
        Height::new(self.height)
    }
}

impl commonware_consensus::Block for Opaque {
    fn parent(&self) -> Digest {
        self.context.parent.1
    }
}

impl CertifiableBlock for Opaque {
    type Context = Consensus;

    fn context(&self) -> Consensus {
        self.context.clone()
    }
}

impl BoundedBlock for Opaque {
    fn max_encode_size(_: &()) -> usize {
        MAX_PAYLOAD + 512
    }
}

type Merkleized<E> = <Databases<E> as DatabaseSet<E>>::Merkleized;
type Batch<E> = <Databases<E> as DatabaseSet<E>>::Unmerkleized;

/// Builds blocks of opaque bytes, takes every one, and notes when it was applied.
#[derive(Clone)]
struct Minimal {
    genesis: Opaque,
    payload: bytes::Bytes,
    writes: u64,
    times_ms: Arc<Mutex<Vec<u64>>>,
}

impl Minimal {
    async fn write<E: Environment>(&self, height: u64, batch: Batch<E>) -> Merkleized<E> {
        let mut batch = batch;
        for index in 0..self.writes {
            let key = Sha256::hash(&[&height.to_le_bytes(), &index.to_le_bytes()]);
            batch = batch.write(key, Some(Cell::new([7; ledger::cell::CELL_BYTES])));
        }
        batch.merkleize().await.expect("the state can be read")
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl<E: Environment> stateful::Application<E> for Minimal {
    type SigningScheme = Scheme;
    type Context = Consensus;
    type Block = Opaque;
    type Databases = Databases<E>;
    type Captured = ();
    type Provider = ();
    type Input = ();

    fn sync_targets(block: &Opaque) -> <Databases<E> as DatabaseSet<E>>::SyncTargets {
        let (start, end) = (Location::new(block.after.start), Location::new(block.after.end));
        Target::new(block.after.operations_root, non_empty_range!(start, end))
    }

    async fn genesis(&mut self) -> Opaque {
        self.genesis.clone()
    }

    async fn propose(
        &mut self,
        (context, consensus): (E, Consensus),
        ancestry: impl Ancestry<Opaque>,
        batches: Batch<E>,
        _: Input<(), ()>,
    ) -> Option<Proposed<Self, E>> {
        let mut ancestry = ancestry;
        let height = ancestry.next().await?.inner().height + 1;
        let timestamp_ms = milliseconds(context.current());
        let merkleized = self.write::<E>(height, batches).await;
        let block = Opaque::new(consensus, height, timestamp_ms, After::of::<E>(&merkleized), self.payload.clone());
        Some(Proposed { block, merkleized })
    }

    async fn process(
        &mut self,
        _: (E, Consensus),
        ancestry: impl Ancestry<Opaque>,
        batches: Batch<E>,
        _: Finality,
    ) -> Option<Merkleized<E>> {
        let mut ancestry = ancestry;
        let block = ancestry.next().await?;
        let merkleized = self.write::<E>(block.inner().height, batches).await;
        (After::of::<E>(&merkleized) == block.inner().after).then_some(merkleized)
    }

    async fn capture(&mut self, _: (E, Consensus), _: &Opaque, _: &Merkleized<E>, _: <Databases<E> as DatabaseSet<E>>::Readers) {}

    async fn finalized(
        &mut self,
        (context, _): (E, Consensus),
        block: &Opaque,
        (): (),
        _: <Databases<E> as DatabaseSet<E>>::Readers,
    ) {
        let took = milliseconds(context.current()).saturating_sub(block.timestamp_ms);
        self.times_ms.lock().unwrap_or_else(PoisonError::into_inner).push(took);
    }
}

/// Lets blocks follow each other no faster than this. Outside the stateful actor, which must not sleep.
#[derive(Clone)]
struct Paced<A> {
    inner: A,
    interval: Duration,
}

impl<E, A> Application<E> for Paced<A>
where
    E: Environment,
    A: Application<E, SigningScheme = Scheme, Context = Consensus, Block = Opaque, Input = ()>,
{
    type SigningScheme = Scheme;
    type Context = Consensus;
    type Block = Opaque;
    type Input = ();

    async fn prepare(
        &mut self,
        context: (E, Consensus),
        ancestry: impl Ancestry<Opaque>,
        input: (),
    ) -> Handoff<Digested<Opaque>> {
        self.inner.prepare(context, ancestry, input).await
    }

    async fn propose(&mut self, context: (E, Consensus), ancestry: impl Ancestry<Opaque>, input: ()) -> Option<Digested<Opaque>> {
        let parent_ms = ancestry.peek()?.inner().timestamp_ms;
        context.0.sleep_until(UNIX_EPOCH + Duration::from_millis(parent_ms) + self.interval).await;
        self.inner.propose(context, ancestry, input).await
    }

    async fn verify(&mut self, context: (E, Consensus), ancestry: impl Ancestry<Opaque>) -> bool {
        self.inner.verify(context, ancestry).await
    }
}

fn main() {
    let arguments = Arguments::parse();
    let config =
        runtime::Config::new().with_worker_threads(arguments.worker_threads).with_storage_directory(arguments.directory.clone());
    runtime::Runner::new(config).start(|context| Box::pin(run(context, arguments)));
}

fn member(key: &PublicKey, address: &SocketAddr) -> Member {
    let bytes: [u8; 32] = key.as_ref().try_into().expect("an Ed25519 key has 32 bytes");
    let record = Validator {
        name: address.to_string(),
        authority: "engine".parse().expect("this is an authority's id"),
        key: identity::PublicKey::from_bytes(identity::Algorithm::Ed25519, &bytes).expect("it is a key"),
        cluster: "one".to_owned(),
        address: Some(address.to_string()),
    };
    Member { key: key.clone(), record }
}

async fn run(context: Context, arguments: Arguments) {
    let key = |place: u16| PrivateKey::from_seed(u64::from(place));
    let socket = |place: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, arguments.first_port + place));
    let keys: Vec<PublicKey> = (0..arguments.validators).map(|place| key(place).public_key()).collect();
    let primary = keys.iter().zip(0..).map(|(key, place)| member(key, &socket(place))).collect();
    let me = key(arguments.place);
    let namespace = b"yufu/engine-alone".to_vec();
    let listen = socket(arguments.place);
    let links = network::connect(
        &context,
        me.clone(),
        Settings {
            namespace: namespace.clone(),
            listen,
            members: Admitted { primary, secondary: Vec::new() },
            addresses: Addresses { me: (me.public_key(), listen), configured: HashMap::new() },
            governed: false,
            allow_private_addresses: true,
        },
    );
    let scheme =
        Scheme::signer(&namespace, Set::from_iter_dedup(keys.clone()), me.clone()).expect("the key is one of the validators'");
    let first = keys.first().expect("there is a validator").clone();
    let origin = Consensus { round: Default::default(), leader: first, parent: (Default::default(), Digest::from([0; 32])) };
    let empty = <Databases<Context> as DatabaseSet<Context>>::initial_sync_targets();
    let after =
        After { root: Digest::from([0; 32]), operations_root: empty.root, start: *empty.range.start(), end: *empty.range.end() };
    let genesis = Opaque::new(origin, 0, 0, after, bytes::Bytes::new());
    let times_ms = Arc::new(Mutex::new(Vec::new()));
    let payload = vec![7; arguments.payload].into();
    let minimal = Minimal { genesis, payload, writes: arguments.writes, times_ms: times_ms.clone() };
    let interval = Duration::from_millis(arguments.interval_ms);
    start(&context, scheme, me.public_key(), (minimal, interval), links).await;
    context.sleep(Duration::from_secs(arguments.seconds)).await;
    let times = times_ms.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("{}", serde_json::json!({ "proposed_to_final_ms": times }));
}

async fn start(
    context: &Context,
    scheme: Scheme,
    me: PublicKey,
    (minimal, interval): (Minimal, Duration),
    links: network::Links<network::Sender, network::Receiver, network::Oracle, network::Oracle, AddressBook>,
) {
    let network::Links { channels, peers, blocker, directory: _ } = links;
    let cache = CacheRef::new(NZU16!(4_096), NZUsize!(4_096));
    let genesis = minimal.genesis.clone();
    let plan = SyncPlan::init(context.child("plan"), "alone").await;
    let resolver =
        backfill::init(context.child("backfill"), backfill_config(&me, peers.clone(), blocker.clone()), channels.backfill);
    let broadcast_config = broadcast_config(me.clone(), peers.clone());
    let (broadcast, buffer) = buffered::Engine::new(context.child("broadcast"), broadcast_config);
    broadcast.start(channels.broadcast);
    let from = plan.marshal_start(Digested::precomputed(genesis.clone(), genesis.digest()));
    let (actor, marshal, floor) = open_marshal(context, &scheme, from, cache.clone()).await;
    let (states, state_resolver) = state_sync::Actor::<_, PublicKey, _, _, mmr::Family, State<Context>>::new(
        context.child("state_sync"),
        state_sync_config(&me, peers, blocker.clone()),
    );
    states.start(channels.state_sync);
    let (stateful, mailbox) = Stateful::new(
        context.child("stateful"),
        StatefulConfig {
            application: minimal,
            db_config: state_config(cache.clone()),
            provider: (),
            marshal: (marshal.clone(), floor),
            mailbox_size: NZUsize!(1_024),
            plan,
            resolvers: state_resolver,
            sync_config: SyncEngineConfig {
                fetch_batch_size: NZU64!(512),
                apply_batch_size: NZU64!(512),
                max_outstanding_requests: NZUsize!(8),
            },
            prune_config: None,
            strategy: Sequential,
        },
    );
    let paced = Paced { inner: mailbox.clone(), interval };
    let automaton = Deferred::new(context.child("deferred"), paced, marshal, FixedEpocher::new(NZU64!(u64::MAX)));
    actor.start(mailbox, buffer, resolver);
    stateful.start();
    let leader_timeout = Duration::from_secs(4);
    let config = simplex::Config {
        scheme,
        elector: RoundRobin::<Sha256>::default(),
        blocker,
        automaton: automaton.clone(),
        relay: automaton.clone(),
        reporter: automaton,
        track_historical_votes: false,
        strategy: Sequential,
        partition: "alone-simplex".to_owned(),
        mailbox_size: NZUsize!(1_024),
        epoch: Epoch::zero(),
        floor: Floor::Genesis(genesis.digest()),
        replay_buffer: NZUsize!(65_536),
        write_buffer: NZUsize!(65_536),
        page_cache: cache,
        leader_timeout,
        certification_timeout: leader_timeout + Duration::from_secs(1),
        timeout_retry: Duration::from_millis(500),
        view_retention: ViewDelta::new(64),
        skip: SkipPolicy::Enabled { timeout: leader_timeout + Duration::from_secs(2), budget: SkipBudget::Participants },
        fetch_timeout: NZDuration!(Duration::from_secs(2)),
        fetch_retry_delay: Duration::from_millis(100),
        forward: ForwardPolicy::SilentLeader,
    };
    simplex::Engine::new(context.child("simplex"), config).start(channels.votes, channels.certificates, channels.resolver);
}

type Certificates = Archive<EightCap, Context, Digest, simplex::types::Finalization<Scheme, Digest>>;
type Blocks = Archive<EightCap, Context, Digest, Arc<Opaque>>;
type Provider = ConstantProvider<Scheme, Epoch>;
type MarshalActor = Actor<Context, Standard<Opaque>, Provider, Certificates, Blocks, FixedEpocher, Sequential>;

async fn open_marshal(
    context: &Context,
    scheme: &Scheme,
    start: marshal::Start<Scheme, Digest, Digested<Opaque>>,
    cache: CacheRef,
) -> (MarshalActor, marshal::core::Mailbox<Scheme, Standard<Opaque>>, marshal::core::Floor) {
    let config = marshal::Config {
        provider: ConstantProvider::<Scheme, Epoch>::new(scheme.clone()),
        epocher: FixedEpocher::new(NZU64!(u64::MAX)),
        start,
        partition_prefix: "alone".to_owned(),
        mailbox_size: NZUsize!(1_024),
        view_retention: ViewDelta::new(64),
        prunable_items_per_section: NZU64!(16_384),
        page_cache: cache.clone(),
        replay_buffer: NZUsize!(65_536),
        key_write_buffer: NZUsize!(65_536),
        value_write_buffer: NZUsize!(65_536),
        block_codec_config: (),
        max_repair: NZUsize!(32),
        max_pending_acks: NZUsize!(8),
        strategy: Sequential,
    };
    let certificates = archive("certificates", cache.clone(), Scheme::certificate_codec_config_unbounded());
    let certificates = Archive::init(context.child("certificates"), certificates).await.expect("the archive opens");
    let blocks = Archive::init(context.child("blocks"), archive("blocks", cache, ())).await.expect("the archive opens");
    Actor::init(context.child("marshal"), certificates, blocks, config).await
}

fn backfill_config(
    me: &PublicKey,
    peers: network::Oracle,
    blocker: network::Oracle,
) -> backfill::Config<PublicKey, network::Oracle, network::Oracle> {
    backfill::Config {
        public_key: me.clone(),
        peer_provider: peers,
        blocker,
        mailbox_size: NZUsize!(1_024),
        fetch_timeout: NZDuration!(Duration::from_secs(2)),
        fetch_retry_delay: Duration::from_millis(100),
        priority_requests: false,
        priority_responses: false,
    }
}

fn state_sync_config(
    me: &PublicKey,
    peers: network::Oracle,
    blocker: network::Oracle,
) -> state_sync::Config<PublicKey, network::Oracle, network::Oracle, State<Context>> {
    state_sync::Config {
        peer_provider: peers,
        blocker,
        database: None,
        mailbox_size: NZUsize!(1_024),
        me: Some(me.clone()),
        fetch_timeout: NZDuration!(Duration::from_secs(2)),
        fetch_retry_delay: Duration::from_millis(100),
        max_serve_ops: NZU64!(512),
        priority_requests: false,
        priority_responses: false,
    }
}

fn state_config(cache: CacheRef) -> FixedConfig<EightCap, Sequential> {
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: "alone-state-nodes".to_owned(),
            metadata_partition: "alone-state-boundary".to_owned(),
            items_per_blob: NZU64!(16_384),
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
            strategy: Sequential,
            page_cache: cache.clone(),
        },
        journal_config: LogConfig {
            partition: "alone-state-operations".to_owned(),
            items_per_blob: NZU64!(16_384),
            page_cache: cache,
            write_buffer: NZUsize!(65_536),
            replay_buffer: NZUsize!(65_536),
        },
        grafted_metadata_partition: "alone-state-grafted".to_owned(),
        translator: EightCap,
        init_cache: Some(NZUsize!(65_536)),
        init_buffer: NZUsize!(1 << 21),
        init_concurrency: (),
    }
}

fn broadcast_config(me: PublicKey, peers: network::Oracle) -> buffered::Config<PublicKey, (), network::Oracle, Sequential> {
    buffered::Config {
        public_key: me,
        mailbox_size: NZUsize!(1_024),
        deque_size: 16,
        priority: false,
        codec_config: (),
        peer_provider: peers,
        strategy: Sequential,
    }
}

fn archive<C>(name: &str, cache: CacheRef, codec_config: C) -> prunable::Config<EightCap, C> {
    prunable::Config {
        translator: EightCap,
        metadata_partition: format!("alone-{name}-metadata"),
        key_partition: format!("alone-{name}-key"),
        key_page_cache: cache,
        value_partition: format!("alone-{name}-value"),
        compression: None,
        codec_config,
        items_per_section: NZU64!(16_384),
        key_write_buffer: NZUsize!(65_536),
        value_write_buffer: NZUsize!(65_536),
        replay_buffer: NZUsize!(65_536),
    }
}
