//! The client's side of the trustless gateway: another department's blobs, believed block by block and no further.
//!
//! Works against any gateway of the specification (Kubo's among them). Every wait has a limit, and no byte is given out that was not
//! hashed first.

use std::time::Duration;

use bytes::Bytes;
use identity::Localized;
use reqwest::header::{ACCEPT, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode, Url};

use crate::answer::{self, AnswerError};
use crate::car::{self, CarError};
use crate::cid::{Cid, Codec};
use crate::dag::{self, Block, DagError};
use crate::gateway::{CAR_MEDIA_TYPE, RAW_MEDIA_TYPE};

/// How long a gateway may send nothing in the middle of an answer, unless the client is told otherwise.
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a whole exchange may take.
pub const TOTAL_TIMEOUT: Duration = Duration::from_secs(60);

/// Why a blob was not fetched or not uploaded.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The gateway's address is no `http` or `https` URL.
    #[error("the blob gateway's address {gateway} cannot be used")]
    Address {
        /// The address.
        gateway: String,
    },
    /// No connection, or it broke.
    #[error("the blob gateway {gateway} cannot be reached")]
    Unreachable {
        /// Its address.
        gateway: String,
        /// What happened.
        #[source]
        source: reqwest::Error,
    },
    /// Connected, but did not answer in time.
    #[error("the blob gateway {gateway} did not answer in time")]
    TimedOut {
        /// Its address.
        gateway: String,
    },
    /// The gateway does not have it.
    #[error("the blob gateway {gateway} does not have {cid}")]
    Missing {
        /// Its address.
        gateway: String,
        /// What was asked for.
        cid: Cid,
    },
    /// The gateway sent something other than what the CID names. Nothing of it was used.
    #[error("the blob gateway {gateway} sent bad data for {cid}")]
    Bad {
        /// Its address.
        gateway: String,
        /// What was asked for.
        cid: Cid,
        /// What is wrong.
        #[source]
        source: CarError,
    },
    /// The blob to upload is not what the CID names, or too large.
    #[error("the blob cannot be uploaded")]
    Unfit(#[source] DagError),
    /// The gateway answered with an error.
    #[error("the blob gateway {gateway} answered {status}: {detail}")]
    Refused {
        /// Its address.
        gateway: String,
        /// The HTTP status.
        status: u16,
        /// Its answer, shortened.
        detail: String,
    },
}

impl RemoteError {
    /// The machine's word for this error.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Address { .. } => "blob-gateway-misconfigured",
            Self::Unreachable { .. } | Self::TimedOut { .. } => "blob-store-unavailable",
            Self::Missing { .. } => "blob-missing",
            Self::Bad { .. } => "blob-bad",
            Self::Unfit(_) => "blob-too-large",
            Self::Refused { .. } => "blob-store-refused",
        }
    }

    /// Whether trying again later can help.
    pub fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Refused { status, .. } => *status == 429 || *status >= 500,
            Self::Address { .. } | Self::Missing { .. } | Self::Bad { .. } | Self::Unfit(_) => false,
        }
    }

    /// The person's sentence for this error.
    pub fn sentence(&self) -> Localized {
        match self {
            Self::Address { .. } => Localized::new(
                "文件存储的地址配置有误。请联系系统管理员。",
                "The document store's address is set up wrongly. Tell the operator.",
            ),
            Self::Unreachable { .. } => Localized::new(
                "无法连接到部门的文件存储。请检查网络，稍后再试。",
                "The department's document store cannot be reached. Check the network and try again later.",
            ),
            Self::TimedOut { .. } => Localized::new(
                "部门的文件存储没有及时应答。请稍后再试。",
                "The department's document store did not answer in time. Try again later.",
            ),
            Self::Missing { .. } => Localized::new(
                "部门的文件存储中没有这份加密文件。请让持有人重新提交。",
                "The department's document store does not have this document. Ask its holder to submit it again.",
            ),
            Self::Bad { .. } => Localized::new(
                "部门的文件存储发来的文件与其登记的指纹不符，已被拒绝，未作任何解密。",
                "The department's document store sent a document that is not the registered one. It was refused and not decrypted.",
            ),
            Self::Unfit(_) => Localized::new(
                "文件太大。请选择不超过 63 MiB 的文件。",
                "The document is too large. Choose one of at most 63 MiB.",
            ),
            Self::Refused { .. } => Localized::new(
                "部门的文件存储拒绝了请求。请稍后再试，或联系该部门。",
                "The department's document store refused the request. Try again later, or ask the department.",
            ),
        }
    }
}

/// A client of one gateway. Give it an HTTP client that follows no redirects.
#[derive(Clone, Debug)]
pub struct GatewayClient {
    http: reqwest::Client,
    base: Url,
    name: String,
    idle: Duration,
}

