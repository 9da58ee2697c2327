//! The IPFS trustless gateway over a [`BlobStore`] (<https://specs.ipfs.tech/http-gateways/trustless-gateway/>), and uploads.
//!
//! - `GET`/`HEAD /ipfs/{cid}` as `application/vnd.ipld.raw` (one block) or `application/vnd.ipld.car` (CARv1, `dag-scope`
//!   `all`/`entity`/`block`, `order=dfs`, `dups=y`/`n`).
//! - `PUT /blobs/{cid}`: stores the body if the body is the blob that the CID names.
//!
//! Only answers that a client can verify exist: a request for plain ("deserialized") bytes is refused on purpose, as is
//! `entity-bytes`. Whom a request comes from is the service's to decide: it gives the [`Authorize`] function, which is asked before
//! a body is read. Ciphertext is treated as personal data, so answers may be kept by the client's own cache only.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Path, Query, Request, State};
use axum::http::header::{self, HeaderMap, HeaderValue};
use axum::http::{Extensions, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::stream;
use serde::Deserialize;
use tokio::sync::Semaphore;
use wire::problem::{Problem, Slug};

use crate::car;
use crate::cid::Cid;
use crate::dag::{self, Block, Walk};
use crate::store::{BlobStore, StoreError};

/// The media type of one block.
pub const RAW_MEDIA_TYPE: &str = "application/vnd.ipld.raw";
/// The media type of a CAR.
pub const CAR_MEDIA_TYPE: &str = "application/vnd.ipld.car";
/// How long an upload's body may take.
pub const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// How many uploads may be in memory at once; more are told to come back.
pub const MAX_CONCURRENT_UPLOADS: usize = 8;
/// The empty identity CID, with which clients ask whether this is a trustless gateway. No other identity CID is known here.
const PROBE: &str = "bafkqaaa";
/// The header of a CAR whose root is [`PROBE`].
const PROBE_CAR: &[u8] = b"\x19\xa2\x65roots\x81\xd8\x2a\x45\x00\x01\x55\x00\x00\x67version\x01";
/// The CID names the bytes for ever; 48 weeks is what the specification suggests for "for ever".
const CACHE_CONTROL: &str = "private, max-age=29030400, immutable";

/// What a caller attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Read a blob or a block of it.
    Read,
    /// Store a blob.
    Upload {
        /// Its size, as announced; no more than this is read.
        bytes: u64,
    },
}

/// A request that the service allows or not.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// What for.
    pub access: Access,
    /// Which blob or block.
    pub cid: Cid,
    /// The request's headers.
    pub headers: HeaderMap,
    /// What the service's own layers know of the request (peer address, session).
    pub extensions: Extensions,
}

/// Why an attempt is not allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// Nobody is known to ask: 401.
    Unauthenticated,
    /// Known, but may not: 403.
    Forbidden,
    /// Stored too much already: 429.
    OverQuota,
    /// Who may is not known at the moment: 503.
    Unavailable,
}

/// The service's decision about an [`Attempt`].
pub type Authorize = Arc<dyn Fn(Attempt) -> BoxFuture<'static, Result<(), Denied>> + Send + Sync>;

#[derive(Clone)]
struct Gateway {
    store: Arc<dyn BlobStore>,
    authorize: Authorize,
    uploads: Arc<Semaphore>,
}

/// The routes of the gateway and of uploads.
pub fn router(store: Arc<dyn BlobStore>, authorize: Authorize) -> Router {
    Router::new()
        .route("/ipfs/{cid}", get(read))
        .route("/ipfs/{cid}/{*path}", get(read_path))
        .route("/blobs/{cid}", put(upload))
        .with_state(Gateway { store, authorize, uploads: Arc::new(Semaphore::new(MAX_CONCURRENT_UPLOADS)) })
}

/// Why a request is answered with an error.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("{0}")]
    Cid(#[from] crate::cid::CidError),
    #[error("say which form is wanted: Accept: {RAW_MEDIA_TYPE} or {CAR_MEDIA_TYPE}, or ?format=raw or ?format=car")]
    NoFormat,
    #[error("only {RAW_MEDIA_TYPE} and {CAR_MEDIA_TYPE} (version 1, order dfs) are served: answers that can be verified")]
    Format,
    #[error("the parameter {0} is not supported or has an unknown value")]
    Parameter(&'static str),
    #[error("a blob is a file; it has no paths below it")]
    Path,
    #[error("the block is not in the store, and only-if-cached was asked for")]
    NotCached,
    #[error("the request must announce the length of its body")]
    NoLength,
    #[error("the body is not the blob that the CID names: it is {0}")]
    OtherCid(Cid),
    #[error("the body did not arrive whole within the limits of size and time")]
    Body,
    #[error("too many uploads are under way; try again in a moment")]
    Busy,
    #[error("{}", match .0 {
        Denied::Unauthenticated => "this needs a caller who is known here",
        Denied::Forbidden => "the caller may not do this",
        Denied::OverQuota => "the caller has stored as much as it may",
        Denied::Unavailable => "it cannot be decided at the moment whether the caller may do this; try again later",
    })]
    Denied(Denied),
    #[error("{0}")]
    Store(#[source] StoreError),
}

