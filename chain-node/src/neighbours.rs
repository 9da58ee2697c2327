//! What validators ask each other outside of consensus: how far the ledger is, and record bodies by their hash.
//!
//! Assumes nothing of an answer: a tip counts only with a finality certificate, a body only if it has the hash that was
//! asked for. Every queue, question and answer is bounded. Runs over the channel of `gossip`.

use crate::{engine::types::PublicKey, epoch_changes::EpochChange, guard::Round, store::Store};
use borsh::{BorshDeserialize, BorshSerialize};
use ledger::{Hash, cell::body_hash};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::sync::{mpsc, watch};

/// Messages that wait to be sent, and questions that wait to be answered.
pub const QUEUE: usize = 1_024;
/// Bodies asked for in one message.
pub const BODIES_PER_QUESTION: usize = 64;
/// Bytes of bodies in one answer at most.
const ANSWER_BYTES: usize = 192 * 1024;
/// How often the answers to a question to everybody are looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);
/// How long one peer may take before another is asked.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// A question between validators.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Question {
    /// The latest finalized block that you have a certificate of.
    Tip,
    /// The bodies with these hashes.
    Bodies(Vec<Hash>),
    /// What introduced this epoch.
    Epoch(u64),
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// Header and certificate; none while the ledger has no block.
    Tip(Option<Tip>),
    /// Those that the peer has.
    Bodies(Vec<Vec<u8>>),
    /// What introduced the epoch; none while it has not begun.
    Epoch(u64, Option<EpochChange>),
}

/// A finalized block that somebody claims to know.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Tip {
    /// The header, in its canonical form.
    pub header: Vec<u8>,
    /// Its finality certificate.
    pub certificate: Vec<u8>,
}

/// A claim that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certified {
    /// Its height.
    pub height: u64,
    /// Its round.
    pub round: Round,
    /// Its certificate.
    pub certificate: Vec<u8>,
}

/// Something to send, and to whom; to all when nobody is named.
#[derive(Debug)]
pub enum Outgoing {
    /// Ask.
    Question(Option<PublicKey>, Question),
    /// Answer.
    Answer(PublicKey, Answer),
}

/// Why a tip does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadTip {
    /// It is no block of this ledger with a certificate that holds.
    #[error("no honest node says that this block is final")]
    False,
    /// This node does not know the validators of its epoch yet.
    #[error("the validators of this block's epoch are not known here yet")]
    UnknownEpoch,
}

/// Checks a tip.
pub type CheckTip = Arc<dyn Fn(&Tip) -> Result<Certified, BadTip> + Send + Sync>;

/// A body that may come.
type Awaited = watch::Sender<Option<Arc<[u8]>>>;

