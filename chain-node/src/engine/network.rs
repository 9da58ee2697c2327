//! The encrypted, authenticated network between validators.
//!
//! Only keys of members are let in: those of the genesis, and with governance those of the epochs as they come. Every message is
//! encrypted and signed for by its connection. Assumes that all validators run with the same limits. Refuses unknown keys at the handshake.

use super::{
    PublicKey, limits,
    members::{Admitted, Member},
};
use commonware_cryptography::{ChaCha20Poly1305, ed25519::PrivateKey};
use commonware_p2p::{
    Address, AddressableManager as _, AddressableTrackedPeers, Ingress,
    authenticated::lookup::{self, Network},
};
use commonware_runtime::{Quota, Supervisor as _, tokio::Context};
use commonware_stream::{
    cups::{self, Cups},
    sake::{self, Sake},
};
use commonware_utils::{NZU32, NZUsize, ordered::Map};
use ledger::limits::MAX_VALIDATORS;
use std::{
    collections::HashMap,
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

/// Everything the engine needs from a network: channels, the peer directory and the power to admit and to block a peer.
#[derive(Debug)]
pub struct Links<S, R, P, B, D> {
    /// One sender and receiver for each channel.
    pub channels: Channels<S, R>,
    /// Tells who the peers are.
    pub peers: P,
    /// Cuts off a peer that sent something no honest node sends.
    pub blocker: B,
    /// Is told whom to let in.
    pub directory: D,
}

/// Who is told whom to let in when the members change.
pub trait Directory: Send + 'static {
    /// Lets in these and no others.
    fn admit(&mut self, members: &Admitted);
}

/// A network that lets everybody in, as in a simulation.
impl Directory for () {
    fn admit(&mut self, _members: &Admitted) {}
}

/// How this node listens and whom it connects to.
#[derive(Debug)]
pub struct Settings {
    /// Separates this network's handshakes from all others: derived from the genesis hash.
    pub namespace: Vec<u8>,
    /// The local socket.
    pub listen: SocketAddr,
    /// The members that are let in at first.
    pub members: Admitted,
    /// Where members are reached.
    pub addresses: Addresses,
    /// Whether the members can change.
    pub governed: bool,
    /// Whether loopback and private addresses may be dialed and accepted.
    pub allow_private_addresses: bool,
}

/// Sends on one channel of the production network.
pub type Sender = lookup::Sender<PublicKey, Context>;
/// Receives on one channel of the production network.
pub type Receiver = lookup::Receiver<PublicKey>;
/// The production network's oracle: who its peers are.
pub type Oracle = lookup::Oracle<PublicKey>;

/// Messages per second and peer on each channel.
const MESSAGES_PER_SECOND: NonZeroU32 = NZU32!(256);
/// Messages of one peer at once on each channel. Every queue has this much room for each peer from the start, so it decides how much memory
/// an idle node takes; an honest peer has a few votes, one block and one batch of transactions under way.
const MESSAGES_AT_ONCE: NonZeroU32 = NZU32!(64);
/// How far apart the clocks of two validators may be.
const CLOCK_DRIFT: Duration = Duration::from_secs(60);
/// How often one of the members that are away is dialed.
const DIAL_EVERY: Duration = Duration::from_millis(200);
/// How long after an attempt, its own or the peer's, neither dials nor accepts the same peer: the network's rule against floods. Who came back is
/// turned away for as long by those that dialed it in vain, and turns them away after its own attempts; with a second, two nodes on a busy
/// machine miss each other for ten seconds and more. It must not be much shorter than a handshake takes there, or their attempts always cross.
const COOLDOWN: Duration = Duration::from_millis(250);
/// Handshakes of one address, and of one subnet, in a second: all members may dial at once, in a test city from one machine.
const HANDSHAKES_PER_ADDRESS: NonZeroU32 = NZU32!(128);
const HANDSHAKES_PER_SUBNET: NonZeroU32 = NZU32!(256);
const MAILBOX: NonZeroUsize = NZUsize!(1_024);

/// Where members are reached: what the configuration says by name, else what the ledger says.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// This node's key, and where it listens.
    pub me: (PublicKey, SocketAddr),
    /// By the member's name.
    pub configured: HashMap<String, Ingress>,
}

