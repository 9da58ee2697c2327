//! The ledger in virtual time: whole cities of validators, faults and liars, and the rules that must hold, the same run from
//! the same seed.
//!
//! Runs the very node of `chain-node` on the deterministic runtime and the simulated network; only clocks, disks and wires are
//! others. A run is decided by its scenario and the program, and by nothing else: no time, no thread, no address of the machine.

pub mod cast;
pub mod clients;
pub mod council;
pub mod disk;
pub mod doors;
pub mod draw;
pub mod drawer;
pub mod examine;
pub mod fault;
pub mod flood;
pub mod frame;
pub mod log;
pub mod machine;
pub mod manners;
pub mod matrix;
pub mod plot;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod voice;
pub mod watcher;
pub mod world;

pub use report::Outcome;
pub use run::{RunError, run};
pub use scenario::Scenario;
