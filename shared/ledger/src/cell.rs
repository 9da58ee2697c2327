//! State cells: the fixed-size values of the authenticated state, and the keys they stand under.
//!
//! A cell says that a record exists, its version and status, when it changed, and the hash of its body. The body is a record of
//! `records`, kept by content. A proof of the cell and the body's bytes are a proof of the record.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, Hash};
use identity::did::IdentityId;
use sha2::{Digest, Sha256};

use crate::evidence::EvidenceId;
use crate::governance::ProposalId;
use crate::records::{AuthorityId, PartyId, RecordId};
use crate::transaction::TransactionId;

/// Context string of the hash that makes a state key.
pub const KEY_CONTEXT: &str = "yufu/ledger/state-key/v1";
/// Bytes of an encoded cell.
pub const CELL_BYTES: usize = 64;

/// A key of the state.
pub type StateKey = Hash;

/// What a state key stands for. The order of the variants is the format.
#[derive(Clone, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum Subject {
    /// An identity; body `IdentityRecord`.
    Identity(IdentityId),
    /// An anchor; body `transaction::Anchor`.
    Anchor(RecordId),
    /// An attestation; body `AttestationRecord`, status `AttestationStatus`.
    Attestation(RecordId),
    /// A receipt; body `transaction::NewReceipt`.
    Receipt(RecordId),
    /// An authority; body `AuthorityRecord`.
    Authority(AuthorityId),
    /// A party; body `PartyRecord`.
    Party(PartyId),
    /// The party that has a client identifier; body the `PartyId`.
    Client(String),
    /// An applied or refused transaction; body `receipt::Receipt`. It is also what stops a replay.
    Transaction(TransactionId),
    /// The validators and observers of the next epoch; body `governance::ValidatorSet`. Only a governed ledger has it.
    Validators,
    /// What votes may change; body `governance::Parameters`. Only a governed ledger has it.
    Parameters,
    /// A proposal; body `governance::ProposalRecord`.
    Proposal(ProposalId),
    /// Who attests a type; body `governance::AccreditationRecord`, status `governance::AccreditationStatus`.
    Accreditation(String),
    /// An Ed25519 key that is or was a validator's; body `governance::ConsensusKeyRecord`.
    ConsensusKey([u8; 32]),
    /// The recovery commitment that took the place of an identity's first; body its 32 bytes.
    Recovery(IdentityId),
    /// A batch of attestations or receipts; body `records::BatchRecord`.
    Batch(RecordId),
    /// An item of a batch of attestations whose status was set; body `records::BatchItemRecord`, status `AttestationStatus`. An item that
    /// is not here is active.
    BatchItem {
        /// The batch.
        batch: RecordId,
        /// The item's place, from 0.
        index: u32,
    },
    /// What a validator was caught at; body `evidence::Evidence`.
    Evidence(EvidenceId),
}

impl Subject {
    /// The state key.
    pub fn key(&self) -> StateKey {
        canonical::hash(KEY_CONTEXT, self)
    }
}

/// What a cell says of a body: the SHA-256 of the body's canonical bytes.
pub fn body_hash(body: &[u8]) -> Hash {
    Sha256::digest(body).into()
}

/// A value of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Cell {
    /// How often the record was written, from 1.
    pub version: u32,
    /// The record's status: `AttestationStatus` for an attestation, `governance::AccreditationStatus` for an accreditation, 1 for a deactivated
    /// identity, a suspended authority or party and a retired consensus key, else 0.
    pub status: u8,
    /// Height of the block that created the record; 0 for the genesis.
    pub created_height: u64,
    /// Height of the block that last changed it.
    pub updated_height: u64,
    /// SHA-256 of the body's canonical bytes.
    pub body: Hash,
}

impl Cell {
    /// Whether the record is in force: neither suspended, deactivated, withdrawn, revoked nor anything else that a status can say.
    pub fn is_in_force(&self) -> bool {
        self.status == 0
    }

    /// The fixed 64 bytes of the state: the Borsh encoding, padded with zeros.
    pub fn to_bytes(&self) -> [u8; CELL_BYTES] {
        let mut bytes = [0; CELL_BYTES];
        bytes.iter_mut().zip(canonical::encode(self)).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads the 64 bytes; refuses a padding that is not zero.
    pub fn from_bytes(bytes: &[u8; CELL_BYTES]) -> Result<Self, canonical::DecodeError> {
        let mut reader = bytes.as_slice();
        let cell = Self::deserialize(&mut reader).map_err(canonical::DecodeError::Malformed)?;
        if reader.iter().any(|b| *b != 0) {
            let error = std::io::Error::new(std::io::ErrorKind::InvalidData, "padding is not zero");
            return Err(canonical::DecodeError::Malformed(error));
        }
        Ok(cell)
    }
}
