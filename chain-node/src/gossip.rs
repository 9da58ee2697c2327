//! Transactions between validators, and the sign of life that each gives twice a second.
//!
//! Every validator is connected to every other, so a transaction goes straight to all and is never passed on; the node
//! that a client gave it to sends it again until it is final. What no honest node sends gets its sender cut off.

use crate::{
    admission::{self, AdmissionError, Screened},
    engine::types::PublicKey,
    mempool::{Mempool, Origin},
    neighbours::{Answer, Neighbours, Outgoing, Question},
    observations::Observations,
    peers::{Offence, Peers},
    progress::milliseconds,
};
use borsh::{BorshDeserialize, BorshSerialize};
use commonware_macros::select;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender};
use commonware_runtime::{Clock, IoBuf};
use identity::canonical;
use ledger::{Hash, encoded::Encoded, transaction::Transaction};
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

/// Bytes of the count before a list.
const COUNT_BYTES: usize = 4;

/// What goes over the mempool's channel.
#[derive(BorshSerialize, BorshDeserialize)]
enum Message {
    Alive,
    Transactions(Vec<Transaction>),
    /// Asked only when this node needs something: see `neighbours`.
    Question(Question),
    Answer(Answer),
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
    pub submitted: mpsc::Receiver<Arc<Encoded>>,
    /// Questions and answers of this node.
    pub outgoing: mpsc::Receiver<Outgoing>,
    /// Takes the answers of others.
    pub neighbours: Arc<Neighbours>,
    /// Takes the questions of others.
    pub questions: mpsc::Sender<(PublicKey, Question)>,
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
                outgoing = self.outgoing.recv() => match outgoing {
                    Some(Outgoing::Question(None, question)) => send(&mut sender, &Message::Question(question)),
                    Some(Outgoing::Question(Some(peer), question)) => send_to(&mut sender, peer, &Message::Question(question)),
                    Some(Outgoing::Answer(peer, answer)) => send_to(&mut sender, peer, &Message::Answer(answer)),
                    None => return,
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
            Ok(Message::Question(question)) => {
                // When too many wait, the peer asks again or asks another.
                let _ = self.questions.try_send((peer, question));
                return;
            }
            Ok(Message::Answer(answer)) => {
                if !self.neighbours.answered(peer.clone(), answer) {
                    tracing::warn!(%peer, "a validator gave an answer that does not hold");
                }
                return;
            }
            Err(error) => {
                tracing::warn!(%peer, %error, "a validator sent a malformed message and is cut off");
                self.peers.offends(peer.clone(), Offence::Message);
                let _ = self.blocker.block(peer);
                return;
            }
        };
        for transaction in transactions.into_iter().map(Encoded::new) {
            if self.mempool.knows(&transaction.id().0) {
                continue;
            }
            let screened = admission::screen(&self.genesis, self.mempool.finalized_height(), transaction);
            // A full pool drops it before anybody pays for its signature: its own node sends it again.
            if screened.as_ref().is_ok_and(|screened| self.mempool.room_for(screened.candidate()).is_err()) {
                continue;
            }
            match screened.and_then(Screened::verify) {
                Ok(candidate) => {
                    self.observations.arrived(candidate.id, milliseconds(clock.current()));
                    let _ = self.mempool.insert(candidate, Origin::Peer);
                }
                // Its sender may see other blocks, or know other bounds: that is no attack.
                Err(AdmissionError::ExpiryTooFar { .. } | AdmissionError::IllFormed(_)) => {}
                Err(error) => {
                    tracing::warn!(%peer, %error, "a validator sent a transaction that it should have refused and is cut off");
                    self.peers.offends(peer.clone(), Offence::Transaction);
                    let _ = self.blocker.block(peer);
                    return;
                }
            }
        }
    }
}

/// Sends the transactions in as few messages as the limit allows.
fn broadcast(sender: &mut impl Sender<PublicKey = PublicKey>, transactions: Vec<Arc<Encoded>>) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for transaction in transactions {
        let length = transaction.bytes().len();
        if bytes + length > MAX_MESSAGE_BYTES - 64 && !batch.is_empty() {
            send_bytes(sender, transactions_message(&std::mem::take(&mut batch)));
            bytes = 0;
        }
        bytes += length;
        batch.push(transaction);
    }
    if !batch.is_empty() {
        send_bytes(sender, transactions_message(&batch));
    }
}

/// The bytes of [`Message::Transactions`], from the bytes that the transactions have already.
fn transactions_message(transactions: &[Arc<Encoded>]) -> Vec<u8> {
    let empty = canonical::encode(&Message::Transactions(Vec::new()));
    // The message ends with its count and what is counted.
    let kind = empty.get(..empty.len().saturating_sub(COUNT_BYTES)).unwrap_or_default();
    let count = u32::try_from(transactions.len()).expect("a queue holds fewer than four billion transactions");
    let parts = transactions.iter().map(|transaction| transaction.bytes());
    [kind, &canonical::encode(&count)].into_iter().chain(parts).collect::<Vec<_>>().concat()
}

fn send_to(sender: &mut impl Sender<PublicKey = PublicKey>, peer: PublicKey, message: &Message) {
    let _ = sender.send(Recipients::One(peer), IoBuf::from(canonical::encode(message)), false);
}

fn send(sender: &mut impl Sender<PublicKey = PublicKey>, message: &Message) {
    send_bytes(sender, canonical::encode(message));
}

fn send_bytes(sender: &mut impl Sender<PublicKey = PublicKey>, bytes: Vec<u8>) {
    // Whoever is away or over its rate gets it with the next sending.
    let _ = sender.send(Recipients::All, IoBuf::from(bytes), false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Algorithm, Commitment, SecretKey};
    use ledger::{
        records::RecordId,
        transaction::{Body, NewReceipt, Sender, Unsigned},
    };

    #[test]
    fn a_message_of_transactions_has_the_bytes_of_its_one_encoding() {
        let key = SecretKey::from_bytes(Algorithm::Ed25519, &[7; 32]).unwrap();
        let transaction = |sequence: u64| {
            let body = Body::RecordReceipts(vec![NewReceipt { id: RecordId([1; 32]), commitment: Commitment([2; 32]) }]);
            let sender = Sender::Key(key.public_key());
            Unsigned { genesis: [3; 32], sender, sequence, expiry_height: 4, body }.sign(&key)
        };
        for count in [0, 1, 3] {
            let transactions: Vec<Transaction> = (0..count).map(transaction).collect();
            let encoded: Vec<Arc<Encoded>> = transactions.iter().cloned().map(|one| Arc::new(Encoded::new(one))).collect();
            assert_eq!(transactions_message(&encoded), canonical::encode(&Message::Transactions(transactions)));
        }
    }
}
