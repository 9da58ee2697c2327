//! How a wicked validator speaks: what becomes of each message of its engine.

use crate::{
    plot::Plot,
    scenario::{Kind, Moment},
    voice::{Line, Parcel},
};
use chain_node::engine::{
    block::Block,
    epochs::Epochs,
    types::{Digest, PublicKey, Scheme},
};
use commonware_codec::{DecodeExt as _, Encode as _};
use commonware_consensus::{
    Epochable as _, Viewable as _,
    simplex::types::{Finalize, Notarize, Proposal, Vote},
};
use commonware_cryptography::{Hasher as _, Sha256, Signer as _, ed25519::PrivateKey};
use commonware_runtime::IoBuf;
use commonware_utils::ordered::Set;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A request fits in this many bytes; what is longer answers one.
const REQUEST_BYTES: usize = 64;

/// How long a validator that plans thinks about its vote.
const THOUGHT: Moment = Moment(10);

/// What a wicked validator signs with: its key, without the vote guard, as a member of whichever epoch.
#[derive(Debug)]
pub struct Pen {
    key: PrivateKey,
    namespace: Vec<u8>,
    first: Set<PublicKey>,
    epochs: Mutex<Option<Arc<Epochs>>>,
}

impl Pen {
    /// The pen of a key, which knows the validators of the genesis.
    pub fn new(key: PrivateKey, namespace: Vec<u8>, first: Set<PublicKey>) -> Self {
        Self { key, namespace, first, epochs: Mutex::default() }
    }

    fn scheme(&self, epoch: u64) -> Option<Scheme> {
        let known = self.epochs.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let members = known.and_then(|epochs| epochs.members(epoch)).filter(|_| epoch > 0);
        let keys = members.map_or_else(|| self.first.clone(), |members| Set::from_iter_dedup(members.keys()));
        Scheme::signer(&self.namespace, keys, self.key.clone())
    }
}

/// The wicked ways of one validator.
#[derive(Debug)]
pub struct Manners {
    kinds: BTreeMap<Kind, i64>,
    me: PublicKey,
    pen: Pen,
    quorum: usize,
    plot: Arc<Plot>,
}

impl Manners {
    /// A validator with these ways (and their amounts), its pen and its fellows.
    pub fn new(kinds: BTreeMap<Kind, i64>, pen: Pen, quorum: usize, plot: Arc<Plot>) -> Self {
        Self { kinds, me: pen.key.public_key(), pen, quorum, plot }
    }

    /// Its node runs, and knows who the members of each epoch are.
    pub fn know(&self, epochs: Arc<Epochs>) {
        *self.pen.epochs.lock().unwrap_or_else(PoisonError::into_inner) = Some(epochs);
    }

    /// The amount of one of its ways, if it has it.
    pub fn amount(&self, kind: Kind) -> Option<i64> {
        self.kinds.get(&kind).copied()
    }

