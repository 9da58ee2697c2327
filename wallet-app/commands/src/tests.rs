//! The open wallet behind the table: when it closes, who is waited for, and what a refusal does not repeat.

use std::sync::Arc;
use std::time::Duration;

use identity::keys::{Algorithm, SecretKey, Signer as _};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use wallet_core::{Clock, Environment, Language, NoKeyStore, Passphrase, Patience, Random, Strength, Wallet, WalletConfig};

use crate::open::LIMIT;
use crate::{Commands, Failure, Host};

/// 21 November 2026.
const NOW: i64 = 1_795_226_400;
const PASSPHRASE: &str = "correct horse battery";

/// An open wallet of a city that nobody runs, at a time that the test sets.
struct Opened {
    commands: Commands,
    clock: Clock,
    _folder: tempfile::TempDir,
}

impl Opened {
    fn new(patience: Patience) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let validator = SecretKey::from_bytes(Algorithm::Ed25519, &[9; 32]).unwrap().public_key();
        let genesis = json!({
            "network": "test",
            "name": {"zh": "测试城", "en": "Test city"},
            "started_at": NOW - 1000,
            "validators": [{"name": "v1", "authority": "public-security", "key": validator, "cluster": "a"}],
            "authorities": [],
        });
        std::fs::write(folder.path().join("genesis.json"), genesis.to_string()).unwrap();
        let root = rcgen::generate_simple_self_signed(vec!["root.example".to_owned()]).unwrap();
        std::fs::write(folder.path().join("root.pem"), root.cert.pem()).unwrap();
        let config = WalletConfig {
            nodes: vec!["http://127.0.0.1:9".parse().unwrap()],
            genesis: folder.path().join("genesis.json"),
            trust_anchors: folder.path().join("root.pem"),
            language: Language::En,
        };
        let clock = Clock::manual(NOW);
        let environment = Environment { clock: clock.clone(), random: Random::from_os_seed([7; 32]) };
        let (dir, passphrase) = (folder.path().join("wallet"), Passphrase::new(PASSPHRASE.to_owned()));
        let wallet = Wallet::create(&dir, &passphrase, config.clone(), Strength::weak_for_tests(), environment.clone()).unwrap();
        let strength = Some(Strength::weak_for_tests());
        let commands =
            Commands::new(Host { dir, config, departments: Vec::new(), device: Arc::new(NoKeyStore), strength, environment });
        commands.keep(wallet.with_patience(patience));
        Self { commands, clock, _folder: folder }
    }

    async fn call(&self, name: &str, input: Value) -> Result<Value, Failure> {
        let output = self.commands.call(name, input.to_string().as_bytes()).await?;
        Ok(serde_json::from_slice(&output).unwrap())
    }
}

#[tokio::test]
async fn the_wallet_closes_unless_somebody_uses_it_and_what_screens_ask_by_themselves_is_no_use() {
    let opened = Opened::new(Patience::default());
    let status = opened.call("status", json!({})).await.unwrap();
    assert_eq!((&status["stage"], &status["closes_in"]), (&json!("open"), &json!(300)));
    opened.clock.advance(240);
    opened.call("requests", json!({})).await.unwrap();
    opened.call("poll_issuances", json!({})).await.unwrap();
    assert_eq!(opened.call("status", json!({})).await.unwrap()["closes_in"], json!(60), "asking is no use");
    assert_eq!(opened.call("touch", json!({})).await.unwrap()["closes_in"], json!(300));
    // Somebody who types into a form for long asks for nothing meanwhile.
    for _ in 0..10 {
        opened.clock.advance(299);
        opened.call("touch", json!({})).await.unwrap();
    }
    opened.clock.advance(300);
    let touched = opened.call("touch", json!({})).await.unwrap();
    assert_eq!((&touched["stage"], &touched["closes_in"]), (&json!("locked"), &Value::Null), "it is not opened by use");
    assert_eq!(opened.call("requests", json!({})).await.unwrap_err().slug, "wallet-locked");
}

/// A department that takes the connection and says nothing.
async fn silent() -> (String, TcpListener) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let offer = format!("http://{}/offers/1", listener.local_addr().unwrap());
    (format!("openid-credential-offer://?credential_offer_uri={}", offer.replace(':', "%3A").replace('/', "%2F")), listener)
}

#[tokio::test]
async fn who_is_waited_for_is_said_while_the_wait_lasts_and_no_longer() {
    let patience =
        Patience { slow_after: Duration::from_millis(50), story: Duration::from_millis(800), ledger: Duration::from_millis(400) };
    let opened = Opened::new(patience);
    let (link, _listener) = silent().await;
    assert_eq!(opened.call("progress", json!({})).await.unwrap(), Value::Null);
    let listening = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            // What a screen asks quietly meanwhile does not hide it.
            opened.call("requests", json!({})).await.unwrap();
            let heard = opened.call("progress", json!({})).await.unwrap();
            if !heard.is_null() {
                return heard;
            }
        }
    };
    let (ended, heard) = tokio::join!(opened.call("receive", json!({"link": link, "pin": "1234"})), listening);
    assert_eq!(heard["side"], "department");
    assert!(heard["sentence"]["en"].as_str().unwrap().contains("waiting for the department"), "{heard}");
    assert!(heard["sentence"]["zh"].as_str().unwrap().contains("部门"), "{heard}");
    let failure = ended.unwrap_err();
    assert_eq!(failure.slug, "waited-too-long", "the story's own limit ends it, and names who was waited for");
    assert_eq!(opened.call("progress", json!({})).await.unwrap(), Value::Null);
}

#[test]
fn a_command_may_take_as_long_as_its_stories() {
    assert!(LIMIT > 3 * Patience::default().story);
}

/// A PIN that is sent in another form than a text would be quoted by who reads it.
#[tokio::test]
async fn what_is_of_another_form_is_refused_without_being_repeated() {
    let opened = Opened::new(Patience::default());
    let inputs = [
        ("unlock", json!({"pin": 483_726})),
        ("unlock", json!({"483726": "x"})),
        ("receive", json!({"link": "x", "pin": ["483726"]})),
        ("set_language", json!({"language": "483726"})),
    ];
    for (name, input) in inputs {
        let failure = opened.call(name, input.clone()).await.unwrap_err();
        assert_eq!(failure.slug, "command-malformed", "{input}");
        assert!(!format!("{failure:?}").contains("483726"), "{failure:?}");
    }
}
