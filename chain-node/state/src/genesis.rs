//! The state at height 0: the authorities of the genesis, and with governance its validators, parameters and accreditations.

use ledger::cell::Subject;
use ledger::genesis::Genesis;
use ledger::governance::{AccreditationRecord, Governance};

use crate::governance::{consensus_key, key_record};
use crate::view::{Put, View, Write};

/// The cells that the ledger begins with, in the order of their keys. The genesis was checked (`Genesis::check`).
pub fn genesis(genesis: &Genesis) -> Vec<Write> {
    let mut view = View::new();
    for authority in &genesis.authorities {
        view.write(0, Put::new(&Subject::Authority(authority.id), authority));
    }
    if let Some(governance) = &genesis.governance {
        governed(&mut view, genesis, governance);
    }
    view.into_writes()
}

fn governed(view: &mut View, genesis: &Genesis, governance: &Governance) {
    let set = genesis.validator_set();
    for validator in &set.validators {
        view.write(0, Put::new(&consensus_key(&validator.key), &key_record(validator)));
    }
    view.write(0, Put::new(&Subject::Validators, &set));
    view.write(0, Put::new(&Subject::Parameters, &governance.parameters));
    for authority in &genesis.authorities {
        for name in &authority.accredited_types {
            let record = AccreditationRecord { authority: authority.id };
            view.write(0, Put::new(&Subject::Accreditation(name.clone()), &record));
        }
    }
}
