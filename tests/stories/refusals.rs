//! What the system refuses, and how it says so.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use city::browser::{Browser, Page};
use city::citizen::Citizen;
use city::clerk::Clerk;
use city::configs::resident;
use city::plan::{Plan, RESIDENT_IDENTITY, entropy};
use city::site::Visitor;
use city::strangers::{make_offer, make_request};
use city::world::World;
use identity::jose::jws::{self, JwsHeader};
use identity::jose::x509::Chain;
use identity::keys::{Algorithm, SecretKey};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::alone;
use crate::stranger::{Card, Stranger, respond, text};

/// A stranger's wallet with a credential of the city.
async fn stranger_with_card(plan: &Plan) -> Result<(Stranger, Card)> {
    let stranger = Stranger::new()?;
    let offer = make_offer(plan).await?;
    let card = stranger.receive(&offer["credential_offer"], &text(&offer, "/tx_code")?).await?;
    Ok((stranger, card))
}

/// Files of a department's blob store.
fn blocks(plan: &Plan) -> Result<Vec<PathBuf>> {
    let folder = plan.issuer_folder(plan.issuer_of(RESIDENT_IDENTITY)?)?.join("data").join("blobs");
    let mut found = Vec::new();
    collect(&folder, &mut found)?;
    Ok(found.into_iter().filter(|path| path.parent().is_some_and(|p| p.parent().is_some_and(|p| p != folder))).collect())
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, found)? } else { found.push(path) }
    }
    Ok(())
}

/// X045: a flipped bit in a stored blob is refused: the clerk is not shown it and cannot attest it.
/// A CID with another digest names nothing.
#[tokio::test]
async fn a_tampered_blob_is_not_shown_and_a_changed_cid_names_nothing() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let citizen = Citizen::new(plan, "tampered").await?;
    citizen.declare(plan, RESIDENT_IDENTITY, &resident()).await?;
    for path in blocks(plan)? {
        let mut bytes = std::fs::read(&path)?;
        let last = bytes.last_mut().context("a block has bytes")?;
        *last ^= 1;
        std::fs::write(&path, bytes)?;
    }
    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?;
    let number = clerk.next_request().await?;
    let page = clerk.look_at(&number).await?;
    ensure!(!page.says("若兰"), "what is not what was anchored is not shown");
    ensure!(clerk.attest(&number).await.is_err(), "and not attested");

    let gateway = plan.issuer_url(plan.issuer_of(RESIDENT_IDENTITY)?);
    let other = "bafkreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy";
    let answer = reqwest::get(format!("{gateway}/ipfs/{other}?format=raw")).await?;
    ensure!(answer.status() == StatusCode::NOT_FOUND, "{}", answer.status());
    world.stop().await
}

/// REL-D6: a block is missing: the department says that it waits, does not attest, and nothing else breaks.
#[tokio::test]
async fn a_missing_block_waits_and_says_so() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let citizen = Citizen::new(plan, "missing").await?;
    citizen.declare(plan, RESIDENT_IDENTITY, &resident()).await?;
    for path in blocks(plan)? {
        std::fs::remove_file(path)?;
    }
    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?;
    let number = clerk.next_request().await?;
    let page = clerk.look_at(&number).await?;
    ensure!(!page.says("若兰"), "nothing is shown");
    ensure!(clerk.attest(&number).await.is_err(), "nothing is attested");
    ensure!(clerk.open("/console").await?.status.is_success(), "the console goes on");
    world.stop().await
}

/// An attestation that was revoked a block ago is refused, by a wallet that does not care and by the site.
#[tokio::test]
async fn a_credential_that_was_revoked_a_block_ago_is_refused() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let (stranger, card) = stranger_with_card(plan).await?;
    let request = stranger.request(&text(&make_request(plan).await?, "/request_link")?).await?;
    let (status, body) = stranger.present(&request, &card, &card.key).await?;
    ensure!(status == StatusCode::OK, "before it is revoked it is good: {status} {body}");

    let height = world.chain()?.head().await?.height;
    Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?.revoke_newest().await?;
    // The revocation goes through the outbox: wait for the next block that has it, with a limit.
    let refused = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let request = stranger.request(&text(&make_request(plan).await?, "/request_link")?).await?;
            let (status, body) = stranger.present(&request, &card, &card.key).await?;
            if status != StatusCode::OK {
                return anyhow::Ok(body);
            }
        }
    });
    let body = refused.await.context("20 s after the revocation the credential was still accepted")??;
    ensure!(body.to_string().contains("revoked"), "{body}");
    ensure!(world.chain()?.head().await?.height > height, "the revocation is in a block");
    world.stop().await
}

