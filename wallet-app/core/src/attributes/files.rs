//! What a citizen may declare: a JSON document of claims, a portrait, or documents as pictures or PDF. Bounded before it is read, checked
//! before it is sealed.

use std::fs::File;
use std::io::{Cursor, Read as _};
use std::path::{Path, PathBuf};

use identity::json::{self, Limits};
use image::{ImageFormat, ImageReader};
use serde_json::{Map, Value};
use wire::issuer::{AttributeKind, MAX_DOCUMENT_BYTES, document_media_type};
use zeroize::Zeroizing;

use super::AttributeError;

/// Bytes of a claims document at most.
pub const MAX_CLAIMS_BYTES: usize = 64 * 1024;
/// Claims in a document at most.
pub const MAX_CLAIMS: usize = 64;
/// Bytes of one claim's text at most.
pub const MAX_CLAIM_BYTES: usize = 1024;
/// Bytes of a picture at most.
pub const MAX_PICTURE_BYTES: usize = 4 * 1024 * 1024;
/// Bytes of all files of a declaration at most: what a department takes by one grant, with room for the sealing.
pub const MAX_DECLARATION_BYTES: usize = 24 * 1024 * 1024;
/// Pixels of a picture's side at most.
pub const MAX_PICTURE_SIDE: u32 = 8192;

/// A file to declare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclareFile {
    /// What it is.
    pub kind: AttributeKind,
    /// Where it is.
    pub path: PathBuf,
}

/// A file that was read and checked.
pub(super) struct Checked {
    pub(super) kind: AttributeKind,
    pub(super) file_name: String,
    pub(super) media_type: &'static str,
    pub(super) bytes: Zeroizing<Vec<u8>>,
    /// Names and values of the claims, for a document.
    pub(super) claims: Map<String, Value>,
    /// The picture carries what the camera wrote: time, device, perhaps the place.
    pub(super) camera_data: bool,
}

/// What a person typed or chose in a window: a file that is in memory.
#[derive(Clone)]
pub struct DeclareContents {
    /// What it is.
    pub kind: AttributeKind,
    /// Its name.
    pub name: String,
    /// What is in it.
    pub bytes: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for DeclareContents {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeclareContents {:?} of {} bytes", self.kind, self.bytes.len())
    }
}

/// Reads a file.
pub(super) fn open(file: &DeclareFile) -> Result<DeclareContents, AttributeError> {
    let name = file.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let bytes = read(&file.path, limit(file.kind))?;
    Ok(DeclareContents { kind: file.kind, name, bytes })
}

fn limit(kind: AttributeKind) -> usize {
    match kind {
        AttributeKind::Claims => MAX_CLAIMS_BYTES,
        AttributeKind::Portrait => MAX_PICTURE_BYTES,
        AttributeKind::IdentityCard
        | AttributeKind::HouseholdRegister
        | AttributeKind::MarriageCertificate
        | AttributeKind::OtherDocument => MAX_DOCUMENT_BYTES,
    }
}

/// Checks what is in all files of a declaration.
pub(super) fn check_all(files: Vec<DeclareContents>) -> Result<Vec<Checked>, AttributeError> {
    let bytes: usize = files.iter().map(|file| file.bytes.len()).sum();
    if bytes > MAX_DECLARATION_BYTES {
        return Err(AttributeError::TooMuch { bytes });
    }
    files.into_iter().map(check).collect()
}

/// Checks what is in a file.
fn check(file: DeclareContents) -> Result<Checked, AttributeError> {
    let DeclareContents { kind, name, bytes } = file;
    if bytes.len() > limit(kind) {
        return Err(AttributeError::FileTooLarge { path: PathBuf::from(name), limit: limit(kind) });
    }
    match kind {
        AttributeKind::Claims => {
            let claims = claims(&bytes).map_err(|why| AttributeError::Claims { file: name.clone(), why })?;
            let media_type = "application/json";
            Ok(Checked { kind, file_name: name, media_type, bytes, claims, camera_data: false })
        }
        AttributeKind::Portrait => {
            let media_type = picture(&bytes).map_err(|why| AttributeError::Picture { file: name.clone(), why })?;
            let camera_data = has_camera_data(&bytes);
            Ok(Checked { kind, file_name: name, media_type, bytes, claims: Map::new(), camera_data })
        }
        AttributeKind::IdentityCard
        | AttributeKind::HouseholdRegister
        | AttributeKind::MarriageCertificate
        | AttributeKind::OtherDocument => {
            let media_type = document(&bytes).map_err(|why| AttributeError::Document { file: name.clone(), why })?;
            let camera_data = has_camera_data(&bytes);
            Ok(Checked { kind, file_name: name, media_type, bytes, claims: Map::new(), camera_data })
        }
    }
}

fn read(path: &Path, limit: usize) -> Result<Zeroizing<Vec<u8>>, AttributeError> {
    let unreadable = |source| AttributeError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let length = file.metadata().map_err(unreadable)?.len();
    let too_large = || AttributeError::FileTooLarge { path: path.to_owned(), limit };
    let length = usize::try_from(length).ok().filter(|length| *length <= limit).ok_or_else(too_large)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    // The length may have changed, or be zero for a pipe: the limit is on what is read.
    let bound = u64::try_from(limit).unwrap_or(u64::MAX).saturating_add(1);
    file.take(bound).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() > limit { Err(too_large()) } else { Ok(bytes) }
}

