//! Nodes that keep only their last blocks, and what others can still get from them.

use crate::world::{EPOCH, Keeping, World, run_keeping, word};
use chain_node::{engine::types::Environment, history, node::Node, progress::Stall};
use commonware_runtime::{Storage as _, deterministic::Context};
use identity::canonical;
use ledger::{
    TrustRoot,
    cell::Subject,
    proof::{Answer, Proven, verify_answer},
    receipt::Receipt,
    transaction::Transaction,
};
use std::{num::NonZeroU64, time::Duration};

/// Blocks that a pruned node keeps here: more than an epoch.
const KEEP: u64 = 40;
/// Blocks that are kept where a node gets the state: more than are made while it does, also on a busy machine, where the clock of the test runs
/// ahead of its disk.
const LONG: u64 = 200;
const ITEMS: u64 = 16;

fn keeping(blocks: fn(&str) -> Option<u64>) -> Keeping {
    Keeping { items_per_file: NonZeroU64::new(ITEMS).unwrap(), blocks }
}

/// Follows a node from the genesis to its last epoch; nothing of it is believed.
async fn follow<E: Environment>(world: &World, node: &Node<E>) -> TrustRoot {
    let mut root = TrustRoot::from_genesis(world.genesis.genesis.clone()).unwrap();
    for epoch in 1..=*node.epochs.newest().borrow() {
        let Some((boundary, certificate)) = node.epoch_change(epoch).await else { break };
        let header = canonical::encode(&boundary.header);
        let (cell, body) = (Some(&boundary.cell[..]), Some(&boundary.body[..]));
        let answer = Answer { header: &header, certificate: &certificate, cell, body, proof: &boundary.proof };
        assert_eq!(root.follow(&answer).unwrap(), epoch);
    }
    root
}

async fn proven(world: &World, node: &Node<Context>, subject: &Subject) -> Proven {
    let value = node.reads.prove(&subject.key()).await.unwrap();
    let root = follow(world, node).await;
    let header = canonical::encode(&value.header);
    let body = match node.cell(subject).await {
        Some(cell) => Some(node.body(&cell).await),
        None => None,
    };
    let cell = value.cell.as_ref().map(|cell| &cell[..]);
    let answer = Answer { header: &header, certificate: &value.certificate, cell, body: body.as_deref(), proof: &value.proof };
    verify_answer(&root, subject, &answer).unwrap()
}

/// Waits until the node has let go of blocks and of the versions before them.
async fn pruned(world: &World, word: &str, below: u64) {
    for _ in 0..2_000 {
        let node = world.node(word);
        if node.reads.oldest() >= below && node.store.records_pruned_below().unwrap() >= below {
            return;
        }
        world.sleep(100).await;
    }
    panic!("{word} keeps blocks from {} on", world.node(word).reads.oldest());
}

/// How many files a node has of one sort.
async fn files(world: &World, word: &str, sort: &str) -> usize {
    let partition = format!("{}-{sort}", world.prefix(word));
    let mut count = 0;
    for partition in [format!("{partition}-blobs"), partition] {
        count += world.context.scan(&partition).await.map_or(0, |files| files.len());
    }
    count
}

/// Transactions and two decisions of the members, each of which supersedes records.
async fn live(world: &mut World) -> Vec<Transaction> {
    let mut load = Vec::new();
    for number in 0..4 {
        load.push(world.load(number).await);
    }
    for guest in ["guest-1", "guest-2"] {
        let observe = world.observe(guest, guest);
        world.decide(observe).await;
    }
    for transaction in &load {
        world.receipt(transaction).await;
    }
    load
}

