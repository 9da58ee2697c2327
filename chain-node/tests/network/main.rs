//! Validators as processes, with real sockets, real disks and real kills.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod backups;
mod city;
mod coverage;
mod damage;
mod directory;
mod disk;
mod finality;
mod governance;
mod login;
mod monitoring;
mod reads;
mod recovery;
mod restart;
mod supervision;
mod upgrade;
