//! The console's login over HTTP, with a clock that is set by hand and a ledger that the test rewrites: every way in, and every way that
//! must stay shut.

use axum::{
    Router,
    body::{Body, to_bytes},
    http::{HeaderMap, Request, StatusCode, header},
    routing::get,
};
use chain_node::{
    console::access::{Access, Gate, Ledger, challenge::Challenge},
    store::Store,
};
use clients::{Clock, Environment, Random};
use futures::FutureExt as _;
use identity::{Algorithm, Localized, SecretKey};
use ledger::{
    cell::Cell,
    records::{AuthorityId, AuthorityRecord, SUPERVISOR_ROLE},
};
use sha2::{Digest as _, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use tower::ServiceExt as _;

const URL: &str = "https://console.example/";
const ORIGIN: &str = "https://console.example";
const NOW: i64 = 1_800_000_000;

fn key(word: &str) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &Sha256::digest(word).into()).unwrap()
}

fn id(text: &str) -> AuthorityId {
    text.parse().unwrap()
}

fn authority(name: &str) -> AuthorityRecord {
    let supervises = name == "supervisor";
    AuthorityRecord {
        id: id(name),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: vec![key(name).public_key()],
        credential_keys: Vec::new(),
        reader_key: None,
        issuer_url: None,
        accredited_types: if supervises { vec![format!("{SUPERVISOR_ROLE}supervisor")] } else { Vec::new() },
        may_sponsor: false,
    }
}

type State = Arc<Mutex<BTreeMap<AuthorityId, (Cell, AuthorityRecord)>>>;

/// A console whose pages say their own address.
struct Desk {
    router: Router,
    clock: Clock,
    state: State,
    store: Arc<Store>,
}

const PAGES: [&str; 10] = [
    "/console",
    "/console/members",
    "/console/peers",
    "/console/directory",
    "/console/blocks",
    "/console/search",
    "/console/findings",
    "/console/evidence",
    "/console/access",
    "/console/live",
];

impl Desk {
    /// The police run the node; there are a supervisor and a third authority besides.
    fn new(node: &str) -> Self {
        let cell = Cell { version: 1, status: 0, created_height: 0, updated_height: 0, body: [0; 32] };
        let known = ["police", "supervisor", "library"].map(|name| (id(name), (cell, authority(name))));
        let state: State = Arc::new(Mutex::new(BTreeMap::from(known)));
        let asked = state.clone();
        let ledger = Ledger {
            genesis: [7; 32],
            name: Localized::new("账本", "The ledger"),
            node: key(node).public_key(),
            node_name: node.to_owned(),
            operator: Arc::new(|| Some(id("police"))),
            authority: Arc::new(move |id| {
                let found = asked.lock().unwrap().get(&id).cloned();
                async move { found }.boxed()
            }),
        };
        let (clock, random) = (Clock::manual(NOW), Random::from_os_seed(Sha256::digest(node).into()));
        let environment = Environment { clock: clock.clone(), random };
        let store = Arc::new(Store::in_memory().unwrap());
        let gate = Gate::new(URL.parse().unwrap(), ledger, environment, store.clone());
        let mut pages = Router::new();
        for path in PAGES.into_iter().chain(["/console/assets/{name}", "/console/forgotten"]) {
            pages = pages.route(path, get(move || async move { path }));
        }
        Self { router: gate.protect(pages), clock, state, store }
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut (Cell, AuthorityRecord))) {
        change(self.state.lock().unwrap().get_mut(&id(name)).unwrap());
    }

    /// The log, oldest first: what, and whose.
    fn log(&self) -> Vec<(String, Option<String>)> {
        let entries = self.store.accesses(None, 100).unwrap();
        let read = |(_, bytes): &(u64, Vec<u8>)| {
            let entry: Access = serde_json::from_slice(bytes).unwrap();
            assert!(entry.at >= NOW);
            (entry.event, entry.authority.map(|id| id.to_string()))
        };
        entries.iter().rev().map(read).collect()
    }

    fn last(&self) -> String {
        self.log().pop().unwrap().0
    }
}

