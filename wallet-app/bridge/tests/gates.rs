//! Who may ask the bridge, and what it answers to everybody else.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's own exception covers test functions and not what they share"
)]

use std::path::Path;
use std::sync::Arc;

use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wallet_bridge::{Bridge, FileStore, Starts};
use wallet_commands::Host;
use wallet_core::{Clock, Environment, Random, Strength, WalletConfig};

/// A bridge of a wallet that was never made, with a page of one line.
struct Served {
    base: String,
    host: String,
    starts: Starts,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Served {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let pages = folder.path().join("pages");
        std::fs::create_dir_all(pages.join("assets")).unwrap();
        std::fs::write(pages.join("index.html"), "<!doctype html><title>wallet</title>").unwrap();
        std::fs::write(pages.join("assets/app.js"), "export {};").unwrap();
        std::fs::write(folder.path().join("secret.html"), "outside").unwrap();
        let (clock, environment) = at(1_795_000_000);
        let starts = Starts::new(environment.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let bridge = Bridge::new(host(folder.path(), environment), &pages, starts.clone(), port).unwrap();
        tokio::spawn(bridge.serve(listener));
        let host = format!("127.0.0.1:{port}");
        Self { base: format!("http://{host}"), host, starts, clock, _folder: folder }
    }

    fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> RequestBuilder {
        let request = Client::new().post(format!("{}{path}", self.base));
        request.header("origin", &self.base).header("content-type", "application/json").body(body)
    }

    async fn start(&self, token: &str) -> Response {
        self.post("/start", json!({ "token": token }).to_string()).send().await.unwrap()
    }

    /// Cookie and proof of a new session.
    async fn session(&self) -> (String, String) {
        let started = self.start(&self.starts.make()).await;
        assert_eq!(started.status(), StatusCode::OK);
        let cookie = started.headers()["set-cookie"].to_str().unwrap().to_owned();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let started: Value = started.json().await.unwrap();
        (cookie.split(';').next().unwrap().to_owned(), started["proof"].as_str().unwrap().to_owned())
    }

    fn command(&self, name: &str, session: &(String, String)) -> RequestBuilder {
        self.post(&format!("/commands/{name}"), "{}").header("cookie", &session.0).header("yufu-proof", &session.1)
    }
}

fn at(now: i64) -> (Clock, Environment) {
    let clock = Clock::manual(now);
    let environment = Environment { clock: clock.clone(), random: Random::from_os_seed([9; 32]) };
    (clock, environment)
}

fn host(folder: &Path, environment: Environment) -> Host {
    let config = WalletConfig {
        nodes: vec!["http://127.0.0.1:9".parse().unwrap()],
        genesis: folder.join("genesis.json"),
        trust_anchors: folder.join("anchors.pem"),
        language: wallet_core::Language::Zh,
    };
    let device = Arc::new(FileStore::new(folder.join("device")));
    let strength = Some(Strength::weak_for_tests());
    Host { dir: folder.join("wallet"), config, departments: Vec::new(), device, hardware: None, strength, environment }
}

async fn slug(response: Response) -> (StatusCode, String) {
    let status = response.status();
    let body: Value = response.json().await.unwrap();
    assert!(!body["sentence"]["zh"].as_str().unwrap().is_empty() && !body["sentence"]["en"].as_str().unwrap().is_empty());
    (status, body["slug"].as_str().unwrap().to_owned())
}

fn refused(status: u16, name: &str) -> (StatusCode, String) {
    (StatusCode::from_u16(status).unwrap(), name.to_owned())
}

#[tokio::test]
async fn a_start_token_opens_one_session_and_works_once() {
    let served = Served::new().await;
    let token = served.starts.make();
    assert_eq!(served.start(&token).await.status(), StatusCode::OK);
    assert_eq!(slug(served.start(&token).await).await, refused(401, "start-over"), "twice");
    assert_eq!(slug(served.start("invented").await).await, refused(401, "start-over"));
    assert_eq!(slug(served.post("/start", "{").send().await.unwrap()).await, refused(401, "start-over"));

    let old = served.starts.make();
    served.clock.advance(600);
    assert_eq!(slug(served.start(&old).await).await, refused(401, "start-over"), "ten minutes later");
    let oldest = served.starts.make();
    (0..16).for_each(|_| drop(served.starts.make()));
    assert_eq!(slug(served.start(&oldest).await).await, refused(401, "start-over"), "only so many wait");
}

#[tokio::test]
async fn a_command_needs_cookie_and_proof_of_the_newest_session() {
    let served = Served::new().await;
    let session = served.session().await;
    let answer: Value = served.command("status", &session).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["stage"], "absent");

    let bare = served.post("/commands/status", "{}");
    assert_eq!(slug(bare.send().await.unwrap()).await, refused(401, "start-over"));
    let only_cookie = served.post("/commands/status", "{}").header("cookie", &session.0);
    assert_eq!(slug(only_cookie.send().await.unwrap()).await, refused(401, "start-over"), "other ports get the cookie too");
    let only_proof = served.post("/commands/status", "{}").header("yufu-proof", &session.1);
    assert_eq!(slug(only_proof.send().await.unwrap()).await, refused(401, "start-over"));

