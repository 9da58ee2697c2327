//! Finality certificates: a quorum of validators signed that a header is final. Checked here without the consensus engine.
//!
//! A certificate is the wire form of the engine's `Finalization` (commonware 2026.10.0, Simplex with Ed25519), byte for byte:
//!
//! ```text
//! proposal    epoch (varint) ‖ view (varint) ‖ parent's view (varint) ‖ header digest (32)
//! signers     number of validators (u64, big endian) ‖ one bit each, lowest bit of the first byte first, spare bits zero
//! signatures  their number (varint) ‖ 64 bytes each, in the order of the signers
//! ```
//!
//! Every signature is over `length of namespace (varint) ‖ namespace ‖ proposal`, the namespace being [`NAMESPACE`] ‖ genesis hash ‖
//! `_FINALIZE`, and verifies by ZIP-215, as the engine has it: the certificate that one honest party accepts, all accept.
//! Validators are numbered by the order of their keys. Refuses everything that is not exactly this, and any header but the one signed.
//!
//! The validators are those of the header's epoch, as far as the trust root knows them. A header is taken from them only with a height
//! of their epoch and a time that is not before it nor after it: see `trust` for what that stops.
//!
//! The signed bytes do not cover who else signed. So signatures beyond a quorum can be left out ([`trim_certificate`]), and the rest is
//! a certificate still.

use ed25519_consensus::{Signature, VerificationKey};
use identity::canonical::Hash;

use crate::block::Header;
use crate::codec::{Malformed, Reader, write_varint};
use crate::limits::MAX_CERTIFICATE_BYTES;
use crate::trust::{Committee, TrustRoot};

/// How the namespace of every consensus signature begins; the genesis hash follows, so that no vote counts on two ledgers.
pub const NAMESPACE: &[u8] = b"yufu-consensus-v1";
/// What the engine appends for votes that finalize (as against those that notarize or nullify).
pub(crate) const FINALIZE: &[u8] = b"_FINALIZE";

/// Why a certificate does not make a header final.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FinalityError {
    /// Longer than [`MAX_CERTIFICATE_BYTES`].
    #[error("the certificate has {0} bytes, more than the {MAX_CERTIFICATE_BYTES} allowed")]
    TooLong(usize),
    /// The bytes are not a certificate.
    #[error("the bytes are not a finality certificate")]
    Malformed(#[from] Malformed),
    /// The header is of another ledger.
    #[error("the header is of another ledger")]
    OtherLedger,
    /// The trust root does not know the validators of this epoch.
    #[error("the validators of epoch {0} are not known here")]
    UnknownEpoch(u64),
    /// A block of this height is of another epoch.
    #[error("block {height} is not of epoch {epoch}")]
    OtherEpoch {
        /// The header's height.
        height: u64,
        /// The epoch that the header names.
        epoch: u64,
    },
    /// The header's time is before or after the term of its validators: it may be made with the keys of retired ones.
    #[error("the block's time {timestamp_ms} is outside of epoch {epoch}")]
    OutsideItsEpoch {
        /// The header's time, in milliseconds since the Unix epoch.
        timestamp_ms: u64,
        /// The epoch that the header names.
        epoch: u64,
    },
    /// The certificate is for another header.
    #[error("the certificate is for another header")]
    OtherHeader,
    /// Epoch, view or parent's view are not those of the header.
    #[error("the certificate is of another round than the header")]
    OtherRound,
    /// Not as many signer bits as validators, or not as many signatures as signer bits.
    #[error("the certificate does not fit the set of validators")]
    Committee,
    /// Too few signed.
    #[error("{signers} validators signed; {quorum} are needed")]
    NoQuorum {
        /// Who signed.
        signers: usize,
        /// How many are needed.
        quorum: usize,
    },
    /// A signature does not verify.
    #[error("the signature of validator {0} does not verify")]
    Signature(usize),
}

/// What precedes the kind of vote in every consensus signature of the ledger with this genesis.
pub fn namespace(genesis: &Hash) -> Vec<u8> {
    [NAMESPACE, genesis].concat()
}

/// Checks that a quorum of the validators of the header's epoch made this header final.
///
/// # Errors
/// See [`FinalityError`].
pub fn verify_certificate(root: &TrustRoot, header: &Header, certificate: &[u8]) -> Result<(), FinalityError> {
    verified(root, header, certificate).map(|_| ())
}

/// The same certificate with the signatures that a quorum needs and no more: the shortest that everybody accepts.
///
/// # Errors
/// When the certificate does not make the header final.
pub fn trim_certificate(root: &TrustRoot, header: &Header, certificate: &[u8]) -> Result<Vec<u8>, FinalityError> {
    let (mut parsed, committee) = verified(root, header, certificate)?;
    parsed.signers.truncate(committee.quorum());
    parsed.signatures.truncate(committee.quorum());
    Ok(parsed.to_bytes(committee.keys.len()))
}

/// The keys of the validators whose signatures made this header final.
///
/// # Errors
/// When the certificate does not make the header final.
pub fn signers(root: &TrustRoot, header: &Header, certificate: &[u8]) -> Result<Vec<[u8; 32]>, FinalityError> {
    let (parsed, committee) = verified(root, header, certificate)?;
    Ok(parsed.signers.iter().filter_map(|signer| committee.keys.get(*signer).copied()).collect())
}

