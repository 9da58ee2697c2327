//! New copies without a clerk: on the same phone, and on a new one.

use anyhow::{Context, Result, ensure};
use city::citizen::Citizen;
use city::clerk::Clerk;
use city::configs::resident;
use city::plan::{MARITAL_STATUS, Plan, RESIDENT_IDENTITY};
use city::site::Visitor;
use city::world::World;
use serde_json::{Value, json};

use crate::alone;

/// What the register of civil affairs has.
fn married() -> Value {
    json!({"family_name": "欧阳", "given_name": "若兰", "marital_status": "已婚", "since": "2019-05-20"})
}

/// Declares, is attested by a clerk, and receives; the credential as the wallet sees it.
async fn receive(plan: &Plan, citizen: &Citizen, attestation_type: &str, claims: &Value) -> Result<Value> {
    let request = citizen.declare(plan, attestation_type, claims).await?;
    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(attestation_type)?).await?;
    let number = clerk.next_request().await?;
    let pin = clerk.attest(&number).await?;
    citizen.wallet(&["status", request["id"].as_str().context("an id")?, "--wait", "20"]).await?;
    let received = citizen.wallet(&["receive", "--pin", &pin, "--yes"]).await?;
    ensure!(received[0]["renewable"] == true, "the department gives new copies without a clerk: {received}");
    Ok(received[0].clone())
}

async fn logs_in(plan: &Plan, citizen: &Citizen) -> Result<()> {
    let mut visitor = Visitor::at_login(plan).await?;
    citizen.agree(&visitor.qr_link()?, Some(&visitor.match_code()?)).await?;
    let account = visitor.outcome().await?;
    ensure!(account.url.path() == "/account" && account.says("若兰"), "{} {}", account.url, account.html);
    Ok(())
}

/// Tries to log in; the slug of the refusal, and the page afterwards is no account.
async fn is_refused(plan: &Plan, citizen: &Citizen) -> Result<String> {
    let mut visitor = Visitor::at_login(plan).await?;
    let refusal = citizen.refused(&["scan", &visitor.qr_link()?, "--yes", "--match-code", &visitor.match_code()?]).await?;
    let url = visitor.page.url.clone();
    let page = visitor.browser.open(url.as_str()).await?;
    ensure!(page.url.path() != "/account", "{}", page.html);
    refusal.slug.with_context(|| format!("the wallet says why: {}", refusal.message))
}

/// A phone is lost: with words and backup the citizen takes identity and credentials over on a new one. Both departments give new copies
/// at once, no clerk has to do with it, and what the lost phone held is dead on the ledger.
#[tokio::test]
async fn a_new_phone_binds_the_credentials_of_both_departments_anew() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let old = Citizen::new(plan, "old-phone").await?;
    receive(plan, &old, RESIDENT_IDENTITY, &resident()).await?;
    receive(plan, &old, MARITAL_STATUS, &married()).await?;
    logs_in(plan, &old).await?;
    let words = old.wallet(&["recovery", "words"]).await?;
    let words = old.file("words.txt", words["words"].as_str().context("words")?.as_bytes())?;
    let backup = old.file("backup.yufu", b"")?;
    std::fs::remove_file(&backup)?;
    old.wallet(&["recovery", "backup", &backup.display().to_string()]).await?;

    let (new, said) = Citizen::recovered(plan, "new-phone", &words, &backup).await?;
    let states: Vec<_> =
        said["moved"].as_array().context("credentials moved")?.iter().map(|one| &one["state"]["state"]).collect();
    ensure!(states == ["done", "done"], "{said}");
    ensure!(new.wallet(&["recovery", "moved"]).await? == json!([]), "nothing is left to be done");
    let held = new.wallet(&["credentials", "--refresh"]).await?;
    let held = held.as_array().context("credentials")?;
    ensure!(held.len() == 2, "{held:?}");
    ensure!(held.iter().all(|one| (&one["copies_left"], &one["usable"]) == (&json!(3), &json!(true))), "{held:?}");
    logs_in(plan, &new).await?;

    let lost = old.wallet(&["credentials", "--refresh"]).await?;
    let dead = |one: &Value| one["status"] == "broken_by_holder" && one["copies_left"] == 0 && one["usable"] == false;
    ensure!(lost.as_array().context("credentials")?.iter().all(dead), "{lost}");
    is_refused(plan, &old).await?;
    world.stop().await
}

/// When its copies are used up a wallet gets new ones, as often as it should; the clerk sees that, and revokes them all with one click.
#[tokio::test]
async fn a_wallet_renews_its_copies_and_a_clerk_revokes_them_all() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let citizen = Citizen::new(plan, "renewing").await?;
    let received = receive(plan, &citizen, RESIDENT_IDENTITY, &resident()).await?;
    let id = received["id"].as_str().context("an id")?;
    logs_in(plan, &citizen).await?;
    let left = citizen.wallet(&["credentials"]).await?;
    ensure!(left[0]["copies_left"] == 2, "{left}");

    let renewed = citizen.wallet(&["renew", id]).await?;
    ensure!((&renewed["copies_left"], &renewed["id"]) == (&json!(3), &received["id"]), "{renewed}");
    ensure!(renewed["claims"] == received["claims"], "what the clerk attested: {renewed}");
    logs_in(plan, &citizen).await?;
    let refusal = citizen.refused(&["renew", id]).await?;
    ensure!(refusal.slug.as_deref() == Some("issuer-busy"), "not again at once: {refusal:?}");
    logs_in(plan, &citizen).await?;

    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?;
    let page = clerk.open("/console/credentials?lang=en").await?;
    ensure!(page.says("batches 2"), "{}", page.html);
    clerk.revoke_newest().await?;
    let refused = tokio::time::timeout(std::time::Duration::from_secs(20), async {
        loop {
            let held = citizen.wallet(&["credentials", "--refresh"]).await?;
            if held[0]["status"] == "revoked" {
                return anyhow::Ok(held);
            }
        }
    });
    let held = refused.await.context("20 s after the revocation a copy was still in force")??;
    ensure!(held[0]["usable"] == false, "{held}");
    is_refused(plan, &citizen).await?;
    let refusal = citizen.refused(&["renew", id]).await?;
    ensure!(refusal.slug.as_deref() == Some("credential-denied"), "{refusal:?}");
    world.stop().await
}
