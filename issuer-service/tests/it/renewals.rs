//! New copies without a clerk: refresh tokens, what is issued under them, and what ends them.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::sd_jwt::SdJwt;
use identity::status_list::{Status, StatusReference};
use identity::{Algorithm, SecretKey};
use issuer_service::database::Database;
use issuer_service::{credentials, offers};
use ledger::cell::Subject;
use ledger::records::{AttestationRecord, RecordId};
use ledger::transaction::{Body, Sender};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use sqlx::Row as _;

use crate::status::status;
use crate::support::wallet_tools::{ISSUER, code, code_form, credential_request, credentials as copies_of, proof};
use crate::support::{Answer, Bound, Clerk, DpopWallet, TYPE, WalletKeys, World, attribute, claims, database_url};

const HOUR: i64 = 3600;
const DAY: i64 = 24 * HOUR;

/// Keys that no other batch has.
fn keys(batch: u8, count: u8) -> WalletKeys {
    let key = |index| SecretKey::from_bytes(Algorithm::P256, &[10 + 20 * batch + index; 32]).unwrap();
    WalletKeys((0..count).map(key).collect())
}

fn claims_of(copy: &str) -> Map<String, Value> {
    SdJwt::parse(copy).unwrap().unverified_claims().clone()
}

fn record(world: &World, copy: &str) -> (RecordId, u8, AttestationRecord) {
    let id = URL_SAFE_NO_PAD.decode(claims_of(copy)["yufu"]["record"].as_str().unwrap()).unwrap();
    let id = RecordId(id.try_into().unwrap());
    let (cell, record) = world.ledger.record(&Subject::Attestation(id)).unwrap();
    (id, cell.status, record)
}

/// Names and values in the disclosures (RFC 9901 section 4.2.1).
fn disclosed(copy: &str) -> BTreeSet<(String, String)> {
    let disclosures = copy.split('~').skip(1).filter(|part| !part.is_empty());
    let read = |text| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap();
    disclosures.map(read).map(|(_, name, value): (String, String, String)| (name, value)).collect()
}

fn index(copy: &str) -> u64 {
    StatusReference::from_claim(&claims_of(copy)["status"]).unwrap().unwrap().index
}

#[track_caller]
fn got(answer: &Answer) -> Vec<String> {
    assert_eq!(answer.status, 200, "{}", answer.text());
    copies_of(answer)
}

#[track_caller]
fn refused(answer: &Answer, code: &str, words: &str) {
    assert_eq!((answer.status, answer.error().as_str()), (400, code), "{}", answer.text());
    assert!(answer.text().contains(words), "{}", answer.text());
}

/// A wallet with its first three copies.
async fn received(world: &World) -> (DpopWallet, Bound, Vec<String>) {
    let wallet = DpopWallet::new(50);
    let tokens = wallet.tokens(world).await;
    let copies = got(&wallet.ask(world, &tokens.access, &keys(0, 3)).await);
    (wallet, tokens, copies)
}

async fn act(world: &World, action: &str) -> u16 {
    let clerk = Clerk::sign_in(world).await;
    let page = clerk.get(world, "/console/credentials").await.text();
    clerk.post(world, &attribute(&page, "form[action$=status]", "action"), &[("action", action)]).await.status
}

async fn settled(world: &World) {
    let pool = world.app.database.pool();
    let empty = || async { issuer_service::anchoring::outbox::backlog(pool).await.unwrap().0 == 0 };
    world.until("the outbox is empty", empty).await;
}

