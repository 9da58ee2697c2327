//! The first login: the story that the tour tells, and what must be true afterwards.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use city::citizen::{Citizen, portrait};
use city::clerk::Clerk;
use city::configs::resident;
use city::plan::{MARITAL_STATUS, RESIDENT_IDENTITY};
use city::site::Visitor;
use city::tour;
use city::world::{World, genesis};
use identity::{CommitmentKey, canonical};
use ledger::TrustRoot;
use ledger::cell::Subject;
use ledger::limits::MAX_RECORD_BYTES;
use ledger::proof::{Bundle, verify_answer};
use ledger::records::RecordId;
use ledger::transaction::{NewReceipt, RECEIPT_CONTEXT};
use serde_json::{Value, json};

use crate::alone;

/// X053–X063, X072, I072–I076: create, declare, authenticate, log in, each step with its check (see `city::tour`).
/// X053: the creation request goes to the server. X054: the identity is on the ledger. X055: attributes are declared. X056: they are on
/// IPFS. X057: their hash is on the ledger. X058: a clerk authenticates, by counter or register. X059: that is on the ledger.
/// X060: the QR code is scanned. X061: the attributes are sent. X062: key and device are checked against the ledger. X063: the site has
/// the authenticated information.
/// X042, X043: the picture is in the department's IPFS store. I051, I072, I073: the source signs, the hash is in the request.
/// I075: the wallet hears the result. I076: request, processing, result are each seen.
/// N045, N065, T024: nothing that the citizen declared is in any file of validators, departments, site or wallet in the clear, but in
/// the site's and the department's own answers; bulk data is off the ledger, referenced by hash.
#[tokio::test]
async fn a_citizen_is_attested_logs_in_and_both_sides_hold_a_final_receipt() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::fresh().await?;
    let mut steps = 0;
    let told = tour::tell(world.plan(), "ouyang", |_, _, _| steps += 1).await?;
    ensure!(steps == 10, "the tour has ten steps");
    let receipts = told.citizen.wallet(&["receipts"]).await?;
    ensure!(receipts.to_string().contains(told.receipt["receipt"].as_str().context("an id")?), "{receipts}");
    let history = told.citizen.wallet(&["history"]).await?.to_string();
    ensure!(!history.contains("990101199003074321"), "history names claims, never values");

    a_stranger_checks_the_receipt(&world, &told.citizen).await?;

    let secret = resident()["id_number"].as_str().context("a number")?.to_owned();
    for folder in ["validators", "verifier", "issuers", "logs", "citizens/ouyang/wallet"] {
        let found = files_with(&world.plan().directory().join(folder), secret.as_bytes())?;
        // The departments' own registers and the offers' drafts are theirs; services and ledger keep nothing in the clear.
        let found: Vec<_> = found.into_iter().filter(|path| !path.ends_with("register.json")).collect();
        ensure!(found.is_empty(), "INV-I8: the number stands in the clear in {found:?}");
    }
    // "Receipts verified against the ledger offline": the whole ledger is gone.
    let validators = world.validator_names();
    world.kill_all(&validators).await?;
    for arguments in [&["receipts", "--offline"][..], &["receipts"]] {
        let receipts = told.citizen.wallet(arguments).await?;
        let (verdict, height) = (&receipts[0]["verdict"], receipts[0]["as_of"]["height"].as_u64());
        ensure!(verdict == "verified" && height.is_some_and(|height| height > 0), "{receipts}");
    }
    world.stop().await
}

