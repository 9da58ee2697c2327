//! Whom each validator of a governed ledger lets in, as the address book of the production network has it.
//!
//! Two validators hear each other where each lets the other in. On a ledger without governance everybody does, for ever.

use chain_node::engine::{members::Admitted, network::Directory, types::PublicKey};
use commonware_p2p::{PeerSetSubscription, PeerSetUpdate, Provider, TrackedPeers, simulated};
use commonware_runtime::deterministic::Context;
use commonware_utils::ordered::Set;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::mpsc;

/// The doors of all validators, by key.
#[derive(Debug, Clone, Default)]
pub struct Doors(Arc<Mutex<BTreeMap<PublicKey, Guests>>>);

#[derive(Debug, Default)]
struct Guests {
    number: u64,
    latest: TrackedPeers<PublicKey>,
    before: TrackedPeers<PublicKey>,
    told: Vec<mpsc::UnboundedSender<PeerSetUpdate<PublicKey>>>,
}

impl Guests {
    fn update(&self) -> PeerSetUpdate<PublicKey> {
        let primary = self.latest.primary.iter().chain(&self.before.primary).cloned();
        let all = TrackedPeers::new(Set::from_iter_dedup(primary), self.latest.secondary.clone());
        PeerSetUpdate { index: self.number, latest: self.latest.clone(), all }
    }
}

impl Doors {
    fn guests(&self) -> MutexGuard<'_, BTreeMap<PublicKey, Guests>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The door of a validator whose process starts: as it was, or at first open to the validators of the genesis.
    pub fn of(&self, me: &PublicKey, genesis: &[PublicKey]) -> Door {
        let at_first =
            || Guests { latest: TrackedPeers::primary(Set::from_iter_dedup(genesis.iter().cloned())), ..Guests::default() };
        self.guests().entry(me.clone()).or_insert_with(at_first);
        Door { me: me.clone(), doors: self.clone() }
    }

    /// Whether each of the two lets the other in.
    pub fn open(&self, one: &PublicKey, other: &PublicKey) -> bool {
        let guests = self.guests();
        let lets = |host: &PublicKey, guest: &PublicKey| {
            let listed =
                |latest: &TrackedPeers<PublicKey>| latest.primary.iter().chain(&latest.secondary).any(|listed| listed == guest);
            guests.get(host).is_some_and(|guests| listed(&guests.latest))
        };
        lets(one, other) && lets(other, one)
    }
}

/// One validator's door.
#[derive(Debug, Clone)]
pub struct Door {
    me: PublicKey,
    doors: Doors,
}

/// Tells the engine whom to let in: to a door on a governed ledger, to nobody on others.
#[derive(Debug)]
pub struct Porter(pub Option<Door>);

impl Directory for Porter {
    fn admit(&mut self, members: &Admitted) {
        let Some(Door { me, doors }) = &self.0 else { return };
        let keys = |members: &[chain_node::engine::members::Member]| {
            Set::from_iter_dedup(members.iter().map(|member| member.key.clone()))
        };
        let latest = TrackedPeers::new(keys(&members.primary), keys(&members.secondary));
        let mut guests = doors.guests();
        let Some(mine) = guests.get_mut(me).filter(|mine| mine.latest != latest) else { return };
        mine.before = std::mem::replace(&mut mine.latest, latest);
        mine.number += 1;
        let update = mine.update();
        mine.told.retain(|told| told.send(update.clone()).is_ok());
    }
}

/// Who the peers are: the network's word where members stay, the door's where they change.
#[derive(Debug, Clone)]
pub enum Peers {
    /// The same for everybody.
    Everybody(simulated::Manager<PublicKey, Context>),
    /// As this validator's engine says.
    Admitted(Door),
}

impl Provider for Peers {
    type PublicKey = PublicKey;

    async fn peer_set(&mut self, id: u64) -> Option<TrackedPeers<PublicKey>> {
        match self {
            Self::Everybody(manager) => manager.peer_set(id).await,
            Self::Admitted(Door { me, doors }) => {
                doors.guests().get(me).filter(|mine| mine.number == id).map(|mine| mine.latest.clone())
            }
        }
    }

    async fn subscribe(&mut self) -> PeerSetSubscription<PublicKey> {
        match self {
            Self::Everybody(manager) => manager.subscribe().await,
            Self::Admitted(Door { me, doors }) => {
                let (told, updates) = mpsc::unbounded_channel();
                if let Some(mine) = doors.guests().get_mut(me) {
                    let _ = told.send(mine.update());
                    mine.told.push(told);
                }
                updates
            }
        }
    }
}
