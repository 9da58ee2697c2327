//! Transactions between validators, and the sign of life that each gives twice a second.
//!
//! Every validator is connected to every other, so a transaction goes straight to all and is never passed on; the node
//! that a client gave it to sends it again until it is final. What no honest node sends gets its sender cut off.

use crate::{
    admission,
    engine::types::PublicKey,
    mempool::{Mempool, Origin},
    observations::Observations,
    peers::Peers,
    progress::milliseconds,
};
use borsh::{BorshDeserialize, BorshSerialize};
use commonware_macros::select;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, IoBuf};
use identity::canonical;
use ledger::{Hash, limits::MAX_TRANSACTION_BYTES, transaction::Transaction};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// Bytes of one message at most.
pub const MAX_MESSAGE_BYTES: usize = 256 * 1024;
/// Transactions that wait to be sent.
pub const QUEUE: usize = 4_096;

/// How often a node shows that it is alive.
const TICK: Duration = Duration::from_millis(500);
/// Ticks between two sendings of what is still pending.
const TICKS_BETWEEN_RESENDS: u64 = 4;
/// Transactions sent again at a time.
const RESENT: usize = 256;
/// The least time between two messages of transactions: keeps a node far under its peers' rate limit.
const GATHER: Duration = Duration::from_millis(8);

/// What goes over the mempool's channel.
#[derive(BorshSerialize, BorshDeserialize)]
enum Message {
    Alive,
    Transactions(Vec<Transaction>),
}

/// What the gossip task works with.
pub struct Gossip<B> {
    /// The ledger that transactions must be for.
    pub genesis: Hash,
    /// Where transactions wait.
    pub mempool: Arc<Mempool>,
    /// Who was heard.
    pub peers: Arc<Peers>,
    /// When transactions were first seen.
    pub observations: Arc<Observations>,
    /// Cuts off a peer.
    pub blocker: B,
    /// Transactions that this node's clients brought.
    pub submitted: mpsc::Receiver<Arc<Transaction>>,
}

impl<B: Blocker<PublicKey = PublicKey>> Gossip<B> {
    /// Runs until the channel closes.
    pub async fn run<S, R>(mut self, clock: impl Clock, (mut sender, mut receiver): (S, R))
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut ticks = 0_u64;
        let mut next_tick = clock.current();
        loop {
            select! {
                _ = clock.sleep_until(next_tick) => {
                    next_tick = clock.current() + TICK;
                    send(&mut sender, &Message::Alive);
                    ticks += 1;
                    if ticks.is_multiple_of(TICKS_BETWEEN_RESENDS) {
                        broadcast(&mut sender, self.mempool.local(RESENT));
                    }
                },
                received = receiver.recv() => match received {
                    Ok((peer, bytes)) => self.receive(&clock, peer, bytes),
                    Err(_closed) => return,
                },
                first = self.submitted.recv() => {
                    let Some(first) = first else { return };
                    let mut gathered = vec![first];
                    while let Ok(more) = self.submitted.try_recv() {
                        gathered.push(more);
                    }
                    broadcast(&mut sender, gathered);
                    clock.sleep(GATHER).await;
                },
            }
        }
    }

    fn receive(&mut self, clock: &impl Clock, peer: PublicKey, bytes: IoBuf) {
        self.peers.hear(peer.clone(), clock.current());
        let transactions = match canonical::decode::<Message>(bytes.as_ref(), MAX_MESSAGE_BYTES) {
            Ok(Message::Alive) => return,
            Ok(Message::Transactions(transactions)) => transactions,
            Err(error) => {
                tracing::warn!(%peer, %error, "a validator sent a malformed message and is cut off");
                let _ = self.blocker.block(peer);
                return;
            }
        };
        for transaction in transactions {
            if self.mempool.knows(&transaction.id().0) {
                continue;
            }
            match admission::admit(&self.genesis, self.mempool.finalized_height(), transaction) {
                // A full pool drops it: its own node sends it again.
                Ok(candidate) => {
                    self.observations.arrived(candidate.id, milliseconds(clock.current()));
                    let _ = self.mempool.insert(candidate, Origin::Peer);
                }
                Err(admission::AdmissionError::ExpiryTooFar { .. }) => {}
                Err(error) => {
                    tracing::warn!(%peer, %error, "a validator sent a transaction that it should have refused and is cut off");
                    let _ = self.blocker.block(peer);
                    return;
                }
            }
        }
    }
}

/// Sends the transactions in as few messages as the limit allows.
fn broadcast(sender: &mut impl Sender<PublicKey = PublicKey>, transactions: Vec<Arc<Transaction>>) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for transaction in transactions {
        let length = borsh::object_length(&*transaction).unwrap_or(MAX_TRANSACTION_BYTES);
        if bytes + length > MAX_MESSAGE_BYTES - 64 && !batch.is_empty() {
            send(sender, &Message::Transactions(std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += length;
        batch.push((*transaction).clone());
    }
    if !batch.is_empty() {
        send(sender, &Message::Transactions(batch));
    }
}

fn send(sender: &mut impl Sender<PublicKey = PublicKey>, message: &Message) {
    // Whoever is away or over its rate gets it with the next sending.
    let _ = sender.send(Recipients::All, IoBuf::from(canonical::encode(message)), false);
}
