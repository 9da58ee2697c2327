//! Personal data stays where it belongs: canary values go through every flow, failures included, and are then looked for.

use std::path::Path;

use crate::support::wallet_tools::credential_request;
use crate::support::{Citizen, Clerk, DpopWallet, WalletKeys, World, claims, logged};

/// The values that must be nowhere but in a page, a credential or an encrypted column.
fn canaries(secrets: &[&str]) -> Vec<String> {
    let claims = claims();
    let mut values: Vec<String> =
        ["canary-4711", "canary-4712", "canary-4713", "canary-4714", "canary-4717"].map(str::to_owned).into();
    values.extend([claims["id_number"].clone(), claims["birth_date"].clone(), crate::support::PASSWORD.to_owned()]);
    values.extend(secrets.iter().map(|&secret| secret.to_owned()));
    values
}

fn assert_none(what: &str, bytes: &[u8], canaries: &[String]) {
    for canary in canaries {
        let found = bytes.windows(canary.len()).any(|window| window == canary.as_bytes());
        assert!(!found, "{canary:?} is in {what}");
    }
}

fn files(directory: &Path, found: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

/// SEC-D1, INV-I8: after attesting, refusing, issuing, renewing, revoking and failing, no attribute, PIN, token or password is in the log, the
/// metrics, the database or its write-ahead log, or the blob store.
#[tokio::test]
async fn no_personal_data_in_logs_metrics_or_files() {
    let metrics = service_kit::health::recorder();

    let world = World::new().await;
    let citizen = Citizen::new(&world);
    let (id, _) = citizen.ask(&world).await;
    let clerk = Clerk::sign_in(&world).await;
    clerk.get(&world, &format!("/console/requests/{id}")).await;
    Clerk::try_sign_in(&world, "clerk", "canary-4713-wrong-password").await;
    let pin = clerk.attest(&world, &id).await;
    let witnessed = Citizen::with_device(&world, 91);
    let (witnessed, _) = witnessed.ask(&world).await;
    let by = [("channel", "witness"), ("reference", "canary-4717")];
    assert_eq!(clerk.post(&world, &format!("/console/requests/{witnessed}/attest"), &by).await.status, 303);
    let other = Citizen::with_device(&world, 90);
    let (refused, _) = other.ask(&world).await;
    clerk.post(&world, &format!("/console/requests/{refused}/refuse"), &[("reason", "canary-4714")]).await;
    let issued = world.receive(&WalletKeys::new(2)).await;
    let bad = credential_request(&["canary-4713.canary-4713.canary-4713".to_owned()]);
    world.credential(&issued.access_token, &bad).await;
    world.post("/v1/attribute-requests", "application/jwt", "canary-4711").await;
    world.token("canary-4711", "canary-4712").await;
    world.get("/console/requests/canary-4711").await;

    let wallet = DpopWallet::new(50);
    let tokens = wallet.tokens(&world).await;
    assert_eq!(wallet.ask(&world, &tokens.access, &WalletKeys::new(2)).await.status, 200);
    let renewed = wallet.refreshed(&world, &tokens.refresh).await;
    assert_eq!(wallet.ask(&world, &renewed, &WalletKeys::new(2)).await.status, 200);
    DpopWallet::new(51).refresh(&world, &tokens.refresh).await;
    DpopWallet::new(51).ask(&world, &renewed, &WalletKeys::new(1)).await;

    let canaries = canaries(&[&pin, &issued.access_token, &tokens.access, &tokens.refresh, &renewed]);
    // The log of every test of this process that has run by now.
    let log = logged();
    assert!(String::from_utf8_lossy(&log).contains(&id), "the log was caught");
    assert_none("the log", &log, &canaries);
    assert_none("the metrics", metrics.render().as_bytes(), &canaries);
    let mut found = Vec::new();
    files(&world.directory, &mut found);
    assert!(found.len() >= 4, "{found:?}");
    for file in found {
        assert_none(&file.display().to_string(), &std::fs::read(&file).unwrap(), &canaries);
    }
}
