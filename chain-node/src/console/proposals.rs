//! Proposals for people: what they change, who voted, what comes next and when.

use super::{
    members::{Names, record},
    pages::{BallotLine, Named, ProposalLine, Proposals},
    words::Tongue,
};
use crate::rpc::Node;
use data_encoding::BASE64URL_NOPAD;
use ledger::{
    cell::Subject,
    genesis::Validator,
    governance::{Change, Parameters, Placement, ProposalId, ProposalRecord, Stage, ValidatorSet},
    records::AuthorityId,
    transaction::TransactionId,
};

/// Proposals that are looked at, the newest ones.
const LOOKED_AT: usize = 500;
/// Closed proposals that are shown.
const CLOSED: usize = 10;
/// Blocks over which the interval between them is taken.
const INTERVAL_BLOCKS: u64 = 100;

/// The newest proposals that this node knows, newest first.
pub(super) async fn all(node: &Node) -> Vec<(ProposalId, ProposalRecord)> {
    let mut found = Vec::new();
    for id in node.store.proposals(None, LOOKED_AT).unwrap_or_default() {
        let id = TransactionId(id);
        if let Some(record) = record::<ProposalRecord>(node, &Subject::Proposal(id)).await {
            found.push((id, record));
        }
    }
    found
}

/// The parameters in force.
pub(super) fn parameters(parameters: &Parameters, l: Tongue) -> Vec<Named> {
    let blocks = |count: u64| format!("{count} {}", l.t("个区块", "blocks"));
    vec![
        Named { name: l.t("通过所需", "Share that approves"), value: share(parameters) },
        Named { name: l.t("表决期", "Voting"), value: blocks(parameters.voting_blocks) },
        Named { name: l.t("公示期", "Notice"), value: blocks(parameters.notice_blocks) },
        Named { name: l.t("集群分布", "Placement"), value: placement(parameters.placement, l).to_owned() },
    ]
}

fn share(parameters: &Parameters) -> String {
    format!("{}/{}", parameters.approval.numerator, parameters.approval.denominator)
}

fn placement(placement: Placement, l: Tongue) -> &'static str {
    match placement {
        Placement::Advisory => l.t("仅提示", "advisory"),
        Placement::Enforced => l.t("强制", "enforced"),
    }
}

/// What proposals are seen with.
pub(super) struct Board<'a> {
    pub(super) node: &'a Node,
    pub(super) parameters: &'a Parameters,
    pub(super) height: u64,
    pub(super) names: &'a Names,
    pub(super) l: Tongue,
}

