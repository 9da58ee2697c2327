//! A consent is taken back, what was shown is deleted: who may ask, what is done, and what is answered.

use axum::body::Body;
use axum::http::{Request, header};
use identity::jose::jwk::Jwk;
use identity::jose::jws::{self, JwsHeader, Parsed};
use identity::keys::SecretKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wire::rights::{self, Acknowledgement, Done, Right, RightsMetadata};

use crate::browser::{self, Answer, Browser};
use crate::city::{City, Held, NOW, base64, p256};
use crate::refusals::{Begun, begin};
use crate::wallet::Answering;

/// A login that is over, in a browser that is logged in.
struct Shown {
    city: City,
    held: Held,
    browser: Browser,
    digest: String,
}

/// The SHA-256 of the key binding JWT that was sent: the wallet signs the same bytes for the same request.
fn shown_digest(begun: &Begun, held: &Held) -> String {
    let presented = begun.request.present(held, &Answering::default());
    base64(&Sha256::digest(presented.rsplit('~').next().unwrap()))
}

async fn log_in(city: &City, held: &Held) -> (Browser, String) {
    let mut begun = begin(city, "same_device_link").await;
    let answer = begun.request.answer(&city.app, held, &Answering::default()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let redirect = answer.json()["redirect_uri"].as_str().unwrap().to_owned();
    let path = redirect.strip_prefix("http://127.0.0.1:7300").unwrap();
    assert_eq!(begun.browser.get(&city.app, path).await.location(), "/account");
    let digest = shown_digest(&begun, held);
    (begun.browser, digest)
}

async fn shown() -> Shown {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let (browser, digest) = log_in(&city, &held).await;
    Shown { city, held, browser, digest }
}

impl Shown {
    fn request(&self, kind: &str) -> Value {
        let client_id = &self.city.app.parts.party.client_id;
        json!({ "aud": client_id, "iat": NOW, "jti": format!("{kind}-0123456789ab"), "kind": kind, "presentation": self.digest })
    }

    fn sign(&self, request: &Value) -> String {
        sign(&self.held.key, request)
    }

    async fn post(&self, jws: &str) -> Answer {
        post(&self.city, jws, "application/jwt").await
    }

    async fn refused(&self, jws: &str, status: u16, detail: &str) {
        let answer = self.post(jws).await;
        let found = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
        assert_eq!((answer.status, found.split(':').next().unwrap()), (status, detail), "{}", answer.body);
        assert!(!answer.body.contains("canary"), "{}", answer.body);
    }

    /// Nothing was done.
    async fn is_untouched(&mut self) {
        assert_eq!(self.count("rights", "1 = 1").await, 0);
        assert_eq!(self.browser.get(&self.city.app, "/account").await.status, 200, "the session goes on");
    }

    async fn count(&self, table: &str, condition: &str) -> i64 {
        let statement = sqlx::AssertSqlSafe(format!("SELECT COUNT(*) FROM {table} WHERE {condition}"));
        sqlx::query_scalar(statement).fetch_one(&self.city.app.parts.database).await.unwrap()
    }

    fn verified(&self, answer: &Answer) -> Acknowledgement {
        assert_eq!(
            (answer.status, &answer.headers[header::CONTENT_TYPE]),
            (200, &"application/jwt".parse().unwrap()),
            "{}",
            answer.body
        );
        let parsed = Parsed::parse(&answer.body, &rights::ACKNOWLEDGEMENT).unwrap();
        let verified = parsed.verify(&self.city.registration().ledger_key).unwrap();
        serde_json::from_slice(&verified.payload).unwrap()
    }
}

fn sign(key: &SecretKey, request: &Value) -> String {
    let jwk = Jwk::from(key.public_key());
    let header = JwsHeader { jwk: Some(jwk), ..JwsHeader::typ(rights::RIGHTS_REQUEST_TYPE) };
    jws::sign_compact(key, &header, request.to_string().as_bytes())
}

async fn post(city: &City, jws: &str, media_type: &str) -> Answer {
    let request = Request::post("/rights").header(header::CONTENT_TYPE, media_type).body(Body::from(jws.to_owned()));
    browser::send(&city.app, request.unwrap()).await
}

#[tokio::test]
async fn the_site_says_at_its_origin_where_to_ask() {
    let city = City::new().await;
    let answer = browser::send(&city.app, Request::get(rights::WELL_KNOWN_PATH).body(Body::empty()).unwrap()).await;
    let metadata: RightsMetadata = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(metadata.rights_endpoint, "http://127.0.0.1:7300/rights");
}

/// Deletion: no disclosed value is left, the receipt's facts are, and the site's signature says both.
#[tokio::test]
async fn what_was_shown_is_deleted_and_the_receipt_stays() {
    let mut shown = shown().await;
    assert_eq!(shown.count("sessions", "released <> ''").await, 1);
    let receipts = shown.city.ledger.receipts();
    let acknowledged = shown.verified(&shown.post(&shown.sign(&shown.request("deletion"))).await);
    assert_eq!((acknowledged.kind, acknowledged.iat), (Right::Deletion, NOW));
    assert_eq!(
        (&acknowledged.iss, base64(&acknowledged.presentation.0)),
        (&shown.city.app.parts.party.client_id, shown.digest.clone())
    );
    assert_eq!(acknowledged.done, [Done::SessionsEnded, Done::AttributesDeleted]);
    let kept: i64 =
        sqlx::query_scalar("SELECT delete_after FROM receipts").fetch_one(&shown.city.app.parts.database).await.unwrap();
    assert_eq!(acknowledged.kept.iter().map(|one| one.until).collect::<Vec<_>>(), [Some(kept), None]);
    assert_eq!((shown.count("sessions", "1 = 1").await, shown.count("logins", "released <> ''").await), (0, 0));
    assert_eq!(shown.browser.get(&shown.city.app, "/account").await.location(), "/login", "nobody is logged in");
    assert_eq!((shown.count("receipts", "height = 41").await, shown.city.ledger.receipts()), (1, receipts));
}

#[tokio::test]
async fn a_consent_that_is_taken_back_is_marked_and_ends_the_session() {
    let mut shown = shown().await;
    let acknowledged = shown.verified(&shown.post(&shown.sign(&shown.request("withdrawal"))).await);
    assert_eq!(acknowledged.done, [Done::ConsentMarkedWithdrawn, Done::SessionsEnded, Done::AttributesDeleted]);
    assert_eq!(shown.count("rights", "kind = 'withdrawal'").await, 1);
    assert_eq!(shown.browser.get(&shown.city.app, "/account").await.location(), "/login");
}

/// Another login of the same citizen, with the same credential, goes on: its consent was not taken back.
#[tokio::test]
async fn another_login_of_the_same_person_goes_on() {
    let shown = shown().await;
    let (mut other, _) = log_in(&shown.city, &shown.held).await;
    assert_eq!(shown.post(&shown.sign(&shown.request("deletion"))).await.status, 200);
    assert_eq!(other.get(&shown.city.app, "/account").await.status, 200);
}

/// The wish comes before the browser has its session: it gets none, is told why, and what was released is erased.
#[tokio::test]
async fn a_browser_that_has_no_session_yet_gets_none() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "cross_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    let digest = shown_digest(&begun, &held);
    let mut shown = Shown { city, held, browser: begun.browser, digest };
    assert_eq!(shown.count("logins", "released <> ''").await, 1);
    assert_eq!(shown.post(&shown.sign(&shown.request("withdrawal"))).await.status, 200);
    assert_eq!(shown.count("logins", "released <> ''").await, 0);
    let events = shown.browser.events(&shown.city.app, begun.answer["events"].as_str().unwrap(), 1).await;
    assert_eq!((&events[0]["stage"], &events[0]["reason"]), (&json!("declined"), &json!("withdrawn")));
    assert!(events[0]["sentence"].as_str().unwrap().contains("您已撤回同意"), "{}", events[0]);
    let complete = shown.browser.get(&shown.city.app, begun.answer["complete"].as_str().unwrap()).await;
    assert_ne!(complete.location(), "/account");
}

