//! The ledger's client against nodes that are away, behind or lying. `recorded/answers.json` holds what a real node answered
//! (`examples/record.rs` made it); the nodes here replay it, true or changed.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clients::{ChainClient, ChainError, Clock, Random, http};
use identity::keys::{Algorithm, SecretKey};
use ledger::TrustRoot;
use ledger::canonical;
use ledger::cell::Subject;
use ledger::genesis::Genesis;
use ledger::receipt::{Outcome, Refusal};
use ledger::records::RecordId;
use ledger::transaction::{Body, Sender, Transaction};
use serde_json::{Value, json};
use url::Url;

fn recorded() -> Value {
    serde_json::from_str(include_str!("recorded/answers.json")).unwrap()
}

fn trust_root() -> TrustRoot {
    let genesis: Genesis = serde_json::from_value(recorded()["genesis"].clone()).unwrap();
    TrustRoot::from_genesis(genesis).unwrap()
}

fn anchor() -> Subject {
    Subject::Anchor(anchor_id())
}

fn anchor_id() -> RecordId {
    serde_json::from_value(recorded()["anchor"].clone()).unwrap()
}

fn key_of(subject: &Subject) -> String {
    URL_SAFE_NO_PAD.encode(subject.key())
}

fn transaction(name: &str) -> Transaction {
    let recorded = recorded();
    let bytes = URL_SAFE_NO_PAD.decode(recorded[name]["transaction"].as_str().unwrap()).unwrap();
    canonical::decode(&bytes, 100_000).unwrap()
}

/// A node that answers what it was told to.
#[derive(Clone, Default)]
struct Node {
    answers: Arc<Mutex<HashMap<String, Value>>>,
    /// How often the receipt is said not to be there yet.
    not_yet: Arc<AtomicUsize>,
    submissions: Arc<AtomicUsize>,
    batches: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    /// How many submissions it refuses first.
    refusals: Arc<AtomicUsize>,
    /// Whether it has a receipt only of what was submitted to itself.
    knows_its_own_only: bool,
}

impl Node {
    /// A node with these answers of the recording.
    fn with(answers: &[(Subject, Value)]) -> Self {
        let node = Self::default();
        for (subject, answer) in answers {
            node.say(subject, answer.clone());
        }
        node
    }

    fn say(&self, subject: &Subject, answer: Value) {
        self.answers.lock().unwrap().insert(key_of(subject), answer);
    }

    /// A node that knows a transaction's receipt.
    fn with_receipt(name: &str) -> Self {
        Self::with(&[(Subject::Transaction(transaction(name).id()), recorded()[name]["state"].clone())])
    }

    async fn start(&self) -> Url {
        let app = Router::new()
            .route("/v1/state/{key}", get(state))
            .route("/v1/transactions", post(submit))
            .route("/v1/transactions/batch", post(submit_batch))
            .route("/v1/transactions/{id}/receipt", get(receipt))
            .with_state(self.clone());
        serve(app).await
    }
}

async fn state(State(node): State<Node>, Path(key): Path<String>) -> Response {
    node.asked.fetch_add(1, Ordering::SeqCst);
    match node.answers.lock().unwrap().get(&key) {
        Some(answer) => Json(answer.clone()).into_response(),
        None => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

async fn submit(State(node): State<Node>, Json(body): Json<wire::chain::Submit>) -> Response {
    let refused = node.refusals.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    if refused.is_ok() {
        let problem = json!({"type": "urn:yufu:problem:busy", "title": "busy", "title_zh": "忙", "status": 503});
        let headers = [("content-type", "application/problem+json"), ("retry-after", "2")];
        return (StatusCode::SERVICE_UNAVAILABLE, headers, problem.to_string()).into_response();
    }
    node.submissions.fetch_add(1, Ordering::SeqCst);
    let bytes = URL_SAFE_NO_PAD.decode(body.transaction).unwrap();
    let transaction: Transaction = canonical::decode(&bytes, 100_000).unwrap();
    (StatusCode::ACCEPTED, Json(json!({"transaction": transaction.id()}))).into_response()
}

/// Takes every second one, from the first on.
async fn submit_batch(State(node): State<Node>, Json(body): Json<wire::chain::SubmitBatch>) -> Response {
    node.batches.fetch_add(1, Ordering::SeqCst);
    let id = |text: &String| canonical::decode::<Transaction>(&URL_SAFE_NO_PAD.decode(text).unwrap(), 100_000).unwrap().id();
    let taken: Vec<_> = body.transactions.iter().step_by(2).map(id).collect();
    let problem = json!({"type": "urn:yufu:problem:busy", "title": "busy", "title_zh": "忙", "status": 503});
    let refused: Vec<Value> =
        (0..body.transactions.len()).skip(1).step_by(2).map(|place| json!({"place": place, "problem": problem})).collect();
    (StatusCode::ACCEPTED, Json(json!({"transactions": taken, "refused": refused}))).into_response()
}

async fn receipt(State(node): State<Node>) -> Response {
    let waiting = node.not_yet.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1));
    let unknown = node.knows_its_own_only && node.submissions.load(Ordering::SeqCst) == 0;
    // A node's own word is not looked into: the client wants the proof.
    if waiting.is_ok() || unknown { StatusCode::NOT_FOUND.into_response() } else { Json(json!({"any": "thing"})).into_response() }
}

