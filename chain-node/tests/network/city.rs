//! A city of validators in a folder of its own, and a client that believes only the genesis.

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use identity::{
    Localized, PublicKey, SecretKey,
    canonical::{self, Hash},
    did::Inception,
    keys::Algorithm,
};
use ledger::{
    block::Header,
    cell::Subject,
    genesis::{Genesis, Validator},
    governance::{Fraction, Governance, Parameters, Placement},
    proof::{Answer, Proven, verify_answer},
    receipt::Receipt,
    records::AuthorityRecord,
    transaction::{Body, Sender, Transaction, Unsigned},
    trust::TrustRoot,
};
use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncBufReadExt as _, BufReader},
    process::{Child, Command},
    sync::{Mutex, MutexGuard},
    time::{Instant, timeout},
};
use wire::chain::{BlockAnswer, ProvenState, Status};

/// One city at a time: the machine that runs the tests is small.
static ALONE: Mutex<()> = Mutex::const_new(());
/// How long anything here may take.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

pub(crate) struct City {
    pub(crate) root: TrustRoot,
    nodes: Vec<Node>,
    http: reqwest::Client,
    dir: TempDir,
    _alone: Option<MutexGuard<'static, ()>>,
}

struct Node {
    config: PathBuf,
    log: PathBuf,
    url: String,
    admin: String,
    process: Option<Child>,
}

/// A key made from a word, so that a test can be run again.
pub(crate) fn key(word: &str) -> SecretKey {
    SecretKey::from_bytes(Algorithm::Ed25519, &Sha256::digest(word).into()).unwrap()
}

/// The consensus key of a validator of the city in this folder: no other's, because one key runs once on a machine, and the validators of
/// the test before may still be ending.
fn validator_key(name: &str, dir: &Path) -> SecretKey {
    key(&format!("{name} in {}", dir.display()))
}

impl City {
    /// Prepares `validators` validators without starting them.
    pub(crate) async fn prepare(validators: usize) -> Self {
        Self::prepare_with(validators, 100_000).await
    }

    /// Like [`Self::prepare`], with a limit on the requests per second of one client.
    pub(crate) async fn prepare_with(validators: usize, requests_per_second: u32) -> Self {
        Self::prepare_as(&here(validators), requests_per_second, |genesis| genesis).await
    }

    /// Prepares validators with these addresses, which are their own.
    pub(crate) async fn prepare_on(hosts: Vec<String>) -> Self {
        Self::prepare_as(&hosts, 100_000, |genesis| genesis).await
    }

    /// Prepares a ledger with epochs of so many blocks.
    pub(crate) async fn prepare_governed(validators: usize, epoch_blocks: u64) -> Self {
        let approval = Fraction { numerator: 2, denominator: 3 };
        let parameters = Parameters { approval, voting_blocks: 100, notice_blocks: 1, placement: Placement::Advisory };
        let governance = Some(Governance { epoch_blocks, parameters });
        Self::prepare_as(&here(validators), 100_000, |genesis| Genesis { governance, ..genesis }).await
    }

    /// Prepares validators with a genesis that is changed before anybody sees it.
    pub(crate) async fn prepare_of(validators: usize, change: impl FnOnce(Genesis) -> Genesis) -> Self {
        Self::prepare_as(&here(validators), 100_000, change).await
    }

    /// Gives a validator's console an address of its own, for its next start.
    pub(crate) fn own_console(&self, place: usize) -> String {
        let address = format!("127.0.0.1:{}", free_ports(1)[0]);
        self.configure(place, &format!("[console]\nlisten = \"{address}\"\n"));
        format!("http://{address}")
    }

    /// With a genesis that is changed before anybody sees it.
    async fn prepare_as(hosts: &[String], requests_per_second: u32, change: impl FnOnce(Genesis) -> Genesis) -> Self {
        let alone = ALONE.lock().await;
        Self { _alone: Some(alone), ..Self::prepare_beside(hosts, requests_per_second, change) }
    }