/// Asking again, with the same bytes or signed anew with another `jti`, at once or much later, gets the same answer.
#[tokio::test]
async fn asking_twice_has_one_effect_and_the_same_answer() {
    let mut shown = shown().await;
    let jws = shown.sign(&shown.request("deletion"));
    let (one, other) = tokio::join!(shown.post(&jws), shown.post(&jws));
    assert_eq!((one.status, &one.body), (200, &other.body));
    shown.city.restart().await;
    shown.city.clock.advance(86_400);
    let mut again = shown.request("deletion");
    (again["iat"], again["jti"]) = ((NOW + 86_400).into(), "another-identifier".into());
    assert_eq!(shown.post(&shown.sign(&again)).await.body, one.body);
    assert_eq!(shown.count("rights", "1 = 1").await, 1);
    // The recorded request is worth nothing to whoever sends it again.
    shown.refused(&jws, 422, "rights-not-fresh").await;
}

/// A `jti` is used once: it does not carry a withdrawal over to a deletion.
#[tokio::test]
async fn a_jti_that_was_used_for_something_else_is_refused() {
    let shown = shown().await;
    let mut request = shown.request("withdrawal");
    assert_eq!(shown.post(&shown.sign(&request)).await.status, 200);
    request["kind"] = "deletion".into();
    shown.refused(&shown.sign(&request), 409, "rights-jti-used").await;
    assert_eq!(shown.count("rights", "1 = 1").await, 1);
}