/// An object of texts by claim name.
fn claims(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    let limits = Limits { bytes: MAX_CLAIMS_BYTES, depth: 2, names: MAX_CLAIMS };
    let value = json::parse_within(bytes, &limits).map_err(|error| error.to_string())?;
    let Value::Object(claims) = value else { return Err("it is not a JSON object".to_owned()) };
    if claims.is_empty() {
        return Err("it has no claims".to_owned());
    }
    for (name, value) in &claims {
        if !is_claim_name(name) {
            return Err("a claim's name is not 1 to 64 of a-z, 0-9 and '_'".to_owned());
        }
        match value.as_str() {
            Some(text) if !text.is_empty() && text.len() <= MAX_CLAIM_BYTES => {}
            Some(_) => return Err(format!("the claim {name} is empty or longer than {MAX_CLAIM_BYTES} bytes")),
            None => return Err(format!("the claim {name} is not a text")),
        }
    }
    Ok(claims)
}

fn is_claim_name(name: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
    name.len() <= 64 && name.bytes().all(allowed) && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase())
}

/// A picture, or a PDF that is whole; what the file's name says does not count.
fn document(bytes: &[u8]) -> Result<&'static str, String> {
    match document_media_type(bytes) {
        Some(pdf @ "application/pdf") => Ok(pdf),
        Some(_) => picture(bytes),
        None => Err("it is neither a picture (JPEG, PNG) nor a whole PDF".to_owned()),
    }
}

/// A PNG or JPEG of a reasonable size; the pixels are not decoded.
fn picture(bytes: &[u8]) -> Result<&'static str, String> {
    let format = image::guess_format(bytes).map_err(|_| "it is neither a PNG nor a JPEG picture".to_owned())?;
    let media_type = match format {
        ImageFormat::Png => "image/png",
        ImageFormat::Jpeg => "image/jpeg",
        _ => return Err("it is neither a PNG nor a JPEG picture".to_owned()),
    };
    let reader = ImageReader::with_format(Cursor::new(bytes), format);
    let (width, height) = reader.into_dimensions().map_err(|_| "the picture is damaged".to_owned())?;
    if width == 0 || height == 0 || width > MAX_PICTURE_SIDE || height > MAX_PICTURE_SIDE {
        return Err(format!("the picture has {width} by {height} pixels; at most {MAX_PICTURE_SIDE} each way are taken"));
    }
    Ok(media_type)
}

/// Exif in a JPEG's APP1 segment or a PNG's `eXIf` chunk, both before the pixels.
fn has_camera_data(bytes: &[u8]) -> bool {
    let start = bytes.get(..bytes.len().min(256 * 1024)).unwrap_or_default();
    start.windows(6).any(|window| window == b"Exif\0\0") || start.windows(4).any(|window| window == b"eXIf")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claims_document_is_an_object_of_texts() {
        assert!(claims(br#"{"family_name":"Li","id_number":"110101"}"#).is_ok());
        for bad in [
            r#"[]"#,
            r#"{}"#,
            r#"{"a":1}"#,
            r#"{"a":""}"#,
            r#"{"a":{"b":"c"}}"#,
            r#"{"a":"1","a":"2"}"#,
            r#"{"_sd":"x"}"#,
            r#"{"A":"x"}"#,
            r#"{"...":"x"}"#,
            "not json",
        ] {
            assert!(claims(bad.as_bytes()).is_err(), "{bad}");
        }
        let long = format!(r#"{{"a":"{}"}}"#, "x".repeat(MAX_CLAIM_BYTES + 1));
        assert!(claims(long.as_bytes()).is_err());
    }

    #[test]
    fn only_png_and_jpeg_are_pictures() {
        let mut png = Vec::new();
        let one = image::GrayImage::new(3, 2);
        one.write_to(&mut Cursor::new(&mut png), ImageFormat::Png).unwrap();
        assert_eq!(picture(&png), Ok("image/png"));
        assert!(picture(b"GIF89a\x01\0\x01\0").is_err());
        assert!(picture(b"<svg/>").is_err());
        assert!(picture(png.get(..12).unwrap()).is_err());
    }

    /// X034: a document is what its bytes say, and not what it is called.
    #[test]
    fn a_document_is_a_picture_or_a_whole_pdf() {
        assert_eq!(document(b"%PDF-1.4\n\n%%EOF"), Ok("application/pdf"));
        assert!(document(b"%PDF-1.4\n cut off").is_err());
        assert!(document(b"<svg/>").is_err());
        assert!(document(b"\x89PNG\r\n\x1a\n damaged").is_err());
    }

    #[test]
    fn camera_data_is_noticed() {
        assert!(has_camera_data(b"\xff\xd8\xff\xe1\0\x10Exif\0\0MM"));
        assert!(!has_camera_data(b"\xff\xd8\xff\xe0\0\x10JFIF\0"));
    }
}
