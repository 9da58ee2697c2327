//! The resource directory of running nodes, read by a client that believes proofs only.

use crate::{
    city::{City, key},
    governance::{Desk, governed},
};
use axum::{Json, Router, extract::Path, routing::get};
use clients::{ChainClient, ChainError, Random};
use identity::Localized;
use ledger::{
    genesis::Genesis,
    governance::AccreditationStatus,
    receipt::Outcome,
    records::{AllowedData, AuthorityId, PartyRecord, Purpose},
    transaction::{Body, Sender, Unsigned},
};
use reqwest::StatusCode;
use serde_json::Value;
use std::sync::Arc;
use wire::directory::{Directory, Parties};

const RESIDENT: &str = "urn:yufu:vct:resident-identity:1";
const MARRIAGE: &str = "urn:yufu:vct:marriage:1";

fn sponsored(genesis: Genesis) -> Genesis {
    let mut genesis = governed(genesis);
    for authority in &mut genesis.authorities {
        authority.may_sponsor = authority.id.as_str() == "statistics";
        if authority.id.as_str() == "backup" {
            authority.accredited_types = vec![RESIDENT.to_owned(), MARRIAGE.to_owned()];
        }
    }
    genesis
}

fn party(id: &str, letter: &str) -> PartyRecord {
    let data = vec![AllowedData { attestation_type: RESIDENT.to_owned(), claims: vec!["family_name".to_owned()] }];
    let text = Localized::new("登录", "to sign you in");
    PartyRecord {
        id: id.parse().unwrap(),
        sponsor: "statistics".parse().unwrap(),
        name: Localized::new("网站", "A website"),
        origin: format!("https://{id}.example"),
        client_id: format!("x509_hash:{}A", letter.repeat(42)),
        ledger_key: key(id).public_key(),
        purposes: vec![Purpose { id: "login".parse().unwrap(), text, data, retention_days: 30 }],
    }
}

async fn sponsor(city: &City, body: Body, sequence: u64) {
    let statistics = key("statistics");
    let sender = Sender::Authority { authority: "statistics".parse().unwrap(), key: statistics.public_key() };
    let expiry_height = city.height(0).await + 1_000;
    let transaction = Unsigned { genesis: *city.root.hash(), sender, sequence, expiry_height, body }.sign(&statistics);
    assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
}

/// A node that answers about the state as another does, and lies about the directory.
async fn liar(honest: String, page: Directory) -> url::Url {
    let page = Arc::new(page);
    let state = move |Path(key): Path<String>| {
        let url = format!("{honest}/v1/state/{key}");
        async move { Json(reqwest::get(url).await.unwrap().json::<Value>().await.unwrap()) }
    };
    let routes = Router::new()
        .route("/v1/directory", get(move || async move { Json((*page).clone()) }))
        .route("/v1/state/{key}", get(state));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
    url
}

/// What a client makes of a directory that a node lies about.
async fn told(city: &City, change: impl FnOnce(&mut Directory)) -> Result<Vec<String>, ChainError> {
    let (_, mut page) = city.json::<Directory>(1, "/v1/directory").await;
    change(&mut page);
    let node = liar(city.url(1), page).await;
    let client = ChainClient::new(clients::http::client().unwrap(), vec![node], city.root.clone(), Random::system());
    let page = client.directory(None, 10).await?;
    Ok(page.entries.into_iter().map(|entry| entry.value.record.name.en).collect())
}

/// X025: a client believes no entry of the directory that the ledger does not prove: an authority that is not there, a type that is
/// another's, a page out of order or one that leads back. A false name is not told on.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lies_about_the_directory_is_not_believed() {
    let city = City::start_of(4, sponsored).await;
    assert_eq!(told(&city, |_| ()).await.unwrap().len(), 3);
    let renamed = told(&city, |page| page.authorities[0].name = Localized::new("假", "False")).await.unwrap();
    assert_eq!(renamed, ["A bureau"; 3]);
    let lies: [fn(&mut Directory); 4] = [
        |page| page.authorities[0].id = "aaa".parse().unwrap(),
        |page| page.authorities[1].types = page.authorities[0].types.clone(),
        |page| page.authorities.reverse(),
        |page| page.next = Some("aaa".parse().unwrap()),
    ];
    for (place, lie) in lies.into_iter().enumerate() {
        let told = told(&city, lie).await;
        assert!(matches!(told, Err(ChainError::Undecodable { field: "directory", .. })), "{place}: {told:?}");
    }
}

