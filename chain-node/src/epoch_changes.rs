//! The ends of epochs with their certificates: what leads from the genesis to the validators of any epoch.
//!
//! Given to a node without data before it asks for a state, kept with a backup, and used to check certificates. Each is
//! checked with the validators of the epoch before it, so nobody has to be believed.

use crate::{
    engine::{
        epochs::{Boundary, Epochs},
        types::Environment,
    },
    neighbours::Neighbours,
    store::{Store, StoreError},
};
use borsh::{BorshDeserialize, BorshSerialize};
use futures::lock::Mutex;
use identity::canonical;
use ledger::{
    genesis::Genesis,
    proof::Answer,
    trust::{TrustError, TrustRoot},
};
use std::time::Duration;

/// How long the answers about one epoch are waited for before they are asked for again.
const PATIENCE: Duration = Duration::from_millis(500);
/// Bytes of a boundary at most.
const MAX_BOUNDARY_BYTES: usize = 256 * 1024;

/// The end of an epoch, as a node keeps it, and the certificate of its last block.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct EpochChange {
    /// The canonical form of a [`Boundary`].
    pub boundary: Vec<u8>,
    /// The finality certificate of its header.
    pub certificate: Vec<u8>,
}

/// Why an end of an epoch is not believed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The bytes are not one.
    #[error("this is no end of an epoch")]
    Malformed,
    /// The validators before it do not prove it.
    #[error(transparent)]
    Trust(#[from] TrustError),
}

impl EpochChange {
    /// What introduced `epoch`, if the store has it with its certificate.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn of(store: &Store, epoch: u64) -> Result<Option<Self>, StoreError> {
        let (boundary, certificate) = (store.epoch(epoch)?, store.epoch_certificate(epoch)?);
        Ok(boundary.zip(certificate).map(|(boundary, certificate)| Self { boundary, certificate }))
    }

    /// The boundary, unchecked.
    ///
    /// # Errors
    /// When it is none.
    pub fn boundary(&self) -> Result<Boundary, ChangeError> {
        canonical::decode(&self.boundary, MAX_BOUNDARY_BYTES).map_err(|_| ChangeError::Malformed)
    }

    /// Lets `root` learn the next validators. Gives the epoch that it knows now, and the boundary.
    ///
    /// # Errors
    /// When `root` does not find it proved.
    pub fn follow(&self, root: &mut TrustRoot) -> Result<(u64, Boundary), ChangeError> {
        let boundary = self.boundary()?;
        let epoch = root.follow(&Answer {
            header: &canonical::encode(&boundary.header),
            certificate: &self.certificate,
            cell: Some(&boundary.cell),
            body: Some(&boundary.body),
            proof: &boundary.proof,
        })?;
        Ok((epoch, boundary))
    }
}

/// How a node without data learns the validators of the epochs since the genesis, who certify the state that it asks for.
pub struct Learning<'a> {
    root: Mutex<TrustRoot>,
    epochs: &'a Epochs,
    store: &'a Store,
    neighbours: &'a Neighbours,
    patience: Option<Duration>,
}

impl<'a> Learning<'a> {
    /// Knows the genesis. Nothing is asked without patience, or where the validators cannot change.
    ///
    /// # Panics
    /// When the genesis was not checked before.
    pub fn new(
        genesis: &Genesis,
        (epochs, store): (&'a Epochs, &'a Store),
        neighbours: &'a Neighbours,
        patience: Option<Duration>,
    ) -> Self {
        let root = TrustRoot::from_genesis(genesis.clone()).expect("a checked genesis is a trust root");
        Self { root: Mutex::new(root), epochs, store, neighbours, patience: patience.filter(|_| epochs.governed()) }
    }

    /// Learns every epoch that the others can prove now. Gives up when nothing was learned for as long as there is patience.
    ///
    /// # Panics
    /// When the store cannot be read or written: the node stops.
    pub async fn go_on<E: Environment>(&self, clock: &E) {
        let Some(patience) = self.patience else { return };
        let mut root = self.root.lock().await;
        let mut learned = std::pin::pin!(catch_up(clock, self.epochs, self.store, self.neighbours, &mut root));
        loop {
            let known = *self.epochs.newest().borrow();
            commonware_macros::select! {
                learned = &mut learned => {
                    learned.expect("the body store can be read and written");
                    return;
                },
                // There may be very many: only silence is waited for in vain.
                _ = clock.sleep(patience) => {
                    if *self.epochs.newest().borrow() == known {
                        tracing::warn!("too few validators answered about epochs: the ledger is replayed from its first block");
                        return;
                    }
                },
            }
        }
    }
}

/// Learns every epoch that the others can prove, one after the other, and keeps what proves it. Ends when more than the
/// tolerated number of them say that there is no later one.
async fn catch_up<E: Environment>(
    clock: &E,
    epochs: &Epochs,
    store: &Store,
    neighbours: &Neighbours,
    root: &mut TrustRoot,
) -> Result<(), StoreError> {
    let known = *epochs.newest().borrow();
    for epoch in root.newest_epoch() + 1..=known {
        let change = EpochChange::of(store, epoch)?;
        let followed = change.map(|change| change.follow(root));
        if !matches!(followed, Some(Ok(_))) {
            tracing::error!(epoch, "what introduced this epoch is missing or damaged here: later ones cannot be checked");
            return Ok(());
        }
    }
    loop {
        let next = *epochs.newest().borrow() + 1;
        let claims = neighbours.ask_epoch(clock, next, PATIENCE).await;
        let proved = claims.iter().flatten().find_map(|change| {
            let (epoch, boundary) = change.follow(root).ok()?;
            (epoch == next).then_some((boundary, &change.certificate))
        });
        match proved {
            Some((boundary, certificate)) => {
                store.put_epoch_certificate(next, certificate)?;
                epochs.ended(&boundary);
                epochs.enter(next);
            }
            None => {
                let validators = epochs.keys_sorted(next - 1).len();
                let tolerated = validators.saturating_sub(1) / 3;
                if claims.iter().filter(|claim| claim.is_none()).count() > tolerated {
                    if next - 1 > known || known == 0 {
                        tracing::info!(epoch = next - 1, "the validators of this epoch are known");
                    }
                    return Ok(());
                }
            }
        }
    }
}