    let newer = served.session().await;
    assert_eq!(slug(served.command("status", &session).send().await.unwrap()).await, refused(401, "start-over"));
    assert_eq!(served.command("status", &newer).send().await.unwrap().status(), StatusCode::OK);
    let mixed = (session.0, newer.1);
    assert_eq!(slug(served.command("status", &mixed).send().await.unwrap()).await, refused(401, "start-over"));
}

#[tokio::test]
async fn another_page_and_another_name_of_this_address_are_refused() {
    let served = Served::new().await;
    let session = served.session().await;
    let port = served.host.split(':').nth(1).unwrap();
    let origins = [
        "http://evil.example".to_owned(),
        "null".to_owned(),
        format!("http://localhost:{port}"),
        "http://127.0.0.1:1".to_owned(),
    ];
    for origin in origins {
        let request = Client::new().post(format!("{}/commands/status", served.base)).header("origin", &origin);
        let request = request.header("content-type", "application/json").header("cookie", &session.0);
        let answer = request.header("yufu-proof", &session.1).body("{}").send().await.unwrap();
        assert_eq!(answer.headers().get("access-control-allow-origin"), None);
        assert_eq!(slug(answer).await, refused(403, "foreign-page"), "{origin}");
    }
    let without = Client::new().post(format!("{}/commands/status", served.base)).header("cookie", &session.0);
    let without = without.header("yufu-proof", &session.1).header("content-type", "application/json").body("{}");
    assert_eq!(slug(without.send().await.unwrap()).await, refused(403, "foreign-page"), "no origin at all");

    for name in [format!("rebound.example:{port}"), format!("localhost:{port}"), "127.0.0.1".to_owned()] {
        let answer = served.command("status", &session).header("host", &name).send().await.unwrap();
        assert_eq!(slug(answer).await, refused(421, "wrong-host"), "{name}");
        let page = Client::new().get(&served.base).header("host", &name).send().await.unwrap();
        assert_eq!(slug(page).await, refused(421, "wrong-host"), "the page too: {name}");
    }
    let preflight = Client::new().request(reqwest::Method::OPTIONS, format!("{}/commands/status", served.base));
    let preflight = preflight.header("origin", "http://evil.example").header("access-control-request-method", "POST");
    let preflight = preflight.send().await.unwrap();
    assert!(!preflight.status().is_success() && preflight.headers().get("access-control-allow-origin").is_none());
}

#[tokio::test]
async fn too_much_and_nonsense_get_an_answer_in_words() {
    let served = Served::new().await;
    let session = served.session().await;
    let large = vec![b' '; 48 * 1024 * 1024 + 1];
    let answer = served.command("status", &session).body(large).send().await.unwrap();
    assert_eq!(slug(answer).await, refused(413, "too-large"));
    let plain = served.post("/commands/status", "{}").header("cookie", &session.0).header("yufu-proof", &session.1);
    let plain = plain.header("content-type", "text/plain").send().await.unwrap();
    assert_eq!(plain.status(), StatusCode::UNSUPPORTED_MEDIA_TYPE, "a second content type is no JSON either");
    for (name, body) in [("nothing", "{}"), ("unlock", "{}"), ("status", "7"), ("status", r#"{"more":1}"#)] {
        let answer = served.command(name, &session).body(body).send().await.unwrap();
        assert_eq!(slug(answer).await, refused(422, "command-malformed"), "{name} {body}");
    }
    let closed = served.command("credentials", &session).send().await.unwrap();
    assert_eq!(slug(closed).await, refused(422, "wallet-locked"));
    let unmade = served.command("create", &session).body(r#"{"pin":"135790"}"#).send().await.unwrap();
    assert_eq!(slug(unmade).await, refused(422, "config-unreadable"), "what it was set up with is not there");
}

#[tokio::test]
async fn pages_are_the_built_files_and_say_what_they_may_do() {
    let served = Served::new().await;
    let page = reqwest::get(&served.base).await.unwrap();
    assert_eq!(page.headers()["content-type"], "text/html; charset=utf-8");
    let policy = page.headers()["content-security-policy"].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"));
    assert_eq!(page.headers()["x-content-type-options"], "nosniff");
    assert!(page.text().await.unwrap().contains("<title>wallet"));
    assert_eq!(reqwest::get(format!("{}/assets/app.js", served.base)).await.unwrap().status(), StatusCode::OK);
    for path in ["/..%2fsecret.html", "/%2e%2e/secret.html", "/assets", "/index.html/", "/wallet/vault.redb"] {
        assert_eq!(reqwest::get(format!("{}{path}", served.base)).await.unwrap().status(), StatusCode::NOT_FOUND, "{path}");
    }
}