impl From<StoreError> for Refusal {
    fn from(e: StoreError) -> Self {
        Self::Store(e)
    }
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Cid(_) | Self::NoFormat | Self::Parameter(_) => StatusCode::BAD_REQUEST,
            Self::Format => StatusCode::NOT_ACCEPTABLE,
            Self::Path => StatusCode::NOT_FOUND,
            Self::NotCached => StatusCode::PRECONDITION_FAILED,
            Self::NoLength => StatusCode::LENGTH_REQUIRED,
            Self::OtherCid(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Body => StatusCode::REQUEST_TIMEOUT,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Denied(Denied::Unauthenticated) => StatusCode::UNAUTHORIZED,
            Self::Denied(Denied::Forbidden) => StatusCode::FORBIDDEN,
            Self::Denied(Denied::OverQuota) => StatusCode::TOO_MANY_REQUESTS,
            Self::Denied(Denied::Unavailable) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(e) => match e {
                StoreError::Missing { .. } => StatusCode::NOT_FOUND,
                StoreError::Bad { .. } => StatusCode::INTERNAL_SERVER_ERROR,
                StoreError::Unfit(_) => StatusCode::PAYLOAD_TOO_LARGE,
                StoreError::Full(_) => StatusCode::INSUFFICIENT_STORAGE,
                StoreError::Disk { .. }
                | StoreError::Pins { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Daemon { .. } => StatusCode::SERVICE_UNAVAILABLE,
            },
        }
    }

    fn slug(&self) -> Slug {
        match self {
            Self::Cid(_) | Self::NoFormat | Self::Format | Self::Parameter(_) | Self::NoLength | Self::Body => Slug::BadRequest,
            Self::Path | Self::NotCached => Slug::NotFound,
            Self::OtherCid(_) => Slug::Refused,
            Self::Busy => Slug::Busy,
            Self::Denied(Denied::Unauthenticated) => Slug::NotSignedIn,
            Self::Denied(Denied::Forbidden) => Slug::NotAllowed,
            Self::Denied(Denied::OverQuota) => Slug::TooManyRequests,
            Self::Denied(Denied::Unavailable) => Slug::Busy,
            Self::Store(e) => match e {
                StoreError::Missing { .. } => Slug::NotFound,
                StoreError::Bad { .. } => Slug::Internal,
                StoreError::Unfit(_) => Slug::TooLarge,
                StoreError::Full(_) => Slug::StorageFull,
                StoreError::Disk { .. }
                | StoreError::Pins { .. }
                | StoreError::Unreachable { .. }
                | StoreError::Daemon { .. } => Slug::BlobsUnavailable,
            },
        }
    }
}

/// A problem document (RFC 9457). The form of the request can make the status more exact than the slug's own.
impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = self.status();
        if status.is_server_error() {
            tracing::error!(error = &self as &dyn std::error::Error, "the blob gateway failed");
        }
        let slug = self.slug();
        let sentence = slug.sentence();
        let problem = Problem {
            kind: format!("urn:yufu:problem:{}", slug.as_str()),
            title: sentence.en,
            title_zh: sentence.zh,
            status: status.as_u16(),
            detail: Some(self.to_string()),
            request_id: None,
        };
        let mut response = (status, Json(problem)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(wire::problem::MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}

/// The parameters of a read that mean something here. Others are ignored, as HTTP has it.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct ReadParameters {
    format: Option<String>,
    dag_scope: Option<String>,
    entity_bytes: Option<String>,
    car_version: Option<String>,
    car_order: Option<String>,
    car_dups: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Raw,
    Car { root_only: bool, repeats: bool },
}

