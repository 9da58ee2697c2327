//! Why a decision stops: the transaction is refused, or it cannot be decided before more of the state is loaded.

use ledger::receipt::Refusal;

use crate::view::Unloaded;

#[derive(Debug)]
pub(crate) enum Stop {
    Refused(Refusal),
    Unloaded(Unloaded),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Unloaded> for Stop {
    fn from(unloaded: Unloaded) -> Self {
        Self::Unloaded(unloaded)
    }
}
