//! What a wallet can be handed: a link as text, or a picture with a QR code. Reading one never acts; it says which screen to open.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read as _, Seek};
use std::path::{Path, PathBuf};

use image::imageops::{self, FilterType};
use image::{GrayImage, ImageFormat, ImageReader, Limits};
use wire::link::{Link, LinkError};

use crate::error::{Explained, Side, WalletError};
use crate::wallet::Wallet;

/// Bytes of a picture file at most.
pub const MAX_PICTURE_BYTES: u64 = 16 * 1024 * 1024;
/// Pixels of a picture's side at most.
pub const MAX_PICTURE_SIDE: u32 = 8192;
/// Bytes that decoding a picture may take.
const MAX_DECODED_BYTES: u64 = 256 * 1024 * 1024;
/// Where a browser comes back to after somebody signed in at a department (`redirect_uri` of OpenID4VCI section 5): the address that
/// the application has in its system. What comes back has an answer of the authorization server in its query.
pub const COMES_BACK_TO: &str = "yufu-wallet://signed-in";
/// QR codes in one picture that are looked at.
const MAX_CODES: usize = 16;
/// How a picture is enlarged when no code is found in it as it is: a screenshot of an ordinary screen has three or four blurred pixels
/// for each square of a code, in which the reader sees none. Of 88 such pictures it reads 69 as they are, and all of them so.
const ENLARGED: [(u32, FilterType); 3] = [(2, FilterType::Triangle), (3, FilterType::Nearest), (4, FilterType::Triangle)];
/// Pixels of an enlarged picture at most: what is larger, as a photograph is, has pixels enough.
const MAX_ENLARGED_PIXELS: u64 = 24_000_000;

/// Why a link or picture cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The link is not one of a wallet.
    #[error("the link is not understood")]
    Link(#[from] LinkError),
    /// A link of the other kind: an offer where a request was expected, or the other way round.
    #[error("the link is of the other kind")]
    OtherKind(LinkKind),
    /// The picture cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// Not a PNG or JPEG within the limits.
    #[error("the picture is not a PNG or JPEG of a reasonable size")]
    Picture,
    /// No QR code with a link for a wallet.
    #[error("the picture has no QR code with a link for a wallet")]
    NoCode,
    /// Several different ones.
    #[error("the picture has several different QR codes for a wallet")]
    SeveralCodes,
}

/// How a link came to the wallet: where it came from is a fact of this device, and not for the site to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameBy {
    /// Followed on this device.
    Link,
    /// Pasted: from this device or by anybody's message.
    Pasted,
    /// In a QR code, by the camera or in a picture: what is to be logged in is elsewhere.
    Scanned,
}

/// What a link opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// A credential that is offered: review it, then receive it.
    Offer,
    /// A request for data: open it, then approve or decline.
    Request,
    /// A new device that is to be added to the identity.
    Device,
    /// The answer to a new device: what it joins.
    Welcome,
    /// A guardian's card. It is secret.
    Card,
    /// What a browser comes back with after somebody signed in at a department.
    SignedIn,
}

impl LinkKind {
    /// What wallets show to one another, by its scheme.
    fn of_a_wallet(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        match (scheme, rest.split(['?', '/']).next()?) {
            (crate::identity::SCHEME, "add") => Some(Self::Device),
            (crate::identity::SCHEME, "welcome") => Some(Self::Welcome),
            (crate::recovery::cards::SCHEME, _) => Some(Self::Card),
            _ if text.split('?').next() == Some(COMES_BACK_TO) => Some(Self::SignedIn),
            _ => None,
        }
    }
}

impl ScanError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::Link(error) => (
                "link-not-understood",
                format!("钱包无法识别这个链接（{error}）。请确认是从登录页面或部门获得的完整链接。"),
                format!(
                    "The wallet does not understand this link: {error}. Check that it is the whole link of the login page or department."
                ),
            ),
            Self::OtherKind(LinkKind::Offer) => (
                "link-is-an-offer",
                "这是领取凭证的链接，请使用“领取凭证”。".to_owned(),
                "This link offers a credential. Use \"receive\".".to_owned(),
            ),
            Self::OtherKind(LinkKind::Request) => (
                "link-is-a-request",
                "这是请求出示信息的链接，请使用“扫一扫”。".to_owned(),
                "This link asks for data. Use \"scan\".".to_owned(),
            ),
            Self::OtherKind(LinkKind::Device) => (
                "link-is-a-device",
                "这是另一台新设备的链接，请在“设备”中添加。".to_owned(),
                "This is the link of a new device. Add it under \"devices\".".to_owned(),
            ),
            Self::OtherKind(LinkKind::Welcome) => (
                "link-is-a-welcome",
                "这是给新设备的回复，请在新设备上使用。".to_owned(),
                "This is the answer for a new device. Use it on that device.".to_owned(),
            ),
            Self::OtherKind(LinkKind::Card) => (
                "link-is-a-card",
                "这是一张恢复卡，请只在恢复或演练时使用，不要发给任何人。".to_owned(),
                "This is a guardian's card. Use it to recover or to rehearse only, and send it to nobody.".to_owned(),
            ),
            Self::OtherKind(LinkKind::SignedIn) => (
                "link-is-an-answer",
                "这是登录部门后返回的地址，请在“登录部门”页面中使用。".to_owned(),
                "This address comes back from signing in at a department. Use it where you signed in from.".to_owned(),
            ),
            Self::File { path, source } => (
                "picture-unreadable",
                format!("无法读取图片 {}（{source}）。请检查路径。", path.display()),
                format!("The picture {} cannot be read ({source}). Check the path.", path.display()),
            ),
            Self::Picture => (
                "picture-refused",
                format!("图片必须是 PNG 或 JPEG，且不超过 {} MiB。", MAX_PICTURE_BYTES / 1024 / 1024),
                format!("The picture must be a PNG or JPEG of at most {} MiB.", MAX_PICTURE_BYTES / 1024 / 1024),
            ),
            Self::NoCode => (
                "no-qr-code",
                "图片中没有找到可用的二维码。请让二维码清晰完整地显示在画面中。".to_owned(),
                "No usable QR code was found in the picture. Make sure that the whole code is sharp and visible.".to_owned(),
            ),
            Self::SeveralCodes => (
                "several-qr-codes",
                "图片中有多个不同的二维码。请只截取您要使用的那一个。".to_owned(),
                "The picture has several different QR codes. Crop it to the one that you mean.".to_owned(),
            ),
        };
        Explained::new(slug, Side::You, zh, en)
    }
}

