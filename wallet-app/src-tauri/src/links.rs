//! Links that the system hands to the application: who clicks one on a website, or scans one with the camera's own program, is led here.
//!
//! Anybody can make one, so it is text from outside: bounded, read by the core into which screen it opens, and kept until the page asks.
//! What is no link for a wallet is dropped. One at a time: a newer link takes the place of one that no screen has shown yet.

use std::sync::{Mutex, PoisonError};

use tokio::sync::Notify;
use wallet_commands::LinkRead;
use wallet_core::Wallet;

/// Bytes of a link at most; longer ones are not looked at.
const MAX_LINK_BYTES: usize = 16 * 1024;
/// What a link for a wallet begins with. Web links are not among them: no browser hands one to the application.
const SCHEMES: [&str; 5] = ["openid4vp", "haip-vp", "openid-credential-offer", "haip-vci", "yufu-wallet"];

/// The link that waits to be shown.
#[derive(Debug, Default)]
pub struct Links {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Option<LinkRead>,
    /// Which page asks: one that was loaded again gets what the earlier one did not.
    page: u64,
}

impl Links {
    /// Takes a text from outside; whether it is a link for a wallet.
    pub fn offer(&self, text: &str) -> bool {
        let Some(read) = read(text) else { return false };
        self.state().waiting = Some(read);
        self.changed.notify_waiters();
        true
    }

    /// The page is loaded anew: who asked before is answered with nothing.
    pub fn page_is_new(&self) {
        self.state().page += 1;
        self.changed.notify_waiters();
    }

    /// Waits for a link; `None` when another page asks in the place of this one.
    pub async fn next(&self) -> Option<LinkRead> {
        let page = self.state().page;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            // From here on a change is heard, also one that happens before it is waited for.
            changed.as_mut().enable();
            {
                let mut state = self.state();
                if state.page != page {
                    return None;
                }
                if let Some(link) = state.waiting.take() {
                    return Some(link);
                }
            }
            changed.await;
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(text: &str) -> Option<LinkRead> {
    let text = Some(text.trim()).filter(|text| text.len() <= MAX_LINK_BYTES)?;
    let (scheme, _) = text.split_once(':')?;
    SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)).then_some(())?;
    let kind = Wallet::read_link(text).ok()?;
    Some(LinkRead { kind, link: text.to_owned() })
}

#[cfg(test)]
mod tests {
    use wallet_core::LinkKind;

    use super::*;

    const REQUEST: &str = "openid4vp://?client_id=x509_san_dns%3Asite.example&request_uri=https%3A%2F%2Fsite.example%2Fr%2F1";
    const OFFER: &str = "openid-credential-offer://?credential_offer_uri=https%3A%2F%2Fissuer.example%2Fo%2F1";

    #[tokio::test]
    async fn a_link_waits_until_the_page_asks_and_is_given_once() {
        let links = Links::default();
        assert!(links.offer(REQUEST));
        let read = links.next().await.unwrap();
        assert_eq!((read.kind, read.link.as_str()), (LinkKind::Request, REQUEST));
        let (next, ()) = tokio::join!(links.next(), async { assert!(links.offer(OFFER)) });
        assert_eq!(next.unwrap().kind, LinkKind::Offer);
        assert!(links.offer(OFFER) && links.offer(REQUEST));
        assert_eq!(links.next().await.unwrap().kind, LinkKind::Request, "the newer one");
        let (gone, ()) = tokio::join!(links.next(), async { links.page_is_new() });
        assert!(gone.is_none());
    }

    /// What is in it is for the wallet to know again; whoever made it, it opens the screen that shows it.
    #[tokio::test]
    async fn the_answer_of_a_department_opens_its_screen() {
        let links = Links::default();
        let answer = format!("{}?code=c&state=s", wallet_core::COMES_BACK_TO);
        assert!(links.offer(&answer));
        let read = links.next().await.unwrap();
        assert_eq!((read.kind, read.link), (LinkKind::SignedIn, answer));
        assert!(!links.offer("yufu-wallet://elsewhere?code=c&state=s"));
    }

    #[test]
    fn what_is_no_link_for_a_wallet_is_dropped() {
        let links = Links::default();
        let long = format!("{REQUEST}&state={}", "a".repeat(MAX_LINK_BYTES));
        let web = REQUEST.replace("openid4vp://", "https://wallet.example/");
        let inside = format!("Look: {REQUEST}");
        for text in
            ["", "openid4vp://", "--setup", "file:///etc/passwd", "javascript:alert(1)", "haip-vci://?", &long, &web, &inside]
        {
            assert!(!links.offer(text), "{text}");
        }
        for scheme in ["haip-vp", "HAIP-VP"] {
            assert!(links.offer(&REQUEST.replace("openid4vp", scheme)));
        }
        assert!(links.offer(&OFFER.replace("openid-credential-offer", "haip-vci")));
    }
}
