//! The words of the pages that are not in templates: states, channels, times.

use identity::UnixSeconds;
use jiff::Timestamp;
use jiff::tz::Offset;
use service_kit::Language;
use wire::issuer::AttributeKind;

use crate::attestations::{Channel, FieldMatch, RegisterMatch};

/// The reader's language, short for templates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tongue(pub(super) Language);

impl Tongue {
    /// The one of two texts that is in the reader's language.
    pub(super) fn t<'a>(&self, zh: &'a str, en: &'a str) -> &'a str {
        self.0.pick(zh, en)
    }

    pub(super) fn tag(&self) -> &'static str {
        self.0.tag()
    }

    /// A name in the reader's language.
    pub(super) fn of(&self, text: &identity::Localized) -> String {
        text.in_language(self.0.tag()).to_owned()
    }

    pub(super) fn channel(&self, channel: Option<Channel>) -> &'static str {
        match channel {
            Some(Channel::Counter) => self.t("窗口核验原件", "originals seen at the counter"),
            Some(Channel::Card) => self.t("电子身份证读卡并验 PIN", "electronic identity card and its PIN"),
            Some(Channel::Witness) => self.t("可信见证人到场证明", "witnessed by a trusted person"),
            Some(Channel::Register) => self.t("与登记库比对一致", "matched with the register"),
            None => "—",
        }
    }

    pub(super) fn paper(&self, kind: AttributeKind) -> &'static str {
        match kind {
            AttributeKind::Claims => self.t("声明内容", "What is declared"),
            AttributeKind::Portrait => self.t("照片", "Portrait"),
            AttributeKind::IdentityCard => self.t("居民身份证", "Identity card"),
            AttributeKind::HouseholdRegister => self.t("户口簿", "Household register"),
            AttributeKind::MarriageCertificate => self.t("结婚证", "Marriage certificate"),
            AttributeKind::OtherDocument => self.t("其他证明材料", "Other document"),
        }
    }

    pub(super) fn register(&self, summary: RegisterMatch) -> &'static str {
        match summary {
            RegisterMatch::Same => self.t("与登记库逐项一致", "The register says the same in every field"),
            RegisterMatch::Different => self.t("与登记库不一致", "The register says something else"),
            RegisterMatch::Unknown => self.t("登记库中没有此人", "The register has no such record"),
            RegisterMatch::None => self.t("本类证明没有登记库可比对", "There is no register for this type"),
        }
    }

    pub(super) fn field(&self, field: Option<FieldMatch>) -> (&'static str, &'static str) {
        match field {
            Some(FieldMatch::Same) => ("same", self.t("一致", "same")),
            Some(FieldMatch::Different) => ("different", self.t("不一致", "different")),
            Some(FieldMatch::Unknown) | None => ("unknown", self.t("无记录", "no record")),
        }
    }

    pub(super) fn status(&self, status: &str) -> &'static str {
        match status {
            "active" => self.t("有效", "active"),
            "suspended" => self.t("已暂停", "suspended"),
            "revoked" => self.t("已吊销", "revoked"),
            _ => "?",
        }
    }

    pub(super) fn action(&self, action: &str) -> &'static str {
        match action {
            "view" => self.t("查看材料", "opened the document"),
            "attest" => self.t("核验通过", "attested"),
            "refuse" => self.t("退回", "refused"),
            "offer-again" => self.t("重新发放领取码", "made a new offer"),
            "revoke" => self.t("吊销", "revoked"),
            "suspend" => self.t("暂停", "suspended"),
            "resume" => self.t("恢复", "resumed"),
            "lost-phone" => self.t("手机丢失，吊销此人全部凭证", "phone lost: revoked all of this person's credentials"),
            "end-renewals" => self.t("停止续发", "ended the renewals"),
            _ => "?",
        }
    }
}

/// A time as a clerk reads it: UTC+8, and in full for machines.
#[derive(Clone, Debug)]
pub(super) struct Moment {
    /// `2026-11-21 10:13`.
    pub(super) shown: String,
    /// RFC 3339, UTC.
    pub(super) full: String,
}

impl From<UnixSeconds> for Moment {
    fn from(at: UnixSeconds) -> Self {
        let timestamp = Timestamp::from_second(at).unwrap_or_default();
        let local = Offset::constant(8).to_datetime(timestamp);
        let shown =
            format!("{:04}-{:02}-{:02} {:02}:{:02}", local.year(), local.month(), local.day(), local.hour(), local.minute());
        Self { shown, full: timestamp.to_string() }
    }
}

/// The number by which people speak of a request or an issuance: the first eight characters of its id.
pub(super) fn number(id: &str) -> String {
    id.chars().take(8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_in_the_citys_own_time() {
        let moment = Moment::from(1_700_000_000);
        assert_eq!(moment.shown, "2023-11-15 06:13");
        assert_eq!(moment.full, "2023-11-14T22:13:20Z");
    }
}
