//! The topology file: in which cluster each validator stands, and in which network zone it listens.
//!
//! Checked before a ledger begins. Refuses a cluster whose loss would stop the ledger, a validator that is placed elsewhere than the
//! genesis says, zones that overlap, and a socket outside its zone. It describes; what enforces zones is the operator's firewall.

use ledger::{genesis::Genesis, quorum::faults_tolerated};
use serde::Deserialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

/// Bytes of a topology file at most.
const MAX_TOPOLOGY_BYTES: u64 = 1024 * 1024;

/// The file (JSON).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Where each validator stands and listens.
    pub nodes: Vec<Node>,
    /// The zones.
    pub zones: Zones,
}

/// A validator's place.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// Its name in the genesis.
    pub validator: String,
    /// Its cluster, as in the genesis.
    pub cluster: String,
    /// Where other validators reach it: in the validator zone.
    pub network: SocketAddr,
    /// Where services reach its RPC: in the access zone.
    pub rpc: SocketAddr,
}

/// The three zones; a socket is in one of them at most.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zones {
    /// Validators talk to each other here, and nobody else does.
    pub validator: Zone,
    /// The departments' services reach the RPC here.
    pub access: Zone,
    /// Citizens and sites reach the services here, and no validator.
    pub public: Zone,
}

/// Addresses and ports.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// `address/prefix`, as `10.1.0.0/16`.
    pub network: String,
    /// The first port of the zone; 0 when left out.
    #[serde(default)]
    pub first_port: u16,
    /// The last port of the zone; 65 535 when left out.
    #[serde(default = "last_port")]
    pub last_port: u16,
}

fn last_port() -> u16 {
    u16::MAX
}

/// Why a topology is refused.
#[derive(Debug, thiserror::Error)]
pub enum TopologyError {
    /// The file cannot be read.
    #[error("the topology file {} cannot be read: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a topology.
    #[error("the topology file is not a topology: {0}")]
    Malformed(String),
    /// A validator of the genesis is not placed, or is placed twice.
    #[error("validator {0} of the genesis must stand in the topology exactly once")]
    Placed(String),
    /// The topology places a validator that the genesis does not have.
    #[error("the topology places {0}, which is no validator of the genesis")]
    Unknown(String),
    /// Genesis and topology disagree.
    #[error("validator {validator} stands in cluster {topology} by the topology and in cluster {genesis} by the genesis")]
    Cluster {
        /// The validator.
        validator: String,
        /// Its cluster in the topology.
        topology: String,
        /// Its cluster in the genesis.
        genesis: String,
    },
    /// The loss of one cluster would stop the ledger.
    #[error(
        "cluster {cluster} holds {held} of {validators} validators, and only {tolerated} may fail: if it is lost the ledger stops. \
         Move {} of them to another cluster", held - tolerated
    )]
    TooMany {
        /// The cluster.
        cluster: String,
        /// How many validators it holds.
        held: usize,
        /// How many there are.
        validators: usize,
        /// How many may fail.
        tolerated: usize,
    },
    /// A zone is not `address/prefix` with ports in order.
    #[error("the {0} zone is not address/prefix with its ports in order")]
    Zone(&'static str),
    /// Two zones share a socket.
    #[error("the {0} zone and the {1} zone overlap: they must be separated")]
    Overlap(&'static str, &'static str),
    /// A socket is not in its zone.
    #[error("{validator} listens on {socket}, which is not in the {zone} zone")]
    Outside {
        /// The validator.
        validator: String,
        /// The socket.
        socket: SocketAddr,
        /// The zone that it should be in.
        zone: &'static str,
    },
}

/// Reads a topology file.
///
/// # Errors
/// When it cannot be read or is not a topology.
pub fn load(path: &Path) -> Result<Topology, TopologyError> {
    let io = |source| TopologyError::Io { path: path.to_owned(), source };
    if fs::metadata(path).map_err(io)?.len() > MAX_TOPOLOGY_BYTES {
        return Err(TopologyError::Malformed(format!("it has more than {MAX_TOPOLOGY_BYTES} bytes")));
    }
    serde_json::from_slice(&fs::read(path).map_err(io)?).map_err(|error| TopologyError::Malformed(error.to_string()))
}