fn verified<'a>(root: &'a TrustRoot, header: &Header, certificate: &[u8]) -> Result<(Certificate, Committee<'a>), FinalityError> {
    if certificate.len() > MAX_CERTIFICATE_BYTES {
        return Err(FinalityError::TooLong(certificate.len()));
    }
    if header.genesis != *root.hash() {
        return Err(FinalityError::OtherLedger);
    }
    let committee = committee_of(root, header)?;
    let parsed = Certificate::parse(certificate, committee.keys.len())?;
    if parsed.payload != header.digest() {
        return Err(FinalityError::OtherHeader);
    }
    if !of_its_round(root, header, &parsed) {
        return Err(FinalityError::OtherRound);
    }
    if parsed.signers.len() < committee.quorum() {
        return Err(FinalityError::NoQuorum { signers: parsed.signers.len(), quorum: committee.quorum() });
    }
    let message = parsed.signed_bytes(root.hash());
    for (signer, signature) in parsed.signers.iter().zip(&parsed.signatures) {
        let key = committee.keys.get(*signer).ok_or(FinalityError::Committee)?;
        let verified = VerificationKey::try_from(*key).and_then(|key| key.verify(&Signature::from(*signature), &message));
        verified.map_err(|_| FinalityError::Signature(*signer))?;
    }
    Ok((parsed, committee))
}

/// Whether the certificate is of the header's own round. The last block of an epoch may have one of a later view of its epoch: leaders
/// propose it again until it is final, because nothing may be built on it there, and no honest validator votes so for any other block.
fn of_its_round(root: &TrustRoot, header: &Header, certificate: &Certificate) -> bool {
    let context = &header.context;
    let ends_its_epoch =
        root.genesis().governance.as_ref().is_some_and(|governance| governance.last_height_of(context.epoch) == header.height);
    let own = (certificate.view, certificate.parent_view) == (context.view, context.parent_view);
    certificate.epoch == context.epoch && (own || (ends_its_epoch && certificate.view > context.view))
}

/// The validators who may finalize this header: those of its epoch, if its height and time are the epoch's.
fn committee_of<'a>(root: &'a TrustRoot, header: &Header) -> Result<Committee<'a>, FinalityError> {
    let (epoch, timestamp_ms) = (header.context.epoch, header.timestamp_ms);
    let committee = root.committee(epoch).ok_or(FinalityError::UnknownEpoch(epoch))?;
    if let Some(governance) = &root.genesis().governance
        && governance.epoch_of(header.height) != epoch
    {
        return Err(FinalityError::OtherEpoch { height: header.height, epoch });
    }
    if timestamp_ms < committee.since_ms || committee.until_ms.is_some_and(|until_ms| timestamp_ms > until_ms) {
        return Err(FinalityError::OutsideItsEpoch { timestamp_ms, epoch });
    }
    Ok(committee)
}

/// A parsed certificate: as many signatures as signers, the signers ascending and each a validator.
struct Certificate {
    epoch: u64,
    view: u64,
    parent_view: u64,
    payload: Hash,
    signers: Vec<usize>,
    signatures: Vec<[u8; 64]>,
}

impl Certificate {
    fn parse(bytes: &[u8], validators: usize) -> Result<Self, FinalityError> {
        let mut reader = Reader::new(bytes);
        let (epoch, view) = (reader.varint("epoch")?, reader.varint("view")?);
        let (parent_view, payload) = (reader.varint("parent view")?, reader.array("header digest")?);
        let bits = u64::from_be_bytes(reader.array("number of validators")?);
        if usize::try_from(bits) != Ok(validators) {
            return Err(FinalityError::Committee);
        }
        let bitmap = reader.bytes(validators.div_ceil(8), "signers")?;
        let set = bitmap.iter().enumerate().flat_map(|(place, byte)| {
            let bits = (0..8).filter(move |bit| byte >> bit & 1 == 1);
            bits.map(move |bit| place * 8 + bit)
        });
        let signers: Vec<usize> = set.collect();
        if signers.iter().any(|signer| *signer >= validators) {
            return Err(Malformed("signers").into());
        }
        let count = reader.count(validators, "number of signatures")?;
        if count != signers.len() {
            return Err(FinalityError::Committee);
        }
        let signatures = (0..count).map(|_| reader.array("signature")).collect::<Result<_, _>>()?;
        reader.finish()?;
        Ok(Self { epoch, view, parent_view, payload, signers, signatures })
    }

    /// The wire form again.
    fn to_bytes(&self, validators: usize) -> Vec<u8> {
        let wide = |number: usize| u64::try_from(number).expect("a set of validators is bounded");
        let mut bytes = self.proposal();
        bytes.extend_from_slice(&wide(validators).to_be_bytes());
        let mut bitmap = vec![0_u8; validators.div_ceil(8)];
        for signer in &self.signers {
            if let Some(byte) = bitmap.get_mut(signer / 8) {
                *byte |= 1 << (signer % 8);
            }
        }
        bytes.extend_from_slice(&bitmap);
        write_varint(wide(self.signatures.len()), &mut bytes);
        self.signatures.iter().for_each(|signature| bytes.extend_from_slice(signature));
        bytes
    }

    fn proposal(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64);
        [self.epoch, self.view, self.parent_view].into_iter().for_each(|number| write_varint(number, &mut bytes));
        bytes.extend_from_slice(&self.payload);
        bytes
    }

    /// The bytes that every signer signed.
    fn signed_bytes(&self, genesis: &Hash) -> Vec<u8> {
        let namespace = [&namespace(genesis), FINALIZE].concat();
        let length = u64::try_from(namespace.len()).expect("a namespace is short");
        let mut message = Vec::with_capacity(192);
        write_varint(length, &mut message);
        message.extend_from_slice(&namespace);
        message.extend_from_slice(&self.proposal());
        message
    }
}
