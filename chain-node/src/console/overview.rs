//! The overview: where the ledger is, who is here, how quick it is, what it costs.

use super::{
    Console, Reader,
    map::{self, Member, Seen},
    pages::{BlockLine, Figures, Frame, Halt, KindBar, LivePart, Named, Overview, OverviewPage},
    show,
    words::{Moment, Tongue, counted, size},
};
use crate::{
    engine::members,
    observations::Summary,
    progress::{Stall, milliseconds},
    resources::ENOUGH_TRANSACTIONS,
    rpc::{self, Node},
};
use axum::{
    extract::{RawQuery, State},
    response::Response,
};
use commonware_runtime::Clock as _;
use std::time::SystemTime;

/// Blocks that the numbers are of.
pub(super) const WINDOW: usize = 1_000;
/// Blocks in the table.
const BLOCKS: usize = 8;

pub(super) async fn page(State(console): State<Console>, reader: Reader, RawQuery(query): RawQuery) -> Response {
    let overview = overview(&console, &reader).await;
    show(&reader, query.as_deref(), &OverviewPage(overview))
}

pub(super) async fn live(State(console): State<Console>, reader: Reader) -> Response {
    let overview = overview(&console, &reader).await;
    show(&reader, None, &LivePart(overview))
}

async fn overview(console: &Console, reader: &Reader) -> Overview {
    let node = &console.node;
    let frame = console.frame(reader, "overview", "/console");
    let l = frame.l;
    let now = node.clock.current();
    let summary = node.summary(WINDOW);
    let members = members(node, now);
    let blocks = rpc::blocks(node, None, BLOCKS).await;
    let (cost, cost_note) = cost(node, l);
    Overview {
        stall: node.progress.check(now).err().map(|stall| halt(&stall, &members, l)),
        figures: figures(node, &summary, now, l),
        map: map::draw(&members, node.peers.quorum(), l),
        window: window(&summary, l),
        kinds: kinds(&summary, l),
        resources: resources(node, l),
        cost,
        cost_note,
        blocks: blocks.blocks.into_iter().map(line).collect(),
        frame,
    }
}

/// A block as a line of the table.
pub(super) fn line(block: wire::chain::BlockSummary) -> BlockLine {
    BlockLine {
        height: block.height,
        time: Moment::new(block.timestamp_ms),
        leader: block.leader,
        transactions: block.transactions,
    }
}

/// The members of the epoch as this node sees them, validators first, as a person would count them.
pub(super) fn members(node: &Node, now: SystemTime) -> Vec<Member> {
    let leader = node.validator_name(&node.head.tip().borrow().context.leader);
    let membership = node.peers.membership();
    let me = node.epochs.me();
    let seen = |member: &members::Member, observer: bool| Member {
        seen: match (member.key == me, node.peers.is_here(&member.key, now)) {
            (true, _) => Seen::Me,
            (false, true) => Seen::Here,
            (false, false) => Seen::Away,
        },
        leads: !observer && member.record.name == leader,
        name: member.record.name.clone(),
        cluster: member.record.cluster.clone(),
        observer,
    };
    let validators = membership.current.validators.iter().map(|member| seen(member, false));
    let mut members: Vec<Member> =
        validators.chain(membership.current.observers.iter().map(|member| seen(member, true))).collect();
    members.sort_by(|a, b| (a.observer, counted(&a.name)).cmp(&(b.observer, counted(&b.name))));
    members
}

