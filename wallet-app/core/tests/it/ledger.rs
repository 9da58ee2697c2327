//! A ledger in a map: real records and cells under real state keys, and as much of the rules as the wallet's transactions need.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use borsh::BorshSerialize;
use chain_state::{BlockContext, Unloaded, View};
use futures::future::BoxFuture;
use identity::canonical::{self, Hash};
use identity::did::IdentityId;
use identity::keys::Signer;
use ledger::cell::{CELL_BYTES, Cell, StateKey, Subject};
use ledger::receipt::{Outcome, Receipt, Refusal};
use ledger::records::{AttestationRecord, AttestationStatus, IdentityRecord};
use ledger::transaction::{Body, Sender, Transaction, Unsigned};
use sha2::{Digest, Sha256};
use wallet_core::AsOf;
use wallet_core::chain::{Chain, Fact, LedgerError};

/// The height of its one block.
const HEIGHT: u64 = 42;

pub(crate) struct FakeLedger {
    genesis: Hash,
    state: Mutex<BTreeMap<StateKey, (Cell, Vec<u8>)>>,
    receipts: Mutex<BTreeMap<Hash, Receipt>>,
    pub(crate) submitted: Mutex<Vec<Transaction>>,
    sequence: AtomicU64,
    pub(crate) timestamp_ms: AtomicU64,
    /// No node answers.
    pub(crate) away: AtomicBool,
    /// So many submissions take effect and their answers are lost.
    pub(crate) lose_answers: AtomicU32,
    /// So many submissions are refused as expired and have no effect.
    pub(crate) expire: AtomicU32,
    /// Nobody answers, and nobody says so.
    pub(crate) silent: AtomicBool,
    /// Kept proofs do not hold.
    distrust: AtomicBool,
}

impl FakeLedger {
    pub(crate) fn new(genesis: Hash, now: i64) -> Self {
        Self {
            genesis,
            state: Mutex::default(),
            receipts: Mutex::default(),
            submitted: Mutex::default(),
            sequence: AtomicU64::new(0),
            timestamp_ms: AtomicU64::new(u64::try_from(now).unwrap() * 1000),
            away: AtomicBool::new(false),
            lose_answers: AtomicU32::new(0),
            expire: AtomicU32::new(0),
            silent: AtomicBool::new(false),
            distrust: AtomicBool::new(false),
        }
    }

    pub(crate) fn put<T: BorshSerialize>(&self, subject: &Subject, record: &T, status: u8) {
        let body = canonical::encode(record);
        let cell = Cell { version: 1, status, created_height: 1, updated_height: 1, body: Sha256::digest(&body).into() };
        self.state.lock().unwrap().insert(subject.key(), (cell, body));
    }

    pub(crate) fn remove(&self, subject: &Subject) {
        self.state.lock().unwrap().remove(&subject.key());
    }

    pub(crate) fn set_status(&self, subject: &Subject, status: AttestationStatus) {
        self.state.lock().unwrap().get_mut(&subject.key()).unwrap().0.status = status as u8;
    }

    pub(crate) fn status(&self, subject: &Subject) -> Option<u8> {
        self.state.lock().unwrap().get(&subject.key()).map(|(cell, _)| cell.status)
    }

    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    pub(crate) fn distrust_proofs(&self, distrust: bool) {
        self.distrust.store(distrust, Ordering::SeqCst);
    }

    pub(crate) fn transactions(&self) -> Vec<Transaction> {
        self.submitted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn check_reachable(&self) -> Result<(), LedgerError> {
        if self.silent.load(Ordering::SeqCst) {
            futures::future::pending::<()>().await;
        }
        if self.away.load(Ordering::SeqCst) { Err(LedgerError::Unreachable) } else { Ok(()) }
    }

    fn apply(&self, transaction: &Transaction) -> Outcome {
        let refused = |refusal| Outcome::Refused(refusal);
        match &transaction.unsigned.body {
            // By the ledger's own rules.
            Body::CreateIdentity(_)
            | Body::AddDevice(_)
            | Body::RemoveDevice(_)
            | Body::Deactivate
            | Body::Recover { .. }
            | Body::RotateRecovery { .. } => return self.apply_by_the_rules(transaction),
            Body::AnchorAttributes(anchors) => {
                if anchors.iter().any(|anchor| self.status(&Subject::Anchor(anchor.id)).is_some()) {
                    return refused(Refusal::AlreadyExists);
                }
                anchors.iter().for_each(|anchor| self.put(&Subject::Anchor(anchor.id), anchor, 0));
            }
            Body::BreakLock { record, preimage } => {
                let subject = Subject::Attestation(*record);
                let Some((cell, body)) = self.state.lock().unwrap().get(&subject.key()).cloned() else {
                    return refused(Refusal::NotFound);
                };
                let attestation: AttestationRecord = canonical::decode(&body, 10_000).unwrap();
                if attestation.lock != <[u8; 32]>::from(Sha256::digest(preimage)) {
                    return refused(Refusal::WrongSecret);
                }
                if cell.status >= AttestationStatus::Revoked as u8 {
                    return refused(Refusal::StatusFinal);
                }
                self.set_status(&subject, AttestationStatus::BrokenByHolder);
            }
            other => panic!("a wallet does not send {other:?}"),
        }
        Outcome::Applied
    }
}

impl FakeLedger {
    fn apply_by_the_rules(&self, transaction: &Transaction) -> Outcome {
        let context = BlockContext {
            genesis: self.genesis,
            network: "test".parse().unwrap(),
            height: HEIGHT,
            timestamp_ms: self.timestamp_ms.load(Ordering::SeqCst),
        };
        let mut state = self.state.lock().unwrap();
        let mut view = View::new();
        let mut wanted = chain_state::touched(transaction);
        let receipt = loop {
            for key in wanted {
                match state.get(&key) {
                    Some((cell, body)) => view.insert(key, *cell, body.as_slice().into()).unwrap(),
                    None => view.insert_absent(key),
                }
            }
            match chain_state::apply(&mut view, &context, 0, transaction) {
                Ok(receipt) => break receipt,
                Err(Unloaded(keys)) => wanted = keys,
            }
        };
        state.extend(view.into_writes().into_iter().map(|write| (write.key, (write.cell, write.body))));
        receipt.outcome
    }