async fn serve(app: Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    url
}

fn nobody() -> Url {
    "http://127.0.0.1:1/".parse().unwrap()
}

fn client(nodes: Vec<Url>) -> ChainClient {
    let client = ChainClient::new(http::client().unwrap(), nodes, trust_root(), Random::from_os_seed([0; 32]));
    client.with_finality_timeout(Duration::from_secs(2))
}

#[tokio::test]
async fn what_a_node_proves_is_believed_and_dated() {
    let node = Node::with(&[
        (anchor(), recorded()["after"].clone()),
        (Subject::Authority("recorder".parse().unwrap()), recorded()["authority"].clone()),
    ]);
    let client = client(vec![node.start().await]);
    let anchored = client.anchor(&anchor_id()).await.unwrap();
    let (cell, record) = anchored.value.clone().unwrap();
    assert_eq!((cell.version, record.id), (1, anchor_id()));
    assert!(anchored.height >= cell.created_height);
    let clock = Clock::manual(0);
    clock.set(i64::try_from(anchored.timestamp_ms / 1000).unwrap() + 720);
    let minutes = anchored.age_ms(&clock) / 60_000;
    assert!((11..=12).contains(&minutes), "twelve minutes later the answer says so: {minutes}");
    let authority = client.authority(&"recorder".parse().unwrap()).await.unwrap();
    assert_eq!(authority.value.unwrap().1.name.en, "Recorder");
}

#[tokio::test]
async fn that_there_is_nothing_is_proved_too() {
    let node = Node::with(&[(anchor(), recorded()["before"].clone())]);
    let client = client(vec![node.start().await]);
    assert_eq!(client.anchor(&anchor_id()).await.unwrap().value, None);
}

/// I056: no node is believed: whichever part of its answer is changed, the answer is refused.
#[tokio::test]
async fn every_changed_part_of_an_answer_is_refused() {
    for name in ["before", "after"] {
        for field in ["header", "certificate", "cell", "body", "proof"] {
            let mut answer = recorded()[name].clone();
            let Some(text) = answer[field].as_str() else { continue };
            let mut bytes = URL_SAFE_NO_PAD.decode(text).unwrap();
            for place in (0..bytes.len()).step_by(bytes.len() / 8 + 1) {
                bytes[place] ^= 1;
                answer[field] = URL_SAFE_NO_PAD.encode(&bytes).into();
                let node = Node::with(&[(anchor(), answer.clone())]);
                let refused = client(vec![node.start().await]).get(&anchor()).await;
                assert!(matches!(refused, Err(ChainError::Unproven { .. })), "{name} {field} {place}: {refused:?}");
                bytes[place] ^= 1;
            }
        }
    }
}

