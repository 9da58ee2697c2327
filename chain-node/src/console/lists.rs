//! Lists: blocks, what an id names, findings, evidence.

use super::{
    Console, Reader,
    overview::line,
    pages::{BlocksPage, EvidenceLine, EvidencePage, FindingLine, FindingsPage, Hit, SearchPage},
    show,
    words::Moment,
};
use crate::{rpc, search};
use axum::{
    extract::{Query, RawQuery, State},
    response::Response,
};
use serde::Deserialize;
use url::form_urlencoded;
use wire::chain::FoundKind;

/// Blocks of a page.
const PAGE: usize = 50;

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn blocks(
    State(console): State<Console>,
    reader: Reader,
    Query(Before { before }): Query<Before>,
    RawQuery(query): RawQuery,
) -> Response {
    let page = rpc::blocks(&console.node, before, PAGE).await;
    let here = before.map_or("/console/blocks".to_owned(), |before| format!("/console/blocks?before={before}"));
    let template = BlocksPage {
        frame: console.frame(&reader, "blocks", &here),
        blocks: page.blocks.into_iter().map(line).collect(),
        first: before.is_none(),
        next: page.next,
        pruned: page.pruned,
    };
    show(&reader, query.as_deref(), &template)
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

pub(super) async fn search(
    State(console): State<Console>,
    reader: Reader,
    Query(Asked { q }): Query<Asked>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", &q).finish();
    let frame = console.frame(&reader, "", &format!("/console/search?{asked}")).asking(&q);
    let l = frame.l;
    let found = search::search(&console.node, &q).await.into_iter().map(|found| {
        let link = match (found.kind, &found.key) {
            (FoundKind::Block, _) | (_, None) => format!("/console/blocks/{}", found.height),
            (FoundKind::Transaction, _) => format!("/console/transactions/{}", found.id),
            (_, Some(key)) => format!("/console/records/{key}"),
        };
        let note = format!("{} {}", l.t("高度", "height"), found.height);
        Hit { head: l.found(found.kind), value: found.id, link, note }
    });
    let template = SearchPage { found: found.collect(), frame };
    show(&reader, query.as_deref(), &template)
}

pub(super) async fn findings(State(console): State<Console>, reader: Reader, RawQuery(query): RawQuery) -> Response {
    let frame = console.frame(&reader, "findings", "/console/findings");
    let report = console.node.supervision.report();
    let findings = report.findings.into_iter().map(|finding| FindingLine {
        what: frame.l.fault(&finding.what),
        subject: finding.subject,
        height: finding.height,
        since: Moment::new(finding.since_ms),
        over: finding.cleared_ms.is_some(),
    });
    let template = FindingsPage {
        findings: findings.collect(),
        running: report.running,
        rounds: report.rounds,
        height: report.height,
        records: report.records,
        frame,
    };
    show(&reader, query.as_deref(), &template)
}

pub(super) async fn evidence(State(console): State<Console>, reader: Reader, RawQuery(query): RawQuery) -> Response {
    let frame = console.frame(&reader, "evidence", "/console/evidence");
    let l = frame.l;
    let entries = rpc::evidence(&console.node).await.into_iter().map(|entry| EvidenceLine {
        offence: match entry.offence.as_str() {
            "two_notarizes" => l.t("两次预备投票", "two notarize votes"),
            "two_finalizes" => l.t("两次提交投票", "two finalize votes"),
            _ => l.t("既放弃又提交", "nullify and finalize"),
        },
        validator: entry.validator,
        epoch: entry.epoch,
        view: entry.view,
        height: entry.height,
        key: entry.key,
    });
    let template = EvidencePage { entries: entries.collect(), frame };
    show(&reader, query.as_deref(), &template)
}
