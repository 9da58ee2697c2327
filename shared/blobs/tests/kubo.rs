//! The Kubo store against a real Kubo daemon of this test's own: private network key, no peers, loopback only, gone afterwards.
//!
//! Built with the feature `kubo`: `cargo city-test` installs Kubo and turns it on. The daemon's path is taken from `YUFU_KUBO`, then
//! `PATH`, then `~/go/bin`.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, in its helpers too"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use blobs::dag::{self, CHUNK_BYTES, DagError};
use blobs::gateway::{Authorize, router};
use blobs::kubo::KuboAuthorization;
use blobs::{BlobStore, Cid, EmbeddedStore, GatewayClient, KuboStore, StoreError};
use bytes::Bytes;
use futures::FutureExt as _;

fn blob(length: usize) -> Bytes {
    (0..length).map(|i| (i % 241) as u8).collect::<Vec<_>>().into()
}

fn kubo() -> PathBuf {
    let named = std::env::var_os("YUFU_KUBO").map(PathBuf::from);
    let in_path = std::env::var_os("PATH").into_iter().flat_map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let home = std::env::var_os("HOME").map(|home| PathBuf::from(home).join("go/bin"));
    let candidates = named.into_iter().chain(in_path.chain(home).map(|directory| directory.join("ipfs")));
    let found = candidates.into_iter().find(|path| path.is_file());
    found.expect("no Kubo is installed here: run `cargo city-test`, which installs it, or set YUFU_KUBO to the path of `ipfs`")
}

/// A daemon, ended when dropped.
struct Daemon {
    process: Child,
    repository: tempfile::TempDir,
    api: String,
    gateway: String,
}