/// OpenID4VCI section 13.5: months later and after a restart, the same claims under new keys, with records and status indices of their
/// own, until the same day; the refresh token stays good, for the copy of it in a backup too.
#[tokio::test]
async fn a_wallet_renews_its_copies_without_a_clerk() {
    let mut world = World::new().await;
    let (wallet, tokens, first) = received(&world).await;
    let mut all = first.clone();
    for batch in 1..4 {
        world.clock.advance(30 * DAY);
        issuer_service::app::tidy_once(&world.app).await.unwrap();
        world.restart().await;
        let answer = wallet.refresh(&world, &tokens.refresh).await;
        insta::assert_json_snapshot!("refreshed", answer.json(), { ".access_token" => "[token]" });
        let access = answer.json()["access_token"].as_str().unwrap().to_owned();
        let renewed = got(&wallet.ask(&world, &access, &keys(batch, 3)).await);
        assert_eq!(renewed.len(), 3);
        all.extend(renewed);
    }
    let (_, _, first) = record(&world, &first[0]);
    for copy in &all {
        let (_, status, record) = record(&world, copy);
        assert_eq!((status, record.valid_until, record.attestation_type.as_str()), (0, first.valid_until, TYPE));
        assert_eq!(disclosed(copy), claims().into_iter().collect::<BTreeSet<_>>(), "what the clerk attested");
        assert_eq!(claims_of(copy)["exp"], first.valid_until);
    }
    assert_eq!(first.valid_until % DAY, 0, "an end that many share joins batches less");
    let distinct = |values: Vec<String>| values.into_iter().collect::<BTreeSet<_>>().len();
    assert_eq!(distinct(all.iter().map(|copy| format!("{:?}", record(&world, copy).0)).collect()), 12);
    assert_eq!(distinct(all.iter().map(|copy| index(copy).to_string()).collect()), 12);
    assert_eq!(distinct(all.iter().map(|copy| claims_of(copy)["cnf"].to_string()).collect()), 12);
    let locks = all.iter().map(|copy| format!("{:?}", record(&world, copy).2.holder_key));
    assert_eq!(distinct(locks.collect()), 12);
}

/// SEC-P4: a refresh token is worth nothing with another key, without one, or under another name than it was given to.
#[tokio::test]
async fn a_refresh_token_is_bound_to_key_and_client() {
    let world = World::new().await;
    let (wallet, tokens, _) = received(&world).await;
    let thief = DpopWallet::new(51);
    refused(&thief.refresh(&world, &tokens.refresh).await, "invalid_grant", "another key");
    let fields = [("grant_type", "refresh_token"), ("refresh_token", tokens.refresh.as_str())];
    refused(&world.bound_token(&[], &fields).await, "invalid_dpop_proof", "DPoP proof");
    refused(&world.bound_token(&[wallet.proof(&world, "/token", None).await], &fields[..1]).await, "invalid_request", "missing");
    refused(&wallet.refresh(&world, "nonsense").await, "invalid_grant", "unknown");
    refused(&wallet.refresh(&world, &tokens.access).await, "invalid_grant", "unknown");
    // An anonymous client may give itself a name later; a named one has that name.
    assert_eq!(wallet.refresh_as(&world, &tokens.refresh, Some("urn:yufu:wallet")).await.status, 200);
    let named = DpopWallet::new(52);
    let (offer, pin) = world.offer().await;
    let code = code(&offer["credential_offer"]);
    let form = code_form(&code, &pin);
    let form = [&form[..], &[("client_id", "one")]].concat();
    let answer = world.bound_token(&[named.proof(&world, "/token", None).await], &form).await;
    let refresh = answer.json()["refresh_token"].as_str().unwrap().to_owned();
    refused(&named.refresh(&world, &refresh).await, "invalid_grant", "client");
    refused(&named.refresh_as(&world, &refresh, Some("other")).await, "invalid_grant", "client");
    assert_eq!(named.refresh_as(&world, &refresh, Some("one")).await.status, 200);
    let long = "x".repeat(256);
    refused(&named.refresh_as(&world, &refresh, Some(&long)).await, "invalid_request", "too long");
}

