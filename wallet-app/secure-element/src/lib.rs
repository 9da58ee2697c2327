//! A telephone's secure hardware as [`HardwareKeys`], and its key store as [`DeviceStore`].
//!
//! The hardware is reached from Kotlin and Swift, by messages of JSON: `android/` and `ios/` have one command for each method here, and
//! [`Telephone`] is the way to them. Keys are P-256, signatures ECDSA with SHA-256 in DER (X9.62), public keys uncompressed points (SEC 1
//! section 2.3.3), bytes base64. What a command could not do comes back with one of the codes `cancelled`, `locked` and `gone`, or another
//! one with words.
//!
//! `plugin.rs` is a few lines for a telephone, which no toolchain here builds. All else runs on a desktop, on a fake of the other half.

#[cfg(all(feature = "plugin", any(target_os = "android", target_os = "ios")))]
mod plugin;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use wallet_core::hardware::{Algorithm, HardwareKeys, PublicKey, SignError, Signature};
use wallet_core::vault::device::{DeviceStore, DeviceStoreError, SECRET_BYTES};
use zeroize::Zeroizing;

#[cfg(all(feature = "plugin", any(target_os = "android", target_os = "ios")))]
pub use self::plugin::{SecureElementExt, init};

/// What a command of the telephone's half ended with, when not with an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// `cancelled`, `locked`, `gone`, or what the telephone has.
    pub code: Option<String>,
    /// In the telephone's words.
    pub message: String,
}

/// The way to the telephone's half.
pub trait Telephone: Send + Sync {
    /// Runs a command, and waits for its answer.
    ///
    /// # Errors
    /// [`Refusal`].
    fn call(&self, command: &str, arguments: Value) -> Result<Value, Refusal>;
}

/// The secure hardware behind a [`Telephone`].
#[derive(Clone, Debug)]
pub struct SecureElement<T>(T);

impl<T: Telephone> SecureElement<T> {
    /// The way to the hardware, whether or not there is any.
    pub fn new(telephone: T) -> Self {
        Self(telephone)
    }

    /// Whether keys made here are in hardware: an old telephone or an emulator has none.
    ///
    /// # Errors
    /// As the telephone says.
    pub fn is_in_hardware(&self) -> Result<bool, SignError> {
        let answer = self.ask("isInHardware", json!({}))?;
        answer.get("inHardware").and_then(Value::as_bool).ok_or_else(|| malformed("inHardware"))
    }

    fn ask(&self, command: &str, arguments: Value) -> Result<Value, SignError> {
        self.0.call(command, arguments).map_err(|refusal| match refusal.code.as_deref() {
            Some("cancelled") => SignError::Cancelled,
            Some("locked") => SignError::Locked,
            Some("gone") => SignError::Gone,
            _ => SignError::Failed(refusal.message),
        })
    }

    fn ask_store(&self, command: &str, arguments: Value) -> Result<Value, DeviceStoreError> {
        self.0.call(command, arguments).map_err(|refusal| DeviceStoreError(refusal.message))
    }
}

impl<T: Telephone> HardwareKeys for SecureElement<T> {
    fn create(&self, name: &str) -> Result<PublicKey, SignError> {
        let answer = self.ask("createKey", json!({ "name": name }))?;
        let point = bytes(&answer, "publicKey").ok_or_else(|| malformed("publicKey"))?;
        PublicKey::from_bytes(Algorithm::P256, &point).map_err(|_| malformed("publicKey"))
    }

    fn sign(&self, name: &str, message: &[u8]) -> Result<Signature, SignError> {
        let answer = self.ask("sign", json!({ "name": name, "message": STANDARD.encode(message) }))?;
        let der = bytes(&answer, "signature").ok_or_else(|| malformed("signature"))?;
        Signature::from_ecdsa_der(&der).map_err(|_| malformed("signature"))
    }

    fn names(&self) -> Result<Vec<String>, SignError> {
        let answer = self.ask("keyNames", json!({}))?;
        let names = answer.get("names").and_then(Value::as_array).ok_or_else(|| malformed("names"))?;
        names.iter().map(|name| name.as_str().map(str::to_owned).ok_or_else(|| malformed("names"))).collect()
    }

    fn forget(&self, name: &str) -> Result<(), SignError> {
        self.ask("forgetKey", json!({ "name": name })).map(drop)
    }
}

impl<T: Telephone> DeviceStore for SecureElement<T> {
    fn load(&self, name: &str) -> Result<Option<Zeroizing<[u8; SECRET_BYTES]>>, DeviceStoreError> {
        let answer = self.ask_store("loadSecret", json!({ "name": name }))?;
        if answer.get("secret").is_none_or(Value::is_null) {
            return Ok(None);
        }
        let secret = bytes(&answer, "secret").ok_or_else(|| DeviceStoreError("the secret is not base64".to_owned()))?;
        let secret = <[u8; SECRET_BYTES]>::try_from(secret.as_slice());
        secret
            .map(|secret| Some(Zeroizing::new(secret)))
            .map_err(|_| DeviceStoreError("the secret has another length".to_owned()))
    }

    fn save(&self, name: &str, secret: &[u8; SECRET_BYTES]) -> Result<(), DeviceStoreError> {
        self.ask_store("saveSecret", json!({ "name": name, "secret": STANDARD.encode(secret) })).map(drop)
    }

    fn forget(&self, name: &str) -> Result<(), DeviceStoreError> {
        self.ask_store("forgetSecret", json!({ "name": name })).map(drop)
    }
}

/// The bytes in a member of an answer.
fn bytes(answer: &Value, member: &str) -> Option<Zeroizing<Vec<u8>>> {
    let text = answer.get(member)?.as_str()?;
    STANDARD.decode(text).ok().map(Zeroizing::new)
}

fn malformed(member: &str) -> SignError {
    SignError::Failed(format!("its answer has no `{member}` that can be read"))
}

#[cfg(test)]
mod tests;