impl Daemon {
    /// Starts a daemon whose RPC wants these credentials (Kubo's form: `bearer:…` or `basic:user:password`).
    async fn start(secret: Option<&str>) -> Self {
        let kubo = kubo();
        let repository = tempfile::tempdir().unwrap();
        let run = |arguments: &[&str]| {
            let output = Command::new(&kubo).args(arguments).env("IPFS_PATH", repository.path()).output().unwrap();
            assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        };
        run(&["init", "--profile=test"]);
        let key = format!("/key/swarm/psk/1.0.0/\n/base16/\n{}\n", "5a".repeat(32));
        std::fs::write(repository.path().join("swarm.key"), key).unwrap();
        for (name, value) in [
            ("Bootstrap", "[]"),
            ("Addresses.API", "\"/ip4/127.0.0.1/tcp/0\""),
            ("Addresses.Gateway", "\"/ip4/127.0.0.1/tcp/0\""),
            ("Addresses.Swarm", "[]"),
            ("Routing.Type", "\"none\""),
            ("AutoConf.Enabled", "false"),
            ("DNS.Resolvers", "{}"),
            ("Routing.DelegatedRouters", "[]"),
            ("Ipns.DelegatedPublishers", "[]"),
            ("Gateway.NoFetch", "true"),
            // Whatever a daemon is set to, our names are our own.
            ("Import.CidVersion", "0"),
            ("Import.UnixFSRawLeaves", "false"),
            ("Import.UnixFSChunker", "\"size-262144\""),
        ] {
            run(&["config", "--json", name, value]);
        }
        if let Some(secret) = secret {
            let authorizations = format!(r#"{{"yufu": {{"AuthSecret": "{secret}", "AllowedPaths": ["/api/v0"]}}}}"#);
            run(&["config", "--json", "API.Authorizations", &authorizations]);
        }
        let log = std::fs::File::create(repository.path().join("daemon.log")).unwrap();
        let mut daemon = Command::new(&kubo);
        daemon.args(["daemon", "--offline=false", "--enable-gc=false"]).env("IPFS_PATH", repository.path());
        daemon.env("LIBP2P_FORCE_PNET", "1").stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let mut daemon = Self { process: daemon.spawn().unwrap(), repository, api: String::new(), gateway: String::new() };
        daemon.api = daemon.address("api").await;
        daemon.gateway = daemon.address("gateway").await;
        daemon
    }

    /// The address that the daemon writes into a file of this name when it listens.
    async fn address(&mut self, file: &str) -> String {
        let path = self.repository.path().join(file);
        for _ in 0..600 {
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            if let Some(address) = listening(text.trim()) {
                return address;
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the daemon ended with {status}: {}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("the daemon does not listen after a minute: {}", self.log());
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.repository.path().join("daemon.log")).unwrap_or_default()
    }

    fn store(&self, authorization: &KuboAuthorization) -> KuboStore {
        KuboStore::new(&self.api, authorization).unwrap()
    }
}

/// `http://127.0.0.1:1234` from the multiaddr or URL that a daemon writes.
fn listening(text: &str) -> Option<String> {
    if text.starts_with("http://") {
        return Some(text.to_owned());
    }
    let port = text.strip_prefix("/ip4/127.0.0.1/tcp/")?.split('/').next()?;
    Some(format!("http://127.0.0.1:{port}"))
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // By its own id, and reaped: nothing of it stays.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The file in which Kubo keeps a raw block: named by the multihash alone, sharded by its last characters but one.
fn block_file(repository: &Path, cid: Cid) -> PathBuf {
    // Base32 without the CID's version and codec: what `flatfs` names a block by.
    const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let multihash = &cid.to_bytes()[2..];
    let mut name = String::new();
    for bit in (0..multihash.len() * 8).step_by(5) {
        let value = (bit..bit + 5).fold(0, |value, at| {
            let byte = multihash.get(at / 8).copied().unwrap_or_default();
            (value << 1) | usize::from(byte >> (7 - at % 8) & 1)
        });
        name.push(char::from(ALPHABET[value]));
    }
    let shard = &name[name.len() - 3..name.len() - 1];
    repository.join("blocks").join(shard).join(format!("{name}.data"))
}

/// X042, X044: our names are Kubo's names at every size around the chunk, whichever of the two computes them; blobs added to the one
/// are read back through the other.
#[tokio::test]
async fn names_and_bytes_agree_with_kubo() {
    let daemon = Daemon::start(None).await;
    let kubo = daemon.store(&KuboAuthorization::None);
    assert!(!kubo.version().await.unwrap().is_empty());
    let directory = tempfile::tempdir().unwrap();
    let embedded = EmbeddedStore::open(directory.path()).unwrap();
    for length in [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + CHUNK_BYTES / 2] {
        let blob = blob(length);
        let cid = embedded.add(blob.clone()).await.unwrap();
        let file = directory.path().join("upload");
        std::fs::write(&file, &blob).unwrap();
        let only_hash = Command::new(self::kubo())
            .args(["add", "--only-hash", "--quieter", "--cid-version=1", "--raw-leaves", "--chunker=size-1048576"])
            .arg(&file)
            .env("IPFS_PATH", daemon.repository.path())
            .output()
            .unwrap();
        assert_eq!(String::from_utf8_lossy(&only_hash.stdout).trim(), cid.to_string(), "{length} bytes");
        assert_eq!(kubo.add(blob.clone()).await.unwrap(), cid, "{length} bytes");
        assert_eq!(kubo.get(cid).await.unwrap(), blob, "{length} bytes");
        assert_eq!(kubo.stat(cid).await.unwrap(), embedded.stat(cid).await.unwrap(), "{length} bytes");
        assert_eq!(kubo.block(cid).await.unwrap(), embedded.block(cid).await.unwrap(), "{length} bytes");
    }
    assert_eq!(kubo.pins().await.unwrap(), embedded.pins().await.unwrap());
}

#[tokio::test]
async fn pins_and_garbage_are_those_of_the_embedded_store() {
    let daemon = Daemon::start(None).await;
    let store = daemon.store(&KuboAuthorization::None);
    let (kept, dropped) = (blob(2 * CHUNK_BYTES), blob(70_000));
    let (kept_cid, dropped_cid) = (store.add(kept.clone()).await.unwrap(), store.add(dropped).await.unwrap());
    assert!(store.unpin(dropped_cid).await.unwrap());
    assert!(!store.unpin(dropped_cid).await.unwrap());
    assert_eq!(store.pins().await.unwrap(), [kept_cid]);
    assert!(store.collect_garbage().await.unwrap().blocks >= 1);
    assert!(!store.has(dropped_cid).await.unwrap());
    assert!(matches!(store.get(dropped_cid).await, Err(StoreError::Missing { cid }) if cid == dropped_cid));
    assert!(matches!(store.block(dropped_cid).await, Err(StoreError::Missing { .. })));
    assert!(matches!(store.stat(dropped_cid).await, Err(StoreError::Missing { .. })));
    assert!(matches!(store.pin(dropped_cid).await, Err(StoreError::Missing { .. })));
    assert!(store.has(kept_cid).await.unwrap());
    assert_eq!(store.get(kept_cid).await.unwrap(), kept);
    store.unpin(kept_cid).await.unwrap();
    store.pin(kept_cid).await.unwrap();
    assert_eq!(store.pins().await.unwrap(), [kept_cid]);
}

/// X045, REL-D6: bytes that changed on the daemon's disk are refused, and a chunk that is gone is said to be missing.
#[tokio::test]
async fn a_damaged_daemon_is_not_believed() {
    let daemon = Daemon::start(None).await;
    let store = daemon.store(&KuboAuthorization::None);
    let small = store.add(blob(1000)).await.unwrap();
    let file = block_file(daemon.repository.path(), small);
    assert!(file.is_file(), "Kubo keeps its blocks elsewhere now: {}", file.display());
    std::fs::write(&file, blob(999)).unwrap();
    let refused = store.get(small).await;
    let wrong = matches!(&refused, Err(StoreError::Bad { source: DagError::WrongBytes { .. }, .. } | StoreError::Daemon { .. }));
    assert!(wrong, "{refused:?}");
    let large = blob(2 * CHUNK_BYTES + 5);
    let cid = store.add(large.clone()).await.unwrap();
    let chunk = dag::build(&large).unwrap().blocks.remove(1).cid();
    std::fs::remove_file(block_file(daemon.repository.path(), chunk)).unwrap();
    assert!(!store.has(cid).await.unwrap());
    assert!(store.get(cid).await.is_err());
}

/// The daemon's RPC is protected by a bearer token or a password; without it, or with another, nothing is done.
#[tokio::test]
async fn credentials_open_the_daemon_and_others_do_not() {
    let bearer = Daemon::start(Some("bearer:good-token")).await;
    let good = bearer.store(&KuboAuthorization::Bearer("good-token".to_owned()));
    let cid = good.add(blob(10)).await.unwrap();
    for bad in [KuboAuthorization::None, KuboAuthorization::Bearer("bad-token".to_owned())] {
        let refused = bearer.store(&bad).get(cid).await;
        assert!(matches!(&refused, Err(StoreError::Daemon { detail, .. }) if detail.starts_with("403")), "{refused:?}");
    }
    drop(bearer);
    let basic = Daemon::start(Some("basic:yufu:good-password")).await;
    let of = |password: &str| KuboAuthorization::Basic { user: "yufu".to_owned(), password: password.to_owned() };
    basic.store(&of("good-password")).add(blob(10)).await.unwrap();
    assert!(basic.store(&of("bad-password")).add(blob(10)).await.is_err());
}

/// Our gateway serves a Kubo store, and our client reads Kubo's own gateway.
#[tokio::test]
async fn gateways_and_clients_of_both_sides_understand_each_other() {
    let daemon = Daemon::start(None).await;
    let store = daemon.store(&KuboAuthorization::None);
    let anybody: Authorize = Arc::new(|_| async { Ok(()) }.boxed());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = format!("http://{}", listener.local_addr().unwrap());
    let app = router(Arc::new(store.clone()), anybody);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    for length in [10, CHUNK_BYTES, 2 * CHUNK_BYTES + 1] {
        let blob = blob(length);
        let cid = store.add(blob.clone()).await.unwrap();
        for url in [&ours, &daemon.gateway] {
            let client = GatewayClient::new(reqwest::Client::new(), url.parse().unwrap());
            assert_eq!(client.get(cid).await.unwrap(), blob, "{length} bytes from {url}");
        }
    }
}

/// REL-D6: a daemon that is away is an error that says so, at once.
#[tokio::test]
async fn a_daemon_that_is_away_is_named() {
    let daemon = Daemon::start(None).await;
    let store = daemon.store(&KuboAuthorization::None);
    let cid = store.add(blob(10)).await.unwrap();
    drop(daemon);
    let away = store.get(cid).await.unwrap_err();
    assert!(matches!(away, StoreError::Unreachable { .. }) && away.is_temporary(), "{away:?}");
}
