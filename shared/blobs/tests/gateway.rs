//! The trustless gateway over real HTTP, and its client against honest and lying gateways.

#![expect(clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::routing::any;
use blobs::dag::{self, CHUNK_BYTES, DagError};
use blobs::gateway::{Access, Attempt, Authorize, Denied, router};
use blobs::remote::RemoteError;
use blobs::{BlobStore, Cid, EmbeddedStore, GatewayClient, car};
use bytes::Bytes;
use futures::FutureExt as _;

const TOKEN: &str = "good-token";

fn blob(length: usize) -> Bytes {
    (0..length).map(|i| (i % 253) as u8).collect::<Vec<_>>().into()
}

fn http() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(Duration::from_secs(3))
        .build()
        .unwrap()
}

async fn serve(app: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

/// Reading is free; uploading up to 5 MiB needs the token.
fn by_token() -> Authorize {
    Arc::new(|attempt: Attempt| {
        let known = attempt.headers.get("authorization").is_some_and(|value| value == &format!("Bearer {TOKEN}"));
        let decision = match attempt.access {
            Access::Read => Ok(()),
            Access::Upload { .. } if !known => Err(Denied::Unauthenticated),
            Access::Upload { bytes } if bytes > 5 << 20 => Err(Denied::OverQuota),
            Access::Upload { .. } => Ok(()),
        };
        async move { decision }.boxed()
    })
}

struct City {
    store: EmbeddedStore,
    directory: tempfile::TempDir,
    url: String,
    client: GatewayClient,
}

async fn city() -> City {
    let directory = tempfile::tempdir().unwrap();
    let store = EmbeddedStore::open(directory.path()).unwrap();
    let url = serve(router(Arc::new(store.clone()), by_token())).await;
    let client = client_of(&url);
    City { store, directory, url, client }
}

fn client_of(url: &str) -> GatewayClient {
    GatewayClient::new(http(), url.parse().unwrap())
}

async fn get(url: String, accept: Option<&str>) -> reqwest::Response {
    let request = http().get(url);
    match accept {
        Some(accept) => request.header("accept", accept),
        None => request,
    }
    .send()
    .await
    .unwrap()
}

/// X042: another department uploads and reads over plain HTTP; what it read is what was uploaded.
#[tokio::test]
async fn blobs_are_uploaded_and_read_over_http() {
    let city = city().await;
    for length in [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 9] {
        let blob = blob(length);
        let cid = dag::cid_of(&blob).unwrap();
        city.client.put(cid, blob.clone(), TOKEN).await.unwrap();
        city.client.put(cid, blob.clone(), TOKEN).await.unwrap();
        assert_eq!(city.client.get(cid).await.unwrap(), blob, "{length} bytes");
        assert!(city.store.has(cid).await.unwrap());
    }
}

#[tokio::test]
async fn an_upload_must_be_the_blob_that_it_is_named_after() {
    let city = city().await;
    let cid = dag::cid_of(&blob(10)).unwrap();
    let refused = city.client.put(cid, blob(11), TOKEN).await;
    assert!(matches!(refused, Err(RemoteError::Unfit(_))), "the client refuses it by itself");
    let put = http().put(format!("{}/blobs/{cid}", city.url)).bearer_auth(TOKEN).body(blob(11)).send().await.unwrap();
    assert_eq!(put.status(), 422);
    assert_eq!(put.headers()["content-type"], "application/problem+json");
    assert!(!city.store.has(cid).await.unwrap());
}

/// X040: who may not upload is told apart from who is unknown and who has stored enough, before a body is read.
#[tokio::test]
async fn uploads_are_authorized_and_bounded() {
    let city = city().await;
    let cid = dag::cid_of(&blob(10)).unwrap();
    let put =
        |body: Bytes, token: &'static str| http().put(format!("{}/blobs/{cid}", city.url)).bearer_auth(token).body(body).send();
    assert_eq!(put(blob(10), "bad-token").await.unwrap().status(), 401);
    assert_eq!(put(blob(6 << 20), TOKEN).await.unwrap().status(), 429);
    let stream = futures::stream::iter([Ok::<_, std::convert::Infallible>(blob(10))]);
    let unannounced = http().put(format!("{}/blobs/{cid}", city.url)).bearer_auth(TOKEN);
    let unannounced = unannounced.body(reqwest::Body::wrap_stream(stream)).send().await.unwrap();
    assert_eq!(unannounced.status(), 411);
    let huge = http().put(format!("{}/blobs/{cid}", city.url)).bearer_auth(TOKEN);
    let huge = huge.header("content-length", (dag::MAX_BLOB_BYTES + 1).to_string());
    let huge = huge.header("expect", "100-continue").body(vec![0; dag::MAX_BLOB_BYTES + 1]).send().await;
    assert!(huge.is_err() || huge.unwrap().status() == 413);
    assert_eq!(city.store.pins().await.unwrap(), []);
}

#[tokio::test]
async fn an_upload_that_breaks_off_stores_nothing() {
    use tokio::io::AsyncWriteExt as _;
    let city = city().await;
    let cid = dag::cid_of(&blob(1000)).unwrap();
    let address = city.url.strip_prefix("http://").unwrap();
    let mut connection = tokio::net::TcpStream::connect(address).await.unwrap();
    let head =
        format!("PUT /blobs/{cid} HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {TOKEN}\r\nContent-Length: 1000\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(&blob(500)).await.unwrap();
    drop(connection);
    // The next upload on the same gateway goes through, and the broken one has left nothing.
    let other = dag::cid_of(&blob(7)).unwrap();
    city.client.put(other, blob(7), TOKEN).await.unwrap();
    assert_eq!(city.store.pins().await.unwrap(), [other]);
}

/// The trustless gateway specification: raw blocks and their headers.
#[tokio::test]
async fn a_raw_block_has_the_headers_of_the_specification() {
    let city = city().await;
    let cid = city.store.add(blob(100)).await.unwrap();
    for (url, accept) in [
        (format!("{}/ipfs/{cid}?format=raw", city.url), None),
        (format!("{}/ipfs/{cid}", city.url), Some("application/vnd.ipld.raw")),
        (format!("{}/ipfs/{cid}?format=raw", city.url), Some("text/html,application/vnd.ipld.car;q=0.9")),
    ] {
        let response = get(url, accept).await;
        assert_eq!(response.status(), 200);
        let headers = response.headers().clone();
        assert_eq!(headers["content-type"], "application/vnd.ipld.raw");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert_eq!(headers["etag"], format!("\"{cid}.raw\""));
        assert_eq!(headers["content-disposition"], format!("attachment; filename=\"{cid}.bin\""));
        assert_eq!(headers["content-length"], "100");
        assert!(headers["cache-control"].to_str().unwrap().contains("immutable"));
        assert_eq!(response.bytes().await.unwrap(), blob(100));
    }
    let head = http().head(format!("{}/ipfs/{cid}?format=raw", city.url)).send().await.unwrap();
    assert_eq!((head.status().as_u16(), head.headers()["content-length"].to_str().unwrap()), (200, "100"));
    let known = http().get(format!("{}/ipfs/{cid}?format=raw", city.url));
    let known = known.header("if-none-match", format!("W/\"x\", \"{cid}.raw\"")).send().await.unwrap();
    assert_eq!(known.status(), 304);
}

#[tokio::test]
async fn a_car_holds_the_blob_depth_first() {
    let city = city().await;
    let chunk = blob(CHUNK_BYTES);
    // The same chunk twice and a rest: four blocks, three of them different.
    let large = Bytes::from([chunk.as_ref(), chunk.as_ref(), b"rest"].concat());
    let cid = city.store.add(large.clone()).await.unwrap();
    let car = |query: &str| get(format!("{}/ipfs/{cid}?format=car{query}", city.url), None);
    let (once, each, root) = (car("").await, car("&car-dups=y").await, car("&dag-scope=block").await);
    assert_eq!(once.headers()["content-type"], "application/vnd.ipld.car; version=1; order=dfs; dups=n");
    assert_eq!(each.headers()["content-type"], "application/vnd.ipld.car; version=1; order=dfs; dups=y");
    assert_ne!(once.headers()["etag"], each.headers()["etag"]);
    let (once, each, root) = (once.bytes().await.unwrap(), each.bytes().await.unwrap(), root.bytes().await.unwrap());
    assert!(once.starts_with(&car::header(cid)));
    assert!(each.len() > once.len() + CHUNK_BYTES);
    assert!(root.len() < 1000);
    assert_eq!(car::read_blob(cid, once).unwrap(), large);
    assert_eq!(car::read_blob(cid, each).unwrap(), large);
    assert!(matches!(car::read_blob(cid, root), Err(car::CarError::Missing { .. })));
    let by_accept = get(format!("{}/ipfs/{cid}", city.url), Some("application/vnd.ipld.car; order=dfs; dups=y")).await;
    assert_eq!(by_accept.headers()["content-type"], "application/vnd.ipld.car; version=1; order=dfs; dups=y");
}

/// Only what can be verified is served; everything else is refused with a sentence.
#[tokio::test]
async fn unverifiable_and_unknown_forms_are_refused() {
    let city = city().await;
    let cid = city.store.add(blob(100)).await.unwrap();
    let missing = dag::cid_of(&blob(101)).unwrap();
    let cases: [(String, Option<&str>, u16); 15] = [
        (format!("{cid}"), None, 400),
        (format!("{cid}"), Some("*/*"), 400),
        (format!("{cid}"), Some("text/html"), 406),
        (format!("{cid}?format=tar"), None, 406),
        (format!("{cid}?format=car&car-version=2"), None, 406),
        (format!("{cid}?format=car&car-order=weird"), None, 406),
        (format!("{cid}?format=car&car-dups=maybe"), None, 400),
        (format!("{cid}?format=car&dag-scope=some"), None, 400),
        (format!("{cid}?format=car&entity-bytes=0:10"), None, 400),
        (format!("{cid}/path?format=car"), None, 404),
        (format!("{missing}?format=raw"), None, 404),
        (format!("{missing}?format=car"), None, 404),
        ("QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn?format=raw".to_owned(), None, 400),
        ("bafkqabtimvwgy3yk?format=raw".to_owned(), None, 400),
        ("not-a-cid?format=raw".to_owned(), None, 400),
    ];
    for (path, accept, status) in cases {
        let response = get(format!("{}/ipfs/{path}", city.url), accept).await;
        assert_eq!(response.status(), status, "{path} {accept:?}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: serde_json::Value = response.json().await.unwrap();
        assert!(problem["detail"].as_str().is_some_and(|detail| detail.len() > 10), "{problem}");
        assert!(problem["title_zh"].as_str().is_some_and(|title| !title.is_ascii()), "{problem}");
    }
    let cached = http().get(format!("{}/ipfs/{missing}?format=raw", city.url)).header("cache-control", "only-if-cached");
    assert_eq!(cached.send().await.unwrap().status(), 412);
}

#[tokio::test]
async fn the_probe_of_the_specification_is_answered() {
    let city = city().await;
    let raw = get(format!("{}/ipfs/bafkqaaa?format=raw", city.url), None).await;
    assert_eq!((raw.status().as_u16(), raw.bytes().await.unwrap().len()), (200, 0));
    let car = get(format!("{}/ipfs/bafkqaaa?format=car", city.url), None).await.bytes().await.unwrap();
    assert_eq!((usize::from(car[0]), car.len()), (25, 26));
}

/// X045, REL-D6: bad bytes on the gateway's disk are not sent, neither alone nor in a CAR, which is cut off before them.
#[tokio::test]
async fn bad_bytes_on_the_disk_are_not_sent() {
    let city = city().await;
    let large = blob(2 * CHUNK_BYTES + 3);
    let cid = city.store.add(large.clone()).await.unwrap();
    let chunk = dag::build(&large).unwrap().blocks[1].cid();
    let path = city.directory.path().join(format!("blocks/{:02x}/{chunk}", chunk.digest()[0]));
    std::fs::write(path, blob(CHUNK_BYTES)).unwrap();
    let alone = get(format!("{}/ipfs/{chunk}?format=raw", city.url), None).await;
    assert_eq!(alone.status(), 500);
    let whole = city.client.get(cid).await;
    assert!(matches!(whole, Err(RemoteError::Unreachable { .. })), "{whole:?}");
}

/// A gateway that answers as it likes.
async fn liar(answer: impl Fn(Request<Body>) -> Response<Body> + Clone + Send + Sync + 'static) -> GatewayClient {
    client_of(&serve(Router::new().fallback(any(move |request| async move { answer(request) }))).await)
}

/// X045, REL-D6: a gateway that lies is caught, whatever it sends, and nothing of it is used.
#[tokio::test]
async fn a_lying_gateway_is_caught() {
    let (small, large) = (blob(100), blob(CHUNK_BYTES + 100));
    let (small_cid, large_cid) = (dag::cid_of(&small).unwrap(), dag::cid_of(&large).unwrap());
    let car_of = |blob: &Bytes| {
        let dag = dag::build(blob).unwrap();
        let mut bytes = car::header(dag.root).to_vec();
        for block in dag.blocks.iter().rev() {
            bytes.extend_from_slice(&car::section_prefix(block));
            bytes.extend_from_slice(block.bytes());
        }
        bytes
    };
    let honest = car_of(&large);
    assert_eq!(car::read_blob(large_cid, honest.clone().into()).unwrap(), large);
    let mut flipped = honest.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let lies: [(&str, Vec<u8>); 8] = [
        ("another blob's bytes", blob(99).to_vec()),
        ("nothing", Vec::new()),
        ("a web page", b"<html>sign in</html>".to_vec()),
        ("another blob's CAR", car_of(&blob(CHUNK_BYTES + 101))),
        ("a CAR with a flipped bit", flipped),
        ("a CAR cut off", honest[..honest.len() - 1].to_vec()),
        ("a CAR without its last block", honest[..honest.len() - CHUNK_BYTES - 100].to_vec()),
        ("a section longer than the file", [car::header(large_cid).as_ref(), &[0xff, 0xff, 0xff, 0x7f]].concat()),
    ];
    for (what, bytes) in lies {
        let client = liar(move |_| Response::new(bytes.clone().into())).await;
        for cid in [small_cid, large_cid] {
            let caught = client.get(cid).await;
            assert!(matches!(caught, Err(RemoteError::Bad { .. })), "{what}: {caught:?}");
        }
    }
}

#[tokio::test]
async fn errors_of_a_gateway_are_told_apart() {
    let cid = dag::cid_of(&blob(10)).unwrap();
    let status = |status: u16| liar(move |_| Response::builder().status(status).body("no\u{7}body".into()).unwrap());
    assert!(matches!(status(404).await.get(cid).await, Err(RemoteError::Missing { .. })));
    let refused = status(503).await.get(cid).await.unwrap_err();
    assert!(matches!(&refused, RemoteError::Refused { status: 503, detail, .. } if detail == "no body"), "{refused:?}");
    assert!(refused.is_temporary());
    // A redirect is not followed: the client goes where it was told to and nowhere else.
    let redirect =
        liar(|_| Response::builder().status(302).header("location", "http://127.0.0.1:1/").body(Body::empty()).unwrap());
    assert!(matches!(redirect.await.get(cid).await, Err(RemoteError::Refused { status: 302, .. })));
    let nobody = client_of("http://127.0.0.1:1/").get(cid).await.unwrap_err();
    assert!(matches!(nobody, RemoteError::Unreachable { .. }));
    assert!(!nobody.sentence().zh.is_empty());
}

/// SEC-F4: a gateway that never stops sending is cut off at the limit of a block.
#[tokio::test]
async fn an_endless_answer_is_cut_off() {
    let sent = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&sent);
    let client = liar(move |_| {
        let counter = Arc::clone(&counter);
        let endless = futures::stream::repeat_with(move || {
            counter.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::convert::Infallible>(Bytes::from_static(&[0; 65_536]))
        });
        Response::new(Body::from_stream(endless))
    })
    .await;
    let caught = client.get(dag::cid_of(&blob(10)).unwrap()).await;
    assert!(matches!(caught, Err(RemoteError::Bad { .. })), "{caught:?}");
    assert!(sent.load(Ordering::Relaxed) < 1000, "{sent:?} chunks were taken");
}

/// REL-D6: a gateway that stops in the middle is given up after a limit, with a sentence.
#[tokio::test]
async fn a_gateway_that_falls_silent_is_given_up() {
    let client = liar(|_| {
        let first = futures::stream::iter([Ok::<_, std::convert::Infallible>(Bytes::from_static(b"begin"))]);
        let body = futures::StreamExt::chain(first, futures::stream::pending());
        Response::new(Body::from_stream(body))
    })
    .await;
    let client = client.with_idle_timeout(Duration::from_millis(200));
    let caught = client.get(dag::cid_of(&blob(10)).unwrap()).await;
    assert!(matches!(caught, Err(RemoteError::TimedOut { .. })), "{caught:?}");
}

#[test]
fn a_car_of_too_many_sections_is_refused() {
    let block = dag::build(&blob(1)).unwrap().blocks.remove(0);
    let section = [car::section_prefix(&block), block.bytes().clone()].concat();
    let bomb = [car::header(block.cid()).to_vec(), section.repeat(dag::MAX_BLOCKS + 1)].concat();
    assert_eq!(car::read_blob(block.cid(), bomb.into()), Err(car::CarError::TooLarge));
    let wide = Cid::from_parts(blobs::Codec::DagPb, [0; 32]);
    assert!(matches!(car::read_blob(wide, car::header(wide)), Err(car::CarError::Missing { cid }) if cid == wide));
    let not_one = car::read_blob(wide, Bytes::from_static(b"\x0a\xa1gversion\x02"));
    assert_eq!(not_one, Err(car::CarError::Header));
    let wrong = [car::header(block.cid()).to_vec(), car::section_prefix(&block).to_vec(), vec![9]].concat();
    assert_eq!(car::read_blob(block.cid(), wrong.into()), Err(car::CarError::Bad(DagError::WrongBytes { cid: block.cid() })));
}
