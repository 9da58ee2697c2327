//! What an operator or supervisor signs to log in, and the code that carries the signature from the key's machine to the browser.
//!
//! A challenge is for one ledger, one node, one origin, one browser and five minutes, and is used once. The signature has a context of its
//! own, so that it is good for nothing else. Whoever signs compares the origin with the address that the browser shows.

use borsh::{BorshDeserialize, BorshSerialize};
use data_encoding::BASE64URL_NOPAD;
use identity::{PublicKey, SecretKey, Signature, UnixSeconds, canonical, canonical::Hash, keys::KeyError};
use ledger::records::AuthorityId;

/// Context string of the signed bytes.
pub const CONTEXT: &str = "yufu/console/login/v1";
/// How long a challenge may be answered, in seconds.
pub const CHALLENGE_SECONDS: UnixSeconds = 300;
/// Bytes of an encoded challenge or code at most.
const MAX_BYTES: usize = 1_024;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Challenge {
    /// The ledger.
    pub genesis: Hash,
    /// The node's consensus key.
    pub node: PublicKey,
    /// The console's origin, as the browser shows it.
    pub origin: String,
    /// Random; used once.
    pub nonce: [u8; 32],
    /// Not to be answered from this second on.
    pub expires_at: UnixSeconds,
}

/// The text is not a challenge, or not a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the text is damaged, or not whole")]
pub struct Unreadable;

fn read<T: BorshDeserialize>(text: &str) -> Result<T, Unreadable> {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).take(2 * MAX_BYTES).collect();
    let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| Unreadable)?;
    canonical::decode(&bytes, MAX_BYTES).map_err(|_| Unreadable)
}

impl Challenge {
    /// As text: base64url of the canonical bytes.
    pub fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(&canonical::encode(self))
    }

    /// Reads the text; white space in it is passed over.
    ///
    /// # Errors
    /// When it is not a challenge.
    pub fn from_text(text: &str) -> Result<Self, Unreadable> {
        read(text)
    }

    /// Answers it for an authority.
    pub fn answer(&self, authority: AuthorityId, key: &SecretKey) -> Code {
        let signature = key.sign(&canonical::with_context(CONTEXT, &(self, authority)));
        Code { authority, key: key.public_key(), signature }
    }
}

/// An answer to a challenge: who, with which key.
#[derive(Debug, Clone, PartialEq, Eq, BorshSerialize, BorshDeserialize)]
pub struct Code {
    /// The authority that logs in.
    pub authority: AuthorityId,
    /// One of its ledger keys.
    pub key: PublicKey,
    /// Over the challenge and the authority.
    pub signature: Signature,
}

impl Code {
    /// As text: base64url of the canonical bytes.
    pub fn to_text(&self) -> String {
        BASE64URL_NOPAD.encode(&canonical::encode(self))
    }

    /// Reads the text; white space in it is passed over.
    ///
    /// # Errors
    /// When it is not a code.
    pub fn from_text(text: &str) -> Result<Self, Unreadable> {
        read(text)
    }

    /// Checks that it answers this challenge.
    ///
    /// # Errors
    /// When the signature is not the key's over it.
    pub fn verify(&self, challenge: &Challenge) -> Result<(), KeyError> {
        self.key.verify(&canonical::with_context(CONTEXT, &(challenge, self.authority)), &self.signature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::{Algorithm, SecretKey};

    fn challenge() -> Challenge {
        Challenge {
            genesis: [1; 32],
            node: key(2).public_key(),
            origin: "https://console.example".to_owned(),
            nonce: [3; 32],
            expires_at: 1_700_000_300,
        }
    }

    fn key(seed: u8) -> SecretKey {
        SecretKey::from_bytes(Algorithm::Ed25519, &[seed; 32]).unwrap()
    }

    /// Golden, computed outside of Rust: what is signed and what is carried. A change here is another format.
    #[test]
    fn the_formats_are_what_they_were() {
        let challenge = challenge();
        let code = challenge.answer("supervisor".parse().unwrap(), &key(4));
        assert_eq!(challenge.to_text(), GOLDEN_CHALLENGE);
        assert_eq!(code.to_text(), GOLDEN_CODE);
        assert_eq!(Challenge::from_text(&format!(" {}\n{}", &GOLDEN_CHALLENGE[..20], &GOLDEN_CHALLENGE[20..])), Ok(challenge));
        assert_eq!(Code::from_text(GOLDEN_CODE), Ok(code));
    }

    const GOLDEN_CHALLENGE: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBgTl3Dqh9F19Wo1Rmw0x-zMuNipG07jeiXfYPW4_Js5QXAAAAaHR0cHM6Ly9jb25zb2xlLmV4YW1wbGUDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAyzyU2UAAAAA";
    const GOLDEN_CODE: &str = "CgAAAHN1cGVydmlzb3IBypOsFwUYcHHWe4PH_w7-gQjo7EUwV113JoeTM9vavnwBLocXc8QKX0z7XLm57OPxUcOijW5xQ3BOOYsz_6FMrhktgLvM6tC51oKrsgdFRUhLUaxCKM8ZQkS8mYMwDjZXCw";

    /// A signature is good for the challenge, the authority and the key that it was made with, and for no other.
    #[test]
    fn a_code_answers_one_challenge_only() {
        let (challenge, key) = (challenge(), key(4));
        let code = challenge.answer("supervisor".parse().unwrap(), &key);
        assert_eq!(code.verify(&challenge), Ok(()));
        let others = [
            Challenge { genesis: [9; 32], ..challenge.clone() },
            Challenge { node: self::key(9).public_key(), ..challenge.clone() },
            Challenge { origin: "https://console.example.net".to_owned(), ..challenge.clone() },
            Challenge { nonce: [9; 32], ..challenge.clone() },
            Challenge { expires_at: challenge.expires_at + 1, ..challenge.clone() },
        ];
        for other in others {
            assert_eq!(code.verify(&other), Err(KeyError::Signature), "{other:?}");
        }
        assert!(Code { authority: "police".parse().unwrap(), ..code.clone() }.verify(&challenge).is_err());
        assert!(Code { key: self::key(5).public_key(), ..code.clone() }.verify(&challenge).is_err());
        let unbound = key.sign(&canonical::encode(&(&challenge, code.authority)));
        assert!(Code { signature: unbound, ..code }.verify(&challenge).is_err(), "the context counts");
    }

    #[test]
    fn what_is_not_a_code_is_refused_however_long() {
        for text in ["", "x", "====", &"A".repeat(100_000), GOLDEN_CHALLENGE] {
            assert_eq!(Code::from_text(text), Err(Unreadable));
        }
    }
}
