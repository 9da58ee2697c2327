//! One consensus engine after another: each epoch has its own validators, channels, votes on disk, and end.
//!
//! When the last block of an epoch is final here, its hook has put the next set into the store; then the next engine starts on that
//! block, the old one stops, and only then is the block acknowledged. So a restart on either side of the boundary begins in the
//! right epoch. Traffic of a later epoch means that its sender has the end of this one: it is asked for the certificate.
//! Assumes that marshal delivers blocks in order. Panics where that, or the node's own storage, is broken.

use super::{
    consensus::{Consensus, Links},
    early::{Early, Resumed},
    epochs::Epochs,
    members::Membership,
    network::Directory,
    types::{Digest, Environment, Marshal, PublicKey},
};
use crate::{
    engine::block::Block,
    kill_points::{self, Point},
    peers::Peers,
};
use commonware_actor::Feedback;
use commonware_consensus::{Heightable as _, Reporter, marshal::Update, simplex::config::Floor, types::Height};
use commonware_cryptography::{Digestible as _, certificate::Scheme as _};
use commonware_macros::select;
use commonware_p2p::{
    Blocker, Channel, Message, Receiver, Sender,
    utils::mux::{Builder as _, MuxHandle, Muxer, SubReceiver, SubSender},
};
use commonware_runtime::Handle;
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact, vec::NonEmptyVec};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// How often a peer that is ahead may be asked for the end of this epoch.
const ASK_AGAIN: Duration = Duration::from_secs(1);

/// Hands finalized blocks over. The queue needs no limit of its own: marshal waits for acknowledgements.
#[derive(Clone)]
pub(super) struct Finalized(mpsc::UnboundedSender<(u64, Digest, Exact)>);

/// The other end of [`Finalized`].
pub(super) type Blocks = mpsc::UnboundedReceiver<(u64, Digest, Exact)>;

impl Finalized {
    pub(super) fn channel() -> (Self, Blocks) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }
}

impl Reporter for Finalized {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        match update {
            Update::Tip(..) => Feedback::Ok,
            Update::Block(block, acknowledgement) => {
                let sent = self.0.send((block.height().get(), block.digest(), acknowledgement));
                if sent.is_ok() { Feedback::Ok } else { Feedback::Closed }
            }
        }
    }
}

/// A channel cut into epochs. What comes for an epoch that this node is not in arrives in `others`.
struct Mux<S: Sender<PublicKey = PublicKey>> {
    handle: MuxHandle<S>,
    others: mpsc::Receiver<(Channel, Message<PublicKey>)>,
    early: Early,
}

type Sub<S> = (SubSender<S>, Resumed<SubReceiver<PublicKey>>);

impl<S: Sender<PublicKey = PublicKey>> Mux<S> {
    fn start<E: Environment, R: Receiver<PublicKey = PublicKey>>(context: E, (sender, receiver): (S, R)) -> Self {
        let (muxer, handle, others) = Muxer::builder(context, sender, receiver).with_backup().build();
        muxer.start();
        Self { handle, others, early: Early::default() }
    }

    /// The channel of one epoch, with what came too early for it. None when the network has stopped.
    async fn register(&mut self, epoch: u64) -> Option<Sub<S>> {
        let (sender, receiver) = self.handle.register(epoch).await.ok()?;
        while let Ok((channel, message)) = self.others.try_recv() {
            if channel == epoch {
                self.early.keep(message);
            }
        }
        Some((sender, Resumed::new(std::mem::take(&mut self.early), receiver)))
    }
}

/// The engine of the epoch that this node is in; it stops when it is dropped.
struct Active {
    epoch: u64,
    engine: Handle<()>,
}

impl Drop for Active {
    fn drop(&mut self) {
        self.engine.abort();
    }
}

