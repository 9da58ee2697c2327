//! Who came to the console, and who was turned away.

use super::{
    Console, Reader,
    access::Access,
    members::Names,
    pages::{AccessLine, AccessPage},
    show,
    words::{Moment, Tongue},
};
use axum::{
    extract::{Query, RawQuery, State},
    response::Response,
};
use serde::Deserialize;

/// Entries of a page.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn accesses(
    State(console): State<Console>,
    reader: Reader,
    Query(Before { before }): Query<Before>,
    RawQuery(query): RawQuery,
) -> Response {
    let here = before.map_or("/console/access".to_owned(), |before| format!("/console/access?before={before}"));
    let frame = console.frame(&reader, "access", &here);
    let names = Names::of_all(&console.node, frame.l).await;
    let found = console.node.store.accesses(before, PAGE).unwrap_or_default();
    let next = found.last().map(|(number, _)| *number).filter(|number| found.len() == PAGE && *number > 0);
    let entries = found.iter().filter_map(|(_, bytes)| serde_json::from_slice::<Access>(bytes).ok());
    let entries = entries.map(|entry| line(&entry, &names, frame.l)).collect();
    show(&reader, query.as_deref(), &AccessPage { entries, next, frame })
}

fn line(entry: &Access, names: &Names, l: Tongue) -> AccessLine {
    AccessLine {
        time: Moment::new(u64::try_from(entry.at).unwrap_or_default().saturating_mul(1_000)),
        what: l.access(&entry.event),
        class: if entry.event.starts_with("refused") || entry.event == "ended" { "bad" } else { "good" },
        who: entry.authority.as_ref().map_or_else(|| "—".to_owned(), |id| names.of(id)),
        key: entry.key.map_or_else(String::new, |key| key.to_string()),
        role: l.role(entry.role.as_deref().unwrap_or_default()),
    }
}
