//! Why the wallet refuses a request before it asks the citizen.

use clients::http::HttpError;
use identity::Localized;
use identity::dcql::QueryError;
use identity::jose::X509Error;
use identity::jose::jws::JwsError;

use super::Refusal;
use crate::consent::HiddenCredential;
use crate::error::{Explained, Side, explain_http};
use crate::labels;

/// Why a request is refused.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The request could not be fetched.
    #[error("the request could not be fetched")]
    Fetch(#[source] HttpError),
    /// Used up or over, by the site's own word.
    #[error("the site says that the request was used or is over")]
    Gone,
    /// Not a signed request object as the wallet takes them.
    #[error("the request is not signed as it must be: {0}")]
    Signature(#[source] JwsError),
    /// Its certificate does not lead to a trust anchor.
    #[error("the certificate of the request is not trusted: {0}")]
    Certificate(#[source] X509Error),
    /// The client identifier is not the hash of the certificate, or not the one in the link.
    #[error("the request names another party than its certificate or link: {0}")]
    ClientId(&'static str),
    /// A claim is missing or not as it must be.
    #[error("the request's {0} is not acceptable")]
    Claim(&'static str),
    /// Something is to be agreed to that this wallet cannot show.
    #[error("the request's transaction is not one that can be shown: {0}")]
    Transaction(&'static str),
    /// Over.
    #[error("the request is over")]
    Expired,
    /// Made later than now, or lives longer than it may.
    #[error("the request's time is not acceptable: {0}")]
    Time(&'static str),
    /// The query is malformed.
    #[error("what is asked for is malformed: {0}")]
    Query(#[source] QueryError),
    /// The response would not be encrypted to a key of the signed request.
    #[error("the request has no usable key to encrypt the response to")]
    EncryptionKey,
    /// The ledger has no such party.
    #[error("no party with this certificate is registered")]
    Unregistered {
        /// What the certificate says: shown as unverified.
        claimed_name: Option<String>,
    },
    /// It claims to be another registered party.
    #[error("the request claims to be another registered party")]
    OtherParty,
    /// The response would go outside the party's registered origin.
    #[error("the response would go to {found}, outside of the registered origin {registered}")]
    ForeignAddress {
        /// Where it would go.
        found: String,
        /// The registered origin.
        registered: String,
    },
    /// The request was not served by the party's registered origin (section 15.8.2).
    #[error("the request came from {found}, and not from the registered origin {registered}")]
    ForeignRequest {
        /// Where it came from.
        found: String,
        /// The registered origin.
        registered: String,
    },
    /// An address leads to this machine, in a city that is not on it.
    #[error("{found} is on this machine")]
    ThisMachine {
        /// The address.
        found: String,
    },
    /// The purpose is not one of the party's.
    #[error("the purpose is not registered")]
    UnknownPurpose {
        /// The party.
        party: Localized,
    },
    /// The party, or the authority that answers for it, is suspended.
    #[error("the party is suspended")]
    Suspended {
        /// The party.
        party: Localized,
    },
    /// More is asked for than the purpose allows.
    #[error("more is asked for than is registered: {}", .claims.join(", "))]
    OverAsking {
        /// The party.
        party: Localized,
        /// What is not allowed, by dotted path.
        claims: Vec<String>,
    },
    /// The wallet has nothing that answers.
    #[error("the wallet has no credential that answers the request")]
    NoCredential {
        /// The types that are asked for.
        types: Vec<String>,
        /// Credentials of such types that are in the wallet and not in force, each with its reason.
        hidden: Vec<HiddenCredential>,
    },
    /// One of the others, found when it was known who asks: the citizen can have the site told ([`crate::Wallet::tell_site`]).
    #[error("{why}")]
    Answerable {
        /// What was found.
        why: Box<RequestError>,
        /// What the site would be told.
        refusal: Box<Refusal>,
    },
}

impl RequestError {
    /// The error code for the site (section 8.5, RFC 6749 section 4.1.2.1); `None` where it is not known who asks, or where the site's own
    /// word or address is what is wrong.
    pub(crate) fn code(&self) -> Option<&'static str> {
        match self {
            // Section 5.10.1: such a request is not gone on with; and one to another wallet is not this one's to answer.
            Self::Claim("wallet_nonce" | "aud") => None,
            Self::Transaction(_) | Self::Claim("transaction_data") => Some("invalid_transaction_data"),
            Self::Claim(_) | Self::Query(_) | Self::EncryptionKey | Self::Time(_) => Some("invalid_request"),
            Self::UnknownPurpose { .. } | Self::OverAsking { .. } | Self::NoCredential { .. } => Some("access_denied"),
            Self::Fetch(_)
            | Self::Gone
            | Self::Signature(_)
            | Self::Certificate(_)
            | Self::ClientId(_)
            | Self::Expired
            | Self::Unregistered { .. }
            | Self::OtherParty
            | Self::ForeignAddress { .. }
            | Self::ForeignRequest { .. }
            | Self::ThisMachine { .. }
            | Self::Suspended { .. }
            | Self::Answerable { .. } => None,
        }
    }

    /// What the site can be told, where it can.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Answerable { refusal, .. } => Some(refusal),
            _ => None,
        }
    }

    /// The slug of this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Fetch(_) => "request-not-fetched",
            Self::Gone => "request-gone",
            Self::Signature(_) => "request-signature",
            Self::Certificate(_) => "request-certificate",
            Self::ClientId(_) => "request-client-id",
            Self::Claim(_) => "request-malformed",
            Self::Transaction(_) => "request-transaction",
            Self::Expired => "request-expired",
            Self::Time(_) => "request-time",
            Self::Query(_) => "request-query",
            Self::EncryptionKey => "request-encryption-key",
            Self::Unregistered { .. } => "party-unregistered",
            Self::OtherParty => "party-differs",
            Self::ForeignAddress { .. } => "response-address-foreign",
            Self::ForeignRequest { .. } => "request-address-foreign",
            Self::ThisMachine { .. } => "request-address-local",
            Self::UnknownPurpose { .. } => "purpose-unregistered",
            Self::Suspended { .. } => "party-suspended",
            Self::OverAsking { .. } => "over-asking",
            Self::NoCredential { .. } => "no-credential",
            Self::Answerable { why, .. } => why.slug(),
        }
    }

    /// The error in words.
    pub fn explain(&self) -> Explained {
        let website = |zh: String, en: String| Explained::new(self.slug(), Side::Website, zh, en);
        match self {
            Self::Fetch(error) => explain_http(Side::Website, error),
            Self::Gone => website(
                "此登录请求已使用或已失效。请回到网站页面刷新，重新扫码。".to_owned(),
                "This request was used or has expired. Reload the site's page and scan again.".to_owned(),
            ),
            Self::Signature(error) => website(
                format!("请求的签名不符合规范（{error}），已拒绝，未发送任何内容。请勿继续，并通过官方渠道进入该网站。"),
                format!(
                    "The request is not signed as it must be ({error}). It was refused and nothing was sent. Do not go on; reach the site by its official address."
                ),
            ),
            Self::Certificate(error) => website(
                format!("请求的证书不受本市信任（{error}），已拒绝，未发送任何内容。请勿继续。"),
                format!(
                    "The request's certificate is not trusted by the city ({error}). It was refused and nothing was sent. Do not go on."
                ),
            ),
            Self::ClientId(why) => website(
                format!("请求所称的网站与其证书或链接不符（{why}），已拒绝。请勿继续。"),
                format!("The request names another party than its certificate or link ({why}). It was refused. Do not go on."),
            ),
            Self::Claim(name) => website(
                format!("请求的内容不符合规范（{name}），已拒绝。请联系该网站。"),
                format!("The request is not as it must be ({name}) and was refused. Tell the site."),
            ),
            Self::Transaction(why) => website(
                format!("请求要您同意的事项钱包无法完整显示（{why}），已拒绝，未发送任何内容。请联系该网站。"),
                format!(
                    "The request wants you to agree to something that the wallet cannot show ({why}). It was refused and nothing was sent. Tell the site."
                ),
            ),
            Self::Expired => website(
                "此登录请求已过期。请回到网站页面刷新，重新扫码。".to_owned(),
                "This request has expired. Reload the site's page and scan again.".to_owned(),
            ),
            Self::Time(why) => website(
                format!("请求的时间不合规（{why}），已拒绝。请检查本机时间；如无误，请联系该网站。"),
                format!(
                    "The request's time is not acceptable ({why}). Check this device's clock; if it is right, tell the site."
                ),
            ),
            Self::Query(error) => website(
                format!("请求的内容无法识别（{error}），已拒绝。请联系该网站。"),
                format!("What is asked for cannot be understood ({error}). It was refused. Tell the site."),
            ),
            Self::EncryptionKey => website(
                "请求没有给出可用的加密密钥，您的信息无法安全发送，已拒绝。请联系该网站。".to_owned(),
                "The request has no usable encryption key, so your data could not be sent safely. It was refused. Tell the site."
                    .to_owned(),
            ),
            Self::NoCredential { types, hidden } => self.explain_missing(types, hidden),
            Self::Answerable { why, .. } => why.explain(),
            Self::Unregistered { .. }
            | Self::OtherParty
            | Self::ForeignAddress { .. }
            | Self::ForeignRequest { .. }
            | Self::ThisMachine { .. }
            | Self::UnknownPurpose { .. }
            | Self::Suspended { .. }
            | Self::OverAsking { .. } => self.explain_party(),
        }
    }

    fn explain_party(&self) -> Explained {
        let (zh, en) = match self {
            Self::Unregistered { claimed_name } => {
                let claimed = claimed_name.as_deref().map(|name| labels::printable(name, 60));
                let zh = claimed.as_ref().map(|name| format!("它自称“{name}”，未经证实。")).unwrap_or_default();
                let en = claimed.map(|name| format!(" It calls itself \"{name}\", which nobody confirmed.")).unwrap_or_default();
                (
                    format!("账本上没有登记这个网站，钱包不会向它提供任何信息。{zh}请勿继续。"),
                    format!("This site is not registered on the ledger, and the wallet gives it nothing.{en} Do not go on."),
                )
            }
            Self::ForeignAddress { found, registered } => (
                format!("您的信息将被发往 {found}，而登记的网址是 {registered}，已拒绝。请勿继续。"),
                format!(
                    "Your data would go to {found}, but the registered address is {registered}. It was refused. Do not go on."
                ),
            ),
            Self::ForeignRequest { .. } | Self::ThisMachine { .. } => return self.explain_source(),
            Self::UnknownPurpose { party } => (
                format!("“{}”没有登记这项用途，已拒绝，未发送任何内容。", party.zh),
                format!("{} has not registered this purpose. It was refused and nothing was sent.", party.en),
            ),
            Self::Suspended { party } => (
                format!("“{}”或其主管部门已被暂停，已拒绝，未发送任何内容。请稍后再试，或向主管部门查询。", party.zh),
                format!(
                    "{} or the department that answers for it is suspended. It was refused and nothing was sent. Try later, or ask the department.",
                    party.en
                ),
            ),
            Self::OverAsking { party, claims } => {
                let zh: Vec<String> = claims.iter().map(|claim| labels::claim(claim).zh).collect();
                let en: Vec<String> = claims.iter().map(|claim| labels::claim(claim).en).collect();
                (
                    format!(
                        "“{}”要求了超出其登记范围的信息（{}），已全部拒绝，未发送任何内容。您可以向其主管部门反映。",
                        party.zh,
                        zh.join("、")
                    ),
                    format!(
                        "{} asks for more than it registered ({}). All of it was refused and nothing was sent. You can report it to its sponsor.",
                        party.en,
                        en.join(", ")
                    ),
                )
            }
            _ => (
                "请求冒用了另一个已登记网站的名义，已拒绝。请勿继续。".to_owned(),
                "The request claims to be another registered party. It was refused. Do not go on.".to_owned(),
            ),
        };
        Explained::new(self.slug(), Side::Website, zh, en)
    }

    fn explain_source(&self) -> Explained {
        let (zh, en) = match self {
            Self::ForeignRequest { found, registered } => (
                format!(
                    "请求来自 {found}，而登记的网址是 {registered}，可能有人转发了别人的请求，已拒绝，未发送任何内容。请勿继续。"
                ),
                format!(
                    "The request came from {found}, but the registered address is {registered}: somebody may be passing on another's request. It was refused and nothing was sent. Do not go on."
                ),
            ),
            Self::ThisMachine { found } => (
                format!("请求要钱包访问您这台设备上的地址（{found}），已拒绝，未发送任何内容。请勿继续。"),
                format!(
                    "The request would have the wallet ask an address on this very device ({found}). It was refused and nothing was sent. Do not go on."
                ),
            ),
            _ => Default::default(),
        };
        Explained::new(self.slug(), Side::Website, zh, en)
    }

    fn explain_missing(&self, types: &[String], hidden: &[HiddenCredential]) -> Explained {
        let names: Vec<Localized> = types.iter().map(|vct| labels::attestation_type(vct)).collect();
        let zh: Vec<&str> = names.iter().map(|name| name.zh.as_str()).collect();
        let en: Vec<&str> = names.iter().map(|name| name.en.as_str()).collect();
        let (zh, en) = (zh.join("、"), en.join(", "));
        if !hidden.is_empty() {
            let zh: Vec<String> = hidden.iter().map(|one| format!("“{}”（{}）", one.type_name.zh, one.reason.zh)).collect();
            let en: Vec<String> = hidden.iter().map(|one| format!("{} ({})", one.type_name.en, one.reason.en)).collect();
            return Explained::new(
                self.slug(),
                Side::You,
                format!("您钱包中的{}已失效，不能出示。请向签发部门重新领取后再扫码。", zh.join("、")),
                format!(
                    "What you have of this is not in force: {}. Get a new one from its department, then scan again.",
                    en.join(", ")
                ),
            );
        }
        Explained::new(
            self.slug(),
            Side::You,
            format!("您的钱包里没有对方要求的凭证（{zh}）或其中的信息。请先向签发部门领取，然后重新扫码。"),
            format!(
                "Your wallet has no credential that answers this ({en}). Get it from the issuing department, then scan again."
            ),
        )
    }
}
