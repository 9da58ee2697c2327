//! Envelopes: a blob's key and its anchor's commitment key, sealed to one reader by HPKE (RFC 9180, base mode).
//!
//! The suite is fixed: KEM X-Wing (0x647a), KDF HKDF-SHA-256, AEAD ChaCha20-Poly1305. The `info` string binds the blob's CID,
//! the reader's key id and the purpose, so an envelope moved to another blob, reader or purpose does not open. An envelope says
//! nothing about who made it: what it comes with is signed.
//!
//! Envelopes stay off IPFS and off the ledger. A reader is added by one more envelope, under the same CID; a reader is erased by
//! deleting theirs.

use borsh::BorshSerialize;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::XWing;
use hpke::{Deserializable as _, Kem, OpModeR, OpModeS, Serializable as _};
use identity::CommitmentKey;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::cid::Cid;
use crate::reader_key::{ReaderKeyId, ReaderPublicKey, ReaderSecretKey};
use crate::seal::BlobKey;

/// The context string of `info`.
const CONTEXT: &str = "yufu/envelope/v1";
/// Length of an X-Wing encapsulated key.
const ENCAPSULATED_BYTES: usize = 1120;
/// Two 32-byte keys.
const CONTENT_BYTES: usize = 64;
/// The keys and the AEAD's tag.
const CIPHERTEXT_BYTES: usize = CONTENT_BYTES + 16;
/// The longest purpose, in bytes.
pub const MAX_PURPOSE_BYTES: usize = 128;

/// Why an envelope is not made or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    /// Empty, or longer than [`MAX_PURPOSE_BYTES`].
    #[error("an envelope's purpose has 1 to {MAX_PURPOSE_BYTES} bytes")]
    Purpose,
    /// Sealed to another reader key.
    #[error("the envelope is sealed to reader {sealed_to}, not to {ours}")]
    OtherReader {
        /// Whose it is.
        sealed_to: ReaderKeyId,
        /// Who tried.
        ours: ReaderKeyId,
    },
    /// Does not decrypt: changed, or moved from another blob or purpose.
    #[error("the envelope does not open: it was changed, or belongs to another blob or purpose")]
    Refused,
    /// The reader's key cannot be used.
    #[error("the envelope could not be sealed to this reader key")]
    Seal,
}

/// What an envelope carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvelopeContents {
    /// Opens the blob.
    pub blob_key: BlobKey,
    /// Opens the anchor's commitment: the reader can check that this very blob was anchored.
    pub commitment_key: CommitmentKey,
}

/// The keys of one blob, sealed to one reader for one purpose. Its JSON is its wire form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Envelope {
    /// The blob.
    pub cid: Cid,
    /// Who can open it.
    pub reader: ReaderKeyId,
    /// What for.
    pub purpose: String,
    /// HPKE `enc`.
    #[serde(with = "identity::keys::base64url_array")]
    encapsulated_key: [u8; ENCAPSULATED_BYTES],
    /// HPKE ciphertext.
    #[serde(with = "identity::keys::base64url_array")]
    ciphertext: [u8; CIPHERTEXT_BYTES],
}

#[derive(BorshSerialize)]
struct Binding<'a> {
    cid: Cid,
    reader: [u8; 32],
    purpose: &'a str,
}

fn info(cid: Cid, reader: ReaderKeyId, purpose: &str) -> Vec<u8> {
    identity::canonical::with_context(CONTEXT, &Binding { cid, reader: reader.0, purpose })
}

impl Envelope {
    /// Seals the keys of blob `cid` to a reader. `entropy` is 32 fresh bytes, used for this envelope only.
    ///
    /// # Errors
    /// [`EnvelopeError::Purpose`] for a purpose out of bounds, [`EnvelopeError::Seal`] when encapsulation fails.
    pub fn seal(
        contents: &EnvelopeContents,
        cid: Cid,
        reader: &ReaderPublicKey,
        purpose: &str,
        entropy: [u8; 32],
    ) -> Result<Self, EnvelopeError> {
        check_purpose(purpose)?;
        let mut plaintext = Zeroizing::new([0; CONTENT_BYTES]);
        let (blob_key, commitment_key) = plaintext.split_at_mut(32);
        blob_key.copy_from_slice(contents.blob_key.as_bytes());
        commitment_key.copy_from_slice(contents.commitment_key.as_bytes());
        let mut random = ChaCha20Rng::from_seed(entropy);
        let (encapsulated_key, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeS::Base,
            reader.kem(),
            &info(cid, reader.id(), purpose),
            plaintext.as_slice(),
            &[],
            &mut random,
        )
        .map_err(|_| EnvelopeError::Seal)?;
        Ok(Self {
            cid,
            reader: reader.id(),
            purpose: purpose.to_owned(),
            encapsulated_key: encapsulated_key.to_bytes().into(),
            ciphertext: ciphertext.try_into().expect("ChaCha20-Poly1305 adds a tag of 16 bytes"),
        })
    }

    /// Opens the envelope. The caller compares [`Self::cid`] and [`Self::purpose`] with what it expects; they are authentic once
    /// this succeeds.
    ///
    /// # Errors
    /// [`EnvelopeError::OtherReader`] when it is sealed to another key, [`EnvelopeError::Refused`] when anything was changed.
    pub fn open(&self, reader: &ReaderSecretKey) -> Result<EnvelopeContents, EnvelopeError> {
        check_purpose(&self.purpose)?;
        if self.reader != reader.id() {
            return Err(EnvelopeError::OtherReader { sealed_to: self.reader, ours: reader.id() });
        }
        let encapsulated_key =
            <XWing as Kem>::EncappedKey::from_bytes(&self.encapsulated_key).map_err(|_| EnvelopeError::Refused)?;
        let plaintext = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
            &OpModeR::Base,
            reader.kem(),
            &encapsulated_key,
            &info(self.cid, self.reader, &self.purpose),
            &self.ciphertext,
            &[],
        )
        .map(Zeroizing::new)
        .map_err(|_| EnvelopeError::Refused)?;
        let (blob_key, commitment_key) = plaintext.split_at_checked(32).ok_or(EnvelopeError::Refused)?;
        Ok(EnvelopeContents {
            blob_key: BlobKey::from_entropy(blob_key.try_into().map_err(|_| EnvelopeError::Refused)?),
            commitment_key: CommitmentKey::from_entropy(commitment_key.try_into().map_err(|_| EnvelopeError::Refused)?),
        })
    }
}

fn check_purpose(purpose: &str) -> Result<(), EnvelopeError> {
    if purpose.is_empty() || purpose.len() > MAX_PURPOSE_BYTES {
        return Err(EnvelopeError::Purpose);
    }
    Ok(())
}
