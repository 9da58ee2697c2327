//! What a drill looks at: what each node says of itself, what a client gets proven, and what the machine spends.
//!
//! What was acknowledged during drills is written down in the city's directory, so that a later drill can ask for all of it again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use clients::chain::ChainClient;
use identity::CommitmentKey;
use identity::keys::{Algorithm, SecretKey};
use ledger::records::RecordId;
use ledger::transaction::{ANCHOR_CONTEXT, Anchor, Body, Sender};
use serde::{Deserialize, Serialize};
use wire::chain::{BlockAnswer, Status};

use crate::plan::{Plan, entropy, loopback};
use crate::world;

/// How long a node may take to say how it is.
const ANSWER_LIMIT: Duration = Duration::from_secs(3);
/// How long a transaction of a drill may take until it is final.
pub const FINALITY_LIMIT: Duration = Duration::from_secs(60);
/// How often something is asked again that is not so yet.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Asks the nodes of a city.
#[derive(Clone)]
pub struct Observer {
    plan: Plan,
    http: reqwest::Client,
}

impl Observer {
    /// An observer of a city.
    pub fn of(plan: &Plan) -> Result<Self> {
        Ok(Self { plan: plan.clone(), http: reqwest::Client::builder().timeout(ANSWER_LIMIT).build()? })
    }

    /// What a node says of itself and the others.
    pub async fn status(&self, name: &str) -> Result<Status> {
        let validator = self.plan.validators.iter().find(|v| v.name == name).with_context(|| format!("no validator {name}"))?;
        let url = format!("{}/v1/status", loopback(validator.ports.main));
        Ok(self.http.get(url).send().await?.error_for_status()?.json().await?)
    }

    /// The finalized heights of those that answer.
    pub async fn heights(&self, names: &[String]) -> BTreeMap<String, u64> {
        let asked = names.iter().map(async |name| Some((name.clone(), self.status(name).await.ok()?.height)));
        futures::future::join_all(asked).await.into_iter().flatten().collect()
    }

    /// A node's block at a height.
    pub async fn block(&self, name: &str, height: u64) -> Result<ledger::block::Block> {
        Ok(self.certified(name, height).await?.0)
    }

    /// A node's block at a height, with the certificate that it has of its own.
    pub async fn certified(&self, name: &str, height: u64) -> Result<(ledger::block::Block, Option<Vec<u8>>)> {
        let validator = self.plan.validators.iter().find(|v| v.name == name).with_context(|| format!("no validator {name}"))?;
        let url = format!("{}/v1/blocks/{height}", loopback(validator.ports.main));
        let answer: BlockAnswer = self.http.get(url).send().await?.error_for_status()?.json().await?;
        let bytes = crate::configs::from_base64url(&answer.block)?;
        let block =
            identity::canonical::decode(&bytes, ledger::limits::MAX_BLOCK_BYTES).context("the node's block is no block")?;
        let certificate = answer.certificate.as_deref().map(crate::configs::from_base64url).transpose()?;
        Ok((block, certificate))
    }

