//! A node's whole answer about one subject: header, certificate, cell, body and proof, believed only together.

use identity::canonical::{self, DecodeError};

use super::{ProofError, verify_cell};
use crate::block::Header;
use crate::cell::{CELL_BYTES, Cell, Subject, body_hash};
use crate::finality::{FinalityError, verify_certificate};
use crate::limits::{MAX_HEADER_BYTES, MAX_RECORD_BYTES};
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
