//! Reports about websites: who may report, what is kept, what the clerk sees.

use identity::jose::jws::{self, JwsHeader};
use identity::{Algorithm, SecretKey};
use serde_json::{Value, json};
use wire::reports::{MAX_CLAIMS, MAX_REASON_CHARACTERS, REPORT, REPORT_TYPE};

use crate::support::{Answer, Citizen, Clerk, NOW, World, logged};

const REASON: &str = "它要求的信息超出需要 <b>canary-4719</b>";

fn report(citizen: &Citizen) -> Value {
    json!({
        "iss": citizen.did.to_string(), "aud": "http://127.0.0.1:7301", "iat": NOW, "jti": "a-random-identifier-1",
        "party": "tax-portal", "origin": "https://tax.example.gov", "shown_at": NOW - 60, "claims": ["family_name", "id_number"],
        "receipt": "cmVjZWlwdA", "reason": REASON,
    })
}

fn with(citizen: &Citizen, name: &str, value: impl Into<Value>) -> String {
    let mut report = report(citizen);
    report[name] = value.into();
    sign(citizen, &report)
}

fn sign_with(key: &SecretKey, kid: &str, typ: &str, report: &Value) -> String {
    let header = JwsHeader { kid: Some(kid.to_owned()), ..JwsHeader::typ(typ) };
    jws::sign_compact(key, &header, report.to_string().as_bytes())
}

fn sign(citizen: &Citizen, report: &Value) -> String {
    sign_with(&citizen.device, &citizen.kid(), REPORT_TYPE, report)
}

async fn post(world: &World, jws: &str) -> Answer {
    world.post("/v1/reports", "application/jwt", jws.to_owned()).await
}

async fn count(world: &World) -> i64 {
    sqlx::query_scalar("SELECT COUNT(*) FROM reports").fetch_one(world.app.database.pool()).await.unwrap()
}

#[track_caller]
fn refused(answer: &Answer, status: u16, slug: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (status, slug), "{}", answer.text());
    assert!(!answer.text().contains("canary"), "{}", answer.text());
}

/// The report is taken, the clerk reads it in both languages, as text and not as HTML; every look leaves a trace.
#[tokio::test]
async fn a_report_is_taken_and_the_clerk_reads_it() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let answer = post(&world, &sign(&citizen, &report(&citizen))).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    assert_eq!(answer.json()["received_at"], NOW);
    assert_eq!(world.get("/console/reports").await.header("location"), "/console/sign-in");
    let clerk = Clerk::sign_in(&world).await;
    let page = clerk.get(&world, "/console/reports").await.text();
    let number: String = answer.json()["id"].as_str().unwrap().chars().take(8).collect();
    for shown in
        [number.as_str(), "https://tax.example.gov", "tax-portal", "family_name, id_number", "cmVjZWlwdA", "对网站的举报"]
    {
        assert!(page.contains(shown), "{shown}");
    }
    assert!(page.contains("&#60;b&#62;canary-4719") && !page.contains("<b>canary"), "{page}");
    assert!(page.contains(&citizen.did.to_string()));
    let english = clerk.get(&world, "/console/reports?lang=en").await.text();
    assert!(english.contains("Reports about websites") && english.contains("Reported by, signed by their device"));
    let looks: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM staff_events WHERE action = 'view' AND subject = 'reports'")
        .fetch_one(world.app.database.pool())
        .await
        .unwrap();
    assert_eq!(looks, 2);
}

#[tokio::test]
async fn without_reports_the_page_says_so() {
    let world = World::new().await;
    let clerk = Clerk::sign_in(&world).await;
    assert!(clerk.get(&world, "/console/reports?lang=en").await.text().contains("There are no reports."));
}