impl Board<'_> {
    /// The proposals as lines.
    pub(super) async fn lines(&self, proposals: Vec<(ProposalId, ProposalRecord)>) -> Proposals {
        let set: Option<ValidatorSet> = record(self.node, &Subject::Validators).await;
        let voters: Vec<AuthorityId> = set.map(|set| set.voters().into_iter().collect()).unwrap_or_default();
        let interval_ms = self.interval().await;
        let mut lines = Proposals::default();
        for (id, record) in proposals {
            let lasts = matches!(record.stage, Stage::Open | Stage::Approved { .. });
            let open = lasts && !record.expired(self.height, self.parameters);
            if open {
                lines.open.push(self.line(id, &record, &voters, interval_ms));
            } else if lines.closed.len() < CLOSED {
                lines.closed.push(self.line(id, &record, &voters, interval_ms));
            }
        }
        lines
    }

    /// The mean time from block to block over the last ones.
    async fn interval(&self) -> Option<u64> {
        let from = self.height.saturating_sub(INTERVAL_BLOCKS).max(1);
        let blocks = self.height.checked_sub(from).filter(|blocks| *blocks > 0)?;
        let (first, last) = (self.node.block_time_ms(from).await?, self.node.block_time_ms(self.height).await?);
        last.checked_sub(first)?.checked_div(blocks)
    }

    fn line(&self, id: ProposalId, record: &ProposalRecord, voters: &[AuthorityId], interval_ms: Option<u64>) -> ProposalLine {
        let (title, what) = self.change(&record.change);
        let (stage, class) = self.stage(record);
        let ballots = record.ballots.iter();
        let voted = |voter: &AuthorityId| record.ballots.iter().any(|ballot| ballot.authority == *voter);
        let open = record.stage == Stage::Open && !record.expired(self.height, self.parameters);
        let silent = voters.iter().filter(|voter| open && !voted(voter));
        let text = BASE64URL_NOPAD.encode(&id.0);
        ProposalLine {
            title,
            what,
            stage,
            class,
            next: self.next(record, interval_ms),
            proposer: self.names.of(&record.proposer),
            approvals: ballots.clone().filter(|ballot| ballot.approve && voters.contains(&ballot.authority)).count(),
            needed: self.parameters.approval.needed(voters.len()),
            voters: voters.len(),
            ballots: ballots
                .map(|ballot| BallotLine { who: self.names.of(&ballot.authority), approve: ballot.approve })
                .collect(),
            silent: silent.map(|voter| self.names.of(voter)).collect(),
            key: BASE64URL_NOPAD.encode(&Subject::Proposal(id).key()),
            commands: self.commands(record, &text),
            id: text,
        }
    }

    fn stage(&self, record: &ProposalRecord) -> (&'static str, &'static str) {
        let l = self.l;
        if record.expired(self.height, self.parameters) {
            return (l.t("已过期", "expired"), "warn");
        }
        match record.stage {
            Stage::Open => (l.t("表决中", "open for votes"), "warn"),
            Stage::Approved { .. } => (l.t("已通过", "approved"), "good"),
            Stage::Rejected { .. } => (l.t("未通过", "rejected"), "bad"),
            Stage::Withdrawn { .. } => (l.t("已撤回", "withdrawn"), "warn"),
            Stage::Enacted { .. } => (l.t("已生效", "in effect"), "good"),
        }
    }

    /// A height and how far away it is.
    fn at(&self, height: u64, interval_ms: Option<u64>) -> String {
        let blocks = height.saturating_sub(self.height);
        let away = interval_ms.filter(|_| blocks > 0).map(|interval| self.l.duration(interval.saturating_mul(blocks)));
        match (away, self.l.tag()) {
            (Some(away), "en") => format!("height {height} ({blocks} blocks, about {away})"),
            (Some(away), _) => format!("高度 {height}（{blocks} 个区块，约 {away}）"),
            (None, "en") => format!("height {height}"),
            (None, _) => format!("高度 {height}"),
        }
    }

    fn next(&self, record: &ProposalRecord, interval_ms: Option<u64>) -> String {
        let at = |height| self.at(height, interval_ms);
        let en = self.l.tag() == "en";
        match record.stage {
            Stage::Open if en => format!("Ballots count until {}", at(record.last_vote(self.parameters))),
            Stage::Open => format!("可表决至{}", at(record.last_vote(self.parameters))),
            Stage::Approved { .. } => {
                let (first, last) = record.enactment(self.parameters).unwrap_or((self.height, self.height));
                match (self.height < first, en) {
                    (true, true) => format!("Notice until {}; then any authority may enact it until height {last}", at(first)),
                    (true, false) => format!("公示至{}；此后任何机构可执行，至高度 {last}", at(first)),
                    (false, true) => format!("Notice is over: any authority may enact it until {}", at(last)),
                    (false, false) => format!("公示已满：任何机构可执行，至{}", at(last)),
                }
            }
            Stage::Rejected { height } | Stage::Withdrawn { height } | Stage::Enacted { height } => at(height),
        }
    }

    fn commands(&self, record: &ProposalRecord, id: &str) -> Vec<String> {
        if record.expired(self.height, self.parameters) {
            return Vec::new();
        }
        match record.stage {
            Stage::Open => vec![format!("vote {id} approve"), format!("vote {id} refuse")],
            Stage::Approved { .. } => vec![format!("enact {id}")],
            Stage::Rejected { .. } | Stage::Withdrawn { .. } | Stage::Enacted { .. } => Vec::new(),
        }
    }

    /// What a change is called, and what it is about.
    fn change(&self, change: &Change) -> (&'static str, String) {
        let (l, names) = (self.l, self.names);
        let member = |member: &Validator| format!("{} · {} · {}", member.name, names.of(&member.authority), member.cluster);
        match change {
            Change::AdmitValidator { validator, proof: _ } => (l.t("接纳验证节点", "Admit a validator"), member(validator)),
            Change::RemoveValidator { name } => (l.t("移除验证节点", "Remove a validator"), name.clone()),
            Change::RotateValidatorKey { name, key: _, proof: _ } => {
                (l.t("更换验证节点密钥", "Rotate a validator's key"), name.clone())
            }
            Change::AdmitObserver { observer, proof: _ } => (l.t("接纳观察节点", "Admit an observer"), member(observer)),
            Change::RemoveObserver { name } => (l.t("移除观察节点", "Remove an observer"), name.clone()),
            Change::AdmitAuthority(record) => {
                (l.t("接纳机构", "Admit an authority"), format!("{} ({})", l.of(&record.name), record.id))
            }
            Change::ReplaceAuthorityKeys { authority, ledger_keys: _, credential_keys: _ } => {
                (l.t("更换机构密钥", "Replace an authority's keys"), names.of(authority))
            }
            Change::SuspendAuthority(authority) => (l.t("暂停机构", "Suspend an authority"), names.of(authority)),
            Change::RestoreAuthority(authority) => (l.t("恢复机构", "Restore an authority"), names.of(authority)),
            Change::Accredit { authority, attestation_type } => {
                (l.t("授权签发", "Accredit"), format!("{} · {attestation_type}", names.of(authority)))
            }
            Change::SuspendAccreditation(name) => (l.t("暂停授权", "Suspend an accreditation"), name.clone()),
            Change::RestoreAccreditation(name) => (l.t("恢复授权", "Restore an accreditation"), name.clone()),
            Change::WithdrawAccreditation(name) => (l.t("撤销授权", "Withdraw an accreditation"), name.clone()),
            Change::AllowSponsoring { authority, allowed: true } => {
                (l.t("允许登记网站", "Let register websites"), names.of(authority))
            }
            Change::AllowSponsoring { authority, allowed: false } => {
                (l.t("不再允许登记网站", "No longer let register websites"), names.of(authority))
            }
            Change::SetParameters(new) => {
                let parts = parameters(new, l).into_iter().map(|part| format!("{} {}", part.name, part.value));
                (l.t("更改参数", "Change the parameters"), parts.collect::<Vec<_>>().join(" · "))
            }
        }
    }
}
