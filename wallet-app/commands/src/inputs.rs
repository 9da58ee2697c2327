//! What commands are given, each as one JSON object.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;
use wallet_core::{Language, LinkKind, Passphrase, Selection};
use zeroize::Zeroizing;

/// Nothing: `{}`.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Nothing {}

/// A PIN as it was typed; wiped when it was used.
#[derive(Clone, Debug)]
pub struct Pin(pub Passphrase);

impl<'de> Deserialize<'de> for Pin {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Passphrase::new(String::deserialize(deserializer)?)))
    }
}

/// The bytes of a picture, base64.
#[derive(Clone, Debug)]
pub struct Picture(pub Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("a picture is not base64"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

/// Input of `set_language`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SetLanguage {
    /// The language.
    pub language: Language,
}

/// Input of `create`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Create {
    /// The new PIN.
    pub pin: Pin,
}

/// Input of `unlock`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unlock {
    /// The PIN.
    pub pin: Pin,
}

/// Input of `change_pin`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChangePin {
    /// The PIN until now.
    pub old: Pin,
    /// The PIN from now on.
    pub new: Pin,
}

/// The address of a department.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Where {
    /// Its address.
    pub url: Url,
}

/// Input of `declare`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    /// The department's address.
    pub department: Url,
    /// What it should attest.
    pub attestation_type: String,
    /// Values by the names of claims, where the department needs a document.
    pub claims: Option<BTreeMap<String, String>>,
    /// The portrait, where it needs one.
    pub portrait: Option<Picture>,
}

/// Something in this wallet, by its id.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ById {
    /// Its id.
    pub id: String,
}

/// Input of `read_text`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadText {
    /// A link, or a text with one in it.
    pub text: String,
}

/// Input of `read_picture`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadPicture {
    /// A PNG or JPEG.
    pub picture: Picture,
}

/// A link that was found: it opens a screen and does nothing by itself.
#[derive(Clone, Debug, Serialize)]
pub struct LinkRead {
    /// Which screen it opens.
    pub kind: LinkKind,
    /// The link.
    pub link: String,
}

/// A link for a wallet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfLink {
    /// The link.
    pub link: String,
}

/// Input of `receive`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Receive {
    /// The offer's link.
    pub link: String,
    /// The transaction code that the department gave, where the offer needs one.
    pub pin: Option<String>,
}

/// A credential of this wallet.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByCredential {
    /// Its id.
    pub credential: String,
}

/// A request that is on the screen, or an answer to it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByConsent {
    /// The consent's id.
    pub consent: String,
}

/// Input of `select`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Select {
    /// The consent's id.
    pub consent: String,
    /// What the citizen chose.
    pub selection: Selection,
}

/// Input of `approve`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approve {
    /// The consent's id.
    pub consent: String,
    /// The code that the citizen picked, where codes are shown.
    pub match_code: Option<String>,
    /// The citizen has read that nobody vouches for who asks, and goes on.
    pub accept_unverified: bool,
}
