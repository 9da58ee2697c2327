//! Issuers and verifiers that nobody here wrote: libraries of the OpenWallet Foundation, for Node, against this wallet; honest first, then
//! lying. The programs are in `tests/strangers`; the credentials themselves are made here, where the ledger is.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use ledger::cell::Subject;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, OnceCell};
use url::Url;
use wallet_core::{Clock, PendingStage, Selection, Wallet};

use crate::city::{Ca, City, VCT, only};
use crate::site::site_key;

/// How long a program may take to say something.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long npm may take to install some twenty small packages.
const INSTALLING: Duration = Duration::from_secs(300);
const NO_NPM: &str = "npm could not be started: the strangers need Node 20 or newer with npm (https://nodejs.org)";

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/strangers")
}

/// Installs the libraries when they are missing or older than the lock file.
async fn installed() {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_init(install).await;
}

async fn install() {
    let changed = |name: &str| std::fs::metadata(folder().join(name)).and_then(|file| file.modified());
    let lock = changed("package-lock.json").unwrap();
    if changed("node_modules/.package-lock.json").is_ok_and(|installed| installed >= lock) {
        return;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder()).kill_on_drop(true);
    let output = tokio::time::timeout(INSTALLING, npm.output()).await.expect("npm ci within five minutes").expect(NO_NPM);
    assert!(output.status.success(), "npm ci: {}", String::from_utf8_lossy(&output.stderr));
}

/// A program of a stranger, which speaks in lines of JSON.
struct Stranger {
    _process: Child,
    input: ChildStdin,
    output: Mutex<Lines<BufReader<ChildStdout>>>,
    /// Where it is.
    base: String,
}

impl Stranger {
    async fn start(program: &str, input: &Value) -> (Self, Value) {
        installed().await;
        let mut command = Command::new("node");
        command.arg(program).current_dir(folder()).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut process = command.spawn().expect(NO_NPM);
        let output = Mutex::new(BufReader::new(process.stdout.take().unwrap()).lines());
        let mut stranger = Self { input: process.stdin.take().unwrap(), _process: process, output, base: String::new() };
        let ready = stranger.tell(input).await;
        stranger.base = ready["base"].as_str().unwrap_or_default().to_owned();
        (stranger, ready)
    }

    async fn tell(&mut self, line: &Value) -> Value {
        self.input.write_all(format!("{line}\n").as_bytes()).await.unwrap();
        self.hear().await
    }

    async fn hear(&self) -> Value {
        let mut output = self.output.lock().await;
        let line = tokio::time::timeout(PATIENCE, output.next_line()).await.expect("the program says something").unwrap();
        serde_json::from_str(&line.expect("the program goes on")).unwrap()
    }

    /// Everything until a line with this member.
    async fn hear_of(&self, member: &str) -> Value {
        loop {
            let line = self.hear().await;
            if let Some(value) = line.get(member) {
                return value.clone();
            }
        }
    }
}

/// A city with a stranger's issuer in the place of its department's; gives the offer.
async fn issuing(input: Value) -> (City, Wallet, Stranger, String) {
    let city = City::at(Clock::system()).await;
    let mut all = json!({ "mint": format!("{}/mint", city.issuer.base()), "vct": VCT });
    all.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    let (stranger, ready) = Stranger::start("issuer.mjs", &all).await;
    let mut record = city.issuer.record();
    record.issuer_url = Some(ready["base"].as_str().unwrap().to_owned());
    city.ledger.put(&Subject::Authority(record.id), &record, 0);
    let wallet = city.create_wallet();
    (city, wallet, stranger, ready["offer"].as_str().unwrap().to_owned())
}

fn back() -> Url {
    "http://127.0.0.1:1/signed-in".parse().unwrap()
}

/// The person signs in at the address, and the browser comes back.
async fn sign_in(url: &Url) -> String {
    let answer: Value = reqwest::get(url.clone()).await.unwrap().json().await.unwrap();
    answer["back"].as_str().unwrap().to_owned()
}

/// X036: authorization code, PAR, PKCE, DPoP with nonces of both servers, `iss`, a batch with distinct keys and a notification, against an
/// issuer and authorization server of the OpenWallet Foundation.
#[tokio::test]
async fn a_strangers_issuer_gives_this_wallet_a_credential() {
    let (city, wallet, stranger, offer) = issuing(json!({})).await;
    let request = wallet.authorize(&offer, &back()).await.unwrap();
    let credential = only(wallet.authorized(&sign_in(&request.url).await).await.unwrap());
    assert_eq!((credential.copies, credential.usable), (3, true));
    let notified = stranger.hear_of("notified").await;
    assert_eq!(notified["event"], "credential_accepted");
    // It is as good as any: it is shown to the city's site.
    let consent = wallet.open(&city.site.ask(&["family_name"])).await.unwrap();
    wallet.approve(&consent, None).await.unwrap();
}

