//! Messages of the next epoch that came before this node entered it.
//!
//! The validators finalize the last block of an epoch within a few milliseconds of each other. What the quicker ones send
//! meanwhile is kept, within bounds, and delivered first; else their votes would be lost and the first leader's turn with them.

use super::types::PublicKey;
use commonware_p2p::{Message, Receiver};
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
