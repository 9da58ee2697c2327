//! The words for claims and credential types that the pilot's departments attest. What is not listed is shown by its own name.

use identity::Localized;
use ledger::records::AttestationStatus;
use wire::issuer::{AttributeKind, Channel, VERIFIED_BY_CLAIM};

const CLAIMS: &[(&str, &str, &str)] = &[
    ("family_name", "姓", "Family name"),
    ("given_name", "名", "Given name"),
    ("id_number", "公民身份号码", "Identity number"),
    ("birth_date", "出生日期", "Date of birth"),
    ("gender", "性别", "Gender"),
    ("address", "住址", "Address"),
    ("portrait_sha256", "照片指纹", "Fingerprint of the portrait"),
    ("marital_status", "婚姻状况", "Marital status"),
    ("since", "自何时起", "Since"),
    (VERIFIED_BY_CLAIM, "核验方式", "Verified by"),
];

const TYPES: &[(&str, &str, &str)] = &[
    ("urn:yufu:vct:resident-identity:1", "居民身份凭证", "Resident identity"),
    ("urn:yufu:vct:marital-status:1", "婚姻状况证明", "Marital status"),
];

/// The label of a claim, by the dotted names of its path.
pub fn claim(name: &str) -> Localized {
    find(CLAIMS, name)
}

/// Where a claim stands among the others when they are shown: known ones as on a paper document, others after them.
pub fn rank(name: &str) -> usize {
    CLAIMS.iter().position(|(known, ..)| *known == name).unwrap_or(CLAIMS.len())
}

/// The word for an attestation's status.
pub fn status(status: AttestationStatus) -> Localized {
    let (zh, en) = match status {
        AttestationStatus::Active => ("有效", "active"),
        AttestationStatus::Suspended => ("已暂停", "suspended"),
        AttestationStatus::Revoked => ("已撤销", "revoked"),
        AttestationStatus::Superseded => ("已被新凭证取代", "superseded"),
        AttestationStatus::BrokenByHolder => ("已由您作废", "killed by you"),
    };
    Localized::new(zh, en)
}

/// The word for a kind of attribute.
pub fn attribute_kind(kind: AttributeKind) -> Localized {
    let (zh, en) = match kind {
        AttributeKind::Claims => ("声明内容", "what you declare"),
        AttributeKind::Portrait => ("照片", "portrait"),
        AttributeKind::IdentityCard => ("居民身份证", "identity card"),
        AttributeKind::HouseholdRegister => ("户口簿", "household register"),
        AttributeKind::MarriageCertificate => ("结婚证", "marriage certificate"),
        AttributeKind::OtherDocument => ("其他证明材料", "other document"),
    };
    Localized::new(zh, en)
}

/// The word for a channel of verification.
pub fn channel(channel: Channel) -> Localized {
    let (zh, en) = match channel {
        Channel::Counter => {
            ("窗口：本人到场，工作人员核对证件原件", "at the counter: a clerk sees you and your original document")
        }
        Channel::Card => ("电子身份证：读卡并输入卡的 PIN", "by electronic identity card: it is read, and you enter its PIN"),
        Channel::Witness => {
            ("可信见证人：由部门信任的人到场证明是您", "by a trusted person, who comes along and witnesses that it is you")
        }
        Channel::Register => ("部门登记库：逐项比对一致", "by the department's register, where it agrees with what you declare"),
    };
    Localized::new(zh, en)
}

/// The name of a credential type, by its `vct`.
pub fn attestation_type(vct: &str) -> Localized {
    find(TYPES, vct)
}

fn find(table: &[(&str, &str, &str)], name: &str) -> Localized {
    let known = table.iter().find(|(known, ..)| *known == name);
    known.map_or_else(|| Localized::new(name, name), |(_, zh, en)| Localized::new(*zh, *en))
}

/// A moment as people read it, in UTC.
pub fn moment(at: identity::UnixSeconds) -> String {
    match jiff::Timestamp::from_second(at) {
        Ok(time) => time.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        Err(_) => at.to_string(),
    }
}

/// Strips what could reorder or hide text on a screen, and bounds it: for text that a stranger wrote.
pub fn printable(text: &str, max_characters: usize) -> String {
    let hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{061c}')
    };
    let mut shown: String = text.chars().map(|c| if hidden(c) { '\u{fffd}' } else { c }).take(max_characters).collect();
    if text.chars().count() > max_characters {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_claims_keep_their_names() {
        assert_eq!(claim("shoe_size").zh, "shoe_size");
        assert_eq!(claim("birth_date").en, "Date of birth");
    }

    #[test]
    fn a_strangers_text_cannot_reorder_the_screen() {
        assert_eq!(printable("a\u{202e}b\nc\u{200b}", 10), "a\u{fffd}b\u{fffd}c\u{fffd}");
        assert_eq!(printable("abcdef", 3), "abc…");
    }

    #[test]
    fn moments_are_in_utc() {
        assert_eq!(moment(1_795_226_400), "2026-11-21 02:00 UTC");
    }
}