/// X025: the directory lists authorities with the types that they answer for (suspended ones too), the nodes that they run and the websites
/// that they sponsor with their purposes, in pages; a client proves every entry, and a restarted node lists the same.
#[tokio::test(flavor = "multi_thread")]
async fn the_directory_lists_authorities_types_nodes_and_websites_and_each_entry_is_proved() {
    let mut city = City::start_of(4, sponsored).await;
    for (sequence, (id, letter)) in [("tax", "a"), ("housing", "b"), ("library", "c")].into_iter().enumerate() {
        sponsor(&city, Body::RegisterParty(party(id, letter)), sequence as u64).await;
    }
    sponsor(&city, Body::SetPartyStatus { party: "tax".parse().unwrap(), suspended: true }, 9).await;
    Desk::new(&city).decided(&["suspend-accreditation", MARRIAGE]).await;

    let http = clients::http::client().unwrap();
    let client = ChainClient::new(http, vec![city.url(1).parse().unwrap()], city.root.clone(), Random::system());
    let page = client.directory(None, 2).await.unwrap();
    let ids: Vec<&str> = page.entries.iter().map(|entry| entry.value.record.id.as_str()).collect();
    assert_eq!((ids, page.complete), (vec!["backup", "e-government"], true));
    let [backup, government] = &page.entries[..] else { panic!("{page:?}") };
    let types: Vec<(&str, AccreditationStatus)> =
        backup.value.types.iter().map(|entry| (entry.attestation_type.as_str(), entry.status)).collect();
    assert_eq!(types, [(MARRIAGE, AccreditationStatus::Suspended), (RESIDENT, AccreditationStatus::InForce)]);
    let run: Vec<&str> = government.value.validators.iter().map(|validator| validator.name.as_str()).collect();
    assert_eq!(run, ["validator-1", "validator-2"]);
    let rest = client.directory(page.next, 2).await.unwrap();
    let ids: Vec<&str> = rest.entries.iter().map(|entry| entry.value.record.id.as_str()).collect();
    assert_eq!((ids, rest.next), (vec!["statistics"], None));

    let statistics: AuthorityId = "statistics".parse().unwrap();
    let page = client.parties_of(statistics, None, 2).await.unwrap();
    let websites = |page: &clients::chain::Page<clients::chain::PartyEntry, _>| -> Vec<(String, u8)> {
        page.entries.iter().map(|entry| (entry.value.record.id.to_string(), entry.value.cell.status)).collect()
    };
    assert_eq!(websites(&page), [("housing".to_owned(), 0), ("library".to_owned(), 0)]);
    let rest = client.parties_of(statistics, page.next, 2).await.unwrap();
    assert_eq!((websites(&rest), rest.next), (vec![("tax".to_owned(), 1)], None));
    assert_eq!(rest.entries[0].value.record.purposes[0].text.en, "to sign you in");
    let unknown = client.parties_of("nobody".parse().unwrap(), None, 2).await;
    assert!(matches!(unknown, Err(ChainError::Unreachable(_))), "{unknown:?}");

    let (_, before) = city.json::<Directory>(2, "/v1/directory").await;
    assert_eq!(before.authorities.len(), 3);
    assert!(before.authorities[0].types.iter().all(|entry| entry.key.is_some()));
    assert_eq!(city.terminate(2).await, Some(0));
    city.spawn(2).await;
    let (_, after) = city.json::<Directory>(2, "/v1/directory").await;
    assert_eq!((after.authorities, after.next), (before.authorities, None));
    let (_, parties) = city.json::<Parties>(2, "/v1/directory/statistics/parties?after=housing&limit=1").await;
    assert_eq!((parties.parties.len(), parties.next.map(|next| next.to_string())), (1, Some("library".to_owned())));
    for path in ["/v1/directory?limit=21", "/v1/directory?limit=0", "/v1/directory?after=NOBODY", "/v1/directory?name=x"] {
        assert_eq!(city.json::<Value>(2, path).await.0, StatusCode::BAD_REQUEST, "{path}");
    }
    assert_eq!(city.json::<Value>(2, "/v1/directory/nobody/parties").await.0, StatusCode::NOT_FOUND);
    for page in ["/console/directory", "/console/directory/statistics"] {
        let (status, _, html) = city.page(2, &format!("{page}?lang=en")).await;
        assert_eq!(status, StatusCode::OK);
        assert!(html.contains("https://tax.example") && html.contains("to sign you in") && html.contains("suspended"), "{html}");
    }
}
