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

/// Milliseconds as a person reads them.
pub(super) fn duration(milliseconds: u64) -> String {
    match milliseconds {
        0..1_000 => format!("{milliseconds} ms"),
        1_000..100_000 => format!("{}.{} s", milliseconds / 1_000, milliseconds % 1_000 / 100),
        _ => format!("{} min", milliseconds / 60_000),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!([duration(7), duration(1_250), duration(600_000)], ["7 ms", "1.2 s", "10 min"]);
        assert_eq!([size(900), size(1_536), size(3 << 30)], ["900 B", "1.5 KiB", "3.0 GiB"]);
        assert_eq!(Moment::new(1_700_000_000_000).shown, "2023-11-15 06:13:20");
    }
}
