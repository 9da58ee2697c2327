//! [`Chain`] over `clients`: every answer is checked against the genesis, and is no older than the configuration allows.

use clients::{AsOf, ChainClient, Clock};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use identity::keys::SecretKey;
use ledger::receipt::Receipt;
use ledger::records::{AttestationStatus, AuthorityId, PartyId, PartyRecord, RecordId};
use ledger::transaction::{Body, NewReceipt, Sender, Transaction};

use crate::chain::{Attested, Chain, ChainError, Standing};

/// The ledger through its nodes.
pub struct Ledger {
    client: ChainClient,
    party: PartyId,
    key: SecretKey,
    clock: Clock,
    max_age_ms: u64,
}

impl Ledger {
    /// For one party. Answers as of a block older than `max_age_seconds` are no answers: a node may be cut off.
    pub fn new(client: ChainClient, party: PartyId, key: SecretKey, clock: Clock, max_age_seconds: u32) -> Self {
        Self { client, party, key, clock, max_age_ms: u64::from(max_age_seconds) * 1000 }
    }

    fn fresh<T>(&self, answer: Result<AsOf<T>, clients::ChainError>) -> Result<T, ChainError> {
        let answer = answer.map_err(away)?;
        if answer.age_ms(&self.clock) > self.max_age_ms {
            tracing::warn!(height = answer.height, age_ms = answer.age_ms(&self.clock), "the ledger's newest block is too old");
            return Err(ChainError::Away("ledger-stale"));
        }
        Ok(answer.value)
    }
}

fn away(error: clients::ChainError) -> ChainError {
    match error {
        clients::ChainError::Refused(refusal) => ChainError::Refused(refusal),
        other => {
            tracing::warn!(slug = other.slug(), error = &other as &dyn std::error::Error, "the ledger gave no answer");
            ChainError::Away(other.slug())
        }
    }
}

/// The status byte of a cell. One that is not known is not in force.
fn status(byte: u8) -> AttestationStatus {
    match byte {
        0 => AttestationStatus::Active,
        1 => AttestationStatus::Suspended,
        3 => AttestationStatus::Superseded,
        4 => AttestationStatus::BrokenByHolder,
        _ => AttestationStatus::Revoked,
    }
}

impl Chain for Ledger {
    fn authority<'a>(&'a self, id: &'a AuthorityId) -> BoxFuture<'a, Result<Option<Standing>, ChainError>> {
        async {
            let found = self.fresh(self.client.authority(id).await)?;
            Ok(found.map(|(cell, record)| Standing { suspended: !cell.is_in_force(), record }))
        }
        .boxed()
    }

    fn attestation<'a>(&'a self, id: &'a RecordId) -> BoxFuture<'a, Result<Option<Attested>, ChainError>> {
        async {
            let found = self.fresh(self.client.attestation(id).await)?;
            Ok(found.map(|(cell, record)| Attested { status: status(cell.status), record }))
        }
        .boxed()
    }

    fn party(&self) -> BoxFuture<'_, Result<Option<PartyRecord>, ChainError>> {
        // While it is suspended this service may ask for nothing, as if it were not registered.
        async {
            let found = self.fresh(self.client.party(&self.party).await)?;
            Ok(found.filter(|(cell, _)| cell.is_in_force()).map(|(_, record)| record))
        }
        .boxed()
    }

    fn prepare(&self, receipt: NewReceipt) -> BoxFuture<'_, Result<Transaction, ChainError>> {
        async move {
            let sender = Sender::Party { party: self.party, key: self.key.public_key() };
            self.client.prepare(&self.key, sender, Body::RecordReceipts(vec![receipt])).await.map_err(away)
        }
        .boxed()
    }

    fn record<'a>(&'a self, transaction: &'a Transaction) -> BoxFuture<'a, Result<Receipt, ChainError>> {
        async { self.client.submit_prepared(transaction).await.map_err(away) }.boxed()
    }
}
