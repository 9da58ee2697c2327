//! The encrypted, authenticated network between validators.
//!
//! Only keys of the genesis validator set are let in; every message is encrypted and signed for by its
//! connection. Assumes that all validators run with the same limits. Refuses unknown keys at the handshake.

use super::{PublicKey, limits};
use commonware_cryptography::{ChaCha20Poly1305, ed25519::PrivateKey};
use commonware_p2p::{
    Address, AddressableManager as _, Ingress,
    authenticated::lookup::{self, Network},
};
use commonware_runtime::{Quota, Supervisor as _, tokio::Context};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use std::{
    net::SocketAddr,
    num::{NonZeroU32, NonZeroUsize},
    time::Duration,
};

/// The channels of the engine and of the mempool, in the order of their numbers on the wire.
#[derive(Debug)]
pub struct Channels<S, R> {
    /// Simplex votes.
    pub votes: (S, R),
    /// Simplex certificates.
    pub certificates: (S, R),
    /// Simplex certificate requests.
    pub resolver: (S, R),
    /// Marshal block and finalization requests.
    pub backfill: (S, R),
    /// Proposed blocks.
    pub broadcast: (S, R),
    /// State operations for nodes that sync.
    pub state_sync: (S, R),
    /// Latest finalization for nodes that sync.
    pub probe: (S, R),
    /// Pending transactions and liveness of peers.
    pub mempool: (S, R),
}

/// Everything the engine needs from a network: channels, the peer directory and the power to block a peer.
#[derive(Debug)]
pub struct Links<S, R, P, B> {
    /// One sender and receiver for each channel.
    pub channels: Channels<S, R>,
    /// Tells who the peers are.
    pub peers: P,
    /// Cuts off a peer that sent something no honest node sends.
    pub blocker: B,
}

/// Where a validator is reached.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Its consensus and network key.
    pub key: PublicKey,
    /// Where to dial it: an address, or a name that is resolved at each dial.
    pub ingress: Ingress,
}

/// How this node listens and whom it connects to.
#[derive(Debug)]
pub struct Settings {
    /// Separates this network's handshakes from all others: derived from the genesis hash.
    pub namespace: Vec<u8>,
    /// The local socket.
    pub listen: SocketAddr,
    /// All validators, this one included.
    pub peers: Vec<Peer>,
    /// Whether loopback and private addresses may be dialed and accepted.
    pub allow_private_addresses: bool,
}

/// Sends on one channel of the production network.
pub type Sender = lookup::Sender<PublicKey, Context>;
/// Receives on one channel of the production network.
pub type Receiver = lookup::Receiver<PublicKey>;
/// The production network's directory of peers.
pub type Oracle = lookup::Oracle<PublicKey>;

/// Messages per second and peer on each channel: bounds the memory of the preallocated queues.
const MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(256);
/// How far apart the clocks of two validators may be.
const CLOCK_DRIFT: Duration = Duration::from_secs(60);
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Listens and dials; returns the links for [`super::start`].
///
/// # Panics
/// If two peers share a key: the genesis was checked for that.
pub fn connect(context: &Context, signer: PrivateKey, settings: Settings) -> Links<Sender, Receiver, Oracle, Oracle> {
    let participants = u32::try_from(settings.peers.len()).expect("the genesis bounds the validators");
    let max_peers = NonZeroUsize::new(settings.peers.len()).unwrap_or(NonZeroUsize::MIN);
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake { signer, synchrony_bound: CLOCK_DRIFT, max_handshake_age: CLOCK_DRIFT, version: sake::Version::V1 },
        cups::Version::V1,
    );
    let mut config = lookup::Config::local(
        handshake,
        &settings.namespace,
        settings.listen,
        max_peers,
        limits::max_message_size(participants),
        MAILBOX,
    );
    config.allow_private_ips = settings.allow_private_addresses;
    config.bypass_ip_check = true;
    config.tracked_peer_sets = NZUsize!(2);
    config.dial_frequency = Duration::from_millis(200);
    config.allowed_handshake_rate_per_ip = Quota::per_second(NZU32!(64));
    config.block_duration = Duration::from_mins(10);

    let (mut network, mut oracle) = Network::new(context.child("network"), config);
    let directory: Vec<(PublicKey, Address)> = settings.peers.into_iter().map(|peer| (peer.key, address(peer.ingress))).collect();
    let directory: Map<PublicKey, Address> = directory.try_into().expect("validator keys are distinct");
    oracle.track(0, directory);
    let quota = Quota::per_second(MESSAGES_PER_SECOND);
    let channels = Channels {
        votes: network.register(0, quota),
        certificates: network.register(1, quota),
        resolver: network.register(2, quota),
        backfill: network.register(3, quota),
        broadcast: network.register(4, quota),
        state_sync: network.register(5, quota),
        probe: network.register(6, quota),
        mempool: network.register(7, quota),
    };
    network.start();
    Links { channels, peers: oracle.clone(), blocker: oracle }
}

/// With the address check off (keys authenticate, not addresses) the egress side is never read.
fn address(ingress: Ingress) -> Address {
    match ingress {
        Ingress::Socket(socket) => Address::Symmetric(socket),
        Ingress::Dns { .. } => Address::Asymmetric { ingress, egress: SocketAddr::from(([0, 0, 0, 0], 0)) },
    }
}