impl Addresses {
    /// Where to dial a member: an address, or a name that is resolved at each dial.
    pub fn of(&self, member: &Member) -> Option<Ingress> {
        let recorded = || member.record.address.as_deref().and_then(crate::config::ingress);
        let own = || (member.key == self.me.0).then_some(Ingress::Socket(self.me.1));
        self.configured.get(&member.record.name).cloned().or_else(recorded).or_else(own)
    }
}

/// The production network's directory: keys and addresses.
#[derive(Debug)]
pub struct AddressBook {
    oracle: Oracle,
    addresses: Addresses,
    /// Members that fit. A set that does not fit would end the process.
    room: usize,
    next: u64,
}

/// Members that fit a governed network at least, so that it may grow for a while before a node is restarted.
const ROOM: usize = 32;

/// How many members fit: each has room for its messages reserved in every channel.
fn room(settings: &Settings) -> usize {
    let members = settings.members.primary.len() + settings.members.secondary.len();
    if settings.governed { (members * 2 + 8).max(ROOM) } else { members.max(1) }
}

impl Directory for AddressBook {
    fn admit(&mut self, members: &Admitted) {
        let (mut primary, mut secondary) = (Vec::new(), Vec::new());
        for member in &members.primary {
            match self.addresses.of(member) {
                Some(ingress) => primary.push((member.key.clone(), address(ingress))),
                // It cannot be dialed, but it may dial.
                None => primary.push((member.key.clone(), nowhere())),
            }
        }
        for member in &members.secondary {
            secondary.push((member.key.clone(), self.addresses.of(member).map_or_else(nowhere, address)));
        }
        if primary.len() + secondary.len() > self.room {
            tracing::error!(
                members = primary.len() + secondary.len(),
                room = self.room,
                "the network has no room for all members; start this node again so that it makes room"
            );
            primary.truncate(self.room);
            secondary.truncate(self.room - primary.len());
        }
        let peers = AddressableTrackedPeers::new(Map::from_iter_dedup(primary), Map::from_iter_dedup(secondary));
        let _ = self.oracle.track(self.next, peers);
        self.next += 1;
    }
}

/// Listens and dials; returns the links for [`super::start`].
///
/// # Panics
/// If two peers share a key: the genesis was checked for that.
pub fn connect(
    context: &Context,
    signer: PrivateKey,
    settings: Settings,
) -> Links<Sender, Receiver, Oracle, Oracle, AddressBook> {
    let room = room(&settings);
    let participants = if settings.governed { MAX_VALIDATORS } else { room };
    let participants = u32::try_from(participants).expect("the ledger bounds the validators");
    let handshake = Cups::<_, ChaCha20Poly1305>::new(
        Sake { signer, synchrony_bound: CLOCK_DRIFT, max_handshake_age: CLOCK_DRIFT, version: sake::Version::V1 },
        cups::Version::V1,
    );
    let mut config = lookup::Config::local(
        handshake,
        &settings.namespace,
        settings.listen,
        NonZeroUsize::new(room).unwrap_or(NonZeroUsize::MIN),
        limits::max_message_size(participants),
        MAILBOX,
    );
    config.allow_private_ips = settings.allow_private_addresses;
    config.bypass_ip_check = true;
    config.tracked_peer_sets = NZUsize!(2);
    config.dial_frequency = DIAL_EVERY;
    config.peer_connection_cooldown = COOLDOWN;
    config.allowed_handshake_rate_per_ip = Quota::per_second(HANDSHAKES_PER_ADDRESS);
    config.allowed_handshake_rate_per_subnet = Quota::per_second(HANDSHAKES_PER_SUBNET);
    config.block_duration = Duration::from_mins(10);

    let (mut network, oracle) = Network::new(context.child("network"), config);
    let mut directory = AddressBook { oracle: oracle.clone(), addresses: settings.addresses, room, next: 0 };
    directory.admit(&settings.members);
    let quota = Quota::per_second(MESSAGES_PER_SECOND).allow_burst(MESSAGES_AT_ONCE);
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
    Links { channels, peers: oracle.clone(), blocker: oracle, directory }
}

/// With the address check off (keys authenticate, not addresses) the egress side is never read.
fn address(ingress: Ingress) -> Address {
    match ingress {
        Ingress::Socket(socket) => Address::Symmetric(socket),
        Ingress::Dns { .. } => Address::Asymmetric { ingress, egress: SocketAddr::from(([0, 0, 0, 0], 0)) },
    }
}

/// Nobody listens there: for a member that dials and is not dialed.
fn nowhere() -> Address {
    Address::Symmetric(SocketAddr::from(([0, 0, 0, 0], 0)))
}
