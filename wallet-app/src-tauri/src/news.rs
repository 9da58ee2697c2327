//! What a person hears of while the window is not in front: a credential can be received, a department refused, an answer is not sent. No value
//! and no name is in it: a notification is shown on locked screens and kept by desktops.

use std::collections::BTreeMap;

use serde::Deserialize;
use wallet_core::{IssuanceEnd, Language};

/// An answer that a site has not acknowledged is spoken of after it was there for so many looks: it is one while it is being sent, too.
const LOOKS: u32 = 3;

/// Something to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Notice {
    /// A credential can be received, or was.
    Ready,
    /// A department refused, or an issuance ended.
    Refused,
    /// A site has not acknowledged an answer.
    Unsent,
}

impl Notice {
    /// In words.
    pub(crate) fn text(self, language: Language) -> &'static str {
        match (self, language) {
            (Self::Ready, Language::Zh) => "有一张凭证可以领取或已经收到。请打开钱包查看。",
            (Self::Ready, Language::En) => "A credential is ready or has arrived. Open the wallet to see it.",
            (Self::Refused, Language::Zh) => "有一项申请没有通过。请打开钱包查看原因。",
            (Self::Refused, Language::En) => "Something that you asked for was refused. Open the wallet to see why.",
            (Self::Unsent, Language::Zh) => "有一份答复尚未送达。请打开钱包重新发送。",
            (Self::Unsent, Language::En) => "An answer has not been delivered. Open the wallet to send it again.",
        }
    }
}

/// A request to a department: a row of what `requests` gives.
#[derive(Deserialize)]
pub(crate) struct Request {
    pub(crate) id: String,
    pub(crate) stage: String,
}

/// An answer: a row of what `unsent` gives.
#[derive(Deserialize)]
pub(crate) struct Unsent {
    consent: String,
}

/// What was known when it was looked last.
#[derive(Default)]
pub(crate) struct News {
    requests: Option<BTreeMap<String, String>>,
    unsent: BTreeMap<String, u32>,
}

impl News {
    /// The wallet is closed: what happens until it is opened, the person sees then.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }

    /// What is new since the last look. The first look of an open wallet finds nothing new.
    pub(crate) fn hear(&mut self, requests: &[Request], ends: &[IssuanceEnd], unsent: &[Unsent]) -> Vec<Notice> {
        let now: BTreeMap<String, String> = requests.iter().map(|one| (one.id.clone(), one.stage.clone())).collect();
        let first = self.requests.is_none();
        let before = self.requests.replace(now.clone()).unwrap_or_default();
        let became = |stage: &str| now.iter().any(|(id, now)| !first && now == stage && before.get(id) != Some(now));
        let waiting = unsent.iter().map(|one| {
            // An answer that was there from the start was seen when the wallet was opened.
            let looks = self.unsent.get(&one.consent).map_or(if first { LOOKS } else { 0 }, |looks| *looks);
            (one.consent.clone(), looks.saturating_add(1))
        });
        self.unsent = waiting.collect();
        let undelivered = self.unsent.values().any(|looks| *looks == LOOKS);
        let told = [
            (became("attested") || ends.contains(&IssuanceEnd::Ready), Notice::Ready),
            (became("refused") || ends.contains(&IssuanceEnd::Refused), Notice::Refused),
            (undelivered, Notice::Unsent),
        ];
        told.into_iter().filter_map(|(is_new, notice)| is_new.then_some(notice)).collect()
    }
}

/// Shows a notification by the desktop's own service (Desktop Notifications Specification 1.3, `Notify`). Where there is none, nobody is told.
#[cfg(all(feature = "window", target_os = "linux"))]
pub(crate) async fn show(notice: Notice, language: Language) {
    use std::collections::HashMap;
    const SERVICE: &str = "org.freedesktop.Notifications";
    /// The service decides how long it is shown.
    const ITS_OWN_TIME: i32 = -1;
    let Ok(bus) = zbus::Connection::session().await else { return };
    let actions: &[&str] = &[];
    let hints: HashMap<&str, zbus::zvariant::Value<'_>> = HashMap::from([("desktop-entry", "Yufu".into())]);
    let body = ("鱼符 Yufu", 0_u32, "yufu-app", "鱼符 Yufu", notice.text(language), actions, hints, ITS_OWN_TIME);
    // A desktop that does not want to is not argued with.
    drop(bus.call_method(Some(SERVICE), "/org/freedesktop/Notifications", Some(SERVICE), "Notify", &body).await);
}

#[cfg(all(feature = "window", not(target_os = "linux")))]
pub(crate) async fn show(_: Notice, _: Language) {}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn hear(news: &mut News, requests: &[(&str, &str)], ends: &[IssuanceEnd], unsent: &[&str]) -> Vec<Notice> {
        let requests =
            requests.iter().map(|(id, stage)| json!({"id": id, "stage": stage, "department": {"zh": "局", "en": "Bureau"}}));
        let unsent = unsent.iter().map(|id| json!({"consent": id, "origin": "https://site.example"}));
        news.hear(&read(requests.collect()), ends, &read(unsent.collect()))
    }

    fn read<T: serde::de::DeserializeOwned>(rows: Vec<serde_json::Value>) -> Vec<T> {
        rows.into_iter().map(|row| serde_json::from_value(row).unwrap()).collect()
    }

    #[test]
    fn a_card_that_is_ready_and_one_that_was_refused_are_told_once() {
        let mut news = News::default();
        assert_eq!(hear(&mut news, &[("a", "pending"), ("b", "pending"), ("old", "attested")], &[], &[]), []);
        assert_eq!(hear(&mut news, &[("a", "pending"), ("b", "pending"), ("old", "attested")], &[], &[]), []);
        let both = [("a", "attested"), ("b", "refused"), ("old", "attested")];
        assert_eq!(hear(&mut news, &both, &[], &[]), [Notice::Ready, Notice::Refused]);
        assert_eq!(hear(&mut news, &both, &[], &[]), []);
        assert_eq!(hear(&mut news, &both, &[IssuanceEnd::Ready], &[]), [Notice::Ready]);
        assert_eq!(hear(&mut news, &both, &[IssuanceEnd::Refused], &[]), [Notice::Refused]);
        news.forget();
        assert_eq!(hear(&mut news, &[("a", "refused")], &[], &[]), [], "what is seen when the wallet is opened");
    }

    #[test]
    fn an_answer_that_is_not_sent_is_told_once_and_not_while_it_is_being_sent() {
        let mut news = News::default();
        assert_eq!(hear(&mut news, &[], &[], &["old"]), []);
        let mut told = Vec::new();
        for _ in 0..8 {
            told.extend(hear(&mut news, &[], &[], &["old", "new"]));
        }
        assert_eq!(told, [Notice::Unsent]);
        for unsent in [["one"], ["two"], ["three"]] {
            assert_eq!(hear(&mut news, &[], &[], &unsent), [], "it was sent meanwhile");
        }
    }

    #[test]
    fn no_notice_says_more_than_that_there_is_something() {
        for notice in [Notice::Ready, Notice::Refused, Notice::Unsent] {
            let (zh, en) = (notice.text(Language::Zh), notice.text(Language::En));
            assert!(zh.contains("请打开钱包") && en.contains("Open the wallet"), "{zh} {en}");
        }
    }
}
