//! Validators as processes, with real sockets, real disks and real kills.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

mod backups;
mod city;
mod clock;
mod coverage;
mod damage;
mod directory;
mod disk;
mod finality;
mod forked;
mod governance;
mod interfaces;
mod liars;
mod login;
mod monitoring;
mod partition;
mod pruning;
mod reads;
mod recovery;
mod restart;
mod restored;
mod supervision;
mod trace;
mod upgrade;
