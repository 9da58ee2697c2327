//! The console's login on a running node, from the command line to the browser's cookie.

use crate::{
    city::{City, LIMIT},
    governance::{Desk, governed},
};
use reqwest::{
    StatusCode,
    header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE},
    redirect::Policy,
};
use std::collections::BTreeMap;

/// A browser: one cookie jar, no redirects.
struct Browser {
    http: reqwest::Client,
    url: String,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    fn new(url: &str) -> Self {
        let http = reqwest::Client::builder().redirect(Policy::none()).timeout(LIMIT).build().unwrap();
        Self { http, url: url.to_owned(), cookies: BTreeMap::new() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> reqwest::Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let answer = request.header(COOKIE, cookies.join("; ")).send().await.unwrap();
        for line in answer.headers().get_all(SET_COOKIE) {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        self.cookies.retain(|_, value| !value.is_empty());
        answer
    }

    async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let answer = self.send(self.http.get(format!("{}{path}", self.url))).await;
        (answer.status(), answer.text().await.unwrap())
    }

    /// The challenge of the login page.
    async fn challenge(&mut self) -> String {
        let (status, page) = self.get("/console/login?lang=en").await;
        assert_eq!(status, StatusCode::OK);
        page.split_once("--challenge ").unwrap().1.split_once('<').unwrap().0.to_owned()
    }

    async fn present(&mut self, code: &str) -> (StatusCode, String) {
        let request = self.http.post(format!("{}/console/login", self.url)).header(ORIGIN, &self.url);
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(format!("code={code}"));
        let answer = self.send(request).await;
        (answer.status(), answer.headers().get(LOCATION).map_or("", |path| path.to_str().unwrap()).to_owned())
    }
}

/// The command that answers the challenge of this browser for an authority.
async fn command(city: &City, browser: &mut Browser, id: &str, at: &str, genesis: &str) -> Vec<String> {
    let (challenge, file) = (browser.challenge().await, city.folder(0).join(id).to_str().unwrap().to_owned());
    let words =
        ["console-login", "--at", at, "--genesis", genesis, "--authority", id, "--key-file", &file, "--challenge", &challenge];
    words.map(str::to_owned).to_vec()
}

/// The code that the command prints.
async fn code(city: &City, browser: &mut Browser, id: &str, genesis: &str) -> String {
    let at = browser.url.clone();
    let arguments = command(city, browser, id, &at, genesis).await;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    city.done(&arguments).await["code"].as_str().unwrap().to_owned()
}

/// What the command says when it is given another address or genesis than the challenge is for.
async fn refused(city: &City, console: &str, at: &str, genesis: &str) -> String {
    let arguments = command(city, &mut Browser::new(console), "backup", at, genesis).await;
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    city.refused(&arguments).await
}

/// I064, I068, I037, I038, Z020: the operators of a node log in with their ledger key; another authority is refused until the members
/// make it a supervisor by vote, then sees the findings of a node that is not its own, and loses that with the next vote. The admin socket
/// has no pages then. The command signs nothing for another address or ledger.
#[tokio::test(flavor = "multi_thread")]
async fn members_make_a_supervisor_by_vote_who_then_logs_in_where_it_runs_nothing() {
    let mut city = City::prepare_of(4, governed).await;
    let console = city.own_console(0);
    for place in 0..4 {
        city.spawn(place).await;
    }
    city.wait_until("a first block", async |city| city.height(0).await >= 1).await;
    let desk = Desk::new(&city);
    let genesis = desk.genesis.clone();
    let mut operator = Browser::new(&console);
    assert_eq!(operator.get("/console").await.0, StatusCode::SEE_OTHER);
    let own = code(&city, &mut operator, "e-government", &genesis).await;
    assert_eq!(operator.present(&own).await, (StatusCode::SEE_OTHER, "/console".to_owned()));
    let (status, page) = operator.get("/console?lang=en").await;
    assert!(status == StatusCode::OK && page.contains("A bureau · operator") && page.contains("4/4"), "{page}");

    let mut watcher = Browser::new(&console);
    let early = code(&city, &mut watcher, "backup", &genesis).await;
    assert_eq!(watcher.present(&early).await.0, StatusCode::FORBIDDEN);
    let role = ["accredit", "--authority", "backup", "--attestation-type", "urn:yufu:role:supervisor:backup"];
    desk.decided(&role).await;
    city.wait_until("the vote on this node", async |city| {
        city.json::<wire::directory::Directory>(0, "/v1/directory").await.1.authorities[0].supervises
    })
    .await;
    let now = code(&city, &mut watcher, "backup", &genesis).await;
    assert_eq!(watcher.present(&now).await, (StatusCode::SEE_OTHER, "/console".to_owned()));
    for page in ["/console/findings", "/console/evidence", "/console/peers", "/console/members", "/console/access"] {
        assert_eq!(watcher.get(page).await.0, StatusCode::OK, "{page}");
    }
    let (_, log) = watcher.get("/console/access?lang=en").await;
    assert!(log.contains("refused: no role on this node") && log.matches("logged in").count() >= 2, "{log}");
    desk.decided(&["withdraw-accreditation", "urn:yufu:role:supervisor:backup"]).await;
    city.wait_until("the vote on this node", async |city| {
        !city.json::<wire::directory::Directory>(0, "/v1/directory").await.1.authorities[0].supervises
    })
    .await;
    assert_eq!(watcher.get("/console/findings").await.0, StatusCode::SEE_OTHER, "at once");
    assert_eq!(operator.get("/console/findings").await.0, StatusCode::OK);

    let elsewhere = refused(&city, &console, "https://console.evil.example/", &genesis).await;
    assert!(
        elsewhere.contains("nothing was signed") && elsewhere.contains("passes on another console's challenge"),
        "{elsewhere}"
    );
    let other = std::fs::read_to_string(&genesis).unwrap().replace("Test ledger", "Another ledger");
    let file = city.folder(0).join("other.json");
    std::fs::write(&file, other).unwrap();
    let ledger = refused(&city, &console, &console, file.to_str().unwrap()).await;
    assert!(ledger.contains("for another ledger than this genesis"), "{ledger}");

    assert_eq!(city.page(0, "/console").await.0, StatusCode::NOT_FOUND, "the admin socket has no pages beside the login");
    assert!(city.metrics(0).await.contains("ledger_console_access_total{event=\"login\"} 2"));
    // Who came stays known over a restart; who was in is out.
    assert_eq!(city.terminate(0).await, Some(0));
    city.spawn(0).await;
    assert_eq!(operator.get("/console").await.0, StatusCode::SEE_OTHER);
    let again = code(&city, &mut operator, "e-government", &genesis).await;
    assert_eq!(operator.present(&again).await.0, StatusCode::SEE_OTHER);
    let (_, log) = operator.get("/console/access?lang=en").await;
    assert!(log.contains("session ended: the ledger no longer gives the right"), "{log}");
}
