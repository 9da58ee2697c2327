//! The sentence that a citizen agrees to, in both languages from one template, and the other words of the consent screen.

use identity::{Localized, UnixSeconds};

use super::ClaimToShow;
use crate::labels::{self, moment, printable};
use crate::requests::RegisteredParty;
use crate::scan::CameBy;

/// Characters of a name or purpose that are shown at most. The registration allows no more than a few hundred bytes.
const MAX_CHARACTERS: usize = 200;

/// A text of the ledger, safe to show.
pub(super) fn shown(text: &Localized) -> Localized {
    Localized::new(printable(&text.zh, MAX_CHARACTERS), printable(&text.en, MAX_CHARACTERS))
}

/// The sentence.
pub(super) fn consent(party: &RegisteredParty, claims: &[ClaimToShow], types: &[Localized]) -> Localized {
    let (name, sponsor, purpose) = (shown(&party.record.name), shown(&party.sponsor), shown(&party.purpose.text));
    let origin = printable(&party.record.origin, MAX_CHARACTERS);
    let days = party.purpose.retention_days;
    let (what_zh, what_en) = what(claims, types);
    let keep_zh = if days == 0 { "对方不保存。".to_owned() } else { format!("对方最多保存 {days} 天。") };
    let keep_en = match days {
        0 => "It keeps nothing.".to_owned(),
        1 => "It keeps this for at most 1 day.".to_owned(),
        days => format!("It keeps this for at most {days} days."),
    };
    Localized::new(
        format!("您同意向“{}”（{origin}，由{}负责）出示：{what_zh}。用途：{}。{keep_zh}", name.zh, sponsor.zh, purpose.zh),
        format!(
            "You agree to show {} ({origin}, answered for by {}): {what_en}. Purpose: {}. {keep_en}",
            name.en, sponsor.en, purpose.en
        ),
    )
}

/// The sentence where nobody vouches for who asks.
pub(super) fn unverified_consent(name: &Localized, origin: &str, claims: &[ClaimToShow], types: &[Localized]) -> Localized {
    let (name, origin) = (shown(name), printable(origin, MAX_CHARACTERS));
    let (what_zh, what_en) = what(claims, types);
    Localized::new(
        format!("您同意向未经证实的一方（{}，{origin}）出示：{what_zh}。没有任何部门证实其身份、用途和保存期限。", name.zh),
        format!(
            "You agree to show somebody unverified ({}, {origin}): {what_en}. No authority has confirmed who it is, what for, or for how long it keeps this.",
            name.en
        ),
    )
}

/// What cannot be missed where nobody vouches for who asks.
pub(super) fn unverified(origin: &str) -> Localized {
    let origin = printable(origin, MAX_CHARACTERS);
    Localized::new(
        format!("未经证实：账本上没有登记请求方，任何人都可能自称是它。您的信息将发往 {origin}。如有疑问，请拒绝。"),
        format!(
            "UNVERIFIED: the ledger knows nothing of who asks, and anybody could claim to be it. Your data would go to {origin}. If in doubt, decline."
        ),
    )
}

/// In the place of a sponsor and a purpose that nobody registered.
pub(super) fn nobody() -> Localized {
    Localized::new("无人负责", "nobody")
}

/// In the place of a purpose that nobody registered.
pub(super) fn no_purpose() -> Localized {
    Localized::new("未登记用途", "no registered purpose")
}

/// The sentence with what is agreed to beside showing data.
pub(super) fn with_transactions(sentence: Localized, transactions: &[Localized]) -> Localized {
    transactions.iter().fold(sentence, |sentence, text| {
        Localized::new(
            format!("{}您还同意：{}", sentence.zh, text.zh),
            format!("{} You also agree to this: {}", sentence.en, text.en),
        )
    })
}

/// The answer is protected on its way by the connection alone.
pub(super) fn not_encrypted() -> Localized {
    Localized::new(
        "对方没有提供加密密钥，您的信息在传输中仅由连接加密保护。",
        "The site gave no encryption key; on the way your data is protected by the connection alone.",
    )
}

/// What is shown: the labels of the claims, or that there are none.
fn what(claims: &[ClaimToShow], types: &[Localized]) -> (String, String) {
    let join = |zh: Vec<&str>, en: Vec<&str>| (zh.join("、"), en.join(", "));
    let names = join(types.iter().map(|t| t.zh.as_str()).collect(), types.iter().map(|t| t.en.as_str()).collect());
    if types.is_empty() {
        return ("尚未选择任何内容".to_owned(), "nothing yet, for nothing is chosen".to_owned());
    }
    if claims.is_empty() {
        return (
            format!("您持有“{}”这一事实，不含其他信息", names.0),
            format!("that you hold \"{}\", and nothing else", names.1),
        );
    }
    let labels = join(
        claims.iter().map(|claim| claim.label.zh.as_str()).collect(),
        claims.iter().map(|claim| claim.label.en.as_str()).collect(),
    );
    (format!("{}（来自{}）", labels.0, names.0), format!("{} (from {})", labels.1, names.1))
}

