//! What a node does beside consensus: answers its neighbours' questions, finds out how far the ledger is when its vote guard
//! was lost, brings missing record bodies, settles the body store, and watches the disk.

use crate::{
    bodies::Bodies,
    disk::{Condition, Disk},
    engine::{
        certificate,
        epochs::Epochs,
        types::{Environment, PublicKey},
    },
    epoch_changes::EpochChange,
    guard::{Round, Start, VoteGuard},
    kill_points::{self, Point},
    neighbours::{self, Answer, BadTip, Certified, CheckTip, Outgoing, Question, Tip},
    node::Node,
    progress::Stall,
    store::{Store, StoreError},
};
use identity::canonical;
use ledger::{Hash, block::Header, cell::Cell};
use std::{sync::Arc, time::Duration};
use tokio::sync::mpsc;

/// How often the others are asked for their tip while this node may not vote.
const ASK_EVERY: Duration = Duration::from_millis(300);
/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often the journal of the body store is looked at.
const SETTLE_EVERY: Duration = Duration::from_millis(500);
/// How far below its tip a node looks for a block with a certificate of its own.
const UNCERTIFIED: u64 = 16;
/// Bytes of a header at most.
const MAX_HEADER_BYTES: usize = 1_024;

/// Checks tips against the validators of their epochs.
pub fn check_tips(epochs: Arc<Epochs>) -> CheckTip {
    Arc::new(move |tip: &Tip| {
        let header: Header = canonical::decode(&tip.header, MAX_HEADER_BYTES).map_err(|_| BadTip::False)?;
        // A node that is behind knows no later validators yet: what it cannot check it does not hold against anybody.
        let scheme = epochs.scheme(header.context.epoch).ok_or(BadTip::UnknownEpoch)?;
        if header.genesis != *epochs.genesis() || !certificate::holds(&scheme, &header, &tip.certificate) {
            return Err(BadTip::False);
        }
        let round = Round { epoch: header.context.epoch, view: header.context.view };
        Ok(Certified { height: header.height, round, certificate: tip.certificate.clone() })
    })
}

/// Answers questions until the node ends.
pub async fn answer<E: Environment>(
    node: Arc<Node<E>>,
    mut questions: mpsc::Receiver<(PublicKey, Question)>,
    outgoing: mpsc::Sender<Outgoing>,
) {
    while let Some((peer, question)) = questions.recv().await {
        let answer = match question {
            Question::Tip => match tip(&node).await {
                Ok(tip) => Answer::Tip(tip),
                // Blocks, and no certificate at hand: saying nothing is better than a wrong answer.
                Err(NoCertificate) => continue,
            },
            Question::Epoch(epoch) => Answer::Epoch(epoch, EpochChange::of(&node.store, epoch).expect("the store can be read")),
            Question::Bodies(hashes) => Answer::Bodies(neighbours::bodies(&node.store, &hashes)),
        };
        if outgoing.send(Outgoing::Answer(peer, answer)).await.is_err() {
            return;
        }
    }
}

struct NoCertificate;

async fn tip<E: Environment>(node: &Node<E>) -> Result<Option<Tip>, NoCertificate> {
    let tip = node.head.tip().borrow().clone();
    if tip.height == 0 {
        return Ok(None);
    }
    let encode = |header: &Header, certificate: &[u8]| {
        Ok(Some(Tip { header: canonical::encode(header), certificate: certificate.to_vec() }))
    };
    if let Some(certificate) = node.reads.certificate(&tip).await {
        return encode(&tip, &certificate);
    }
    for height in (tip.height.saturating_sub(UNCERTIFIED)..tip.height).rev().filter(|height| *height > 0) {
        let Some(block) = node.reads.block(height).await else { break };
        let header = block.inner().header();
        if let Some(certificate) = node.reads.certificate(header).await {
            return encode(header, &certificate);
        }
    }
    Err(NoCertificate)
}

/// A node whose vote guard was lost asks the others until as many have answered as a quorum needs beside it; then it may
/// vote after the latest round that any of them proved, and a margin. When all of them say that no block is final yet, the
/// ledger is new and it votes at once. Alone on its ledger, it has nobody to contradict.
pub async fn find_out_where_voting_begins<E: Environment>(
    clock: E,
    node: Arc<Node<E>>,
    guard: Arc<VoteGuard>,
    margin_views: u64,
) {
    let needed = node.peers.quorum().saturating_sub(1);
    while guard.start() == Start::AskOthers {
        let tips = node.neighbours.tips();
        if tips.len() >= needed {
            let own = node.head.tip().borrow().clone();
            let own = (own.height > 0 && needed > 0).then_some(Round { epoch: own.context.epoch, view: own.context.view });
            let highest = tips.into_values().flatten().map(|tip| tip.round).chain(own).max();
            guard.answered(highest, margin_views);
            return;
        }
        node.neighbours.ask_tips();
        clock.sleep(ASK_EVERY).await;
    }
}

