//! The members page: who validates, what is proposed, who may attest what.

use super::{
    Console,
    map::Seen,
    overview::{self, WINDOW, window},
    pages::{AuthorityLine, MemberLine, MembersPage, Proposals, Row, TypeLine},
    proposals::{self, Board},
    show,
    words::Tongue,
};
use crate::rpc::Node;
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use borsh::BorshDeserialize;
use commonware_runtime::Clock as _;
use identity::canonical;
use ledger::{
    cell::Subject,
    governance::{Change, Parameters, Stage},
    limits::MAX_RECORD_BYTES,
    records::{AuthorityId, AuthorityRecord},
};
use service_kit::Language;
use std::collections::BTreeMap;

/// What the authorities are called.
pub(super) struct Names(BTreeMap<String, String>);

impl Names {
    fn new(authorities: &[AuthorityLine]) -> Self {
        Self(authorities.iter().map(|authority| (authority.id.clone(), authority.name.clone())).collect())
    }

    /// The authority's name, or its id where the name is not known.
    pub(super) fn of(&self, id: &AuthorityId) -> String {
        let id = id.to_string();
        self.0.get(&id).cloned().unwrap_or(id)
    }
}

/// The record of a subject in this node's finalized state.
pub(super) async fn record<T: BorshDeserialize>(node: &Node, subject: &Subject) -> Option<T> {
    let cell = node.cell(subject).await?;
    canonical::decode(&node.body(&cell).await, MAX_RECORD_BYTES).ok()
}

pub(super) async fn members(State(console): State<Console>, language: Language, RawQuery(query): RawQuery) -> Response {
    let node = &console.node;
    let frame = console.frame(language, "members", "/console/members");
    let l = frame.l;
    let height = node.head.tip().borrow().height;
    let proposals = proposals::all(node).await;
    let admitted = proposals.iter().filter_map(|(_, record)| match (&record.change, record.stage) {
        (Change::AdmitAuthority(authority), Stage::Enacted { .. }) => Some(authority.clone()),
        _ => None,
    });
    let authorities = authorities(node, admitted.collect(), l).await;
    let names = Names::new(&authorities);
    let parameters: Option<Parameters> = record(node, &Subject::Parameters).await;
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
            authority: names.of(&member.record.authority),
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
        parameters: parameters.as_ref().map(|parameters| proposals::parameters(parameters, l)).unwrap_or_default(),
        proposals: match &parameters {
            Some(parameters) => Board { node, parameters, height, names: &names, l }.lines(proposals).await,
            None => Proposals::default(),
        },
        authorities,
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

/// The authorities of the genesis and those that were admitted, as they stand now, with what they are accredited for.
async fn authorities(node: &Node, admitted: Vec<AuthorityRecord>, l: Tongue) -> Vec<AuthorityLine> {
    let mut lines = Vec::new();
    for known in node.genesis.authorities.iter().cloned().chain(admitted) {
        let subject = Subject::Authority(known.id);
        let suspended = node.cell(&subject).await.is_some_and(|cell| cell.status != 0);
        let record = record::<AuthorityRecord>(node, &subject).await.unwrap_or(known);
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
        lines.push(AuthorityLine { id: record.id.to_string(), name: l.of(&record.name), suspended, types });
    }
    lines
}