/// What goes on where the request may have come from elsewhere, by how its link came to the wallet; the site only says whether its page shows
/// codes. A code there is to compare; without one nobody can tell in which browser the login ends.
pub(super) fn elsewhere(channel: CameBy, name: &Localized, has_codes: bool) -> Option<Localized> {
    match (channel, has_codes) {
        (_, true) => Some(other_device(name)),
        (CameBy::Scanned, false) => Some(unchecked_device(name)),
        (CameBy::Pasted, false) => Some(pasted()),
        (CameBy::Link, false) => None,
    }
}

fn unchecked_device(name: &Localized) -> Localized {
    Localized::new(
        format!(
            "注意：您正在另一台设备的浏览器上登录“{}”，而网站没有提供核对码，谁也无法确认那是哪一个浏览器。只有当二维码就显示在您面前、由您自己打开的页面上时才可继续；如果是别人发给您或让您扫的，请拒绝，否则登录的将是对方。",
            name.zh
        ),
        format!(
            "CAUTION: you are signing in to {} in a browser on another device, and the site shows no code, so nobody can check which browser it is. Go on only if the QR code is in front of you, on a page that you opened yourself. If somebody sent it or asked you to scan it, decline: they would be signed in as you.",
            name.en
        ),
    )
}

fn pasted() -> Localized {
    Localized::new(
        "您粘贴了一个链接。如果不是您自己从正在登录的页面上复制的，而是别人发给您的，请拒绝：登录的可能是对方的浏览器。",
        "You pasted a link. If you did not copy it yourself from the page that you are signing in to, but somebody sent it to you, decline: it may be their browser that is signed in.",
    )
}

fn other_device(name: &Localized) -> Localized {
    Localized::new(
        format!(
            "您正在另一台设备的浏览器上登录“{}”。请确认那台设备就在您面前，并选择其登录页面上显示的核对码。如果是别人发给您的二维码，请拒绝。",
            name.zh
        ),
        format!(
            "You are logging in to {} in a browser on another device. Make sure that device is in front of you, and pick the code that its login page shows. If somebody sent you this QR code, decline.",
            name.en
        ),
    )
}

/// The very request was answered before.
pub(super) fn answered_before() -> Localized {
    Localized::new(
        "这个请求您已经答复过。同一请求不会作第二次答复；如需重新登录，请刷新网站页面后重新扫码。",
        "You have answered this very request before. It is not answered twice; to log in again, reload the site's page and scan anew.",
    )
}

/// The very request was declined before.
pub(super) fn declined_before() -> Localized {
    Localized::new(
        "这个请求您之前已经拒绝过。如果不是您自己又打开了它，请再次拒绝。",
        "You have declined this very request before. If it was not you who opened it again, decline again.",
    )
}

/// The site asks again for the same.
pub(super) fn asked_again(seconds: i64) -> Localized {
    let minutes = seconds / 60;
    let (zh, en) = match minutes {
        0 => ("不到 1 分钟前".to_owned(), "less than a minute ago".to_owned()),
        1 => ("1 分钟前".to_owned(), "1 minute ago".to_owned()),
        minutes => (format!("{minutes} 分钟前"), format!("{minutes} minutes ago")),
    };
    Localized::new(
        format!("同一网站{zh}已要求过同样的信息，您没有提供。如果不是您自己在重新登录，请拒绝。"),
        format!("The same site asked for the same {en}, and you did not give it. If it is not you who logs in again, decline."),
    )
}

/// What a site saw before.
pub(super) fn last_time(at: UnixSeconds, claims: &[String]) -> Localized {
    let zh: Vec<String> = claims.iter().map(|claim| labels::claim(claim).zh).collect();
    let en: Vec<String> = claims.iter().map(|claim| labels::claim(claim).en).collect();
    Localized::new(
        format!("上次（{}）您向其出示了：{}。", moment(at), zh.join("、")),
        format!("Last time ({}) you showed it: {}.", moment(at), en.join(", ")),
    )
}

/// What is asked for now and was not last time.
pub(super) fn more_than_last_time(claims: &[&ClaimToShow]) -> Localized {
    let zh: Vec<&str> = claims.iter().map(|claim| claim.label.zh.as_str()).collect();
    let en: Vec<&str> = claims.iter().map(|claim| claim.label.en.as_str()).collect();
    Localized::new(
        format!("这次比上次多要求：{}。", zh.join("、")),
        format!("It asks for more than last time: {}.", en.join(", ")),
    )
}

/// A copy that was shown before will be shown again.
pub(super) fn copy_reused(credential: &Localized) -> Localized {
    Localized::new(
        format!(
            "“{}”的一次性副本已用完，将重复使用同一份，不同网站可能因此认出是同一个人。建议向签发部门重新领取。",
            credential.zh
        ),
        format!(
            "The single-use copies of \"{}\" are used up, so one is shown again and sites could tell that it is the same person. Get new copies from the issuing department.",
            credential.en
        ),
    )
}

/// The ledger's last block is old.
pub(super) fn ledger_is_old(seconds: u64) -> Localized {
    let minutes = seconds / 60;
    let (zh, en) = if minutes < 120 {
        (format!("{minutes} 分钟"), format!("{minutes} minutes"))
    } else {
        (format!("{} 小时", minutes / 60), format!("{} hours", minutes / 60))
    };
    Localized::new(
        format!("所依据的账本信息已是 {zh}前，此后登记可能已有变化。"),
        format!("What the ledger says here is {en} old; registrations may have changed since."),
    )
}