impl GatewayClient {
    /// A client of the gateway at `base` (`https://blobs.example.gov/`).
    pub fn new(http: reqwest::Client, mut base: Url) -> Self {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        base.set_query(None);
        base.set_fragment(None);
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = format!("{}{port}", base.host_str().unwrap_or("?"));
        Self { http, base, name, idle: IDLE_TIMEOUT }
    }

    /// The same client with another patience for silences.
    pub fn with_idle_timeout(self, idle: Duration) -> Self {
        Self { idle, ..self }
    }

    /// Fetches a whole blob and verifies it: a small one as a raw block, a larger one as a CAR.
    ///
    /// # Errors
    /// [`RemoteError::Missing`], [`RemoteError::Bad`] and what a network does.
    pub async fn get(&self, cid: Cid) -> Result<Bytes, RemoteError> {
        match cid.codec() {
            Codec::Raw => self.block(cid).await.map(Block::into_bytes),
            Codec::DagPb => {
                let request = self.request(cid, "format=car&dag-scope=all&car-dups=n")?.header(ACCEPT, CAR_MEDIA_TYPE);
                let response = self.answer(cid, request).await?;
                let car = self.body(cid, response, car::MAX_CAR_BYTES).await?;
                let read = tokio::task::spawn_blocking(move || car::read_blob(cid, car)).await;
                read.unwrap_or(Err(CarError::Malformed)).map_err(|source| self.bad(cid, source))
            }
        }
    }

    /// Fetches one block and verifies it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn block(&self, cid: Cid) -> Result<Block, RemoteError> {
        let request = self.request(cid, "format=raw")?.header(ACCEPT, RAW_MEDIA_TYPE);
        let response = self.answer(cid, request).await?;
        let bytes = self.body(cid, response, dag::max_block_bytes(cid.codec())).await?;
        Block::verify(cid, bytes).map_err(|e| self.bad(cid, CarError::Bad(e)))
    }

    /// Uploads a blob to the department's own route `PUT /blobs/{cid}`. Uploading it again is harmless.
    ///
    /// # Errors
    /// [`RemoteError::Unfit`] when `blob` is not what `cid` names, [`RemoteError::Refused`] when the gateway does not take it.
    pub async fn put(&self, cid: Cid, blob: Bytes, upload_token: &str) -> Result<(), RemoteError> {
        let actual = dag::cid_of(&blob).map_err(RemoteError::Unfit)?;
        if actual != cid {
            return Err(RemoteError::Unfit(DagError::WrongBytes { cid }));
        }
        let request = self.http.put(self.url(&format!("blobs/{cid}"))?).timeout(TOTAL_TIMEOUT).bearer_auth(upload_token);
        let request = request.header(CONTENT_TYPE, "application/octet-stream").header(CONTENT_LENGTH, blob.len()).body(blob);
        self.answer(cid, request).await.map(drop)
    }

    fn url(&self, path: &str) -> Result<Url, RemoteError> {
        let url = self.base.join(path).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
        url.ok_or_else(|| RemoteError::Address { gateway: self.name.clone() })
    }

    fn request(&self, cid: Cid, query: &str) -> Result<RequestBuilder, RemoteError> {
        let mut url = self.url(&format!("ipfs/{cid}"))?;
        url.set_query(Some(query));
        Ok(self.http.get(url).timeout(TOTAL_TIMEOUT))
    }

    async fn answer(&self, cid: Cid, request: RequestBuilder) -> Result<Response, RemoteError> {
        let response = request.send().await.map_err(|e| self.failed(e))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status == StatusCode::NOT_FOUND {
            return Err(RemoteError::Missing { gateway: self.name.clone(), cid });
        }
        let detail = answer::excerpt(response).await;
        Err(RemoteError::Refused { gateway: self.name.clone(), status: status.as_u16(), detail })
    }

    async fn body(&self, cid: Cid, response: Response, limit: usize) -> Result<Bytes, RemoteError> {
        answer::read(response, limit, self.idle).await.map_err(|e| match e {
            AnswerError::Idle => RemoteError::TimedOut { gateway: self.name.clone() },
            AnswerError::TooLong => self.bad(cid, CarError::TooLarge),
            AnswerError::Transfer(e) => self.failed(e),
        })
    }

    fn bad(&self, cid: Cid, source: CarError) -> RemoteError {
        RemoteError::Bad { gateway: self.name.clone(), cid, source }
    }

    fn failed(&self, source: reqwest::Error) -> RemoteError {
        let gateway = self.name.clone();
        if source.is_timeout() {
            RemoteError::TimedOut { gateway }
        } else {
            RemoteError::Unreachable { gateway, source: source.without_url() }
        }
    }
}
