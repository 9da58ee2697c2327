//! The engine alone: simplex, marshal and the same network, with blocks of opaque bytes, no signatures of ours and no state.
//!
//! One process is one validator. It runs for some seconds and prints how long blocks took from being proposed to being delivered as
//! final on this node. `cargo city bench-ledger` starts as many as it measures of ours, and compares.

#![expect(clippy::print_stdout, reason = "a measurement's result is what it prints")]

use chain_node::engine::{
    members::{Admitted, Member},
    network::{self, AddressBook, Addresses, Settings},
    types::{Consensus, Digest, PublicKey},
};
use clap::Parser;
use commonware_actor::Feedback;
use commonware_broadcast::buffered;
use commonware_codec::{Buf, EncodeSize, Error, FixedSize as _, RangeCfg, Read, ReadExt as _, Write};
use commonware_consensus::{
    Application, BoundedBlock, CertifiableBlock, Handoff, Heightable, Reporter,
    marshal::{self, Update, ancestry::Ancestry, core::Actor, resolver::p2p as backfill, standard::Inline},
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
use commonware_parallel::Sequential;
use commonware_runtime::{
    BufMut, Clock as _, Runner as _, Supervisor as _,
    buffer::paged::CacheRef,
    tokio::{self as runtime, Context},
};
use commonware_storage::{
    archive::prunable::{self, Archive},
    translator::EightCap,
};
use commonware_utils::{Acknowledgement as _, NZDuration, NZU16, NZU64, NZUsize, ordered::Set};
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
    /// The least time between two blocks, in milliseconds.
    #[arg(long)]
    interval_ms: u64,
    /// Threads of the runtime.
    #[arg(long)]
    worker_threads: usize,
}

/// A block of opaque bytes.
#[derive(Clone, Debug)]
struct Opaque {
    context: Consensus,
    height: u64,
    timestamp_ms: u64,
    payload: bytes::Bytes,
    digest: Digest,
}

impl Opaque {
    fn new(context: Consensus, height: u64, timestamp_ms: u64, payload: bytes::Bytes) -> Self {
        let mut head = Vec::new();
        context.write(&mut head);
        height.write(&mut head);
        timestamp_ms.write(&mut head);
        head.extend_from_slice(Sha256::hash(&[&payload]).as_ref());
        let digest = Sha256::hash(&[&head]);
        Self { context, height, timestamp_ms, payload, digest }
    }
}

impl Write for Opaque {
    fn write(&self, buf: &mut impl BufMut) {
        self.context.write(buf);
        self.height.write(buf);
        self.timestamp_ms.write(buf);
        self.payload.write(buf);
    }
}

impl EncodeSize for Opaque {
    fn encode_size(&self) -> usize {
        self.context.encode_size() + u64::SIZE * 2 + self.payload.encode_size()
    }
}

impl Read for Opaque {
    type Cfg = ();

    fn read_cfg(buf: &mut impl Buf, _: &()) -> Result<Self, Error> {
        let context = Consensus::read(buf)?;
        let (height, timestamp_ms) = (u64::read(buf)?, u64::read(buf)?);
        Ok(Self::new(context, height, timestamp_ms, bytes::Bytes::read_cfg(buf, &RangeCfg::from(0..=MAX_PAYLOAD))?))
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

/// Builds blocks of opaque bytes, takes every one, and notes when it became final.
#[derive(Clone)]
struct Minimal {
    clock: Arc<Context>,
    payload: bytes::Bytes,
    interval: Duration,
    times_ms: Arc<Mutex<Vec<u64>>>,
}

fn milliseconds(time: SystemTime) -> u64 {
    u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(u64::MAX)
}

impl Application<Context> for Minimal {
    type SigningScheme = Scheme;
    type Context = Consensus;
    type Block = Opaque;
    type Input = ();

    async fn prepare(&mut self, _: (Context, Consensus), _: impl Ancestry<Opaque>, _: ()) -> Handoff<Digested<Opaque>> {
        Handoff::Wait
    }

    async fn propose(
        &mut self,
        (context, consensus): (Context, Consensus),
        ancestry: impl Ancestry<Opaque>,
        _: (),
    ) -> Option<Digested<Opaque>> {
        let mut ancestry = ancestry;
        let parent = ancestry.next().await?;
        let built = UNIX_EPOCH + Duration::from_millis(parent.inner().timestamp_ms);
        context.sleep_until(built + self.interval).await;
        let block = Opaque::new(consensus, parent.inner().height + 1, milliseconds(context.current()), self.payload.clone());
        let digest = block.digest();
        Some(Digested::precomputed(block, digest))
    }

    async fn verify(&mut self, _: (Context, Consensus), _: impl Ancestry<Opaque>) -> bool {
        true
    }
}

impl Reporter for Minimal {
    type Activity = Update<Opaque>;

    fn report(&mut self, update: Update<Opaque>) -> Feedback {
        if let Update::Block(block, acknowledgement) = update {
            let took = milliseconds(self.clock.current()).saturating_sub(block.inner().timestamp_ms);
            self.times_ms.lock().unwrap_or_else(PoisonError::into_inner).push(took);
            acknowledgement.acknowledge();
        }
        Feedback::Ok
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
    let genesis = Opaque::new(origin, 0, 0, bytes::Bytes::new());
    let times_ms = Arc::new(Mutex::new(Vec::new()));
    let minimal = Minimal {
        clock: Arc::new(context.child("clock")),
        payload: vec![7; arguments.payload].into(),
        interval: Duration::from_millis(arguments.interval_ms),
        times_ms: times_ms.clone(),
    };
    start(&context, scheme, me.public_key(), genesis, minimal, links).await;
    context.sleep(Duration::from_secs(arguments.seconds)).await;
    let times = times_ms.lock().unwrap_or_else(PoisonError::into_inner).clone();
    println!("{}", serde_json::json!({ "proposed_to_final_ms": times }));
}

async fn start(
    context: &Context,
    scheme: Scheme,
    me: PublicKey,
    genesis: Opaque,
    minimal: Minimal,
    links: network::Links<network::Sender, network::Receiver, network::Oracle, network::Oracle, AddressBook>,
) {
    let network::Links { channels, peers, blocker, directory: _ } = links;
    let cache = CacheRef::new(NZU16!(4_096), NZUsize!(4_096));
    let resolver =
        backfill::init(context.child("backfill"), backfill_config(&me, peers.clone(), blocker.clone()), channels.backfill);
    let broadcast_config = broadcast_config(me, peers);
    let (broadcast, buffer) = buffered::Engine::new(context.child("broadcast"), broadcast_config);
    broadcast.start(channels.broadcast);
    let marshal_config = marshal::Config {
        provider: ConstantProvider::<Scheme, Epoch>::new(scheme.clone()),
        epocher: FixedEpocher::new(NZU64!(u64::MAX)),
        start: marshal::Start::Genesis(Digested::precomputed(genesis.clone(), genesis.digest())),
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
    let blocks = Archive::<EightCap, _, Digest, Arc<Opaque>>::init(context.child("blocks"), archive("blocks", cache.clone(), ()));
    let (actor, marshal, _) =
        Actor::init(context.child("marshal"), certificates, blocks.await.expect("the archive opens"), marshal_config).await;
    let epocher = FixedEpocher::new(NZU64!(u64::MAX));
    let automaton = Inline::new(context.child("inline"), minimal.clone(), marshal, epocher);
    actor.start(minimal, buffer, resolver);
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
