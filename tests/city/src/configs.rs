//! The configuration files of the city's services, as an operator would write them.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use data_encoding::HEXLOWER;
use identity::keys::PublicKey;
use serde_json::{Value, json};

use crate::build;
use crate::plan::{CLERK, IssuerPlan, MARITAL_STATUS, Plan, RESIDENT_IDENTITY, ValidatorPlan, loopback, write_secret};

/// base64url without padding.
pub fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads base64url without padding.
pub fn from_base64url(text: &str) -> Result<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).context("this is not base64url")
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(bytes)
}

/// Reads 32 bytes of hexadecimal.
pub fn from_hex(text: &str) -> Result<[u8; 32]> {
    let bytes = HEXLOWER.decode(text.trim().as_bytes()).context("the key file is not hexadecimal")?;
    bytes.try_into().ok().context("the key file does not hold 32 bytes")
}

/// Writes every configuration file of a plan.
pub fn write(plan: &Plan) -> Result<()> {
    for validator in &plan.validators {
        write_toml(&plan.validator_folder(validator)?, &validator_config(plan, validator))?;
    }
    let password_hash = password_hash(&plan.clerk_password)?;
    for issuer in &plan.issuers {
        let folder = plan.issuer_folder(issuer)?;
        std::fs::write(folder.join("register.json"), register(&issuer.attestation_type).to_string())?;
        write_toml(&folder, &issuer_config(plan, issuer, &password_hash))?;
    }
    write_toml(&plan.folder("verifier")?, &verifier_config(plan))
}

/// Makes a validator's key with its vote guard, as its operator would.
pub fn validator_key(folder: &Path) -> Result<PublicKey> {
    let made = run(Command::new(build::binary("chain-node")?).arg("keygen").arg(folder.join("consensus.key")))?;
    Ok(serde_json::from_value(made.get("key").context("keygen names a key")?.clone())?)
}

/// Runs one of the city's programs to its end and reads the JSON that it prints.
pub fn run(command: &mut Command) -> Result<Value> {
    let output = command.output().with_context(|| format!("starting {}", command.get_program().display()))?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr).trim());
    serde_json::from_slice(&output.stdout).context("the program printed something else than JSON")
}

/// Writes the configuration of a validator that joins a running ledger.
pub fn write_newcomer(plan: &Plan, validator: &ValidatorPlan) -> Result<()> {
    let mut config = validator_config(plan, validator);
    let peers = config.pointer_mut("/network/peers").context("a validator's configuration has peers")?;
    *peers = json!([]);
    write_toml(&plan.validator_folder(validator)?, &config)
}

fn write_toml(folder: &Path, config: &Value) -> Result<()> {
    write_secret(&folder.join("config.toml"), &toml::to_string_pretty(config)?)
}

fn validator_config(plan: &Plan, validator: &ValidatorPlan) -> Value {
    let peer = |v: &ValidatorPlan| json!({"name": v.name, "address": format!("127.0.0.1:{}", v.peer_port)});
    let mut config = json!({
        "genesis": plan.genesis_path(),
        "key_file": "consensus.key",
        "consensus": consensus(plan.validators.len()),
        "data_dir": "data",
        "network": {
            "listen": format!("127.0.0.1:{}", validator.peer_port),
            "allow_private_addresses": true,
            "peers": plan.validators.iter().map(peer).collect::<Vec<_>>(),
        },
        "rpc": {
            "listen": format!("127.0.0.1:{}", validator.ports.main),
            "admin_listen": format!("127.0.0.1:{}", validator.ports.admin),
            "public_url": format!("{}/", loopback(validator.ports.main)),
            // Everybody in the pilot has one address.
            "requests_per_second": 5_000,
        },
    });
    if let (Some(sections), true) = (config.as_object_mut(), validator.console_port > 0) {
        sections.insert("console".to_owned(), json!({"listen": format!("127.0.0.1:{}", validator.console_port)}));
    }
    config
}

/// Pace and threads: many validators share one machine here, and a dead leader should not cost long.
fn consensus(validators: usize) -> Value {
    if validators < 7 {
        return json!({});
    }
    let threads = worker_threads(validators);
    json!({"min_interval_ms": 250, "heartbeat_ms": 2_000, "leader_timeout_ms": 2_500, "worker_threads": threads})
}

/// Threads of each of so many nodes on one machine.
pub fn worker_threads(validators: usize) -> usize {
    if validators < 7 { 2 } else { 1 }
}