impl Wallet {
    /// What a link would open.
    ///
    /// # Errors
    /// [`ScanError::Link`].
    pub fn read_link(text: &str) -> Result<LinkKind, WalletError> {
        if let Some(kind) = LinkKind::of_a_wallet(text.trim()) {
            return Ok(kind);
        }
        Ok(match text.parse::<Link>().map_err(ScanError::Link)? {
            Link::CredentialOfferUri(_) | Link::CredentialOffer(_) => LinkKind::Offer,
            Link::PresentationRequest { .. } | Link::SignedRequest { .. } | Link::UnsignedRequest { .. } => LinkKind::Request,
        })
    }

    /// The one link for a wallet in a pasted text: a message, a page's source, or the link itself.
    ///
    /// # Errors
    /// [`ScanError::Link`].
    pub fn link_from_text(text: &str) -> Result<String, WalletError> {
        if let Some(own) = text.split_whitespace().find(|word| LinkKind::of_a_wallet(word).is_some()) {
            return Ok(own.to_owned());
        }
        Ok(Link::in_text(text).map_err(ScanError::Link)?)
    }

    /// The one link for a wallet that the QR codes of a PNG or JPEG file hold.
    ///
    /// # Errors
    /// [`ScanError::File`], [`ScanError::Picture`], [`ScanError::NoCode`], [`ScanError::SeveralCodes`].
    pub fn link_from_picture(path: &Path) -> Result<String, WalletError> {
        Ok(link_from_picture(path)?)
    }

    /// As [`Self::link_from_picture`], for a picture in memory: from a clipboard, or dropped on a window.
    ///
    /// # Errors
    /// [`ScanError::Picture`], [`ScanError::NoCode`], [`ScanError::SeveralCodes`].
    pub fn link_from_picture_bytes(bytes: &[u8]) -> Result<String, WalletError> {
        if u64::try_from(bytes.len()).map_or(true, |length| length > MAX_PICTURE_BYTES) {
            return Err(ScanError::Picture.into());
        }
        Ok(link_in(Cursor::new(bytes), |_| ScanError::Picture)?)
    }
}

fn link_from_picture(path: &Path) -> Result<String, ScanError> {
    let unreadable = |source| ScanError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.len() > MAX_PICTURE_BYTES {
        return Err(ScanError::Picture);
    }
    link_in(BufReader::new(file), unreadable)
}

fn link_in(mut file: impl BufRead + Seek, unreadable: impl Fn(std::io::Error) -> ScanError) -> Result<String, ScanError> {
    let mut start = Vec::new();
    file.by_ref().take(16).read_to_end(&mut start).map_err(&unreadable)?;
    file.rewind().map_err(&unreadable)?;
    let format = image::guess_format(&start).map_err(|_| ScanError::Picture)?;
    if !matches!(format, ImageFormat::Png | ImageFormat::Jpeg) {
        return Err(ScanError::Picture);
    }
    let mut reader = ImageReader::with_format(file, format);
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_PICTURE_SIDE);
    limits.max_image_height = Some(MAX_PICTURE_SIDE);
    limits.max_alloc = Some(MAX_DECODED_BYTES);
    reader.limits(limits);
    let picture = reader.decode().map_err(|_| ScanError::Picture)?.to_luma8();
    let found = links_in_codes(&picture);
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(link), None) => Ok(link),
        (None, _) => Err(ScanError::NoCode),
        (Some(_), Some(_)) => Err(ScanError::SeveralCodes),
    }
}

/// The links for a wallet in a picture's codes: as it is, and enlarged while there is none.
fn links_in_codes(picture: &GrayImage) -> Vec<String> {
    let found = links_at_this_size(picture.clone());
    if !found.is_empty() {
        return found;
    }
    let (width, height) = picture.dimensions();
    for (times, filter) in ENLARGED {
        let pixels = u64::from(width) * u64::from(height) * u64::from(times * times);
        if pixels > MAX_ENLARGED_PIXELS {
            break;
        }
        let found = links_at_this_size(imageops::resize(picture, width * times, height * times, filter));
        if !found.is_empty() {
            return found;
        }
    }
    Vec::new()
}

fn links_at_this_size(picture: GrayImage) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for code in rqrr::PreparedImage::prepare(picture).detect_grids().iter().take(MAX_CODES) {
        let Ok((_, text)) = code.decode() else { continue };
        if (text.parse::<Link>().is_ok() || LinkKind::of_a_wallet(&text).is_some()) && !found.contains(&text) {
            found.push(text);
        }
    }
    found
}
