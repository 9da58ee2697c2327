//! Status lists and changes of status.

use std::sync::atomic::Ordering;

use axum::body::Body;
use base64::Engine as _;
use identity::jose::jws::{Parsed, Policy};
use identity::sd_jwt::SdJwt;
use identity::status_list::{Demand, Status, StatusListToken, StatusReference};
use ledger::cell::Subject;
use ledger::records::{AttestationRecord, RecordId};

use crate::support::wallet_tools::{code, credential_request, credentials};
use crate::support::{Citizen, Clerk, NOW, WalletKeys, World, attribute};

fn reference(credential: &str) -> StatusReference {
    let claims = SdJwt::parse(credential).unwrap().unverified_claims().clone();
    StatusReference::from_claim(&claims["status"]).unwrap().unwrap()
}

/// What a verifier reads.
pub(crate) async fn status(world: &World, credential: &str) -> Status {
    let reference = reference(credential);
    let answer = world.get(reference.uri.trim_start_matches("http://127.0.0.1:7301")).await;
    assert_eq!(answer.header("content-type"), "application/statuslist+jwt");
    let token = answer.text();
    let (verified, _) = Parsed::parse(&token, &Policy::STATUS_LIST).unwrap().verify_with_chain(&world.anchors, NOW).unwrap();
    let demand =
        Demand { uri: &reference.uri, now: world.clock.now(), leeway_seconds: 0, max_age_seconds: 3600, max_entries: 1 << 17 };
    StatusListToken::from_verified(&verified, &demand).unwrap().list.get(reference.index).unwrap()
}

fn on_ledger(world: &World, credential: &str) -> u8 {
    let claims = SdJwt::parse(credential).unwrap().unverified_claims().clone();
    let id = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(claims["yufu"]["record"].as_str().unwrap()).unwrap();
    let id = RecordId(id.try_into().unwrap());
    world.ledger.record::<AttestationRecord>(&Subject::Attestation(id)).unwrap().0.status
}

async fn issuance_path(clerk: &Clerk, world: &World) -> String {
    let page = clerk.get(world, "/console/credentials").await.text();
    attribute(&page, "form[action$=status]", "action")
}

/// REL-I5: what a clerk revokes is revoked in the list at once, for all copies, and on the ledger soon.
#[tokio::test]
async fn a_revoked_credential_is_revoked_in_the_list_and_on_the_ledger() {
    let world = World::new().await;
    let issued = world.receive(&WalletKeys::new(2)).await;
    assert_eq!(status(&world, &issued.credentials[0]).await, Status::Valid);
    let clerk = Clerk::sign_in(&world).await;
    let path = issuance_path(&clerk, &world).await;
    assert_eq!(clerk.post(&world, &path, &[("action", "revoke")]).await.status, 303);
    for credential in &issued.credentials {
        assert_eq!(status(&world, credential).await, Status::Invalid);
    }
    let credentials = &issued.credentials;
    world.until("the ledger has it", || async { credentials.iter().all(|one| on_ledger(&world, one) == 2) }).await;
    // For good.
    assert_eq!(clerk.post(&world, &path, &[("action", "resume")]).await.status, 409);
    assert_eq!(clerk.post(&world, &path, &[("action", "revoke")]).await.status, 409);
}

/// The credentials of a request that a clerk attests.
async fn issued((request, token): (String, String), world: &World, clerk: &Clerk, keys: &WalletKeys) -> (String, Vec<String>) {
    let pin = clerk.attest(world, &request).await;
    let state = world.get_as(&format!("/v1/attribute-requests/{request}"), &token).await.json();
    let uri = state["state"]["credential_offer_uri"].as_str().unwrap().to_owned();
    let offer = world.get(uri.trim_start_matches("http://127.0.0.1:7301")).await.json();
    let answer = world.token(&code(&offer), &pin).await.json();
    let access = answer["access_token"].as_str().unwrap();
    let answer = world.credential_in_the_end(access, &credential_request(&keys.proofs(&world.nonce().await))).await;
    (request, credentials(&answer))
}

/// "Lost device dead within a block from … a counter": a clerk revokes everything that was issued to this person, by whichever request, in one
/// act; what others have stays.
#[tokio::test]
async fn a_lost_phone_is_reported_at_the_counter() {
    let world = World::new().await;
    let clerk = Clerk::sign_in(&world).await;
    let (citizen, neighbour) = (Citizen::new(&world), Citizen::with_device(&world, 77));
    let (request, one) = issued(citizen.ask(&world).await, &world, &clerk, &WalletKeys::new(2)).await;
    let (_, other) = issued(citizen.ask_again(&world).await, &world, &clerk, &WalletKeys::new(3)).await;
    let (_, theirs) = issued(neighbour.ask(&world).await, &world, &clerk, &WalletKeys::new(1)).await;
    let page = clerk.get(&world, &format!("/console/requests/{request}")).await.text();
    assert!(page.contains("id=\"lost-phone\"") && page.contains("数量：2"), "{page}");
    let path = format!("/console/requests/{request}/lost-phone");
    assert_eq!(clerk.post(&world, &path, &[]).await.status, 303);
    for credential in one.iter().chain(&other) {
        assert_eq!(status(&world, credential).await, Status::Invalid);
    }
    let all: Vec<&String> = one.iter().chain(&other).collect();
    world.until("the ledger has it", || async { all.iter().all(|one| on_ledger(&world, one) == 2) }).await;
    for credential in &theirs {
        assert_eq!((status(&world, credential).await, on_ledger(&world, credential)), (Status::Valid, 0));
    }
    let page = clerk.get(&world, &format!("/console/requests/{request}")).await.text();
    assert!(!page.contains("id=\"lost-phone\"") && page.contains("手机丢失"), "{page}");
    // Without the form's token, and about nothing: nothing.
    assert_eq!(clerk.post_raw(&world, &path, "http://127.0.0.1:7301", &[("csrf", "x")]).await.status, 403);
    assert_eq!(clerk.post(&world, "/console/requests/AAAAAAAAAAAAAAAAAAAAAA/lost-phone", &[]).await.status, 404);
}

