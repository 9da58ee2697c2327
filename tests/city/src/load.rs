//! Load on a ledger: transactions signed beforehand, each by a key of its own, sent on a few connections, and when each became final.
//!
//! Speaks HTTP/1.1 by hand and pipelines requests, so that what is measured is the nodes and not this client. Each transaction is a request of
//! its own unless [`Load::in_batches`] says how many may go together: then a request takes what is due already and waits for no more. What is
//! final is heard from nodes' event streams; a lost stream ends the measurement with an error.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use identity::canonical::{self, Hash};
use identity::keys::{Algorithm, SecretKey};
use ledger::transaction::{Body, Sender, Unsigned};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use wire::chain::{Finalized, MAX_SUBMITTED, SubmittedBatch};

use crate::configs::base64url;
use crate::observe::{anchor, now};
use crate::plan::entropy;

/// Blocks for which a transaction of the load is valid.
const EXPIRY_BLOCKS: u64 = 10_000;
/// Requests under way on one connection.
const PIPELINE: usize = 32;
/// How long the last requests of a stretch may take.
const SEND_LIMIT: Duration = Duration::from_secs(10);
/// Connections to each node.
const CONNECTIONS: usize = 4;

/// A signed transaction as it goes into a request.
pub struct Prepared {
    /// Its id.
    pub id: Hash,
    /// Its encoded bytes.
    pub bytes: usize,
    text: String,
}

