//! The data key, wrapped by a passphrase, or by a PIN and the device's secret: Argon2id (RFC 9106; the device's secret is its secret
//! value K, section 3.1), then XChaCha20-Poly1305.
//!
//! The parameters are kept beside the wrapped key and are part of its associated data. They are bounded when they are read, so
//! that a changed file can neither weaken them unnoticed nor eat the memory of the machine.

use argon2::{Algorithm, Argon2, Params, Version};
use borsh::BorshSerialize;
use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use clients::{Environment, Random};
use identity::canonical;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{SCHEMA_VERSION, UNBOUND_SCHEMA, VaultError};

/// Characters of a new passphrase at least.
pub const MIN_PASSPHRASE_CHARACTERS: usize = 8;
/// Characters of a new PIN at least. Only a vault that is bound to its device may have one.
pub const MIN_PIN_CHARACTERS: usize = 6;
/// Bytes of a passphrase at most.
pub const MAX_PASSPHRASE_BYTES: usize = 1024;

/// Context string of the wrapped key's associated data.
const CONTEXT: &str = "yufu/vault/data-key/v1";
/// The same, of a vault that is bound to its device.
const BOUND_CONTEXT: &str = "yufu/vault/data-key/bound/v2";
/// The bounds of what a file may ask for: 1 GiB, 32 passes.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_PASSES: u32 = 32;
/// Memory of every derivation but those of tests.
const MEMORY_KIB: u32 = 64 * 1024;
/// Passes of every derivation but those of tests, at least.
const FEWEST_PASSES: u32 = 8;
/// Passes of the derivation that measures the machine.
const TRIAL_PASSES: u32 = 4;
/// What a calibrated derivation takes.
const TARGET_MS: u64 = 500;

/// A passphrase; wiped when dropped, and shown by nobody.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes the text as it is: no trimming, no normalisation.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// What a guess costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    memory_kib: u32,
    passes: u32,
}

impl Strength {
    /// 64 MiB and 8 passes: 0.3 to 1 second on an ordinary machine. RFC 9106 section 4 asks for at least 64 MiB and 3 passes.
    pub const fn normal() -> Self {
        Self { memory_kib: MEMORY_KIB, passes: FEWEST_PASSES }
    }

    /// 64 MiB and as many passes as take about half a second on this machine now: 8 to 32. Takes as long as 4 passes.
    pub fn calibrated(environment: &Environment) -> Self {
        let Ok(parameters) = Params::new(MEMORY_KIB, TRIAL_PASSES, 1, Some(32)) else { return Self::normal() };
        let started = environment.clock.now_ms();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters);
        if argon2.hash_password_into(b"calibration", &[0; 32], &mut [0; 32]).is_err() {
            return Self::normal();
        }
        let elapsed_ms = environment.clock.now_ms().saturating_sub(started).max(1);
        let passes = (u64::from(TRIAL_PASSES) * TARGET_MS).div_ceil(elapsed_ms);
        let passes = u32::try_from(passes).unwrap_or(MAX_PASSES).clamp(FEWEST_PASSES, MAX_PASSES);
        Self { memory_kib: MEMORY_KIB, passes }
    }

    /// Next to nothing, for a vault whose passphrase is 256 random bits and whose hours are counted.
    pub(crate) const fn throwaway() -> Self {
        Self { memory_kib: 64, passes: 1 }
    }

    /// Next to nothing, for tests only. The vault says of itself that it is weak.
    pub const fn weak_for_tests() -> Self {
        Self { memory_kib: 64, passes: 1 }
    }
}

/// The wrapped key as it stands in the vault's header, unsealed.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrappedKey {
    /// The format of the vault.
    pub(super) schema: u32,
    memory_kib: u32,
    passes: u32,
    #[serde(with = "identity::keys::base64url_array")]
    salt: [u8; 32],
    #[serde(with = "identity::keys::base64url_array")]
    nonce: [u8; 24],
    #[serde(with = "identity::keys::base64url_array")]
    wrapped: [u8; 48],
    /// The name of the device's secret, for a vault that is bound to its device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<String>,
}

/// Why the data key does not come out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UnwrapError {
    /// The passphrase is wrong, or the header was changed: nothing can tell these apart.
    Wrong,
    /// The derivation itself failed.
    Derivation,
}

