//! Strangers' software: libraries that nobody here wrote receive a credential from a running city, verify it and log in with it.
//!
//! The programs are in `tests/strangers`, for Node; their libraries are installed here, from the lock file, when they are not there.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use city::clerk::Clerk;
use city::plan::{Plan, RESIDENT_IDENTITY};
use city::strangers::{make_offer, make_request};
use city::world::World;
use city::{build, configs};
use clients::Clock;
use ledger::records::RecordId;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::OnceCell;

use crate::alone;

/// How long one command may take; a credential waits for the ledger.
const COMMAND_LIMIT: Duration = Duration::from_secs(60);
/// How long npm may take to install some twenty small packages.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);
const NO_NPM: &str = "npm could not be started: the strangers' wallets need Node 20 or newer with npm (https://nodejs.org)";

fn folder() -> PathBuf {
    build::workspace().join("tests/strangers")
}

/// Installs the libraries when they are missing or older than the lock file.
async fn installed() -> Result<()> {
    static INSTALLED: OnceCell<()> = OnceCell::const_new();
    INSTALLED.get_or_try_init(install).await.copied()
}

async fn install() -> Result<()> {
    let changed = |name: &str| std::fs::metadata(folder().join(name)).and_then(|file| file.modified());
    let lock = changed("package-lock.json").context("tests/strangers/package-lock.json is gone")?;
    if changed("node_modules/.package-lock.json").is_ok_and(|installed| installed >= lock) {
        return Ok(());
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(folder()).kill_on_drop(true);
    let output = tokio::time::timeout(INSTALL_LIMIT, npm.output()).await.context("npm ci took more than five minutes")?;
    let output = output.context(NO_NPM)?;
    if !output.status.success() {
        bail!("npm ci failed in tests/strangers: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

/// Runs one of the programs; whether it ended well, and what it printed.
async fn node(arguments: &[&str], wallet: Option<PathBuf>, input: &str) -> Result<(bool, String)> {
    installed().await?;
    let mut command = Command::new("node");
    command.args(arguments).current_dir(folder()).kill_on_drop(true);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
    if let Some(wallet) = wallet {
        command.env("YUFU_WALLET", wallet);
    }
    let mut child = command.spawn().context(NO_NPM)?;
    let mut stdin = child.stdin.take().context("standard input is piped")?;
    stdin.write_all(input.as_bytes()).await?;
    drop(stdin);
    let output = tokio::time::timeout(COMMAND_LIMIT, child.wait_with_output()).await;
    let output = output.with_context(|| format!("node {arguments:?} took more than a minute"))??;
    Ok((output.status.success(), String::from_utf8(output.stdout)?))
}

/// What a command of the stranger's wallet says, which must end well.
async fn wallet(command: &str, input: &Value) -> Result<Value> {
    let (ended_well, said) = node(&["wallet.mjs", command], None, &input.to_string()).await?;
    ensure!(ended_well, "the stranger's wallet could not {command}: {said}");
    Ok(serde_json::from_str(&said)?)
}

/// What a command of the stranger's wallet says, which must end badly.
async fn refused(command: &str, input: &Value) -> Result<Value> {
    let (ended_well, said) = node(&["wallet.mjs", command], None, &input.to_string()).await?;
    ensure!(!ended_well, "the stranger's wallet was let {command}: {said}");
    Ok(serde_json::from_str(&said)?)
}

/// The members of several objects, the later ones winning.
fn merged(objects: &[&Value]) -> Value {
    Value::Object(objects.iter().filter_map(|value| value.as_object().cloned()).flatten().collect::<Map<_, _>>())
}

/// The same offer with the whole of it in the link, so that nothing but the token endpoint can refuse it.
fn by_value(offer: &Value) -> Result<Value> {
    let mut link: url::Url = "openid-credential-offer://".parse()?;
    link.query_pairs_mut().append_pair("credential_offer", &offer["credential_offer"].to_string());
    Ok(merged(&[offer, &json!({"link": link.as_str()})]))
}

async fn receive(plan: &Plan, how: Value) -> Result<Value> {
    wallet("receive", &merged(&[&make_offer(plan).await?, &how])).await
}

#[tokio::test]
async fn a_strangers_wallet_receives_verifies_and_logs_in_with_a_credential() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let card = receive(plan, json!({"copies": 2})).await?;
    ensure!(card["version"] == "V1", "the issuer speaks OpenID4VCI 1.0: {}", card["version"]);
    ensure!(card["copies"].as_array().is_some_and(|copies| copies.len() == 2), "a batch has as many copies as keys");

    let verified = wallet("verify", &json!({"credential": card["credential"], "trust_root": plan.trust_root_path()})).await?;
    for (name, value) in configs::resident().as_object().context("the resident has claims")? {
        ensure!(verified["claims"][name] == *value, "{name}: {verified}");
    }
    ensure!(verified["status"]["value"] == 0, "the status list says valid: {verified}");

    // Two answers to one request: the first logs in, the second comes too late.
    let request = make_request(plan).await?;
    let presented = wallet("present", &merged(&[&request, &card, &json!({"answers": 2})])).await?;
    ensure!(presented["status"] == 200, "{presented}");
    ensure!(presented["answers"][1]["status"] == 410, "{presented}");
    let released = presented["released"].as_object().context("claims were released")?;
    ensure!(released.keys().eq(["family_name", "given_name", "id_number"]), "only what was asked for: {presented}");
    let receipt: RecordId = serde_json::from_value(presented["body"]["yufu_receipt"]["id"].clone())?;
    ensure!(world.chain()?.receipt_record(&receipt).await?.value.is_some(), "the ledger has the receipt");
    let again = refused("present", &merged(&[&request, &card])).await?;
    ensure!(again["error"].as_str().is_some_and(|error| error.contains("410")), "the request is used up: {again}");

    // The other copy by the other content encryption, and a holder's key of the other kind.
    let others = [merged(&[&card["copies"][1], &json!({"enc": "A256GCM"})]), receive(plan, json!({"alg": "EdDSA"})).await?];
    for other in others {
        let presented = wallet("present", &merged(&[&make_request(plan).await?, &other])).await?;
        ensure!(presented["status"] == 200, "{presented}");
    }
    world.stop().await
}

/// The libraries' DPoP (RFC 9449) with our nonces at all three endpoints, and a refresh token: new copies, which log in.
#[tokio::test]
async fn a_strangers_wallet_with_dpop_renews_its_copies() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let card = receive(plan, json!({"copies": 2, "renews": true})).await?;
    ensure!(card["token_type"] == "DPoP", "{card}");
    let (first, renewed) = (&card["copies"], card["renewed"].as_array().context("new copies")?);
    ensure!(
        renewed.len() == 2 && first.as_array().is_some_and(|first| first.iter().all(|copy| !renewed.contains(copy))),
        "{card}"
    );
    for copy in renewed {
        let presented = wallet("present", &merged(&[&make_request(plan).await?, copy])).await?;
        ensure!(presented["status"] == 200, "{presented}");
    }
    world.stop().await
}

#[tokio::test]
async fn a_strangers_wallet_is_refused_what_yufus_wallet_would_be() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let offer = by_value(&make_offer(plan).await?)?;
    let pin = offer["tx_code"].as_str().context("an offer has a PIN")?;
    let wrong = if pin == "000000" { "000001" } else { "000000" };
    let answer = refused("receive", &merged(&[&offer, &json!({"tx_code": wrong})])).await?;
    ensure!(answer["status"] == 400 && answer["body"]["error"] == "invalid_grant", "a wrong PIN: {answer}");
    let card = wallet("receive", &offer).await?;
    let answer = refused("receive", &offer).await?;
    ensure!(answer["status"] == 400 && answer["body"]["error"] == "invalid_grant", "the code is used up: {answer}");

    // A credential whose key is on another device. The clerk's list, newest first, knows seconds only: this one comes in a later one.
    let issued = Clock::system().now();
    while Clock::system().now() == issued {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let other = receive(plan, json!({})).await?;
    let stolen = merged(&[&make_request(plan).await?, &card, &json!({"jwk": other["jwk"]})]);
    let answer = wallet("present", &stolen).await?;
    ensure!(answer["status"] == 400, "another device's key: {answer}");

    // A credential that the department revoked: the status list tells every stranger, the ledger tells the site.
    let held = merged(&[&other, &json!({"trust_root": plan.trust_root_path()})]);
    wallet("verify", &held).await?;
    Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?.revoke_newest().await?;
    let answer = refused("verify", &held).await?;
    ensure!(answer["error"] == "Status is not valid", "{answer}");
    let answer = wallet("present", &merged(&[&make_request(plan).await?, &other])).await?;
    ensure!(answer["status"] == 400 && answer.to_string().contains("revoked"), "{answer}");

    // The stranger's own checks are no show: with a root that issued nothing here, it believes neither site nor credential.
    let elsewhere = tempfile::tempdir()?;
    let foreign = elsewhere.path().join("root.pem");
    std::fs::write(&foreign, city::certificates::Authority::new("Elsewhere root")?.root_pem())?;
    let mistrusted = merged(&[&make_request(plan).await?, &card, &json!({"trust_root": foreign})]);
    for command in ["present", "verify"] {
        let answer = refused(command, &mistrusted).await?;
        ensure!(answer["error"].as_str().is_some_and(|error| error.contains("no trust root issued")), "{answer}");
    }
    world.stop().await
}

#[tokio::test]
async fn sd_jwts_that_a_strangers_library_issued_are_read_as_it_reads_them_and_refused_when_altered() -> Result<()> {
    let _alone = alone().await;
    build::binaries()?;
    let (ended_well, said) = node(&["sd-jwt.mjs", "30", "9901"], Some(build::binary("yufu-wallet")?), "").await?;
    ensure!(ended_well && said.trim_end().ends_with(" passed, 0 failed"), "{said}");
    Ok(())
}
