//! The words of the pages that are not in templates: kinds, faults, durations, sizes, times.

use crate::supervision::checks::Fault;
use identity::Localized;
use jiff::{Timestamp, tz::Offset};
use service_kit::Language;
use wire::chain::FoundKind;

/// The reader's language, short for templates.
#[derive(Clone, Copy, Debug)]
pub struct Tongue(pub Language);

impl Tongue {
    /// The one of two texts that is in the reader's language.
    pub(super) fn t<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.0.pick(zh, en)
    }

    pub(super) fn tag(&self) -> &'static str {
        self.0.tag()
    }

    pub(super) fn of(&self, text: &Localized) -> String {
        text.in_language(self.0.tag()).to_owned()
    }

    /// Milliseconds as a person reads them.
    pub(super) fn duration(&self, milliseconds: u64) -> String {
        const MINUTE: u64 = 60_000;
        const HOUR: u64 = 60 * MINUTE;
        match milliseconds {
            0..1_000 => format!("{milliseconds} {}", self.t("毫秒", "ms")),
            1_000..100_000 => format!("{}.{} {}", milliseconds / 1_000, milliseconds % 1_000 / 100, self.t("秒", "s")),
            100_000..HOUR => format!("{} {}", milliseconds / MINUTE, self.t("分钟", "min")),
            _ => format!(
                "{} {} {} {}",
                milliseconds / HOUR,
                self.t("小时", "h"),
                milliseconds % HOUR / MINUTE,
                self.t("分钟", "min")
            ),
        }
    }

    /// Millionths of a watt-hour as a person reads them.
    pub(super) fn energy(&self, microwatt_hours: u64) -> String {
        match microwatt_hours {
            0..1_000_000 => {
                format!("{}.{:02} {}", microwatt_hours / 1_000, microwatt_hours % 1_000 / 10, self.t("毫瓦时", "mWh"))
            }
            _ => {
                format!("{}.{:02} {}", microwatt_hours / 1_000_000, microwatt_hours % 1_000_000 / 10_000, self.t("瓦时", "Wh"))
            }
        }
    }

    /// What a role on the console is called.
    pub(super) fn role(&self, slug: &str) -> &'static str {
        match slug {
            "operator" => self.t("运行者", "operator"),
            "supervisor" => self.t("监督者", "supervisor"),
            _ => "",
        }
    }

    /// What happened at the console's door.
    pub(super) fn access(&self, slug: &str) -> String {
        let text = match slug {
            "login" => self.t("登录", "logged in"),
            "logout" => self.t("退出", "logged out"),
            "ended" => self.t("会话被终止：账本上的权限已变", "session ended: the ledger no longer gives the right"),
            "sessions_ended" => self.t("终止了本机构的全部会话", "ended every session of its authority"),
            "refused_challenge" => self.t("拒绝：没有待签的挑战，或已用过", "refused: no challenge waits, or it was used"),
            "refused_expired" => self.t("拒绝：挑战已过期", "refused: the challenge had expired"),
            "refused_code" => self.t("拒绝：不是登录码", "refused: not a code"),
            "refused_authority" => self.t("拒绝：账本上没有此机构", "refused: no such authority on the ledger"),
            "refused_suspended" => self.t("拒绝：机构已暂停", "refused: the authority is suspended"),
            "refused_key" => self.t("拒绝：不是该机构的密钥", "refused: not a key of this authority"),
            "refused_signature" => self.t("拒绝：签名不符", "refused: the signature does not fit"),
            "refused_role" => self.t("拒绝：在此节点没有角色", "refused: no role on this node"),
            other => other,
        };
        text.to_owned()
    }

    /// What a kind of transaction is called.
    pub(super) fn kind<'a>(&self, slug: &'a str) -> &'a str {
        match slug {
            "create_identity" => self.t("创建身份", "Identities created"),
            "add_device" => self.t("添加设备", "Devices added"),
            "remove_device" => self.t("移除设备", "Devices removed"),
            "deactivate" => self.t("注销身份", "Identities ended"),
            "anchor_attributes" => self.t("属性锚定", "Attributes anchored"),
            "record_attestations" => self.t("记录证明", "Attestations recorded"),
            "set_attestation_status" => self.t("更改证明状态", "Attestation status"),
            "break_lock" => self.t("持有人作废凭证", "Killed by the holder"),
            "record_receipts" => self.t("同意与访问回执", "Consent and access receipts"),
            "register_party" => self.t("登记网站", "Websites registered"),
            "set_purposes" => self.t("更改用途", "Purposes changed"),
            "recover" => self.t("恢复身份", "Identities recovered"),
            "rotate_recovery" => self.t("更换恢复密钥", "Recovery keys rotated"),
            "propose" => self.t("提案", "Proposals"),
            "vote" => self.t("表决", "Votes"),
            "enact" => self.t("执行提案", "Proposals enacted"),
            "withdraw" => self.t("撤回提案", "Proposals withdrawn"),
            "leave" => self.t("退出", "Members leaving"),
            "set_party_status" => self.t("暂停或恢复网站", "Website status"),
            "record_batch" => self.t("记录批次", "Batches recorded"),
            "set_batch_item_status" => self.t("更改批次内状态", "Batch item status"),
            "record_evidence" => self.t("记录证据", "Evidence recorded"),
            other => other,
        }
    }

    /// What an id names.
    pub(super) fn found(&self, kind: FoundKind) -> &'static str {
        match kind {
            FoundKind::Block => self.t("区块", "Block"),
            FoundKind::Transaction => self.t("交易", "Transaction"),
            FoundKind::Identity => self.t("身份", "Identity"),
            FoundKind::Anchor => self.t("属性锚定", "Anchor"),
            FoundKind::Attestation => self.t("证明", "Attestation"),
            FoundKind::Receipt => self.t("回执", "Receipt"),
            FoundKind::Authority => self.t("机构", "Authority"),
            FoundKind::Party => self.t("网站或窗口", "Website or counter"),
            FoundKind::Batch => self.t("批次", "Batch"),
            FoundKind::Proposal => self.t("提案", "Proposal"),
            FoundKind::Evidence => self.t("证据", "Evidence"),
            FoundKind::Record => self.t("记录", "Record"),
        }
    }

    /// What is wrong with a copy, by the fault's slug.
    pub(super) fn fault(&self, slug: &str) -> String {
        let texts = [
            (Fault::BlockMissing, "区块缺失", "The block is missing"),
            (Fault::OtherLedger, "区块属于另一账本", "The block is of another ledger"),
            (Fault::HeightOrder, "区块高度不连续", "The block's height does not follow its parent's"),
            (Fault::BrokenLink, "哈希链断裂", "The hash link to the block below is broken"),
            (Fault::TimeOrder, "时间早于前一区块", "The block's time is before its parent's"),
            (Fault::BackDated, "时间被倒填", "The block is back-dated"),
            (Fault::PostDated, "时间被提前", "The block is post-dated"),
            (Fault::TransactionsRoot, "交易与区块头不符", "The transactions are not those of the header"),
            (Fault::Certificate, "最终确认证书无效", "The finality certificate does not verify"),
            (Fault::Signature, "交易签名无效", "The transaction's signature does not verify"),
            (Fault::Receipt, "交易回执缺失或不符", "The transaction's receipt is missing or another's"),
            (Fault::Body, "记录内容缺失或被改动", "The record's bytes are missing or were changed"),
            (Fault::Version, "保存的版本被改动", "A kept version was changed"),
            (Fault::VersionOrder, "版本次序错误", "The record's versions are out of order"),
            (Fault::State, "状态无法证明此记录", "The state does not prove this record"),
        ];
        let known = texts.into_iter().find(|(fault, ..)| fault.slug() == slug);
        known.map_or_else(|| slug.to_owned(), |(_, zh, en)| self.t(zh, en).to_owned())
    }
}

