//! What a citizen can do after a login: the site deletes what it got and says so by its signature, a report is on the department's desk.

use anyhow::{Context, Result, ensure};
use city::clerk::Clerk;
use city::plan::Plan;
use city::tour;
use city::world::World;
use identity::jose::jws::Parsed;
use serde_json::Value;
use sqlx::Connection as _;
use wire::rights::{self, Acknowledgement, Done, Right};

use crate::alone;

/// How many disclosed values, all of them sealed, the site's database has: those of sessions, and those of logins under way.
async fn disclosed(plan: &Plan) -> Result<i64> {
    let path = plan.directory().join("verifier/data/verifier.sqlite");
    let mut database = sqlx::SqliteConnection::connect(&format!("sqlite:{}?mode=ro", path.display())).await?;
    let sessions: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions").fetch_one(&mut database).await?;
    let logins: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM logins WHERE released <> ''").fetch_one(&mut database).await?;
    Ok(sessions + logins)
}

fn text<'v>(value: &'v Value, name: &str) -> Result<&'v str> {
    value[name].as_str().with_context(|| format!("no {name} in {value}"))
}

/// I8: what was shown is gone from the site when the citizen says so; the receipt that both sides hold stays true. A site that is down gets
/// the statement later. The report arrives at the department that sponsors the site, whose clerk reads it.
#[tokio::test]
async fn a_citizen_has_it_deleted_takes_the_consent_back_and_reports_the_site() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::fresh().await?;
    let plan = world.plan().clone();
    let mut told = tour::tell(&plan, "situ", |_, _, _| {}).await?;
    let consent = text(&told.receipt, "consent")?.to_owned();
    ensure!(disclosed(&plan).await? == 1, "the session has what was shown");

    let deletion = told.citizen.wallet(&["ask-deletion", &consent]).await?;
    ensure!(deletion["state"] == "acknowledged", "{deletion}");
    ensure!(disclosed(&plan).await? == 0, "nothing that was disclosed is left");
    let party = world.chain()?.party(&plan.verifier.party).await?.value.context("the site is registered")?.1;
    let parsed = Parsed::parse(text(&deletion, "answer")?, &rights::ACKNOWLEDGEMENT)?;
    let acknowledged: Acknowledgement = serde_json::from_slice(&parsed.verify(&party.ledger_key)?.payload)?;
    ensure!(acknowledged.kind == Right::Deletion && acknowledged.done.contains(&Done::AttributesDeleted), "{acknowledged:?}");
    let account = told.visitor.browser.open(&format!("{}/account", plan.site_url())).await?;
    ensure!(account.url.path() != "/account" && !account.says("若兰"), "nobody is logged in any more: {}", account.html);
    let receipts = told.citizen.wallet(&["receipts"]).await?;
    ensure!(receipts[0]["verdict"] == "verified", "the receipt stays: {receipts}");

    world.kill("verifier").await?;
    let withdrawal = told.citizen.wallet(&["withdraw", &consent]).await?;
    ensure!(withdrawal["state"] == "waiting", "{withdrawal}");
    world.start("verifier").await?;
    let withdrawal = told.citizen.wallet(&["send-statement", text(&withdrawal, "id")?]).await?;
    ensure!(withdrawal["state"] == "acknowledged", "{withdrawal}");

    let reason = "它要求的信息超出需要。";
    let report = told.citizen.wallet(&["report", &consent, "--reason", reason]).await?;
    ensure!(report["state"] == "acknowledged", "{report}");
    let sponsor = plan.issuers.iter().find(|issuer| issuer.authority == party.sponsor).context("the sponsor has a console")?;
    let page = Clerk::sign_in(&plan, sponsor).await?.open("/console/reports").await?;
    ensure!(page.says(reason) && page.says(&plan.site_url()), "{}", page.html);
    ensure!(page.says(text(&told.citizen.wallet(&["did"]).await?, "did")?), "the clerk sees who reports");

    let history = told.citizen.wallet(&["history"]).await?.to_string();
    for event in ["deletion_requested", "statement_acknowledged", "statement_not_delivered", "site_reported"] {
        ensure!(history.contains(event), "{event} is in the history");
    }
    world.stop().await
}
