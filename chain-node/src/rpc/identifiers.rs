//! DID resolution over HTTPS (W3C DID Resolution 0.3, section 7.1), past versions included.
//!
//! Answers from this node's finalized state: whoever must not trust a node asks for the state with its proof instead.
//! One resolution costs a few reads, however long the identity's history.

use super::Rpc;
use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use identity::{
    canonical,
    did::{Did, DidError},
    jose::jwk,
};
use ledger::{
    cell::{Cell, Subject},
    limits::MAX_RECORD_BYTES,
    records::IdentityRecord,
};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use service_kit::{Slug, extract::QueryOf};

/// Which version of the document.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Version {
    /// The version with this number, from 1.
    version_id: Option<String>,
    /// The version in force at this time (RFC 3339).
    version_time: Option<String>,
}

/// The errors of DID Resolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Failure {
    InvalidDid,
    InvalidOptions,
    MethodNotSupported,
    NotFound,
    /// It was here, and an archive node has it. Not of the standard, which says how others are named.
    Pruned,
}

impl Failure {
    fn name(self) -> &'static str {
        match self {
            Self::InvalidDid => "invalidDid",
            Self::InvalidOptions => "invalidOptions",
            Self::MethodNotSupported => "methodNotSupported",
            Self::NotFound => "notFound",
            Self::Pruned => Slug::Pruned.as_str(),
        }
    }

    fn status(self) -> StatusCode {
        match self {
            Self::InvalidDid | Self::InvalidOptions => StatusCode::BAD_REQUEST,
            Self::MethodNotSupported => StatusCode::NOT_IMPLEMENTED,
            Self::NotFound => StatusCode::NOT_FOUND,
            // 410 is a deactivated identity here.
            Self::Pruned => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// Resolves a `did:yufu` to its document.
#[utoipa::path(
    get, path = "/1.0/identifiers/{did}", tag = "identifiers",
    params(("did" = String, Path, description = "did:yufu:<network>:<id>"), Version),
    responses(
        (status = 200, description = "resolution result, or the document alone if `Accept: application/did`", body = Value),
        (status = 400, description = "invalidDid or invalidOptions", body = Value),
        (status = 404, description = "notFound", body = Value),
        (status = 410, description = "deactivated", body = Value),
        (status = 501, description = "methodNotSupported", body = Value),
        (status = 503, description = "pruned: this node no longer has a version so old; ask an archive node", body = Value),
    )
)]
pub(super) async fn resolve(
    State(rpc): State<Rpc>,
    Path(did): Path<String>,
    QueryOf(version): QueryOf<Version>,
    headers: HeaderMap,
) -> Response {
    match find(&rpc, &did, &version).await {
        Ok(found) => found.respond(wants_document(&headers)),
        Err(failure) => {
            let mut resolution = json!({ "error": failure.name() });
            if let (Failure::Pruned, Some(resolution)) = (failure, resolution.as_object_mut()) {
                resolution.insert("errorMessage".to_owned(), Slug::Pruned.sentence().en.into());
            }
            let result = json!({
                "didDocument": null,
                "didResolutionMetadata": resolution,
                "didDocumentMetadata": {},
            });
            answer(failure.status(), "application/did-resolution", &result)
        }
    }
}

struct Found {
    did: Did,
    cell: Cell,
    record: IdentityRecord,
    /// None where this node has no block of that height, because it began with a later state.
    created_ms: Option<u64>,
    updated_ms: Option<u64>,
    latest: Cell,
}

async fn find(rpc: &Rpc, text: &str, version: &Version) -> Result<Found, Failure> {
    let did: Did = text.parse().map_err(|error| match error {
        DidError::Method if text.starts_with("did:") => Failure::MethodNotSupported,
        DidError::Method | DidError::Network | DidError::Id => Failure::InvalidDid,
    })?;
    if did.network != rpc.node.genesis.network {
        return Err(Failure::NotFound);
    }
    let subject = Subject::Identity(did.id);
    let latest = rpc.node.cell(&subject).await.ok_or(Failure::NotFound)?;
    let cell = match (&version.version_id, &version.version_time) {
        (None, None) => latest,
        (Some(number), None) => at_version(rpc, &subject, &latest, number.parse().map_err(|_| Failure::InvalidOptions)?)?,
        (None, Some(time)) => at_time(rpc, &subject, &latest, time).await?,
        (Some(_), Some(_)) => return Err(Failure::InvalidOptions),
    };
    let body = rpc.node.body(&cell).await;
    let record = canonical::decode(&body, MAX_RECORD_BYTES).expect("an identity's cell names its record");
    let created_ms = timestamp(rpc, cell.created_height).await;
    let updated_ms = timestamp(rpc, cell.updated_height).await;
    Ok(Found { did, cell, record, created_ms, updated_ms, latest })
}

