//! A ledger in memory: the real records and transactions, without consensus.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use identity::canonical;
use identity::keys::SecretKey;
use ledger::receipt::{Outcome, Receipt};
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityId, AuthorityRecord, PartyId, PartyRecord, RecordId};
use ledger::transaction::{Body, NewReceipt, Sender, Transaction, TransactionId, Unsigned};
use tokio::sync::Notify;
use verifier_service::chain::{Attested, Chain, ChainError, Standing};

/// A write that waits, and whoever waits for it to wait.
#[derive(Clone, Default)]
pub(crate) struct Pause {
    reached: Arc<Notify>,
    resumed: Arc<Notify>,
}

impl Pause {
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    pub(crate) fn resume(&self) {
        self.resumed.notify_one();
    }
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) authorities: BTreeMap<AuthorityId, AuthorityRecord>,
    /// Those that the members have suspended.
    pub(crate) suspended: BTreeSet<AuthorityId>,
    pub(crate) attestations: BTreeMap<RecordId, Attested>,
    pub(crate) party: Option<PartyRecord>,
    pub(crate) receipts: BTreeMap<RecordId, NewReceipt>,
    final_receipts: BTreeMap<TransactionId, Receipt>,
}

pub(crate) struct Ledger {
    pub(crate) state: Mutex<State>,
    /// Reads fail.
    pub(crate) away: AtomicBool,
    /// Writes fail before they take effect.
    pub(crate) stalled: AtomicBool,
    /// The next write waits here.
    paused: Mutex<Option<Pause>>,
    genesis: [u8; 32],
    party: PartyId,
    key: SecretKey,
}

impl Ledger {
    pub(crate) fn new(genesis: [u8; 32], party: PartyId, key: SecretKey) -> Self {
        Self { state: Mutex::default(), away: false.into(), stalled: false.into(), paused: Mutex::default(), genesis, party, key }
    }

    fn read<T>(&self, read: impl FnOnce(&State) -> T) -> Result<T, ChainError> {
        if self.away.load(Ordering::SeqCst) {
            return Err(ChainError::Away("ledger-unavailable"));
        }
        Ok(read(&self.state.lock().unwrap()))
    }

    /// Makes the next write wait.
    pub(crate) fn pause(&self) -> Pause {
        let pause = Pause::default();
        *self.paused.lock().unwrap() = Some(pause.clone());
        pause
    }

    pub(crate) fn attest(&self, id: RecordId, record: AttestationRecord) {
        let attested = Attested { status: AttestationStatus::Active, record };
        assert!(self.state.lock().unwrap().attestations.insert(id, attested).is_none());
    }

    pub(crate) fn set_status(&self, id: RecordId, status: AttestationStatus) {
        self.state.lock().unwrap().attestations.get_mut(&id).unwrap().status = status;
    }

    pub(crate) fn edit_record(&self, id: RecordId, edit: impl FnOnce(&mut AttestationRecord)) {
        edit(&mut self.state.lock().unwrap().attestations.get_mut(&id).unwrap().record);
    }

    pub(crate) fn receipts(&self) -> Vec<NewReceipt> {
        self.state.lock().unwrap().receipts.values().copied().collect()
    }
}

impl Chain for Ledger {
    fn authority<'a>(&'a self, id: &'a AuthorityId) -> BoxFuture<'a, Result<Option<Standing>, ChainError>> {
        let standing = |state: &State| {
            let record = state.authorities.get(id)?.clone();
            Some(Standing { suspended: state.suspended.contains(id), record })
        };
        async move { self.read(standing) }.boxed()
    }

    fn attestation<'a>(&'a self, id: &'a RecordId) -> BoxFuture<'a, Result<Option<Attested>, ChainError>> {
        async { self.read(|state| state.attestations.get(id).cloned()) }.boxed()
    }

    fn party(&self) -> BoxFuture<'_, Result<Option<PartyRecord>, ChainError>> {
        async { self.read(|state| state.party.clone()) }.boxed()
    }

    fn prepare(&self, receipt: NewReceipt) -> BoxFuture<'_, Result<Transaction, ChainError>> {
        async move {
            self.read(|_| ())?;
            let unsigned = Unsigned {
                genesis: self.genesis,
                sender: Sender::Party { party: self.party, key: self.key.public_key() },
                sequence: u64::from_le_bytes(receipt.id.0[..8].try_into().unwrap()),
                expiry_height: 1000,
                body: Body::RecordReceipts(vec![receipt]),
            };
            Ok(unsigned.sign(&self.key))
        }
        .boxed()
    }

    fn record<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, ChainError>> {
        async {
            // As over the network, others get a turn meanwhile.
            tokio::task::yield_now().await;
            let pause = self.paused.lock().unwrap().take();
            if let Some(pause) = pause {
                pause.reached.notify_one();
                pause.resumed.notified().await;
            }
            if self.stalled.load(Ordering::SeqCst) {
                return Err(ChainError::Away("ledger-not-finalized"));
            }
            let bytes = canonical::encode(transaction);
            let transaction: Transaction = canonical::decode(&bytes, 1 << 16).unwrap();
            transaction.verify_signature().unwrap();
            transaction.check_bounds().map_err(ChainError::Refused)?;
            let mut state = self.state.lock().unwrap();
            let Body::RecordReceipts(receipts) = &transaction.unsigned.body else { panic!("only receipts are recorded") };
            let height = 41 + u64::try_from(state.final_receipts.len()).unwrap();
            let id = transaction.id();
            if let Some(known) = state.final_receipts.get(&id) {
                return Ok(known.clone());
            }
            for receipt in receipts {
                assert!(state.receipts.insert(receipt.id, *receipt).is_none(), "a receipt's id is used once");
            }
            let receipt = Receipt { transaction: id, height, index: 0, outcome: Outcome::Applied };
            state.final_receipts.insert(id, receipt.clone());
            Ok(receipt)
        }
        .boxed()
    }
}
