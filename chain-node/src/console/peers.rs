//! Connections for people: whom this node's network lets in, who is heard, who is cut off and why, and where each is reached.

use super::{
    Console, Reader,
    members::Names,
    pages::{PeerLine, PeersPage},
    show,
    words::{Moment, Tongue, counted},
};
use crate::{
    engine::members::{Member, Membership, Role},
    peers::{CutOff, Offence},
    progress::milliseconds,
    rpc::Node,
};
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use commonware_runtime::Clock as _;
use std::time::SystemTime;

pub(super) async fn peers(State(console): State<Console>, reader: Reader, RawQuery(query): RawQuery) -> Response {
    let node = &console.node;
    let frame = console.frame(&reader, "peers", "/console/peers");
    let names = Names::of_all(node, frame.l).await;
    let membership = node.peers.membership();
    let admitted = membership.admitted();
    let now = node.clock.current();
    let mut members: Vec<&Member> = admitted.primary.iter().chain(&admitted.secondary).collect();
    members.sort_by_key(|member| counted(&member.record.name));
    let line = |member: &&Member| line(node, &membership, member, &names, now, frame.l);
    let template = PeersPage {
        peers: members.iter().map(line).collect(),
        here: members.iter().filter(|member| node.peers.is_here(&member.key, now)).count(),
        cut_off: members.iter().filter(|member| node.peers.cut_off(&member.key).is_some()).count(),
        frame,
    };
    show(&reader, query.as_deref(), &template)
}

fn line(node: &Node, membership: &Membership, member: &Member, names: &Names, now: SystemTime, l: Tongue) -> PeerLine {
    let me = member.key == node.epochs.me();
    let cut_off = node.peers.cut_off(&member.key);
    let (state, class) = match (me, cut_off, node.peers.is_here(&member.key, now)) {
        (true, ..) => (l.t("本节点", "this node"), "good"),
        (false, Some(_), _) => (l.t("已切断", "cut off"), "bad"),
        (false, None, true) => (l.t("已连接", "connected"), "good"),
        (false, None, false) => (l.t("离线", "away"), "bad"),
    };
    let heard = match node.peers.last_heard(&member.key) {
        _ if me => "—".to_owned(),
        None => l.t("启动以来没有", "not since this node started").to_owned(),
        Some(at) => {
            let ago = l.duration(milliseconds(now).saturating_sub(milliseconds(at)));
            match l.tag() {
                "en" => format!("{ago} ago"),
                _ => format!("{ago}前"),
            }
        }
    };
    PeerLine {
        name: member.record.name.clone(),
        authority: names.of(&member.record.authority),
        role: role(membership, member, l),
        state,
        class,
        heard,
        address: member.record.address.clone().unwrap_or_default(),
        cut_off: cut_off.map(|cut_off| why(&cut_off, l)).unwrap_or_default(),
    }
}

/// What a member is now, or why it is let in although it is nothing now.
fn role(membership: &Membership, member: &Member, l: Tongue) -> &'static str {
    match (membership.current.role(&member.key), membership.next.role(&member.key)) {
        (Role::Validator, Role::Validator) => l.t("验证节点", "validator"),
        (Role::Validator, Role::Observer | Role::Standby) => l.t("验证节点，本纪元后离开", "validator, leaves after this epoch"),
        (Role::Observer | Role::Standby, Role::Validator) => l.t("下一纪元起为验证节点", "validator from the next epoch on"),
        (Role::Observer, Role::Observer) => l.t("观察节点", "observer"),
        (Role::Observer, Role::Standby) => l.t("观察节点，本纪元后离开", "observer, leaves after this epoch"),
        (Role::Standby, Role::Observer) => l.t("下一纪元起为观察节点", "observer from the next epoch on"),
        (Role::Standby, Role::Standby) => l.t("上一纪元的成员", "member of the epoch before"),
    }
}

fn why(cut_off: &CutOff, l: Tongue) -> String {
    let since = Moment::new(milliseconds(cut_off.since)).shown;
    let offence = match cut_off.offence {
        Offence::Message => l.t("它发来无法解码的消息", "it sent a message that does not decode"),
        Offence::Transaction => l.t("它转发了自己应当拒绝的交易", "it passed on a transaction that it should have refused"),
        Offence::Engine => l.t(
            "它发来诚实节点不会发的投票、区块、证书或答复；详见日志",
            "it sent a vote, block, certificate or answer that no honest node sends; the log says which",
        ),
    };
    match l.tag() {
        "en" => format!("Cut off for ten minutes since {since}: {offence}."),
        _ => format!("自 {since} 起切断十分钟：{offence}。"),
    }
}
