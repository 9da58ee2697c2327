//! Old versions of records, and bodies that nothing names any more: found and removed in steps of bounded size.
//!
//! A version is obsolete when its successor was in force at the end of the lowest block that is kept, or before. The newest version of a key
//! never is, so what the state names stays, receipts included. A body goes only after a walk over all versions has found none that
//! names it; what a block names meanwhile is struck off, or written again, by the very transaction that brings it into the tables. A round
//! begins with everything in the tables. Every step is one transaction: a node that is killed between two begins a new round, and loses
//! nothing but the work.

use crate::store::{BODIES, DOOMED, FACTS, SEEN, Store, StoreError, VERSIONS};
use ledger::{
    Hash,
    cell::{CELL_BYTES, Cell},
};
use redb::{Durability, ReadableDatabase as _, ReadableTable as _, ReadableTableMetadata as _};
use std::path::Path;

/// Rows read in one step, and rows removed in one transaction.
pub const STEP: usize = 256;

/// The height below which blocks may be gone.
const PRUNED: &str = "pruned below";
/// The height up to which obsolete versions are gone.
const RECORDS_PRUNED: &str = "records pruned below";
/// Bytes of removed rows since the file was compacted.
const FREED: &str = "freed bytes";
/// The file is compacted when this share of it may be free: one in so many.
const WORTH: u64 = 3;

/// A key and a version: where a walk goes on.
pub type Place = (Hash, u32);

impl Store {
    fn fact(&self, name: &str) -> Result<u64, StoreError> {
        let table = self.tables.begin_read()?.open_table(FACTS)?;
        Ok(table.get(name)?.map_or(0, |value| value.value()))
    }

