//! The wallet: one method per story; vault and store.