    /// What became of a transaction.
    pub(crate) fn outcome(&self, transaction: &Transaction) -> Outcome {
        self.receipts.lock().unwrap()[&transaction.id().0].outcome
    }

    /// What an identity is now.
    pub(crate) fn identity(&self, id: IdentityId) -> IdentityRecord {
        let state = self.state.lock().unwrap();
        let (_, body) = state.get(&Subject::Identity(id).key()).unwrap();
        canonical::decode(body, 10_000).unwrap()
    }
}

fn take_one(counter: &AtomicU32) -> bool {
    counter.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok()
}

/// A cell and its record.
type Kept = ([u8; CELL_BYTES], Vec<u8>);

/// Stands for certificate and proof, which the client of the real ledger checks.
fn seal(subject: &Subject, kept: &[u8]) -> [u8; 32] {
    Sha256::digest([&subject.key()[..], kept].concat()).into()
}

impl Chain for FakeLedger {
    fn read<'a>(&'a self, subject: &'a Subject) -> BoxFuture<'a, Result<Fact, LedgerError>> {
        Box::pin(async move {
            self.check_reachable().await?;
            let as_of = AsOf { height: HEIGHT, timestamp_ms: self.timestamp_ms.load(Ordering::SeqCst) };
            let record = self.state.lock().unwrap().get(&subject.key()).cloned();
            let kept = (as_of.height, as_of.timestamp_ms, record.as_ref().map(|(cell, body)| (cell.to_bytes(), body)));
            let kept = borsh::to_vec(&kept).unwrap();
            let proof = [&seal(subject, &kept)[..], &kept].concat();
            Ok(Fact { as_of, record, proof })
        })
    }

    fn check(&self, subject: &Subject, proof: &[u8]) -> Result<Fact, LedgerError> {
        let (found, kept) = proof.split_at_checked(32).ok_or_else(|| LedgerError::Unproven("short".to_owned()))?;
        if found != seal(subject, kept) || self.distrust.load(Ordering::SeqCst) {
            return Err(LedgerError::Unproven("forged".to_owned()));
        }
        let (height, timestamp_ms, record): (u64, u64, Option<Kept>) = borsh::from_slice(kept).unwrap();
        let record = record.map(|(cell, body)| (Cell::from_bytes(&cell).unwrap(), body));
        Ok(Fact { as_of: AsOf { height, timestamp_ms }, record, proof: proof.to_vec() })
    }

    fn prepare<'a>(
        &'a self,
        signer: &'a dyn Signer,
        sender: Sender,
        body: Body,
    ) -> BoxFuture<'a, Result<Transaction, LedgerError>> {
        Box::pin(async move {
            self.check_reachable().await?;
            let sequence = self.sequence.fetch_add(1, Ordering::SeqCst);
            let unsigned = Unsigned { genesis: self.genesis, sender, sequence, expiry_height: 10_000, body };
            unsigned.sign_with(signer).map_err(LedgerError::NotSigned)
        })
    }

    fn submit<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, LedgerError>> {
        Box::pin(async move {
            self.check_reachable().await?;
            transaction.verify_signature().expect("the wallet signs with the sender's key");
            self.submitted.lock().unwrap().push(transaction.clone());
            if take_one(&self.expire) {
                return Err(LedgerError::Refused(Refusal::Expired));
            }
            let known = self.receipts.lock().unwrap().get(&transaction.id().0).cloned();
            let receipt = known.unwrap_or_else(|| {
                let outcome = self.apply(transaction);
                Receipt { transaction: transaction.id(), height: HEIGHT, index: 0, outcome }
            });
            self.receipts.lock().unwrap().insert(transaction.id().0, receipt.clone());
            if take_one(&self.lose_answers) {
                return Err(LedgerError::NotFinal { waited_seconds: 20 });
            }
            match receipt.outcome {
                Outcome::Applied => Ok(receipt),
                Outcome::Refused(refusal) => Err(LedgerError::Refused(refusal)),
            }
        })
    }
}
