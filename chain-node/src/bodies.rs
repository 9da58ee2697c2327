//! Record bodies wherever they are: on this node's disk, or, when they are missing or damaged there, with the other validators.
//!
//! A body is asked for by its hash and taken only with that hash, so it does not matter who gives it.

use crate::{
    kill_points::{self, Point},
    neighbours::{BadTip, Neighbours},
    store::{Additions, Store, StoreError},
};
use commonware_runtime::Clock;
use data_encoding::HEXLOWER;
use ledger::{Hash, cell::CELL_BYTES};
use std::{collections::BTreeSet, sync::Arc};
use tokio::sync::mpsc;

/// The bodies that the state names.
pub struct Bodies {
    /// Those on the disk.
    pub store: Arc<Store>,
    /// Who may have the others.
    pub neighbours: Arc<Neighbours>,
}

/// Without other validators: what is missing cannot be had.
impl From<Arc<Store>> for Bodies {
    fn from(store: Arc<Store>) -> Self {
        let (outgoing, _) = mpsc::channel(1);
        let nobody = Neighbours::new(outgoing, Vec::new(), Arc::new(|_| Err(BadTip::False)));
        Self { store, neighbours: Arc::new(nobody) }
    }
}

impl Bodies {
    /// The body with this hash; waits for another validator's when the disk has none.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    ///
    /// # Panics
    /// When it is not on the disk and the ledger has no other validator: such a node must stop.
    pub async fn get(&self, clock: &impl Clock, hash: &Hash) -> Result<Arc<[u8]>, StoreError> {
        if let Some(body) = self.store.body(hash)? {
            return Ok(body.into());
        }
        let name = HEXLOWER.encode(hash);
        assert!(!self.neighbours.others().is_empty(), "the body {name} is missing or damaged and nobody else has it");
        tracing::warn!(body = name, "a record body is missing or damaged on the disk: the other validators are asked");
        metrics::counter!("ledger_bodies_fetched").increment(1);
        let found = self.fetch(clock, &[*hash], &[]).await?;
        Ok(found.into_iter().next().expect("as many bodies as were asked for"))
    }

    /// Fetches the bodies that are missing of these cells, and puts cells and bodies on the disk. Gives how many were fetched.
    ///
    /// # Errors
    /// When the store cannot be read or written.
    pub async fn complete(
        &self,
        clock: &impl Clock,
        cells: &[(Hash, u32, [u8; CELL_BYTES])],
        bodies: &[Hash],
    ) -> Result<usize, StoreError> {
        let mut missing = Vec::new();
        for hash in bodies.iter().collect::<BTreeSet<_>>() {
            if self.store.body(hash)?.is_none() {
                missing.push(*hash);
            }
        }
        self.fetch(clock, &missing, cells).await?;
        Ok(missing.len())
    }

    async fn fetch(
        &self,
        clock: &impl Clock,
        hashes: &[Hash],
        cells: &[(Hash, u32, [u8; CELL_BYTES])],
    ) -> Result<Vec<Arc<[u8]>>, StoreError> {
        let found = self.neighbours.fetch(clock, hashes).await;
        let bodies = hashes.iter().copied().zip(found.iter().cloned()).collect();
        kill_points::reach(Point::BodiesFetched);
        self.store.keep(&Additions { bodies, cells: cells.to_vec(), ..Additions::default() })?;
        Ok(found)
    }
}
