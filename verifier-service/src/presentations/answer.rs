//! What a wallet posts (OpenID4VP 1.0 sections 8.2, 8.3 and 8.5): an encrypted answer, or an error in the clear.
//!
//! Reads, decrypts and takes apart; believes nothing. Everything is bounded before it is parsed.

use identity::dcql::VpToken;
use identity::jose::jwe::{DecryptionKey, Encrypted, JweError};
use identity::json::{self, Limits};
use serde_json::{Map, Value};
use url::form_urlencoded;

/// Most bytes of a posted form.
pub const MAX_FORM_BYTES: usize = 768 * 1024;
/// The decrypted answer: presentations are texts, so it is flat.
const PAYLOAD: Limits = Limits { bytes: 512 * 1024, depth: 8, names: 64 };
/// Most fields of a form that are looked at.
const MAX_FIELDS: usize = 16;
/// Most bytes of a state or an error code.
const MAX_TEXT_BYTES: usize = 256;

/// Why a form is not an answer. It does not use the request up: anybody can post anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Neither `response` nor `error`, or one of them twice.
    #[error("the form needs either 'response' or 'error', once")]
    Form,
    /// The JWE is malformed, of another algorithm, or not encrypted to this request's key.
    #[error("the encrypted response cannot be decrypted: {0}")]
    Encryption(&'static str),
    /// The decrypted payload is not a JSON object of the strict form.
    #[error("the decrypted response is not a JSON object of the strict form")]
    Payload,
    /// `state` is missing or of another request.
    #[error("the state is missing or belongs to another request")]
    State,
    /// Too many unreadable answers came for this request.
    #[error("too many unreadable answers came for this request")]
    TooMany,
}

impl Unreadable {
    /// The slug.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Form => "form-malformed",
            Self::Encryption(slug) => slug,
            Self::Payload => "payload-malformed",
            Self::State => "state-unknown",
            Self::TooMany => "too-many-unreadable-answers",
        }
    }
}

/// A form that was read.
pub enum Posted {
    /// `response`: a JWE, still closed.
    Encrypted(Box<Encrypted>),
    /// `error` in the clear, as wallets send that cannot encrypt (section 8.3.1).
    Error(WalletError),
}

/// What the wallet says instead of presenting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletError {
    /// The error code, one of [`WALLET_ERRORS`] or `other`.
    pub code: &'static str,
    /// The state, to be compared.
    pub state: String,
}

/// What an answer holds once it is open.
pub enum Content {
    /// Presentations (section 8.1).
    Presentations {
        /// The VP token.
        vp_token: Result<VpToken, identity::dcql::ResponseError>,
        /// The state, to be compared.
        state: String,
    },
    /// The wallet's error.
    Error(WalletError),
}

/// The error codes of section 8.5 that the login page has a sentence for.
pub const WALLET_ERRORS: [&str; 8] = [
    "access_denied",
    "invalid_request",
    "invalid_client",
    "invalid_scope",
    "vp_formats_not_supported",
    "invalid_request_uri_method",
    "invalid_transaction_data",
    "wallet_unavailable",
];

/// Reads the form.
pub fn parse_form(body: &[u8]) -> Result<Posted, Unreadable> {
    let mut fields: [(&str, Option<String>); 3] = [("response", None), ("error", None), ("state", None)];
    for (number, (name, value)) in form_urlencoded::parse(body).enumerate() {
        if number >= MAX_FIELDS {
            return Err(Unreadable::Form);
        }
        if let Some((_, slot)) = fields.iter_mut().find(|(known, _)| *known == name)
            && slot.replace(value.into_owned()).is_some()
        {
            return Err(Unreadable::Form);
        }
    }
    let [(_, response), (_, error), (_, state)] = fields;
    match (response, error) {
        (Some(jwe), None) => {
            let encrypted = Encrypted::parse(jwe.trim()).map_err(|error| Unreadable::Encryption(error.slug()))?;
            Ok(Posted::Encrypted(Box::new(encrypted)))
        }
        (None, Some(error)) => Ok(Posted::Error(wallet_error(&error, state)?)),
        (Some(_), Some(_)) | (None, None) => Err(Unreadable::Form),
    }
}

/// Decrypts and takes apart.
pub fn open(encrypted: &Encrypted, key: &DecryptionKey) -> Result<Content, Unreadable> {
    let plaintext = encrypted.decrypt(key).map_err(|error: JweError| Unreadable::Encryption(error.slug()))?;
    let payload = json::parse_within(&plaintext, &PAYLOAD).map_err(|_| Unreadable::Payload)?;
    let payload = payload.as_object().ok_or(Unreadable::Payload)?;
    let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
    if let Some(code) = text("error") {
        return Ok(Content::Error(wallet_error(&code, text("state"))?));
    }
    let vp_token = VpToken::from_value(payload.get("vp_token").unwrap_or(&Value::Null));
    Ok(Content::Presentations { vp_token, state: state(payload)? })
}

fn state(payload: &Map<String, Value>) -> Result<String, Unreadable> {
    let state = payload.get("state").and_then(Value::as_str).filter(|state| state.len() <= MAX_TEXT_BYTES);
    state.map(str::to_owned).ok_or(Unreadable::State)
}

fn wallet_error(code: &str, state: Option<String>) -> Result<WalletError, Unreadable> {
    let state = state.filter(|state| state.len() <= MAX_TEXT_BYTES).ok_or(Unreadable::State)?;
    let code = WALLET_ERRORS.into_iter().find(|known| *known == code).unwrap_or("other");
    Ok(WalletError { code, state })
}