/// I056: true answers to other questions, and to the same question under another genesis, are lies.
#[tokio::test]
async fn answers_to_another_question_are_refused() {
    let mut hidden = recorded()["after"].clone();
    hidden["cell"] = Value::Null;
    hidden["body"] = Value::Null;
    let mut without_body = recorded()["after"].clone();
    without_body["body"] = Value::Null;
    let mut newer_head = recorded()["before"].clone();
    newer_head["header"] = recorded()["after"]["header"].clone();
    newer_head["certificate"] = recorded()["after"]["certificate"].clone();
    for lie in [hidden, without_body, newer_head, recorded()["authority"].clone(), recorded()["nothing"].clone()] {
        let node = Node::with(&[(anchor(), lie.clone())]);
        let refused = client(vec![node.start().await]).get(&anchor()).await;
        assert!(matches!(refused, Err(ChainError::Unproven { .. })), "{lie}");
    }
    let mut genesis: Genesis = serde_json::from_value(recorded()["genesis"].clone()).unwrap();
    genesis.started_at += 1;
    let other = TrustRoot::from_genesis(genesis).unwrap();
    let node = Node::with(&[(anchor(), recorded()["after"].clone())]);
    let url = node.start().await;
    let elsewhere = ChainClient::new(http::client().unwrap(), vec![url], other, Random::from_os_seed([0; 32]));
    assert!(matches!(elsewhere.get(&anchor()).await, Err(ChainError::Unproven { .. })));
}

#[tokio::test]
async fn one_honest_node_is_enough() {
    let mut changed = recorded()["after"].clone();
    changed["cell"] = Value::Null;
    let liar = Node::with(&[(anchor(), changed)]);
    let broken = Node::default();
    let honest = Node::with(&[(anchor(), recorded()["after"].clone())]);
    let nodes = vec![nobody(), liar.start().await, broken.start().await, honest.start().await];
    let client = client(nodes);
    assert!(client.anchor(&anchor_id()).await.unwrap().value.is_some());
    // The next question goes to the node that answered.
    client.anchor(&anchor_id()).await.unwrap();
    assert_eq!((liar.asked.load(Ordering::SeqCst), honest.asked.load(Ordering::SeqCst)), (1, 2));
}

#[tokio::test]
async fn silence_and_lies_are_told_apart() {
    let silent = client(vec![nobody()]).get(&anchor()).await.unwrap_err();
    assert!(matches!(silent, ChainError::Unreachable(_)) && silent.is_temporary());
    let mut changed = recorded()["after"].clone();
    changed["cell"] = Value::Null;
    let liar = Node::with(&[(anchor(), changed)]);
    let lied = client(vec![liar.start().await, nobody()]).get(&anchor()).await.unwrap_err();
    assert!(matches!(lied, ChainError::Unproven { .. }) && !lied.is_temporary());
    assert!(matches!(client(vec![]).get(&anchor()).await, Err(ChainError::NoNodes)));
    assert!(!lied.sentence().zh.is_empty() && !lied.slug().is_empty());
}

/// An old truth is taken only where nobody has a newer one, and says its age.
#[tokio::test]
async fn a_node_that_is_behind_is_asked_last() {
    let behind = Node::with(&[(anchor(), recorded()["before"].clone())]);
    let ahead = Node::with(&[(anchor(), recorded()["after"].clone())]);
    let (behind_url, ahead_url) = (behind.start().await, ahead.start().await);
    let client = client(vec![behind_url.clone(), ahead_url]);
    let first = client.anchor(&anchor_id()).await.unwrap();
    assert_eq!(first.value, None, "nothing newer was known yet");
    ahead.say(&Subject::Authority("recorder".parse().unwrap()), recorded()["authority"].clone());
    client.authority(&"recorder".parse().unwrap()).await.unwrap();
    let second = client.anchor(&anchor_id()).await.unwrap();
    assert!(second.height > first.height && second.value.is_some());
    ahead.answers.lock().unwrap().clear();
    let third = client.anchor(&anchor_id()).await.unwrap();
    assert_eq!((third.height, third.value), (first.height, None), "the best that can be had, and dated");
}

/// A client that has seen a newer block goes on past a node that is behind it.
#[tokio::test]
async fn an_older_answer_is_passed_over_while_a_newer_one_can_be_had() {
    let recorder = Subject::Authority("recorder".parse().unwrap());
    let partial = Node::with(&[(recorder, recorded()["authority"].clone())]);
    let behind = Node::with(&[(anchor(), recorded()["before"].clone())]);
    let ahead = Node::with(&[(anchor(), recorded()["after"].clone())]);
    let client = client(vec![partial.start().await, behind.start().await, ahead.start().await]);
    let seen = client.authority(&"recorder".parse().unwrap()).await.unwrap();
    let anchored = client.anchor(&anchor_id()).await.unwrap();
    assert_eq!((behind.asked.load(Ordering::SeqCst), ahead.asked.load(Ordering::SeqCst)), (1, 1));
    assert!(anchored.value.is_some() && anchored.height <= seen.height);
}