    /// Waits until a node has finalized a height; says how long it took.
    pub async fn reaches(&self, name: &str, height: u64, limit: Duration) -> Result<Duration> {
        let started = now();
        let reached = async {
            while !self.status(name).await.is_ok_and(|status| status.height >= height) {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let reached = tokio::time::timeout(limit, reached).await;
        reached.with_context(|| format!("{name} had not finalized height {height} after {limit:?}"))?;
        Ok(started.elapsed())
    }

    /// Waits until a node that took its state from others has every record of it on its disk.
    pub async fn has_every_record(&self, name: &str, limit: Duration) -> Result<()> {
        let complete = async {
            while !self.status(name).await.is_ok_and(|status| status.complete) {
                tokio::time::sleep(ASK_AGAIN).await;
            }
        };
        let complete = tokio::time::timeout(limit, complete).await;
        complete.with_context(|| format!("{name} had not every record of its state after {limit:?}"))
    }

    /// Whether the named nodes have the same block at each of the heights, as far as they keep them; the first difference otherwise.
    pub async fn same_blocks(&self, names: &[String], heights: impl IntoIterator<Item = u64>) -> Result<()> {
        for height in heights {
            let mut first: Option<(&str, [u8; 32])> = None;
            for name in names {
                let digest = self.block(name, height).await.with_context(|| format!("block {height} of {name}"))?.header.digest();
                match first {
                    Some((other, known)) => {
                        ensure!(known == digest, "{other} and {name} have different blocks at height {height}")
                    }
                    None => first = Some((name, digest)),
                }
            }
        }
        Ok(())
    }
}

/// Anchors that the ledger acknowledged while drills ran.
#[derive(Default, Serialize, Deserialize)]
struct Book(Vec<RecordId>);

/// Writes to the ledger through some of its nodes, remembers what was acknowledged, and asks for it again.
pub struct Writer {
    chain: ChainClient,
    book: PathBuf,
}

impl Writer {
    /// A writer that talks only to the named validators.
    pub fn through(plan: &Plan, names: &[String]) -> Result<Self> {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let chain = world::chain_of(plan, &names)?.with_finality_timeout(FINALITY_LIMIT);
        Ok(Self { chain, book: plan.directory().join("drills.json") })
    }

    /// The same writer with another limit on the wait.
    pub fn within(self, limit: Duration) -> Self {
        Self { chain: self.chain.with_finality_timeout(limit), ..self }
    }

    /// Anchors something and waits for its proven receipt; says how long that took.
    pub async fn write(&self) -> Result<Duration> {
        let signer = SecretKey::from_bytes(Algorithm::Ed25519, &entropy()?)?;
        let anchor = anchor()?;
        let id = anchor.id;
        let sender = Sender::Key(signer.public_key());
        let prepared = self.chain.prepare(&signer, sender, Body::AnchorAttributes(vec![anchor])).await?;
        let started = now();
        self.chain.submit_prepared(&prepared).await?;
        let took = started.elapsed();
        let mut book = self.read()?;
        book.0.push(id);
        std::fs::write(&self.book, serde_json::to_vec(&book)?)?;
        Ok(took)
    }

    /// Several, one after the other.
    pub async fn write_several(&self, count: usize) -> Result<Vec<Duration>> {
        let mut times = Vec::new();
        for _ in 0..count {
            times.push(self.write().await?);
        }
        Ok(times)
    }

    /// How many anchors were ever acknowledged in drills, all of them proven to be there still.
    pub async fn all_stand(&self) -> Result<usize> {
        let book = self.read()?;
        for id in &book.0 {
            let found = self.chain.anchor(id).await?;
            ensure!(found.value.is_some(), "an acknowledged anchor is gone");
        }
        Ok(book.0.len())
    }

    fn read(&self) -> Result<Book> {
        if !self.book.exists() {
            return Ok(Book::default());
        }
        Ok(serde_json::from_slice(&std::fs::read(&self.book)?)?)
    }
}

/// An anchor of nothing in particular.
pub fn anchor() -> Result<Anchor> {
    let commitment = CommitmentKey::from_entropy(entropy()?).commit(ANCHOR_CONTEXT, &entropy::<32>()?);
    // A CIDv1 of a raw block: version, codec, SHA-256 multihash.
    let cid = [[1, 0x55, 0x12, 0x20].as_slice(), entropy::<32>()?.as_slice()].concat();
    Ok(Anchor { id: RecordId(entropy()?), commitment, cid })
}

/// A percentile of some times, in milliseconds.
pub fn percentile(times: &[Duration], percent: usize) -> f64 {
    let mut times = times.to_vec();
    times.sort_unstable();
    let at = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times.get(at).map_or(f64::NAN, |time| time.as_secs_f64() * 1_000.0)
}

/// Resident memory of a process, in MiB.
pub fn resident_mib(pid: u32) -> Result<f64> {
    let status =
        std::fs::read_to_string(format!("/proc/{pid}/status")).with_context(|| format!("reading the memory of {pid}"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS in /proc")?;
    Ok(line.trim().trim_end_matches(" kB").trim().parse::<f64>()? / 1024.0)
}

/// Processor time that a process has used, in seconds.
pub fn processor_seconds(pid: u32) -> Result<f64> {
    /// Linux counts in hundredths of a second whatever the kernel's own clock (`getconf CLK_TCK`).
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).with_context(|| format!("reading the times of {pid}"))?;
    // The program's name stands in brackets and may hold anything: fields are counted behind it.
    let (_, fields) = stat.rsplit_once(')').context("/proc/…/stat has no name")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("/proc/…/stat is short")?.parse()?) };
    Ok((ticks()? + ticks()?) / TICKS_PER_SECOND)
}

/// The moment.
#[expect(clippy::disallowed_methods, reason = "drills and measurements read the clock")]
pub fn now() -> Instant {
    Instant::now()
}
