//! What can go wrong between a file on the disk and a department's answer.

use std::path::PathBuf;

use clients::blobs::BlobError;
use clients::http::HttpError;
use wire::issuer::AttributeKind;

use super::files::{MAX_CLAIMS_BYTES, MAX_PICTURE_BYTES, MAX_PICTURE_SIDE};
use crate::error::{Explained, Side, explain_http};

/// Why attributes were not declared, or a department's answer is not there.
#[derive(Debug, thiserror::Error)]
pub enum AttributeError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file is too large.
    #[error("{path} has more than {limit} bytes")]
    FileTooLarge {
        /// The file.
        path: PathBuf,
        /// Bytes allowed.
        limit: usize,
    },
    /// A document is not one of claims.
    #[error("{file} is not a document of claims: {why}")]
    Claims {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// A picture is not taken.
    #[error("{file} is not a picture that is taken: {why}")]
    Picture {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// The files are not what the department needs.
    #[error("the department needs {0:?}, each once")]
    Needs(Vec<AttributeKind>),
    /// The department does not attest this type.
    #[error("the department does not attest {0}")]
    TypeNotOffered(String),
    /// The ledger has no such authority, or it is not accredited for the type, or is elsewhere, or reads nothing.
    #[error("the ledger does not confirm the department: {0}")]
    NotAccredited(&'static str),
    /// No declaration of this id.
    #[error("there is no declaration {0}")]
    UnknownDeclaration(String),
    /// The citizen has not confirmed it yet.
    #[error("the declaration was not confirmed")]
    NotConfirmed,
    /// The blob could not be sealed or sealed to the department.
    #[error("the attribute could not be encrypted")]
    Seal(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The department's store failed.
    #[error("the department's blob store failed")]
    Blobs(#[source] BlobError),
    /// An anchor with this id is on the ledger, and it is not ours.
    #[error("the anchor on the ledger is not the one that was prepared")]
    AnchorDiffers,
    /// The department did not answer, or refused.
    #[error("the department did not take the request")]
    Department(#[source] HttpError),
}

impl AttributeError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::File { .. }
            | Self::FileTooLarge { .. }
            | Self::Claims { .. }
            | Self::Picture { .. }
            | Self::Needs(_)
            | Self::UnknownDeclaration(_)
            | Self::NotConfirmed => self.explain_own_side(),
            Self::TypeNotOffered(vct) => {
                let name = crate::labels::attestation_type(vct);
                Explained::new(
                    "type-not-offered",
                    Side::Department,
                    format!("该部门不办理“{}”。请选择其他部门或其他类型。", name.zh),
                    format!("This department does not attest \"{}\". Choose another department or type.", name.en),
                )
            }
            Self::NotAccredited(why) => Explained::new(
                "department-not-accredited",
                Side::Department,
                format!("账本无法证实该部门有权认证此类信息（{why}）。未发送任何内容，请核对网址。"),
                format!(
                    "The ledger does not confirm that this department may attest this ({why}). Nothing was sent; check the address."
                ),
            ),
            Self::Seal(_) => Explained::new(
                "attribute-not-sealed",
                Side::Wallet,
                "无法加密文件，未发送任何内容。请更新钱包后重试。",
                "The file could not be encrypted, and nothing was sent. Update the wallet and try again.",
            ),
            Self::Blobs(error) => {
                let sentence = error.sentence();
                Explained::new(error.slug(), Side::Department, sentence.zh, sentence.en)
            }
            Self::AnchorDiffers => Explained::new(
                "anchor-differs",
                Side::Ledger,
                "账本上的记录与您准备的不一致，已停止。请重新声明。",
                "The anchor on the ledger is not the one you prepared, so the wallet stopped. Declare again.",
            ),
            Self::Department(error) => explain_http(Side::Department, error),
        }
    }

    fn explain_own_side(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::File { path, source } => (
                "file-unreadable",
                format!("无法读取文件 {}（{source}）。请检查路径。", path.display()),
                format!("The file {} cannot be read ({source}). Check the path.", path.display()),
            ),
            Self::FileTooLarge { path, .. } => (
                "file-too-large",
                format!(
                    "文件 {} 过大。声明文件最大 {} KiB，照片最大 {} MiB。",
                    path.display(),
                    MAX_CLAIMS_BYTES / 1024,
                    MAX_PICTURE_BYTES / 1024 / 1024
                ),
                format!(
                    "The file {} is too large. A claims document has at most {} KiB, a picture at most {} MiB.",
                    path.display(),
                    MAX_CLAIMS_BYTES / 1024,
                    MAX_PICTURE_BYTES / 1024 / 1024
                ),
            ),
            Self::Claims { file, why } => (
                "claims-malformed",
                format!("文件 {file} 不是有效的声明文件（{why}）。应为 JSON 对象，每项为文本。"),
                format!("{file} is not a document of claims: {why}. It must be a JSON object of texts."),
            ),
            Self::Picture { file, why } => (
                "picture-refused",
                format!("照片 {file} 无法使用（{why}）。请使用 JPEG 或 PNG，边长不超过 {MAX_PICTURE_SIDE} 像素。"),
                format!(
                    "The picture {file} cannot be used: {why}. Use a JPEG or PNG of at most {MAX_PICTURE_SIDE} pixels each way."
                ),
            ),
            Self::Needs(kinds) => (
                "files-do-not-fit",
                format!("该部门需要以下材料各一份：{}。", kinds_in_words(kinds).0),
                format!("The department needs one each of: {}.", kinds_in_words(kinds).1),
            ),
            Self::NotConfirmed => (
                "declaration-not-confirmed",
                "这项声明尚未确认，什么都没有发送。请先确认。".to_owned(),
                "This declaration was not confirmed, and nothing was sent. Confirm it first.".to_owned(),
            ),
            _ => (
                "declaration-unknown",
                "钱包中没有这项声明。请查看申请列表。".to_owned(),
                "The wallet has no such declaration. See the list of requests.".to_owned(),
            ),
        };
        Explained::new(slug, Side::You, zh, en)
    }
}

fn kinds_in_words(kinds: &[AttributeKind]) -> (String, String) {
    let word = |kind: &AttributeKind| match kind {
        AttributeKind::Claims => ("声明文件（JSON）", "a claims document (JSON)"),
        AttributeKind::Portrait => ("照片（JPEG 或 PNG）", "a portrait (JPEG or PNG)"),
    };
    let zh: Vec<&str> = kinds.iter().map(|kind| word(kind).0).collect();
    let en: Vec<&str> = kinds.iter().map(|kind| word(kind).1).collect();
    (zh.join("、"), en.join(", "))
}