/// X062, SEC-S4: a copied credential is worth nothing on another device: the key binding is another key's.
#[tokio::test]
async fn a_cloned_credential_with_another_devices_key_is_refused() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let (stranger, card) = stranger_with_card(world.plan()).await?;
    let other = SecretKey::from_bytes(Algorithm::P256, &entropy()?)?;
    let request = stranger.request(&text(&make_request(world.plan()).await?, "/request_link")?).await?;
    let (status, body) = stranger.present(&request, &card, &other).await?;
    ensure!(status.is_client_error(), "{status} {body}");
    world.stop().await
}

/// SEC-P3, REL-E1: one request is answered once, however often the answer is posted; a used QR code is dead.
/// SEC-W1: the transaction is worth nothing in another browser.
#[tokio::test]
async fn a_request_is_answered_once_and_only_the_browser_that_began_is_logged_in() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let (stranger, card) = stranger_with_card(plan).await?;
    let mut visitor = Visitor::at_login(plan).await?;
    let link = visitor.qr_link()?;
    let request = stranger.request(&link).await?;
    let first = respond(&request, &card, &card.key)?;
    let second = respond(&request, &card, &card.key)?;
    let (one, two) = tokio::join!(stranger.post_response(&request, &first), stranger.post_response(&request, &second));
    let accepted = [one?.0, two?.0].into_iter().filter(|status| *status == StatusCode::OK).count();
    ensure!(accepted == 1, "of two answers exactly one is accepted, not {accepted}");

    let login = visitor.page.attribute("#login", "data-login")?;
    let mut thief = Browser::new()?;
    for path in [format!("/login/{login}"), format!("/login/{login}/complete")] {
        let page = thief.open(&format!("{}{path}", plan.site_url())).await?;
        ensure!(page.status == StatusCode::NOT_FOUND, "another browser gets {} at {path}", page.status);
    }
    ensure!(visitor.outcome().await?.url.path() == "/account", "the browser that began is in");
    ensure!(stranger.request_status(&link).await? != StatusCode::OK, "the used QR code is dead");
    let citizen = Citizen::new(plan, "replay").await?;
    let refusal = citizen.refused(&["scan", &link, "--yes"]).await?;
    ensure!(refusal.slug.is_some() && refusal.code == Some(1), "the wallet says why: {refusal:?}");
    world.stop().await
}

/// X040, Hazard-3: what a site asks for is the citizen's to give: a no is told to the site, shown, and kept.
#[tokio::test]
async fn a_citizen_says_no_and_the_site_learns_nothing() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let told = city::tour::tell(plan, "no", |_, _, _| ()).await?;
    let mut visitor = Visitor::at_login(plan).await?;
    told.citizen.wallet(&["scan", &visitor.qr_link()?, "--decline"]).await?;
    let page = visitor.outcome().await?;
    ensure!(page.attribute("#login", "data-stage")? == "declined", "{}", page.html);
    let history = told.citizen.wallet(&["history"]).await?.to_string();
    ensure!(history.contains("declined"), "{history}");
    world.stop().await
}

/// SEC-W2: a PIN can be tried three times; then the offer is burnt, for the right PIN too.
#[tokio::test]
async fn an_offer_is_burnt_by_three_wrong_pins() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let stranger = Stranger::new()?;
    let offer = make_offer(world.plan()).await?;
    let pin = text(&offer, "/tx_code")?;
    let wrong = if pin == "000000" { "111111" } else { "000000" };
    for _ in 0..3 {
        let (status, body) = stranger.token(&offer["credential_offer"], wrong).await?;
        ensure!(status == StatusCode::BAD_REQUEST && body["error"] == "invalid_grant", "{status} {body}");
    }
    let (status, body) = stranger.token(&offer["credential_offer"], &pin).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status} {body}");
    world.stop().await
}