    fn prepare_beside(hosts: &[String], requests_per_second: u32, change: impl FnOnce(Genesis) -> Genesis) -> Self {
        let validators = hosts.len();
        let dir = tempfile::tempdir().unwrap();
        let names: Vec<String> = (1..=validators).map(|number| format!("validator-{number}")).collect();
        let genesis = change(genesis(&names, dir.path()));
        fs::write(dir.path().join("genesis.json"), serde_json::to_vec(&genesis).unwrap()).unwrap();
        let ports = free_ports(validators * 3);
        let peers: Vec<String> = names
            .iter()
            .zip(hosts.iter().zip(&ports))
            .map(|(name, (host, port))| format!("{{ name = \"{name}\", address = \"{host}:{port}\" }}"))
            .collect();
        let mut nodes = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let folder = dir.path().join(name);
            fs::create_dir(&folder).unwrap();
            let validator = validator_key(name, dir.path());
            fs::write(folder.join("key"), HEXLOWER.encode(&*validator.to_bytes())).unwrap();
            fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
            chain_node::guard::create(&folder.join("key.guard"), validator.public_key().as_bytes()).unwrap();
            let host = &hosts[place];
            let (p2p, rpc, admin) = (ports[place], ports[validators + place], ports[2 * validators + place]);
            let config = format!(
                "genesis = \"../genesis.json\"\nkey_file = \"key\"\ndata_dir = \"data\"\n\
                 [network]\nlisten = \"{host}:{p2p}\"\nallow_private_addresses = true\npeers = [{}]\n\
                 [rpc]\nlisten = \"{host}:{rpc}\"\nadmin_listen = \"{host}:{admin}\"\nrequests_per_second = {requests_per_second}\n",
                peers.join(", ")
            );
            fs::write(folder.join("config.toml"), config).unwrap();
            nodes.push(Node {
                config: folder.join("config.toml"),
                log: folder.join("log"),
                url: format!("http://{host}:{rpc}"),
                admin: format!("http://{host}:{admin}"),
                process: None,
            });
        }
        let root = TrustRoot::from_genesis(genesis).unwrap();
        Self { root, nodes, http: reqwest::Client::new(), dir, _alone: None }
    }

    /// Starts `validators` validators and waits until all serve and a block is final.
    pub(crate) async fn start(validators: usize) -> Self {
        Self::start_of(validators, |genesis| genesis).await
    }

    /// Like [`Self::start`], with a genesis that is changed before anybody sees it.
    pub(crate) async fn start_of(validators: usize, change: impl FnOnce(Genesis) -> Genesis) -> Self {
        Self::prepare_as(&here(validators), 100_000, change).await.serving().await
    }

    /// Another ledger of so many validators on the same machine.
    pub(crate) async fn start_beside(&self, validators: usize, change: impl FnOnce(Genesis) -> Genesis) -> Self {
        Self::prepare_beside(&here(validators), 100_000, change).serving().await
    }

    async fn serving(mut self) -> Self {
        for place in 0..self.nodes.len() {
            self.spawn(place).await;
        }
        for place in 0..self.nodes.len() {
            self.wait_until("a first block", async |city| city.height(place).await >= 1).await;
        }
        self
    }

    /// Starts one validator and waits for its READY line.
    pub(crate) async fn spawn(&mut self, place: usize) {
        self.spawn_under(place, &[]).await;
    }

    /// Starts one validator under another program and waits for its READY line.
    pub(crate) async fn spawn_under(&mut self, place: usize, program: &[&str]) {
        let started = self.launch(place, program).await;
        assert!(started, "the node ended: {}", self.log(place));
    }

    /// Starts one validator; false if it ends before it serves.
    pub(crate) async fn try_spawn(&mut self, place: usize) -> bool {
        self.launch(place, &[]).await
    }

    async fn launch(&mut self, place: usize, program: &[&str]) -> bool {
        let node = &mut self.nodes[place];
        let log = fs::OpenOptions::new().create(true).append(true).open(&node.log).unwrap();
        let words: Vec<&str> = [program, &[env!("CARGO_BIN_EXE_chain-node"), "run", "--config"]].concat();
        let mut process = Command::new(words[0])
            .args(&words[1..])
            .arg(&node.config)
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let Some(line) = timeout(LIMIT, lines.next_line()).await.expect("READY within the limit").unwrap() else {
            return false;
        };
        assert!(line.starts_with("READY {"), "{line}");
        node.process = Some(process);
        true
    }

    /// Whether a node that may end comes to a height within some seconds.
    pub(crate) async fn reaches(&self, place: usize, height: u64) -> bool {
        let deadline = Instant::now() + Duration::from_secs(15);
        while Instant::now() < deadline {
            match self.height_if_alive(place).await {
                Some(at) if at >= height => return true,
                Some(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                None => return false,
            }
        }
        false
    }

    /// The receipt that a node which may end gives.
    pub(crate) async fn receipt_if_alive(&self, place: usize, transaction: &Transaction) -> Option<Receipt> {
        let id = BASE64URL_NOPAD.encode(&transaction.id().0);
        let path = format!("{}/v1/transactions/{id}/receipt?wait_ms=5000", self.nodes[place].url);
        let (status, body) = self.get(path).await?;
        (status == StatusCode::OK).then(|| serde_json::from_slice(&body).unwrap())
    }

    /// The block that a node which may end gives.
    pub(crate) async fn block_if_alive(&self, place: usize, height: u64) -> Option<BlockAnswer> {
        let (status, body) = self.get(format!("{}/v1/blocks/{height}", self.nodes[place].url)).await?;
        (status == StatusCode::OK).then(|| serde_json::from_slice(&body).unwrap())
    }

    /// SIGKILL, also when it has ended already.
    pub(crate) async fn stop(&mut self, place: usize) {
        if let Some(mut process) = self.nodes[place].process.take() {
            let _ = process.kill().await;
        }
    }

    /// Starts another process with the same configuration and gives what it says on its way out.
    pub(crate) async fn second_process(&self, place: usize) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chain-node"));
        command.args(["run", "--config"]).arg(&self.nodes[place].config).kill_on_drop(true);
        let output = timeout(Duration::from_secs(20), command.output()).await.expect("it ends by itself").unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs a command of the program that must fail, and gives what it says.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chain-node"));
        let output = timeout(LIMIT, command.args(arguments).kill_on_drop(true).output()).await.expect("it ends").unwrap();
        assert!(!output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stderr).unwrap()
    }

    /// Runs a command of the program that must succeed, and gives its answer.
    pub(crate) async fn done(&self, arguments: &[&str]) -> Value {
        let mut command = Command::new(env!("CARGO_BIN_EXE_chain-node"));
        let output = timeout(LIMIT, command.args(arguments).kill_on_drop(true).output()).await.expect("it ends").unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// The consensus key of a validator.
    pub(crate) fn validator_key(&self, place: usize) -> SecretKey {
        validator_key(&format!("validator-{}", place + 1), self.dir.path())
    }

    /// The address of a validator's RPC.
    pub(crate) fn url(&self, place: usize) -> String {
        self.nodes[place].url.clone()
    }

    /// The folder of a validator: configuration, key, guard and data.
    pub(crate) fn folder(&self, place: usize) -> PathBuf {
        self.nodes[place].config.parent().unwrap().to_owned()
    }

    /// Adds lines to a validator's configuration, for its next start.
    pub(crate) fn configure(&self, place: usize, lines: &str) {
        let config = fs::read_to_string(&self.nodes[place].config).unwrap();
        fs::write(&self.nodes[place].config, format!("{config}{lines}")).unwrap();
    }

    /// The file of a validator's record bodies.
    pub(crate) fn bodies(&self, place: usize) -> PathBuf {
        self.nodes[place].config.with_file_name("data").join("bodies.redb")
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self, place: usize) {
        self.nodes[place].process.take().unwrap().kill().await.unwrap();
    }

    /// Sends a signal.
    pub(crate) async fn signal(&self, place: usize, signal: &str) {
        let id = self.nodes[place].process.as_ref().unwrap().id().unwrap().to_string();
        assert!(Command::new("kill").args([&format!("-{signal}"), &id]).status().await.unwrap().success());
    }

    /// Waits until the process ends by itself; gives the exit code.
    pub(crate) async fn ended(&mut self, place: usize) -> Option<i32> {
        let mut process = self.nodes[place].process.take().unwrap();
        timeout(LIMIT, process.wait()).await.expect("it ends by itself").unwrap().code()
    }

    /// SIGTERM; gives the exit code.
    pub(crate) async fn terminate(&mut self, place: usize) -> Option<i32> {
        self.signal(place, "TERM").await;
        let mut process = self.nodes[place].process.take().unwrap();
        timeout(Duration::from_secs(20), process.wait()).await.expect("stops in time").unwrap().code()
    }

    async fn get(&self, url: String) -> Option<(StatusCode, Vec<u8>)> {
        let answer = self.http.get(url).timeout(Duration::from_secs(15)).send().await.ok()?;
        let status = answer.status();
        Some((status, answer.bytes().await.ok()?.to_vec()))
    }

    pub(crate) async fn json<T: DeserializeOwned>(&self, place: usize, path: &str) -> (StatusCode, T) {
        let (status, body) = self.get(format!("{}{path}", self.nodes[place].url)).await.expect("the node answers");
        let json = serde_json::from_slice(&body);
        (status, json.unwrap_or_else(|error| panic!("{path}: {status} {error}: {}", String::from_utf8_lossy(&body))))
    }

    /// What a stream of events says until it holds `text`.
    pub(crate) async fn events_until(&self, place: usize, text: &str) -> String {
        let mut stream = self.http.get(format!("{}/v1/events", self.nodes[place].url)).send().await.unwrap();
        let mut heard = String::new();
        while !heard.contains(text) {
            let chunk = timeout(LIMIT, stream.chunk()).await.expect("an event within the limit").unwrap();
            heard.push_str(std::str::from_utf8(&chunk.expect("the stream goes on")).unwrap());
        }
        heard
    }

    /// A page of the console.
    pub(crate) async fn page(&self, place: usize, path: &str) -> (StatusCode, reqwest::header::HeaderMap, String) {
        let answer = self.http.get(format!("{}{path}", self.nodes[place].admin)).timeout(LIMIT).send().await.unwrap();
        (answer.status(), answer.headers().clone(), answer.text().await.unwrap())
    }

    pub(crate) async fn metrics(&self, place: usize) -> String {
        let (_, body) = self.get(format!("{}/metrics", self.nodes[place].admin)).await.expect("the node answers");
        String::from_utf8(body).unwrap()
    }

    pub(crate) async fn readyz(&self, place: usize) -> (StatusCode, Value) {
        let (status, body) = self.get(format!("{}/readyz", self.nodes[place].admin)).await.expect("the node answers");
        (status, serde_json::from_slice(&body).unwrap())
    }

    pub(crate) async fn status(&self, place: usize) -> Status {
        self.json(place, "/v1/status").await.1
    }

    pub(crate) async fn height(&self, place: usize) -> u64 {
        self.status(place).await.height
    }

    pub(crate) async fn block(&self, place: usize, height: u64) -> BlockAnswer {
        self.json(place, &format!("/v1/blocks/{height}")).await.1
    }

    /// Asks until it is so, or the limit is over.
    pub(crate) async fn wait_until(&self, what: &str, so: impl AsyncFn(&Self) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !so(self).await {
            assert!(Instant::now() < deadline, "no {what} within {LIMIT:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// A signed transaction of a key; every `sequence` makes another.
    pub(crate) async fn transaction(&self, signer: &SecretKey, sequence: u64, body: Body) -> Transaction {
        let alive = (0..self.nodes.len()).find(|place| self.nodes[*place].process.is_some()).unwrap();
        let height = self.height(alive).await;
        let sender = Sender::Key(signer.public_key());
        let unsigned = Unsigned { genesis: *self.root.hash(), sender, sequence, expiry_height: height + 1_000, body };
        unsigned.sign(signer)
    }

    /// The height of a node that may be gone.
    pub(crate) async fn height_if_alive(&self, place: usize) -> Option<u64> {
        let (_, body) = self.get(format!("{}/v1/status", self.nodes[place].url)).await?;
        Some(serde_json::from_slice::<Status>(&body).ok()?.height)
    }

    /// A transaction that creates an identity, made without asking a node.
    pub(crate) fn identity_at(&self, height: u64, word: &str) -> Transaction {
        let device = key(word);
        let inception = Inception {
            network: self.root.genesis().network.clone(),
            device: device.public_key(),
            recovery_commitment: Sha256::digest(word).into(),
        };
        let (sender, body) = (Sender::Key(device.public_key()), Body::CreateIdentity(inception));
        let unsigned = Unsigned { genesis: *self.root.hash(), sender, sequence: 1, expiry_height: height + 1_000, body };
        unsigned.sign(&device)
    }

    /// Submits to a node that may end at any moment; gives whether it acknowledged the transaction as final.
    pub(crate) async fn finalize_if_alive(&self, place: usize, transaction: &Transaction) -> bool {
        let url = format!("{}/v1/transactions", self.nodes[place].url);
        let body = serde_json::json!({ "transaction": BASE64URL_NOPAD.encode(&canonical::encode(transaction)) });
        if self.http.post(url).json(&body).timeout(LIMIT).send().await.is_err() {
            return false;
        }
        let id = BASE64URL_NOPAD.encode(&transaction.id().0);
        let path = format!("{}/v1/transactions/{id}/receipt?wait_ms=2000", self.nodes[place].url);
        self.get(path).await.is_some_and(|(status, _)| status == StatusCode::OK)
    }

    /// A transaction that creates an identity, and the identity.
    pub(crate) async fn new_identity(&self, word: &str) -> (Transaction, Inception) {
        let device = key(word);
        let inception = Inception {
            network: self.root.genesis().network.clone(),
            device: device.public_key(),
            recovery_commitment: Sha256::digest(word).into(),
        };
        (self.transaction(&device, 1, Body::CreateIdentity(inception.clone())).await, inception)
    }

    /// Submits to one node; gives status and body.
    pub(crate) async fn submit_bytes(&self, place: usize, bytes: &[u8]) -> (StatusCode, Value) {
        let url = format!("{}/v1/transactions", self.nodes[place].url);
        let body = serde_json::json!({ "transaction": BASE64URL_NOPAD.encode(bytes) });
        let answer = self.http.post(url).json(&body).timeout(LIMIT).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    /// Submits several texts to one node in one request; gives status and body.
    pub(crate) async fn submit_batch(&self, place: usize, texts: &[String]) -> (StatusCode, Value) {
        let url = format!("{}/v1/transactions/batch", self.nodes[place].url);
        let answer = self.http.post(url).json(&serde_json::json!({ "transactions": texts })).timeout(LIMIT).send().await.unwrap();
        let status = answer.status();
        (status, answer.json().await.unwrap())
    }

    pub(crate) async fn submit(&self, place: usize, transaction: &Transaction) {
        let (status, body) = self.submit_bytes(place, &canonical::encode(transaction)).await;
        assert_eq!(status, StatusCode::ACCEPTED, "{body}");
    }

    /// One request for a receipt, waiting up to `wait_ms`.
    pub(crate) async fn receipt(&self, place: usize, transaction: &Transaction, wait_ms: u64) -> Result<Receipt, Value> {
        let id = BASE64URL_NOPAD.encode(&transaction.id().0);
        let (status, body) = self.json::<Value>(place, &format!("/v1/transactions/{id}/receipt?wait_ms={wait_ms}")).await;
        if status == StatusCode::OK { Ok(serde_json::from_value(body).unwrap()) } else { Err(body) }
    }

    /// Submits and waits until it is final.
    pub(crate) async fn finalize(&self, place: usize, transaction: &Transaction) -> Receipt {
        self.submit(place, transaction).await;
        self.final_receipt(place, transaction).await
    }

    /// Waits until what was submitted is final.
    pub(crate) async fn final_receipt(&self, place: usize, transaction: &Transaction) -> Receipt {
        for _ in 0..6 {
            if let Ok(receipt) = self.receipt(place, transaction, 10_000).await {
                return receipt;
            }
        }
        panic!("not final within a minute")
    }

    /// What a node proves about a subject, checked with the genesis alone.
    pub(crate) async fn proven(&self, place: usize, subject: &Subject) -> Proven {
        let path = format!("/v1/state/{}", BASE64URL_NOPAD.encode(&subject.key()));
        let (status, answer) = self.json::<Value>(place, &path).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        let answer: ProvenState = serde_json::from_value(answer).unwrap();
        let decode = |text: &String| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let (cell, body) = (answer.cell.as_ref().map(decode), answer.body.as_ref().map(decode));
        let (header, certificate, proof) = (decode(&answer.header), decode(&answer.certificate), decode(&answer.proof));
        let answer =
            Answer { header: &header, certificate: &certificate, cell: cell.as_deref(), body: body.as_deref(), proof: &proof };
        verify_answer(&self.root, subject, &answer).unwrap()
    }

    /// Resident memory of each running validator, in MiB.
    pub(crate) fn resident_mib(&self) -> Vec<u64> {
        let running = self.nodes.iter().filter_map(|node| node.process.as_ref()?.id());
        let resident = running.map(|id| {
            let status = fs::read_to_string(format!("/proc/{id}/status")).unwrap();
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap().trim();
            line.split(' ').next().unwrap().parse::<u64>().unwrap() / 1024
        });
        resident.collect()
    }

    /// Processor time that each running validator has taken since it began, in milliseconds.
    pub(crate) fn processor_ms(&self) -> Vec<u64> {
        let running = self.nodes.iter().filter_map(|node| node.process.as_ref()?.id());
        let taken = running.map(|id| {
            let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
            // After the name in brackets; user and system time are fields 14 and 15, in hundredths of a second.
            let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
            fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap() * 10).sum()
        });
        taken.collect()
    }

    pub(crate) fn log(&self, place: usize) -> String {
        fs::read_to_string(&self.nodes[place].log).unwrap()
    }
}

/// The trust root after every change of validators that a node proves, from the genesis on: nothing of it is believed.
pub(crate) async fn follow(city: &City, place: usize) -> TrustRoot {
    let mut root = city.root.clone();
    for epoch in 1.. {
        let (status, answer) = city.json::<Value>(place, &format!("/v1/epochs/{epoch}")).await;
        if status != StatusCode::OK {
            assert_eq!(status, StatusCode::NOT_FOUND, "{answer}");
            break;
        }
        let change: ProvenState = serde_json::from_value(answer).unwrap();
        let decode = |text: &String| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let (cell, body) = (change.cell.as_ref().map(decode), change.body.as_ref().map(decode));
        let (header, certificate, proof) = (decode(&change.header), decode(&change.certificate), decode(&change.proof));
        let answer =
            Answer { header: &header, certificate: &certificate, cell: cell.as_deref(), body: body.as_deref(), proof: &proof };
        assert_eq!(root.follow(&answer).unwrap(), epoch);
    }
    root
}

fn genesis(names: &[String], dir: &Path) -> Genesis {
    let public = |word: &str| -> PublicKey { key(word).public_key() };
    Genesis {
        network: "test".parse().unwrap(),
        name: Localized::new("测试账本", "Test ledger"),
        started_at: 1_700_000_000,
        governance: None,
        validators: names
            .iter()
            .map(|name| Validator {
                name: name.clone(),
                authority: "e-government".parse().unwrap(),
                key: validator_key(name, dir).public_key(),
                cluster: "one".to_owned(),
                address: None,
            })
            .collect(),
        authorities: vec![AuthorityRecord {
            id: "e-government".parse().unwrap(),
            name: Localized::new("政务云", "E-government cloud"),
            ledger_keys: vec![public("e-government")],
            credential_keys: Vec::new(),
            reader_key: None,
            issuer_url: None,
            accredited_types: Vec::new(),
            may_sponsor: true,
        }],
    }
}

/// The addresses of validators that share this machine's.
fn here(validators: usize) -> Vec<String> {
    vec!["127.0.0.1".to_owned(); validators]
}

/// Ports that nobody listens on now.
fn free_ports(count: usize) -> Vec<u16> {
    let listeners: Vec<_> = (0..count).map(|_| std::net::TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect()
}

/// A block's header.
pub(crate) fn header(block: &BlockAnswer) -> Header {
    let bytes = BASE64URL_NOPAD.decode(block.block.as_bytes()).unwrap();
    canonical::decode::<ledger::block::Block>(&bytes, bytes.len()).unwrap().header
}

/// The digest that a block's header has.
pub(crate) fn digest(block: &BlockAnswer) -> Hash {
    header(block).digest()
}
