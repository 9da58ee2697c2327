//! The store on a Kubo daemon, by its RPC (<https://docs.ipfs.tech/reference/kubo/rpc/>): for a department that outgrows one disk.
//!
//! Every option that decides a CID is given explicitly, so a daemon's configuration cannot change a blob's name; the name that the
//! daemon answers is compared with our own. What it gives back is verified like any stranger's bytes. Commands run `offline`: this
//! store is what the department's own daemon holds, and a block that is missing is said to be missing instead of waited for.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt as _, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::answer::{self, AnswerError};
use crate::cid::{Cid, Codec};
use crate::dag::{self, Block, DagError};
use crate::store::{BlobStat, BlobStore, Collected, StoreError};

/// How long a connection may take to be made.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long a command may take.
pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a garbage collection may take.
pub const COLLECTION_TIMEOUT: Duration = Duration::from_secs(600);
/// The longest answer to a command that does not send a blob: room for 200,000 pins.
const MAX_ANSWER_BYTES: usize = 16 << 20;

/// How the daemon's RPC is protected.
#[derive(Clone, Default)]
pub enum KuboAuthorization {
    /// Not at all: a loopback port or a private network.
    #[default]
    None,
    /// A bearer token (Kubo's `API.Authorizations` with `AuthSecret: bearer:…`).
    Bearer(String),
    /// A user name and password (`AuthSecret: basic:…`).
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: String,
    },
}

/// The daemon's address or credentials cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the Kubo daemon's address or credentials cannot be used")]
pub struct KuboAddressError;

