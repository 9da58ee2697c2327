//! Passwords: Argon2id PHC strings.

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use argon2::{Algorithm, Argon2, Params, Version};

/// The shortest password that is hashed, in characters.
pub const MIN_CHARS: usize = 10;
/// The longest, in bytes.
const MAX_BYTES: usize = 256;

/// Why a password is not hashed, or a hash not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has at least {MIN_CHARS} characters and at most {MAX_BYTES} bytes")]
    Length,
    /// Not an Argon2id PHC string.
    #[error("this is not an Argon2id hash")]
    NotAHash,
}

/// The work for a hash: 64 MiB, three passes (RFC 9106 section 4, second recommendation, with one lane).
fn argon2() -> Argon2<'static> {
    let params = Params::new(64 * 1024, 3, 1, None).expect("the parameters are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Hashes a password with 16 bytes of fresh entropy as its salt.
///
/// # Errors
/// [`PasswordError::Length`].
pub fn hash(password: &str, salt: [u8; 16]) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_CHARS || password.len() > MAX_BYTES {
        return Err(PasswordError::Length);
    }
    let hash: PasswordHash = argon2().hash_password_with_salt(password.as_bytes(), &salt).map_err(|_| PasswordError::Length)?;
    Ok(hash.to_string())
}

/// Whether the text is a hash that [`verify`] can use.
///
/// # Errors
/// [`PasswordError::NotAHash`].
pub fn is_hash(text: &str) -> Result<(), PasswordError> {
    let hash = PasswordHash::new(text).map_err(|_| PasswordError::NotAHash)?;
    if hash.algorithm.as_str() == "argon2id" { Ok(()) } else { Err(PasswordError::NotAHash) }
}

/// Compares a password with a hash. Takes a noticeable time: run it where it blocks nobody.
pub fn verify(password: &str, hash: &str) -> bool {
    if password.len() > MAX_BYTES {
        return false;
    }
    let Ok(hash) = PasswordHash::new(hash) else { return false };
    Argon2::default().verify_password(password.as_bytes(), &hash).is_ok()
}

/// A hash that no password has, so that a name which is not there takes as long as one which is (FAULTS D4).
pub const NOBODY: &str = "$argon2id$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_verifies_against_its_hash_and_no_other_does() {
        let hash = hash("correct horse", [1; 16]).unwrap();
        assert!(is_hash(&hash).is_ok() && hash.starts_with("$argon2id$"));
        assert!(verify("correct horse", &hash));
        assert!(!verify("correct horsf", &hash) && !verify("", &hash) && !verify("correct horse", "nonsense"));
    }

    #[test]
    fn short_passwords_and_other_hashes_are_refused() {
        assert_eq!(super::hash("short", [1; 16]), Err(PasswordError::Length));
        for text in
            ["", "plain", "$argon2i$v=19$m=65536,t=3,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"]
        {
            assert_eq!(is_hash(text), Err(PasswordError::NotAHash), "{text}");
        }
        assert!(is_hash(NOBODY).is_ok());
    }
}
