//! What can go wrong between a file on the disk and a department's answer.

use std::path::PathBuf;

use clients::blobs::BlobError;
use clients::http::HttpError;
use wire::issuer::{AttributeKind, MAX_DOCUMENT_BYTES, MAX_DOCUMENTS};

use super::files::{MAX_CLAIMS_BYTES, MAX_DECLARATION_BYTES, MAX_PICTURE_BYTES, MAX_PICTURE_SIDE};
use crate::error::{Explained, Side, explain_http};
use crate::labels;

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
    /// A document is not taken.
    #[error("{file} is not a document that is taken: {why}")]
    Document {
        /// The file.
        file: String,
        /// What is wrong.
        why: String,
    },
    /// All files together are too large.
    #[error("the files have {bytes} bytes together")]
    TooMuch {
        /// Their bytes.
        bytes: usize,
    },
    /// The files are not what the department asks for.
    #[error("the department needs {needs:?}, and takes {optional:?}")]
    Needs {
        /// What must be declared.
        needs: Vec<AttributeKind>,
        /// What may be declared.
        optional: Vec<AttributeKind>,
    },
    /// The wallet has no copy of such a document.
    #[error("there is no document {0}")]
    UnknownDocument(String),
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
            | Self::Document { .. }
            | Self::TooMuch { .. }
            | Self::Needs { .. }
            | Self::UnknownDocument(_)
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
                    "文件 {} 过大。声明文件最大 {} KiB，照片最大 {} MiB，证件文件最大 {} MiB。",
                    path.display(),
                    MAX_CLAIMS_BYTES / 1024,
                    MAX_PICTURE_BYTES / MIB,
                    MAX_DOCUMENT_BYTES / MIB
                ),
                format!(
                    "The file {} is too large. A claims document has at most {} KiB, a portrait {} MiB, another document {} MiB.",
                    path.display(),
                    MAX_CLAIMS_BYTES / 1024,
                    MAX_PICTURE_BYTES / MIB,
                    MAX_DOCUMENT_BYTES / MIB
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
            Self::Document { .. } | Self::TooMuch { .. } | Self::Needs { .. } | Self::UnknownDocument(_) => {
                return self.explain_documents();
            }
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

impl AttributeError {
    fn explain_documents(&self) -> Explained {
        let (slug, zh, en) = match self {
            Self::Document { file, why } => (
                "document-refused",
                format!(
                    "文件 {file} 无法使用（{why}）。请使用 JPEG、PNG 图片（边长不超过 {MAX_PICTURE_SIDE} 像素）或完整的 PDF。"
                ),
                format!(
                    "{file} cannot be used: {why}. Use a JPEG or PNG of at most {MAX_PICTURE_SIDE} pixels each way, or a whole PDF."
                ),
            ),
            Self::TooMuch { .. } => (
                "files-too-large",
                format!("所选文件合计过大，一次最多 {} MiB。请缩小后重试，或分次提交。", MAX_DECLARATION_BYTES / MIB),
                format!(
                    "The files are too large together; at most {} MiB go at once. Make them smaller, or choose fewer.",
                    MAX_DECLARATION_BYTES / MIB
                ),
            ),
            Self::Needs { needs, optional } => {
                let ((needs_zh, needs_en), (more_zh, more_en)) = (in_words(needs), in_words(optional));
                (
                    "files-do-not-fit",
                    format!(
                        "该部门必需：{needs_zh}。可另附：{more_zh}。声明和照片至多各一份，证件文件合计至多 {MAX_DOCUMENTS} 个。照片从不必需。"
                    ),
                    format!(
                        "The department needs: {needs_en}. It also takes: {more_en}. Claims and portrait once at most, documents up to {MAX_DOCUMENTS} files. A portrait is never required."
                    ),
                )
            }
            _ => (
                "document-unknown",
                "钱包中没有这份材料的副本。请查看“我的数据”。".to_owned(),
                "The wallet has no copy of this document. See \"My data\".".to_owned(),
            ),
        };
        Explained::new(slug, Side::You, zh, en)
    }
}

const MIB: usize = 1024 * 1024;

fn in_words(kinds: &[AttributeKind]) -> (String, String) {
    if kinds.is_empty() {
        return ("无".to_owned(), "nothing".to_owned());
    }
    let words: Vec<_> = kinds.iter().map(|kind| labels::attribute_kind(*kind)).collect();
    let zh: Vec<&str> = words.iter().map(|word| word.zh.as_str()).collect();
    let en: Vec<&str> = words.iter().map(|word| word.en.as_str()).collect();
    (zh.join("、"), en.join(", "))
}