/// REL-E2: the stranger's issuer takes longer; the wallet is closed and opened meanwhile.
#[tokio::test]
async fn a_strangers_issuer_may_take_longer() {
    let (city, wallet, _stranger, offer) = issuing(json!({ "deferred": 1 })).await;
    let request = wallet.authorize(&offer, &back()).await.unwrap();
    let error = wallet.authorized(&sign_in(&request.url).await).await.unwrap_err();
    assert_eq!(error.slug(), "issuance-deferred", "{error:?}");
    let wallet = city.reopen(wallet);
    tokio::time::sleep(Duration::from_millis(2100)).await;
    let polled = wallet.poll_issuances().await.unwrap();
    assert!(matches!(polled[0].stage, PendingStage::Received(_)), "{polled:?}");
}

/// The stranger's pre-authorized code with its PIN, under bound tokens; and new copies by its refresh token.
#[tokio::test]
async fn a_strangers_issuer_takes_a_code_with_its_pin_and_a_refresh_token() {
    // A token that the wallet takes for over: it uses none in its last seconds.
    let (_city, wallet, stranger, offer) = issuing(json!({ "txCode": "4821", "tokenSeconds": 4 })).await;
    assert_eq!(wallet.receive(&offer, Some("0000")).await.unwrap_err().slug(), "pin-or-offer-refused");
    let credential = only(wallet.receive(&offer, Some("4821")).await.unwrap());
    assert_eq!((credential.copies, credential.renewable), (3, true));
    assert_eq!(wallet.renew(&credential.id).await.unwrap().copies_left, 3);
    assert_eq!(stranger.hear_of("token").await, "urn:ietf:params:oauth:grant-type:pre-authorized_code");
    assert_eq!(stranger.hear_of("token").await, "refresh_token");
}

/// SEC-P4: the same issuer lying: nothing is kept.
#[tokio::test]
async fn a_strangers_issuer_that_lies_is_refused() {
    for (lie, slug) in [
        ("metadata", "bad-answer"),
        ("nonces", "issuer-nonce-loop"),
        ("state", "sign-in-unknown"),
        ("iss", "sign-in-answer-refused"),
        ("mix-up", "sign-in-answer-refused"),
        ("bearer", "bad-answer"),
        ("no PAR", "issuer-metadata"),
        ("no PKCE", "issuer-metadata"),
        ("no DPoP", "issuer-metadata"),
        ("other key", "credential-bound-to-another-key"),
    ] {
        let (_city, wallet, _stranger, offer) = issuing(json!({ "lie": lie })).await;
        let error = match wallet.authorize(&offer, &back()).await {
            Err(error) => error,
            Ok(request) => wallet.authorized(&sign_in(&request.url).await).await.unwrap_err(),
        };
        assert_eq!(error.slug(), slug, "{lie}: {error:?}");
        assert!(wallet.credentials().unwrap().is_empty());
    }
}

/// A city with a stranger's verifier, registered with the certificate of the city's site.
async fn verifying(input: Value) -> (City, Wallet, Stranger) {
    let city = City::at(Clock::system()).await;
    let wallet = city.wallet_with_credential().await;
    let key = site_key();
    let mut jwk = identity::jose::Jwk::from(key.public_key()).to_value();
    jwk["d"] = crate::base64url(key.to_bytes().as_slice()).into();
    let mut all = json!({
        "key": jwk,
        "x5c": city.site.chain().to_x5c(),
        "root": std::fs::read_to_string(city.dir.path().join("root.pem")).unwrap(),
        "verifier_info": [{ "format": "yufu_registration", "data": { "party": "tax-portal", "purpose": "login" } }],
        "vct": VCT,
        "claims": ["family_name"],
    });
    all.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
    let (stranger, ready) = Stranger::start("verifier.mjs", &all).await;
    if input.get("x5c").is_none() {
        assert_eq!(ready["client_id"], city.site.client_id().as_str());
    }
    let mut party = city.party(&["family_name"]);
    party.origin = ready["base"].as_str().unwrap().to_owned();
    city.register_party(&party);
    (city, wallet, stranger)
}

/// X060: a verifier of the OpenWallet Foundation signs the request and reads the response, encrypted and not: signature, key binding and
/// query by its own libraries.
#[tokio::test]
async fn a_strangers_verifier_reads_what_this_wallet_shows() {
    for (mode, encrypted) in [("direct_post.jwt", true), ("direct_post", false)] {
        let (_city, wallet, mut stranger) = verifying(json!({ "mode": mode })).await;
        let made = stranger.tell(&json!({ "ask": "one" })).await;
        let consent = wallet.open(made["link"].as_str().unwrap_or_else(|| panic!("{made}"))).await.unwrap();
        assert_eq!(consent.view.name.en, "Tax portal");
        let outcome = wallet.approve(&consent, None).await;
        let answered = stranger.hear().await;
        assert_eq!(answered["answered"]["encrypted"], encrypted, "{answered}");
        assert_eq!(answered["answered"]["claims"]["family_name"], "李-canary-1");
        assert!(answered["answered"]["claims"].get("id_number").is_none());
        assert!(outcome.unwrap().redirect_uri.unwrap().ends_with("/done"));
    }
}

