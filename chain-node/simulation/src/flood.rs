//! A validator that sends what no honest one sends, ten times a second, beside what its engine says.

use crate::{
    cast, frame,
    log::Log,
    voice::{Line, Wire},
    world::SimulatedNode,
};
use chain_node::engine::{
    block::Block,
    types::{Digest, Scheme},
};
use commonware_codec::Encode as _;
use commonware_consensus::{
    simplex::types::{Certificate, Finalization, Finalize, Notarize, Nullify, Proposal, Vote},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    Hasher as _, Sha256, Signer as _, certificate::Scheme as _, certificate::Signers,
    ed25519::certificate::Certificate as Signatures,
};
use commonware_p2p::{Recipients, Sender as _};
use commonware_runtime::{Clock as _, IoBuf, deterministic::Context};
use commonware_utils::ordered::Set;
use ledger::finality;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// What it sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Bytes that mean nothing.
    Garbage,
    /// As many bytes as the network carries: twice what the engine allows.
    Oversized,
    /// Votes signed for another ledger.
    OtherLedger,
    /// Properly signed votes of views far ahead. (One of a view long past would contradict a vote that it gave then.)
    Views,
    /// Certificates under which its own signature stands a quorum of times.
    ForgedCertificates,
    /// Blocks whose body is not the one that their header commits to.
    ForgedBlocks,
    /// Votes of every kind by a key that was a validator's, for the views to come of an epoch in which it is not.
    OldKey,
}

impl Sort {
    /// All sorts that a validator has.
    pub const ALL: [Self; 6] =
        [Self::Garbage, Self::Oversized, Self::OtherLedger, Self::Views, Self::ForgedCertificates, Self::ForgedBlocks];

    /// The sort with this number from 1; with 0, each validator has another.
    pub fn of(number: i64, place: usize) -> Self {
        let chosen = usize::try_from(number).ok().and_then(|number| number.checked_sub(1)).unwrap_or(place);
        Self::ALL.into_iter().cycle().nth(chosen % Self::ALL.len()).unwrap_or(Self::Garbage)
    }

    /// Whether it shows by itself that its sender is no honest validator.
    pub const fn shows(self) -> bool {
        match self {
            Self::Garbage | Self::Oversized | Self::OtherLedger | Self::ForgedCertificates | Self::OldKey => true,
            // The engine drops a block that does not decode, and says so in its log only.
            Self::Views | Self::ForgedBlocks => false,
        }
    }
}

const EVERY: Duration = Duration::from_millis(100);

/// One validator that floods.
pub struct Flood {
    /// Its place.
    pub place: usize,
    /// What it sends.
    pub sort: Sort,
    /// Its channels.
    pub lines: Vec<(Line, Wire)>,
    /// Its ledger.
    pub genesis: ledger::genesis::Genesis,
    /// Its node, once that runs.
    pub node: Arc<OnceLock<Arc<SimulatedNode>>>,
    /// What became final.
    pub log: Arc<Log>,
    /// Bytes of the longest message that the network carries.
    pub longest: usize,
    /// Its first block, altered.
    pub block: Block,
}

impl Flood {
    /// Sends until its machine stops.
    pub async fn run(mut self, context: Context) {
        let mut round = 0_u64;
        loop {
            context.sleep(EVERY).await;
            round += 1;
            for (line, bytes) in self.messages(round) {
                if let Some((_, wire)) = self.lines.iter_mut().find(|(its, _)| *its == line) {
                    let _ = wire.send(Recipients::All, bytes, false);
                }
            }
        }
    }

    /// The epoch that its node is in; the first one before it runs.
    fn epoch(&self) -> u64 {
        self.node.get().map_or(0, |node| node.peers.membership().epoch)
    }

    /// What signs as a member of an epoch for the ledger with this hash.
    fn scheme(&self, genesis: &ledger::Hash, epoch: u64) -> Option<Scheme> {
        let first = || (0..self.genesis.validators.len()).map(|place| cast::validator_key(place).public_key());
        let members = self.node.get().and_then(|node| node.epochs.members(epoch)).filter(|_| epoch > 0);
        let keys = members.map_or_else(|| Set::from_iter_dedup(first()), |members| Set::from_iter_dedup(members.keys()));
        Scheme::signer(&finality::namespace(genesis), keys, cast::validator_key(self.place))
    }

    fn prefix(&self, epoch: u64) -> frame::Prefix {
        self.genesis.governance.is_some().then_some(epoch)
    }

