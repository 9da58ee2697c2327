//! The ledger node: PoA validators with PBFT-class finality.
