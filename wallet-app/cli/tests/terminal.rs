//! The wallet from a terminal, as a process: exit codes, streams, passphrases, and `kill -9`.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "clippy's own exception covers test functions and not what they share"
)]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use identity::jose::Jwk;
use identity::jose::jws::JwsHeader;
use identity::keys::{Algorithm, SecretKey};
use identity::sd_jwt::{self, ClaimPath, Decoys, Template};
use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, KeyUsagePurpose};
use serde_json::{Value, json};

const PASSPHRASE: &str = "correct horse battery";

struct Place {
    dir: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap() };
        place.write("passphrase", format!("{PASSPHRASE}\n").as_bytes());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Waits until `name` is there and says whether it was seen before `next`, which takes its place; some seconds at most.
    fn seen(&self, name: &str, next: &str) -> bool {
        let (path, next_path) = (self.path(name), self.path(next));
        for _ in 0..20_000_000 {
            if path.exists() {
                return true;
            }
            if next_path.exists() {
                return false;
            }
        }
        panic!("neither {name} nor {next} appeared");
    }

    /// The trust root of a ledger whose only node is at this port.
    fn write_trust(&self) {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let root = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        self.write("root.pem", root.pem().as_bytes());
        let validator = SecretKey::from_bytes(Algorithm::Ed25519, &[9; 32]).unwrap().public_key();
        let genesis = json!({
            "network": "test",
            "name": { "zh": "测试", "en": "Test" },
            "started_at": 1,
            "validators": [{ "name": "v1", "authority": "a", "key": validator, "cluster": "c" }],
            "authorities": [],
        });
        self.write("genesis.json", genesis.to_string().as_bytes());
    }

    fn wallet(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_yufu-wallet"));
        command.env_clear().current_dir(self.dir.path()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["--dir", "wallet", "--passphrase-file", "passphrase"]).args(arguments);
        command
    }

    fn create(&self, port: u16) -> Command {
        let node = format!("http://127.0.0.1:{port}");
        self.wallet(&["create", "--node", &node, "--genesis", "genesis.json", "--trust-anchors", "root.pem", "--json"])
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.wallet(arguments).output().unwrap()
    }
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn error(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    let error = &value["error"];
    assert!(!error["sentence"]["zh"].as_str().unwrap().is_empty() && !error["sentence"]["en"].as_str().unwrap().is_empty());
    error["slug"].as_str().unwrap().to_owned()
}

fn issuer() -> SecretKey {
    SecretKey::from_bytes(Algorithm::P256, &[1; 32]).unwrap()
}

/// `{sd_jwt, issuer_jwk, now, …}` for a small SD-JWT.
fn vector(change: impl FnOnce(&mut Value)) -> String {
    let claims = json!({ "iss": "https://issuer.example", "given_name": "华", "exp": 2000 }).as_object().unwrap().clone();
    let disclosable = [ClaimPath::name("given_name")];
    let header = JwsHeader::default();
    let template =
        Template { header: &header, claims: &claims, disclosable: &disclosable, decoys: Decoys::default(), protected: &[] };
    let text = sd_jwt::issue(&template, &[2; 32], &issuer()).unwrap();
    let mut request = json!({ "sd_jwt": text, "issuer_jwk": Jwk::from(issuer().public_key()).to_value(), "now": 1000 });
    change(&mut request);
    request.to_string()
}