/// A forged signature, another key, another site, another time, something that was never shown, somebody else's presentation.
#[tokio::test]
async fn whoever_may_not_ask_is_refused_and_nothing_is_done() {
    let mut shown = shown().await;
    let good = shown.request("deletion");
    let with = |name: &str, value: Value| {
        let mut request = good.clone();
        request[name] = value;
        shown.sign(&request)
    };
    // The holder's key in the header, another one's signature.
    let (holders, strangers) = (shown.sign(&good), sign(&p256(0x66), &good));
    let forged = format!("{}.{}", holders.rsplit_once('.').unwrap().0, strangers.rsplit_once('.').unwrap().1);
    shown.refused(&forged, 403, "jws-signature-invalid").await;
    // Somebody else's presentation, by a key that signs for itself; and what was never shown: the same answer.
    shown.refused(&strangers, 404, "rights-unknown-presentation").await;
    let unknown = post(&shown.city, &with("presentation", base64(&[7; 32]).into()), "application/jwt").await;
    let stranger = post(&shown.city, &strangers, "application/jwt").await;
    let without_id = |answer: &Answer| {
        let mut json = answer.json();
        json.as_object_mut().unwrap().remove("request_id");
        json
    };
    assert_eq!(without_id(&unknown), without_id(&stranger));
    shown.refused(&with("aud", "x509_hash:another".into()), 422, "rights-audience").await;
    shown.refused(&with("iat", (NOW - 361).into()), 422, "rights-not-fresh").await;
    shown.refused(&with("iat", (NOW + 61).into()), 422, "rights-not-fresh").await;
    shown.refused(&with("jti", "short".into()), 400, "rights-jti").await;
    shown.refused(&with("kind", "canary".into()), 400, "rights-payload").await;
    shown.refused(&with("canary", "canary".into()), 400, "rights-payload").await;
    // A key binding JWT is signed by the right key, and is no request.
    let mut header = JwsHeader::typ("kb+jwt");
    header.jwk = Some(Jwk::from(shown.held.key.public_key()));
    let other_type = jws::sign_compact(&shown.held.key, &header, good.to_string().as_bytes());
    shown.refused(&other_type, 400, "jws-typ-wrong").await;
    assert_eq!(post(&shown.city, &"a".repeat(rights::MAX_REQUEST_BYTES + 1), "application/jwt").await.status, 413);
    assert_eq!(post(&shown.city, &shown.sign(&good), "text/plain").await.status, 400);
    shown.is_untouched().await;
}

/// SEC-D1: the kinds of refusal are above; here is that the database and the acknowledgement have no value of a claim.
#[tokio::test]
async fn no_value_is_in_the_acknowledgement_or_left_in_the_database() {
    let shown = shown().await;
    let answer = shown.post(&shown.sign(&shown.request("deletion"))).await;
    let acknowledged = serde_json::to_string(&shown.verified(&answer)).unwrap();
    assert!(!acknowledged.contains("canary"), "{acknowledged}");
    let dump = crate::privacy::dump(&shown.city).await;
    assert!(dump.contains(&answer.body) && !dump.contains("canary"));
}

/// When the evidence has served its time there is nothing left to ask about.
#[tokio::test]
async fn what_was_answered_goes_with_the_evidence() {
    let shown = shown().await;
    assert_eq!(shown.post(&shown.sign(&shown.request("deletion"))).await.status, 200);
    let retention = 30 * 86_400 + 1;
    shown.city.clock.advance(retention);
    verifier_service::housekeeping::sweep(&shown.city.app).await.unwrap();
    for table in ["receipts", "presentations", "rights"] {
        assert_eq!(shown.count(table, "1 = 1").await, 0, "{table}");
    }
    let mut late = shown.request("deletion");
    late["iat"] = (NOW + retention).into();
    shown.refused(&shown.sign(&late), 404, "rights-unknown-presentation").await;
}