/// With the exported history and the genesis alone, whoever is handed both checks that the ledger has the receipt and that it is about what the
/// wallet signed, and refuses an answer with any bit changed.
async fn a_stranger_checks_the_receipt(world: &World, citizen: &Citizen) -> Result<()> {
    let file = citizen.file("history.json", b"")?;
    citizen.wallet(&["history", "--export", file.to_str().context("a path")?]).await?;
    let export: Value = serde_json::from_slice(&std::fs::read(&file)?)?;
    let proof = &export["proofs"][0];
    let bytes = |member: &Value| -> Result<Vec<u8>> { Ok(URL_SAFE_NO_PAD.decode(member.as_str().context("a text")?)?) };
    let root = TrustRoot::from_genesis(genesis(world.plan())?)?;
    let receipt = bytes(&proof["receipt"])?.as_slice().try_into()?;
    let subject = Subject::Receipt(RecordId(receipt));
    let answer = bytes(&proof["answer"])?;
    let proven = verify_answer(&root, &subject, &Bundle::from_bytes(&answer)?.answer())?;
    let record: NewReceipt = canonical::decode(&proven.body.context("the ledger has it")?, MAX_RECORD_BYTES)?;
    let key = CommitmentKey::from_entropy(bytes(&proof["commitment_key"])?.as_slice().try_into()?);
    let digest: [u8; 32] = bytes(&proof["key_bindings"][0])?.as_slice().try_into()?;
    ensure!(key.verify(RECEIPT_CONTEXT, &digest, &record.commitment), "it is about what was signed");
    for place in 0..answer.len() {
        let mut forged = answer.clone();
        forged[place] ^= 1;
        let taken = Bundle::from_bytes(&forged).is_ok_and(|bundle| verify_answer(&root, &subject, &bundle.answer()).is_ok());
        ensure!(!taken, "byte {place} of {} was changed and nobody minded", answer.len());
    }
    Ok(())
}

fn files_with(folder: &Path, needle: &[u8]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(files_with(&path, needle)?);
        } else if path.is_file() && std::fs::read(&path)?.windows(needle.len()).any(|window| window == needle) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

/// X055, I075: a refusal reaches the citizen in the clerk's own words.
/// X058: the other channel, the register, is not open to a clerk when it disagrees.
#[tokio::test]
async fn a_clerk_refuses_with_a_reason_and_the_citizen_reads_it() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let citizen = Citizen::new(plan, "li").await?;
    let mut claims = resident();
    claims["given_name"] = json!("若蘭");
    let request = citizen.declare(plan, RESIDENT_IDENTITY, &claims).await?;
    let mut clerk = Clerk::sign_in(plan, plan.issuer_of(RESIDENT_IDENTITY)?).await?;
    let number = clerk.next_request().await?;
    ensure!(clerk.attest(&number).await.is_err(), "the register does not agree: no PIN");
    clerk.refuse(&number, "名字与户籍登记不一致，请改用登记用字。").await?;
    let id = request["id"].as_str().context("an id")?;
    let state = citizen.wallet(&["status", id]).await?.to_string();
    ensure!(state.contains("请改用登记用字"), "{state}");
    world.stop().await
}

