//! Payload encryption: age v1 (<https://age-encryption.org/v1>), STREAM of ChaCha20-Poly1305 in 64 KiB chunks.
//!
//! age draws a file key itself and wraps it for "recipients" in the header. Here the one recipient is the [`BlobKey`]: a stanza
//! of our own type, `yufu-blob-key-v1`, holds the file key under ChaCha20-Poly1305 with a key that HKDF-SHA-256 derives from the
//! blob key. No elliptic curve is in the published ciphertext, so nothing in it falls to a quantum computer; and the readers are
//! in envelopes elsewhere, so that adding or erasing one leaves the ciphertext and its CID as they are.
//!
//! Randomness: the blob key is the caller's. age draws its 16-byte file key, its payload nonce and a decoy stanza from the
//! operating system and offers no other way; this is the one exception to the rule that entropy is an argument. Sealing the same
//! bytes twice gives two ciphertexts and two CIDs, which is wanted: equal documents must not be seen to be equal.

use std::collections::HashSet;
use std::fmt;
use std::io::{Read as _, Write as _};

use age::secrecy::ExposeSecret as _;
use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::primitives::{aead_decrypt, aead_encrypt, hkdf};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::cid::Cid;
use crate::dag;

/// The stanza's type in the age header.
const STANZA_TAG: &str = "yufu-blob-key-v1";
/// The label under which the wrapping key is derived.
const WRAP_LABEL: &str = "yufu/blob/file-key/v1";
/// The longest age header that is parsed. Ours has one stanza and age's decoy, under 400 bytes; the parser's time grows with the
/// square of the header, so a blob that is all header must not reach it.
const MAX_HEADER_BYTES: usize = 2048;
/// What age adds at most: header, nonce and one 16-byte tag per 64 KiB.
const MAX_OVERHEAD_BYTES: usize = MAX_HEADER_BYTES + 16 + (dag::MAX_BLOB_BYTES / 65_536 + 1) * 16;
/// The largest plaintext: what still is a blob of [`dag::MAX_BLOB_BYTES`] when it is sealed.
pub const MAX_PLAINTEXT_BYTES: usize = dag::MAX_BLOB_BYTES - MAX_OVERHEAD_BYTES;

/// Why a blob cannot be sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// More than [`MAX_PLAINTEXT_BYTES`].
    #[error("the document has {length} bytes, more than the {MAX_PLAINTEXT_BYTES} that a blob holds")]
    TooLarge {
        /// Bytes given.
        length: usize,
    },
    /// Not an age file of ours, or its header is longer than any of ours.
    #[error("the bytes are not a sealed blob")]
    NotSealed,
    /// The key is another blob's, or the ciphertext was changed or cut off.
    #[error("the blob does not open with this key: the key is another blob's, or the bytes were changed")]
    Refused(#[source] DecryptError),
    /// age could not encrypt; with memory as its output this has no known cause.
    #[error("the document could not be encrypted")]
    Encrypt(#[source] std::io::Error),
}

/// The key of one blob. Whoever has it reads the blob; destroying every copy erases it.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BlobKey(#[serde(with = "identity::keys::base64url_array")] [u8; 32]);

impl BlobKey {
    /// A key from 32 bytes of fresh entropy or of storage. Use it for one blob only.
    pub fn from_entropy(entropy: [u8; 32]) -> Self {
        Self(entropy)
    }

    /// The raw key, to be sealed to a reader or stored in a vault.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    fn wrapping_key(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(hkdf(&[], WRAP_LABEL.as_bytes(), &self.0))
    }
}

impl fmt::Debug for BlobKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BlobKey(…)")
    }
}

impl age::Recipient for BlobKey {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let body = aead_encrypt(&self.wrapping_key(), file_key.expose_secret());
        Ok((vec![Stanza { tag: STANZA_TAG.to_owned(), args: Vec::new(), body }], HashSet::new()))
    }
}

impl age::Identity for BlobKey {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        if stanza.tag != STANZA_TAG {
            return None;
        }
        if !stanza.args.is_empty() {
            return Some(Err(DecryptError::InvalidHeader));
        }
        let opened = aead_decrypt(&self.wrapping_key(), FILE_KEY_BYTES, &stanza.body).map(Zeroizing::new);
        let file_key = opened.ok().and_then(|bytes| <[u8; FILE_KEY_BYTES]>::try_from(bytes.as_slice()).ok());
        Some(file_key.map(|bytes| FileKey::new(Box::new(bytes))).ok_or(DecryptError::DecryptionFailed))
    }
}

/// A sealed blob: what goes to IPFS, its name, and the key that does not.
#[derive(Clone, Debug)]
pub struct Sealed {
    /// The ciphertext, an age v1 file.
    pub ciphertext: Bytes,
    /// The name that the ciphertext has on IPFS.
    pub cid: Cid,
    /// What opens it.
    pub key: BlobKey,
}

/// Encrypts a document under a key made from 32 bytes of fresh entropy.
///
/// # Errors
/// [`SealError::TooLarge`] above [`MAX_PLAINTEXT_BYTES`].
pub fn seal(plaintext: &[u8], entropy: [u8; 32]) -> Result<Sealed, SealError> {
    if plaintext.len() > MAX_PLAINTEXT_BYTES {
        return Err(SealError::TooLarge { length: plaintext.len() });
    }
    let key = BlobKey::from_entropy(entropy);
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&key as &dyn age::Recipient))
        .map_err(|e| SealError::Encrypt(std::io::Error::other(e)))?;
    let mut ciphertext = Vec::with_capacity(plaintext.len() + plaintext.len() / 4096 + 1024);
    let mut writer = encryptor.wrap_output(&mut ciphertext).map_err(SealError::Encrypt)?;
    writer.write_all(plaintext).map_err(SealError::Encrypt)?;
    writer.finish().map_err(SealError::Encrypt)?;
    let ciphertext = Bytes::from(ciphertext);
    let cid = dag::cid_of(&ciphertext).map_err(|_| SealError::TooLarge { length: plaintext.len() })?;
    Ok(Sealed { ciphertext, cid, key })
}

/// Decrypts a blob. The plaintext is complete and authentic or there is none; the buffer is wiped when dropped.
///
/// # Errors
/// [`SealError::NotSealed`] when the bytes are no age file of ours, [`SealError::Refused`] when key and ciphertext do not fit.
pub fn open(key: &BlobKey, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
    if !header_is_short(ciphertext) {
        return Err(SealError::NotSealed);
    }
    let decryptor = age::Decryptor::new(ciphertext).map_err(|_| SealError::NotSealed)?;
    let mut reader = match decryptor.decrypt(std::iter::once(key as &dyn age::Identity)) {
        Ok(reader) => reader,
        Err(DecryptError::NoMatchingKeys) => return Err(SealError::NotSealed),
        Err(e) => return Err(SealError::Refused(e)),
    };
    // Room for everything at once, so that no grown-out-of copy of the plaintext is left behind in memory.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(ciphertext.len()));
    reader.read_to_end(&mut plaintext).map_err(|e| SealError::Refused(DecryptError::Io(e)))?;
    Ok(plaintext)
}

/// Whether the header's last line, `--- <MAC>`, begins within the first [`MAX_HEADER_BYTES`].
fn header_is_short(ciphertext: &[u8]) -> bool {
    let start = ciphertext.get(..MAX_HEADER_BYTES.min(ciphertext.len())).unwrap_or_default();
    start.windows(5).any(|window| window == b"\n--- ")
}