/// Hard rule 4: a submission ends with a proved receipt; where one node is away and another slow, it goes on.
#[tokio::test]
async fn a_submission_ends_with_a_proved_receipt() {
    let node = Node::with_receipt("applied");
    node.not_yet.store(3, Ordering::SeqCst);
    let client = client(vec![nobody(), node.start().await]);
    let transaction = transaction("applied");
    let receipt = client.submit_prepared(&transaction).await.unwrap();
    assert_eq!((receipt.transaction, receipt.outcome), (transaction.id(), Outcome::Applied));
    assert_eq!(client.submit_prepared(&transaction).await.unwrap(), receipt, "the same again gives the same");
    assert_eq!(client.receipt(transaction.id()).await.unwrap(), Some(receipt));
}

#[tokio::test]
async fn a_refusal_by_the_ledger_is_an_error_with_its_reason() {
    let node = Node::with_receipt("refused");
    let refused = client(vec![node.start().await]).submit_prepared(&transaction("refused")).await.unwrap_err();
    assert!(matches!(refused, ChainError::Refused(Refusal::AlreadyExists)), "{refused:?}");
    assert!(!refused.is_temporary());
}

/// What a node does not take out of many goes alone; each ends with a proved receipt or the ledger's reason.
#[tokio::test]
async fn many_go_in_one_request_and_each_has_its_own_end() {
    let node = Node::with_receipt("applied");
    node.say(&Subject::Transaction(transaction("refused").id()), recorded()["refused"]["state"].clone());
    let client = client(vec![nobody(), node.start().await]);
    let outcomes = client.submit_all_prepared(&[transaction("refused"), transaction("applied")]).await;
    let [refused, applied] = outcomes.as_slice() else { panic!("one end for each: {outcomes:?}") };
    assert!(matches!(refused, Err(ChainError::Refused(Refusal::AlreadyExists))), "{refused:?}");
    assert_eq!(applied.as_ref().unwrap().transaction, transaction("applied").id());
    assert_eq!(node.batches.load(Ordering::SeqCst), 1);
    assert_eq!(node.submissions.load(Ordering::SeqCst), 1, "only the one that was not taken with the others");
}

/// A node that says "final" without a proof is not believed; the wait has a limit and a sentence.
#[tokio::test]
async fn a_claimed_receipt_without_proof_is_not_believed() {
    let transaction = transaction("applied");
    let other = Node::with(&[(Subject::Transaction(transaction.id()), recorded()["refused"]["state"].clone())]);
    let waited = client(vec![other.start().await]).submit_prepared(&transaction).await.unwrap_err();
    assert!(matches!(waited, ChainError::NotFinalized { .. }) && waited.is_temporary(), "{waited:?}");
    let honest = Node::with_receipt("applied");
    let both = client(vec![other.start().await, honest.start().await]);
    assert_eq!(both.submit_prepared(&transaction).await.unwrap().outcome, Outcome::Applied);
}

#[tokio::test]
async fn a_transaction_that_nobody_takes_is_an_error_at_once() {
    let busy = Node::with_receipt("applied");
    busy.refusals.store(usize::MAX, Ordering::SeqCst);
    let refused = client(vec![busy.start().await, nobody()]).submit_prepared(&transaction("applied")).await.unwrap_err();
    assert!(matches!(&refused, ChainError::Unreachable(_)) && refused.is_temporary(), "{refused:?}");
}

/// REL-E1, from the client's side: the node that took the transaction never finalizes it, and another one is given it.
#[tokio::test]
async fn a_transaction_that_one_node_swallows_goes_to_another() {
    let swallows = Node::default();
    swallows.not_yet.store(usize::MAX, Ordering::SeqCst);
    let slow = Node { knows_its_own_only: true, ..Node::with_receipt("applied") };
    // It does not take the first offer, so only a second one can reach it.
    slow.refusals.store(1, Ordering::SeqCst);
    let (swallows_url, slow_url) = (swallows.start().await, slow.start().await);
    let receipt = client(vec![swallows_url, slow_url]).submit_prepared(&transaction("applied")).await.unwrap();
    assert_eq!(receipt.outcome, Outcome::Applied);
    assert!(slow.submissions.load(Ordering::SeqCst) >= 1);
}

