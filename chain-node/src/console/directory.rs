//! The directory for people: which authority answers for which data, and which websites use it.

use super::{
    Console, Reader,
    members::record,
    pages::{AuthorityLine, DirectoryPage, PartiesPage, PartyLine, PurposeLine, TypeLine},
    show,
    words::Tongue,
};
use crate::rpc;
use axum::{
    extract::{Path, Query, RawQuery, State},
    response::Response,
};
use ledger::{
    cell::Subject,
    governance::AccreditationStatus,
    records::{AuthorityId, AuthorityRecord, PartyId, SUPERVISOR_ROLE},
};
use serde::Deserialize;
use wire::directory::{DirectoryEntry, DirectoryParty, DirectoryType};

/// Authorities of a page.
const AUTHORITIES: usize = 20;
/// Websites of an authority that its entry shows.
const FIRST_PARTIES: usize = 5;
/// Websites of a page.
const PARTIES: usize = 30;

#[derive(Deserialize)]
pub(super) struct After {
    after: Option<String>,
}

pub(super) async fn authorities(
    State(console): State<Console>,
    reader: Reader,
    Query(After { after }): Query<After>,
    RawQuery(query): RawQuery,
) -> Response {
    let here = after.as_ref().map_or("/console/directory".to_owned(), |after| format!("/console/directory?after={after}"));
    let Ok(after) = after.map(|text| text.parse::<AuthorityId>()).transpose() else {
        return console.missing(&reader, "没有这一页。", "There is no such page.");
    };
    let frame = console.frame(&reader, "directory", &here);
    let page = rpc::authorities(&console.node, after, AUTHORITIES).await;
    let mut authorities = Vec::new();
    for entry in page.authorities {
        let parties = rpc::parties_of(&console.node, &entry.id, None, FIRST_PARTIES).await;
        let (parties, more) = parties.map_or((Vec::new(), false), |page| (page.parties, page.next.is_some()));
        authorities.push(authority(entry, parties, more, frame.l));
    }
    let next = page.next.map(|next| format!("/console/directory?after={next}"));
    show(&reader, query.as_deref(), &DirectoryPage { complete: page.complete, authorities, next, frame })
}

fn authority(entry: DirectoryEntry, parties: Vec<DirectoryParty>, more: bool, l: Tongue) -> AuthorityLine {
    let mut roles = Vec::new();
    if entry.supervises {
        roles.push(l.t("监督者", "supervisor"));
    }
    if entry.may_sponsor {
        roles.push(l.t("可登记网站", "may register websites"));
    }
    // The role is shown as a role.
    let attested = entry.types.into_iter().filter(|name| !name.attestation_type.starts_with(SUPERVISOR_ROLE));
    AuthorityLine {
        id: entry.id.to_string(),
        name: l.of(&entry.name),
        suspended: !entry.in_force,
        roles,
        types: attested.map(|name| type_line(name, l)).collect(),
        validators: entry.validators.join(l.t("、", ", ")),
        observers: entry.observers.join(l.t("、", ", ")),
        parties: parties.into_iter().map(|found| party(found, l)).collect(),
        more,
        key: entry.key,
    }
}

fn type_line(entry: DirectoryType, l: Tongue) -> TypeLine {
    let state = match entry.status {
        AccreditationStatus::InForce => "",
        AccreditationStatus::Suspended => l.t("已暂停", "suspended"),
        AccreditationStatus::Withdrawn => l.t("已撤销", "withdrawn"),
    };
    TypeLine { name: entry.attestation_type, state, key: entry.key }
}

fn party(found: DirectoryParty, l: Tongue) -> PartyLine {
    let purposes = found.purposes.into_iter().map(|purpose| PurposeLine {
        text: l.of(&purpose.text),
        data: purpose.data.iter().map(|data| format!("{}: {}", data.attestation_type, data.claims.join(", "))).collect(),
        days: purpose.retention_days,
    });
    PartyLine {
        id: found.id.to_string(),
        name: l.of(&found.name),
        origin: found.origin,
        suspended: !found.in_force,
        purposes: purposes.collect(),
        key: found.key,
    }
}

pub(super) async fn parties(
    State(console): State<Console>,
    reader: Reader,
    Path(authority): Path<String>,
    Query(After { after }): Query<After>,
    RawQuery(query): RawQuery,
) -> Response {
    let path = format!("/console/directory/{authority}");
    let asked = authority.parse::<AuthorityId>().ok().zip(after.as_deref().map(str::parse::<PartyId>).transpose().ok());
    let found = match asked {
        Some((authority, after)) => {
            rpc::parties_of(&console.node, &authority, after, PARTIES).await.map(|page| (authority, page))
        }
        None => None,
    };
    let Some((authority, page)) = found else {
        return console.missing(&reader, "账本上没有这个机构。", "The ledger has no such authority.");
    };
    let here = after.map_or(path.clone(), |after| format!("{path}?after={after}"));
    let frame = console.frame(&reader, "directory", &here);
    let l = frame.l;
    let record = record::<AuthorityRecord>(&console.node, &Subject::Authority(authority)).await;
    let template = PartiesPage {
        authority: record.map_or_else(|| authority.to_string(), |record| l.of(&record.name)),
        parties: page.parties.into_iter().map(|found| party(found, l)).collect(),
        next: page.next.map(|next| format!("{path}?after={next}")),
        frame,
    };
    show(&reader, query.as_deref(), &template)
}