/// REL-E1: the same report again, at once, or signed anew a day later, has the same answer; another one under its jti is a conflict.
#[tokio::test]
async fn the_same_report_again_gets_the_same_answer() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let jws = sign(&citizen, &report(&citizen));
    let (one, other) = tokio::join!(post(&world, &jws), post(&world, &jws));
    assert_eq!((one.status, one.json()), (201, other.json()));
    world.clock.advance(86_400);
    assert_eq!(post(&world, &with(&citizen, "iat", NOW + 86_400)).await.json(), one.json());
    let mut changed = report(&citizen);
    (changed["iat"], changed["reason"]) = ((NOW + 86_400).into(), "Something else.".into());
    refused(&post(&world, &sign(&citizen, &changed)).await, 409, "conflict");
    assert_eq!(count(&world).await, 1);
    // Another citizen's jti is another's.
    let neighbour = Citizen::with_device(&world, 90);
    let mut theirs = report(&neighbour);
    theirs["iat"] = (NOW + 86_400).into();
    assert_eq!(post(&world, &sign(&neighbour, &theirs)).await.status, 201);
    assert_eq!(count(&world).await, 2);
}

/// A forged signature, somebody else's identity, one that is not on the ledger, another department, another time, beyond the bounds.
#[tokio::test]
async fn whoever_may_not_report_is_refused_and_nothing_is_kept() {
    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let good = report(&citizen);
    let stranger = SecretKey::from_bytes(Algorithm::Ed25519, &[77; 32]).unwrap();
    let forged = sign_with(&stranger, &citizen.kid(), REPORT_TYPE, &good);
    refused(&post(&world, &forged).await, 403, "not-allowed");
    let other_device = format!("{}#{}", citizen.did, identity::jose::jwk::thumbprint_text(&stranger.public_key()));
    refused(&post(&world, &sign_with(&stranger, &other_device, REPORT_TYPE, &good)).await, 403, "not-allowed");
    let neighbour = Citizen::with_device(&world, 90);
    refused(&post(&world, &sign_with(&neighbour.device, &neighbour.kid(), REPORT_TYPE, &good)).await, 400, "bad-request");
    refused(&post(&world, &sign_with(&citizen.device, &citizen.kid(), "kb+jwt", &good)).await, 400, "bad-request");
    let unknown = citizen.did.to_string().replace("riverside", "elsewhere");
    let kid = citizen.kid().replace("riverside", "elsewhere");
    let mut foreign = good.clone();
    foreign["iss"] = unknown.into();
    refused(&post(&world, &sign_with(&citizen.device, &kid, REPORT_TYPE, &foreign)).await, 422, "refused");
    for (name, value) in [
        ("aud", json!("http://127.0.0.1:7302")),
        ("aud", Value::Null),
        ("iat", json!(NOW - 361)),
        ("iat", json!(NOW + 61)),
        ("jti", json!("short")),
        ("reason", json!("")),
        ("reason", json!("字".repeat(MAX_REASON_CHARACTERS + 1))),
        ("claims", json!(vec!["name"; MAX_CLAIMS + 1])),
        ("origin", json!("o".repeat(513))),
    ] {
        refused(&post(&world, &with(&citizen, name, value)).await, 422, "refused");
    }
    refused(&post(&world, &with(&citizen, "canary", "canary")).await, 400, "bad-request");
    refused(&post(&world, "canary").await, 400, "bad-request");
    refused(&world.post("/v1/reports", "text/plain", sign(&citizen, &good)).await, 400, "bad-request");
    refused(&post(&world, &"a".repeat(REPORT.max_bytes + 1)).await, 413, "too-large");
    assert_eq!(count(&world).await, 0);
}

#[tokio::test]
async fn reports_are_limited_by_their_sender() {
    let world = World::new().await;
    let mut statuses = Vec::new();
    for _ in 0..61 {
        statuses.push(post(&world, "x").await.status);
    }
    assert_eq!((statuses[59], statuses[60]), (400, 429));
}

/// SEC-D1: what the citizen wrote, and who they are, is in no file and no log in the clear.
#[tokio::test]
async fn a_report_is_sealed_at_rest() {
    let world = World::new().await;
    let citizen = Citizen::with_device(&world, 91);
    assert_eq!(post(&world, &sign(&citizen, &report(&citizen))).await.status, 201);
    let row: String = sqlx::query_scalar("SELECT jws_sealed FROM reports").fetch_one(world.app.database.pool()).await.unwrap();
    assert!(!row.contains('.') && row.len() > 100, "it is no JWS: {row}");
    let log = String::from_utf8_lossy(&logged()).into_owned();
    assert!(log.contains("a report was taken"));
    assert!(!log.contains("canary-4719") && !log.contains(&citizen.did.to_string()));
}