/// Bytes as a person reads them.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] = [("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.into_iter().find(|(_, unit)| bytes >= *unit) {
        Some((name, unit)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// A time, for people and for programs.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// `2026-11-21 10:13:05`, in the city's own time.
    pub(super) shown: String,
    /// Its day.
    pub(super) day: String,
    /// Its time of day.
    pub(super) clock: String,
    /// RFC 3339, UTC.
    pub(super) full: String,
}

impl Moment {
    /// Milliseconds since the Unix epoch as a moment.
    pub(super) fn new(milliseconds: u64) -> Self {
        let milliseconds = i64::try_from(milliseconds).unwrap_or(i64::MAX);
        let timestamp = Timestamp::from_millisecond(milliseconds).unwrap_or_default();
        let local = Offset::constant(8).to_datetime(timestamp);
        let (date, time) = (local.date(), local.time());
        let clock = format!("{:02}:{:02}:{:02}", time.hour(), time.minute(), time.second());
        Self { shown: format!("{date} {clock}"), day: date.to_string(), clock, full: timestamp.to_string() }
    }
}

/// What names are sorted by, so that `validator-9` comes before `validator-10`.
pub fn counted(name: &str) -> (&str, u64) {
    let word = name.trim_end_matches(|character: char| character.is_ascii_digit());
    (word, name.get(word.len()..).and_then(|number| number.parse().ok()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::access::roles::{Refused, Role};

    #[test]
    fn every_role_and_every_refusal_has_words_in_both_languages() {
        for language in [Language::Chinese, Language::English] {
            let l = Tongue(language);
            assert!(Role::ALL.iter().all(|role| !l.role(role.as_str()).is_empty()));
            for refused in Refused::ALL {
                assert_ne!(l.access(refused.as_str()), refused.as_str());
            }
        }
    }

    #[test]
    fn names_are_sorted_as_a_person_counts() {
        let mut names = ["validator-10", "validator-2", "observer-1", "tax", "validator-1"];
        names.sort_by_key(|name| counted(name));
        assert_eq!(names, ["observer-1", "tax", "validator-1", "validator-2", "validator-10"]);
    }

    #[test]
    fn numbers_read_well() {
        let (zh, en) = (Tongue(Language::Chinese), Tongue(Language::English));
        let times = [7, 1_250, 99_999, 600_000, 5_400_000];
        assert_eq!(times.map(|time| en.duration(time)), ["7 ms", "1.2 s", "99.9 s", "10 min", "1 h 30 min"]);
        assert_eq!(times.map(|time| zh.duration(time)), ["7 毫秒", "1.2 秒", "99.9 秒", "10 分钟", "1 小时 30 分钟"]);
        assert_eq!([0, 1_440, 1_500_000].map(|energy| en.energy(energy)), ["0.00 mWh", "1.44 mWh", "1.50 Wh"]);
        assert_eq!([size(900), size(1_536), size(3 << 30)], ["900 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!(Moment::new(1_700_000_000_000).shown, "2023-11-15 06:13:20");
    }
}
