//! The ledger's client against one scripted node that lies, trickles, floods or is cut off, alone and beside an honest one; and the
//! validators' changes that it follows. `recorded/answers.json` is a real node's; `ledger/tests/epochs.json` is four epochs' worth of
//! answers whose proofs the engine made.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking, in its helpers too")]

use std::collections::HashMap;
use std::error::Error as _;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clients::chain::HEDGE_DELAY;
use clients::{ChainClient, ChainError, Clock, Random, http};
use ledger::TrustRoot;
use ledger::cell::Subject;
use ledger::genesis::Genesis;
use ledger::records::RecordId;
use ledger::transaction::TransactionId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::Instant;
use url::Url;

fn recorded() -> Value {
    serde_json::from_str(include_str!("recorded/answers.json")).unwrap()
}

fn epochs() -> Value {
    serde_json::from_str(include_str!("../../ledger/tests/epochs.json")).unwrap()
}

fn root_of(recording: &Value) -> TrustRoot {
    let genesis: Genesis = serde_json::from_value(recording["genesis"].clone()).unwrap();
    TrustRoot::from_genesis(genesis).unwrap()
}

fn anchor() -> Subject {
    let id: RecordId = serde_json::from_value(recorded()["anchor"].clone()).unwrap();
    Subject::Anchor(id)
}

fn client(nodes: Vec<Url>, root: TrustRoot) -> ChainClient {
    ChainClient::new(http::client().unwrap(), nodes, root, Random::from_os_seed([0; 32]))
}

/// A node that gives one answer to every question about the state, and the changes of validators that it has.
#[derive(Clone, Default)]
struct Node {
    state: Arc<Mutex<Value>>,
    epochs: Arc<Mutex<HashMap<u64, Value>>>,
    asked: Arc<AtomicUsize>,
    delay_ms: Arc<AtomicU64>,
}

impl Node {
    fn saying(answer: &Value) -> Self {
        let node = Self::default();
        *node.state.lock().unwrap() = answer.clone();
        node
    }

    fn knowing(self, epochs: &[(u64, &Value)]) -> Self {
        self.epochs.lock().unwrap().extend(epochs.iter().map(|(epoch, change)| (*epoch, (*change).clone())));
        self
    }

    fn slow(self, delay: Duration) -> Self {
        self.delay_ms.store(u64::try_from(delay.as_millis()).unwrap(), Ordering::SeqCst);
        self
    }

    async fn start(&self) -> Url {
        let app =
            Router::new().route("/v1/state/{key}", get(state)).route("/v1/epochs/{epoch}", get(epoch)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        url
    }
}

async fn state(State(node): State<Node>) -> Response {
    node.asked.fetch_add(1, Ordering::SeqCst);
    tokio::time::sleep(Duration::from_millis(node.delay_ms.load(Ordering::SeqCst))).await;
    Json(node.state.lock().unwrap().clone()).into_response()
}

async fn epoch(State(node): State<Node>, Path(epoch): Path<u64>) -> Response {
    match node.epochs.lock().unwrap().get(&epoch) {
        Some(change) => Json(change.clone()).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A server that reads the request and then sends these pieces, pausing between them, and closes or stays silent.
async fn raw(pieces: Vec<Vec<u8>>, pause: Duration, stay: bool) -> (Url, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (pieces, counter) = (pieces.clone(), Arc::clone(&counter));
            tokio::spawn(async move {
                let mut request = [0; 4_096];
                drop(stream.read(&mut request).await);
                for piece in &pieces {
                    if stream.write_all(piece).await.is_err() {
                        return;
                    }
                    counter.fetch_add(piece.len(), Ordering::SeqCst);
                    tokio::time::sleep(pause).await;
                }
                if stay {
                    std::future::pending::<()>().await;
                }
            });
        }
    });
    (url, sent)
}

fn head(length: usize) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n").into_bytes()
}

fn change(answer: &Value, field: &str, change: impl Fn(&mut Vec<u8>)) -> Value {
    let mut bytes = URL_SAFE_NO_PAD.decode(answer[field].as_str().unwrap()).unwrap();
    change(&mut bytes);
    let mut changed = answer.clone();
    changed[field] = URL_SAFE_NO_PAD.encode(bytes).into();
    changed
}