/// The parts of the orchestrator.
pub(super) struct Parts<E: Environment, B, D> {
    pub(super) epochs: Arc<Epochs>,
    pub(super) marshal: Marshal,
    pub(super) consensus: Consensus<E, B>,
    pub(super) directory: D,
    pub(super) peers: Arc<Peers>,
    pub(super) blocks: Blocks,
    /// The digest of the block at height 0.
    pub(super) genesis: Digest,
}

/// Runs an engine for every epoch.
pub(super) struct Orchestrator<E: Environment, S: Sender<PublicKey = PublicKey>, B, D> {
    context: E,
    parts: Parts<E, B, D>,
    votes: Mux<S>,
    certificates: Mux<S>,
    requests: Mux<S>,
    membership: watch::Receiver<Membership>,
    /// Peers that are ahead, with their epoch.
    ahead: BTreeMap<PublicKey, u64>,
    /// Those that were asked within the last moment.
    asked: BTreeSet<PublicKey>,
}

impl<E, S, B, D> Orchestrator<E, S, B, D>
where
    E: Environment,
    S: Sender<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
    D: Directory,
{
    /// Cuts the channels into epochs.
    pub(super) fn new<R: Receiver<PublicKey = PublicKey>>(
        context: E,
        parts: Parts<E, B, D>,
        links: Links<(S, R), (S, R), (S, R)>,
    ) -> Self {
        let mut membership = parts.epochs.membership();
        membership.mark_changed();
        Self {
            votes: Mux::start(context.child("votes"), links.votes),
            certificates: Mux::start(context.child("certificates"), links.certificates),
            requests: Mux::start(context.child("requests"), links.requests),
            membership,
            ahead: BTreeMap::new(),
            asked: BTreeSet::new(),
            context,
            parts,
        }
    }

    /// Runs until the node stops.
    ///
    /// # Panics
    /// When an engine fails, or a finalized block is not the next one.
    pub(super) async fn run(mut self) {
        let Some(mut active) = self.resume().await else {
            return;
        };
        let mut stopped = self.context.stopped();
        let mut ask = self.context.current() + ASK_AGAIN;
        loop {
            select! {
                _ = &mut stopped => return,
                other = self.votes.others.recv() => match other {
                    Some((epoch, message)) => self.other(&active, epoch, message, |mux| &mut mux.votes),
                    None => return,
                },
                other = self.certificates.others.recv() => match other {
                    Some((epoch, message)) => self.other(&active, epoch, message, |mux| &mut mux.certificates),
                    None => return,
                },
                // Requests for an epoch that is over, or not begun, are answered by whoever is in it.
                other = self.requests.others.recv() => if other.is_none() {
                    return;
                },
                _ = self.context.sleep_until(ask) => {
                    ask = self.context.current() + ASK_AGAIN;
                    self.asked.clear();
                },
                changed = self.membership.changed() => match changed {
                    Ok(()) => self.admit(),
                    Err(_closed) => return,
                },
                ended = &mut active.engine => match ended {
                    Ok(()) => return,
                    Err(error) => panic!("the consensus engine of epoch {} failed: {error}", active.epoch),
                },
                block = self.parts.blocks.recv() => match block {
                    Some((height, digest, acknowledgement)) => {
                        if !self.finalized(&mut active, height, digest).await {
                            return;
                        }
                        acknowledgement.acknowledge();
                    }
                    None => return,
                },
            }
        }
    }

    /// Enters the epoch of the first block that was not acknowledged.
    async fn resume(&mut self) -> Option<Active> {
        let processed = self.parts.marshal.get_processed().await;
        let epoch = processed.map_or(0, |processed| self.parts.epochs.epoch_of(processed.height().next().get()));
        let root = if epoch == 0 {
            self.parts.genesis
        } else {
            let boundary = self.parts.epochs.boundary(epoch).expect("a boundary is stored before its block is acknowledged");
            Digest::from(boundary.header.digest())
        };
        // A node that starts has heard nobody: nobody is absent before the engine has waited for them once.
        self.enter(epoch, root, |_| true).await
    }

    /// Starts the engine of an epoch whose first block builds on `root`, with those who are `here`. None when the network has stopped.
    async fn enter(&mut self, epoch: u64, root: Digest, here: impl Fn(&PublicKey) -> bool) -> Option<Active> {
        let scheme = self.parts.epochs.scheme(epoch).expect("the members of an epoch are stored before it begins");
        self.parts.epochs.enter(epoch);
        self.admit();
        self.votes.early.greet(epoch, &scheme, here);
        let links = Links {
            votes: self.votes.register(epoch).await?,
            certificates: self.certificates.register(epoch).await?,
            requests: self.requests.register(epoch).await?,
        };
        let context = self.context.child("simplex").with_attribute("epoch", epoch);
        let engine = self.parts.consensus.start(context, epoch, scheme, Floor::Genesis(root), links);
        let role = self.membership.borrow().role(&self.parts.epochs.me());
        tracing::info!(epoch, role = role.as_str(), "this node's consensus is in this epoch now");
        Some(Active { epoch, engine })
    }

    /// Tells the network whom to let in.
    fn admit(&mut self) {
        let admitted = self.membership.borrow_and_update().admitted();
        self.parts.directory.admit(&admitted);
    }

    /// A message for an epoch that this node is not in.
    fn other(&mut self, active: &Active, epoch: u64, message: Message<PublicKey>, mux: impl Fn(&mut Self) -> &mut Mux<S>) {
        if epoch <= active.epoch {
            return;
        }
        let sender = message.0.clone();
        if epoch == active.epoch + 1 {
            mux(self).early.keep(message);
        }
        self.ahead.insert(sender.clone(), epoch);
        self.ask(active.epoch, sender);
    }

    /// Asks a peer that is ahead for the certificate of this epoch's last block.
    fn ask(&mut self, epoch: u64, peer: PublicKey) {
        let Some(last) = self.parts.epochs.last_height_of(epoch) else {
            return;
        };
        if self.asked.insert(peer.clone()) {
            self.parts.marshal.hint_finalized(Height::new(last), NonEmptyVec::new(peer));
        }
    }

    /// A block is final. Gives false when the node is stopping.
    async fn finalized(&mut self, active: &mut Active, height: u64, digest: Digest) -> bool {
        let last = self.parts.epochs.last_height_of(active.epoch);
        if last.is_none_or(|last| height < last) {
            return true;
        }
        assert_eq!(Some(height), last, "the last block of epoch {} was left out", active.epoch);
        let next = active.epoch + 1;
        let mut newest = self.parts.epochs.newest();
        let mut stopped = self.context.stopped();
        select! {
            _ = &mut stopped => return false,
            known = newest.wait_for(|newest| *newest >= next) => if known.is_err() {
                return false;
            },
        }
        kill_points::reach(Point::EpochStored);
        // Who was not a member yet may still be catching up: its first turn is left out by all, and not by some of them.
        let members = self.parts.epochs.scheme(active.epoch).expect("this node is in this epoch");
        let (peers, now) = (self.parts.peers.clone(), self.context.current());
        let here = |peer: &PublicKey| members.participants().position(peer).is_some() && peers.is_here(peer, now);
        let Some(entered) = self.enter(next, digest, here).await else {
            return false;
        };
        kill_points::reach(Point::EpochEntered);
        let left = std::mem::replace(active, entered).epoch;
        // The votes of the epoch that was left stay until the next boundary: a node that stops before this one is acknowledged begins
        // in it again, and must know what it signed. Those of the epoch before it can go.
        if let Some(old) = left.checked_sub(1) {
            let partition = self.parts.consensus.partition(old);
            if let Err(error) = self.context.remove(&partition, None).await {
                // Nothing is lost but space.
                tracing::debug!(partition, %error, "the votes of an old epoch could not be removed");
            }
        }
        self.asked.clear();
        self.ahead.retain(|_, epoch| *epoch > next);
        let ahead: Vec<PublicKey> = self.ahead.keys().cloned().collect();
        ahead.into_iter().for_each(|peer| self.ask(next, peer));
        true
    }
}