fn at_version(rpc: &Rpc, subject: &Subject, latest: &Cell, version: u32) -> Result<Cell, Failure> {
    let bytes = rpc.node.store.version(&subject.key(), version).expect("the body store can be read");
    let cell = bytes.map(|bytes| Cell::from_bytes(&bytes).expect("the store holds encoded cells only"));
    cell.ok_or(if (1..latest.version).contains(&version) && !rpc.node.is_archive() { Failure::Pruned } else { Failure::NotFound })
}

/// The last version whose block is not after `time`: a binary search over the versions.
async fn at_time(rpc: &Rpc, subject: &Subject, latest: &Cell, time: &str) -> Result<Cell, Failure> {
    let time: jiff::Timestamp = time.parse().map_err(|_| Failure::InvalidOptions)?;
    let time_ms = u64::try_from(time.as_millisecond()).map_err(|_| Failure::NotFound)?;
    // What was in force before the oldest block that is here cannot be told.
    let oldest = rpc.node.reads.oldest();
    if oldest > 1 && latest.created_height < oldest && timestamp(rpc, oldest).await.is_some_and(|oldest_ms| time_ms < oldest_ms) {
        return Err(Failure::Pruned);
    }
    let (mut before, mut after) = (0, latest.version.saturating_add(1));
    while after - before > 1 {
        let middle = before + (after - before) / 2;
        // A version that is gone, and one whose block is, were in force before the oldest block that is here.
        let changed_ms = match up_to_version(rpc, subject, middle) {
            Some(cell) => timestamp(rpc, cell.updated_height).await.unwrap_or(0),
            None => 0,
        };
        if changed_ms <= time_ms {
            before = middle;
        } else {
            after = middle;
        }
    }
    up_to_version(rpc, subject, before).ok_or(Failure::NotFound)
}

/// The newest version up to this one: the first release did not keep what one block wrote and replaced.
fn up_to_version(rpc: &Rpc, subject: &Subject, version: u32) -> Option<Cell> {
    let found = rpc.node.store.version_up_to(&subject.key(), version).expect("the body store can be read");
    found.map(|(_, bytes)| Cell::from_bytes(&bytes).expect("the store holds encoded cells only"))
}

async fn timestamp(rpc: &Rpc, height: u64) -> Option<u64> {
    rpc.node.reads.block(height).await.map(|block| block.inner().timestamp_ms())
}

impl Found {
    fn deactivated(&self) -> bool {
        self.latest.status != 0
    }

    fn document(&self) -> Value {
        let did = self.did.to_string();
        let methods = self.record.devices.iter().map(|key| {
            json!({
                "id": format!("{did}#{}", jwk::thumbprint_text(key)),
                "type": "JsonWebKey",
                "controller": did,
                "publicKeyJwk": jwk::Jwk::from(*key).to_value(),
            })
        });
        let methods: Vec<Value> = methods.collect();
        let names: Vec<&Value> = methods.iter().filter_map(|method| method.get("id")).collect();
        json!({
            "@context": ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/jwk/v1"],
            "id": did,
            "authentication": names,
            "assertionMethod": names,
            "capabilityInvocation": names,
            "verificationMethod": methods,
        })
    }

    fn metadata(&self) -> Value {
        let mut metadata = Map::new();
        let mut time = |name: &str, milliseconds: Option<u64>| {
            let milliseconds = milliseconds.and_then(|milliseconds| i64::try_from(milliseconds).ok());
            if let Some(time) = milliseconds.and_then(|ms| jiff::Timestamp::from_second(ms / 1_000).ok()) {
                metadata.insert(name.to_owned(), time.to_string().into());
            }
        };
        time("created", self.created_ms);
        if self.cell.version > 1 {
            time("updated", self.updated_ms);
        }
        metadata.insert("versionId".to_owned(), self.cell.version.to_string().into());
        if self.cell.version < self.latest.version {
            metadata.insert("nextVersionId".to_owned(), (self.cell.version + 1).to_string().into());
        }
        metadata.insert("deactivated".to_owned(), self.deactivated().into());
        metadata.into()
    }

    fn respond(&self, document_only: bool) -> Response {
        // A version from before the end is still a version.
        let status = if self.cell.status == 0 { StatusCode::OK } else { StatusCode::GONE };
        if document_only {
            return answer(status, "application/did", &self.document());
        }
        let result = json!({
            "didDocument": self.document(),
            "didResolutionMetadata": { "contentType": "application/did" },
            "didDocumentMetadata": self.metadata(),
        });
        answer(status, "application/did-resolution", &result)
    }
}

fn wants_document(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut types = accept.split(',').filter_map(|part| part.split(';').next()).map(str::trim);
    types.any(|name| matches!(name, "application/did" | "application/did+json" | "application/did+ld+json"))
}

fn answer(status: StatusCode, media_type: &'static str, value: &Value) -> Response {
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, headers, value.to_string()).into_response()
}