/// An expired request is refused by the site, and the page says so.
#[tokio::test]
async fn an_expired_request_is_dead() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::fresh().await?;
    world.kill("verifier").await?;
    edit_verifier(world.plan(), |config| config["request_lifetime_seconds"] = json!(30))?;
    world.start("verifier").await?;
    let (stranger, card) = stranger_with_card(world.plan()).await?;
    let mut visitor = Visitor::at_login(world.plan()).await?;
    let link = visitor.qr_link()?;
    let request = stranger.request(&link).await?;
    let page = visitor.outcome_within(Duration::from_secs(45)).await?;
    ensure!(page.attribute("#login", "data-stage")? == "expired", "{}", page.html);
    let (status, body) = stranger.present(&request, &card, &card.key).await?;
    ensure!(status.is_client_error(), "{status} {body}");
    ensure!(stranger.request_status(&link).await? != StatusCode::OK, "and its request object is gone");
    world.stop().await
}

/// SEC-P7: a site that asks for more than it registered is refused by itself, and by the wallet when it asks all the same.
#[tokio::test]
async fn a_site_that_asks_for_more_than_it_registered_is_refused_on_both_sides() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::fresh().await?;
    let told = city::tour::tell(world.plan(), "asked", |_, _, _| ()).await?;

    // The site's own key signs a request for the address, which no purpose allows.
    let mut claims = Stranger::new()?.request(&Visitor::at_login(world.plan()).await?.qr_link()?).await?;
    let asked = claims["dcql_query"]["credentials"][0]["claims"].as_array_mut().context("claims")?;
    asked.push(json!({"path": ["address"]}));
    let link = signed_request(world.plan(), &Value::Object(claims))?;
    let refusal = told.citizen.refused(&["scan", &link, "--yes"]).await?;
    ensure!(
        refusal.message.contains("address") || refusal.message.contains("住址"),
        "the wallet names what is too much: {refusal:?}"
    );

    world.kill("verifier").await?;
    edit_verifier(world.plan(), |config| config["purposes"][0]["credentials"][0]["claims"] = json!(["id_number", "address"]))?;
    world.start("verifier").await?;
    let page = login_page(world.plan()).await?;
    ensure!(page.status == StatusCode::UNPROCESSABLE_ENTITY, "the verifier asks for nothing: {} {}", page.status, page.html);
    ensure!(page.says("not registered for what it asks"), "and says why: {}", page.html);
    world.stop().await
}

/// The login page of a site that has just started, once its ledger answers: until then it says 503.
async fn login_page(plan: &Plan) -> Result<Page> {
    let url = format!("{}/login", plan.site_url());
    let opened = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            let page = Browser::new()?.open(&url).await?;
            if page.status != StatusCode::SERVICE_UNAVAILABLE {
                return anyhow::Ok(page);
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    });
    opened.await.context("the site said for 30 s that the ledger does not answer")?
}

fn edit_verifier(plan: &Plan, edit: impl FnOnce(&mut Value)) -> Result<()> {
    let path = plan.folder("verifier")?.join("config.toml");
    let mut config: Value = toml::from_str(&std::fs::read_to_string(&path)?)?;
    edit(&mut config);
    Ok(std::fs::write(path, toml::to_string(&config)?)?)
}

/// A request signed with the sample site's key, by value: what it says comes from the site's own address or from nowhere. Gives the link.
fn signed_request(plan: &Plan, claims: &Value) -> Result<String> {
    let folder = plan.folder("verifier")?;
    let key = city::certificates::read_key(&folder.join("request.key.pem"))?;
    let chain = Chain::from_pem(&std::fs::read_to_string(folder.join("request.cert.pem"))?)?;
    let header = JwsHeader { x5c: Some(chain), ..JwsHeader::typ("oauth-authz-req+jwt") };
    let object = jws::sign_compact(&key, &header, claims.to_string().as_bytes());
    let query = [("client_id", claims["client_id"].as_str().context("client_id")?), ("request", &object)];
    Ok(url::Url::parse_with_params("openid4vp://", query)?.to_string())
}