#[tokio::test]
async fn a_suspended_credential_can_be_resumed() {
    let world = World::new().await;
    let issued = world.receive(&WalletKeys::new(1)).await;
    let clerk = Clerk::sign_in(&world).await;
    let path = issuance_path(&clerk, &world).await;
    for (action, in_list, in_cell) in [("suspend", Status::Suspended, 1), ("resume", Status::Valid, 0)] {
        assert_eq!(clerk.post(&world, &path, &[("action", action)]).await.status, 303);
        assert_eq!(status(&world, &issued.credentials[0]).await, in_list);
        let credential = &issued.credentials[0];
        world.until("the ledger has it", || async { on_ledger(&world, credential) == in_cell }).await;
        // The outbox has noted it too, or the next change would have to wait.
        let pool = world.app.database.pool();
        world
            .until("the outbox is empty", || async { issuer_service::anchoring::outbox::backlog(pool).await.unwrap().0 == 0 })
            .await;
    }
    assert_eq!(clerk.post(&world, &path, &[("action", "erase")]).await.status, 400);
}

/// Two changes under way could overtake each other: only revocation may follow at once.
#[tokio::test]
async fn a_change_waits_for_the_one_before_unless_it_is_a_revocation() {
    let world = World::new().await;
    let issued = world.receive(&WalletKeys::new(1)).await;
    let clerk = Clerk::sign_in(&world).await;
    let path = issuance_path(&clerk, &world).await;
    world.ledger.halted.store(true, Ordering::SeqCst);
    assert_eq!(clerk.post(&world, &path, &[("action", "suspend")]).await.status, 303);
    assert_eq!(clerk.post(&world, &path, &[("action", "resume")]).await.status, 409);
    assert_eq!(clerk.post(&world, &path, &[("action", "revoke")]).await.status, 303);
    assert_eq!(status(&world, &issued.credentials[0]).await, Status::Invalid);
    world.ledger.halted.store(false, Ordering::SeqCst);
    let credential = &issued.credentials[0];
    world.until("the ledger has it", || async { on_ledger(&world, credential) == 2 }).await;
}

/// SEC-P6: a token is fresh, can be kept for its ttl, and is signed again before it gets old.
#[tokio::test]
async fn a_list_is_kept_and_signed_again_in_time() {
    let world = World::new().await;
    let issued = world.receive(&WalletKeys::new(1)).await;
    let path = reference(&issued.credentials[0]).uri.trim_start_matches("http://127.0.0.1:7301").to_owned();
    let first = world.get(&path).await;
    assert_eq!(first.header("cache-control"), "public, max-age=60");
    world.clock.advance(599);
    assert_eq!(world.get(&path).await.body, first.body);
    world.clock.advance(1);
    assert_ne!(world.get(&path).await.body, first.body);
    assert_eq!(world.get("/status-lists/999").await.status, 404);
    assert_eq!(world.get("/status-lists/x").await.error(), "not-found");
}

#[tokio::test]
async fn indices_are_never_given_out_twice() {
    let world = World::new().await;
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..10 {
        for entry in issuer_service::status::allocate(&world.app, 10).await.unwrap() {
            assert!(seen.insert((entry.list, entry.index)));
        }
    }
    let indices: Vec<i64> = seen.iter().map(|(_, index)| *index).collect();
    assert!(indices.iter().any(|index| *index > 1000), "indices are drawn from the whole list: {indices:?}");
}

#[tokio::test]
async fn only_a_clerk_changes_a_status() {
    let world = World::new().await;
    world.receive(&WalletKeys::new(1)).await;
    let clerk = Clerk::sign_in(&world).await;
    let path = issuance_path(&clerk, &world).await;
    let csrf = clerk.csrf(&world).await;
    let fields = [("action", "revoke"), ("csrf", csrf.as_str())];
    let nobody = Clerk { cookie: "yufu-console=nothing".to_owned() };
    assert_eq!(nobody.post_raw(&world, &path, "http://127.0.0.1:7301", &fields).await.header("location"), "/console/sign-in");
    assert_eq!(clerk.post_raw(&world, &path, "https://evil.example", &fields).await.status, 403);
    assert_eq!(clerk.post_raw(&world, &path, "http://127.0.0.1:7301", &[("action", "revoke"), ("csrf", "x")]).await.status, 403);
    let get = axum::http::Request::get(&path).header("cookie", &clerk.cookie).body(Body::empty()).unwrap();
    assert_eq!(world.call(get).await.status, 405);
}