#[derive(BorshSerialize)]
struct Parameters {
    schema: u32,
    memory_kib: u32,
    passes: u32,
    salt: [u8; 32],
}

/// The same of a vault that is bound to its device.
#[derive(BorshSerialize)]
struct BoundParameters<'a> {
    parameters: Parameters,
    device: &'a str,
}

/// The device's secret with its name.
pub(super) struct DeviceSecret {
    pub(super) name: String,
    pub(super) secret: Zeroizing<[u8; 32]>,
}

impl WrappedKey {
    /// Wraps the data key.
    pub(super) fn wrap(
        data_key: &[u8; 32],
        passphrase: &Passphrase,
        strength: Strength,
        device: Option<&DeviceSecret>,
        random: &Random,
    ) -> Result<Self, VaultError> {
        let shortest = if device.is_some() { MIN_PIN_CHARACTERS } else { MIN_PASSPHRASE_CHARACTERS };
        if passphrase.0.chars().count() < shortest {
            return Err(VaultError::PassphraseTooShort);
        }
        let Strength { memory_kib, passes } = strength;
        let (salt, nonce) = (random.entropy(), random.bytes::<24>());
        // What is not bound stays as earlier versions made it, so that they open it.
        let schema = if device.is_some() { SCHEMA_VERSION } else { UNBOUND_SCHEMA };
        let named = device.map(|device| device.name.clone());
        let mut key = Self { schema, memory_kib, passes, salt, nonce, wrapped: [0; 48], device: named };
        let secret = device.map(|device| &*device.secret);
        let cipher = key.cipher(passphrase, secret).map_err(|_| VaultError::Derivation)?;
        let message = Payload { msg: data_key, aad: &key.associated_data() };
        let wrapped = cipher.encrypt(&XNonce::from(nonce), message).map_err(|_| VaultError::Derivation)?;
        key.wrapped = wrapped.try_into().expect("a key of 32 bytes and a tag of 16 make 48");
        Ok(key)
    }

    /// Unwraps the data key.
    pub(super) fn unwrap(&self, passphrase: &Passphrase, device: Option<&[u8; 32]>) -> Result<Zeroizing<[u8; 32]>, UnwrapError> {
        let cipher = self.cipher(passphrase, device)?;
        let message = Payload { msg: &self.wrapped, aad: &self.associated_data() };
        let opened = cipher.decrypt(&XNonce::from(self.nonce), message).map(Zeroizing::new);
        let opened = opened.map_err(|_| UnwrapError::Wrong)?;
        let key: &[u8; 32] = opened.as_slice().try_into().map_err(|_| UnwrapError::Wrong)?;
        Ok(Zeroizing::new(*key))
    }

    fn associated_data(&self) -> Vec<u8> {
        let Self { schema, memory_kib, passes, salt, .. } = *self;
        let parameters = Parameters { schema, memory_kib, passes, salt };
        match &self.device {
            None => canonical::with_context(CONTEXT, &parameters),
            Some(device) => canonical::with_context(BOUND_CONTEXT, &BoundParameters { parameters, device }),
        }
    }

    fn cipher(&self, passphrase: &Passphrase, device: Option<&[u8; 32]>) -> Result<XChaCha20Poly1305, UnwrapError> {
        if self.memory_kib > MAX_MEMORY_KIB || self.passes > MAX_PASSES {
            return Err(UnwrapError::Derivation);
        }
        if passphrase.0.len() > MAX_PASSPHRASE_BYTES {
            return Err(UnwrapError::Wrong);
        }
        let parameters = Params::new(self.memory_kib, self.passes, 1, Some(32)).map_err(|_| UnwrapError::Derivation)?;
        let argon2 = match device {
            None => Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters),
            Some(secret) => Argon2::new_with_secret(secret, Algorithm::Argon2id, Version::V0x13, parameters)
                .map_err(|_| UnwrapError::Derivation)?,
        };
        let mut key = Zeroizing::new([0; 32]);
        let derived = argon2.hash_password_into(passphrase.0.as_bytes(), &self.salt, key.as_mut());
        derived.map_err(|_| UnwrapError::Derivation)?;
        Ok(XChaCha20Poly1305::new((&*key).into()))
    }
}
