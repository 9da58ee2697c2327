//! Configuration, pages, headers, the API description.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;
use verifier_service::config::{self, Config};

use crate::browser::{self, Browser};
use crate::city::{City, Root, base64, p256};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// A directory with everything that `config.example.toml` names.
fn installed() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = directory.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let root = Root::new("Riverside Root");
    let key = p256(0x11);
    let pem = |der: &[u8]| {
        use base64::Engine as _;
        let body = base64::engine::general_purpose::STANDARD.encode(der);
        format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n")
    };
    write("ca/root.pem", &pem(&root.der));
    write("keys/certificate.pem", &pem(root.chain("Riverside City Tax Services", &key).leaf_der()));
    write("keys/certificate.key", &hex(key.to_bytes().as_slice()));
    write("keys/ledger.key", &hex(&[0x31; 32]));
    write("keys/storage.key", &hex(&[0x51; 32]));
    let validator =
        identity::Signer::public_key(&identity::SecretKey::from_bytes(identity::Algorithm::Ed25519, &[8; 32]).unwrap());
    let genesis = json!({
        "network": "riverside", "name": { "zh": "滨河", "en": "Riverside" }, "started_at": 1,
        "validators": [{ "name": "v1", "authority": "tax-bureau", "key": validator, "cluster": "a" }],
        "authorities": [{
            "id": "tax-bureau", "name": { "zh": "税务", "en": "Tax" }, "ledger_keys": [validator], "credential_keys": [],
            "reader_key": null, "issuer_url": null, "accredited_types": [], "may_sponsor": true,
        }],
    });
    write("genesis.json", &genesis.to_string());
    write("config.toml", include_str!("../../config.example.toml"));
    directory
}

#[test]
fn the_example_configuration_is_right_with_every_file_that_it_names() {
    let directory = installed();
    let setup = config::load(&directory.path().join("config.toml")).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(setup.policies.len(), 1);
    assert!(setup.party.client_id.starts_with("x509_hash:"));
    assert!(!format!("{:?}", setup.config).contains(&hex(&[0x51; 32])));
}

#[test]
fn a_wrong_configuration_names_file_and_key() {
    let directory = installed();
    let file = directory.path().join("config.toml");
    let example = include_str!("../../config.example.toml");
    for (from, to, expected) in [
        ("listen = \"127.0.0.1:7300\"", "listen = 7300", "line 5, key 'listen'"),
        ("match_code = \"when_present\"", "match_cod = \"when_present\"", "key 'match_cod'"),
        ("https://tax.riverside.example", "http://tax.riverside.example", "key 'public_url': it must be https"),
        ("https://tax.riverside.example", "https://tax.riverside.example/x", "key 'public_url': it must be an origin"),
        ("request_lifetime_seconds = 120", "request_lifetime_seconds = 121", "key 'request_lifetime_seconds'"),
        ("id = \"tax-login\"", "id = \"Tax Login\"", "key 'purposes'"),
        ("keys/ledger.key", "keys/none.key", "keys/none.key cannot be read"),
        ("keys/certificate.key", "keys/ledger.key", "key 'certificate_key_file'"),
        ("keys/storage.key", "ca/root.pem", "does not hold 32 bytes in hexadecimal"),
        ("ca/root.pem", "genesis.json", "key 'trust_anchors_file'"),
    ] {
        std::fs::write(&file, example.replace(from, to)).unwrap();
        let error = config::load(&file).err().unwrap_or_else(|| panic!("{to} was accepted")).to_string();
        assert!(error.contains(expected), "{to}: {error}");
    }
}

#[test]
fn a_key_file_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = installed();
    let key = directory.path().join("keys/storage.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let error = config::load(&directory.path().join("config.toml")).err().unwrap().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn unknown_keys_are_refused() {
    let text = format!("{}\nsurprise = 1\n", include_str!("../../config.example.toml"));
    assert!(service_kit::config::parse::<Config>(std::path::Path::new("config.toml"), &text).is_err());
}

