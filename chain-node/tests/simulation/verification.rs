//! What a validator does with a block before it votes: every rule that a leader could break, broken once.

use crate::{create_identity, genesis};
use chain_node::{
    engine::{
        application::Application,
        block::Block,
        epochs::Epochs,
        types::{Consensus, Databases, PublicKey},
    },
    genesis::Checked,
    head::Head,
    mempool::{Candidate, Limits, Mempool, Origin},
    store::Store,
};
use commonware_consensus::{
    marshal::ancestry,
    types::{Epoch, Round, View},
};
use commonware_cryptography::{Digested, Digestible as _};
use commonware_glue::stateful::{Application as _, Finality, Input, db::DatabaseSet as _};
use commonware_parallel::Sequential;
use commonware_runtime::{
    Runner as _, Supervisor as _,
    buffer::paged::CacheRef,
    deterministic::{Context, Runner},
};
use commonware_storage::{
    journal::contiguous::fixed::Config as LogConfig, mmr::full::Config as TreeConfig, qmdb::current::FixedConfig,
    translator::EightCap,
};
use commonware_utils::{NZU16, NZU64, NZUsize};
use ledger::{block::transactions_root, encoded::Encoded, transaction::Transaction};
use std::sync::Arc;

struct Validator {
    context: Context,
    application: Application,
    mempool: Arc<Mempool>,
    state: Databases<Context>,
    genesis: Block,
    leader: PublicKey,
}

fn state_config(name: &str) -> FixedConfig<EightCap, Sequential> {
    let page_cache = CacheRef::new(NZU16!(1_024), NZUsize!(64));
    let buffer = NZUsize!(4_096);
    FixedConfig {
        merkle_config: TreeConfig {
            journal_partition: format!("{name}-nodes"),
            metadata_partition: format!("{name}-boundary"),
            items_per_blob: NZU64!(64),
            write_buffer: buffer,
            replay_buffer: buffer,
            strategy: Sequential,
            page_cache: page_cache.clone(),
        },
        journal_config: LogConfig {
            partition: format!("{name}-operations"),
            items_per_blob: NZU64!(64),
            page_cache,
            write_buffer: buffer,
            replay_buffer: buffer,
        },
        grafted_metadata_partition: format!("{name}-grafted"),
        translator: EightCap,
        init_cache: None,
        init_buffer: buffer,
        init_concurrency: (),
    }
}

impl Validator {
    async fn new(context: Context, name: &str) -> Self {
        let checked = Checked::new(genesis(4)).unwrap();
        let block = checked.block::<Context>();
        let mempool = Arc::new(Mempool::new(Limits { transactions: 100, bytes: 1_000_000, per_sender: 10 }));
        let head = Arc::new(Head::new(block.header().clone()));
        let store = Arc::new(Store::in_memory().unwrap());
        let epochs = Arc::new(Epochs::open(&checked, crate::validator(0), store.clone(), None));
        let application = Application::new(checked.genesis.clone(), block.clone(), store, mempool.clone(), head, epochs);
        let state = Databases::<Context>::init(context.child("state"), state_config(name), None).await;
        Self { context, application, mempool, state, genesis: block, leader: checked.keys[0].clone() }
    }

    fn consensus(&self) -> Consensus {
        let round = Round::new(Epoch::zero(), View::new(1));
        Consensus { round, leader: self.leader.clone(), parent: (View::zero(), self.genesis.digest()) }
    }

    fn wait(&self, transaction: &Transaction) {
        let candidate = Candidate {
            id: transaction.id().0,
            sender: [0; 32],
            expires_at: 1_000,
            bytes: 300,
            transaction: Arc::new(Encoded::new(transaction.clone())),
        };
        self.mempool.insert(candidate, Origin::Local).unwrap();
    }

    /// The block that this validator would propose on the genesis.
    async fn propose(&mut self) -> Block {
        let context = (self.context.child("propose"), self.consensus());
        let parent = ancestry::from_iter([digested(&self.genesis)]);
        let batch = self.state.new_batches().await;
        let proposed = self.application.propose(context, parent, batch, Input { upstream: (), provider: () }).await;
        proposed.unwrap().block
    }

    /// Whether it accepts a block on the genesis.
    async fn accepts(&mut self, block: &Block, finality: Finality) -> bool {
        let context = (self.context.child("process"), self.consensus());
        let line = ancestry::from_iter([digested(block), digested(&self.genesis)]);
        let batch = self.state.new_batches().await;
        self.application.process(context, line, batch, finality).await.is_some()
    }
}

fn digested(block: &Block) -> Digested<Block> {
    Digested::precomputed(block.clone(), block.digest())
}

/// The same block after `change`, with a body that its header commits to.
fn changed(block: &Block, change: impl FnOnce(&mut ledger::block::Block)) -> Block {
    let mut block = block.ledger().clone();
    change(&mut block);
    let leaves: Vec<_> = block.transactions.iter().map(Transaction::leaf).collect();
    block.header.transactions_root = transactions_root(&leaves);
    Block::new(block).unwrap()
}

/// REL-B4, SEC-C1: a leader that breaks a rule gets no vote for the block.
#[test]
fn a_block_that_breaks_a_rule_is_not_accepted() {
    Runner::default().start(|context| async move {
        let mut leader = Validator::new(context.child("leader"), "leader").await;
        let hash = genesis(4).hash();
        leader.wait(&create_identity(hash, 1));
        leader.wait(&create_identity(hash, 2));
        let good = leader.propose().await;
        assert_eq!(good.transactions().len(), 2);

        // Another validator, which has seen none of the transactions.
        let mut voter = Validator::new(context.child("voter"), "voter").await;
        assert!(voter.accepts(&good, Finality::Candidate).await);
        assert!(voter.accepts(&good, Finality::Finalized).await);

        let forged: [(&str, Block); 8] = [
            (
                "a forged signature",
                changed(&good, |block| {
                    block.transactions[0].signature = block.transactions[1].signature;
                }),
            ),
            (
                "another ledger's transaction",
                changed(&good, |block| {
                    block.transactions[0] = create_identity([1; 32], 1);
                }),
            ),
            ("a transaction left out", changed(&good, |block| drop(block.transactions.pop()))),
            (
                "a transaction twice",
                changed(&good, |block| {
                    let again = block.transactions[0].clone();
                    block.transactions.push(again);
                }),
            ),
            ("another state root", changed(&good, |block| block.header.state_root = [1; 32])),
            ("another operations root", changed(&good, |block| block.header.operations.root = [1; 32])),
            ("another operations range", changed(&good, |block| block.header.operations.end += 1)),
            ("another genesis", changed(&good, |block| block.header.genesis = [1; 32])),
        ];
        for (what, block) in forged {
            assert!(!voter.accepts(&block, Finality::Candidate).await, "{what}");
        }
        for (later_ms, accepted) in [(0, true), (1, false)] {
            voter.genesis = changed(&leader.genesis, |block| block.header.timestamp_ms = good.timestamp_ms() + later_ms);
            let parent = voter.genesis.digest().0;
            let block = changed(&good, |block| block.header.parent = parent);
            assert_eq!(voter.accepts(&block, Finality::Candidate).await, accepted, "{later_ms} ms before its parent");
        }
    });
}