/// REL-C8, X011: a light client against one lying full node, or one whose database its administrators changed: the answer is refused, and
/// the error names the node and the part that does not hold.
#[tokio::test]
async fn a_lying_node_is_refused_and_named_with_the_part_that_does_not_hold() {
    let (answers, elsewhere) = (recorded(), epochs());
    let truth = &answers["after"];
    let with = |field: &str, of: &Value| {
        let mut lie = truth.clone();
        lie[field] = of[field].clone();
        lie
    };
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    let hidden = json!({"header": truth["header"], "certificate": truth["certificate"], "cell": null, "body": null, "proof": truth["proof"]});
    let lies = [
        ("a wrong cell", change(truth, "cell", |bytes| bytes[0] ^= 1), "proof"),
        ("an old proof", with("proof", &answers["before"]), "proof"),
        ("what exists is hidden", hidden, "proof"),
        ("the answer to another question", answers["authority"].clone(), "proof"),
        ("a forged certificate", change(truth, "certificate", flip), "certificate"),
        ("another header's certificate", with("certificate", &answers["before"]), "certificate"),
        ("a truncated certificate", change(truth, "certificate", |bytes| bytes.truncate(60)), "certificate"),
        ("a truncated proof", change(truth, "proof", |bytes| bytes.truncate(90)), "proof"),
        ("a truncated header", change(truth, "header", |bytes| bytes.truncate(90)), "header"),
        ("another ledger's answer", elsewhere["first"].clone(), "header"),
        ("a header turned", change(truth, "header", |bytes| bytes[40] ^= 1), "certificate"),
        ("another body", change(truth, "body", |bytes| bytes.push(0)), "body"),
        ("a huge proof", change(truth, "proof", |bytes| bytes.resize(40_000, 0)), "proof"),
    ];
    let honest = Node::saying(truth).start().await;
    for (name, lie, field) in lies {
        let liar = Node::saying(&lie).start().await;
        let host = format!("127.0.0.1:{}", liar.port().unwrap());
        let error = client(vec![liar.clone()], root_of(&answers)).get(&anchor()).await.unwrap_err();
        assert!(matches!(error, ChainError::Unproven { .. }) && !error.is_temporary(), "{name}: {error:?}");
        let text = error.to_string();
        assert!(text.contains(&host) && text.contains(&format!("its {field} does not hold")), "{name}: {text}");
        assert!(error.source().is_some(), "{name}");
        let both = client(vec![liar, honest.clone()], root_of(&answers)).get(&anchor()).await.unwrap();
        assert!(both.cell.is_some(), "{name}");
    }
    // What is no base64 and what is no cell are named too.
    for (field, text) in [("header", "=="), ("cell", "AAAA"), ("proof", "?")] {
        let mut lie = truth.clone();
        lie[field] = text.into();
        let liar = Node::saying(&lie).start().await;
        let error = client(vec![liar], root_of(&answers)).get(&anchor()).await.unwrap_err();
        assert!(matches!(&error, ChainError::Undecodable { field: named, .. } if *named == field), "{error:?}");
    }
    // Something else altogether.
    let liar = Node::saying(&json!({"hello": "world"})).start().await;
    let error = client(vec![liar], root_of(&answers)).get(&anchor()).await.unwrap_err();
    assert!(matches!(error, ChainError::Unreachable(_)), "{error:?}");
}

/// REL-C8: bodies without end, trickles, cuts and silence: each has a limit, and beside an honest node none is waited for.
#[tokio::test]
async fn floods_trickles_cuts_and_silence_have_limits_and_cost_one_more_question() {
    let answers = recorded();
    let flood: Vec<Vec<u8>> = std::iter::once(head(usize::MAX / 2)).chain((0..2_000).map(|_| vec![b' '; 64 * 1_024])).collect();
    let trickle: Vec<Vec<u8>> = std::iter::once(head(100_000)).chain((0..1_000).map(|_| b" ".to_vec())).collect();
    let servers = [
        ("flood", raw(flood, Duration::ZERO, false).await),
        ("trickle", raw(trickle, Duration::from_millis(100), false).await),
        ("cut", raw(vec![head(1_000), b"{\"header\":".to_vec()], Duration::ZERO, false).await),
        ("silence", raw(vec![], Duration::ZERO, true).await),
        ("half a head", raw(vec![b"HTTP/1.1 200".to_vec()], Duration::ZERO, true).await),
    ];
    let honest = Node::saying(&answers["after"]).start().await;
    for (name, (server, sent)) in servers {
        let impatient = reqwest::Client::builder().timeout(Duration::from_millis(1_500)).build().unwrap();
        let alone = ChainClient::new(impatient, vec![server.clone()], root_of(&answers), Random::from_os_seed([0; 32]));
        let begun = Instant::now();
        let error = alone.get(&anchor()).await.unwrap_err();
        assert!(matches!(error, ChainError::Unreachable(_)), "{name}: {error:?}");
        assert!(begun.elapsed() < Duration::from_secs(4), "{name}");
        let begun = Instant::now();
        let both = client(vec![server, honest.clone()], root_of(&answers));
        assert!(both.get(&anchor()).await.unwrap().cell.is_some(), "{name}");
        assert!(begun.elapsed() < HEDGE_DELAY + Duration::from_secs(2), "{name}: {:?}", begun.elapsed());
        // What the system's buffers take, not what the server would send.
        assert!(sent.load(Ordering::SeqCst) < 64 * 1_024 * 1_024, "{name}");
    }
}