/// The questions of this node and what came back.
pub struct Neighbours {
    outgoing: mpsc::Sender<Outgoing>,
    others: Mutex<Vec<PublicKey>>,
    check: CheckTip,
    tips: Mutex<BTreeMap<PublicKey, Option<Certified>>>,
    wanted: Mutex<HashMap<Hash, Awaited>>,
    /// The epoch that was asked for last, and who said what about it.
    epoch: Mutex<(u64, BTreeMap<PublicKey, Option<EpochChange>>)>,
    turn: Mutex<usize>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Neighbours {
    /// Asks `others` through `outgoing`.
    pub fn new(outgoing: mpsc::Sender<Outgoing>, others: Vec<PublicKey>, check: CheckTip) -> Self {
        let (tips, wanted, epoch, turn) = Default::default();
        Self { outgoing, others: Mutex::new(others), check, tips, wanted, epoch, turn }
    }

    /// The validators and observers besides this node.
    pub fn others(&self) -> Vec<PublicKey> {
        lock(&self.others).clone()
    }

    /// A new epoch has other members.
    pub fn set_others(&self, others: Vec<PublicKey>) {
        *lock(&self.others) = others;
    }

    /// Asks everybody for their tip. The answers come to [`Self::tips`].
    pub fn ask_tips(&self) {
        let _ = self.outgoing.try_send(Outgoing::Question(None, Question::Tip));
    }

    /// What everybody said since this node started; `None` is the claim that no block is final yet.
    pub fn tips(&self) -> BTreeMap<PublicKey, Option<Certified>> {
        lock(&self.tips).clone()
    }

    /// An answer of `peer` has come. Gives false for what no honest node says.
    pub fn answered(&self, peer: PublicKey, answer: Answer) -> bool {
        match answer {
            Answer::Tip(None) => {
                lock(&self.tips).entry(peer).or_insert(None);
                true
            }
            Answer::Tip(Some(tip)) => match (self.check)(&tip) {
                Ok(certified) => {
                    let mut tips = lock(&self.tips);
                    let known = tips.entry(peer).or_insert(None);
                    if known.as_ref().is_none_or(|known| known.round < certified.round) {
                        *known = Some(certified);
                    }
                    true
                }
                Err(BadTip::UnknownEpoch) => true,
                Err(BadTip::False) => false,
            },
            Answer::Epoch(epoch, change) => {
                let mut asked = lock(&self.epoch);
                if asked.0 == epoch {
                    asked.1.insert(peer, change);
                }
                true
            }
            Answer::Bodies(bodies) => {
                let wanted = lock(&self.wanted);
                for body in bodies {
                    if let Some(waiting) = wanted.get(&body_hash(&body)) {
                        waiting.send_replace(Some(body.into()));
                    }
                }
                true
            }
        }
    }

    /// Asks everybody what introduced `epoch`, and gives what they said within `patience`: sooner when somebody has it.
    pub async fn ask_epoch<C: commonware_runtime::Clock>(
        &self,
        clock: &C,
        epoch: u64,
        patience: Duration,
    ) -> Vec<Option<EpochChange>> {
        *lock(&self.epoch) = (epoch, BTreeMap::new());
        let _ = self.outgoing.try_send(Outgoing::Question(None, Question::Epoch(epoch)));
        let deadline = clock.current() + patience;
        loop {
            let said: Vec<Option<EpochChange>> = lock(&self.epoch).1.values().cloned().collect();
            if said.iter().any(Option::is_some) || clock.current() >= deadline {
                return said;
            }
            clock.sleep(LOOK_AGAIN).await;
        }
    }

    /// Asks for bodies until each has come; one peer after the other. Never ends while nobody has one of them.
    pub async fn fetch<C: commonware_runtime::Clock>(&self, clock: &C, hashes: &[Hash]) -> Vec<Arc<[u8]>> {
        let mut found = Vec::with_capacity(hashes.len());
        for chunk in hashes.chunks(BODIES_PER_QUESTION) {
            let mut waiting: Vec<_> = {
                let mut wanted = lock(&self.wanted);
                let subscribe = |hash: &Hash| (*hash, wanted.entry(*hash).or_insert_with(|| Awaited::new(None)).subscribe());
                chunk.iter().map(subscribe).collect()
            };
            loop {
                let missing: Vec<Hash> =
                    waiting.iter().filter(|(_, body)| body.borrow().is_none()).map(|(hash, _)| *hash).collect();
                if missing.is_empty() {
                    break;
                }
                if let Some(peer) = self.next_peer() {
                    let _ = self.outgoing.try_send(Outgoing::Question(Some(peer), Question::Bodies(missing)));
                }
                let all = futures::future::join_all(waiting.iter_mut().map(|(_, body)| async {
                    // Closed only with the node.
                    let _ = body.wait_for(Option::is_some).await;
                }));
                commonware_macros::select! {
                    _ = all => {},
                    _ = clock.sleep(PATIENCE) => {},
                }
            }
            found.extend(waiting.iter().filter_map(|(_, body)| body.borrow().clone()));
            let mut wanted = lock(&self.wanted);
            drop(waiting);
            for hash in chunk {
                if wanted.get(hash).is_some_and(|sender| sender.receiver_count() == 0) {
                    wanted.remove(hash);
                }
            }
        }
        found
    }

    fn next_peer(&self) -> Option<PublicKey> {
        let others = lock(&self.others);
        let mut turn = lock(&self.turn);
        *turn = turn.wrapping_add(1);
        others.get(turn.checked_rem(others.len())?).cloned()
    }
}

/// The bodies of an answer, as many as fit.
pub fn bodies(store: &Store, hashes: &[Hash]) -> Vec<Vec<u8>> {
    let mut bytes = 0;
    let found = hashes.iter().take(BODIES_PER_QUESTION).filter_map(|hash| store.body(hash).ok().flatten());
    found
        .take_while(|body| {
            bytes += body.len() + 4;
            bytes <= ANSWER_BYTES
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_cryptography::{Signer as _, ed25519::PrivateKey};
    use commonware_runtime::{Runner as _, Spawner as _, Supervisor as _, deterministic};

    fn peer(seed: u64) -> PublicKey {
        PrivateKey::from_seed(seed).public_key()
    }

    fn neighbours() -> (Arc<Neighbours>, mpsc::Receiver<Outgoing>) {
        let (outgoing, sent) = mpsc::channel(QUEUE);
        let check: CheckTip = Arc::new(|tip| {
            let round = Round { epoch: 0, view: u64::from(*tip.header.first().ok_or(BadTip::False)?) };
            Ok(Certified { height: 1, round, certificate: tip.certificate.clone() })
        });
        (Arc::new(Neighbours::new(outgoing, vec![peer(1), peer(2)], check)), sent)
    }

    #[test]
    fn a_body_is_taken_only_with_the_hash_that_was_asked_for_and_the_next_peer_is_asked_after_a_lie() {
        deterministic::Runner::default().start(|context| async move {
            let (neighbours, mut sent) = neighbours();
            let body = b"a record".to_vec();
            let fetching = {
                let (neighbours, hash) = (neighbours.clone(), body_hash(&body));
                context.child("fetch").spawn(move |context| async move { neighbours.fetch(&context, &[hash]).await })
            };
            let Some(Outgoing::Question(Some(first), Question::Bodies(_))) = sent.recv().await else { panic!("asks") };
            assert!(neighbours.answered(first.clone(), Answer::Bodies(vec![b"another record".to_vec()])));
            let Some(Outgoing::Question(Some(second), Question::Bodies(_))) = sent.recv().await else { panic!("asks again") };
            assert_ne!(first, second);
            assert!(neighbours.answered(second, Answer::Bodies(vec![body.clone()])));
            assert_eq!(fetching.await.unwrap(), vec![Arc::<[u8]>::from(body)]);
            assert!(lock(&neighbours.wanted).is_empty());
        });
    }

    #[test]
    fn a_tip_counts_once_per_peer_and_only_forward_and_a_false_one_is_nothing() {
        let (neighbours, _sent) = neighbours();
        let tip = |view: u8| Answer::Tip(Some(Tip { header: vec![view], certificate: Vec::new() }));
        assert!(neighbours.answered(peer(1), Answer::Tip(None)));
        assert!(neighbours.answered(peer(1), tip(9)));
        assert!(neighbours.answered(peer(1), tip(3)));
        assert!(neighbours.answered(peer(1), Answer::Tip(None)));
        assert!(!neighbours.answered(peer(2), Answer::Tip(Some(Tip { header: Vec::new(), certificate: Vec::new() }))));
        let tips = neighbours.tips();
        assert_eq!(tips.len(), 1);
        assert_eq!(tips.get(&peer(1)).unwrap().as_ref().unwrap().round.view, 9);
    }
}
