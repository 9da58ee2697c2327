//! The ledger's client against a real node, and against one that passes a real node's answers on with something changed in them.

use crate::city::{City, key};
use crate::governance::governed;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, Uri},
    response::{IntoResponse as _, Response},
};
use clients::{AsOf, ChainClient, ChainError, Random, http};
use data_encoding::BASE64URL_NOPAD;
use identity::{Commitment, did::IdentityId};
use ledger::{
    batch::{Leaves, verify_receipt},
    cell::Subject,
    genesis::Genesis,
    receipt::Outcome,
    records::{BatchKind, RecordId},
    transaction::{Body, NewBatch, Sender, TransactionId, Unsigned},
};
use serde_json::Value;
use std::{fmt::Debug, sync::Arc};

const RESIDENT: &str = "urn:yufu:vct:resident-identity:1";
const BATCH: RecordId = RecordId([8; 32]);

/// What a liar does to an answer.
type Lie = Arc<dyn Fn(&mut Value) + Send + Sync>;

/// A node that answers as the real one does, but for the paths that begin so.
#[derive(Clone)]
struct Liar {
    real: String,
    about: String,
    lie: Lie,
}

impl Liar {
    async fn start(self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let app = Router::new().fallback(pass_on).with_state(self);
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }
}

async fn pass_on(State(liar): State<Liar>, uri: Uri) -> Response {
    let answer = reqwest::get(format!("{}{uri}", liar.real)).await.unwrap();
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap();
    let mut body: Value = answer.json().await.unwrap();
    if uri.path().starts_with(&liar.about) {
        (liar.lie)(&mut body);
    }
    (status, Json(body)).into_response()
}

fn lie(change: impl Fn(&mut Value) + Send + Sync + 'static) -> Lie {
    Arc::new(change)
}

/// Turns a bit in the middle of a part.
fn turned(pointer: &'static str) -> (String, Lie) {
    let change = move |answer: &mut Value| {
        let part = answer.pointer_mut(pointer).unwrap();
        let mut bytes = BASE64URL_NOPAD.decode(part.as_str().unwrap().as_bytes()).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        *part = BASE64URL_NOPAD.encode(&bytes).into();
    };
    (format!("{pointer} turned"), lie(change))
}

/// Exchanges a part.
fn with(pointer: &'static str, value: impl Into<Value>) -> (String, Lie) {
    let value = value.into();
    (format!("{pointer} is {value}"), lie(move |answer| *answer.pointer_mut(pointer).unwrap() = value.clone()))
}

/// Every lie about a proved state: a changed part, a stripped proof, a hidden record.
fn lies_about_state() -> Vec<(String, Lie)> {
    let hidden = lie(|answer| (answer["cell"], answer["body"]) = (Value::Null, Value::Null));
    let mut lies: Vec<_> = ["/header", "/certificate", "/cell", "/body", "/proof"].map(turned).into();
    lies.extend([with("/proof", ""), with("/certificate", ""), with("/body", Value::Null), ("it is hidden".to_owned(), hidden)]);
    lies
}

/// A ledger with something of everything that these clients ask for.
struct World {
    city: City,
    create: TransactionId,
    identity: IdentityId,
    leaves: Leaves,
    /// What the node proved of the batch before it was recorded.
    before: Value,
}

fn accredited(genesis: Genesis) -> Genesis {
    let mut genesis = governed(genesis);
    genesis.authorities[0].accredited_types.push(RESIDENT.to_owned());
    genesis
}

fn path_of(subject: &Subject) -> String {
    format!("/v1/state/{}", BASE64URL_NOPAD.encode(&subject.key()))
}

impl World {
    async fn new() -> Self {
        let city = City::start_of(1, accredited).await;
        let (_, before) = city.json::<Value>(0, &path_of(&Subject::Batch(BATCH))).await;
        let (create, inception) = city.new_identity("citizen").await;
        assert_eq!(city.finalize(0, &create).await.outcome, Outcome::Applied);
        let sender = Sender::Device { identity: inception.id(), key: inception.device };
        let body = Body::AddDevice(key("another phone").public_key());
        let unsigned = Unsigned { sender, sequence: 2, body, ..create.unsigned.clone() };
        assert_eq!(city.finalize(0, &unsigned.sign(&key("citizen"))).await.outcome, Outcome::Applied);
        let commitments: Vec<Commitment> = (0..20).map(|number| Commitment([number; 32])).collect();
        let leaves = Leaves::of_receipts(BATCH, &commitments).unwrap();
        let batch = NewBatch { id: BATCH, kind: BatchKind::Receipts, root: leaves.root(), count: leaves.count() };
        let transaction = city.transaction(&key("gateway"), 1, Body::RecordBatch(batch)).await;
        assert_eq!(city.finalize(0, &transaction).await.outcome, Outcome::Applied);
        Self { city, create: create.id(), identity: inception.id(), leaves, before }
    }

    fn client(&self, nodes: &[&str]) -> ChainClient {
        let nodes = nodes.iter().map(|url| url.parse().unwrap()).collect();
        ChainClient::new(http::client().unwrap(), nodes, self.city.root.clone(), Random::from_os_seed([0; 32]))
    }

    /// The honest node alone tells the truth; a liar alone is refused and named; beside the honest node it changes nothing.
    async fn hold<T: PartialEq + Debug>(
        &self,
        about: &str,
        lies: Vec<(String, Lie)>,
        read: impl AsyncFn(&ChainClient) -> Result<T, ChainError>,
    ) -> T {
        let honest = self.city.url(0);
        let truth = read(&self.client(&[&honest])).await.unwrap();
        for (name, lie) in lies {
            let liar = Liar { real: honest.clone(), about: about.to_owned(), lie }.start().await;
            let refused = read(&self.client(&[&liar])).await.expect_err(&name);
            let named = liar.trim_start_matches("http://");
            assert!(refused.to_string().contains(named) && !refused.is_temporary(), "{name}: {refused:?}");
            assert_eq!(read(&self.client(&[&liar, &honest])).await.unwrap(), truth, "{name}");
        }
        truth
    }
}