    fn messages(&self, round: u64) -> Vec<(Line, IoBuf)> {
        match self.sort {
            Sort::Garbage => {
                let noise = Sha256::hash(&[b"noise", &round.to_be_bytes()]);
                self.lines.iter().map(|(line, _)| (*line, IoBuf::from(noise.as_ref().to_vec()))).collect()
            }
            Sort::Oversized => {
                // One channel a time: it is about size, not about rate.
                let place = usize::try_from(round).unwrap_or(0) % self.lines.len().max(1);
                let line = self.lines.get(place).map(|(line, _)| *line);
                line.into_iter().map(|line| (line, IoBuf::from(vec![0xff; self.longest]))).collect()
            }
            Sort::OtherLedger => self.nullify(&[0x77; 32], round),
            Sort::Views => {
                let hash = self.genesis.hash();
                [round + 1_000, u64::MAX / 2 + round].into_iter().flat_map(|view| self.nullify(&hash, view)).collect()
            }
            Sort::ForgedCertificates => self.forged_certificate(round).into_iter().collect(),
            Sort::ForgedBlocks => {
                let mut bytes = self.block.encode().to_vec();
                // The last byte of an empty block belongs to its body's length.
                if let Some(last) = bytes.last_mut() {
                    *last ^= 1;
                }
                vec![(Line::Broadcast, IoBuf::from(bytes))]
            }
            Sort::OldKey => self.old_votes(),
        }
    }

    fn nullify(&self, genesis: &ledger::Hash, view: u64) -> Vec<(Line, IoBuf)> {
        let epoch = self.epoch();
        let round = Round::new(Epoch::new(epoch), View::new(view));
        let vote = self.scheme(genesis, epoch).and_then(|scheme| Nullify::sign::<Digest>(&scheme, round));
        let vote = vote.map(|vote| Vote::<Scheme, Digest>::Nullify(vote).encode());
        vote.into_iter().map(|vote| (Line::Votes, frame::join(self.prefix(epoch), &vote))).collect()
    }

    /// Nothing while its key is a validator's; afterwards, votes as the member that it was.
    fn old_votes(&self) -> Vec<(Line, IoBuf)> {
        let key: [u8; 32] =
            cast::validator_key(self.place).public_key().as_ref().try_into().expect("an Ed25519 key has 32 bytes");
        let Some((epoch, view)) = self.log.newest_round() else { return Vec::new() };
        let Some(last) = self.log.last_term_of(&key).filter(|last| *last < epoch) else { return Vec::new() };
        let Some(scheme) = self.scheme(&self.genesis.hash(), last) else { return Vec::new() };
        let mut votes = Vec::new();
        for view in view + 1..view + 4 {
            let round = Round::new(Epoch::new(epoch), View::new(view));
            let proposal = Proposal::new(round, View::new(view - 1), Sha256::hash(&[b"old", &view.to_be_bytes()]));
            votes.extend(Notarize::sign(&scheme, proposal.clone()).map(Vote::Notarize));
            votes.extend(Finalize::sign(&scheme, proposal).map(Vote::Finalize));
            votes.extend(Nullify::sign::<Digest>(&scheme, round).map(Vote::<Scheme, Digest>::Nullify));
        }
        votes.into_iter().map(|vote| (Line::Votes, frame::join(self.prefix(epoch), &vote.encode()))).collect()
    }

    fn forged_certificate(&self, view: u64) -> Option<(Line, IoBuf)> {
        let epoch = self.epoch();
        let scheme = self.scheme(&self.genesis.hash(), epoch)?;
        let round = Round::new(Epoch::new(epoch), View::new(view));
        let payload = Sha256::hash(&[b"forged", &view.to_be_bytes()]);
        let finalize = Finalize::<Scheme, Digest>::sign(&scheme, Proposal::new(round, View::zero(), payload))?;
        let validators = scheme.participants().len();
        let quorum = validators - validators.saturating_sub(1) / 3;
        let participants = scheme.participants().iter().enumerate().take(quorum);
        let participants = participants.map(|(number, _)| commonware_consensus::types::Participant::from_usize(number));
        let signers = Signers::try_from((scheme.participants(), participants)).ok()?;
        let signatures = vec![finalize.attestation.signature.clone(); quorum];
        let certificate = Signatures { signers, signatures };
        let forged = Finalization::<Scheme, Digest> { proposal: finalize.proposal, certificate };
        let bytes = Certificate::<Scheme, Digest>::Finalization(forged).encode();
        Some((Line::Certificates, frame::join(self.prefix(epoch), &bytes)))
    }
}
