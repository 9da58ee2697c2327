//! Transactions: what may be asked of the ledger, and the bytes that are signed.
//!
//! A sender signs `context ‖ genesis hash ‖ sender ‖ sequence ‖ expiry height ‖ body` (the body's Borsh tag is the kind), so a
//! transaction is good for one ledger, once, and for a limited number of blocks. Its id is the SHA-256 of those bytes: it does not
//! depend on the signature.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::Commitment;
use identity::canonical::{self, Hash};
use identity::did::{IdentityId, Inception};
use identity::keys::{KeyError, PublicKey, SecretKey, SignError, Signature, Signer};
use serde::{Deserialize, Serialize};

use crate::evidence::Evidence;
use crate::governance::{Change, ProposalId};
use crate::records::{AttestationRecord, AttestationStatus, AuthorityId, BatchKind, PartyId, PartyRecord, Purpose, RecordId};

/// Context string of the bytes that a sender signs.
pub const CONTEXT: &str = "yufu/ledger/transaction/v1";

/// Context string of a transaction's leaf in the block's Merkle tree.
pub const LEAF_CONTEXT: &str = "yufu/ledger/transaction-leaf/v1";

/// The id of a transaction: SHA-256 of its signed bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TransactionId(#[serde(with = "identity::keys::base64url_array")] pub Hash);

/// Who sends a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum Sender {
    /// A key that the ledger need not know: a first device, or a fresh key for one act.
    Key(PublicKey),
    /// A device of an identity.
    Device {
        /// The identity.
        identity: IdentityId,
        /// One of its devices' keys.
        key: PublicKey,
    },
    /// A department or another authority that the genesis or governance named.
    Authority {
        /// The authority.
        authority: AuthorityId,
        /// One of its ledger keys.
        key: PublicKey,
    },
    /// A registered website or counter.
    Party {
        /// The party.
        party: PartyId,
        /// Its ledger key.
        key: PublicKey,
    },
}

impl Sender {
    /// The key that must have signed.
    pub fn key(&self) -> &PublicKey {
        match self {
            Self::Key(key) | Self::Device { key, .. } | Self::Authority { key, .. } | Self::Party { key, .. } => key,
        }
    }
}

/// What is asked. The order of the variants is the wire format.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub enum Body {
    /// Creates the identity that the inception hashes to; signed by the inception's device key (`Sender::Key`).
    CreateIdentity(Inception),
    /// Adds a device; signed by a live device of the identity.
    AddDevice(PublicKey),
    /// Removes a device: dead from the next block on; signed by a live device. The last device cannot be removed.
    RemoveDevice(PublicKey),
    /// Ends the identity for good; signed by a live device.
    Deactivate,
    /// Anchors encrypted attributes: 1 to 100; signed by a fresh key of the holder or by an authority.
    AnchorAttributes(Vec<Anchor>),
    /// Records attestations: 1 to 100; signed by an authority accredited for each type.
    RecordAttestations(Vec<NewAttestation>),
    /// Changes the status of attestations of the signing authority: 1 to 100.
    SetAttestationStatus(Vec<StatusChange>),
    /// The holder kills a credential by revealing the preimage of the record's hash lock; signed by any key.
    BreakLock {
        /// The attestation record.
        record: RecordId,
        /// The 32 bytes whose SHA-256 is the lock.
        preimage: [u8; 32],
    },
    /// Records consent and access receipts: 1 to 100; signed by a registered party, an authority, or a fresh key of the holder.
    RecordReceipts(Vec<NewReceipt>),
    /// Registers a website or counter; signed by its sponsor, an authority that may sponsor.
    RegisterParty(PartyRecord),
    /// Replaces the purposes of a party; signed by its sponsor.
    SetPurposes {
        /// The party.
        party: PartyId,
        /// All its purposes from now on.
        purposes: Vec<Purpose>,
    },
    /// Makes one device the identity's only one; signed by its recovery key, which is used up.
    Recover {
        /// The identity.
        identity: IdentityId,
        /// Its one device from now on.
        device: PublicKey,
        /// SHA-256 of the canonical bytes of the next recovery key.
        next_recovery: [u8; 32],
    },
    /// Commits to another recovery key; signed by the recovery key, which is used up.
    RotateRecovery {
        /// The identity.
        identity: IdentityId,
        /// SHA-256 of the canonical bytes of the next recovery key.
        next_recovery: [u8; 32],
    },
    /// Proposes a change, and votes for it; signed by an authority that runs a validator of the next epoch: a voter.
    Propose(Change),
    /// Casts a voter's one ballot.
    Vote {
        /// The proposal.
        proposal: ProposalId,
        /// For or against.
        approve: bool,
    },
    /// Puts an approved proposal into effect after its notice; signed by any authority.
    Enact {
        /// The proposal.
        proposal: ProposalId,
    },
    /// Takes a proposal back before it is enacted; signed by its proposer.
    Withdraw {
        /// The proposal.
        proposal: ProposalId,
    },
    /// A validator or observer goes at the epoch's end, without a vote; signed by its own authority. The last validator cannot.
    Leave {
        /// Its name.
        validator: String,
    },
    /// Suspends or restores a party; signed by its sponsor.
    SetPartyStatus {
        /// The party.
        party: PartyId,
        /// Whether it is suspended from now on.
        suspended: bool,
    },
    /// Records a batch by its root; signed by who may record its items one by one.
    RecordBatch(NewBatch),
    /// Sets the status of items of a batch of attestations: 1 to 100; signed by the authority that recorded it.
    SetBatchItemStatus {
        /// The batch.
        batch: RecordId,
        /// Places and their new status. Revoked and superseded are final.
        changes: Vec<(u32, AttestationStatus)>,
    },
    /// Records that a validator contradicted itself; signed by any key: the evidence proves itself.
    RecordEvidence(Evidence),
}

