//! Looks at every block before anything acts on it: each must build on the one before. One that does not proves a fork.
//!
//! The engine would stop as well, with an assertion that nobody can act on. Here both histories are written down first. Assumes that
//! marshal delivers heights in order.

use super::{
    block::Block,
    types::{Digest, Environment, Finalization, Marshal},
};
use crate::fork::{Forks, Proof, Side};
use commonware_actor::Feedback;
use commonware_codec::Encode as _;
use commonware_consensus::{Block as _, Heightable as _, Reporter, marshal::Update, types::Height};
use commonware_cryptography::Digestible as _;
use commonware_utils::acknowledgement::Exact;
use data_encoding::BASE64URL_NOPAD;
use ledger::{Hash, block::Header, canonical};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// Blocks after the fork in which a certificate of the other history is looked for.
const UNCERTIFIED: u64 = 16;

/// A block that does not build on the last one.
struct Rival {
    /// The last block here.
    last: (u64, Digest),
    /// What the next block names as its parent.
    parent: Digest,
    /// Held, because marshal takes a dropped one for a node that ends.
    _acknowledgement: Exact,
}

/// A reporter in front of another.
#[derive(Clone)]
pub(super) struct Lineage<R> {
    inner: R,
    last: Arc<Mutex<Option<(u64, Digest)>>>,
    rivals: mpsc::UnboundedSender<Rival>,
}

impl<R> Lineage<R> {
    /// Passes on to `inner` what builds on what was passed on before; the first that does not goes to the other end.
    fn before(inner: R) -> (Self, mpsc::UnboundedReceiver<Rival>) {
        let (rivals, found) = mpsc::unbounded_channel();
        (Self { inner, last: Arc::default(), rivals }, found)
    }
}

impl<R: Reporter<Activity = Update<Block>>> Reporter for Lineage<R> {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        let Update::Block(block, acknowledgement) = update else {
            return self.inner.report(update);
        };
        let (height, digest, parent) = (block.height().get(), block.digest(), block.parent());
        let mut known = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match *known {
            Some(last) if height == last.0 + 1 && parent != last.1 => {
                // Nothing is acted on any more: whoever receives this stops the node.
                let _ = self.rivals.send(Rival { last, parent, _acknowledgement: acknowledgement });
                return Feedback::Ok;
            }
            Some(_) | None => *known = Some((height, digest)),
        }
        drop(known);
        self.inner.report(Update::Block(block, acknowledgement))
    }
}

/// Puts a guard before `reporter`: a fork ends the node with its proof in `forks`.
pub(super) fn watch<E, R>(context: &E, reporter: R, marshal: Marshal, forks: Forks) -> Lineage<R>
where
    E: Environment,
{
    let (lineage, rivals) = Lineage::before(reporter);
    context.child("lineage").spawn(|_| guard(rivals, marshal, forks));
    lineage
}

/// Waits for a fork, writes it down and ends the node.
///
/// # Panics
/// When the ledger is forked: there is nothing that a node could do but stop.
async fn guard(mut rivals: mpsc::UnboundedReceiver<Rival>, marshal: Marshal, forks: Forks) {
    let Some(rival) = rivals.recv().await else { return };
    let height = rival.last.0;
    let ours = side(&marshal, rival.last.1, height..=height).await;
    let theirs = side(&marshal, rival.parent, height + 1..=height + UNCERTIFIED).await;
    let proof = Proof::new(height, ours, theirs);
    let kept = match forks.keep(&proof) {
        Ok(Some(file)) => format!("both certificates are in {}", file.display()),
        Ok(None) => "both certificates are kept in memory".to_owned(),
        Err(error) => format!("both certificates could not be kept ({error}): {}", serde_json::json!(proof)),
    };
    tracing::error!(height, ours = proof.ours.digest, theirs = proof.theirs.digest, kept, "the ledger is forked");
    panic!("{}; {kept}", proof.what);
}

/// A history's headers of these heights, up to the first that has a certificate.
async fn side(marshal: &Marshal, at_fork: Digest, heights: impl Iterator<Item = u64>) -> Side {
    let mut headers: Vec<String> = Vec::new();
    for height in heights {
        let Some(block) = marshal.get_block(Height::new(height)).await else { break };
        let header: &Header = block.inner().header();
        headers.push(text(&canonical::encode(header)));
        let digest: Hash = header.digest();
        let finalization: Option<Finalization> = marshal.get_finalization(Height::new(height)).await;
        if let Some(finalization) = finalization.filter(|finalization| finalization.proposal.payload.0 == digest) {
            let certificate = Some(text(&finalization.encode()));
            return Side { digest: text(&at_fork.0), headers, certificate };
        }
    }
    Side { digest: text(&at_fork.0), headers, certificate: None }
}

fn text(bytes: &[u8]) -> String {
    BASE64URL_NOPAD.encode(bytes)
}
