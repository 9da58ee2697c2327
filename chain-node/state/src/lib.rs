//! The ledger's state machine: apply(transaction) -> receipt: pure.