fn verify(request: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_yufu-wallet"))
        .args(["sd-jwt", "verify", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(request.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// A stranger's vector needs no wallet: claims on stdout, or the reason on stderr and exit code 1.
#[test]
fn sd_jwts_are_verified_without_a_wallet() {
    let output = verify(&vector(|_| {}));
    assert_eq!(code(&output), 0, "{output:?}");
    let claims: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(claims, json!({ "iss": "https://issuer.example", "given_name": "华", "exp": 2000 }));
    let other_key = SecretKey::from_bytes(Algorithm::P256, &[5; 32]).unwrap().public_key();
    type Change = Box<dyn FnOnce(&mut Value)>;
    let refusals: [Change; 5] = [
        Box::new(|request| request["now"] = json!(2000)),
        Box::new(|request| request["require_kb"] = json!(true)),
        Box::new(move |request| request["issuer_jwk"] = Jwk::from(other_key).to_value()),
        Box::new(|request| request["sd_jwt"] = json!(request["sd_jwt"].as_str().unwrap().trim_end_matches('~'))),
        Box::new(|request| drop(request.as_object_mut().unwrap().remove("sd_jwt"))),
    ];
    for change in refusals {
        let output = verify(&vector(change));
        assert_eq!(code(&output), 1);
        assert!(output.stdout.is_empty() && !output.stderr.is_empty());
    }
    assert_eq!(code(&verify("not json")), 1);
}

#[test]
fn a_wallet_that_is_not_there_is_told() {
    let place = Place::new();
    let output = place.run(&["--json", "did"]);
    assert_eq!((code(&output), error(&output).as_str()), (1, "wallet-not-found"));
    assert!(output.stdout.is_empty());
    let output = place.run(&["--json", "create"]);
    assert_eq!((code(&output), error(&output).as_str()), (1, "configuration-missing"));
}

/// A secret has no place on the command line.
#[test]
fn a_passphrase_as_an_argument_is_a_usage_error() {
    let place = Place::new();
    assert_eq!(code(&place.run(&["--passphrase", "x", "did"])), 2);
    assert_eq!(code(&place.run(&["fly"])), 2);
}

/// The ledger is away: the wallet is there all the same, says so with its own exit code, and asks nobody when there is no terminal.
#[test]
fn without_a_ledger_the_wallet_is_made_and_says_what_is_missing() {
    let place = Place::new();
    place.write_trust();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = place.create(closed).output().unwrap();
    assert_eq!((code(&output), error(&output).as_str()), (5, "ledger-unreachable"));
    // The identity is prepared, not confirmed.
    let output = place.run(&["did", "--json"]);
    let did: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(did["did"].as_str().unwrap().starts_with("did:yufu:test:") && did["as_of"].is_null());
    let output = place.run(&["--language", "en", "did"]);
    assert_eq!(String::from_utf8(output.stdout).unwrap().trim(), did["did"].as_str().unwrap());

    place.write("passphrase", b"wrong passphrase\n");
    let output = place.run(&["did", "--json"]);
    assert_eq!((code(&output), error(&output).as_str()), (4, "wrong-passphrase"));
    place.write("passphrase", PASSPHRASE.as_bytes());

    let output = place.run(&["kill", "some-credential", "--json"]);
    assert_eq!((code(&output), error(&output).as_str()), (3, "nobody-to-ask"));
    let output = place.run(&["scan", "not a link", "--json"]);
    assert_eq!((code(&output), error(&output).as_str()), (1, "link-not-understood"));
    let output = place.run(&["receive", "--json"]);
    assert_eq!((code(&output), error(&output).as_str()), (1, "nothing-to-receive"));
    for (command, expected) in [("history", "[]"), ("credentials", "[]"), ("receipts", "[]"), ("unsent", "[]"), ("status", "[]")]
    {
        let output = place.run(&[command, "--json"]);
        assert_eq!((code(&output), String::from_utf8(output.stdout).unwrap().trim()), (0, expected), "{command}");
    }
    // Without --json a person reads the sentence in the wallet's language, which is Chinese unless set otherwise.
    let output = place.run(&["devices"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("请先创建数字身份"));
}

/// REL-A3: `kill -9` while the wallet is made, at many moments: there is no wallet and one can be made, or there is one that opens
/// and keeps its keys.
#[test]
fn a_wallet_killed_while_it_is_made_is_whole_or_not_there() {
    type Moment = fn(&Place, &TcpListener) -> bool;
    let moments: [Moment; 4] = [
        |place, _| place.seen("wallet", "wallet/vault.redb"),
        |place, _| place.seen("wallet/vault.redb.unfinished", "wallet/vault.redb"),
        |place, _| place.seen("wallet/vault.redb", "nothing"),
        // The ledger is asked: the keys are on the disk.
        |_, node| {
            let (mut connection, _) = node.accept().unwrap();
            connection.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            connection.read_exact(&mut [0]).is_ok()
        },
    ];
    for (number, moment) in moments.into_iter().enumerate() {
        // A moment lasts some milliseconds: on a busy machine it can pass between two looks, and then another wallet is made.
        let (place, port) = (0..50)
            .find_map(|_| {
                let place = Place::new();
                place.write_trust();
                let node = TcpListener::bind("127.0.0.1:0").unwrap();
                let port = node.local_addr().unwrap().port();
                let mut child = place.create(port).spawn().unwrap();
                let caught = moment(&place, &node);
                child.kill().unwrap();
                child.wait().unwrap();
                caught.then_some((place, port))
            })
            .unwrap_or_else(|| panic!("moment {number} passed unseen 50 times"));
        let before = place.run(&["did", "--json"]);
        if code(&before) != 0 {
            assert!(number < 3, "asked the ledger before the keys were kept");
            let slug = error(&before);
            assert!(["wallet-not-found", "identity-not-created"].contains(&slug.as_str()), "{slug} at moment {number}");
        }
        // Making it goes on, with the same keys where there were some.
        let output = place.create(port).output().unwrap();
        assert_eq!(error(&output), "ledger-unreachable", "moment {number}");
        let after = place.run(&["did", "--json"]);
        assert_eq!(code(&after), 0);
        if code(&before) == 0 {
            assert_eq!(before.stdout, after.stdout);
        }
    }
}

/// Ids are base64url, and one in sixty-four begins with `-`: it is no option.
#[test]
fn an_id_that_begins_with_a_hyphen_is_an_id() {
    let place = Place::new();
    for arguments in [&["status", "-6PGs6VuojlUO-KUQ0j8IA"][..], &["withdraw", "-x"], &["recovery", "forget", "-x"]] {
        assert_eq!(error(&place.run(&[arguments, &["--json"][..]].concat())), "wallet-not-found", "{arguments:?}");
    }
}

/// SEC-D2: a crash of the wallet leaves no file with what it had in memory.
#[cfg(target_os = "linux")]
#[test]
fn the_wallet_leaves_no_core_dump() {
    let place = Place::new();
    place.write_trust();
    let node = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut child = place.create(node.local_addr().unwrap().port()).spawn().unwrap();
    // It asks the ledger: the wallet is open.
    let _connection = node.accept().unwrap();
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", child.id())).unwrap();
    let cores = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(cores.split_whitespace().rev().take(3).collect::<Vec<_>>(), ["bytes", "0", "0"], "{cores}");
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A new device needs no ledger to show its link and code: they are on the disk before, and the same key is shown again.
#[test]
fn a_new_device_shows_its_link_and_code_without_a_ledger() {
    let place = Place::new();
    place.write_trust();
    let join = |extra: &[&str]| {
        let mut arguments = vec!["join", "--json"];
        arguments.extend(extra);
        place.run(&arguments)
    };
    let made = ["--node", "http://127.0.0.1:9", "--genesis", "genesis.json", "--trust-anchors", "root.pem"];
    let shown = |output: Output| -> Value { serde_json::from_slice(&output.stdout).unwrap() };
    let (first, again) = (shown(join(&made)), shown(join(&[])));
    let key = |shown: &Value| shown["link"].as_str().unwrap().split("key=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    assert_eq!(key(&first), key(&again));
    assert_ne!(first["code"], again["code"]);
    assert_eq!(first["code"].as_str().unwrap().replace(' ', "").len(), 8);
    let refused = join(&["yufu-device://welcome?did=nobody"]);
    assert_eq!((code(&refused), error(&refused).as_str()), (1, "device-link-malformed"));
    // Without an identity there is nothing to add to, to remove from, or to prepare.
    let link = first["link"].as_str().unwrap();
    for arguments in
        [&["add-device", link, "--code", "1", "--json"][..], &["devices", "--json"], &["recovery", "words", "--json"]]
    {
        let refused = place.run(arguments);
        assert_eq!((code(&refused), error(&refused).as_str()), (1, "identity-not-created"), "{arguments:?}");
    }
}

/// Words never stand on the command line; wrong ones are told apart, and words alone do not say whose they are.
#[test]
fn recovery_says_what_is_wrong_with_the_words() {
    let place = Place::new();
    place.write_trust();
    let recover = |extra: &[&str]| {
        let mut arguments =
            vec!["recover", "--json", "--node", "http://127.0.0.1:9", "--genesis", "genesis.json", "--trust-anchors", "root.pem"];
        arguments.extend(extra);
        place.run(&arguments)
    };
    let words = format!("{}art", "abandon ".repeat(23));
    place.write("few", b"abandon abandon");
    place.write("misspelt", words.replacen("abandon", "abandom", 1).as_bytes());
    place.write("swapped", words.replace("art", "zoo").as_bytes());
    place.write("words", words.as_bytes());
    place.write("not-a-backup", b"something else");
    for (arguments, slug) in [
        (&["--words-file", "few"][..], "recovery-word-count"),
        (&["--words-file", "misspelt"], "recovery-word-unknown"),
        (&["--words-file", "swapped"], "recovery-words-wrong"),
        (&["--words-file", "words"], "identity-not-named"),
        (&["--words-file", "words", "--backup", "not-a-backup"], "backup-unknown-file"),
        (&["--words-file", "words", "--backup", "nowhere"], "file"),
        (&["--card", "words"], "recovery-card-malformed"),
        (&["--words-file", "nowhere"], "file"),
    ] {
        let refused = recover(arguments);
        assert_eq!((code(&refused), error(&refused).as_str()), (1, slug), "{arguments:?}");
    }
    // Nobody to ask for the words.
    let refused = recover(&[]);
    assert_eq!((code(&refused), error(&refused).as_str()), (3, "nobody-to-ask"));
    // With the identity named it is the ledger that is away.
    let did = format!("did:yufu:test:{}", "a".repeat(52));
    let refused = recover(&["--words-file", "words", "--did", &did]);
    assert_eq!((code(&refused), error(&refused).as_str()), (5, "ledger-unreachable"));
}

/// The history goes into a file as JSON; statements about what it does not know are refused.
#[test]
fn the_history_is_exported() {
    let place = Place::new();
    place.write_trust();
    assert_eq!(code(&place.create(9).output().unwrap()), 5, "no ledger");
    let done = place.run(&["history", "--export", "history.json", "--json"]);
    assert_eq!(code(&done), 0, "{}", String::from_utf8_lossy(&done.stderr));
    let exported: Value = serde_json::from_slice(&std::fs::read(place.path("history.json")).unwrap()).unwrap();
    assert_eq!((exported["format"].as_str(), exported["network"].as_str()), (Some("yufu-wallet-history/1"), Some("test")));
    for arguments in [
        &["withdraw", "x", "--json"][..],
        &["ask-deletion", "x", "--json"],
        &["report", "x", "--reason", "y", "--json"],
        &["send-statement", "x", "--json"],
    ] {
        let refused = place.run(arguments);
        assert_eq!((code(&refused), error(&refused).as_str()), (1, "statement-about-unknown"), "{arguments:?}");
    }
    let done = place.run(&["statements", "--json"]);
    assert_eq!((code(&done), String::from_utf8(done.stdout).unwrap().trim()), (0, "[]"));
}