/// A client without DPoP has what it had: no refresh token.
#[tokio::test]
async fn a_bearer_token_renews_nothing() {
    let world = World::new().await;
    let issued = world.receive(&WalletKeys::new(1)).await;
    let request = credential_request(&keys(1, 1).proofs(&world.nonce().await));
    let answer = world.credential(&issued.access_token, &request).await;
    refused(&answer, "credential_request_denied", "other keys");
    let row = sqlx::query("SELECT COUNT(*) AS n FROM grants").fetch_one(world.app.database.pool()).await.unwrap();
    assert_eq!(row.get::<i64, _>("n"), 0);
}

/// An access token is good for one batch, and says so in the way that makes a wallet refresh; tokens that nobody uses leave nothing behind.
#[tokio::test]
async fn an_access_token_gives_one_batch() {
    let world = World::new().await;
    let (wallet, tokens, _) = received(&world).await;
    let answer = wallet.ask(&world, &tokens.access, &keys(1, 3)).await;
    assert_eq!((answer.status, answer.error().as_str()), (401, "invalid_token"), "{}", answer.text());
    assert!(answer.header("www-authenticate").starts_with("DPoP error=\"invalid_token\""));
    let unused = wallet.refreshed(&world, &tokens.refresh).await;
    let access = wallet.refreshed(&world, &tokens.refresh).await;
    assert_eq!(wallet.ask(&world, &unused, &keys(1, 3)).await.status, 401, "the newer token took its place");
    got(&wallet.ask(&world, &access, &keys(1, 3)).await);
    let row = sqlx::query("SELECT COUNT(*) AS n FROM offers").fetch_one(world.app.database.pool()).await.unwrap();
    assert_eq!(row.get::<i64, _>("n"), 2);
}

/// REL-E1: who lost the answer asks again with the same keys, under a newer token too, and gets the same copies; a key that has a copy gets no
/// second one among others.
#[tokio::test]
async fn the_same_keys_get_the_same_copies_and_a_used_key_no_other() {
    let mut world = World::new().await;
    let (wallet, tokens, first) = received(&world).await;
    let renewed = got(&wallet.renew(&world, &tokens.refresh, &keys(1, 3)).await);
    world.restart().await;
    assert_eq!(got(&wallet.renew(&world, &tokens.refresh, &keys(1, 3)).await), renewed);
    assert_eq!(got(&wallet.renew(&world, &tokens.refresh, &keys(0, 3)).await), first);
    world.clock.advance(600);
    let mut mixed = keys(2, 2);
    mixed.0.push(keys(0, 1).0.remove(0));
    refused(&wallet.renew(&world, &tokens.refresh, &mixed).await, "invalid_proof", "new key");
    assert_eq!(got(&wallet.renew(&world, &tokens.refresh, &keys(2, 2)).await).len(), 2);
    settled(&world).await;
    assert_eq!(world.ledger.sent.lock().unwrap().len(), 3, "three batches, three transactions");
}

/// REL-I4, SEC-P3: two requests at once are one renewal, and two renewals at once are not two.
#[tokio::test]
async fn two_renewals_at_once_are_one() {
    let world = World::new().await;
    let (wallet, tokens, _) = received(&world).await;
    let access = wallet.refreshed(&world, &tokens.refresh).await;
    let batch = keys(1, 2);
    let (one, other) = tokio::join!(wallet.ask(&world, &access, &batch), wallet.ask(&world, &access, &batch));
    assert_eq!(got(&one), got(&other));
    world.clock.advance(600);
    let (three, four) = (keys(3, 2), keys(4, 2));
    let (a, b) = tokio::join!(wallet.refreshed(&world, &tokens.refresh), wallet.refreshed(&world, &tokens.refresh));
    let (a, b) = tokio::join!(wallet.ask(&world, &a, &three), wallet.ask(&world, &b, &four));
    let mut statuses = [a.status, b.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 401], "{} {}", a.text(), b.text());
}

