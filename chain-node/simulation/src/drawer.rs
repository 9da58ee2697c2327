//! The two records of a validator's vote guard: the token lies on the disk that a wipe empties, the guard on another one.
//!
//! Every write is synced, so a crash loses nothing. Refuses nothing.

use chain_node::{
    durable::FileError,
    guard::{self, Keep, Which},
};
use std::{
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Both records of one validator.
#[derive(Debug, Clone)]
pub struct Drawer(Arc<Mutex<Records>>);

#[derive(Debug)]
struct Records {
    guard: Option<Vec<u8>>,
    token: Option<Vec<u8>>,
}

impl Drawer {
    /// The records of a key that was just made.
    pub fn of(key: &[u8]) -> Self {
        Self(Arc::new(Mutex::new(Records { guard: Some(guard::unused(key)), token: None })))
    }

    fn records(&self) -> MutexGuard<'_, Records> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk of the data is lost, and perhaps that of the guard.
    pub fn wipe(&self, guard_too: bool) {
        let mut records = self.records();
        records.token = None;
        if guard_too {
            records.guard = None;
        }
    }
}

impl Keep for Drawer {
    fn path(&self, which: Which) -> &Path {
        Path::new(match which {
            Which::Guard => "guard",
            Which::Token => "token",
        })
    }

    fn read(&self, which: Which) -> Result<Option<Vec<u8>>, FileError> {
        let records = self.records();
        Ok(match which {
            Which::Guard => records.guard.clone(),
            Which::Token => records.token.clone(),
        })
    }

    fn replace(&self, which: Which, content: &[u8]) -> Result<(), FileError> {
        let mut records = self.records();
        match which {
            Which::Guard => records.guard = Some(content.to_vec()),
            Which::Token => records.token = Some(content.to_vec()),
        }
        Ok(())
    }
}