/// X074: the whole first login of somebody who gives no portrait and is in no register, by a trusted person's witness. X034: from a
/// computer's terminal, with documents as picture and PDF, which the clerk sees. T008, X037, X073: one wallet for two departments, and
/// both their data in one place, checked against the ledger; a document is opened again as it was.
#[tokio::test]
async fn without_a_face_two_departments_attest_and_their_data_is_read_in_one_place() -> Result<()> {
    let _alone = alone().await;
    let world = World::fresh().await?;
    let plan = world.plan();
    let citizen = Citizen::new(plan, "zhao").await?;
    let pdf = b"%PDF-1.7\n1 0 obj << /Type /Catalog >> endobj\ntrailer << /Root 1 0 R >>\n%%EOF\n";
    let pdf_file = citizen.file("hukou.pdf", pdf)?.display().to_string();
    let picture = citizen.file("page.png", &portrait()?)?.display().to_string();
    let mut somebody = resident();
    somebody["id_number"] = json!("990101198804052222");
    let marriage = json!({"family_name": "赵", "given_name": "敏", "marital_status": "已婚", "since": "2012-05-20"});
    for (kind, claims) in [(RESIDENT_IDENTITY, &somebody), (MARITAL_STATUS, &marriage)] {
        let department = plan.issuer_url(plan.issuer_of(kind)?);
        let claims = citizen.file("claims.json", claims.to_string().as_bytes())?.display().to_string();
        let (page, whole) = (format!("household-register={picture}"), format!("household-register={pdf_file}"));
        let declare = ["declare", "--yes", "--department", &department, "--type", kind, "--claims", &claims];
        if kind == MARITAL_STATUS {
            let refusal = citizen.refused(&declare).await?;
            ensure!(refusal.slug.as_deref() == Some("files-do-not-fit"), "a required document is missed: {}", refusal.message);
        }
        let request = citizen.wallet(&[&declare[..], &["--document", &page, "--document", &whole]].concat()).await?;
        let mut clerk = Clerk::sign_in(plan, plan.issuer_of(kind)?).await?;
        let number = clerk.next_request().await?;
        let page = clerk.look_at(&number).await?;
        ensure!(page.says("Household register") && page.says("/papers/0") && !page.says("/portrait"), "{}", page.html);
        ensure!(clerk.attest_by(&number, "witness", "").await.is_err(), "a witness must be named");
        let pin = clerk.attest_by(&number, "witness", "见证人 孙德顺 2031").await?;
        citizen.wallet(&["status", request["id"].as_str().context("an id")?, "--wait", "20"]).await?;
        let received = citizen.wallet(&["receive", "--pin", &pin, "--yes"]).await?.to_string();
        ensure!(received.contains("verified_by") && received.contains("witness") && !received.contains("孙德顺"), "{received}");
    }
    let mut visitor = Visitor::at_login(plan).await?;
    citizen.agree(&visitor.qr_link()?, Some(&visitor.match_code()?)).await?;
    ensure!(visitor.outcome().await?.url.path() == "/account", "logged in without a face");

    let data = citizen.wallet(&["my-data", "--check"]).await?;
    let departments = data["departments"].as_array().context("departments")?;
    ensure!(departments.len() == 2, "{data}");
    for department in departments {
        let sealed = department.pointer("/security/sealed").and_then(|sealed| sealed.as_array()).context("sealed copies")?;
        ensure!(sealed.len() == 3 && sealed.iter().all(|one| one["integrity"] == "confirmed"), "{department}");
    }
    ensure!(departments[0]["uses"][0]["event"] == "released" && departments[1]["uses"][0]["event"] != "released", "{data}");
    let cid = departments[1].pointer("/given/0/attributes/2/cid").and_then(|cid| cid.as_str()).context("a document")?;
    let saved = citizen.file("saved.pdf", b"")?;
    std::fs::remove_file(&saved)?;
    let path = saved.display().to_string();
    citizen.wallet(&["my-data", "--save", cid, "--to", &path]).await?;
    ensure!(std::fs::read(&saved)? == pdf, "as it was declared");
    citizen.refused(&["my-data", "--save", cid, "--to", &path]).await?;
    world.stop().await
}

/// "Killing any one process at any step of the tour and starting it again loses nothing that was acknowledged."
/// REL-E1: each step is tried again after the crash, and what was done is not done twice.
#[tokio::test]
async fn killing_each_process_between_the_steps_loses_nothing() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::fresh().await?;
    let plan = world.plan().clone();
    let issuer = plan.issuer_of(RESIDENT_IDENTITY)?.clone();
    let citizen = Citizen::new(&plan, "chen").await?;
    world.crash("validator-1").await?;
    let request = citizen.declare(&plan, RESIDENT_IDENTITY, &resident()).await?;
    world.crash(issuer.authority.as_str()).await?;
    let mut clerk = Clerk::sign_in(&plan, &issuer).await?;
    let number = clerk.next_request().await?;
    let pin = clerk.attest(&number).await?;
    world.crash(issuer.authority.as_str()).await?;
    let id = request["id"].as_str().context("an id")?;
    citizen.wallet(&["status", id, "--wait", "20"]).await?;
    world.crash("validator-2").await?;
    citizen.wallet(&["receive", "--pin", &pin, "--yes"]).await?;
    world.crash(issuer.authority.as_str()).await?;

    let mut visitor = Visitor::at_login(&plan).await?;
    world.crash("verifier").await?;
    citizen.agree(&visitor.qr_link()?, Some(&visitor.match_code()?)).await?;
    world.crash("verifier").await?;
    let account = visitor.outcome().await?;
    ensure!(account.url.path() == "/account", "{}", account.html);
    for name in world.validator_names() {
        world.crash(&name).await?;
    }
    let receipts = tokio::time::timeout(Duration::from_secs(30), citizen.wallet(&["receipts"])).await??;
    ensure!(receipts.to_string().contains("verified"), "{receipts}");
    world.stop().await
}
