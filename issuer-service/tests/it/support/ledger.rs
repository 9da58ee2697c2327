//! The ledger in memory: the real state machine, with faults on demand.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use chain_state::{BlockContext, Unloaded, View};
use identity::SecretKey;
use identity::canonical::{self, Hash};
use identity::did::{IdentityId, Network};
use issuer_service::anchoring::{Ledger, LedgerError, LedgerFuture, Outcomes};
use ledger::cell::{Cell, Subject};
use ledger::genesis::Genesis;
use ledger::limits::MAX_RECORD_BYTES;
use ledger::receipt::{Outcome, Receipt};
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityId, AuthorityRecord, IdentityRecord, RecordId};
use ledger::transaction::{Anchor, Body, Sender, Transaction, TransactionId, Unsigned};

/// How many blocks a prepared transaction is good for, in tests.
pub(crate) const EXPIRY_BLOCKS: u64 = 10;

pub(crate) struct FakeLedger {
    genesis: Genesis,
    authority: AuthorityId,
    key: SecretKey,
    chain: Mutex<(u64, View)>,
    sequence: AtomicU64,
    /// No answers at all.
    pub(crate) away: AtomicBool,
    /// Reads are answered, transactions are not taken.
    pub(crate) halted: AtomicBool,
    /// Transactions are applied, and the answer is lost.
    pub(crate) loses_answers: AtomicBool,
    /// Every transaction id that was sent.
    pub(crate) sent: Mutex<Vec<TransactionId>>,
}

#[derive(Debug, thiserror::Error)]
#[error("the test's ledger is away")]
struct Away;

impl FakeLedger {
    pub(crate) fn new(genesis: Genesis, authority: AuthorityId, key: SecretKey) -> Self {
        let mut view = View::new();
        for write in chain_state::genesis(&genesis) {
            view.insert(write.key, write.cell, write.body.into()).unwrap();
        }
        Self {
            genesis,
            authority,
            key,
            chain: Mutex::new((1, view)),
            sequence: AtomicU64::new(1),
            away: AtomicBool::new(false),
            halted: AtomicBool::new(false),
            loses_answers: AtomicBool::new(false),
            sent: Mutex::default(),
        }
    }

    /// Puts a transaction of anybody into a block of its own.
    pub(crate) fn block(&self, transaction: &Transaction) -> Receipt {
        transaction.verify_signature().unwrap();
        let mut chain = self.chain.lock().unwrap();
        chain.0 += 1;
        let context = BlockContext {
            genesis: self.genesis.hash(),
            network: self.genesis.network.clone(),
            height: chain.0,
            timestamp_ms: chain.0 * 1000,
        };
        // The view is the whole state: what it was not told of is not there.
        loop {
            match chain_state::apply(&mut chain.1, &context, 0, transaction) {
                Ok(receipt) => return receipt,
                Err(Unloaded(keys)) => keys.into_iter().for_each(|key| chain.1.insert_absent(key)),
            }
        }
    }

    /// Lets so many empty blocks go by.
    pub(crate) fn pass(&self, blocks: u64) {
        self.chain.lock().unwrap().0 += blocks;
    }

    /// The department as it stands once the members have suspended it, or restored it.
    pub(crate) fn suspend(&self, suspended: bool) {
        let key = Subject::Authority(self.authority).key();
        let mut chain = self.chain.lock().unwrap();
        let (cell, body) = chain.1.get(&key).unwrap().unwrap();
        let (cell, body) = (Cell { status: u8::from(suspended), ..*cell }, body.into());
        chain.1.insert(key, cell, body).unwrap();
    }

    /// Signs and applies a transaction of somebody else.
    pub(crate) fn send(&self, sender: Sender, key: &SecretKey, body: Body) -> Receipt {
        let receipt = self.block(&self.unsigned(sender, body).sign(key));
        assert_eq!(receipt.outcome, Outcome::Applied);
        receipt
    }

    fn unsigned(&self, sender: Sender, body: Body) -> Unsigned {
        let height = self.chain.lock().unwrap().0;
        let sequence = self.sequence.fetch_add(1, Ordering::SeqCst);
        Unsigned { genesis: self.genesis.hash(), sender, sequence, expiry_height: height + EXPIRY_BLOCKS, body }
    }

    pub(crate) fn record<T: borsh::BorshDeserialize>(&self, subject: &Subject) -> Option<(Cell, T)> {
        let chain = self.chain.lock().unwrap();
        let (cell, body) = chain.1.get(&subject.key()).ok().flatten()?;
        Some((*cell, canonical::decode(body, MAX_RECORD_BYTES).unwrap()))
    }

    fn read<T>(&self, read: impl FnOnce() -> T) -> Result<T, LedgerError> {
        if self.away.load(Ordering::SeqCst) { Err(LedgerError(Box::new(Away))) } else { Ok(read()) }
    }
}

impl Ledger for FakeLedger {
    fn genesis(&self) -> Hash {
        self.genesis.hash()
    }

    fn network(&self) -> &Network {
        &self.genesis.network
    }

    fn identity(&self, id: IdentityId) -> LedgerFuture<'_, Option<IdentityRecord>> {
        Box::pin(async move { self.read(|| self.record(&Subject::Identity(id)).map(|(_, record)| record)) })
    }

    fn anchor(&self, id: RecordId) -> LedgerFuture<'_, Option<Anchor>> {
        Box::pin(async move { self.read(|| self.record(&Subject::Anchor(id)).map(|(_, record)| record)) })
    }

    fn authority(&self) -> LedgerFuture<'_, Option<(Cell, AuthorityRecord)>> {
        Box::pin(async move { self.read(|| self.record(&Subject::Authority(self.authority))) })
    }

    fn attestation(&self, id: RecordId) -> LedgerFuture<'_, Option<(AttestationStatus, AttestationRecord)>> {
        Box::pin(async move {
            self.read(|| {
                let (cell, record) = self.record::<AttestationRecord>(&Subject::Attestation(id))?;
                let status = match cell.status {
                    0 => AttestationStatus::Active,
                    1 => AttestationStatus::Suspended,
                    _ => AttestationStatus::Revoked,
                };
                Some((status, record))
            })
        })
    }

    fn outcome(&self, id: TransactionId) -> LedgerFuture<'_, Outcomes> {
        Box::pin(async move {
            self.read(|| {
                let chain = self.chain.lock().unwrap();
                Outcomes { height: chain.0, receipt: chain_state::receipt(&chain.1, &id).unwrap_or_default() }
            })
        })
    }

    fn prepare(&self, body: Body) -> LedgerFuture<'_, Transaction> {
        Box::pin(async move {
            let sender = Sender::Authority { authority: self.authority, key: self.key.public_key() };
            self.read(|| self.unsigned(sender, body).sign(&self.key))
        })
    }

    fn submit<'a>(&'a self, transaction: &'a Transaction) -> LedgerFuture<'a, Outcome> {
        Box::pin(async move {
            self.read(|| ())?;
            self.sent.lock().unwrap().push(transaction.id());
            if self.halted.load(Ordering::SeqCst) {
                return Err(LedgerError(Box::new(Away)));
            }
            let receipt = self.block(transaction);
            if self.loses_answers.load(Ordering::SeqCst) {
                return Err(LedgerError(Box::new(Away)));
            }
            Ok(receipt.outcome)
        })
    }
}
