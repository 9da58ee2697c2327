//! Problems: the one error body of every API (`application/problem+json`, RFC 9457).

use identity::Localized;
use serde::{Deserialize, Serialize};

/// The media type of a [`Problem`].
pub const MEDIA_TYPE: &str = "application/problem+json";

/// A problem as it goes over the wire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Problem {
    /// `urn:yufu:problem:<slug>`: what programs switch on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The sentence for a person, in English.
    pub title: String,
    /// The same sentence in Chinese.
    pub title_zh: String,
    /// HTTP status.
    pub status: u16,
    /// What exactly happened, for the developer; never personal data.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub detail: Option<String>,
    /// The request's id, also in the service's log.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub request_id: Option<String>,
}

impl Problem {
    /// The slug at the end of `type`; `None` when this is not one of Yufu's problems.
    pub fn slug(&self) -> Option<Slug> {
        let text = self.kind.strip_prefix("urn:yufu:problem:")?;
        Slug::ALL.iter().copied().find(|slug| slug.as_str() == text)
    }
}

macro_rules! slugs {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:literal, $zh:literal, $en:literal;)*) => {
        /// Every problem that somebody acts on, with its status and its sentence: what happened, whose side, what to do.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Slug { $($(#[$doc])* $name,)* }

        impl Slug {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The slug's text.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The HTTP status that goes with it.
            pub fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* }
            }

            /// The sentence for a person.
            pub fn sentence(self) -> Localized {
                match self { $(Self::$name => Localized::new($zh, $en),)* }
            }
        }
    };
}

slugs! {
    /// The request cannot be read.
    BadRequest = "bad-request", 400, "请求格式有误，请更新您的应用后重试。", "The request cannot be read. Update your app and try again.";
    /// Nobody is signed in.
    NotSignedIn = "not-signed-in", 401, "请先登录。", "Sign in first.";
    /// Signed in, but not allowed.
    NotAllowed = "not-allowed", 403, "您没有权限进行此操作。", "You are not allowed to do this.";
    /// Not there, or not for this caller to know.
    NotFound = "not-found", 404, "没有找到您要的内容。", "What you asked for was not found.";
    /// The state has changed meanwhile.
    Conflict = "conflict", 409, "状态已发生变化，请刷新后重试。", "The state has changed meanwhile. Reload and try again.";
    /// Used up or ended.
    Gone = "gone", 410, "此链接已使用或已失效，请重新开始。", "This link has been used or has expired. Start again.";
    /// It was on this ledger node, which keeps only the newest blocks; another one may keep it.
    Pruned = "pruned", 410, "该节点只保留最近的区块，请向归档节点查询。", "This node keeps only the newest blocks. Ask an archive node.";
    /// The body is larger than allowed.
    TooLarge = "too-large", 413, "内容过大，请缩小后重试。", "The content is too large. Make it smaller and try again.";
    /// Understood, but refused.
    Refused = "refused", 422, "请求被拒绝，请查看详情。", "The request was refused. See the detail.";
    /// Too many requests.
    TooManyRequests = "too-many-requests", 429, "请求过于频繁，请稍候再试。", "Too many requests. Wait a moment and try again.";
    /// Our own fault.
    Internal = "internal", 500, "服务方出现错误，请稍后重试；如仍失败请提供请求编号。", "The service failed. Try again later; if it persists, report the request id.";
    /// The ledger cannot finalize now.
    LedgerUnavailable = "ledger-unavailable", 503, "账本暂时无法确认，您的操作尚未完成，请稍候自动重试。", "The ledger cannot confirm right now. Nothing is lost; try again in a moment.";
    /// The blob store is away.
    BlobsUnavailable = "blobs-unavailable", 503, "文件存储暂时不可用，请稍后重试。", "The file store is away right now. Try again in a moment.";
    /// Overloaded or shutting down.
    Busy = "busy", 503, "服务繁忙，请稍候再试。", "The service is busy. Try again in a moment.";
    /// No room left on the disk.
    StorageFull = "storage-full", 507, "服务方存储空间不足，请稍后重试。", "The service has no storage left. Try again later.";
}