/// A browser with its cookies.
#[derive(Clone, Default)]
struct Browser {
    cookies: BTreeMap<String, String>,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn location(&self) -> (StatusCode, &str) {
        (self.status, self.headers.get(header::LOCATION).map_or("", |path| path.to_str().unwrap()))
    }
}

impl Browser {
    async fn ask(&mut self, desk: &Desk, request: axum::http::request::Builder, body: String) -> Answer {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = request.header(header::COOKIE, cookies.join("; ")).body(Body::from(body)).unwrap();
        let response = desk.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(header::SET_COOKIE) {
            let (pair, rest) = line.to_str().unwrap().split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if name == service_kit::language::COOKIE {
                continue;
            }
            for part in ["Path=/", "HttpOnly", "SameSite=Strict", "Secure"] {
                assert!(rest.contains(part), "{part} is missing: {line:?}");
            }
            assert!(name.starts_with("__Host-"), "{name}");
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.cookies.retain(|_, value| !value.is_empty());
        let text = String::from_utf8(to_bytes(body, 100_000).await.unwrap().to_vec()).unwrap();
        Answer { status: parts.status, headers: parts.headers, text }
    }

    async fn get(&mut self, desk: &Desk, path: &str) -> Answer {
        self.ask(desk, Request::get(path), String::new()).await
    }

    async fn post(&mut self, desk: &Desk, path: &str, origin: Option<&str>, form: &str) -> Answer {
        let request = Request::post(path).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let request = origin.into_iter().fold(request, |request, origin| request.header(header::ORIGIN, origin));
        self.ask(desk, request, form.to_owned()).await
    }

    /// The challenge on the login page.
    async fn challenge(&mut self, desk: &Desk) -> Challenge {
        let page = self.get(desk, "/console/login?lang=en").await;
        assert_eq!(page.status, StatusCode::OK);
        let (_, rest) = page.text.split_once("--challenge ").unwrap();
        Challenge::from_text(rest.split_once('<').unwrap().0).unwrap()
    }

    async fn present(&mut self, desk: &Desk, code: &str) -> Answer {
        self.post(desk, "/console/login", Some(ORIGIN), &format!("code={code}")).await
    }

    /// Logs in as the authority, with its own key.
    async fn log_in(&mut self, desk: &Desk, name: &str) -> Answer {
        let code = self.challenge(desk).await.answer(id(name), &key(name)).to_text();
        self.present(desk, &code).await
    }

    async fn sees(&mut self, desk: &Desk, path: &str) -> bool {
        let answer = self.get(desk, path).await;
        if answer.status == StatusCode::OK {
            assert_eq!(answer.text, path);
            return true;
        }
        if path == "/console/live" {
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        } else {
            assert_eq!(answer.location(), (StatusCode::SEE_OTHER, "/console/login"), "{path}");
        }
        false
    }

    fn session(&self) -> Option<String> {
        self.cookies.get("__Host-ledger-console").cloned()
    }

    /// The token that the pages' forms carry.
    fn csrf(&self) -> String {
        let token = service_kit::session::Token::presented(&self.session().unwrap()).unwrap();
        service_kit::csrf::token(&token)
    }
}

/// I037, I038, I064, I068, I069: who holds a ledger key of the authority that runs the node, or of a supervisor, logs in and sees every
/// page; who is nobody sees none. Each login and logout is written down.
#[tokio::test]
async fn operators_and_supervisors_log_in_with_their_ledger_keys_and_everybody_else_sees_nothing() {
    let desk = Desk::new("node-1");
    let mut nobody = Browser::default();
    for path in PAGES {
        assert!(!nobody.sees(&desk, path).await);
    }
    assert_eq!(nobody.get(&desk, "/console/assets/console.css").await.status, StatusCode::OK);
    for name in ["police", "supervisor"] {
        let mut browser = Browser::default();
        let answer = browser.log_in(&desk, name).await;
        assert_eq!(answer.location(), (StatusCode::SEE_OTHER, "/console"), "{}", answer.text);
        for path in PAGES {
            assert!(browser.sees(&desk, path).await, "{name} {path}");
        }
        assert_eq!(browser.get(&desk, "/console/forgotten").await.status, StatusCode::NOT_FOUND, "a route without a right");
        assert_eq!(browser.get(&desk, "/console/login").await.status, StatusCode::SEE_OTHER, "already in");
        let before = browser.clone();
        let form = format!("csrf={}", browser.csrf());
        assert_eq!(browser.post(&desk, "/console/logout", Some(ORIGIN), &form).await.status, StatusCode::SEE_OTHER);
        assert_eq!(browser.session(), None);
        assert!(!before.clone().sees(&desk, "/console").await, "the token is dead, not only forgotten");
    }
    let who = |event: &str, name: &str| (event.to_owned(), Some(name.to_owned()));
    let expected = [who("login", "police"), who("logout", "police"), who("login", "supervisor"), who("logout", "supervisor")];
    assert_eq!(desk.log(), expected);
}

/// I064, I068: a wrong key, an unknown or suspended authority, one without a role here, and what is no code are refused, each with its
/// own word in the log; none leaves a session behind.
#[tokio::test]
async fn whoever_the_ledger_does_not_name_is_refused_and_written_down() {
    let desk = Desk::new("node-1");
    desk.change("supervisor", |(_, record)| record.accredited_types = vec![format!("{SUPERVISOR_ROLE}police")]);
    let cases = [
        ("police", "library", StatusCode::UNAUTHORIZED, "refused_key"),
        ("nobody", "police", StatusCode::UNAUTHORIZED, "refused_authority"),
        ("library", "library", StatusCode::FORBIDDEN, "refused_role"),
        // The role of another authority is not one's own.
        ("supervisor", "supervisor", StatusCode::FORBIDDEN, "refused_role"),
    ];
    for (claimed, signer, status, event) in cases {
        let mut browser = Browser::default();
        let code = browser.challenge(&desk).await.answer(id(claimed), &key(signer)).to_text();
        let answer = browser.present(&desk, &code).await;
        assert_eq!((answer.status, desk.last().as_str()), (status, event));
        assert!(answer.text.contains("class=\"alert\"") && answer.text.contains("--challenge "), "why, and another try");
        assert_eq!(browser.session(), None);
    }
    desk.change("police", |(cell, _)| cell.status = 1);
    let mut browser = Browser::default();
    assert_eq!(
        (browser.log_in(&desk, "police").await.status, desk.last().as_str()),
        (StatusCode::FORBIDDEN, "refused_suspended")
    );
    for text in ["", "hello", "AAAA"] {
        browser.challenge(&desk).await;
        assert_eq!((browser.present(&desk, text).await.status, desk.last().as_str()), (StatusCode::UNAUTHORIZED, "refused_code"));
    }
    assert_eq!(browser.session(), None);
}

/// A code is good once, in the browser that asked for it, on its node, for five minutes.
#[tokio::test]
async fn a_code_is_good_once_in_its_own_browser_on_its_own_node_in_time() {
    let (desk, other_node) = (Desk::new("node-1"), Desk::new("node-2"));
    let mut browser = Browser::default();
    let code = browser.challenge(&desk).await.answer(id("police"), &key("police")).to_text();

    let mut thief = Browser::default();
    assert_eq!((thief.present(&desk, &code).await.status, desk.last().as_str()), (StatusCode::UNAUTHORIZED, "refused_challenge"));
    thief.challenge(&desk).await;
    assert_eq!((thief.present(&desk, &code).await.status, desk.last().as_str()), (StatusCode::UNAUTHORIZED, "refused_signature"));
    assert_eq!(thief.session(), None);

    let mut elsewhere = Browser::default();
    elsewhere.challenge(&other_node).await;
    assert_eq!(elsewhere.present(&other_node, &code).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(other_node.last(), "refused_signature");

    let asked = browser.clone();
    assert_eq!(browser.present(&desk, &code).await.status, StatusCode::SEE_OTHER);
    let mut replayed = asked.clone();
    assert_eq!(
        (replayed.present(&desk, &code).await.status, desk.last().as_str()),
        (StatusCode::UNAUTHORIZED, "refused_challenge")
    );
    assert_eq!(replayed.session(), None);

    let mut late = Browser::default();
    let code = late.challenge(&desk).await.answer(id("police"), &key("police")).to_text();
    assert_eq!(late.challenge(&desk).await.answer(id("police"), &key("police")).to_text(), code, "a reload keeps the challenge");
    desk.clock.advance(299);
    let mut in_time = late.clone();
    assert_eq!(in_time.present(&desk, &code).await.status, StatusCode::SEE_OTHER);
    let mut late = Browser::default();
    let code = late.challenge(&desk).await.answer(id("police"), &key("police")).to_text();
    desk.clock.advance(300);
    assert_eq!((late.present(&desk, &code).await.status, desk.last().as_str()), (StatusCode::UNAUTHORIZED, "refused_expired"));
}

/// Z020: who loses the right on the ledger loses the session with the next request, and it does not come back.
#[tokio::test]
async fn a_suspended_authority_a_replaced_key_and_a_withdrawn_role_end_a_session_at_once() {
    type Loss = fn(&mut (Cell, AuthorityRecord));
    let losses: [(&str, Loss); 3] = [
        ("police", |(cell, _)| cell.status = 1),
        ("police", |(_, record)| record.ledger_keys = vec![key("another").public_key()]),
        ("supervisor", |(_, record)| record.accredited_types.clear()),
    ];
    for (name, loss) in losses {
        let desk = Desk::new("node-1");
        let mut browser = Browser::default();
        browser.log_in(&desk, name).await;
        assert!(browser.sees(&desk, "/console/findings").await);
        let before = desk.state.lock().unwrap().clone();
        desk.change(name, loss);
        assert!(!browser.sees(&desk, "/console/findings").await, "{name}");
        assert_eq!(desk.last(), "ended");
        *desk.state.lock().unwrap() = before;
        assert!(!browser.sees(&desk, "/console/findings").await, "{name}: it must log in again");
    }
}

/// A form from elsewhere, or without the session's own token, does nothing.
#[tokio::test]
async fn forms_of_other_origins_and_sessions_do_nothing() {
    let desk = Desk::new("node-1");
    let mut browser = Browser::default();
    let code = browser.challenge(&desk).await.answer(id("police"), &key("police")).to_text();
    for origin in [None, Some("https://evil.example"), Some("http://console.example"), Some("null")] {
        let answer = browser.post(&desk, "/console/login", origin, &format!("code={code}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{origin:?}");
    }
    assert_eq!(browser.present(&desk, &code).await.status, StatusCode::SEE_OTHER, "the challenge was not used up from elsewhere");
    let mut other = Browser::default();
    other.log_in(&desk, "police").await;
    for path in ["/console/logout", "/console/sessions/end"] {
        let (own, foreign) = (format!("csrf={}", browser.csrf()), format!("csrf={}", other.csrf()));
        for (origin, form) in [(None, &own), (Some("https://evil.example"), &own), (Some(ORIGIN), &foreign)] {
            assert_eq!(browser.post(&desk, path, origin, form).await.status, StatusCode::FORBIDDEN, "{path} {origin:?}");
        }
        assert_eq!(browser.get(&desk, path).await.status, StatusCode::METHOD_NOT_ALLOWED, "{path} is not a link");
    }
    assert!(browser.sees(&desk, "/console").await && other.sees(&desk, "/console").await);
}

/// A session's token is one that nobody knew before the login, and the one before it dies.
#[tokio::test]
async fn a_login_makes_a_new_session_and_never_takes_one_that_was_put_there() {
    let desk = Desk::new("node-1");
    let planted = "A".repeat(43);
    let mut victim = Browser::default();
    victim.cookies.insert("__Host-ledger-console".to_owned(), planted.clone());
    victim.log_in(&desk, "supervisor").await;
    assert_ne!(victim.session().unwrap(), planted);
    let mut attacker = Browser::default();
    attacker.cookies.insert("__Host-ledger-console".to_owned(), planted);
    assert!(!attacker.sees(&desk, "/console").await && victim.sees(&desk, "/console").await);

    let mut before = victim.clone();
    // The login page leads on who is in already; the form may still be sent from an old tab.
    let mut asking = Browser::default();
    let code = asking.challenge(&desk).await.answer(id("supervisor"), &key("supervisor")).to_text();
    victim.cookies.extend(asking.cookies);
    assert_eq!(victim.present(&desk, &code).await.status, StatusCode::SEE_OTHER);
    assert_ne!(victim.session(), before.session());
    assert!(victim.sees(&desk, "/console").await && !before.sees(&desk, "/console").await);
}

/// Fifteen minutes without a person, eight hours in all; what a page fetches by itself is no person.
#[tokio::test]
async fn a_session_ends_with_idleness_and_with_the_day() {
    let desk = Desk::new("node-1");
    let mut idle = Browser::default();
    idle.log_in(&desk, "police").await;
    for _ in 0..14 {
        desk.clock.advance(60);
        assert!(idle.sees(&desk, "/console/live").await);
    }
    desk.clock.advance(59);
    assert!(idle.sees(&desk, "/console").await, "a person asked before the time was over");
    desk.clock.advance(15 * 60);
    assert!(!idle.sees(&desk, "/console/live").await && !idle.sees(&desk, "/console").await);

    let mut busy = Browser::default();
    busy.log_in(&desk, "police").await;
    for minute in 1..8 * 60 {
        desk.clock.advance(60);
        assert!(busy.sees(&desk, "/console").await, "minute {minute}");
    }
    desk.clock.advance(60);
    assert!(!busy.sees(&desk, "/console").await);
}

/// An operator ends every session of its authority at once; a supervisor changes nothing, not even that.
#[tokio::test]
async fn an_operator_ends_every_session_of_its_authority_and_a_supervisor_ends_none() {
    let desk = Desk::new("node-1");
    let mut browsers = [Browser::default(), Browser::default(), Browser::default()];
    for (browser, name) in browsers.iter_mut().zip(["police", "police", "supervisor"]) {
        browser.log_in(&desk, name).await;
    }
    let [one, two, supervisor] = &mut browsers;
    let form = format!("csrf={}", supervisor.csrf());
    assert_eq!(supervisor.post(&desk, "/console/sessions/end", Some(ORIGIN), &form).await.status, StatusCode::FORBIDDEN);
    assert!(one.sees(&desk, "/console").await && supervisor.sees(&desk, "/console").await);
    let form = format!("csrf={}", two.csrf());
    assert_eq!(two.post(&desk, "/console/sessions/end", Some(ORIGIN), &form).await.status, StatusCode::SEE_OTHER);
    assert!(!one.sees(&desk, "/console").await && !two.sees(&desk, "/console").await);
    assert!(supervisor.sees(&desk, "/console").await);
    assert_eq!(desk.last(), "sessions_ended");
}

/// Guessing is slow: a client's attempts are limited, and are allowed again later.
#[tokio::test]
async fn attempts_of_one_client_are_limited() {
    let desk = Desk::new("node-1");
    let mut browser = Browser::default();
    let mut refused = 0;
    while browser.present(&desk, "hello").await.status != StatusCode::TOO_MANY_REQUESTS {
        refused += 1;
        assert!(refused <= 20);
    }
    assert_eq!(desk.log().len(), refused, "what is limited fills no log");
    desk.clock.advance(60);
    assert_eq!(browser.get(&desk, "/console/login").await.status, StatusCode::OK);
}
