//! The state at height 0: the authorities of the genesis and their accreditations.

use ledger::cell::Subject;
use ledger::genesis::Genesis;

use crate::view::{Change, View, Write};

/// The cells that the ledger begins with, in the order of their keys. The genesis was checked (`Genesis::check`).
pub fn genesis(genesis: &Genesis) -> Vec<Write> {
    let mut view = View::new();
    for authority in &genesis.authorities {
        view.write(0, Change::new(&Subject::Authority(authority.id), authority));
    }
    view.into_writes()
}
