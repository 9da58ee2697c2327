//! Receipts: what became of a transaction.

use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

use crate::transaction::TransactionId;

/// What a finalized block made of a transaction. A refused transaction changes nothing but this.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receipt {
    /// The transaction.
    pub transaction: TransactionId,
    /// The block's height.
    pub height: u64,
    /// Its place in the block, from 0.
    pub index: u32,
    /// Applied or refused.
    pub outcome: Outcome,
}

/// Applied, or refused with the reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It took effect.
    Applied,
    /// It took no effect.
    Refused(Refusal),
}

/// Why the state machine refuses a transaction. The order of the variants is the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    /// A list is empty or too long, a text too long, a CID malformed, a period empty.
    #[error("a field is outside its bounds")]
    Malformed,
    /// The expiry height has passed or is too far ahead.
    #[error("the transaction has expired or its expiry is too far ahead")]
    Expired,
    /// The kind of sender may not send this kind of transaction.
    #[error("this kind of sender may not send this")]
    WrongSender,
    /// The key is not one of the sender's keys.
    #[error("the key does not belong to the sender")]
    UnknownKey,
    /// The identity, authority, party or record does not exist.
    #[error("the subject does not exist")]
    NotFound,
    /// Something with this id exists already.
    #[error("the id is taken")]
    AlreadyExists,
    /// The identity is deactivated.
    #[error("the identity is deactivated")]
    Deactivated,
    /// Too many devices, or the last one would go.
    #[error("the number of devices is at its bound")]
    DeviceBound,
    /// The authority is not accredited for the attestation type.
    #[error("the authority is not accredited for this attestation type")]
    NotAccredited,
    /// The record belongs to somebody else.
    #[error("the record belongs to another authority")]
    NotOwner,
    /// The status is final.
    #[error("the status is final")]
    StatusFinal,
    /// The preimage does not open the lock.
    #[error("the secret does not open the lock")]
    WrongSecret,
    /// The authority may not register parties.
    #[error("the authority may not sponsor parties")]
    MayNotSponsor,
    /// Signed for another genesis, or an identity of another network.
    #[error("this is for another ledger")]
    OtherLedger,
    /// The ledger's genesis has no governance.
    #[error("this ledger is not governed: its genesis stays as it is")]
    NotGoverned,
    /// The authority runs no validator of the next epoch.
    #[error("only an authority that runs a validator may propose and vote")]
    NotAVoter,
    /// A ballot may not be changed.
    #[error("the authority has voted on this proposal already")]
    AlreadyVoted,
    /// The proposal was decided, withdrawn or enacted, or its time is over.
    #[error("the proposal is closed, or not approved yet")]
    ProposalClosed,
    /// An approved proposal is enacted only after the notice.
    #[error("the proposal's notice is not over yet")]
    NoticeNotOver,
    /// The set of validators, the parameters or the voters would be unusable, or nothing would change.
    #[error("the ledger would be left with a configuration that does not work, or with the one that it has")]
    BadConfiguration,
    /// One type of data has one authority.
    #[error("another authority is accredited for this attestation type")]
    AccreditedElsewhere,
    /// The authority, party or accreditation is suspended.
    #[error("the authority, party or accreditation is suspended")]
    Suspended,
    /// The evidence does not show that this validator contradicted itself.
    #[error("the evidence proves nothing against a validator of this ledger")]
    BadEvidence,
    /// The key does not open the identity's recovery commitment.
    #[error("this is not the identity's recovery key")]
    WrongRecoveryKey,
    /// The proof of possession is not the consensus key's over this name, authority and ledger.
    #[error("the consensus key did not sign that it stands for this validator")]
    KeyNotProven,
    /// The consensus key is in use, or was once.
    #[error("the consensus key is in use, or was retired and never returns")]
    KeyUsed,
    /// A cluster would hold more validators than may fail together.
    #[error("a cluster would hold more validators than may fail together")]
    PlacementBroken,
    /// The ledger needs a validator.
    #[error("the last validator cannot go")]
    LastValidator,
}
