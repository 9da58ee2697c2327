//! Every bound of the ledger's objects in one place.

/// Bytes of one encoded transaction at most.
pub const MAX_TRANSACTION_BYTES: usize = 64 * 1024;
/// Transactions in one block at most.
pub const MAX_BLOCK_TRANSACTIONS: usize = 1_000;
/// Bytes of one encoded block at most.
pub const MAX_BLOCK_BYTES: usize = 2 * 1024 * 1024;
/// Bytes of one encoded record body at most.
pub const MAX_RECORD_BYTES: usize = 32 * 1024;
/// Anchors, attestation records or receipts in one transaction at most.
pub const MAX_BATCH: usize = 100;
/// Blocks between the height at which a transaction is made and its expiry, at most.
pub const MAX_EXPIRY_BLOCKS: u64 = 20_000;
/// Bytes of a CID in its binary form at most (CIDv1 with a SHA-256 multihash has 36).
pub const MAX_CID_BYTES: usize = 64;
/// Bytes of a short text (a name, a type, a URL) at most.
pub const MAX_TEXT_BYTES: usize = 512;
/// Purposes of one party at most.
pub const MAX_PURPOSES: usize = 32;
/// Attestation types that one purpose names, at most.
pub const MAX_ALLOWED_DATA: usize = 16;
/// Claims of one attestation type that one purpose names, at most.
pub const MAX_CLAIMS: usize = 64;
/// Days that a party may keep what it learned, at most: a hundred years.
pub const MAX_RETENTION_DAYS: u32 = 36_525;
/// Validators of one epoch at most.
pub const MAX_VALIDATORS: usize = 128;
/// Authorities of the genesis at most.
pub const MAX_AUTHORITIES: usize = 256;
/// Ledger keys or credential keys of one authority at most.
pub const MAX_AUTHORITY_KEYS: usize = 32;
/// Bytes of one encoded header at most.
pub const MAX_HEADER_BYTES: usize = 1_024;
/// Bytes of one finality certificate at most: 128 validators need 8.3 KiB.
pub const MAX_CERTIFICATE_BYTES: usize = 16 * 1024;
/// Bytes of one state proof at most: 63 peaks and a path of 63 hashes need 4.2 KiB.
pub const MAX_PROOF_BYTES: usize = 16 * 1024;
/// Blocks of an epoch, of a vote or of a notice at most.
pub const MAX_GOVERNANCE_BLOCKS: u64 = 1_000_000;
/// Blocks of an epoch at least.
pub const MIN_EPOCH_BLOCKS: u64 = 4;
/// Bytes of the encoded change of a proposal at most: with a ballot of every voter it is still a record.
pub const MAX_CHANGE_BYTES: usize = 16 * 1024;
/// Items that one recorded batch stands for, at most.
pub const MAX_BATCH_ITEMS: u32 = 1_000_000;
