//! A node's whole answer about one subject: header, certificate, cell, body and proof, believed only together.

use borsh::{BorshDeserialize, BorshSerialize};
use identity::canonical::{self, DecodeError};

use super::{ProofError, verify_cell};
use crate::block::Header;
use crate::cell::{CELL_BYTES, Cell, Subject, body_hash};
use crate::finality::{FinalityError, trim_certificate, verify_certificate};
use crate::limits::{MAX_CERTIFICATE_BYTES, MAX_HEADER_BYTES, MAX_PROOF_BYTES, MAX_RECORD_BYTES};
use crate::trust::TrustRoot;

/// What a node says about a subject, as bytes.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The header's canonical bytes.
    pub header: &'a [u8],
    /// The finality certificate of that header.
    pub certificate: &'a [u8],
    /// The 64 bytes of the cell, if the node says that there is one.
    pub cell: Option<&'a [u8]>,
    /// The record's canonical bytes, if there is a cell.
    pub body: Option<&'a [u8]>,
    /// The inclusion proof of the cell, or the exclusion proof.
    pub proof: &'a [u8],
}

/// What a finalized state says about a subject, as of the header's height and time. Whether that is fresh enough is the caller's to
/// say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proven {
    /// The finalized header.
    pub header: Header,
    /// The cell; `None` when the state has nothing there.
    pub cell: Option<Cell>,
    /// The record's canonical bytes; there when the cell is.
    pub body: Option<Vec<u8>>,
}

/// Why an answer is not believed.
#[derive(Debug, thiserror::Error)]
pub enum AnswerError {
    /// The header does not decode.
    #[error("the header does not decode")]
    Header(#[source] DecodeError),
    /// The header is not final.
    #[error("the certificate does not make the header final")]
    Finality(#[from] FinalityError),
    /// The state of the header does not say this.
    #[error("the proof does not show this of the header's state")]
    Proof(#[from] ProofError),
    /// The cell is not a cell.
    #[error("the cell does not decode")]
    Cell,
    /// There is a body without a cell or a cell without its body, or the body is too long or not the one that the cell names.
    #[error("the record's body is not the one that the cell names")]
    Body,
    /// The record has another version in that state.
    #[error("the state of the header has version {found:?} of the record")]
    OtherVersion {
        /// What it has; `None` when it has no such record.
        found: Option<u32>,
    },
}

impl AnswerError {
    /// The part of the answer that does not hold: the name that it has in `wire::chain::ProvenState`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Header(_)
            | Self::Finality(
                FinalityError::OtherLedger | FinalityError::OtherEpoch { .. } | FinalityError::OutsideItsEpoch { .. },
            ) => "header",
            Self::Finality(_) => "certificate",
            Self::Proof(_) => "proof",
            Self::Cell | Self::OtherVersion { .. } => "cell",
            Self::Body => "body",
        }
    }
}

/// Checks everything that a node says about a subject, and gives what was proven. Believes the trust root only.
///
/// # Errors
/// See [`AnswerError`].
pub fn verify_answer(root: &TrustRoot, subject: &Subject, answer: &Answer<'_>) -> Result<Proven, AnswerError> {
    let header: Header = canonical::decode(answer.header, MAX_HEADER_BYTES).map_err(AnswerError::Header)?;
    verify_certificate(root, &header, answer.certificate)?;
    let bytes = |cell: &[u8]| <[u8; CELL_BYTES]>::try_from(cell).map_err(|_| AnswerError::Cell);
    let cell = answer.cell.map(bytes).transpose()?;
    verify_cell(&header.state_root, &subject.key(), cell.as_ref(), answer.proof)?;
    let cell = cell.map(|cell| Cell::from_bytes(&cell).map_err(|_| AnswerError::Cell)).transpose()?;
    let body = match (&cell, answer.body) {
        (None, None) => None,
        (Some(cell), Some(body)) if body.len() <= MAX_RECORD_BYTES && body_hash(body) == cell.body => Some(body.to_vec()),
        (Some(_), Some(_) | None) | (None, Some(_)) => return Err(AnswerError::Body),
    };
    Ok(Proven { header, cell, body })
}

/// Checks an answer about a version of a record that may be superseded since: the header's state has exactly this version. A header once
/// final is final for ever, so an answer that was kept proves what it says as long as the epoch's validators are known. The state of
/// a node is its newest only: what nobody kept an answer about cannot be proved this way, and is shown by the transaction that
/// wrote it ([`super::verify_transaction`]) instead.
///
/// # Errors
/// See [`AnswerError`].
pub fn verify_version(root: &TrustRoot, subject: &Subject, version: u32, answer: &Answer<'_>) -> Result<Proven, AnswerError> {
    let proven = verify_answer(root, subject, answer)?;
    let found = proven.cell.map(|cell| cell.version);
    if found == Some(version) { Ok(proven) } else { Err(AnswerError::OtherVersion { found }) }
}

/// Bytes of an encoded [`Bundle`] at most.
pub const MAX_BUNDLE_BYTES: usize =
    4 + MAX_HEADER_BYTES + 4 + MAX_CERTIFICATE_BYTES + 1 + CELL_BYTES + 1 + 4 + MAX_RECORD_BYTES + 4 + MAX_PROOF_BYTES;

/// An answer that is kept or handed on: to be checked offline, by anybody with the genesis. Encoded in Borsh: header (length u32 ‖ bytes)
/// ‖ certificate (the same) ‖ 0, or 1 ‖ cell (64) ‖ 0, or 1 ‖ body (as the header) ‖ proof (the same).
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Bundle {
    /// The header's canonical bytes.
    pub header: Vec<u8>,
    /// The finality certificate of that header.
    pub certificate: Vec<u8>,
    /// The cell, if there is one.
    pub cell: Option<[u8; CELL_BYTES]>,
    /// The record's canonical bytes, if there is a cell.
    pub body: Option<Vec<u8>>,
    /// The inclusion or exclusion proof.
    pub proof: Vec<u8>,
}

impl Bundle {
    /// The answer, to be checked.
    pub fn answer(&self) -> Answer<'_> {
        Answer {
            header: &self.header,
            certificate: &self.certificate,
            cell: self.cell.as_ref().map(<[u8; CELL_BYTES]>::as_slice),
            body: self.body.as_deref(),
            proof: &self.proof,
        }
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        canonical::encode(self)
    }

    /// Reads the encoding.
    ///
    /// # Errors
    /// When the bytes are more than [`MAX_BUNDLE_BYTES`] or not the encoding.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        canonical::decode(bytes, MAX_BUNDLE_BYTES)
    }

    /// The same with no more signatures than a quorum needs: what fits best into a code or a message.
    ///
    /// # Errors
    /// When the header does not decode or is not final.
    pub fn trimmed(self, root: &TrustRoot) -> Result<Self, AnswerError> {
        let header: Header = canonical::decode(&self.header, MAX_HEADER_BYTES).map_err(AnswerError::Header)?;
        let certificate = trim_certificate(root, &header, &self.certificate)?;
        Ok(Self { certificate, ..self })
    }
}
