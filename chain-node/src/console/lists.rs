//! Lists: members, blocks, what an id names, findings, evidence.

use super::{
    Console,
    map::Seen,
    overview::{self, WINDOW, line, window},
    pages::{
        AuthorityLine, BlocksPage, EvidenceLine, EvidencePage, FindingLine, FindingsPage, Hit, MemberLine, MembersPage, Row,
        SearchPage, TypeLine,
    },
    show,
    words::{Moment, Tongue},
};
use crate::{
    rpc::{self, Node},
    search,
};
use axum::{
    extract::{Query, RawQuery, State},
    response::Response,
};
use commonware_runtime::Clock as _;
use identity::canonical;
use ledger::{cell::Subject, limits::MAX_RECORD_BYTES, records::AuthorityRecord};
use serde::Deserialize;
use service_kit::Language;
use std::collections::BTreeMap;
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
    language: Language,
    Query(Before { before }): Query<Before>,
    RawQuery(query): RawQuery,
) -> Response {
    let page = rpc::blocks(&console.node, before, PAGE).await;
    let here = before.map_or("/console/blocks".to_owned(), |before| format!("/console/blocks?before={before}"));
    let template = BlocksPage {
        frame: console.frame(language, "blocks", &here),
        blocks: page.blocks.into_iter().map(line).collect(),
        first: before.is_none(),
        next: page.next,
    };
    show(language, query.as_deref(), &template)
}

#[derive(Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

pub(super) async fn search(
    State(console): State<Console>,
    language: Language,
    Query(Asked { q }): Query<Asked>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked: String = form_urlencoded::Serializer::new(String::new()).append_pair("q", &q).finish();
    let frame = console.frame(language, "", &format!("/console/search?{asked}")).asking(&q);
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
    show(language, query.as_deref(), &template)
}

pub(super) async fn findings(State(console): State<Console>, language: Language, RawQuery(query): RawQuery) -> Response {
    let frame = console.frame(language, "findings", "/console/findings");
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
    show(language, query.as_deref(), &template)
}

pub(super) async fn evidence(State(console): State<Console>, language: Language, RawQuery(query): RawQuery) -> Response {
    let frame = console.frame(language, "evidence", "/console/evidence");
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
    show(language, query.as_deref(), &template)
}

pub(super) async fn members(State(console): State<Console>, language: Language, RawQuery(query): RawQuery) -> Response {
    let node = &console.node;
    let frame = console.frame(language, "members", "/console/members");
    let l = frame.l;
    let summary = node.summary(WINDOW);
    let turns: BTreeMap<String, _> = summary.turns.iter().map(|(key, turns)| (node.validator_name(key), *turns)).collect();
    let seen = overview::members(node, node.clock.current());
    let membership = node.peers.membership();
    let known = membership.current.validators.iter().chain(&membership.current.observers);
    let members = seen.into_iter().zip(known).map(|(seen, member)| {
        let turns = turns.get(&seen.name).copied().unwrap_or_default();
        let (state, class) = match (seen.seen, seen.observer) {
            (Seen::Away, _) => (l.t("离线", "away"), "bad"),
            (_, true) => (l.t("观察", "observes"), "warn"),
            (Seen::Me, false) => (l.t("本节点", "this node"), "good"),
            (Seen::Here | Seen::Unknown, false) => (l.t("在线", "here"), "good"),
        };
        MemberLine {
            authority: member.record.authority.to_string(),
            cluster: seen.cluster,
            name: seen.name,
            state,
            class,
            led: turns.blocks,
            missed: turns.missed,
        }
    });
    let (next_note, changes) = next(node, l);
    let template = MembersPage {
        governed: node.epochs.governed(),
        members: members.collect(),
        window: window(&summary, l),
        next_note,
        changes,
        authorities: authorities(node, l).await,
        frame,
    };
    show(language, query.as_deref(), &template)
}

/// When the next epoch begins, and what is different in it.
fn next(node: &Node, l: Tongue) -> (String, Vec<Row>) {
    let membership = node.peers.membership();
    let height = node.head.tip().borrow().height;
    let left = node.epochs.last_height_of(membership.epoch).map_or(0, |last| last.saturating_sub(height));
    let note = match l.tag() {
        "en" => format!("Epoch {} is in force; the next begins in {left} blocks.", membership.epoch),
        _ => format!("当前为纪元 {}，再过 {left} 个区块进入下一纪元。", membership.epoch),
    };
    let (now, then) = (&membership.current.validators, &membership.next.validators);
    let row = |head: &str, name: &str| Row { head: head.to_owned(), value: name.to_owned(), link: None, note: String::new() };
    let joining = then.iter().filter(|member| !now.iter().any(|known| known.record.name == member.record.name));
    let leaving = now.iter().filter(|member| !then.iter().any(|known| known.record.name == member.record.name));
    let mut changes: Vec<Row> = joining.map(|member| row(l.t("加入", "joins"), &member.record.name)).collect();
    changes.extend(leaving.map(|member| row(l.t("离开", "leaves"), &member.record.name)));
    (note, changes)
}

/// The authorities of the genesis as they stand now, with what they are accredited for.
async fn authorities(node: &Node, l: Tongue) -> Vec<AuthorityLine> {
    let mut lines = Vec::new();
    for known in &node.genesis.authorities {
        let cell = node.cell(&Subject::Authority(known.id)).await;
        let record = match &cell {
            Some(cell) => canonical::decode::<AuthorityRecord>(&node.body(cell).await, MAX_RECORD_BYTES).ok(),
            None => None,
        };
        let record = record.unwrap_or_else(|| known.clone());
        let mut types = Vec::new();
        for name in &record.accredited_types {
            let status = node.cell(&Subject::Accreditation(name.clone())).await.map_or(0, |cell| cell.status);
            let state = match status {
                0 => "",
                1 => l.t("已暂停", "suspended"),
                _ => l.t("已撤销", "withdrawn"),
            };
            types.push(TypeLine { name: name.clone(), state });
        }
        let suspended = cell.is_some_and(|cell| cell.status != 0);
        lines.push(AuthorityLine { id: record.id.to_string(), name: l.of(&record.name), suspended, types });
    }
    lines
}
