//! The members page: who validates, and what is proposed.

use super::{
    Console, Reader,
    map::Seen,
    overview::{self, WINDOW, window},
    pages::{MemberLine, MembersPage, Proposals, Row},
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
    cell::{Cell, Subject},
    governance::Parameters,
    limits::MAX_RECORD_BYTES,
    records::{AuthorityId, AuthorityRecord},
};
use std::collections::BTreeMap;

/// What the authorities are called.
pub(super) struct Names(BTreeMap<AuthorityId, String>);

/// Authorities whose names are looked up for one page at most.
const MAX_NAMES: usize = 1_000;

impl Names {
    pub(super) async fn of_all(node: &Node, l: Tongue) -> Self {
        let mut names = BTreeMap::new();
        for id in node.store.authorities(None, MAX_NAMES).unwrap_or_default() {
            if let Some(record) = record::<AuthorityRecord>(node, &Subject::Authority(id)).await {
                names.insert(id, l.of(&record.name));
            }
        }
        Self(names)
    }

    /// The authority's name, or its id where the name is not known.
    pub(super) fn of(&self, id: &AuthorityId) -> String {
        self.0.get(id).cloned().unwrap_or_else(|| id.to_string())
    }
}

/// A subject's cell and record in this node's finalized state.
pub(super) async fn record_with_cell<T: BorshDeserialize>(node: &Node, subject: &Subject) -> Option<(Cell, T)> {
    let cell = node.cell(subject).await?;
    Some((cell, canonical::decode(&node.body(&cell).await, MAX_RECORD_BYTES).ok()?))
}

/// The record of a subject in this node's finalized state.
pub(super) async fn record<T: BorshDeserialize>(node: &Node, subject: &Subject) -> Option<T> {
    record_with_cell(node, subject).await.map(|(_, record)| record)
}

pub(super) async fn members(State(console): State<Console>, reader: Reader, RawQuery(query): RawQuery) -> Response {
    let node = &console.node;
    let frame = console.frame(&reader, "members", "/console/members");
    let l = frame.l;
    let height = node.head.tip().borrow().height;
    let proposals = proposals::all(node).await;
    let names = Names::of_all(node, l).await;
    let parameters: Option<Parameters> = record(node, &Subject::Parameters).await;
    let summary = node.summary(WINDOW);
    let turns: BTreeMap<String, _> = summary.turns.iter().map(|(key, turns)| (node.validator_name(key), *turns)).collect();
    let seen = overview::members(node, node.clock.current());
    let membership = node.peers.membership();
    let known = membership.current.validators.iter().chain(&membership.current.observers);
    let authorities: BTreeMap<&str, _> = known.map(|member| (member.record.name.as_str(), &member.record.authority)).collect();
    let members = seen.into_iter().map(|seen| {
        let turns = turns.get(&seen.name).copied().unwrap_or_default();
        let (state, class) = match (seen.seen, seen.observer) {
            (Seen::Away, _) => (l.t("离线", "away"), "bad"),
            (_, true) => (l.t("观察", "observes"), "warn"),
            (Seen::Me, false) => (l.t("本节点", "this node"), "good"),
            (Seen::Here | Seen::Unknown, false) => (l.t("在线", "here"), "good"),
        };
        MemberLine {
            authority: authorities.get(seen.name.as_str()).map(|authority| names.of(authority)).unwrap_or_default(),
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
        frame,
    };
    show(&reader, query.as_deref(), &template)
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