/// A wallet cannot ask without end: a pause after the first renewal, and a number of copies in force.
#[tokio::test]
async fn pauses_and_numbers_are_limited_in_words() {
    let world = World::new().await;
    let (wallet, tokens, _) = received(&world).await;
    got(&wallet.renew(&world, &tokens.refresh, &keys(1, 3)).await);
    let early = wallet.renew(&world, &tokens.refresh, &keys(2, 3)).await;
    refused(&early, "temporarily_unavailable", "ask again in 10 min");
    assert_eq!(early.header("retry-after"), "600");
    world.clock.advance(599);
    refused(&wallet.renew(&world, &tokens.refresh, &keys(2, 3)).await, "temporarily_unavailable", "in 1 min");
    world.clock.advance(1);
    got(&wallet.renew(&world, &tokens.refresh, &keys(2, 3)).await);
    world.clock.advance(600);
    sqlx::query("UPDATE issuances SET copies = 164").execute(world.app.database.pool()).await.unwrap();
    refused(&wallet.renew(&world, &tokens.refresh, &keys(3, 9)).await, "credential_request_denied", "copies of this credential");
    got(&wallet.renew(&world, &tokens.refresh, &keys(3, 8)).await);
}

/// REL-I5: revoking is revoking all copies of all batches, at once in the list and soon on the ledger; nothing can be renewed, and the
/// claims are forgotten.
#[tokio::test]
async fn revoking_revokes_all_batches_and_ends_the_grant() {
    let world = World::new().await;
    let (wallet, tokens, mut all) = received(&world).await;
    all.extend(got(&wallet.renew(&world, &tokens.refresh, &keys(1, 2)).await));
    let unused = wallet.refreshed(&world, &tokens.refresh).await;
    assert_eq!(act(&world, "revoke").await, 303);
    for copy in &all {
        assert_eq!(status(&world, copy).await, Status::Invalid);
    }
    settled(&world).await;
    assert!(all.iter().all(|copy| record(&world, copy).1 == 2));
    refused(&wallet.refresh(&world, &tokens.refresh).await, "invalid_grant", "ask the department");
    refused(&wallet.ask(&world, &unused, &keys(2, 2)).await, "credential_request_denied", "ended");
    world.clock.advance(HOUR + 1);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    let row =
        sqlx::query("SELECT COUNT(*) AS n FROM offers WHERE dataset_sealed <> ''").fetch_one(world.app.database.pool()).await;
    assert_eq!(row.unwrap().get::<i64, _>("n"), 0);
}

/// A copy that its holder killed can change no more on the ledger, and keeps no other from being revoked there.
#[tokio::test]
async fn a_killed_copy_keeps_no_other_from_being_revoked() {
    let world = World::new().await;
    let wallet = DpopWallet::new(50);
    let access = wallet.tokens(&world).await.access;
    let lock: [u8; 32] = Sha256::digest([9; 32]).into();
    let claims = json!({ "aud": ISSUER, "iat": world.clock.now(), "nonce": world.nonce().await, "yufu_lock": URL_SAFE_NO_PAD.encode(lock) });
    let proofs: Vec<_> = keys(0, 3).0.iter().map(|key| proof(key, &claims)).collect();
    let dpop = wallet.proof(&world, "/credential", Some(&access)).await;
    let copies = got(&world.bound_credential(&access, &[dpop], &credential_request(&proofs)).await);
    let once = SecretKey::from_bytes(Algorithm::Ed25519, &[8; 32]).unwrap();
    let kill = |copy: &str| {
        let body = Body::BreakLock { record: record(&world, copy).0, preimage: [9; 32] };
        world.ledger.send(Sender::Key(once.public_key()), &once, body);
    };
    kill(&copies[1]);
    assert_eq!(act(&world, "suspend").await, 303);
    settled(&world).await;
    assert_eq!(copies.iter().map(|copy| record(&world, copy).1).collect::<Vec<_>>(), [1, 4, 1]);
    assert_eq!(act(&world, "revoke").await, 303);
    settled(&world).await;
    assert_eq!(copies.iter().map(|copy| record(&world, copy).1).collect::<Vec<_>>(), [2, 4, 2]);
    let row = sqlx::query("SELECT COUNT(*) AS n FROM outbox WHERE state = 'refused'").fetch_one(world.app.database.pool()).await;
    assert_eq!(row.unwrap().get::<i64, _>("n"), 0);
}