impl Form {
    /// The form that a request asks for. The URL wins over `Accept`.
    fn asked(parameters: &ReadParameters, headers: &HeaderMap) -> Result<Self, Refusal> {
        let accept = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
        // `*/*` says no more than no header at all.
        let media_types = accept.flat_map(|value| value.split(',')).map(MediaType::parse);
        let mut media_types = media_types.filter(|media_type| media_type.name != "*/*").peekable();
        let accepted = match parameters.format.as_deref() {
            Some("raw") => MediaType { name: RAW_MEDIA_TYPE, parameters: "" },
            Some("car") => media_types
                .find(|media_type| media_type.name == CAR_MEDIA_TYPE)
                .unwrap_or(MediaType { name: CAR_MEDIA_TYPE, parameters: "" }),
            Some(_) => return Err(Refusal::Format),
            None if media_types.peek().is_none() => return Err(Refusal::NoFormat),
            None => media_types
                .find(|media_type| [RAW_MEDIA_TYPE, CAR_MEDIA_TYPE].contains(&media_type.name))
                .ok_or(Refusal::Format)?,
        };
        if accepted.name == RAW_MEDIA_TYPE {
            return Ok(Self::Raw);
        }
        let choice = |parameter: &Option<String>, name| parameter.clone().or_else(|| accepted.parameter(name));
        if choice(&parameters.car_version, "version").is_some_and(|version| version != "1")
            || choice(&parameters.car_order, "order").is_some_and(|order| order != "dfs" && order != "unk")
        {
            return Err(Refusal::Format);
        }
        if parameters.entity_bytes.is_some() {
            return Err(Refusal::Parameter("entity-bytes"));
        }
        let repeats = match choice(&parameters.car_dups, "dups").as_deref() {
            None | Some("n") => false,
            Some("y") => true,
            Some(_) => return Err(Refusal::Parameter("car-dups")),
        };
        let root_only = match parameters.dag_scope.as_deref() {
            // Every blob is one UnixFS file, so the entity is the whole of it.
            None | Some("all" | "entity") => false,
            Some("block") => true,
            Some(_) => return Err(Refusal::Parameter("dag-scope")),
        };
        Ok(Self::Car { root_only, repeats })
    }

    fn content_type(self) -> &'static str {
        match self {
            Self::Raw => RAW_MEDIA_TYPE,
            Self::Car { repeats: true, .. } => "application/vnd.ipld.car; version=1; order=dfs; dups=y",
            Self::Car { repeats: false, .. } => "application/vnd.ipld.car; version=1; order=dfs; dups=n",
        }
    }

    fn etag(self, cid: &str) -> String {
        match self {
            Self::Raw => format!("\"{cid}.raw\""),
            Self::Car { root_only: true, .. } => format!("\"{cid}.car.block\""),
            Self::Car { repeats: true, .. } => format!("\"{cid}.car.all.y\""),
            Self::Car { repeats: false, .. } => format!("\"{cid}.car.all.n\""),
        }
    }

    /// `format` parameter and file name extension.
    fn names(self) -> (&'static str, &'static str) {
        match self {
            Self::Raw => ("raw", "bin"),
            Self::Car { .. } => ("car", "car"),
        }
    }
}

/// One entry of an `Accept` header.
struct MediaType<'a> {
    name: &'a str,
    parameters: &'a str,
}

impl<'a> MediaType<'a> {
    fn parse(text: &'a str) -> Self {
        let (name, parameters) = text.split_once(';').unwrap_or((text, ""));
        Self { name: name.trim(), parameters }
    }

    fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| key.trim() == name).map(|(_, value)| value.trim().trim_matches('"').to_owned())
    }
}

async fn read_path() -> Refusal {
    Refusal::Path
}

async fn read(
    State(gateway): State<Gateway>,
    Path(cid): Path<String>,
    Query(parameters): Query<ReadParameters>,
    request: Request,
) -> Result<Response, Refusal> {
    let headers = request.headers();
    let form = Form::asked(&parameters, headers)?;
    if cid == PROBE {
        let body = match form {
            Form::Raw => &[],
            Form::Car { .. } => PROBE_CAR,
        };
        return Ok(respond(PROBE, form, headers, Bytes::from_static(body).into()));
    }
    let cid: Cid = cid.parse()?;
    let attempt = Attempt { access: Access::Read, cid, headers: headers.clone(), extensions: request.extensions().clone() };
    (gateway.authorize)(attempt).await.map_err(Refusal::Denied)?;
    let root = match gateway.store.block(cid).await {
        Err(StoreError::Missing { .. }) if only_if_cached(headers) => return Err(Refusal::NotCached),
        found => found?,
    };
    let body = match form {
        Form::Raw => root.into_bytes().into(),
        Form::Car { root_only, repeats } => car_body(gateway.store, root, root_only, repeats),
    };
    Ok(respond(&cid.to_string(), form, headers, body))
}

fn only_if_cached(headers: &HeaderMap) -> bool {
    let mut values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    values.any(|value| value.split(',').any(|directive| directive.trim().eq_ignore_ascii_case("only-if-cached")))
}

