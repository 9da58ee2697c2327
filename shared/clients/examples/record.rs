//! Records the answers of a running node for `tests/chain.rs`, which replays them, true and changed.
//!
//! `record <node URL> <genesis.json>` on a fresh development ledger of one validator prints the recording. The genesis names the
//! authority `recorder`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clients::{ChainClient, ChainError, Random, http};
use identity::commitment::Commitment;
use identity::keys::{Algorithm, SecretKey};
use ledger::TrustRoot;
use ledger::canonical::encode;
use ledger::cell::Subject;
use ledger::genesis::Genesis;
use ledger::records::RecordId;
use ledger::transaction::{Anchor, Body, Sender, Transaction, TransactionId};
use serde_json::{Value, json};
use url::Url;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the recording belongs on standard output")]
async fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1);
    let (Some(node), Some(genesis)) = (arguments.next(), arguments.next()) else {
        return Err("usage: record <node URL> <genesis.json>".into());
    };
    let node: Url = node.parse()?;
    let genesis: Genesis = serde_json::from_slice(&std::fs::read(genesis)?)?;
    let root = TrustRoot::from_genesis(genesis.clone())?;
    let client = ChainClient::new(http::client()?, vec![node.clone()], root, Random::system());
    let key = SecretKey::from_bytes(Algorithm::Ed25519, &[1; 32])?;
    let sender = Sender::Key(key.public_key());
    let anchor = Anchor {
        id: RecordId([2; 32]),
        commitment: Commitment([3; 32]),
        cid: [b"\x01\x55\x12\x20".as_slice(), &[4; 32]].concat(),
    };
    let before = answer(&node, &Subject::Anchor(anchor.id)).await?;
    let applied = client.prepare(&key, sender, Body::AnchorAttributes(vec![anchor.clone()])).await?;
    client.submit_prepared(&applied).await?;
    let refused = client.prepare(&key, sender, Body::AnchorAttributes(vec![anchor.clone()])).await?;
    match client.submit_prepared(&refused).await {
        Err(ChainError::Refused(_)) => {}
        other => return Err(format!("the same anchor again should be refused: {other:?}").into()),
    }
    let recording = json!({
        "genesis": genesis,
        "anchor": URL_SAFE_NO_PAD.encode(anchor.id.0),
        "before": before,
        "after": answer(&node, &Subject::Anchor(anchor.id)).await?,
        "nothing": answer(&node, &Subject::Transaction(TransactionId([0; 32]))).await?,
        "authority": answer(&node, &Subject::Authority("recorder".parse()?)).await?,
        "applied": submitted(&node, &applied).await?,
        "refused": submitted(&node, &refused).await?,
    });
    println!("{}", serde_json::to_string_pretty(&recording)?);
    Ok(())
}

async fn answer(node: &Url, subject: &Subject) -> Outcome<Value> {
    let url = node.join(&format!("v1/state/{}", URL_SAFE_NO_PAD.encode(subject.key())))?;
    Ok(http::client()?.get(url).send().await?.error_for_status()?.json().await?)
}

async fn submitted(node: &Url, transaction: &Transaction) -> Outcome<Value> {
    let state = answer(node, &Subject::Transaction(transaction.id())).await?;
    Ok(json!({ "transaction": URL_SAFE_NO_PAD.encode(encode(transaction)), "state": state }))
}