/// Says so while this node stands still although another proves that the ledger went on: nobody near has the blocks that it lacks.
pub async fn watch_lateness<E: Environment>(clock: E, node: Arc<Node<E>>) {
    loop {
        clock.sleep(node.progress.patience()).await;
        let own = node.head.tip().borrow().height;
        let stall = node.progress.check(clock.current()).err();
        if !matches!(stall, Some(Stall::Starting | Stall::NoProgress(_) | Stall::Behind { .. })) {
            continue;
        }
        node.neighbours.ask_tips();
        let end = proved_end(&clock, &node, own).await;
        clock.sleep(LOOK_EVERY).await;
        let tips = node.neighbours.tips().into_values().flatten().map(|tip| tip.height);
        let others = tips.filter(|height| *height > own.saturating_add(UNCERTIFIED)).chain(end).max();
        if let Some(others) = others.filter(|_| node.head.tip().borrow().height == own) {
            if !matches!(stall, Some(Stall::Behind { .. })) {
                tracing::error!("{}", Stall::Behind { own, others });
            }
            node.progress.fell_behind(own, others);
        }
    }
}

/// The end of the epoch of this node's next block, if another proves that it is over: blocks of epochs after it prove nothing here.
async fn proved_end<E: Environment>(clock: &E, node: &Node<E>, own: u64) -> Option<u64> {
    let epoch = node.epochs.epoch_of(own.saturating_add(1));
    let last = node.epochs.last_height_of(epoch)?;
    let claims = node.neighbours.ask_epoch(clock, epoch.saturating_add(1), LOOK_EVERY).await;
    claims.into_iter().flatten().any(|claim| ended(node, &claim, epoch)).then_some(last)
}

/// Whether this claim proves that `epoch` is over, by the validators of that epoch.
fn ended<E: Environment>(node: &Node<E>, claim: &EpochChange, epoch: u64) -> bool {
    let (Some(scheme), Ok(boundary)) = (node.epochs.scheme(epoch), claim.boundary()) else { return false };
    boundary.header.context.epoch == epoch && certificate::holds(&scheme, &boundary.header, &claim.certificate)
}

/// Cells looked at together while bodies are completed.
const CELLS_TOGETHER: usize = 512;

/// After the state came from others: brings every body that it names, and the version that each cell has now. Reads wait for
/// the bodies that they need meanwhile; a second run finds what the first one left.
///
/// # Errors
/// When the store cannot be read or written.
pub async fn complete_bodies<E: Environment>(clock: E, node: Arc<Node<E>>) -> Result<(), StoreError> {
    let bodies = Bodies { store: node.store.clone(), neighbours: node.neighbours.clone() };
    let mut last: Option<Hash> = None;
    let (mut looked_at, mut fetched) = (0_usize, 0_usize);
    loop {
        let found = node.reads.cells_after(last.as_ref(), CELLS_TOGETHER).await;
        let Some((key, _)) = found.last() else { break };
        last = Some(*key);
        looked_at += found.len();
        let mut cells = Vec::with_capacity(found.len());
        let mut hashes = Vec::with_capacity(found.len());
        for (key, bytes) in found {
            let cell = Cell::from_bytes(&bytes).expect("the state holds encoded cells only");
            hashes.push(cell.body);
            cells.push((key, cell.version, bytes));
        }
        fetched += bodies.complete(&clock, &cells, &hashes).await?;
        kill_points::reach(Point::BodiesKept);
    }
    node.store.list_again()?;
    node.store.set_incomplete(false)?;
    tracing::info!(cells = looked_at, fetched, "every record body of the state is here");
    Ok(())
}

/// Brings what the journal of the body store has gathered into its tables, until the node ends. It works on the thread that it runs on.
///
/// # Errors
/// When the store cannot be written.
pub async fn settle<E: Environment>(clock: E, store: Arc<Store>) -> Result<(), StoreError> {
    loop {
        clock.sleep(SETTLE_EVERY).await;
        if store.is_worth_settling() {
            store.settle()?;
        }
    }
}

/// How far the machine's clock may be set back while a node runs.
const SET_BACK: Duration = Duration::from_secs(30);

/// Looks at the machine's clock until it is set back. Timers of the engine and the limits of what may be sent to a peer are moments of that
/// clock: after a step of a day this node would be silent for a day.
pub async fn watch_clock<E: Environment>(clock: E) {
    let began = (clock.current(), tokio::time::Instant::now());
    let mut ahead = Duration::ZERO;
    loop {
        clock.sleep(LOOK_EVERY).await;
        // Where the clock would be if nobody had set it, and how far ahead of that it was at most.
        let unset = began.0 + began.1.elapsed();
        let now = clock.current();
        let behind = (unset + ahead).duration_since(now).unwrap_or_default();
        if behind > SET_BACK {
            tracing::error!(
                seconds = behind.as_secs(),
                "this machine's clock was set back: the node stops; start it again so that its timers begin anew"
            );
            return;
        }
        ahead = ahead.max(now.duration_since(unset).unwrap_or_default());
    }
}

/// Looks at the disk until so little is free that the node must stop.
pub async fn watch_disk<E: Environment>(clock: E, disk: Arc<Disk>) -> Condition {
    loop {
        match disk.look() {
            Condition::Fine | Condition::Low { .. } | Condition::Failing(_) => clock.sleep(LOOK_EVERY).await,
            exhausted @ Condition::Exhausted { .. } => return exhausted,
        }
    }
}