/// A batch that the ledger has not taken yet is revoked with the others, when it has; it never reaches the wallet.
#[tokio::test]
async fn a_renewal_under_way_is_revoked_with_the_others() {
    let world = World::new().await;
    let (wallet, tokens, first) = received(&world).await;
    let access = wallet.refreshed(&world, &tokens.refresh).await;
    world.ledger.halted.store(true, Ordering::SeqCst);
    assert_eq!(wallet.ask(&world, &access, &keys(1, 2)).await.status, 503);
    assert_eq!(act(&world, "revoke").await, 303);
    assert_eq!(status(&world, &first[0]).await, Status::Invalid);
    world.ledger.halted.store(false, Ordering::SeqCst);
    settled(&world).await;
    refused(&wallet.ask(&world, &access, &keys(1, 2)).await, "credential_request_denied", "revoked");
    let rows = sqlx::query("SELECT record_id FROM credentials").fetch_all(world.app.database.pool()).await.unwrap();
    assert_eq!(rows.len(), 5);
    for row in rows {
        let id = URL_SAFE_NO_PAD.decode(row.get::<String, _>("record_id")).unwrap();
        let (cell, _): (_, AttestationRecord) =
            world.ledger.record(&Subject::Attestation(RecordId(id.try_into().unwrap()))).unwrap();
        assert_eq!(cell.status, 2);
    }
    let row = sqlx::query("SELECT COUNT(*) AS n FROM outbox WHERE state = 'refused'").fetch_one(world.app.database.pool()).await;
    assert_eq!(row.unwrap().get::<i64, _>("n"), 0, "the ledger was never asked to revoke what it does not have");
}

/// Suspended, nothing is renewed, and the refresh token stays good for when it is resumed; both are for all batches.
#[tokio::test]
async fn a_suspended_credential_is_renewed_after_it_is_resumed() {
    let world = World::new().await;
    let (wallet, tokens, mut all) = received(&world).await;
    all.extend(got(&wallet.renew(&world, &tokens.refresh, &keys(1, 1)).await));
    world.clock.advance(600);
    assert_eq!(act(&world, "suspend").await, 303);
    refused(&wallet.renew(&world, &tokens.refresh, &keys(2, 1)).await, "credential_request_denied", "suspended");
    settled(&world).await;
    assert!(all.iter().all(|copy| record(&world, copy).1 == 1));
    assert_eq!(act(&world, "resume").await, 303);
    settled(&world).await;
    assert!(all.iter().all(|copy| record(&world, copy).1 == 0));
    got(&wallet.renew(&world, &tokens.refresh, &keys(2, 1)).await);
}

/// A clerk ends the renewals: the copies stay in force. The console has one line for all batches.
#[tokio::test]
async fn a_clerk_ends_the_renewals_and_sees_the_batches() {
    let world = World::new().await;
    let (wallet, tokens, first) = received(&world).await;
    got(&wallet.renew(&world, &tokens.refresh, &keys(1, 1)).await);
    let clerk = Clerk::sign_in(&world).await;
    let page = clerk.get(&world, "/console/credentials?lang=en").await.text();
    assert_eq!(crate::support::count(&page, "li.issuance"), 1);
    assert!(page.contains("batches 2"), "{page}");
    assert_eq!(act(&world, "end-renewals").await, 303);
    assert_eq!(act(&world, "end-renewals").await, 409);
    assert!(!clerk.get(&world, "/console/credentials").await.text().contains("end-renewals"));
    refused(&wallet.refresh(&world, &tokens.refresh).await, "invalid_grant", "ask the department");
    assert_eq!(status(&world, &first[0]).await, Status::Valid);
    let stranger = World::new().await;
    stranger.receive(&WalletKeys::new(1)).await;
    assert_eq!(act(&stranger, "end-renewals").await, 409);
}

