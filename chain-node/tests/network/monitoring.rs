//! Monitoring: what the shipped dashboard and alert rules name is what a running node exports; the console answers on the admin socket.

use crate::city::City;
use std::collections::BTreeSet;
use wire::chain::EvidenceList;

const DASHBOARD: &str = include_str!("../../monitoring/dashboard.json");
const ALERTS: &str = include_str!("../../monitoring/alerts.yaml");

/// The names of metrics in a query: words of ours, without the suffixes of a histogram.
fn named(expression: &str) -> BTreeSet<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    words.filter(|word| word.starts_with("ledger_") || word.starts_with("process_")).map(str::to_owned).collect()
}

/// I103, N020: the dashboard and the rules parse, and every metric that they name is exported by a running node.
#[tokio::test(flavor = "multi_thread")]
async fn every_metric_of_the_dashboard_and_the_alerts_is_exported() {
    let dashboard: serde_json::Value = serde_json::from_str(DASHBOARD).unwrap();
    let targets = dashboard["panels"].as_array().unwrap().iter().flat_map(|panel| panel["targets"].as_array().unwrap());
    let mut names: BTreeSet<String> = targets.flat_map(|target| named(target["expr"].as_str().unwrap())).collect();
    let rules: Vec<&str> = ALERTS.lines().filter_map(|line| line.trim().strip_prefix("expr: ")).collect();
    assert_eq!(rules.len(), ALERTS.matches("- alert: ").count(), "every rule has an expression on its line");
    assert!(rules.len() >= 8);
    names.extend(rules.into_iter().flat_map(named));

    let city = City::prepare(1).await;
    city.configure(0, "[supervision]\ncore_permille = 200\ntime_bound_s = 90\npause_s = 1\n");
    let mut city = city;
    city.spawn(0).await;
    let (transaction, _) = city.new_identity("citizen").await;
    city.finalize(0, &transaction).await;
    city.wait_until("every metric", async |city| {
        let text = city.metrics(0).await;
        names
            .iter()
            .all(|name| text.lines().any(|line| line.starts_with(&format!("{name}{{")) || line.starts_with(&format!("{name} "))))
    })
    .await;
    let exported = city.metrics(0).await;
    assert!(exported.contains("ledger_peer_up{peer=\"validator-1\"} 1"), "peers by name");
    assert!(exported.contains("ledger_transactions_total{kind=\"create_identity\"} 1"), "kinds, never people");
    assert_eq!(city.json::<EvidenceList>(0, "/v1/evidence").await.1.evidence.len(), 0);
}

/// I069: the console shows the network, the figures and every page in both languages, and loads nothing from elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn the_console_shows_the_ledger_in_both_languages_with_a_strict_policy() {
    let city = City::start(4).await;
    let (transaction, inception) = city.new_identity("citizen").await;
    let receipt = city.finalize(0, &transaction).await;
    let id = data_encoding::BASE64URL_NOPAD.encode(&transaction.id().0);
    let pages = [
        "/console".to_owned(),
        "/console/members".to_owned(),
        "/console/peers".to_owned(),
        "/console/directory".to_owned(),
        "/console/access".to_owned(),
        "/console/blocks".to_owned(),
        format!("/console/blocks/{}", receipt.height),
        format!("/console/transactions/{id}"),
        format!("/console/search?q={}", inception.did()),
        "/console/search?q=nobody".to_owned(),
        "/console/findings".to_owned(),
        "/console/evidence".to_owned(),
    ];
    for page in &pages {
        for language in ["zh-CN", "en"] {
            let separator = if page.contains('?') { '&' } else { '?' };
            let (status, headers, html) = city.page(0, &format!("{page}{separator}lang={language}")).await;
            assert_eq!(status, 200, "{page}");
            assert!(html.contains(&format!("<html lang=\"{language}\"")), "{page} {language}");
            let policy = headers["content-security-policy"].to_str().unwrap();
            assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
            assert!(!html.contains("style=\"") && !html.contains("onclick") && !html.contains("https://"), "{page}");
        }
    }
    let (_, _, html) = city.page(0, "/console?lang=en").await;
    assert!(html.contains("<svg class=\"ring\"") && html.contains("validator-4") && html.contains("4/4"), "{html}");
    assert_eq!(city.page(0, "/console/blocks/999999").await.0, 404);
    assert_eq!(city.page(0, "/console/records/nothing").await.0, 404);
    let (_, _, script) = city.page(0, "/console/assets/live.js").await;
    assert!(script.contains("EventSource"));
}