#[tokio::test]
async fn what_is_prepared_is_for_this_ledger_and_this_sender() {
    let nothing = Subject::Transaction(ledger::transaction::TransactionId([0; 32]));
    let node = Node::with(&[(nothing, recorded()["nothing"].clone())]);
    let client = client(vec![node.start().await]);
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &[5; 32]).unwrap();
    let other = SecretKey::from_bytes(Algorithm::P256, &[6; 32]).unwrap();
    let prepared = client.prepare(&key, Sender::Key(key.public_key()), Body::Deactivate).await.unwrap();
    prepared.verify_signature().unwrap();
    assert_eq!(prepared.unsigned.genesis, *trust_root().hash());
    assert!(prepared.unsigned.expiry_height > client.head().await.unwrap().height);
    let again = client.prepare(&key, Sender::Key(key.public_key()), Body::Deactivate).await.unwrap();
    assert_ne!(prepared.id(), again.id(), "each has a number of its own");
    let wrong = client.prepare(&other, Sender::Key(key.public_key()), Body::Deactivate).await;
    assert!(matches!(wrong, Err(ChainError::WrongSigner)));
    let mut elsewhere = prepared;
    elsewhere.unsigned.genesis = [0; 32];
    assert!(matches!(client.submit_prepared(&elsewhere).await, Err(ChainError::WrongSigner)));
}

/// A node with the recorded state that prunes, or that has this older part of the ledger too.
async fn keeping(history: Value, transaction: Option<StatusCode>) -> Url {
    let node = Node::with(&[(anchor(), recorded()["after"].clone())]);
    let problem =
        transaction.map(|status| (status, Json(json!({"type": "urn:yufu:problem:pruned", "title": "", "status": 410}))));
    let app = Router::new()
        .route("/v1/state/{key}", get(state))
        .with_state(node)
        .route("/v1/history/{key}", get(move || async move { Json(history) }))
        .route(
            "/v1/transactions/{id}",
            get(move || async move { problem.map_or(StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response) }),
        );
    serve(app).await
}

/// N048: a node that no longer has old versions or blocks is passed over for one that has; where there is none the client says what happened,
/// and not that the ledger is away or that there is no such transaction.
#[tokio::test]
async fn a_node_that_prunes_is_passed_over_for_an_archive() {
    let newest = client(vec![keeping(json!(null), None).await]).get(&anchor()).await.unwrap().cell.unwrap();
    let version = json!({
        "version": newest.version, "status": newest.status, "created_height": newest.created_height,
        "updated_height": newest.updated_height, "updated_at_ms": null, "body": null, "transactions": [],
    });
    let history = |versions: Value, pruned: bool| json!({"key": key_of(&anchor()), "latest_version": newest.version, "versions": versions, "next": null, "pruned": pruned});
    let gone = Some(StatusCode::GONE);
    let pruned = keeping(history(json!([]), true), gone).await;
    let archive = keeping(history(json!([version]), false), None).await;
    let id = transaction("applied").id();

    let (_, versions) = client(vec![pruned.clone(), archive]).history(&anchor(), None, 9).await.unwrap().value.unwrap();
    assert_eq!(versions.len(), 1);
    let (_, versions) = client(vec![pruned.clone()]).history(&anchor(), None, 9).await.unwrap().value.unwrap();
    assert_eq!(versions.len(), 0, "what there is, without an error");
    let unaware = keeping(json!(null), None).await;
    for nodes in [vec![pruned.clone()], vec![pruned.clone(), nobody()], vec![unaware.clone(), pruned.clone()]] {
        let failure = client(nodes).transaction(&id).await.unwrap_err();
        assert!(matches!(failure, ChainError::Pruned { .. }), "{failure}");
        assert_eq!((failure.slug(), failure.is_temporary()), ("ledger-pruned", false));
        assert!(failure.sentence().en.contains("archive node"));
    }
    assert_eq!(client(vec![unaware]).transaction(&id).await.unwrap(), None);
}