/// A blob store on a Kubo daemon.
#[derive(Clone)]
pub struct KuboStore {
    client: reqwest::Client,
    base: Url,
    name: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Added {
    hash: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct BlockStat {
    size: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pinned {
    cid: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Removed {
    #[serde(default)]
    error: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failure {
    message: String,
}

/// Why a command gave no answer.
enum Failed {
    Store(StoreError),
    /// The daemon's own words.
    Daemon(String),
}

impl From<StoreError> for Failed {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl KuboStore {
    /// A store on the daemon whose RPC is at `base` (`http://127.0.0.1:5001/`). Nothing is sent yet.
    ///
    /// # Errors
    /// [`KuboAddressError`] for anything but an `http` or `https` URL, and for credentials that no header can carry.
    pub fn new(base: &str, authorization: &KuboAuthorization) -> Result<Self, KuboAddressError> {
        let mut base: Url = base.parse().map_err(|_| KuboAddressError)?;
        if !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(KuboAddressError);
        }
        base.set_path("/api/v0/");
        let mut headers = HeaderMap::new();
        let value = match authorization {
            KuboAuthorization::None => None,
            KuboAuthorization::Bearer(token) => Some(format!("Bearer {token}")),
            KuboAuthorization::Basic { user, password } => Some(basic(user, password)),
        };
        if let Some(value) = value {
            let mut value = HeaderValue::try_from(value).map_err(|_| KuboAddressError)?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
        }
        let client = reqwest::Client::builder()
            .default_headers(headers)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .build()
            .map_err(|_| KuboAddressError)?;
        let port = base.port().map(|port| format!(":{port}")).unwrap_or_default();
        let name = format!("{}{port}", base.host_str().unwrap_or_default());
        Ok(Self { client, base, name })
    }

    /// The daemon's version, for a health check.
    ///
    /// # Errors
    /// [`StoreError::Unreachable`] when it does not answer.
    pub async fn version(&self) -> Result<String, StoreError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Version {
            version: String,
        }
        let response = self.command("version", &[], None, COMMAND_TIMEOUT).await.map_err(|e| self.settle(e, "version"))?;
        let lines: Vec<Version> = self.lines(response, "version").await?;
        let version = lines.into_iter().next().ok_or_else(|| self.unclear("version", "an empty answer"))?;
        Ok(version.version)
    }

    fn unreachable(&self, source: reqwest::Error) -> StoreError {
        StoreError::Unreachable { endpoint: self.name.clone(), source: source.without_url() }
    }

    fn unclear(&self, command: &'static str, detail: impl Into<String>) -> StoreError {
        StoreError::Daemon { endpoint: self.name.clone(), command, detail: detail.into() }
    }

    fn settle(&self, failed: Failed, command: &'static str) -> StoreError {
        match failed {
            Failed::Store(e) => e,
            Failed::Daemon(detail) => self.unclear(command, detail),
        }
    }

    /// As [`Self::settle`], for commands where the daemon says that it lacks a block.
    fn settle_for(&self, cid: Cid, failed: Failed, command: &'static str) -> StoreError {
        match failed {
            Failed::Daemon(detail) if detail.contains("not found") || detail.contains("could not find") => {
                StoreError::Missing { cid }
            }
            failed => self.settle(failed, command),
        }
    }

    /// Sends a command. Kubo answers errors with status 500 and a JSON message.
    async fn command(
        &self,
        command: &str,
        arguments: &[(&str, &str)],
        upload: Option<Upload>,
        timeout: Duration,
    ) -> Result<Response, Failed> {
        let mut url = self.base.join(command).expect("a command is a plain path");
        url.query_pairs_mut().extend_pairs(arguments).append_pair("offline", "true");
        let mut request = self.client.post(url).timeout(timeout);
        if let Some(upload) = upload {
            request = request.header(CONTENT_TYPE, upload.content_type).body(upload.body);
        }
        let response = request.send().await.map_err(|e| self.unreachable(e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = answer::excerpt(response).await;
        let failure = serde_json::from_str::<Failure>(&text);
        match failure {
            Ok(failure) if status == StatusCode::INTERNAL_SERVER_ERROR => Err(Failed::Daemon(failure.message)),
            Ok(_) | Err(_) => Err(Failed::Daemon(format!("{status} {text}"))),
        }
    }

    async fn body(&self, response: Response, limit: usize, command: &'static str) -> Result<Bytes, StoreError> {
        // A collection says nothing while it looks; the limit on the whole command is the one that counts.
        answer::read(response, limit, COLLECTION_TIMEOUT).await.map_err(|e| match e {
            AnswerError::Idle => self.unclear(command, "the answer stopped"),
            AnswerError::TooLong => self.unclear(command, "the answer is too long"),
            AnswerError::Transfer(e) => self.unreachable(e),
        })
    }

    /// An answer of JSON values, one a line.
    async fn lines<T: DeserializeOwned>(&self, response: Response, command: &'static str) -> Result<Vec<T>, StoreError> {
        let body = self.body(response, MAX_ANSWER_BYTES, command).await?;
        let values = serde_json::Deserializer::from_slice(&body).into_iter();
        values.collect::<Result<_, _>>().map_err(|_| self.unclear(command, "the answer is not the JSON that was expected"))
    }

    async fn add_blob(&self, blob: Bytes) -> Result<Cid, StoreError> {
        let ours = dag::cid_of(&blob).map_err(StoreError::Unfit)?;
        let chunker = format!("size-{}", dag::CHUNK_BYTES);
        let arguments = [
            ("cid-version", "1"),
            ("hash", "sha2-256"),
            ("raw-leaves", "true"),
            ("chunker", chunker.as_str()),
            ("max-file-links", "1024"),
            ("trickle", "false"),
            ("inline", "false"),
            ("wrap-with-directory", "false"),
            ("nocopy", "false"),
            ("pin", "true"),
            ("progress", "false"),
        ];
        let response = self.command("add", &arguments, Some(Upload::new(ours, blob)), COMMAND_TIMEOUT).await;
        let response = response.map_err(|e| match e {
            Failed::Daemon(detail) if detail.contains("no space left on device") => {
                StoreError::Full(std::io::Error::new(std::io::ErrorKind::StorageFull, detail))
            }
            failed => self.settle(failed, "add"),
        })?;
        let added: Vec<Added> = self.lines(response, "add").await?;
        match added.as_slice() {
            [added] if added.hash.parse() == Ok(ours) => Ok(ours),
            _ => Err(self.unclear("add", format!("it named the blob otherwise than {ours}"))),
        }
    }

    async fn read_block(&self, cid: Cid) -> Result<Block, StoreError> {
        let response = self.command("block/get", &[("arg", &cid.to_string())], None, COMMAND_TIMEOUT).await;
        let response = response.map_err(|e| self.settle_for(cid, e, "block/get"))?;
        let bytes = self.body(response, dag::max_block_bytes(cid.codec()), "block/get").await?;
        Block::verify(cid, bytes).map_err(|source| StoreError::Bad { cid, source })
    }

    /// `cat`, and then the name of what came is computed anew: one request for a whole blob, verified all the same.
    async fn read_blob(&self, cid: Cid) -> Result<Bytes, StoreError> {
        if cid.codec() == Codec::Raw {
            return self.read_block(cid).await.map(Block::into_bytes);
        }
        let response = self.command("cat", &[("arg", &cid.to_string())], None, COMMAND_TIMEOUT).await;
        let response = response.map_err(|e| self.settle_for(cid, e, "cat"))?;
        let blob = self.body(response, dag::MAX_BLOB_BYTES, "cat").await?;
        match dag::cid_of(&blob) {
            Ok(actual) if actual == cid => Ok(blob),
            Ok(_) => Err(StoreError::Bad { cid, source: DagError::WrongBytes { cid } }),
            Err(source) => Err(StoreError::Bad { cid, source }),
        }
    }

    async fn block_size(&self, cid: Cid) -> Result<u64, StoreError> {
        let response = self.command("block/stat", &[("arg", &cid.to_string())], None, COMMAND_TIMEOUT).await;
        let response = response.map_err(|e| self.settle_for(cid, e, "block/stat"))?;
        let stat: Vec<BlockStat> = self.lines(response, "block/stat").await?;
        let stat = stat.first().ok_or_else(|| self.unclear("block/stat", "an empty answer"))?;
        Ok(stat.size)
    }

    /// Looks at every block of a blob; chunks are not fetched.
    async fn measure(&self, root: Cid) -> Result<BlobStat, StoreError> {
        let mut stat = BlobStat { bytes: 0, blocks: 0 };
        let mut seen = std::collections::HashSet::from([root]);
        let mut pending = vec![root];
        while let Some(cid) = pending.pop() {
            stat.blocks += 1;
            match cid.codec() {
                Codec::Raw => stat.bytes += self.block_size(cid).await?,
                Codec::DagPb => {
                    let node = self.read_block(cid).await?;
                    let children = dag::links(&node).map_err(|source| StoreError::Bad { cid: root, source })?;
                    pending.extend(children.into_iter().filter(|child| seen.insert(*child)));
                }
            }
            if seen.len() > dag::MAX_BLOCKS {
                return Err(StoreError::Bad { cid: root, source: DagError::TooManyBlocks { cid } });
            }
        }
        Ok(stat)
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    let pair = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
    format!("Basic {pair}")
}

/// A file as `multipart/form-data` (RFC 7578), sent without copying it.
struct Upload {
    content_type: String,
    body: reqwest::Body,
}

impl Upload {
    fn new(cid: Cid, blob: Bytes) -> Self {
        // A boundary must not occur in the body; the body's own hash does not.
        let boundary = format!("yufu-{cid}");
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"blob\"\r\n\
             Content-Type: application/octet-stream\r\n\r\n"
        );
        let parts = [Bytes::from(head), blob, Bytes::from(format!("\r\n--{boundary}--\r\n"))];
        let body = reqwest::Body::wrap_stream(stream::iter(parts.map(Ok::<_, std::convert::Infallible>)));
        Self { content_type: format!("multipart/form-data; boundary={boundary}"), body }
    }
}

impl BlobStore for KuboStore {
    fn add(&self, blob: Bytes) -> BoxFuture<'_, Result<Cid, StoreError>> {
        self.add_blob(blob).boxed()
    }

    fn get(&self, cid: Cid) -> BoxFuture<'_, Result<Bytes, StoreError>> {
        self.read_blob(cid).boxed()
    }

    fn block(&self, cid: Cid) -> BoxFuture<'_, Result<Block, StoreError>> {
        self.read_block(cid).boxed()
    }

    fn has(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            match self.measure(cid).await {
                Ok(_) => Ok(true),
                Err(StoreError::Missing { .. }) => Ok(false),
                Err(e) => Err(e),
            }
        }
        .boxed()
    }

    fn stat(&self, cid: Cid) -> BoxFuture<'_, Result<BlobStat, StoreError>> {
        self.measure(cid).boxed()
    }

    fn pin(&self, cid: Cid) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let response = self.command("pin/add", &[("arg", &cid.to_string())], None, COMMAND_TIMEOUT).await;
            let response = response.map_err(|e| self.settle_for(cid, e, "pin/add"))?;
            self.body(response, MAX_ANSWER_BYTES, "pin/add").await.map(drop)
        }
        .boxed()
    }

    fn unpin(&self, cid: Cid) -> BoxFuture<'_, Result<bool, StoreError>> {
        async move {
            match self.command("pin/rm", &[("arg", &cid.to_string())], None, COMMAND_TIMEOUT).await {
                Ok(response) => self.body(response, MAX_ANSWER_BYTES, "pin/rm").await.map(|_| true),
                Err(Failed::Daemon(detail)) if detail.contains("not pinned") => Ok(false),
                Err(failed) => Err(self.settle(failed, "pin/rm")),
            }
        }
        .boxed()
    }

    fn pins(&self) -> BoxFuture<'_, Result<Vec<Cid>, StoreError>> {
        async move {
            let arguments = [("type", "recursive"), ("stream", "true")];
            let response = self.command("pin/ls", &arguments, None, COMMAND_TIMEOUT).await;
            let response = response.map_err(|e| self.settle(e, "pin/ls"))?;
            let pinned: Vec<Pinned> = self.lines(response, "pin/ls").await?;
            // A daemon also pins things of its own, such as the empty directory, under names that are not ours.
            let mut cids: Vec<Cid> = pinned.into_iter().filter_map(|pinned| pinned.cid.parse().ok()).collect();
            cids.sort();
            Ok(cids)
        }
        .boxed()
    }

    fn collect_garbage(&self) -> BoxFuture<'_, Result<Collected, StoreError>> {
        async move {
            let response = self.command("repo/gc", &[("stream-errors", "true")], None, COLLECTION_TIMEOUT).await;
            let response = response.map_err(|e| self.settle(e, "repo/gc"))?;
            let removed: Vec<Removed> = self.lines(response, "repo/gc").await?;
            if let Some(failed) = removed.iter().find(|removed| !removed.error.is_empty()) {
                return Err(self.unclear("repo/gc", failed.error.clone()));
            }
            let blocks = u64::try_from(removed.len()).expect("lengths in memory fit 64 bits");
            Ok(Collected { blocks })
        }
        .boxed()
    }
}
