//! What commands are given, each as one JSON object.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use identity::PublicKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use url::Url;
use wallet_core::{AttributeKind, CameBy, Language, LinkKind, Passphrase, Selection};
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

/// Words that recover an identity: wiped when they were used, printed by nobody. They go out by `reveal_words` only.
#[derive(Clone)]
pub struct Words(pub Zeroizing<String>);

impl std::fmt::Debug for Words {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Words(…)")
    }
}

impl<'de> Deserialize<'de> for Words {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(Zeroizing::new(String::deserialize(deserializer)?)))
    }
}

impl Serialize for Words {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

/// The bytes of a file, base64. A backup is one: it is sealed, and no secret.
#[derive(Clone)]
pub struct FileBytes(pub Vec<u8>);

impl std::fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "FileBytes({})", self.0.len())
    }
}

impl<'de> Deserialize<'de> for FileBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Ok(Self(STANDARD.decode(text).map_err(|_| serde::de::Error::custom("a file is not base64"))?))
    }
}

impl Serialize for FileBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

/// The bytes of a picture or document, base64; wiped when they were used.
#[derive(Clone)]
pub struct Picture(pub Zeroizing<Vec<u8>>);

impl<'de> Deserialize<'de> for Picture {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = STANDARD.decode(text.as_bytes()).map_err(|_| serde::de::Error::custom("a picture is not base64"))?;
        Ok(Self(Zeroizing::new(bytes)))
    }
}

impl Serialize for Picture {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&Zeroizing::new(STANDARD.encode(&*self.0)))
    }
}

/// Inputs that have a secret in them, or a link that is one, are not printed by what would print everything.
macro_rules! unprinted {
    ($($name:ident),*) => {
        $(impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        })*
    };
}

unprinted!(Picture, Declare, ReadText, OfLink, Receive, CameBack, AddDevice);

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
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declare {
    /// The department's address.
    pub department: Url,
    /// What it should attest.
    pub attestation_type: String,
    /// Values by the names of claims, where the department needs a document.
    pub claims: Option<BTreeMap<String, String>>,
    /// The portrait, where it takes one and the citizen gives one.
    pub portrait: Option<Picture>,
    /// Documents, where it asks for some: several of a kind too.
    #[serde(default)]
    pub documents: Vec<GivenDocument>,
}

/// A document that a person chose.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivenDocument {
    /// What it is.
    pub kind: AttributeKind,
    /// The file's name.
    pub name: String,
    /// A picture or PDF.
    pub contents: Picture,
}

/// A document of the citizen's own, by the name of its ciphertext.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByCid {
    /// The name.
    pub cid: String,
}

/// A document of the citizen's own, to be looked at or saved.
#[derive(Clone, Debug, Serialize)]
pub struct DocumentFile {
    /// A name for the file.
    pub name: String,
    /// Its media type.
    pub media_type: String,
    /// What is in it.
    pub contents: Picture,
}

/// Something in this wallet, by its id.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ById {
    /// Its id.
    pub id: String,
}

/// Input of `read_text`.
#[derive(Clone, Deserialize)]
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
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfLink {
    /// The link.
    pub link: String,
}

/// Input of `open_request`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenRequest {
    /// The link.
    pub link: String,
    /// How it came here.
    pub channel: CameBy,
}

/// Input of `receive`.
#[derive(Clone, Deserialize)]
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

/// The PIN once more, in an open wallet: before it shows a secret.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WithPin {
    /// The PIN.
    pub pin: Pin,
}

/// Input of `confirm_words`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TypedWords {
    /// The words that were asked for, in the order in which they were.
    pub words: Vec<Words>,
}

/// A guardian's card, as it was given: one of both.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardGiven {
    /// The text of its QR code, or its words with the DID before them.
    pub text: Option<Words>,
    /// A picture of its QR code.
    pub picture: Option<Picture>,
}

/// What recovers an identity: the 24 words, or as many cards as it takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecretGiven {
    /// The 24 words.
    pub words: Option<Words>,
    /// The cards, where there are no words.
    pub cards: Vec<CardGiven>,
}

/// Input of `rehearse`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rehearse {
    /// Words or cards.
    pub secret: SecretGiven,
    /// The backup file, if it is to be tried too.
    pub backup: Option<FileBytes>,
}

/// Input of `rehearse_written`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RehearseWritten {
    /// The backup file, as it was read back from where it was saved.
    pub backup: FileBytes,
}

/// Input of `recover`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recover {
    /// Words or cards; nothing to go on with a recovery that was begun.
    pub secret: Option<SecretGiven>,
    /// The backup file, if there is one.
    pub backup: Option<FileBytes>,
    /// The identity's DID, where neither a file nor cards name it.
    pub did: Option<String>,
}

/// Input of `remove_device`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RemoveDevice {
    /// The device's key.
    pub key: PublicKey,
}

/// Input of `name_device`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NameDevice {
    /// The device's key.
    pub key: PublicKey,
    /// What to call it; nothing takes the name away.
    pub name: String,
}

/// Input of `add_device`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AddDevice {
    /// The new device's link.
    pub link: String,
    /// The code that it shows.
    pub code: String,
}

/// Input of `report_site`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportSite {
    /// A consent, or a site's origin as the history has it.
    pub about: String,
    /// Why.
    pub reason: String,
}

/// Input of `authorized`.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CameBack {
    /// The address that the browser came back with.
    pub address: String,
}