fn respond(cid: &str, form: Form, request: &HeaderMap, body: Body) -> Response {
    let etag = form.etag(cid);
    let known = request.get(header::IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let unchanged =
        known.is_some_and(|known| known.split(',').map(str::trim).any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag));
    let mut response = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { (StatusCode::OK, body).into_response() };
    let (format, extension) = form.names();
    let set = [
        (header::CONTENT_TYPE, form.content_type().to_owned()),
        (header::ETAG, etag),
        (header::CACHE_CONTROL, CACHE_CONTROL.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{cid}.{extension}\"")),
        (header::CONTENT_LOCATION, format!("/ipfs/{cid}?format={format}")),
        (header::VARY, "Accept".to_owned()),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::HeaderName::from_static("x-ipfs-path"), format!("/ipfs/{cid}")),
        (header::HeaderName::from_static("x-ipfs-roots"), cid.to_owned()),
    ];
    for (name, value) in set {
        let value = HeaderValue::try_from(value).expect("CIDs and media types are visible ASCII");
        response.headers_mut().insert(name, value);
    }
    response
}

/// A CAR that is read from the store while it is sent. A block that is missing or bad ends the stream with an error, so that the
/// client sees a transfer cut off and not a short file.
fn car_body(store: Arc<dyn BlobStore>, root: Block, root_only: bool, repeats: bool) -> Body {
    struct Sending {
        store: Arc<dyn BlobStore>,
        walk: Walk,
        first: Option<Block>,
        root_only: bool,
        sent: Option<HashSet<Cid>>,
    }
    let begin = car::header(root.cid());
    let sending = Sending {
        store,
        walk: Walk::without_content(root.cid()),
        first: Some(root),
        root_only,
        sent: (!repeats).then(HashSet::new),
    };
    let sections = stream::try_unfold(sending, |mut sending| async move {
        while let Some(cid) = sending.walk.next_cid() {
            let block = match sending.first.take() {
                Some(root) => root,
                None if sending.root_only => return Ok(None),
                None => sending.store.block(cid).await?,
            };
            sending.walk.supply(&block).map_err(|source| StoreError::Bad { cid, source })?;
            if sending.sent.as_mut().is_none_or(|sent| sent.insert(cid)) {
                let section = [car::section_prefix(&block), block.into_bytes()];
                return Ok::<_, StoreError>(Some((stream::iter(section.map(Ok::<_, StoreError>)), sending)));
            }
        }
        Ok(None)
    });
    let begin = stream::once(async move { Ok::<_, StoreError>(begin) });
    Body::from_stream(futures::StreamExt::chain(begin, futures::TryStreamExt::try_flatten(sections)))
}

async fn upload(State(gateway): State<Gateway>, Path(cid): Path<String>, request: Request) -> Result<Response, Refusal> {
    let cid: Cid = cid.parse()?;
    let (parts, body) = request.into_parts();
    let announced = parts.headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    let bytes: u64 = announced.and_then(|text| text.parse().ok()).ok_or(Refusal::NoLength)?;
    let too_large = || Refusal::Store(StoreError::Unfit(dag::DagError::BlobTooLarge));
    let limit = usize::try_from(bytes).ok().filter(|bytes| *bytes <= dag::MAX_BLOB_BYTES).ok_or_else(too_large)?;
    let attempt = Attempt { access: Access::Upload { bytes }, cid, headers: parts.headers, extensions: parts.extensions };
    (gateway.authorize)(attempt).await.map_err(Refusal::Denied)?;
    let _place = gateway.uploads.try_acquire().map_err(|_| Refusal::Busy)?;
    let body = tokio::time::timeout(UPLOAD_TIMEOUT, to_bytes(body, limit)).await;
    let blob = body.map_err(|_| Refusal::Body)?.map_err(|_| Refusal::Body)?;
    let (actual, blob) = named(blob).await?;
    if actual != cid {
        return Err(Refusal::OtherCid(actual));
    }
    gateway.store.add(blob).await?;
    let location = [(header::LOCATION, format!("/ipfs/{cid}"))];
    Ok((StatusCode::CREATED, location).into_response())
}

/// The CID of a blob, computed where 64 MiB of hashing does not hold up other requests.
async fn named(blob: Bytes) -> Result<(Cid, Bytes), Refusal> {
    let hashed = tokio::task::spawn_blocking(move || dag::cid_of(&blob).map(|cid| (cid, blob))).await;
    hashed.map_err(|_| Refusal::Body)?.map_err(|e| Refusal::Store(StoreError::Unfit(e)))
}