    /// The height below which blocks may be gone; 0 in an archive.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn pruned_below(&self) -> Result<u64, StoreError> {
        self.fact(PRUNED)
    }

    /// Notes that blocks below this height may go; on the disk when this returns.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_pruned_below(&self, height: u64) -> Result<(), StoreError> {
        self.set_fact(PRUNED, height)
    }

    /// The height up to which a whole round has removed obsolete versions.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn records_pruned_below(&self) -> Result<u64, StoreError> {
        self.fact(RECORDS_PRUNED)
    }

    /// Notes the end of a round.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_records_pruned_below(&self, height: u64) -> Result<(), StoreError> {
        self.set_fact(RECORDS_PRUNED, height)
    }

    fn set_fact(&self, name: &str, value: u64) -> Result<(), StoreError> {
        let transaction = self.tables.begin_write()?;
        transaction.open_table(FACTS)?.insert(name, value)?;
        Ok(transaction.commit()?)
    }

    /// Removes the obsolete among the next versions from `place` on, and marks their bodies. Gives where the walk goes on, and how
    /// many it removed; the walk is over when there is no place to go on from.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn remove_obsolete(&self, place: Place, oldest: u64) -> Result<(Option<Place>, usize), StoreError> {
        let rows = self.versions_from(&place.0, place.1, STEP + 1)?;
        // What is damaged stays: supervision and `verify` say so, and nothing is judged by it.
        let cell = |bytes: &[u8; CELL_BYTES]| Cell::from_bytes(bytes).ok();
        let pairs = rows.iter().zip(rows.iter().skip(1)).filter(|((key, ..), (next, ..))| key == next);
        let superseded = pairs.filter(|(_, (_, _, bytes))| cell(bytes).is_some_and(|next| next.updated_height <= oldest));
        let obsolete: Vec<(Hash, u32, Hash)> =
            superseded.filter_map(|((key, version, bytes), _)| Some((*key, *version, cell(bytes)?.body))).collect();
        if !obsolete.is_empty() {
            let transaction = self.tables.begin_write()?;
            {
                let mut versions = transaction.open_table(VERSIONS)?;
                let mut doomed = transaction.open_table(DOOMED)?;
                for (key, version, body) in &obsolete {
                    versions.remove((key, *version))?;
                    doomed.insert(body, ())?;
                }
                let freed = obsolete.len().saturating_mul(CELL_BYTES + size_of::<Hash>());
                add(&mut transaction.open_table(FACTS)?, FREED, freed)?;
            }
            transaction.commit()?;
        }
        Ok((next_place(&rows), obsolete.len()))
    }

    /// Strikes off the marked bodies that the next versions from `place` on name. Gives where the walk goes on.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn spare_named(&self, place: Place) -> Result<Option<Place>, StoreError> {
        let rows = self.versions_from(&place.0, place.1, STEP + 1)?;
        let mut named = Vec::new();
        {
            let doomed = self.tables.begin_read()?.open_table(DOOMED)?;
            if doomed.is_empty()? {
                return Ok(None);
            }
            for (_, _, bytes) in &rows {
                if let Ok(Cell { body, .. }) = Cell::from_bytes(bytes)
                    && doomed.get(&body)?.is_some()
                {
                    named.push(body);
                }
            }
        }
        if !named.is_empty() {
            let transaction = self.tables.begin_write()?;
            {
                let mut doomed = transaction.open_table(DOOMED)?;
                for body in &named {
                    doomed.remove(body)?;
                }
            }
            transaction.commit()?;
        }
        Ok(next_place(&rows))
    }

    /// Whether a version of a key that was written at this height is here.
    ///
    /// # Errors
    /// When the file cannot be read.
    pub fn has_version_of(&self, key: &Hash, height: u64) -> Result<bool, StoreError> {
        let table = self.tables.begin_read()?.open_table(VERSIONS)?;
        for row in table.range((key, 0)..=(key, u32::MAX))? {
            let (_, bytes) = row?;
            if Cell::from_bytes(bytes.value()).is_ok_and(|cell| cell.updated_height == height) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes marked bodies, at most [`STEP`]. Right only after a walk of [`Self::spare_named`] over everything since the last mark. Gives how
    /// many it removed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn remove_doomed(&self) -> Result<usize, StoreError> {
        let transaction = self.tables.begin_write()?;
        let mut removed = 0;
        {
            let mut doomed = transaction.open_table(DOOMED)?;
            let mut bodies = transaction.open_table(BODIES)?;
            let mut freed = 0;
            while removed < STEP {
                let Some((hash, _)) = doomed.pop_first()? else { break };
                let body = bodies.remove(hash.value())?;
                freed += body.map_or(0, |body| body.value().len().saturating_add(size_of::<Hash>()));
                removed += 1;
            }
            add(&mut transaction.open_table(FACTS)?, FREED, freed)?;
        }
        if removed == 0 {
            transaction.abort()?;
        } else {
            transaction.commit()?;
        }
        Ok(removed)
    }

    /// Forgets when blocks below `oldest` were first seen, at most [`STEP`] of them. Gives how many there were.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn forget_seen(&self, oldest: u64) -> Result<usize, StoreError> {
        let heights: Vec<u64> = {
            let seen = self.tables.begin_read()?.open_table(SEEN)?;
            let below = seen.range(..oldest)?.take(STEP).map(|row| row.map(|(height, _)| height.value()));
            below.collect::<Result<_, _>>()?
        };
        if heights.is_empty() {
            return Ok(0);
        }
        let mut transaction = self.tables.begin_write()?;
        // A first sight that comes back after a power cut does no harm.
        transaction.set_durability(Durability::None)?;
        {
            let mut seen = transaction.open_table(SEEN)?;
            for height in &heights {
                seen.remove(height)?;
            }
        }
        transaction.commit()?;
        Ok(heights.len())
    }

    /// Gives the room of removed rows back to the disk, if it is a good part of the file: it takes as long as copying the file. Gives
    /// the file's bytes before and after.
    ///
    /// # Errors
    /// When the file cannot be read or written.
    pub fn compact_if_worth(&mut self, path: &Path) -> Result<Option<(u64, u64)>, StoreError> {
        let bytes = || std::fs::metadata(path).map_or(0, |file| file.len());
        let before = bytes();
        if self.fact(FREED)?.saturating_mul(WORTH) < before {
            return Ok(None);
        }
        self.tables.compact().map_err(|error| StoreError::from(redb::Error::from(error)))?;
        self.set_fact(FREED, 0)?;
        Ok(Some((before, bytes())))
    }
}

/// Where a walk that has read these rows goes on: at the last of them, which was only looked at.
fn next_place(rows: &[(Hash, u32, [u8; CELL_BYTES])]) -> Option<Place> {
    rows.get(STEP).map(|(key, version, _)| (*key, *version))
}

