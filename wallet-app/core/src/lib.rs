//! The wallet: one method per story on [`Wallet`], a vault, and errors in words. No screen, no terminal, no Tauri: those are faces.
//!
//! | story | where |
//! |---|---|
//! | create an identity; add, list and remove devices | [`identity`] |
//! | words, guardians' cards, backup, recovery, rehearsal | [`recovery`] |
//! | declare attributes, ask for attestation | [`attributes`] |
//! | receive, look at and kill credentials | [`issuance`] |
//! | open a link or a picture | [`scan`] |
//! | see who asks for what and why | [`requests`] |
//! | consent, decline | [`consent`] |
//! | keep this device's keys in secure hardware | [`hardware`] |
//! | stay open no longer than need be | [`keeper`] |
//! | look back | [`history`], [`receipts`] |
//! | read all one's own data, department by department | [`my_data`] |
//! | withdraw, ask for deletion, report | [`statements`] |
//! | wait, and say for what | [`waits`] |
//!
//! It may assume that nobody else writes to its directory. It believes the ledger by proof, certificates by the city's trust
//! anchors, and nobody else. Nothing leaves the device before the citizen agreed, and a link never acts by itself.

pub mod attributes;
pub mod chain;
pub mod config;
pub mod consent;
pub mod error;
pub mod hardware;
pub mod history;
pub mod identity;
pub mod issuance;
pub mod keeper;
mod kept;
pub mod labels;
mod memory;
pub mod my_data;
pub mod receipts;
mod records;
pub mod recovery;
pub mod requests;
pub mod scan;
pub mod statements;
pub mod vault;
pub mod waits;
mod wallet;

pub use clients::{Clock, Environment, Random};
pub use wire::issuer::{AttributeKind, Channel};

pub use self::attributes::{
    AttributeView, DeclareContents, DeclareFile, DeclarePreview, DepartmentView, OfferingView, RequestStage, RequestView,
};
pub use self::chain::AsOf;
pub use self::config::{Language, WalletConfig};
pub use self::consent::{
    AgreedView, Consent, ConsentView, CredentialOption, HiddenCredential, Outcome, QueryView, Selection, SetView, UnsentView,
};
pub use self::error::{Explained, Side, WalletError};
pub use self::hardware::HardwareKeys;
pub use self::history::{Event, HistoryEntry, HistoryExport};
pub use self::identity::{DeviceInvite, Devices, IdentityView, InviteView, JoinView};
pub use self::issuance::{
    AuthorizationView, CredentialView, IssuanceEnd, KeyRequirements, MovedState, MovedView, OfferView, OfferedCredential,
    PendingIssuance, PendingStage, PinHint, ProviderError, WalletAttestation, WalletProvider, ask_when_due,
};
pub use self::keeper::Keeper;
pub use self::memory::forbid_core_dumps;
pub use self::my_data::{DepartmentData, MyData, MyDocument};
pub use self::receipts::{ReceiptProof, ReceiptView, Verdict};
pub use self::recovery::cards::{CardView, GuardianCard};
pub use self::recovery::rehearse::Rehearsal;
pub use self::recovery::restore::Restored;
pub use self::recovery::{RecoverySecret, RecoveryStatus};
pub use self::requests::{Declined, Refusal};
pub use self::scan::{COMES_BACK_TO, CameBy, LinkKind};
pub use self::statements::{Statement, StatementKind, StatementState};
pub use self::vault::Secrets;
#[cfg(feature = "os-key-store")]
pub use self::vault::device::OsKeyStore;
pub use self::vault::device::{DeviceStore, DeviceStoreError, NoKeyStore};
pub use self::vault::key::{Passphrase, Strength};
pub use self::waits::{Patience, ProgressSink, Slow};
pub use self::wallet::Wallet;
