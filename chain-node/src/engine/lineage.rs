//! Looks at every block before anything acts on it: each must build on the one before. One that does not proves a fork.
//!
//! The engine would stop as well, with an assertion that nobody can act on. Here both histories are written down first. Assumes that
//! marshal delivers heights in order, and has the last block that was passed on before the node stopped.

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

/// What the other end has to look into.
enum Seen {
    /// The first block since the node started names this parent.
    First(u64, Digest),
    /// A block that does not build on the last one.
    Rival(Rival),
}

/// A block that does not build on the last one.
struct Rival {
    /// The last block here.
    last: (u64, Digest),
    /// What the next block names as its parent.
    parent: Digest,
    /// Held, because marshal takes a dropped one for a node that ends.
    _acknowledgement: Option<Exact>,
}

/// What was passed on last.
enum Last {
    /// Nothing since the node started.
    Unknown,
    /// The block from before the start is being looked up; these wait for it.
    LookedUp(Vec<Update<Block>>),
    /// This block.
    Known(u64, Digest),
}

/// A reporter in front of another.
#[derive(Clone)]
pub(super) struct Lineage<R> {
    inner: R,
    last: Arc<Mutex<Last>>,
    seen: mpsc::UnboundedSender<Seen>,
}

impl<R: Reporter<Activity = Update<Block>>> Lineage<R> {
    /// Passes on to `inner` what builds on what was passed on before; the first that does not goes to the other end.
    fn before(inner: R) -> (Self, mpsc::UnboundedReceiver<Seen>) {
        let (seen, found) = mpsc::unbounded_channel();
        (Self { inner, last: Arc::new(Mutex::new(Last::Unknown)), seen }, found)
    }

    /// The first block builds on the one from before the start: it and what came since go on.
    fn go_on(&mut self) {
        let last = self.last.clone();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let Last::LookedUp(waiting) = std::mem::replace(&mut *last, Last::Unknown) else { return };
        for update in waiting {
            if let (Last::Unknown, Update::Block(block, _)) = (&*last, &update) {
                *last = Last::Known(block.height().get().saturating_sub(1), block.parent());
            }
            self.pass(&mut last, update);
        }
    }

    fn pass(&mut self, last: &mut Last, update: Update<Block>) -> Feedback {
        if let Last::LookedUp(waiting) = last {
            waiting.push(update);
            return Feedback::Ok;
        }
        let Update::Block(block, acknowledgement) = update else {
            return self.inner.report(update);
        };
        let (height, parent) = (block.height().get(), block.parent());
        match *last {
            // Nothing is acted on any more: whoever receives this stops the node.
            Last::Known(before, digest) if height == before + 1 && parent != digest => {
                let rival = Rival { last: (before, digest), parent, _acknowledgement: Some(acknowledgement) };
                let _ = self.seen.send(Seen::Rival(rival));
                return Feedback::Ok;
            }
            Last::Unknown if height > 0 => {
                let _ = self.seen.send(Seen::First(height - 1, parent));
                *last = Last::LookedUp(vec![Update::Block(block, acknowledgement)]);
                return Feedback::Ok;
            }
            Last::Known(..) | Last::Unknown | Last::LookedUp(_) => {}
        }
        *last = Last::Known(height, block.digest());
        self.inner.report(Update::Block(block, acknowledgement))
    }
}

impl<R: Reporter<Activity = Update<Block>>> Reporter for Lineage<R> {
    type Activity = Update<Block>;

    fn report(&mut self, update: Update<Block>) -> Feedback {
        let last = self.last.clone();
        let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
        self.pass(&mut last, update)
    }
}

/// Puts a guard before `reporter`: a fork ends the node with its proof in `forks`.
pub(super) fn watch<E, R>(context: &E, reporter: R, marshal: Marshal, forks: Forks) -> Lineage<R>
where
    E: Environment,
    R: Reporter<Activity = Update<Block>>,
{
    let (lineage, seen) = Lineage::before(reporter);
    let guarded = lineage.clone();
    context.child("lineage").spawn(|_| guard(guarded, seen, marshal, forks));
    lineage
}

/// Waits for a fork, writes it down and ends the node.
///
/// # Panics
/// When the ledger is forked: there is nothing that a node could do but stop.
async fn guard<R>(mut lineage: Lineage<R>, mut seen: mpsc::UnboundedReceiver<Seen>, marshal: Marshal, forks: Forks)
where
    R: Reporter<Activity = Update<Block>>,
{
    let rival = loop {
        match seen.recv().await {
            Some(Seen::Rival(rival)) => break rival,
            Some(Seen::First(height, parent)) => {
                // A node that took its state from others has no block before its first one.
                let before = marshal.get_block(Height::new(height)).await.map(|block| block.digest());
                match before {
                    Some(digest) if digest != parent => {
                        break Rival { last: (height, digest), parent, _acknowledgement: None };
                    }
                    Some(_) | None => lineage.go_on(),
                }
            }
            None => return,
        }
    };
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
