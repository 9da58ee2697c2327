//! Four validators in virtual time: lossy links, a partition, and the same end from the same seed.

use crate::{create_identity, genesis, validator};
use chain_node::{
    config::{Consensus, Mempool},
    engine::{
        self,
        network::{Channels, Links},
        types::PublicKey,
    },
    genesis::Checked,
    node::{self, Node, Parts},
    store::Store,
};
use commonware_p2p::{
    Manager as _,
    simulated::{self, Link, Network, Oracle},
};
use commonware_runtime::{
    Clock as _, Quota, Runner as _, Supervisor as _,
    deterministic::{self, Context},
};
use commonware_utils::{NZU32, NZUsize, ordered::Set, probability};
use ledger::{Hash, transaction::Transaction};
use std::{num::NonZeroUsize, sync::Arc, time::Duration};

/// The links between validators: delays, jitter and lost messages.
async fn link(oracle: &Oracle<PublicKey, Context>, keys: &[PublicKey], connected: impl Fn(usize, usize) -> bool) {
    for (from, sender) in keys.iter().enumerate() {
        for (to, receiver) in keys.iter().enumerate().filter(|(to, _)| *to != from) {
            let _ = oracle.remove_link(sender.clone(), receiver.clone()).await;
            if connected(from, to) {
                let link = Link {
                    latency: Duration::from_millis(30),
                    jitter: Duration::from_millis(10),
                    success_rate: probability!(0.98),
                };
                oracle.add_link(sender.clone(), receiver.clone(), link).await.unwrap();
            }
        }
    }
}

async fn start_validator(
    context: &Context,
    oracle: &Oracle<PublicKey, Context>,
    genesis: &Checked,
    place: usize,
) -> Arc<Node<Context>> {
    let quota = Quota::per_second(NZU32!(256));
    let control = oracle.control(genesis.keys[place].clone());
    let channels = Channels {
        votes: control.register(0, quota).await.unwrap(),
        certificates: control.register(1, quota).await.unwrap(),
        resolver: control.register(2, quota).await.unwrap(),
        backfill: control.register(3, quota).await.unwrap(),
        broadcast: control.register(4, quota).await.unwrap(),
        state_sync: control.register(5, quota).await.unwrap(),
        probe: control.register(6, quota).await.unwrap(),
        mempool: control.register(7, quota).await.unwrap(),
    };
    let links = Links { channels, peers: oracle.manager(), blocker: control, directory: () };
    let parts = Parts {
        genesis: genesis.clone(),
        key: validator(place),
        store: Arc::new(Store::in_memory().unwrap()),
        consensus: Consensus::default(),
        mempool: Mempool::default(),
        partition: format!("validator-{place}"),
        protection: node::Protection::default(),
    };
    let context = context.child("validator").with_attribute("place", place);
    node::start(context, parts, links).await.unwrap().0
}

async fn wait_for(context: &Context, nodes: &[Arc<Node<Context>>], transaction: &Transaction) {
    for node in nodes {
        while node.receipt(&transaction.id()).await.is_none() {
            context.sleep(Duration::from_millis(100)).await;
        }
    }
}

/// Twenty transactions, half of them while as many validators are cut off as may be faulty; gives height, digest and state root of the block in
/// which the last one became final.
fn run(validators: usize, seed: u64) -> (u64, Hash, Hash) {
    let here = validators - (validators - 1) / 3;
    let config = deterministic::Config::new().with_seed(seed).with_timeout(Some(Duration::from_secs(600)));
    deterministic::Runner::new(config).start(|context| async move {
        let genesis = Checked::new(genesis(validators)).unwrap();
        let hash = genesis.genesis.hash();
        let (network, oracle) = Network::new(
            context.child("network"),
            simulated::Config {
                max_size: engine::max_message_size(u32::try_from(validators).unwrap()),
                max_peers_per_set: NonZeroUsize::new(validators).unwrap(),
                disconnect_on_block: true,
                tracked_peer_sets: NZUsize!(2),
            },
        );
        network.start();
        let _ = oracle.manager().track(0, Set::from_iter_dedup(genesis.keys.iter().cloned()));
        link(&oracle, &genesis.keys, |_, _| true).await;
        let mut nodes = Vec::new();
        for place in 0..validators {
            nodes.push(start_validator(&context, &oracle, &genesis, place).await);
        }
        for number in 0..10 {
            let transaction = create_identity(hash, number);
            nodes[usize::try_from(number).unwrap() % validators].submit(transaction.clone()).await.unwrap();
            wait_for(&context, &nodes, &transaction).await;
        }
        link(&oracle, &genesis.keys, |from, to| from < here && to < here).await;
        for number in 10..20 {
            nodes[0].submit(create_identity(hash, number)).await.unwrap();
        }
        let last = create_identity(hash, 19);
        wait_for(&context, &nodes[..here], &last).await;
        assert!(nodes[here].receipt(&last.id()).await.is_none(), "a validator that is cut off cannot know");
        link(&oracle, &genesis.keys, |_, _| true).await;
        wait_for(&context, &nodes, &last).await;

        let height = nodes[0].receipt(&last.id()).await.unwrap().height;
        let mut ends = Vec::new();
        for node in &nodes {
            let block = node.reads.block(height).await.unwrap();
            ends.push((height, block.inner().header().digest(), block.inner().header().state_root));
        }
        assert!(ends.iter().all(|end| *end == ends[0]), "seed {seed}: {ends:?}");
        ends[0]
    })
}

/// INV-I1, INV-I9, REL-C1, REL-C3: the same seed gives the same blocks and the same state, and every validator has them, the one
/// that was cut off included.
#[test]
fn the_same_seed_ends_in_the_same_block_and_state() {
    let mut ends = Vec::new();
    for seed in [1, 7, 42, 2026] {
        println!("seed {seed}");
        let end = run(4, seed);
        assert_eq!(end, run(4, seed), "seed {seed}");
        ends.push(end);
    }
    ends.dedup();
    assert_eq!(ends.len(), 4, "different seeds are different runs");
}

/// The reference city: 22 validators, 7 of them cut off for a while.
#[test]
fn twenty_two_validators_go_on_without_seven() {
    run(22, 5);
}
