//! What a stranger's wallet is pointed at: a credential offer with its PIN, and an authorization request with the trust root.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::build;
use crate::configs::resident;
use crate::plan::{Plan, RESIDENT_IDENTITY};

/// Makes a credential offer at the public security department: `{credential_offer, credential_offer_uri, link, tx_code}`.
pub async fn make_offer(plan: &Plan) -> Result<Value> {
    let issuer = plan.issuer_of(RESIDENT_IDENTITY)?;
    let folder = plan.issuer_folder(issuer)?;
    let claims = folder.join("offered-claims.json");
    std::fs::write(&claims, resident().to_string())?;
    let config = folder.join("config.toml").display().to_string();
    let claims = claims.display().to_string();
    run("issuer-service", &["offer", "--config", &config, "--claims", &claims, "--type", RESIDENT_IDENTITY]).await
}

/// Makes an authorization request at the sample site: `{request_link, client_id, request_uri, trust_root}`.
pub async fn make_request(plan: &Plan) -> Result<Value> {
    let config = plan.folder("verifier")?.join("config.toml").display().to_string();
    run("verifier-service", &["request", "--config", &config]).await
}

/// Prints an offer.
pub async fn offer(plan: &Plan) -> Result<()> {
    print(&make_offer(plan).await?)
}

/// Prints a request.
pub async fn request(plan: &Plan) -> Result<()> {
    print(&make_request(plan).await?)
}

async fn run(program: &str, arguments: &[&str]) -> Result<Value> {
    let output = Command::new(build::binary(program)?).args(arguments).kill_on_drop(true).output().await;
    let output = output.with_context(|| format!("starting {program}"))?;
    if !output.status.success() {
        bail!("{program} {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{program} did not print JSON"))
}

#[expect(clippy::print_stdout, reason = "this program's output is for the person or program at the terminal")]
fn print(value: &Value) -> Result<()> {
    println!("{}", serde_json::to_string_pretty(value)?);
    Ok(())
}
