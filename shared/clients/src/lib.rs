//! Clients of the ledger, blob stores, issuers and verifiers that check what they fetch.
