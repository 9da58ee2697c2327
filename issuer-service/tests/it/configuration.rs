//! The configuration file.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use issuer_service::config;

const EXAMPLE: &str = include_str!("../../config.example.toml");

#[test]
fn the_example_is_good() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    config::load(&file).unwrap();
}

fn sentence(from: &str, to: &str) -> String {
    assert!(EXAMPLE.contains(from), "{from}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, EXAMPLE.replacen(from, to, 1)).unwrap();
    config::load(&file).unwrap_err().to_string()
}

#[test]
fn every_mistake_is_a_sentence_with_the_key() {
    for (from, to, part) in [
        ("listen = ", "lisen = ", "lisen"),
        ("public_url = \"http://127.0.0.1:7301\"", "public_url = \"http://127.0.0.1:7301/\"", "'public_url'"),
        ("public_url = \"http://127.0.0.1:7301\"", "public_url = \"http://police.example\"", "must be https"),
        ("validity_days = 365", "validity_days = 0", "'attestations.validity_days'"),
        ("name = \"given_name\"", "name = \"family_name\"", "'attestations.claims'"),
        ("name = \"gender\"", "name = \"cnf\"", "belongs to the credential itself"),
        ("key = \"id_number\"", "key = \"phone\"", "'attestations.register'"),
        ("needs = [\"claims\"]", "needs = [\"identity_card\"]", "'attestations.needs'"),
        // X074: no department can make a face a condition.
        ("needs = [\"claims\"]", "needs = [\"claims\", \"portrait\"]", "'attestations.needs'"),
        ("optional = [\"portrait\", ", "optional = [\"claims\", ", "'attestations.optional'"),
        ("$argon2id$v=19", "plain", "hash-password"),
        ("id = \"public-security\"", "id = \"Public Security\"", "line"),
    ] {
        let sentence = sentence(from, to);
        assert!(sentence.contains(part) && sentence.contains("config.toml"), "{sentence}");
    }
}

#[test]
fn a_key_file_that_is_not_there_or_not_a_key_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("config.toml");
    std::fs::write(&file, EXAMPLE).unwrap();
    let error = |_: &str| issuer_service::start::check(&file).err().unwrap().to_string();
    assert!(error("missing").contains("ledger.key"));
    let key = directory.path().join("ledger.key");
    std::fs::write(&key, "not hex").unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    assert!(error("exposed").contains("chmod 600"));
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    let sentence = error("malformed");
    assert!(sentence.contains("32 bytes in hexadecimal") && !sentence.contains("not hex"), "{sentence}");
}
