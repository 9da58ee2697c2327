//! The real ledger, through `clients`: every answer is verified there.

use clients::Clock;
use clients::chain::{AsOf, ChainClient, ChainError};
use identity::SecretKey;
use identity::canonical::{self, Hash};
use identity::did::{IdentityId, Network};
use ledger::cell::{Cell, Subject};
use ledger::limits::MAX_RECORD_BYTES;
use ledger::receipt::Outcome;
use ledger::records::{AttestationRecord, AttestationStatus, AuthorityId, AuthorityRecord, IdentityRecord, RecordId};
use ledger::transaction::{Anchor, Body, Sender, Transaction, TransactionId};

use super::{Ledger, LedgerError, LedgerFuture, Outcomes};

/// How old the proven state may be where it decides who may act. An idle ledger makes a block every few seconds.
pub const MAX_AGE_MS: u64 = 120_000;

/// The newest state that any node can prove is too old to decide by.
#[derive(Debug, thiserror::Error)]
#[error("the newest proven state of the ledger is {age_seconds} s old; is it making blocks?")]
struct Stale {
    age_seconds: u64,
}

/// A status byte that this version does not know.
#[derive(Debug, thiserror::Error)]
#[error("the ledger has an attestation status that this program does not know: {0}")]
struct UnknownStatus(u8);

/// The ledger as one department sees it.
pub struct ChainLedger {
    client: ChainClient,
    clock: Clock,
    authority: AuthorityId,
    key: SecretKey,
}

impl ChainLedger {
    /// For the department that `key` sends for.
    pub fn new(client: ChainClient, clock: Clock, authority: AuthorityId, key: SecretKey) -> Self {
        Self { client, clock, authority, key }
    }

    fn fresh<T>(&self, answer: AsOf<Option<(Cell, T)>>) -> Result<Option<T>, LedgerError> {
        let age_ms = answer.age_ms(&self.clock);
        if age_ms > MAX_AGE_MS {
            return Err(LedgerError(Box::new(Stale { age_seconds: age_ms / 1000 })));
        }
        Ok(answer.value.map(|(_, record)| record))
    }
}

fn away(error: ChainError) -> LedgerError {
    LedgerError(Box::new(error))
}

fn status_of(cell: &Cell) -> Result<AttestationStatus, LedgerError> {
    [
        AttestationStatus::Active,
        AttestationStatus::Suspended,
        AttestationStatus::Revoked,
        AttestationStatus::Superseded,
        AttestationStatus::BrokenByHolder,
    ]
    .into_iter()
    .find(|status| *status as u8 == cell.status)
    .ok_or_else(|| LedgerError(Box::new(UnknownStatus(cell.status))))
}

impl Ledger for ChainLedger {
    fn genesis(&self) -> Hash {
        *self.client.trust_root().hash()
    }

    fn network(&self) -> &Network {
        &self.client.trust_root().genesis().network
    }

    fn identity(&self, id: IdentityId) -> LedgerFuture<'_, Option<IdentityRecord>> {
        Box::pin(async move { self.fresh(self.client.identity(&id).await.map_err(away)?) })
    }

    fn anchor(&self, id: RecordId) -> LedgerFuture<'_, Option<Anchor>> {
        Box::pin(async move {
            let answer = self.client.anchor(&id).await.map_err(away)?;
            Ok(answer.value.map(|(_, anchor)| anchor))
        })
    }

    fn authority(&self) -> LedgerFuture<'_, Option<(Cell, AuthorityRecord)>> {
        Box::pin(async move {
            let answer = self.client.authority(&self.authority).await.map_err(away)?;
            self.fresh(answer.map(|value| value.map(|(cell, record)| (cell, (cell, record)))))
        })
    }

    fn attestation(&self, id: RecordId) -> LedgerFuture<'_, Option<(AttestationStatus, AttestationRecord)>> {
        Box::pin(async move {
            let answer = self.client.attestation(&id).await.map_err(away)?;
            answer.value.map(|(cell, record)| Ok((status_of(&cell)?, record))).transpose()
        })
    }

    fn outcome(&self, id: TransactionId) -> LedgerFuture<'_, Outcomes> {
        Box::pin(async move {
            let proven = self.client.get(&Subject::Transaction(id)).await.map_err(away)?;
            let receipt = proven.body.map(|body| canonical::decode(&body, MAX_RECORD_BYTES)).transpose();
            let receipt = receipt.map_err(|e| LedgerError(Box::new(e)))?;
            Ok(Outcomes { height: proven.header.height, receipt })
        })
    }

    fn prepare(&self, body: Body) -> LedgerFuture<'_, Transaction> {
        Box::pin(async move {
            let sender = Sender::Authority { authority: self.authority, key: self.key.public_key() };
            self.client.prepare(&self.key, sender, body).await.map_err(away)
        })
    }

    fn submit<'a>(&'a self, transaction: &'a Transaction) -> LedgerFuture<'a, Outcome> {
        Box::pin(async move {
            match self.client.submit_prepared(transaction).await {
                Ok(receipt) => Ok(receipt.outcome),
                Err(ChainError::Refused(refusal)) => Ok(Outcome::Refused(refusal)),
                Err(error) => Err(away(error)),
            }
        })
    }
}