impl Prepared {
    /// The JSON of a request of its own.
    pub fn body(&self) -> Vec<u8> {
        format!(r#"{{"transaction":"{}"}}"#, self.text).into_bytes()
    }
}

/// The bytes of one request.
fn request(transactions: &[Prepared]) -> Vec<u8> {
    let (path, json) = match transactions {
        [one] => ("", one.body()),
        several => {
            let texts: Vec<String> = several.iter().map(|one| format!(r#""{}""#, one.text)).collect();
            ("/batch", format!(r#"{{"transactions":[{}]}}"#, texts.join(",")).into_bytes())
        }
    };
    let head = format!("POST /v1/transactions{path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n");
    [format!("{head}content-length: {}\r\n\r\n", json.len()).into_bytes(), json].concat()
}

/// Signs `count` transactions, one anchor and one key each.
pub fn prepare(genesis: &Hash, height: u64, count: usize) -> Result<Vec<Prepared>> {
    let make = |sequence: u64| {
        let signer = SecretKey::from_bytes(Algorithm::Ed25519, &entropy()?)?;
        signed(genesis, height, &signer, Sender::Key(signer.public_key()), sequence)
    };
    (0..u64::try_from(count)?).map(make).collect()
}

/// Signs one transaction of a sender.
pub fn signed(genesis: &Hash, height: u64, signer: &SecretKey, sender: Sender, sequence: u64) -> Result<Prepared> {
    let body = Body::AnchorAttributes(vec![anchor()?]);
    let transaction = Unsigned { genesis: *genesis, sender, sequence, expiry_height: height + EXPIRY_BLOCKS, body }.sign(signer);
    let bytes = canonical::encode(&transaction);
    Ok(Prepared { id: transaction.id().0, bytes: bytes.len(), text: base64url(&bytes) })
}

/// What nodes said about finalized blocks.
#[derive(Default)]
struct Heard {
    /// When each transaction was sent.
    sent: HashMap<Hash, Instant>,
    /// From sending to being final on the first node.
    finality: Vec<Duration>,
    /// When blocks were heard from the first node, and how many transactions each held.
    blocks: Vec<(Instant, usize)>,
    /// From being proposed, by the leader's clock, to being final, on every node that is heard, in milliseconds.
    proposed_to_final_ms: Vec<u64>,
    /// The blocks' own times, in milliseconds.
    timestamps_ms: Vec<u64>,
}

/// Listens to nodes, and sends to them.
pub struct Load {
    nodes: Vec<u16>,
    heard: Arc<Mutex<Heard>>,
    outstanding: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    ended: Arc<AtomicBool>,
    listeners: Vec<tokio::task::JoinHandle<()>>,
    together: usize,
}

impl Drop for Load {
    fn drop(&mut self) {
        self.listeners.iter().for_each(tokio::task::JoinHandle::abort);
    }
}

/// What a stretch of load came to.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How long it was, in seconds.
    pub seconds: f64,
    /// Transactions that were sent, those of the warm-up too.
    pub sent: f64,
    /// Transactions that became final after the warm-up.
    pub finalized: usize,
    /// From sending to final on one node.
    pub finality: Vec<Duration>,
    /// Between blocks.
    pub intervals: Vec<Duration>,
    /// From proposed to final, on every node that was heard.
    pub proposed_to_final: Vec<Duration>,
    /// Transactions that a node did not take.
    pub refused: u64,
}

impl Outcome {
    /// Transactions per second.
    pub fn rate(&self) -> f64 {
        f64::from(u32::try_from(self.finalized).unwrap_or(u32::MAX)) / self.seconds
    }
}

impl Load {
    /// Listens to the event streams of `listened` and sends to `nodes` in turn; both are ports of RPC on this machine.
    pub async fn open(nodes: Vec<u16>, listened: &[u16]) -> Result<Self> {
        let heard = Arc::<Mutex<Heard>>::default();
        let (outstanding, ended) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let mut listeners = Vec::new();
        for (place, port) in listened.iter().enumerate() {
            let stream = subscribe(*port).await?;
            let (heard, outstanding, ended) = (heard.clone(), outstanding.clone(), ended.clone());
            listeners.push(tokio::spawn(async move {
                drop(listen(stream, place == 0, &heard, &outstanding).await);
                ended.store(true, Ordering::Relaxed);
            }));
        }
        Ok(Self { nodes, heard, outstanding, refused: Arc::default(), ended, listeners, together: 1 })
    }

    /// Sends up to so many transactions in one request, when as many are due.
    #[must_use]
    pub fn in_batches(mut self, of: usize) -> Self {
        self.together = of.clamp(1, MAX_SUBMITTED);
        self
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends at `rate` per second, or as fast as `window` unfinished ones allow, for `length` or until `supply` is empty; the first
    /// `warm_up` is not counted.
    pub async fn run(&self, supply: &mut Vec<Prepared>, pace: Pace, warm_up: Duration, length: Duration) -> Result<Outcome> {
        let started = now();
        let (sender, receiver) = async_queue();
        let workers: Vec<_> = self.nodes.iter().flat_map(|port| std::iter::repeat_n(*port, CONNECTIONS)).collect();
        let together = self.together;
        let workers = workers.into_iter().map(|port| tokio::spawn(work(port, receiver.clone(), together, self.refused.clone())));
        let workers: Vec<_> = workers.collect();
        drop(receiver);
        self.heard().sent.clear();
        self.outstanding.store(0, Ordering::Relaxed);
        let refused = self.refused.load(Ordering::Relaxed);
        let mut counted = None;
        let mut sent = 0.0;
        while started.elapsed() < warm_up + length && !supply.is_empty() {
            ensure!(!self.ended.load(Ordering::Relaxed), "an event stream ended during the load");
            if counted.is_none() && started.elapsed() >= warm_up {
                counted = Some((now(), self.marks()));
            }
            let due = match pace {
                Pace::Rate(rate) => rate * started.elapsed().as_secs_f64() - sent,
                Pace::Window(window) => window - f64::from(u32::try_from(self.outstanding.load(Ordering::Relaxed))?),
            };
            for _ in 0..whole(due) {
                let Some(next) = supply.pop() else { break };
                self.heard().sent.insert(next.id, now());
                self.outstanding.fetch_add(1, Ordering::Relaxed);
                sent += 1.0;
                sender.send(next).await.context("every connection ended")?;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(sender);
        let (since, marks) = counted.context("the load ended before it was warm: prepare more")?;
        let mut outcome = self.since(marks, since);
        outcome.sent = sent;
        outcome.refused = self.refused.load(Ordering::Relaxed) - refused;
        // What was counted as sent is sent, unless its node is gone.
        for worker in workers {
            drop(tokio::time::timeout(SEND_LIMIT, worker).await);
        }
        Ok(outcome)
    }

    fn marks(&self) -> (usize, usize, usize) {
        let heard = self.heard();
        (heard.finality.len(), heard.blocks.len(), heard.proposed_to_final_ms.len())
    }

    fn since(&self, (finality, blocks, proposed): (usize, usize, usize), since: Instant) -> Outcome {
        let heard = self.heard();
        let new: Vec<(Instant, usize)> = heard.blocks.iter().skip(blocks).copied().collect();
        let stamps: Vec<u64> = heard.timestamps_ms.iter().skip(blocks).copied().collect();
        let gaps = stamps.iter().zip(stamps.iter().skip(1)).map(|(a, b)| Duration::from_millis(b.saturating_sub(*a)));
        Outcome {
            seconds: since.elapsed().as_secs_f64(),
            finalized: new.iter().map(|(_, count)| count).sum(),
            finality: heard.finality.iter().skip(finality).copied().collect(),
            intervals: gaps.collect(),
            proposed_to_final: heard.proposed_to_final_ms.iter().skip(proposed).copied().map(Duration::from_millis).collect(),
            refused: 0,
            sent: 0.0,
        }
    }

    /// Waits until all that was sent is final; how many are not after `limit`.
    pub async fn drain(&self, limit: Duration) -> usize {
        let started = now();
        while started.elapsed() < limit && !self.heard().sent.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.heard().sent.len()
    }
}

/// How transactions are sent.
#[derive(Clone, Copy, Debug)]
pub enum Pace {
    /// So many per second, whatever becomes of them.
    Rate(f64),
    /// As many as keeps so many unfinished.
    Window(f64),
}

fn whole(due: f64) -> usize {
    // At most so many between two looks at the clock.
    (0..4_096).take_while(|count| f64::from(*count) + 1.0 <= due).count()
}

type Queue = Arc<tokio::sync::Mutex<tokio::sync::mpsc::Receiver<Prepared>>>;

fn async_queue() -> (tokio::sync::mpsc::Sender<Prepared>, Queue) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1_024);
    (sender, Arc::new(tokio::sync::Mutex::new(receiver)))
}

/// One connection: sends what comes, a few requests ahead of their answers.
async fn work(port: u16, queue: Queue, together: usize, refused: Arc<AtomicU64>) -> Result<()> {
    let stream = TcpStream::connect(("127.0.0.1", port)).await?;
    stream.set_nodelay(true)?;
    let (reading, mut writing) = stream.into_split();
    let mut reading = BufReader::new(reading);
    // How many transactions each request had that is not answered yet.
    let mut ahead = VecDeque::new();
    loop {
        let due = due(&queue, together).await;
        if due.is_empty() {
            break;
        }
        writing.write_all(&request(&due)).await?;
        ahead.push_back(u64::try_from(due.len())?);
        if ahead.len() >= PIPELINE {
            for count in ahead.drain(..PIPELINE / 2) {
                answer(&mut reading, count, &refused).await?;
            }
        }
    }
    for count in ahead {
        answer(&mut reading, count, &refused).await?;
    }
    Ok(())
}

/// What one request carries: the next that is due, and as many of those behind it as may go together; empty at the end.
async fn due(queue: &Queue, together: usize) -> Vec<Prepared> {
    let mut queue = queue.lock().await;
    let mut due: Vec<Prepared> = queue.recv().await.into_iter().collect();
    while !due.is_empty() && due.len() < together {
        match queue.try_recv() {
            Ok(next) => due.push(next),
            Err(_) => break,
        }
    }
    due
}

/// Reads the answer to a request of `count` transactions; counts those that were not taken.
async fn answer(reading: &mut (impl tokio::io::AsyncBufRead + Unpin), count: u64, refused: &AtomicU64) -> Result<()> {
    let mut line = String::new();
    reading.read_line(&mut line).await?;
    ensure!(line.starts_with("HTTP/1.1 "), "a node hung up");
    let taken = line.starts_with("HTTP/1.1 202");
    let mut length = 0;
    loop {
        line.clear();
        reading.read_line(&mut line).await?;
        let Some((name, value)) = line.split_once(':') else { break };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
    let mut body = vec![0; length];
    reading.read_exact(&mut body).await?;
    let missed = match (taken, count) {
        (false, count) => count,
        (true, 1) => 0,
        (true, _) => u64::try_from(serde_json::from_slice::<SubmittedBatch>(&body)?.refused.len())?,
    };
    refused.fetch_add(missed, Ordering::Relaxed);
    Ok(())
}

async fn subscribe(port: u16) -> Result<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.context("connecting to an event stream")?;
    stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: text/event-stream\r\n\r\n").await?;
    Ok(BufReader::new(stream))
}

async fn listen(mut stream: BufReader<TcpStream>, first: bool, heard: &Mutex<Heard>, outstanding: &AtomicU64) -> Result<()> {
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        ensure!(stream.read_until(b'\n', &mut bytes).await? > 0, "the stream ended");
        let Ok(line) = std::str::from_utf8(&bytes) else { continue };
        let Some(block) =
            line.trim_end().strip_prefix("data:").and_then(|data| serde_json::from_str::<Finalized>(data.trim()).ok())
        else {
            continue;
        };
        let (at, at_ms) = (now(), clients::Clock::system().now_ms());
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.proposed_to_final_ms.push(at_ms.saturating_sub(block.timestamp_ms));
        if first {
            heard.blocks.push((at, block.transactions.len()));
            heard.timestamps_ms.push(block.timestamp_ms);
            for id in &block.transactions {
                if let Some(sent) = heard.sent.remove(&id.0) {
                    outstanding.fetch_sub(1, Ordering::Relaxed);
                    heard.finality.push(at.duration_since(sent));
                }
            }
        }
    }
}
