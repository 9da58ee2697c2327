//! Evidence of equivocation: two votes by one validator that no honest one casts together, as it signed them. It proves itself.
//!
//! A vote of the engine (commonware 2026.10.0, Simplex with Ed25519) is a signature over
//! `length of namespace (varint) ‖ namespace ‖ message`. The namespace is `finality::NAMESPACE` ‖ genesis hash ‖ `_NOTARIZE`, `_NULLIFY`
//! or `_FINALIZE`; the message of a nullify is `epoch (varint) ‖ view (varint)`, that of the others goes on with
//! `parent's view (varint) ‖ header digest (32)`. Signatures verify by ZIP-215, as in `finality`.
//!
//! Refuses votes that agree, votes out of their one order, and signatures that do not verify. Whether the key was ever a validator's
//! is for the state machine to say.

use borsh::{BorshDeserialize, BorshSerialize};
use ed25519_consensus::VerificationKey;
use identity::canonical::{self, Hash};
use serde::{Deserialize, Serialize};

use crate::codec::write_varint;
use crate::finality::{FINALIZE, namespace};

/// Context string of the hash that names an offence.
pub const CONTEXT: &str = "yufu/ledger/evidence/v1";
/// What the engine appends to the namespace for votes that notarize.
const NOTARIZE: &[u8] = b"_NOTARIZE";
/// What the engine appends to the namespace for votes that give a view up.
const NULLIFY: &[u8] = b"_NULLIFY";

/// The name of one offence: the same whichever two of several conflicting votes are shown, so that it is recorded once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EvidenceId(#[serde(with = "identity::keys::base64url_array")] pub Hash);

/// What a validator did, with its own signatures.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// The Ed25519 consensus key that signed both votes.
    #[serde(with = "identity::keys::base64url_array")]
    pub validator: [u8; 32],
    /// The epoch of both votes.
    pub epoch: u64,
    /// The view of both votes.
    pub view: u64,
    /// The two votes.
    pub offence: Offence,
}

/// Two votes that contradict each other. The order of the variants is the format.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Offence {
    /// Two notarize votes for two proposals of one view.
    TwoNotarizes {
        /// The one with the lower digest; with one digest, the lower parent's view.
        first: SignedProposal,
        /// The other.
        second: SignedProposal,
    },
    /// Two finalize votes for two proposals of one view.
    TwoFinalizes {
        /// The one with the lower digest; with one digest, the lower parent's view.
        first: SignedProposal,
        /// The other.
        second: SignedProposal,
    },
    /// A vote to give the view up and a vote to make its proposal final.
    NullifyAndFinalize {
        /// The signature of the nullify vote.
        #[serde(with = "identity::keys::base64url_array")]
        nullify: [u8; 64],
        /// The finalize vote.
        finalize: SignedProposal,
    },
}

/// What was voted for, and the signature.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedProposal {
    /// The view of the proposal's parent.
    pub parent_view: u64,
    /// The digest of the proposed block's header.
    #[serde(with = "identity::keys::base64url_array")]
    pub payload: Hash,
    /// The validator's signature.
    #[serde(with = "identity::keys::base64url_array")]
    pub signature: [u8; 64],
}

impl SignedProposal {
    /// What two conflicting votes are ordered by.
    fn order(&self) -> (&Hash, u64) {
        (&self.payload, self.parent_view)
    }
}

/// Why evidence proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvidenceError {
    /// The two votes are for one proposal, or not in their one order.
    #[error("the two votes do not contradict each other, or are not in their order")]
    NoConflict,
    /// The key is not an Ed25519 key.
    #[error("the validator's key is not an Ed25519 key")]
    Key,
    /// A signature is not the validator's over this vote.
    #[error("a signature of the evidence does not verify")]
    Signature,
}

impl Offence {
    /// Two notarize votes, in their order.
    pub fn two_notarizes(one: SignedProposal, other: SignedProposal) -> Self {
        let (first, second) = ordered(one, other);
        Self::TwoNotarizes { first, second }
    }

    /// Two finalize votes, in their order.
    pub fn two_finalizes(one: SignedProposal, other: SignedProposal) -> Self {
        let (first, second) = ordered(one, other);
        Self::TwoFinalizes { first, second }
    }

    /// The number of the kind, in an [`EvidenceId`].
    fn kind(&self) -> u8 {
        match self {
            Self::TwoNotarizes { .. } => 0,
            Self::TwoFinalizes { .. } => 1,
            Self::NullifyAndFinalize { .. } => 2,
        }
    }
}

fn ordered(one: SignedProposal, other: SignedProposal) -> (SignedProposal, SignedProposal) {
    if one.order() <= other.order() { (one, other) } else { (other, one) }
}

impl Evidence {
    /// The name of the offence: validator, epoch, view and kind.
    pub fn id(&self) -> EvidenceId {
        EvidenceId(canonical::hash(CONTEXT, &(self.validator, self.epoch, self.view, self.offence.kind())))
    }

    /// Checks that the validator cast both votes on the ledger with this genesis, and that they contradict each other.
    ///
    /// # Errors
    /// See [`EvidenceError`].
    pub fn verify(&self, genesis: &Hash) -> Result<(), EvidenceError> {
        let key = VerificationKey::try_from(self.validator).map_err(|_| EvidenceError::Key)?;
        let signed = |suffix: &[u8], message: &[u8], signature: &[u8; 64]| {
            let bytes = signed_bytes(genesis, suffix, message);
            key.verify(&(*signature).into(), &bytes).map_err(|_| EvidenceError::Signature)
        };
        let vote = |suffix: &[u8], proposal: &SignedProposal| signed(suffix, &self.proposal(proposal), &proposal.signature);
        match &self.offence {
            Offence::TwoNotarizes { first, second } | Offence::TwoFinalizes { first, second } => {
                if first.order() >= second.order() {
                    return Err(EvidenceError::NoConflict);
                }
                let suffix = if self.offence.kind() == 0 { NOTARIZE } else { FINALIZE };
                vote(suffix, first)?;
                vote(suffix, second)
            }
            Offence::NullifyAndFinalize { nullify, finalize } => {
                signed(NULLIFY, &self.round(), nullify)?;
                vote(FINALIZE, finalize)
            }
        }
    }

    /// The message of a nullify vote.
    fn round(&self) -> Vec<u8> {
        let mut message = Vec::with_capacity(64);
        write_varint(self.epoch, &mut message);
        write_varint(self.view, &mut message);
        message
    }

    /// The message of a vote for a proposal.
    fn proposal(&self, proposal: &SignedProposal) -> Vec<u8> {
        let mut message = self.round();
        write_varint(proposal.parent_view, &mut message);
        message.extend_from_slice(&proposal.payload);
        message
    }
}

/// The bytes that a validator signs for a vote of the kind that `suffix` names.
fn signed_bytes(genesis: &Hash, suffix: &[u8], message: &[u8]) -> Vec<u8> {
    let namespace = [&namespace(genesis), suffix].concat();
    let length = u64::try_from(namespace.len()).expect("a namespace is short");
    let mut bytes = Vec::with_capacity(192);
    write_varint(length, &mut bytes);
    bytes.extend_from_slice(&namespace);
    bytes.extend_from_slice(message);
    bytes
}
