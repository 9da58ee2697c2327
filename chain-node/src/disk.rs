//! Room on the disk: the node stops taking transactions before there is none, and stops in order before a write fails.
//!
//! Refuses nothing by itself; `Node::submit` and `main` ask it.

use crate::durable::{self, FileError};
use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

const MIB: u64 = 1024 * 1024;
/// Bytes that the test of a failing disk writes.
const TEST_BYTES: usize = 16 * 1024;

/// How the disk of the data folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// There is room.
    Fine,
    /// Less than the low-water mark is free: no new transactions are taken.
    Low {
        /// MiB that are free.
        free_mib: u64,
    },
    /// So little is free that the node stops before a write fails.
    Exhausted {
        /// MiB that are free.
        free_mib: u64,
    },
    /// The disk does not say, or does not take a small file.
    Failing(String),
}

impl Condition {
    /// What an operator should read, unless all is well.
    ///
    /// # Errors
    /// The sentence.
    pub fn check(&self) -> Result<(), String> {
        match self {
            Self::Fine => Ok(()),
            Self::Low { free_mib } => {
                Err(format!("the disk of the data folder is almost full ({free_mib} MiB free): new transactions are refused"))
            }
            Self::Exhausted { free_mib } => Err(format!("the disk of the data folder is full ({free_mib} MiB free)")),
            Self::Failing(cause) => Err(format!("the disk of the data folder fails: {cause}")),
        }
    }
}

/// The disk under a data folder.
#[derive(Debug)]
pub struct Disk {
    folder: PathBuf,
    low_mib: u64,
    stop_mib: u64,
    seen: Mutex<Condition>,
}

impl Disk {
    /// Watches the disk of `folder`; less than `low_mib` free is low, less than `stop_mib` is exhausted. 0 turns a mark off.
    pub fn new(folder: PathBuf, low_mib: u64, stop_mib: u64) -> Self {
        Self { folder, low_mib, stop_mib, seen: Mutex::new(Condition::Fine) }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What the last look saw.
    pub fn seen(&self) -> Condition {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Looks at the free space; logs when it changed for better or worse.
    pub fn look(&self) -> Condition {
        let now = match rustix::fs::statvfs(&self.folder) {
            Ok(stat) => {
                let free_mib = stat.f_bavail.saturating_mul(stat.f_frsize) / MIB;
                metrics::gauge!("ledger_disk_free_mib").set(f64::from(u32::try_from(free_mib).unwrap_or(u32::MAX)));
                match free_mib {
                    free_mib if free_mib < self.stop_mib => Condition::Exhausted { free_mib },
                    free_mib if free_mib < self.low_mib => Condition::Low { free_mib },
                    _ => Condition::Fine,
                }
            }
            Err(error) => Condition::Failing(error.to_string()),
        };
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::discriminant(&*seen) != std::mem::discriminant(&now) {
            match now.check() {
                Ok(()) => tracing::info!("the disk of the data folder has room again"),
                Err(cause) => tracing::error!(cause, "storage"),
            }
        }
        *seen = now.clone();
        now
    }

    /// Whether the disk takes a small file now: tells a failing disk from a mistake of the program.
    ///
    /// # Errors
    /// What the system said.
    pub fn test(&self) -> Result<(), FileError> {
        let file = self.folder.join("disk-test");
        let written = durable::replace(&file, &[0; TEST_BYTES]);
        let _ = fs::remove_file(&file);
        let _ = fs::remove_file(self.folder.join("disk-test.new"));
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_marks_decide_what_little_space_means() {
        let dir = tempfile::tempdir().unwrap();
        let look = |low, stop| Disk::new(dir.path().to_owned(), low, stop).look();
        assert_eq!(look(0, 0), Condition::Fine);
        assert!(matches!(look(u64::MAX, 0), Condition::Low { .. }));
        assert!(matches!(look(u64::MAX, u64::MAX), Condition::Exhausted { .. }));
        assert!(look(u64::MAX, 0).check().unwrap_err().contains("refused"));
        Disk::new(dir.path().to_owned(), 0, 0).test().unwrap();
        assert!(matches!(Disk::new(dir.path().join("gone"), 0, 0).look(), Condition::Failing(_)));
        assert!(Disk::new(dir.path().join("gone"), 0, 0).test().is_err());
    }
}
