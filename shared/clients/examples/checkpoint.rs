//! Follows a ledger's validators from the genesis to today and prints a checkpoint, for somebody who trusts whoever runs this.
//!
//! `checkpoint <genesis.json> <node URL>…`: with more than one node, every change of validators is asked of two.

use clients::{ChainClient, Random, http};
use ledger::TrustRoot;
use ledger::genesis::Genesis;
use url::Url;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "the checkpoint belongs on standard output")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let genesis = arguments.next().ok_or("usage: checkpoint <genesis.json> <node URL>…")?;
    let nodes = arguments.map(|url| url.parse()).collect::<Result<Vec<Url>, _>>()?;
    let genesis: Genesis = serde_json::from_slice(&std::fs::read(genesis)?)?;
    let client = ChainClient::new(http::client()?, nodes, TrustRoot::from_genesis(genesis)?, Random::system());
    client.head().await?;
    println!("{}", serde_json::to_string_pretty(&client.followed_root().checkpoint())?);
    Ok(())
}