/// X079, N048, I006: nodes that prune keep their last blocks, lose the older ones and the versions that no kept block needs, and still prove
/// every current fact, receipt and change of epoch to somebody with the genesis alone. An archive has everything.
#[test]
fn pruned_nodes_prove_everything_that_is_true_now_and_an_archive_has_the_rest() {
    run_keeping(4, 51, keeping(|word| (word != "validator-3").then_some(KEEP)), |mut world| async move {
        let load = live(&mut world).await;
        world.reach(&word(0), 260).await;
        for place in 0..3 {
            pruned(&world, &word(place), 96).await;
            let node = world.node(&word(place));
            let (oldest, tip) = (node.reads.oldest(), world.height(&word(place)));
            assert!(oldest % ITEMS == 0 && tip + 1 - oldest >= KEEP, "{oldest} of {tip}");
            assert!(node.reads.block(oldest - 1).await.is_none() && node.reads.block(oldest).await.is_some());
            assert!(!node.is_archive());
            assert_eq!(node.store.version(&Subject::Validators.key(), 1).unwrap(), None);
            let known = history::history(node, &Subject::Validators.key(), None, 100).await.unwrap().unwrap();
            assert!(known.pruned && known.next.is_none() && known.latest_version >= 3, "{known:?}");
            for transaction in &load {
                let fact = proven(&world, node, &Subject::Transaction(transaction.id())).await;
                let receipt: Receipt = canonical::decode(&fact.body.unwrap(), 10_000).unwrap();
                assert!(receipt.height < oldest && receipt.transaction == transaction.id());
            }
            assert!(proven(&world, node, &Subject::Validators).await.body.is_some());
            for sort in ["blocks-value", "blocks-key", "finalizations-value"] {
                let (here, there) = (files(&world, &word(place), sort).await, files(&world, &word(3), sort).await);
                assert!(here > 0 && here + 2 < there, "{here} files of {sort}, and an archive {there}");
            }
        }
        let archive = world.node(&word(3));
        assert!(archive.is_archive() && archive.reads.block(1).await.is_some());
        assert!(archive.store.version(&Subject::Validators.key(), 1).unwrap().is_some());
        assert!(!history::history(archive, &Subject::Validators.key(), None, 100).await.unwrap().unwrap().pruned);
        // All of them started again, on what they have.
        for place in 0..4 {
            world.kill(&word(place)).await;
        }
        for place in 0..4 {
            world.start(&word(place)).await;
        }
        for place in 0..4 {
            world.reach(&word(place), 150 + 3 * EPOCH).await;
        }
        pruned(&world, &word(0), 128).await;
        // Operations of the state go when there are more than the state's tree needs.
        world.reach(&word(0), 300).await;
        let (here, there) =
            (files(&world, &word(0), "state-operations").await, files(&world, &word(3), "state-operations").await);
        assert!(here > 0 && here + 8 < there, "{here} files of operations, and an archive {there}");
        assert!(proven(&world, world.node(&word(0)), &Subject::Transaction(load[0].id())).await.cell.is_some());
    });
}

/// REL-C6, N048: where every node prunes, one without data still gets the state, every record and every epoch since the genesis.
#[test]
fn a_wiped_node_gets_the_state_from_nodes_that_prune() {
    run_keeping(4, 52, keeping(|_| Some(LONG)), |mut world| async move {
        let load = live(&mut world).await;
        world.reach(&word(0), 150).await;
        pruned(&world, &word(0), 48).await;
        world.wipe(&word(3)).await;
        world.start_asking(&word(3), Some(Duration::from_secs(20))).await;
        let tip = world.height(&word(0));
        world.reach(&word(3), tip).await;
        let node = world.node(&word(3));
        assert!(node.reads.oldest() > 200 && !node.is_archive(), "it did not replay: {}", node.reads.oldest());
        for transaction in &load {
            assert!(proven(&world, node, &Subject::Transaction(transaction.id())).await.body.is_some());
        }
        // Its vote is needed once another is away.
        world.kill(&word(0)).await;
        world.reach(&word(3), tip + EPOCH).await;
    });
}

/// Z021, N048: a node that was away for longer than others keep their blocks catches up from an archive.
#[test]
fn a_node_late_beyond_what_others_keep_catches_up_from_an_archive() {
    run_keeping(5, 53, keeping(|word| (word != "validator-2").then_some(KEEP)), |mut world| async move {
        world.reach(&word(3), 5).await;
        world.kill(&word(3)).await;
        world.reach(&word(0), 110).await;
        for place in [0, 1, 4] {
            pruned(&world, &word(place), 48).await;
        }
        world.start(&word(3)).await;
        world.reach(&word(3), 120).await;
        let (late, archive) = (world.node(&word(3)), world.node(&word(2)));
        for height in [20, 119] {
            let digest = archive.reads.block(height).await.map(|block| block.inner().header().digest());
            let theirs = late.reads.block(height).await.map(|block| block.inner().header().digest());
            assert!(digest.is_some() && (theirs == digest || height < late.reads.oldest()), "block {height}");
        }
    });
}

/// Z021, N048: without an archive such a node says what it lacks and what to do, and doing that helps.
#[test]
fn without_an_archive_a_late_node_names_what_to_do_and_that_helps() {
    run_keeping(4, 54, keeping(|_| Some(LONG)), |mut world| async move {
        world.reach(&word(3), 5).await;
        world.kill(&word(3)).await;
        world.reach(&word(0), 240).await;
        for place in 0..3 {
            pruned(&world, &word(place), 32).await;
        }
        world.start(&word(3)).await;
        let own = world.height(&word(3));
        let stall = loop {
            world.sleep(500).await;
            let node = world.node(&word(3));
            match node.progress.check(commonware_runtime::Clock::current(&world.context)) {
                Err(stall @ Stall::Behind { .. }) => break stall,
                Ok(()) | Err(_) => assert!(world.height(&word(0)) < 2_000, "it does not say that it is behind"),
            }
        };
        assert!(matches!(stall, Stall::Behind { own: at, others } if at < EPOCH && at >= own && others > at), "{stall:?}");
        let text = stall.to_string();
        assert!(text.contains("an archive node") && text.contains("empty its data folder"), "{text}");
        assert!(world.height(&word(3)) < EPOCH);
        world.wipe(&word(3)).await;
        world.start_asking(&word(3), Some(Duration::from_secs(20))).await;
        let tip = world.height(&word(0));
        world.reach(&word(3), tip).await;
    });
}