fn add(facts: &mut redb::Table<'_, &'static str, u64>, name: &str, more: usize) -> Result<(), StoreError> {
    let known = facts.get(name)?.map_or(0, |value| value.value());
    facts.insert(name, known.saturating_add(u64::try_from(more).unwrap_or(u64::MAX)))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Additions;
    use ledger::cell::body_hash;
    use std::sync::Arc;

    fn cell(version: u32, height: u64, body: &[u8]) -> [u8; CELL_BYTES] {
        Cell { version, status: 0, created_height: 1, updated_height: height, body: body_hash(body) }.to_bytes()
    }

    fn write(store: &Store, height: u64, key: u8, version: u32, body: &[u8]) {
        let additions = Additions {
            bodies: vec![(body_hash(body), Arc::from(body))],
            cells: vec![([key; 32], version, cell(version, height, body))],
            first_seen_ms: Some(height),
            proposals: Vec::new(),
        };
        store.record(height, &additions).unwrap();
        store.settle().unwrap();
    }

    fn round(store: &Store, oldest: u64) -> usize {
        let (mut place, mut removed) = (Some(([0; 32], 0)), 0);
        while let Some(from) = place {
            let (next, count) = store.remove_obsolete(from, oldest).unwrap();
            (place, removed) = (next, removed + count);
        }
        place = Some(([0; 32], 0));
        while let Some(from) = place {
            place = store.spare_named(from).unwrap();
        }
        while store.remove_doomed().unwrap() > 0 {}
        while store.forget_seen(oldest).unwrap() > 0 {}
        removed
    }

    /// N048: what was superseded before the oldest block goes with its body; what is in force, or is named twice, stays.
    #[test]
    fn only_versions_and_bodies_that_no_kept_block_needs_are_removed() {
        let store = Store::in_memory().unwrap();
        write(&store, 1, 7, 1, b"first");
        write(&store, 3, 7, 2, b"second");
        write(&store, 5, 7, 3, b"first");
        write(&store, 9, 7, 4, b"fourth");
        write(&store, 2, 8, 1, b"second");
        write(&store, 4, 9, 1, b"shared by none");
        write(&store, 6, 9, 2, b"newest");
        assert_eq!(round(&store, 5), 2);
        let versions =
            |key: u8| -> Vec<u32> { (0..9).filter(|version| store.version(&[key; 32], *version).unwrap().is_some()).collect() };
        assert_eq!((versions(7), versions(8), versions(9)), (vec![3, 4], vec![1], vec![1, 2]));
        let has = |body: &[u8]| store.body(&body_hash(body)).unwrap().is_some();
        assert!(has(b"first") && has(b"second") && has(b"fourth"), "each is named by a version that stays");
        assert_eq!(round(&store, 8), 1);
        assert!(!has(b"shared by none") && has(b"newest"));
        assert_eq!((store.first_seen_ms(6).unwrap(), store.first_seen_ms(9).unwrap()), (None, Some(9)));
        assert_eq!(round(&store, 1_000), 1);
        assert_eq!((versions(7), versions(8), versions(9)), (vec![4], vec![1], vec![2]));
        assert!(!has(b"first") && has(b"second"));
    }

    /// A body that a block names between the walk and the removal stays.
    #[test]
    fn a_body_that_is_named_again_in_the_middle_of_a_round_stays() {
        let store = Store::in_memory().unwrap();
        write(&store, 1, 7, 1, b"again");
        write(&store, 2, 7, 2, b"between");
        store.remove_obsolete(([0; 32], 0), 5).unwrap();
        assert_eq!(store.spare_named(([0; 32], 0)).unwrap(), None);
        write(&store, 9, 7, 3, b"again");
        assert_eq!(store.remove_doomed().unwrap(), 0);
        assert!(store.body(&body_hash(b"again")).unwrap().is_some());
    }

    /// N048: more rows than one step, a round that was cut short, and a file that is smaller afterwards.
    #[test]
    fn a_round_that_was_cut_short_is_done_again_and_the_file_shrinks() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bodies.redb");
        let mut store = Store::open(&path).unwrap();
        let mut additions = Additions::default();
        for version in 1..=2_000_u32 {
            let body = vec![u8::try_from(version % 251).unwrap(); 2_000 + usize::try_from(version).unwrap()];
            additions.cells.push(([1; 32], version, cell(version, version.into(), &body)));
            additions.bodies.push((body_hash(&body), Arc::from(body)));
        }
        store.record(2_000, &additions).unwrap();
        store.settle().unwrap();
        assert_eq!(store.compact_if_worth(&path).unwrap(), None);
        assert_eq!(store.remove_obsolete(([0; 32], 0), 1_900).unwrap(), (Some(([1; 32], 257)), STEP));
        drop(store);

        let mut store = Store::open(&path).unwrap();
        assert_eq!(round(&store, 1_900), 1_899 - STEP);
        let mut left = 0;
        store
            .each_body::<StoreError>(|_, _| {
                left += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(left, 101);
        let (before, after) = store.compact_if_worth(&path).unwrap().unwrap();
        assert!(after * 3 < before, "{before} bytes, then {after}");
        assert!(store.version(&[1; 32], 2_000).unwrap().is_some());
    }
}
