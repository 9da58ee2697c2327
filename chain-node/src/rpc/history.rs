//! Searching by id, and the history of a record.

use super::{Rpc, hash};
use crate::{history, search};
use axum::{
    Json,
    extract::{Path, State},
};
use serde::Deserialize;
use service_kit::{ApiError, Slug, extract::QueryOf};
use wire::chain::{History, SearchAnswer};

/// Versions of a page where none is asked for.
const DEFAULT_PAGE: usize = 20;

/// Which versions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    /// Versions older than this one; without it, from the newest.
    before: Option<u32>,
    /// How many at most: 1 to 100, 20 without it.
    limit: Option<usize>,
}

/// The versions of a record, newest first, with height, time and body of each.
#[utoipa::path(
    get, path = "/v1/history/{key}", tag = "state",
    params(("key" = String, Path, description = "state key, base64url"), Page),
    responses(
        (status = 200, body = History),
        (status = 400, description = "not a key, or not a page", body = wire::problem::Problem),
        (status = 404, description = "no record under this key", body = wire::problem::Problem),
    )
)]
pub(super) async fn history(
    State(rpc): State<Rpc>,
    Path(key): Path<String>,
    QueryOf(page): QueryOf<Page>,
) -> Result<Json<History>, ApiError> {
    let key = hash(&key)?;
    let limit = super::page(page.limit, DEFAULT_PAGE, history::MAX_PAGE)?;
    let found = history::history(&rpc.node, &key, page.before, limit).await.map_err(ApiError::internal)?;
    found.map(Json).ok_or_else(|| ApiError::new(Slug::NotFound).detail("the finalized state has no record under this key"))
}

/// What to look for.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct Query {
    /// A block's height or digest; the id of a transaction or record; a state key; an authority, party, client identifier or DID.
    q: String,
}

/// What an id names, and where it is read. There is no search by person or by value.
#[utoipa::path(
    get, path = "/v1/search", tag = "state", params(Query),
    responses(
        (status = 200, description = "what was found; nothing is also an answer", body = SearchAnswer),
        (status = 400, description = "longer than an id", body = wire::problem::Problem),
    )
)]
pub(super) async fn search(State(rpc): State<Rpc>, QueryOf(query): QueryOf<Query>) -> Result<Json<SearchAnswer>, ApiError> {
    if query.q.len() > search::MAX_QUERY_BYTES {
        return Err(ApiError::new(Slug::BadRequest).detail("an id is not as long as this"));
    }
    Ok(Json(SearchAnswer { found: search::search(&rpc.node, &query.q).await }))
}