/// A grant ends with what the clerk attested, and so do the claims in the database.
#[tokio::test]
async fn a_grant_ends_with_what_was_attested() {
    let world = World::new().await;
    let (wallet, tokens, first) = received(&world).await;
    let (_, _, attested) = record(&world, &first[0]);
    world.clock.set(attested.valid_until - 1);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    let access = wallet.refreshed(&world, &tokens.refresh).await;
    world.clock.advance(1);
    refused(&wallet.ask(&world, &access, &keys(1, 1)).await, "credential_request_denied", "over");
    refused(&wallet.refresh(&world, &tokens.refresh).await, "invalid_grant", "over");
    world.clock.advance(HOUR);
    issuer_service::app::tidy_once(&world.app).await.unwrap();
    let row =
        sqlx::query("SELECT COUNT(*) AS n FROM offers WHERE dataset_sealed <> ''").fetch_one(world.app.database.pool()).await;
    assert_eq!(row.unwrap().get::<i64, _>("n"), 0);
}

/// HAIP section 4.4: not after more than a year, however long the credential is good.
#[tokio::test]
async fn a_grant_ends_after_a_year() {
    let world = World::with(|config| config.attestations[0].validity_days = 3650).await;
    let (wallet, tokens, _) = received(&world).await;
    world.clock.advance(366 * DAY - 1);
    wallet.refreshed(&world, &tokens.refresh).await;
    world.clock.advance(1);
    refused(&wallet.refresh(&world, &tokens.refresh).await, "invalid_grant", "over");
}

/// What an earlier version stored goes on: its tokens are Bearer tokens, its issuances are seen and changed by themselves.
#[tokio::test]
async fn a_database_of_the_first_version_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let url = database_url(directory.path()).await;
    sqlx::any::install_default_drivers();
    let pool = sqlx::AnyPool::connect(&url).await.unwrap();
    let mut first = sqlx::migrate!("./migrations");
    first.migrations = first.migrations.iter().take(1).cloned().collect();
    first.run(&pool).await.unwrap();
    for (id, token) in [("one", "t1"), ("two", "t2")] {
        let offer = "INSERT INTO offers (id, code_hash, attestation_type, dataset_sealed, state, tries, created_at, expires_at,
            token_hash, token_expires_at) VALUES ($1, $1, 'x', 's', 'redeemed', 1, 0, 600, $2, 3600)";
        sqlx::query(offer).bind(id).bind(token).execute(&pool).await.unwrap();
        let issuance =
            "INSERT INTO issuances (id, offer_id, attestation_type, proofs_hash, response_sealed, state, status, copies,
            created_at, valid_until) VALUES ($1, $1, 'x', 'p', 'r', 'recorded', 'active', 1, 0, 9)";
        sqlx::query(issuance).bind(id).execute(&pool).await.unwrap();
    }
    pool.close().await;
    let database = Database::open(&url).await.unwrap();
    let offer = offers::store::by_token(database.pool(), "t1", 10).await.unwrap().unwrap();
    assert_eq!((offer.id.as_str(), offer.dpop_key.as_deref(), offer.grant.as_deref()), ("one", None, None));
    let issuance = credentials::store::by_keys(database.pool(), &offer, "p").await.unwrap().unwrap();
    assert_eq!((issuance.id.as_str(), issuance.batches, issuance.renewable), ("one", 0, false));
    assert_eq!(credentials::store::latest(database.pool(), 10).await.unwrap().len(), 2);
    assert_eq!(credentials::store::batches(database.pool(), &issuance).await.unwrap().len(), 1);
}
