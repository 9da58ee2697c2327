//! `GET /status-lists/{list}`: the signed list (section 8.1), kept until it changes or gets old.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use identity::UnixSeconds;
use identity::jose::jws::JwsHeader;
use identity::status_list::{Bits, MEDIA_TYPE, Status, StatusList, StatusListToken, StatusReference};
use service_kit::{ApiError, Slug};

use super::store::{self, Entry};
use crate::app::Issuer;
use crate::failure::Failure;

/// How long a copy may be kept (`ttl`): what was revoked is not read as valid for longer (FAULTS I5).
const TTL_SECONDS: u64 = 60;
/// How long a token is good (`exp`): a verifier survives that long without the issuer.
const EXPIRY_SECONDS: i64 = 60 * 60;
/// A token of this age is signed anew, so that `exp` is never near.
const RENEW_SECONDS: i64 = 10 * 60;

#[derive(Clone)]
struct Signed {
    version: i64,
    issued_at: UnixSeconds,
    token: Arc<str>,
}

/// Lists that were signed by this process.
#[derive(Default)]
pub struct SignedLists(Mutex<HashMap<i64, Signed>>);

/// Where the status of an entry is.
pub fn reference(app: &Issuer, entry: &Entry) -> StatusReference {
    StatusReference { uri: uri(app, entry.list), index: u64::try_from(entry.index).unwrap_or_default() }
}

fn uri(app: &Issuer, list: i64) -> String {
    app.url(&format!("/status-lists/{list}"))
}

pub(super) async fn show(State(app): State<Arc<Issuer>>, Path(list): Path<String>) -> Result<Response, Failure> {
    let list: i64 = list.parse().map_err(|_| Slug::NotFound)?;
    let row = store::list(app.database.pool(), list).await?.ok_or(Slug::NotFound)?;
    let now = app.now();
    let kept = app.lists.0.lock().unwrap_or_else(PoisonError::into_inner).get(&list).cloned();
    let token = match kept {
        Some(signed) if signed.version == row.version && now.abs_diff(signed.issued_at) < RENEW_SECONDS.unsigned_abs() => {
            signed.token
        }
        _ => sign(&app, list, row, now).await?,
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60")),
    ];
    Ok((headers, token.to_string()).into_response())
}

async fn sign(app: &Issuer, list: i64, row: store::ListRow, now: UnixSeconds) -> Result<Arc<str>, Failure> {
    let capacity = u64::try_from(row.capacity).map_err(ApiError::internal)?;
    let mut statuses = StatusList::new(Bits::Two, capacity).map_err(ApiError::internal)?;
    for (index, status) in store::not_active(app.database.pool(), list).await? {
        let status = if status == "suspended" { Status::Suspended } else { Status::Invalid };
        let index = u64::try_from(index).map_err(ApiError::internal)?;
        statuses.set(index, status).map_err(ApiError::internal)?;
    }
    let token = StatusListToken {
        uri: uri(app, list),
        issued_at: now,
        expires_at: Some(now + EXPIRY_SECONDS),
        ttl_seconds: Some(TTL_SECONDS),
        list: statuses,
    };
    let header = JwsHeader { x5c: Some(app.keys.chain.clone()), ..JwsHeader::default() };
    let token: Arc<str> = token.sign(&header, &app.keys.credential).into();
    let signed = Signed { version: row.version, issued_at: now, token: Arc::clone(&token) };
    app.lists.0.lock().unwrap_or_else(PoisonError::into_inner).insert(list, signed);
    metrics::counter!("issuer_status_lists_signed_total").increment(1);
    Ok(token)
}