    fn does(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// What leaves the machine when its engine says `bytes` to `to`.
    pub fn say(&self, line: Line, to: Vec<PublicKey>, bytes: IoBuf) -> Vec<Parcel> {
        let plain = |to: Vec<PublicKey>, bytes: IoBuf| vec![Parcel::now(to, bytes)];
        match line {
            Line::Broadcast => self.broadcast(to, bytes),
            Line::Votes => self.vote(to, bytes),
            Line::Backfill | Line::Resolver | Line::StateSync | Line::Probe if bytes.len() > REQUEST_BYTES => {
                if self.does(Kind::Lie) {
                    return plain(to, flipped(&bytes));
                }
                if line == Line::Backfill && (self.does(Kind::Withhold) || self.does(Kind::Partial)) {
                    return Vec::new();
                }
                plain(to, bytes)
            }
            Line::Certificates | Line::Backfill | Line::Resolver | Line::StateSync | Line::Probe | Line::Mempool => {
                plain(to, bytes)
            }
        }
    }

    fn broadcast(&self, to: Vec<PublicKey>, bytes: IoBuf) -> Vec<Parcel> {
        let block = Block::decode(bytes.clone()).ok().filter(|block| block.header().context.leader == *self.me.as_ref());
        let Some(block) = block else {
            return vec![Parcel::now(to, bytes)];
        };
        self.plot.own(&block);
        if self.does(Kind::Withhold) || self.does(Kind::SkipTurn) {
            return Vec::new();
        }
        if self.does(Kind::Partial) {
            // It has the block itself: with it, one fewer than a quorum.
            let to = to.into_iter().take(self.quorum.saturating_sub(2)).collect();
            return vec![Parcel::now(to, bytes)];
        }
        if let Some(later) = self.kinds.get(&Kind::Late) {
            return vec![Parcel { to, bytes, later: Moment(later.unsigned_abs()), again: false }];
        }
        if self.does(Kind::Equivocate) {
            return self.two_blocks(&block, to, bytes);
        }
        vec![Parcel::now(to, bytes)]
    }

    /// The block to one half, and another that is as valid to the other half: it is a millisecond younger.
    fn two_blocks(&self, block: &Block, to: Vec<PublicKey>, bytes: IoBuf) -> Vec<Parcel> {
        let mut twin = block.ledger().clone();
        twin.header.timestamp_ms += 1;
        let view = twin.header.context.view;
        let Ok(twin) = Block::new(twin) else {
            return vec![Parcel::now(to, bytes)];
        };
        self.plot.propose(block, &twin);
        let (first, second) = self.plot.sides(view, to);
        let twin = IoBuf::from(twin.encode().to_vec());
        vec![Parcel::now(first, bytes), Parcel::now(second, twin)]
    }

    /// The engine votes for its own block a moment before the block leaves, and only then is it known what the plan for it is.
    fn vote(&self, to: Vec<PublicKey>, bytes: IoBuf) -> Vec<Parcel> {
        if self.does(Kind::Equivocate) || self.does(Kind::SkipTurn) {
            return vec![Parcel { to, bytes, later: THOUGHT, again: true }];
        }
        self.vote_now(to, bytes)
    }

    /// What becomes of a vote.
    pub fn vote_now(&self, to: Vec<PublicKey>, bytes: IoBuf) -> Vec<Parcel> {
        let (channel, rest) = crate::frame::split(self.plot.governed(), &bytes);
        let Ok(vote) = Vote::<Scheme, Digest>::decode(rest) else {
            return vec![Parcel::now(to, bytes)];
        };
        let framed = |vote: Vote<Scheme, Digest>| crate::frame::join(channel, &vote.encode());
        if self.does(Kind::SkipTurn) && self.proposes(&vote) {
            return Vec::new();
        }
        if self.does(Kind::Equivocate)
            && let Some((first, second)) = self.both_votes(&vote)
        {
            let view = view(&vote);
            let (one, other) = self.plot.sides(view, to);
            return vec![Parcel::now(one, framed(first)), Parcel::now(other, framed(second))];
        }
        let mut parcels = vec![Parcel::now(to.clone(), bytes)];
        if self.does(Kind::DoubleVote)
            && let Some(second) = self.contradiction(&vote)
        {
            parcels.push(Parcel::now(to, framed(second)));
        }
        parcels
    }

    /// Whether this vote is for a block of its own.
    fn proposes(&self, vote: &Vote<Scheme, Digest>) -> bool {
        matches!(vote, Vote::Notarize(notarize) if self.plot.is_own(&notarize.proposal.payload))
    }

    /// The same vote for each of the two blocks of a plot.
    fn both_votes(&self, vote: &Vote<Scheme, Digest>) -> Option<(Vote<Scheme, Digest>, Vote<Scheme, Digest>)> {
        let (proposal, finalizes) = match vote {
            Vote::Notarize(notarize) => (&notarize.proposal, false),
            Vote::Finalize(finalize) => (&finalize.proposal, true),
            Vote::Nullify(_) => return None,
        };
        let (first, second) = self.plot.pair(&proposal.payload)?;
        let scheme = self.pen.scheme(proposal.epoch().get())?;
        let sign = |payload: Digest| {
            let proposal = Proposal::new(proposal.round, proposal.parent, payload);
            Some(if finalizes {
                Vote::Finalize(Finalize::sign(&scheme, proposal)?)
            } else {
                Vote::Notarize(Notarize::sign(&scheme, proposal)?)
            })
        };
        Some((sign(first)?, sign(second)?))
    }

    /// A vote that no honest validator could give beside this one.
    fn contradiction(&self, vote: &Vote<Scheme, Digest>) -> Option<Vote<Scheme, Digest>> {
        let scheme = self.pen.scheme(vote.epoch().get())?;
        let other = |proposal: &Proposal<Digest>| {
            Proposal::new(proposal.round, proposal.parent, Sha256::hash(&[proposal.payload.as_ref()]))
        };
        Some(match vote {
            Vote::Notarize(notarize) => Vote::Notarize(Notarize::sign(&scheme, other(&notarize.proposal))?),
            Vote::Finalize(finalize) => Vote::Finalize(Finalize::sign(&scheme, other(&finalize.proposal))?),
            Vote::Nullify(nullify) => {
                let payload = Sha256::hash(&[b"made up"]);
                let proposal = Proposal::new(nullify.round, commonware_consensus::types::View::zero(), payload);
                Vote::Finalize(Finalize::sign(&scheme, proposal)?)
            }
        })
    }
}

fn view(vote: &Vote<Scheme, Digest>) -> u64 {
    vote.view().get()
}

/// The bytes with one bit in their middle flipped.
fn flipped(bytes: &IoBuf) -> IoBuf {
    let mut bytes = bytes.as_ref().to_vec();
    let middle = bytes.len() / 2;
    bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
    IoBuf::from(bytes)
}