/// A batch to record, under a random id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NewBatch {
    /// Random, chosen by the sender.
    pub id: RecordId,
    /// What its items are.
    pub kind: BatchKind,
    /// The root of its items.
    pub root: Hash,
    /// How many items it has: 1 to [`crate::limits::MAX_BATCH_ITEMS`].
    pub count: u32,
}

/// One anchored blob: a commitment to its content and keys, and the CID of its ciphertext.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Anchor {
    /// The anchor's id: random, chosen by the sender.
    pub id: RecordId,
    /// Salted commitment to the plaintext (see `identity::commitment`), context [`ANCHOR_CONTEXT`].
    pub commitment: Commitment,
    /// The binary CID of the ciphertext.
    pub cid: Vec<u8>,
}

/// Context string of an anchor's commitment; the committed value is the SHA-256 of the plaintext.
pub const ANCHOR_CONTEXT: &str = "yufu/ledger/anchor/v1";

/// One attestation to record, under a random id.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NewAttestation {
    /// Random, chosen by the issuer.
    pub id: RecordId,
    /// The record.
    pub record: AttestationRecord,
}

/// One change of an attestation's status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct StatusChange {
    /// The attestation record.
    pub record: RecordId,
    /// The new status. Revoked and superseded are final.
    pub status: AttestationStatus,
}

/// One receipt to record, under a random id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct NewReceipt {
    /// Random, chosen by the sender.
    pub id: RecordId,
    /// Salted commitment to the receipt's content, context [`RECEIPT_CONTEXT`].
    pub commitment: Commitment,
}

/// Context string of a receipt's commitment; the committed value is the SHA-256 of the key binding JWT that the holder signed.
pub const RECEIPT_CONTEXT: &str = "yufu/ledger/receipt/v1";

/// A transaction without its signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Unsigned {
    /// The hash of the genesis that the transaction is for.
    pub genesis: Hash,
    /// Who sends it.
    pub sender: Sender,
    /// A number that the sender uses once: random, so that many may be under way at a time.
    pub sequence: u64,
    /// The last height at which it may be applied; at most [`crate::limits::MAX_EXPIRY_BLOCKS`] ahead.
    pub expiry_height: u64,
    /// What is asked.
    pub body: Body,
}

impl Unsigned {
    /// The bytes to sign.
    pub fn signed_bytes(&self) -> Vec<u8> {
        canonical::with_context(CONTEXT, self)
    }

    /// The transaction's id.
    pub fn id(&self) -> TransactionId {
        TransactionId(canonical::hash(CONTEXT, self))
    }

    /// Signs with the sender's key. The caller has made sure that it is that key.
    pub fn sign(self, key: &SecretKey) -> Transaction {
        let signature = key.sign(&self.signed_bytes());
        Transaction { unsigned: self, signature }
    }

    /// As [`Self::sign`], by something that holds the key.
    ///
    /// # Errors
    /// When it does not sign.
    pub fn sign_with(self, signer: &dyn Signer) -> Result<Transaction, SignError> {
        let signature = signer.sign(&self.signed_bytes())?;
        Ok(Transaction { unsigned: self, signature })
    }
}

/// A signed transaction: its own wire form (Borsh; base64url in JSON).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Transaction {
    /// What was signed.
    pub unsigned: Unsigned,
    /// The signature by the sender's key.
    pub signature: Signature,
}

impl Transaction {
    /// The transaction's id.
    pub fn id(&self) -> TransactionId {
        self.unsigned.id()
    }

    /// The leaf of this transaction in the block's Merkle tree: unlike the id it covers the signature, so that one header stands for
    /// one body.
    pub fn leaf(&self) -> Hash {
        canonical::hash(LEAF_CONTEXT, self)
    }

    /// Checks the signature by the ledger's strict rule. Whether the key may act for the sender is the state machine's to say.
    pub fn verify_signature(&self) -> Result<(), KeyError> {
        self.unsigned.sender.key().verify(&self.unsigned.signed_bytes(), &self.signature)
    }
}