fn issuer_config(plan: &Plan, issuer: &IssuerPlan, password_hash: &str) -> Value {
    json!({
        "listen": format!("127.0.0.1:{}", issuer.ports.main),
        "admin_listen": format!("127.0.0.1:{}", issuer.ports.admin),
        "public_url": plan.issuer_url(issuer),
        "data_directory": "data",
        "public_gateway": true,
        "authority": {
            "id": issuer.authority,
            "name": issuer.name,
            "ledger_key_file": "ledger.key",
            "credential_key_file": "credential.key.pem",
            "credential_chain_file": "credential.cert.pem",
            "reader_key_file": "reader.key",
        },
        "ledger": {"genesis": plan.genesis_path(), "nodes": plan.node_urls()},
        "attestations": [attestation(&issuer.attestation_type)],
        "staff": [{"name": CLERK, "display_name": "李明", "password_hash": password_hash}],
    })
}

/// What a department of the pilot attests.
fn attestation(attestation_type: &str) -> Value {
    let claim = |name: &str, zh: &str, en: &str| json!({"name": name, "label": {"zh": zh, "en": en}});
    let names = [claim("family_name", "姓", "Family name"), claim("given_name", "名", "Given name")];
    let (configuration, zh, en, rest, needs, optional) = if attestation_type == RESIDENT_IDENTITY {
        let rest = vec![
            claim("id_number", "公民身份号码", "ID number"),
            claim("birth_date", "出生日期", "Date of birth"),
            claim("gender", "性别", "Gender"),
            claim("address", "住址", "Address"),
        ];
        let optional = json!(["portrait", "identity_card", "household_register"]);
        ("resident-identity", "居民身份凭证", "Resident identity credential", rest, json!(["claims"]), optional)
    } else {
        let rest = vec![claim("marital_status", "婚姻状况", "Marital status"), claim("since", "自", "Since")];
        // Who is not married has no certificate of it.
        let (needs, optional) =
            (json!(["claims", "household_register"]), json!(["marriage_certificate", "identity_card", "other_document"]));
        ("marital-status", "婚姻状况凭证", "Marital status credential", rest, needs, optional)
    };
    let claims: Vec<Value> = names.into_iter().chain(rest).collect();
    let key = if attestation_type == RESIDENT_IDENTITY { "id_number" } else { "given_name" };
    json!({
        "type": attestation_type,
        "configuration": configuration,
        "name": {"zh": zh, "en": en},
        "validity_days": 365,
        "needs": needs,
        "optional": optional,
        "register": {"file": "register.json", "key": key},
        "claims": claims,
    })
}

/// The departments' registers: one citizen each.
fn register(attestation_type: &str) -> Value {
    if attestation_type == MARITAL_STATUS {
        json!([{"family_name": "欧阳", "given_name": "若兰", "marital_status": "已婚", "since": "2019-05-20"}])
    } else {
        json!([resident()])
    }
}

/// The resident of the pilot's stories, as the register of public security has them. Invented; the number belongs to nobody.
pub fn resident() -> Value {
    json!({
        "family_name": "欧阳",
        "given_name": "若兰",
        "id_number": "990101199003074321",
        "birth_date": "1990-03-07",
        "gender": "女",
        "address": "滨河市河东区青龙桥街道朝阳里社区第十二居民小组三号楼二单元五零一室",
    })
}

fn verifier_config(plan: &Plan) -> Value {
    let claims = ["family_name", "given_name", "id_number"];
    json!({
        "listen": format!("127.0.0.1:{}", plan.verifier.ports.main),
        "admin_listen": format!("127.0.0.1:{}", plan.verifier.ports.admin),
        "public_url": plan.site_url(),
        "data_directory": "data",
        "storage_key_file": "storage.key",
        "trust_anchors_file": plan.trust_root_path(),
        "loopback": "allowed",
        "site_name": {"zh": "滨河市税务服务网", "en": "Riverside City Tax Services"},
        "party": {
            "id": plan.verifier.party,
            "ledger_key_file": "ledger.key",
            "certificate_file": "request.cert.pem",
            "certificate_key_file": "request.key.pem",
        },
        "ledger": {"nodes": plan.node_urls(), "genesis": plan.genesis_path()},
        "purposes": [{
            "id": "tax-login",
            "credentials": [{"id": "identity", "vct": RESIDENT_IDENTITY, "claims": claims}],
        }],
    })
}

fn password_hash(password: &str) -> Result<String> {
    let mut child = Command::new(build::binary("issuer-service")?)
        .arg("hash-password")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("starting issuer-service hash-password")?;
    let mut stdin = child.stdin.take().context("standard input is piped")?;
    stdin.write_all(password.as_bytes())?;
    drop(stdin);
    let output = child.wait_with_output()?;
    ensure!(output.status.success(), "issuer-service hash-password failed");
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}