/// No inline style or script anywhere, and a policy that would not run one.
#[tokio::test]
async fn pages_are_under_a_strict_policy_and_keep_to_it() {
    let city = City::new().await;
    let mut browser = Browser::default();
    for path in ["/", "/login", "/nowhere", "/login/AAAAAAAAAAAAAAAAAAAAAA"] {
        let page = browser.get(&city.app, path).await;
        let policy = page.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.contains("default-src 'none'") && policy.contains("script-src 'self'"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        assert!(!page.body.contains("style="), "{path}");
        assert!(!page.body.contains("<style"), "{path}");
        assert!(!page.body.contains(" onclick"), "{path}");
        assert!(!page.body.replace("<script src=\"/assets/login.js\" defer></script>", "").contains("<script"), "{path}");
        assert!(page.body.contains("<html lang=\"zh-CN\">"), "{path}");
        assert!(page.body.contains("<title>"), "{path}");
    }
}

/// The language is Chinese until somebody chooses English, and then it stays.
#[tokio::test]
async fn the_language_switch_is_remembered() {
    let city = City::new().await;
    let mut browser = Browser::default();
    assert!(browser.get(&city.app, "/").await.text("h1").contains("办税"));
    assert!(browser.get(&city.app, "/?lang=en").await.text("h1").contains("Taxes"));
    assert!(browser.get(&city.app, "/").await.text("h1").contains("Taxes"));
    assert_eq!(browser.get(&city.app, "/nowhere").await.attribute("html", "lang"), "en");
}

/// What the home page promises is what is registered on the ledger.
#[tokio::test]
async fn the_home_page_says_what_will_be_asked_for_and_why() {
    let city = City::new().await;
    let home = Browser::default().get(&city.app, "/?lang=en").await;
    let text = home.text("main");
    for expected in ["Log in and handle your own taxes", "Resident identity", "Identity number", "Kept for: 30 days"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[tokio::test]
async fn assets_are_served_with_their_types() {
    let city = City::new().await;
    for (path, media_type) in [
        ("/assets/site.css", "text/css; charset=utf-8"),
        ("/assets/login.js", "text/javascript; charset=utf-8"),
        ("/assets/tally.svg", "image/svg+xml"),
    ] {
        let asset = browser::send(&city.app, Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!((asset.status, asset.headers["content-type"].to_str().unwrap()), (200, media_type));
        assert!(asset.body.len() > 100);
    }
}

#[tokio::test]
async fn the_api_description_names_every_route() {
    let city = City::new().await;
    let document = browser::send(&city.app, Request::get("/openapi.json").body(Body::empty()).unwrap()).await.json();
    let paths: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
    insta::assert_json_snapshot!(paths);
    assert!(document["info"]["title"].as_str().unwrap().contains("Yufu"));
}

/// A program gets a problem, a browser a page that says the same with the same request id.
#[tokio::test]
async fn errors_are_problems_for_programs_and_pages_for_people() {
    let city = City::new().await;
    let problem = Browser::default().get_json(&city.app, "/login?purpose=none").await;
    assert_eq!((problem.status, &problem.json()["type"]), (404, &json!("urn:yufu:problem:not-found")));
    let page = Browser::default().get(&city.app, "/login?purpose=none").await;
    assert_eq!(page.status, 404);
    assert_eq!(page.text("main code"), page.headers["x-request-id"].to_str().unwrap());
    assert!(page.headers["content-type"].to_str().unwrap().starts_with("text/html"));
    assert_eq!(base64(&[0]), "AA");
}

/// The binary says in one line whether a configuration is right, and names what is not.
#[test]
fn the_binary_checks_a_configuration() {
    let directory = installed();
    let run = |arguments: &[&str]| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_verifier-service"))
            .args(arguments)
            .current_dir(&directory)
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout), text(output.stderr))
    };
    let (right, said, _) = run(&["check-config", "config.toml"]);
    assert!(right && said.contains("config.toml is right: party tax-portal, x509_hash:"), "{said}");
    // The ledger of the example is not there: no request, and a sentence that says why.
    let (right, said, complaint) = run(&["request", "--config", "config.toml"]);
    assert!(!right && said.is_empty() && complaint.contains("no login request could be made"), "{complaint}");
    std::fs::remove_file(directory.path().join("ca/root.pem")).unwrap();
    let (right, _, complaint) = run(&["check-config", "config.toml"]);
    assert!(!right && complaint.contains("ca/root.pem cannot be read"), "{complaint}");
}