fn halt(stall: &Stall, members: &[Member], l: Tongue) -> Halt {
    let away = members.iter().filter(|member| !member.observer && member.seen == Seen::Away);
    let missing: Vec<String> = away.map(|member| format!("{} ({})", member.name, member.cluster)).collect();
    match stall {
        Stall::QuorumAway { here, validators, quorum } => Halt {
            title: l.t("账本已停止：在线的验证节点不足法定人数", "The ledger stands still: too few validators are here"),
            sentence: match l.tag() {
                "en" => format!(
                    "{here} of {validators} validators are heard and {quorum} are needed. Nothing that was final is lost, and nothing new becomes final."
                ),
                _ => format!(
                    "{validators} 个验证节点中只听到 {here} 个，需要 {quorum} 个。已最终确认的内容不会丢失，新交易暂不能确认。"
                ),
            },
            advice: match l.tag() {
                "en" => format!("{} of these must return.", quorum.saturating_sub(*here)),
                _ => format!("以上节点中须有 {} 个恢复。", quorum.saturating_sub(*here)),
            },
            missing,
        },
        Stall::Starting => Halt {
            title: l.t("正在启动", "Starting"),
            sentence: l.t("本节点启动后还没有见到新区块。", "No block was finalized since this node started.").to_owned(),
            missing: Vec::new(),
            advice: l.t("通常几秒内会好。", "This usually takes a few seconds.").to_owned(),
        },
        Stall::NotAdmitted { epoch } => Halt {
            title: l.t("本节点不是成员", "This node is not a member"),
            sentence: match l.tag() {
                "en" => format!("Its key is neither a validator's nor an observer's in epoch {epoch}, the newest that it knows."),
                _ => format!("在它所知的最新纪元 {epoch} 中，它的密钥既不是验证节点也不是观察节点。"),
            },
            missing: Vec::new(),
            advice: l.t("成员表决接纳后它会继续同步。", "It follows once the members admit it by vote.").to_owned(),
        },
        Stall::Behind { own, others } => Halt {
            title: l.t("本节点落后，且无节点提供所缺区块", "This node is behind, and nobody gives it the blocks that it lacks"),
            sentence: match l.tag() {
                "en" => format!("It has block {own}; the others have final blocks up to {others}, and may keep only their last ones."),
                _ => format!("本节点有区块 {own}，其他节点已确认至 {others}，它们可能只保留最近的区块。"),
            },
            missing: Vec::new(),
            advice: l
                .t(
                    "请使其能连接到归档节点；或停止本节点并清空数据目录（切勿删除投票保护文件），它将从其他节点获取状态。",
                    "Let it reach an archive node; or stop it and empty its data folder, never its vote guard: it then begins with their \
                     state.",
                )
                .to_owned(),
        },
        Stall::NoProgress(seconds) => Halt {
            title: l.t("账本没有进展", "The ledger makes no progress"),
            sentence: match l.tag() {
                "en" => format!("Enough validators are heard, yet the last block became final {seconds} seconds ago."),
                _ => format!("在线节点已足够，但最后一个区块是 {seconds} 秒前确认的。"),
            },
            advice: l
                .t("请查看各节点日志与时钟是否一致。", "See the validators' logs, and whether their clocks agree.")
                .to_owned(),
            missing,
        },
    }
}

fn figures(node: &Node, summary: &Summary, now: SystemTime, l: Tongue) -> Figures {
    let (height, timestamp_ms) = {
        let tip = node.head.tip();
        let tip = tip.borrow();
        (tip.height, tip.timestamp_ms)
    };
    let (pending, bytes) = node.mempool.size();
    let age = l.duration(milliseconds(now).saturating_sub(timestamp_ms));
    let (none, p99) =
        ("—".to_owned(), |milliseconds| format!("{} {}", l.t("99% 不超过", "99% within"), l.duration(milliseconds)));
    let finality = node.observations.finality();
    Figures {
        height,
        since: format!("{} {age}", l.t("距最新区块", "latest one")) + l.t("", " ago"),
        finality_p50: finality.map_or(none.clone(), |finality| l.duration(finality.p50_ms)),
        finality_p99: finality.map_or(l.t("尚无交易", "no transaction yet").to_owned(), |finality| p99(finality.p99_ms)),
        interval_p50: summary.intervals.map_or(none, |interval| l.duration(interval.p50_ms)),
        interval_p99: summary.intervals.map_or(String::new(), |interval| p99(interval.p99_ms)),
        pending,
        pending_note: size(u64::try_from(bytes).unwrap_or(u64::MAX)),
    }
}