/// Checks the placement of a genesis without its topology file.
///
/// # Errors
/// [`TopologyError::TooMany`]. With fewer than four validators none may fail, and there is nothing to place.
pub fn check_clusters(genesis: &Genesis) -> Result<(), TopologyError> {
    let validators = genesis.validators.len();
    let tolerated = faults_tolerated(validators);
    let mut clusters: BTreeMap<&str, usize> = BTreeMap::new();
    for validator in &genesis.validators {
        *clusters.entry(&validator.cluster).or_default() += 1;
    }
    match clusters.into_iter().find(|(_, held)| tolerated > 0 && *held > tolerated) {
        Some((cluster, held)) => Err(TopologyError::TooMany { cluster: cluster.to_owned(), held, validators, tolerated }),
        None => Ok(()),
    }
}

/// Checks a topology against the genesis.
///
/// # Errors
/// The first rule that is broken; see [`TopologyError`].
pub fn check(topology: &Topology, genesis: &Genesis) -> Result<(), TopologyError> {
    check_clusters(genesis)?;
    let zones = &topology.zones;
    let named = [("validator", &zones.validator), ("access", &zones.access), ("public", &zones.public)];
    let mut parsed = Vec::new();
    for (name, zone) in named {
        parsed.push((name, Range::of(zone).ok_or(TopologyError::Zone(name))?));
    }
    for (place, (name, range)) in parsed.iter().enumerate() {
        if let Some((other, _)) = parsed.iter().take(place).find(|(_, other)| other.overlaps(range)) {
            return Err(TopologyError::Overlap(other, name));
        }
    }
    let mut seen = BTreeSet::new();
    for node in &topology.nodes {
        let Some(validator) = genesis.validators.iter().find(|validator| validator.name == node.validator) else {
            return Err(TopologyError::Unknown(node.validator.clone()));
        };
        if !seen.insert(&node.validator) {
            return Err(TopologyError::Placed(node.validator.clone()));
        }
        if validator.cluster != node.cluster {
            let (topology, genesis) = (node.cluster.clone(), validator.cluster.clone());
            return Err(TopologyError::Cluster { validator: node.validator.clone(), topology, genesis });
        }
        for ((zone, range), socket) in parsed.iter().zip([node.network, node.rpc]) {
            if !range.holds(socket) {
                return Err(TopologyError::Outside { validator: node.validator.clone(), socket, zone });
            }
        }
    }
    match genesis.validators.iter().find(|validator| !seen.contains(&validator.name)) {
        Some(validator) => Err(TopologyError::Placed(validator.name.clone())),
        None => Ok(()),
    }
}

/// A zone as numbers: addresses as IPv6, so that both families are one.
struct Range {
    first: u128,
    last: u128,
    first_port: u16,
    last_port: u16,
}

impl Range {
    fn of(zone: &Zone) -> Option<Self> {
        let (address, prefix) = zone.network.split_once('/')?;
        let (address, prefix): (IpAddr, u32) = (address.parse().ok()?, prefix.parse().ok()?);
        let bits = if address.is_ipv4() { 32_u32 } else { 128 };
        let free = bits.checked_sub(prefix)?;
        let mask = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        let first = number(address) & !mask;
        (zone.first_port <= zone.last_port).then_some(Self {
            first,
            last: first | mask,
            first_port: zone.first_port,
            last_port: zone.last_port,
        })
    }

    fn holds(&self, socket: SocketAddr) -> bool {
        (self.first..=self.last).contains(&number(socket.ip())) && (self.first_port..=self.last_port).contains(&socket.port())
    }

    fn overlaps(&self, other: &Self) -> bool {
        let addresses = self.first <= other.last && other.first <= self.last;
        addresses && self.first_port <= other.last_port && other.first_port <= self.last_port
    }
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => u128::from(address.to_ipv6_mapped()),
        IpAddr::V6(address) => u128::from(address),
    }
}