fn value<T>(answer: AsOf<Option<T>>) -> T {
    answer.value.expect("it is there")
}

/// REL-C8, I056: a transaction comes with a proof that it is in a final block, from whichever node; changed, stripped of its proof, or
/// exchanged for another it is refused; hidden by one node it is found at the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_a_node_changes_or_does_not_prove_is_refused() {
    let world = World::new().await;
    let other = world.city.transaction(&key("gateway"), 9, Body::Deactivate).await;
    let mut lies: Vec<_> = ["/transaction", "/inclusion", "/header", "/certificate"].map(turned).into();
    lies.extend([with("/certificate", Value::Null), with("/inclusion", "")]);
    lies.push(with("/transaction", BASE64URL_NOPAD.encode(&identity::canonical::encode(&other))));
    let id = world.create;
    let (transaction, header) =
        world.hold("/v1/transactions/", lies, async |client| client.transaction(&id).await).await.unwrap();
    assert_eq!((transaction.id(), transaction.verify_signature().is_ok()), (world.create, true));
    assert_eq!(header.genesis, *world.city.root.hash());

    let honest = world.city.url(0);
    let hides = Router::new().fallback(async || StatusCode::NOT_FOUND);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, hides).await.unwrap() });
    assert!(world.client(&[&url, &honest]).transaction(&id).await.unwrap().is_some());
    assert_eq!(world.client(&[&honest]).transaction(&TransactionId([9; 32])).await.unwrap(), None);
}

/// REL-C8, N006: the newest version of a history is proved, and a node that changes, exchanges, hides or does not have it is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_contradicts_the_proof_is_refused() {
    let world = World::new().await;
    let subject = Subject::Identity(world.identity);
    let read = async |client: &ChainClient| Ok::<_, ChainError>(value(client.history(&subject, None, 10).await?));
    let twice = lie(|answer| {
        let versions = answer["versions"].as_array_mut().unwrap();
        versions.push(versions[0].clone());
    });
    let lies = vec![
        turned("/versions/0/body"),
        with("/versions/0/status", 1),
        with("/versions/0/created_height", 1_000_000),
        with("/versions/1/created_height", 1_000_000),
        with("/versions/0/updated_height", 1),
        ("backwards".to_owned(), lie(|answer| answer["versions"].as_array_mut().unwrap().reverse())),
        ("twice".to_owned(), twice),
        // An old answer, from before the newest version.
        ("the newest is missing".to_owned(), lie(|answer| drop(answer["versions"].as_array_mut().unwrap().remove(0)))),
        with("/versions", Vec::<Value>::new()),
    ];
    let (cell, versions) = world.hold("/v1/history/", lies, &read).await;
    assert_eq!((cell.version, versions.iter().map(|version| version.version).collect::<Vec<_>>()), (2, vec![2, 1]));
    assert_eq!(versions[1].transactions, [world.create], "who wrote it");
    world.hold(&path_of(&subject), lies_about_state(), &read).await;
    let client = world.client(&[&world.city.url(0)]);
    let (_, before) = value(client.history(&subject, Some(2), 10).await.unwrap());
    assert_eq!(before, versions[1..], "the page before");
}

/// REL-C8, Hazard-21: a batch is proved with its root, one of its items by a path to it; a node that changes or hides it is refused, and
/// one that still says what was true before it was recorded is passed over.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_that_a_node_changes_or_hides_is_refused() {
    let world = World::new().await;
    let path = path_of(&Subject::Batch(BATCH));
    let read = async |client: &ChainClient| Ok::<_, ChainError>(value(client.batch(&BATCH).await?));
    let (cell, batch) = world.hold(&path, lies_about_state(), &read).await;
    assert_eq!((cell.version, batch.count), (1, 20));
    for index in 0..20 {
        let inclusion = world.leaves.prove(u32::from(index)).unwrap();
        assert_eq!(verify_receipt(BATCH, &batch, &Commitment([index; 32]), &inclusion), Ok(()));
        assert!(verify_receipt(BATCH, &batch, &Commitment([index + 1; 32]), &inclusion).is_err());
    }
    let old = world.before.clone();
    let honest = world.city.url(0);
    let behind = Liar { real: honest.clone(), about: path, lie: lie(move |answer| *answer = old.clone()) }.start().await;
    let client = world.client(&[&behind, &honest]);
    let seen = client.head().await.unwrap().height;
    let answer = client.batch(&BATCH).await.unwrap();
    assert!(answer.value.is_some() && answer.height >= seen);
    let alone = world.client(&[&behind]).batch(&BATCH).await.unwrap();
    assert!(alone.value.is_none() && alone.height < cell.created_height, "true as of its block, and it says which");
}

/// REL-C8, Z020: who is accredited for a type is proved; a node that names another, or says that nobody is, is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_accreditation_that_a_node_changes_or_hides_is_refused() {
    let world = World::new().await;
    let path = path_of(&Subject::Accreditation(RESIDENT.to_owned()));
    let read = async |client: &ChainClient| Ok::<_, ChainError>(value(client.accreditation(RESIDENT).await?));
    let (cell, record) = world.hold(&path, lies_about_state(), &read).await;
    assert_eq!((record.authority.as_str(), cell.is_in_force()), ("e-government", true));
    let nobody = world.client(&[&world.city.url(0)]).accreditation("urn:nobody").await.unwrap();
    assert!(nobody.value.is_none(), "proved too");
}