/// What blocks the numbers are of.
pub(super) fn window(summary: &Summary, l: Tongue) -> String {
    let (from, to) = summary.heights.unwrap_or_default();
    match l.tag() {
        "en" => format!("blocks {from} to {to} · skipped views: {}", summary.skipped_views),
        _ => format!("区块 {from} 至 {to} · 跳过 {} 轮", summary.skipped_views),
    }
}

fn kinds(summary: &Summary, l: Tongue) -> Vec<KindBar> {
    let kinds = summary.kinds.most_first();
    let most = kinds.first().map_or(1, |(_, count)| (*count).max(1));
    let bar = |(slug, count): (&'static str, u64)| KindBar {
        name: l.kind(slug).to_owned(),
        slug,
        count,
        width: (count * 100 / most).max(1),
    };
    kinds.into_iter().map(bar).collect()
}

fn resources(node: &Node, l: Tongue) -> Vec<Named> {
    let taken = node.observations.resources.taken();
    let unknown = || l.t("未知", "unknown").to_owned();
    let bytes = |bytes: Option<u64>| bytes.map_or_else(unknown, size);
    let share = taken.core_permille.map_or_else(unknown, |share| format!("{}.{} %", share / 10, share % 10));
    vec![
        Named { name: l.t("处理器（占一个核）", "Processor (of one core)"), value: share },
        Named { name: l.t("内存", "Memory"), value: bytes(taken.now.resident_bytes) },
        Named { name: l.t("数据目录", "Data folder"), value: bytes(taken.now.disk_bytes) },
        Named { name: l.t("磁盘剩余", "Free on its disk"), value: bytes(taken.now.free_bytes) },
        Named { name: l.t("保留的区块", "Blocks kept"), value: kept(node, l) },
    ]
}

/// What of the ledger this node has.
pub(super) fn kept(node: &Node, l: Tongue) -> String {
    let oldest = node.reads.oldest();
    match (node.is_archive(), node.protection.keep_blocks, l.tag()) {
        (true, _, _) => l.t("全部（归档节点）", "all (an archive)").to_owned(),
        (false, Some(keep), "en") => format!("from height {oldest} on (at least the last {keep})"),
        (false, Some(keep), _) => format!("自高度 {oldest} 起（至少最近 {keep} 个）"),
        (false, None, "en") => format!("from height {oldest} on (it began there)"),
        (false, None, _) => format!("自高度 {oldest} 起（从此处开始）"),
    }
}

/// What 1,000 transactions cost this node, and from what that is said.
fn cost(node: &Node, l: Tongue) -> (Vec<Named>, String) {
    let transactions = node.observations.transactions();
    let Some(cost) = node.observations.resources.taken().cost(transactions) else {
        let note = match l.tag() {
            "en" => format!("Known after {ENOUGH_TRANSACTIONS} transactions; there were {transactions} since this node started."),
            _ => format!("满 {ENOUGH_TRANSACTIONS} 笔交易后给出；启动以来有 {transactions} 笔。"),
        };
        return (Vec::new(), note);
    };
    let lines = vec![
        Named { name: l.t("处理器时间", "Processor time"), value: l.duration(cost.cpu_ms) },
        Named { name: l.t("磁盘增长", "Growth on disk"), value: size(cost.disk_bytes) },
        Named { name: l.t("电能（估算）", "Energy (estimate)"), value: l.energy(cost.energy_uwh) },
    ];
    let (transactions, watts, validators) = (cost.transactions, cost.assumed_watts, node.peers.validators());
    let note = match l.tag() {
        "en" => format!(
            "From {transactions} transactions since this node started, its idle time included. Energy is not measured: {watts} W are assumed for \
             a busy core. Each of the {validators} validators takes about as much."
        ),
        _ => format!(
            "按启动以来的 {transactions} 笔交易计算，含空闲开销。电能未经实测：假定每个满载核心 {watts} 瓦。{validators} 个验证节点各自的开销大致相同。"
        ),
    };
    (lines, note)
}

impl Frame {
    /// With what was searched for.
    pub(super) fn asking(self, query: &str) -> Self {
        Self { query: query.to_owned(), ..self }
    }
}