/// A node that is merely slow is not waited for, and is still listened to.
#[tokio::test]
async fn the_next_node_is_asked_when_the_first_is_slow() {
    let answers = recorded();
    let (slow, quick) = (Node::saying(&answers["after"]).slow(Duration::from_secs(8)), Node::saying(&answers["after"]));
    let asked = client(vec![slow.start().await, quick.start().await], root_of(&answers));
    let begun = Instant::now();
    asked.get(&anchor()).await.unwrap();
    assert!(begun.elapsed() >= HEDGE_DELAY && begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    // The next question goes to the one that answered, at once.
    asked.get(&anchor()).await.unwrap();
    assert_eq!((slow.asked.load(Ordering::SeqCst), quick.asked.load(Ordering::SeqCst)), (1, 2));
    let (late, liar) = (Node::saying(&answers["after"]).slow(Duration::from_millis(1_500)), Node::saying(&answers["nothing"]));
    let asked = client(vec![late.start().await, liar.start().await], root_of(&answers));
    assert!(asked.get(&anchor()).await.unwrap().cell.is_some(), "the slow one said the truth in the end");
}

/// An answer older than the caller's clock allows makes it ask on; where nobody knows more it is given, with its time.
#[tokio::test]
async fn an_answer_that_is_too_old_by_the_clock_makes_the_client_ask_another_node() {
    let answers = recorded();
    let (behind, ahead) = (Node::saying(&answers["before"]), Node::saying(&answers["after"]));
    let root = || root_of(&answers);
    let newest = client(vec![ahead.start().await], root()).get(&anchor()).await.unwrap().header;
    let clock = Clock::manual(i64::try_from(newest.timestamp_ms / 1_000).unwrap());
    let nodes = vec![behind.start().await, ahead.start().await];
    let without_clock = client(nodes.clone(), root()).get(&anchor()).await.unwrap();
    assert_eq!(without_clock.cell, None, "nothing newer was known");
    let with_clock = client(nodes, root()).with_clock(clock.clone(), 0).get(&anchor()).await.unwrap();
    assert_eq!(with_clock.header.height, newest.height);
    let only_behind = client(vec![behind.start().await], root()).with_clock(clock.clone(), 0);
    let old = only_behind.anchor(&serde_json::from_value(answers["anchor"].clone()).unwrap()).await.unwrap();
    assert!(old.height < newest.height && old.value.is_none());
}

fn nothing() -> Subject {
    Subject::Transaction(TransactionId([0; 32]))
}

/// X005: the validators changed three times since the genesis. The client fetches the changes from whoever has them, believes each by
/// the set before, and has its owner keep what it learned.
#[tokio::test]
async fn changes_of_validators_are_followed_and_kept() {
    let recording = epochs();
    let changes = &recording["epochs"];
    let behind = Node::saying(&recording["first"]);
    let ahead = Node::saying(&recording["last"]).knowing(&[(1, &changes[0]), (2, &changes[1]), (3, &changes[2])]);
    let kept = Arc::new(Mutex::new(Vec::new()));
    let keeper = Arc::clone(&kept);
    let client = client(vec![ahead.start().await, behind.start().await], root_of(&recording))
        .with_keeper(move |root| keeper.lock().unwrap().push(root.to_bytes()));
    let head = client.head().await.unwrap();
    assert_eq!((head.height, client.followed_root().newest_epoch()), (33, 3));
    assert_eq!(client.trust_root().newest_epoch(), 0, "what it was given stays");
    assert_eq!(client.head().await.unwrap(), head);
    let kept = kept.lock().unwrap().clone();
    assert_eq!(kept.len(), 1, "once for all that was learned");
    // The next start needs nobody to tell it the changes again.
    let genesis: Genesis = serde_json::from_value(recording["genesis"].clone()).unwrap();
    let root = TrustRoot::from_bytes(genesis, &kept[0]).unwrap();
    let silent = Node::saying(&recording["last"]);
    let again = ChainClient::new(http::client().unwrap(), vec![silent.start().await], root, Random::from_os_seed([0; 32]));
    assert_eq!(again.head().await.unwrap().height, 33);
}

/// The file that services keep: the next start goes on from it; a damaged one and another ledger's are passed over.
#[tokio::test]
async fn what_was_followed_is_kept_in_a_file() {
    let recording = epochs();
    let changes = &recording["epochs"];
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("ledger-validators");
    let knows = Node::saying(&recording["last"]).knowing(&[(1, &changes[0]), (2, &changes[1]), (3, &changes[2])]).start().await;
    let silent = Node::saying(&recording["last"]).start().await;
    let clock = Clock::manual(1_700_000_100);
    let at = |node: &Url, root: TrustRoot| client(vec![node.clone()], root).with_trust_file(file.clone(), &clock);
    assert_eq!(at(&knows, root_of(&recording)).head().await.unwrap().height, 33);
    assert_eq!(at(&silent, root_of(&recording)).head().await.unwrap().height, 33, "from the file");
    assert_eq!(at(&silent, root_of(&recorded())).followed_root().newest_epoch(), 0, "another ledger's");
    let bytes = std::fs::read(&file).unwrap();
    std::fs::write(&file, &bytes[..bytes.len() - 1]).unwrap();
    assert!(at(&silent, root_of(&recording)).head().await.is_err());
    assert_eq!(at(&knows, root_of(&recording)).head().await.unwrap().height, 33);
    assert_eq!(std::fs::read(&file).unwrap(), bytes);
}

/// The node that speaks of an epoch need not be the one that has its change; one that nobody proves is not believed.
#[tokio::test]
async fn an_epoch_that_nobody_proves_is_not_believed() {
    let recording = epochs();
    let changes = &recording["epochs"];
    let speaks = Node::saying(&recording["last"]);
    let has = Node::saying(&recording["first"]).knowing(&[(1, &changes[0]), (2, &changes[1]), (3, &changes[2])]);
    let both = client(vec![speaks.start().await, has.start().await], root_of(&recording));
    assert_eq!(both.head().await.unwrap().height, 33);

    let alone = client(vec![speaks.start().await], root_of(&recording)).head().await.unwrap_err();
    assert!(matches!(alone, ChainError::Unreachable(_)), "{alone:?}");
    // A change of another epoch than asked for, a false one, and strangers' signatures under a known epoch.
    let confused = Node::saying(&recording["last"]).knowing(&[(1, &changes[1])]);
    let error = client(vec![confused.start().await], root_of(&recording)).head().await.unwrap_err();
    assert!(matches!(&error, ChainError::UnprovenEpoch { epoch: 1, .. }) && !error.is_temporary(), "{error:?}");
    let truth_then_lie = Node::saying(&recording["last"]).knowing(&[(1, &changes[0]), (2, &recording["fork"])]);
    let error = client(vec![truth_then_lie.start().await], root_of(&recording)).head().await.unwrap_err();
    assert!(matches!(&error, ChainError::Forked { epoch: 0, .. }), "{error:?}");
    let forged = Node::saying(&recording["forged"]).knowing(&[(1, &changes[0]), (2, &changes[1]), (3, &changes[2])]);
    let error = client(vec![forged.start().await], root_of(&recording)).get(&nothing()).await.unwrap_err();
    assert!(matches!(&error, ChainError::Unproven { source, .. } if source.field() == "certificate"), "{error:?}");
}

/// SEC-C4: somebody has the keys of the first epoch's validators and proves another successor. Whichever node is asked first, a client
/// that hears both says that there are two histories, and believes neither.
#[tokio::test]
async fn a_fork_is_named_and_not_followed() {
    let recording = epochs();
    let changes = &recording["epochs"];
    let honest = Node::saying(&recording["last"]).knowing(&[(1, &changes[0]), (2, &changes[1]), (3, &changes[2])]);
    let forked = Node::saying(&recording["last"]).knowing(&[(1, &recording["fork"])]);
    let (honest, forked) = (honest.start().await, forked.start().await);
    for nodes in [vec![forked.clone(), honest.clone()], vec![honest, forked]] {
        let client = client(nodes, root_of(&recording));
        let error = client.head().await.unwrap_err();
        assert!(matches!(&error, ChainError::Forked { epoch: 0, .. }), "{error:?}");
        assert!(!error.is_temporary() && error.slug() == "ledger-forked" && !error.sentence().zh.is_empty());
        assert_eq!(client.followed_root().newest_epoch(), 0);
    }
}
