//! What an engine hears first: who is here, and messages of its epoch that came before this node entered it.
//!
//! The validators finalize the last block of an epoch within a few milliseconds of each other. What the quicker ones send
//! meanwhile is kept, within bounds, and delivered first; else their votes would be lost and the first leader's turn with them.
//!
//! An engine begins with no memory of who spoke. As soon as it has heard a quorum it gives up the turns of leaders that it has not heard
//! yet, and when some do so and some do not, a turn waits for its last timeout. So it is told who is here, by [`Early::greet`].

use super::types::{Digest, PublicKey, Scheme};
use bytes::Bytes;
use commonware_codec::{DecodeExt as _, Encode as _, FixedSize as _};
use commonware_consensus::{
    simplex::types::{Nullify, Vote},
    types::{Epoch, Round, View},
};
use commonware_cryptography::{
    certificate::{Attestation, Scheme as _},
    ed25519::Signature,
};
use commonware_p2p::{Message, Receiver};
use commonware_utils::Participant;
use std::{collections::BTreeMap, collections::VecDeque, num::NonZeroUsize};

/// Messages kept of one peer and channel.
const OF_ONE_PEER: usize = 16;

/// What was kept of one channel.
#[derive(Debug, Default)]
pub(super) struct Early {
    counts: BTreeMap<PublicKey, usize>,
    messages: VecDeque<Message<PublicKey>>,
}

impl Early {
    /// Keeps a message, unless its sender has sent enough.
    pub(super) fn keep(&mut self, message: Message<PublicKey>) {
        let count = self.counts.entry(message.0.clone()).or_default();
        if *count < OF_ONE_PEER {
            *count += 1;
            self.messages.push_back(message);
        }
    }

    /// Makes the engine of an epoch take these validators for alive, as if each had just spoken: with a vote on view 0, which is
    /// before every view. The engine notes its sender, and drops it before its signature, which is none, would be checked.
    pub(super) fn greet(&mut self, epoch: u64, scheme: &Scheme, here: impl Fn(&PublicKey) -> bool) {
        let nobody = Signature::decode(Bytes::from_static(&[0; Signature::SIZE])).expect("any bytes read as a signature");
        for (index, key) in scheme.participants().iter().enumerate().filter(|(_, key)| here(key)) {
            let attestation = Attestation { signer: Participant::from_usize(index), signature: nobody.clone().into() };
            let word = Nullify::<Scheme> { round: Round::new(Epoch::new(epoch), View::zero()), attestation };
            self.messages.push_front((key.clone(), Vote::<Scheme, Digest>::Nullify(word).encode().into()));
        }
    }
}

/// A receiver that gives the kept messages first.
#[derive(Debug)]
pub(super) struct Resumed<R> {
    early: Early,
    receiver: R,
}

impl<R> Resumed<R> {
    /// `receiver` after what was kept.
    pub(super) fn new(early: Early, receiver: R) -> Self {
        Self { early, receiver }
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Resumed<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        match self.early.messages.pop_front() {
            Some(message) => Ok(message),
            None => self.receiver.recv().await,
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        self.receiver.capacity()
    }
}