/// X060: the same verifier in every way that it can ask: the request in the link itself, fetched by POST with the wallet's nonce
/// (section 5.10), with a part that may be left out (section 6.2), and with something to agree to (section 8.4), whose hash its library checks.
#[tokio::test]
async fn a_strangers_verifier_asks_in_every_way() {
    let text = json!({ "zh": "缴纳税款 120 元", "en": "Pay 120 yuan of tax" });
    let transaction = json!({ "type": "urn:yufu:transaction:confirmation:1", "text": text });
    for (input, take_all, parts, agreed) in [
        (json!({ "by_value": true }), false, json!(["identity"]), 0),
        (json!({ "post": true }), false, json!(["identity"]), 0),
        (json!({ "optional": ["birth_date"] }), false, json!(["identity"]), 0),
        (json!({ "optional": ["birth_date"] }), true, json!(["identity", "more"]), 0),
        (json!({ "transaction": transaction }), false, json!(["identity"]), 1),
    ] {
        let (city, wallet, mut stranger) = verifying(input.clone()).await;
        let mut party = city.party(&["family_name", "birth_date"]);
        party.origin = stranger.base.clone();
        city.register_party(&party);
        let made = stranger.tell(&json!({ "ask": "one" })).await;
        let mut consent = wallet.open(made["link"].as_str().unwrap_or_else(|| panic!("{made}"))).await.unwrap();
        if take_all {
            consent = wallet.select(&consent, &Selection { sets: [(1, Some(0))].into(), ..Selection::default() }).unwrap();
        }
        wallet.approve(&consent, None).await.unwrap();
        let answered = stranger.hear().await;
        assert_eq!(
            (&answered["answered"]["parts"], &answered["answered"]["agreed"]),
            (&parts, &json!(agreed)),
            "{input}: {answered}"
        );
    }
}

/// Sections 14.7 and 8.2: a stranger that sends the response on finds that nobody followed.
#[tokio::test]
async fn a_strangers_redirect_of_the_response_is_not_followed() {
    let (_city, wallet, mut stranger) = verifying(json!({ "lie": "response redirect" })).await;
    let made = stranger.tell(&json!({ "ask": "one" })).await;
    let consent = wallet.open(made["link"].as_str().unwrap()).await.unwrap();
    assert_eq!(wallet.approve(&consent, None).await.unwrap_err().slug(), "refused");
    assert_eq!(stranger.hear().await, json!({ "redirected": true }));
    // The next line is the answer to this, and not that something was stolen.
    let next = stranger.tell(&json!({ "ask": "two" })).await;
    assert!(next.get("link").is_some(), "{next}");
}

/// SEC-P2: the same verifier lying: nothing is sent, or the browser stays.
#[tokio::test]
async fn a_strangers_verifier_that_lies_is_refused() {
    let another_citys = Ca::new("Another city").chain("Tax office", site_key().public_key());
    for (input, slug) in [
        (json!({ "lie": "response_uri" }), "response-address-foreign"),
        (json!({ "lie": "aud" }), "request-malformed"),
        (json!({ "lie": "redirect" }), "refused"),
        (json!({ "lie": "expired" }), "request-expired"),
        (json!({ "lie": "client_id" }), "request-client-id"),
        (json!({ "lie": "client_id", "by_value": true }), "request-client-id"),
        (json!({ "lie": "wallet_nonce", "post": true }), "request-malformed"),
        (json!({ "x5c": another_citys.to_x5c() }), "request-certificate"),
        (json!({ "transaction": { "type": "payment", "text": { "zh": "一", "en": "one" } } }), "request-transaction"),
        (json!({ "claims": ["family_name", "id_number"] }), "over-asking"),
        (
            json!({ "verifier_info": [{ "format": "yufu_registration", "data": { "party": "other", "purpose": "login" } }] }),
            "party-differs",
        ),
    ] {
        let (_city, wallet, mut stranger) = verifying(input.clone()).await;
        let made = stranger.tell(&json!({ "ask": "one" })).await;
        let error = wallet.open(made["link"].as_str().unwrap_or_else(|| panic!("{made}"))).await.unwrap_err();
        assert_eq!(error.slug(), slug, "{input}");
    }
    let (_city, wallet, mut stranger) = verifying(json!({ "lie": "redirect_uri" })).await;
    let made = stranger.tell(&json!({ "ask": "one" })).await;
    let consent = wallet.open(made["link"].as_str().unwrap()).await.unwrap();
    assert_eq!(wallet.approve(&consent, None).await.unwrap().redirect_uri, None);
}
