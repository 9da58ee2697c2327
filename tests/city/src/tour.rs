//! The first login, told step by step on a running city: what a citizen, a clerk and a site do, and what each step proved.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use ledger::records::RecordId;
use serde_json::Value;

use crate::citizen::Citizen;
use crate::clerk::Clerk;
use crate::configs::{from_base64url, resident};
use crate::plan::{Plan, RESIDENT_IDENTITY};
use crate::site::Visitor;
use crate::world;

/// How long the wallet waits for a clerk's decision, in seconds.
const DECISION_LIMIT: &str = "20";

/// What a tour left behind, for what comes after it.
pub struct Told {
    /// The citizen.
    pub citizen: Citizen,
    /// The visitor's browser, logged in.
    pub visitor: Visitor,
    /// The receipt as the wallet has it.
    pub receipt: Value,
}

/// Walks the story and prints it, a step a line.
pub async fn run(plan: &Plan) -> Result<()> {
    say("A citizen's first login in Riverside City\n");
    let mut started = now();
    let told = tell(plan, &format!("tour-{}", crate::configs::hex(&crate::plan::entropy::<4>()?)), |number, step, proved| {
        let took = started.elapsed();
        started = now();
        say(&format!("{number:>2}. {step}\n    ✓ {proved}   ({:.1} s)", took.as_secs_f64()));
    })
    .await?;
    say(&format!("\nEvery step proved. The citizen's wallet is in {}.", told.citizen.wallet_folder().display()));
    Ok(())
}

/// Tells the story; `step` hears what was done and what it proved.
pub async fn tell(plan: &Plan, name: &str, mut step: impl FnMut(u32, &str, &str)) -> Result<Told> {
    let citizen = Citizen::new(plan, name).await?;
    let did = citizen.wallet(&["did"]).await?;
    let did = crate::text(&did, "/did")?;
    step(1, "The wallet makes its keys and an identity on the ledger", &format!("{did} is final, by a quorum's certificate"));

    let credential = receive(plan, &citizen, &mut step).await?;
    let visitor = Visitor::at_login(plan).await?;
    step(6, "The citizen opens the tax site and sees its QR code", &format!("match code {}", visitor.match_code()?));
    let (visitor, receipt) = log_in(plan, &citizen, visitor, &mut step).await?;
    step(10, "The wallet lists what it holds", &format!("{} copies of {}", credential.1, credential.0));
    Ok(Told { citizen, visitor, receipt })
}

/// Declares, is attested, and receives the credential: its type and number of copies.
async fn receive(plan: &Plan, citizen: &Citizen, step: &mut impl FnMut(u32, &str, &str)) -> Result<(String, u64)> {
    let request = citizen.declare(plan, RESIDENT_IDENTITY, &resident()).await?;
    let id = crate::text(&request, "/id")?;
    step(
        2,
        "The citizen declares a portrait and a document, sees what will be kept, and confirms",
        "encrypted on the device, stored by CID, anchored as salted commitments",
    );

    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?;
    let number = clerk.next_request().await?;
    let page = clerk.look_at(&number).await?;
    ensure!(page.says("若兰") && page.says("/portrait"), "the clerk sees the document and the portrait: {}", page.html);
    step(
        3,
        "A clerk of public security opens the request",
        "CID, anchor and plaintext agree; every field agrees with the register",
    );

    let pin = clerk.attest(&number).await?;
    let state = citizen.wallet(&["status", &id, "--wait", DECISION_LIMIT]).await?;
    ensure!(state.to_string().contains("attested"), "the wallet hears of it: {state}");
    step(4, "The clerk attests and tells the citizen the PIN", "the wallet has the offer; the PIN came by another way");

    let received = citizen.wallet(&["receive", "--pin", &pin, "--yes"]).await?;
    let copies = received.pointer("/0/copies").and_then(Value::as_u64).context("the wallet says how many copies it has")?;
    step(
        5,
        "The wallet receives the credential",
        "signature, certificate, accreditation and ledger record checked; each copy has a key of its own",
    );
    Ok((RESIDENT_IDENTITY.to_owned(), copies))
}

/// Scans, consents, and is logged in; the visitor and the wallet's receipt.
pub async fn log_in(
    plan: &Plan,
    citizen: &Citizen,
    mut visitor: Visitor,
    step: &mut impl FnMut(u32, &str, &str),
) -> Result<(Visitor, Value)> {
    let link = visitor.qr_link()?;
    let consent = citizen.wallet(&["scan", &link, "--show"]).await?;
    ensure!(consent.to_string().contains("滨河市税务服务网"), "the registered name is shown: {consent}");
    step(
        7,
        "The wallet shows who asks for what, and why",
        "the site's name, origin and purpose come from the ledger, not from the site",
    );

    let outcome = citizen.agree(&link, Some(&visitor.match_code()?)).await?;
    let page = visitor.outcome().await?;
    ensure!(page.url.path() == "/account", "the visitor is logged in: {} {}", page.url, page.html);
    ensure!(page.says("若兰"), "the site greets the citizen");
    step(
        8,
        "The citizen picks the match code and agrees",
        "the browser that began is logged in; key, record and status were live on the ledger",
    );

    let height = page.text("#receipt-height")?;
    let receipt = outcome.get("receipt").context("the wallet has the receipt")?.clone();
    let id = crate::text(&receipt, "/receipt")?;
    ensure!(page.text("#receipt-id")? == id, "both sides hold the same receipt");
    let id = RecordId(from_base64url(&id)?.try_into().ok().context("a receipt's id has 32 bytes")?);
    let on_ledger = world::chain(plan)?.receipt_record(&id).await?;
    let (cell, _) = on_ledger.value.context("the receipt is on the ledger")?;
    ensure!(cell.created_height.to_string() == height, "the site names the block of the receipt");
    citizen.wallet(&["receipts"]).await?;
    step(
        9,
        "Both sides hold the receipt",
        &format!("final in block {height}, proven to wallet and site without trusting a node"),
    );
    Ok((visitor, receipt))
}

#[expect(clippy::disallowed_methods, reason = "the tour tells how long each step took")]
fn now() -> Instant {
    Instant::now()
}

#[expect(clippy::print_stdout, reason = "the tour is told to the person at the terminal")]
fn say(text: &str) {
    println!("{text}");
}
