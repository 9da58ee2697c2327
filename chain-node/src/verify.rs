//! The check of a stopped node's data folder: everything that is on the disk against everything else, and against the genesis.
//!
//! Believes the genesis only. Names the file and the height of the first fault of each kind it finds.

use crate::{
    engine::{
        Files,
        archive::{self, ArchiveFault, Ledger},
        block::Block,
        types::Environment,
    },
    epoch_changes::EpochChange,
    genesis::Checked,
    store::{Store, StoreError},
};
use commonware_cryptography::Digestible as _;
use ledger::{
    Hash,
    block::Header,
    cell::Cell,
    finality::{self, FinalityError},
    trust::TrustRoot,
};
use std::sync::Arc;

/// Blocks that a quick check reads at the end of the ledger.
pub const QUICK_BLOCKS: u64 = 1_000;
/// How far the state may be behind the last block: what the engine had not acknowledged when the node stopped.
const STATE_LAG: u64 = 64;
/// Heights between two reports.
const REPORT_EVERY: u64 = 10_000;

/// What is wrong with a data folder.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A file of the engine.
    #[error(transparent)]
    Archive(#[from] ArchiveFault),
    /// The body store.
    #[error("bodies.redb cannot be read: {0}")]
    Store(#[from] StoreError),
    /// Blocks are missing that were not pruned.
    #[error("blocks from height {kept} on are kept here and the first is {first}: those between are lost")]
    Lost {
        /// What pruning left.
        kept: u64,
        /// The first block here.
        first: u64,
    },
    /// Heights are missing between others.
    #[error("the blocks after height {0} are missing, and later ones are there")]
    Gap(u64),
    /// The body store knows a block that the archive has lost.
    #[error("the archive of blocks ends at height {last} and the records of height {recorded} are here: its end is lost")]
    Cut {
        /// The last block.
        last: u64,
        /// What the body store has.
        recorded: u64,
    },
    /// A block does not fit the one before, or the genesis.
    #[error("the block of height {height} is wrong: {reason}")]
    Block {
        /// Which block.
        height: u64,
        /// In which way.
        reason: &'static str,
    },
    /// A certificate does not hold.
    #[error("the certificate of height {height} does not hold: {error}")]
    Certificate {
        /// Which block.
        height: u64,
        /// Why.
        error: FinalityError,
    },
    /// The end of an epoch does not prove the validators of the next.
    #[error("what introduced epoch {epoch} is not proved: {reason}")]
    Epoch {
        /// The epoch.
        epoch: u64,
        /// Why.
        reason: String,
    },
    /// A record body, or a version, is damaged or missing.
    #[error("bodies.redb: {0}")]
    Bodies(String),
    /// The engine gave up on its own files.
    #[error("the engine cannot read its files: {0}")]
    Engine(String),
    /// The state is not that of any of the last blocks.
    #[error("the state on the disk is not the state of any of the last blocks (heights {from} to {to})")]
    State {
        /// The lowest height looked at.
        from: u64,
        /// The highest.
        to: u64,
    },
}

/// What a check has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Seen {
    /// The first block here.
    pub first: u64,
    /// Why there is none before it, and who has them; absent where the first is the genesis or follows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub older: Option<&'static str>,
    /// The last block here.
    pub last: u64,
    /// Blocks read.
    pub blocks: u64,
    /// Certificates checked.
    pub certificates: u64,
    /// Bodies checked.
    pub bodies: u64,
    /// Versions of cells checked.
    pub versions: u64,
    /// The height of the state on the disk.
    pub state: u64,
}

/// Checks links, heights, times, transactions and certificates of blocks as they come.
pub struct Chain<'a> {
    /// What introduced an epoch, as far as it is known.
    changes: &'a dyn Fn(u64) -> Option<EpochChange>,
    root: TrustRoot,
    genesis: Hash,
    tip: Option<Header>,
    /// The newest epoch whose validators are known.
    known: u64,
}

impl<'a> Chain<'a> {
    /// Begins with no block.
    ///
    /// # Panics
    /// When the genesis was not checked before.
    pub fn new(genesis: &Checked, changes: &'a dyn Fn(u64) -> Option<EpochChange>) -> Self {
        let root = TrustRoot::from_genesis(genesis.genesis.clone()).expect("a checked genesis is a trust root");
        Self { changes, genesis: *root.hash(), root, tip: None, known: 0 }
    }

    /// The last block.
    pub fn tip(&self) -> Option<&Header> {
        self.tip.as_ref()
    }

    /// The next block. Its transactions were checked against its header when it was decoded.
    ///
    /// # Errors
    /// When it does not follow the one before.
    pub fn next(&mut self, block: &Block, first: &Block) -> Result<(), Fault> {
        let header = block.header();
        let wrong = |reason| Fault::Block { height: header.height, reason };
        if header.genesis != self.genesis {
            return Err(wrong("it belongs to another ledger"));
        }
        match &self.tip {
            Some(parent) if header.height != parent.height + 1 => {
                return Err(wrong("its height does not follow the block before"));
            }
            Some(parent) if header.parent != parent.digest() => return Err(wrong("its parent is not the block before")),
            Some(parent) if header.timestamp_ms < parent.timestamp_ms => {
                return Err(wrong("its time is before the block before"));
            }
            None if header.height == 0 && block.digest() != first.digest() => {
                return Err(wrong("it is not the block of the genesis"));
            }
            Some(_) | None => {}
        }
        self.tip = Some(header.clone());
        Ok(())
    }

    /// The certificate of the last block.
    ///
    /// # Errors
    /// When it does not hold, or the way from the genesis to its validators is not proved.
    pub fn certificate(&mut self, certificate: &[u8]) -> Result<(), Fault> {
        let Some(header) = &self.tip else { return Ok(()) };
        while self.known < header.context.epoch {
            let epoch = self.known + 1;
            let change = (self.changes)(epoch).ok_or(Fault::Epoch { epoch, reason: "it is missing".to_owned() })?;
            let followed = change.follow(&mut self.root);
            (self.known, _) = followed.map_err(|error| Fault::Epoch { epoch, reason: error.to_string() })?;
        }
        finality::verify_certificate(&self.root, header, certificate)
            .map_err(|error| Fault::Certificate { height: header.height, error })
    }
}

/// Checks blocks, certificates and state; only the last blocks when `quick`.
///
/// # Errors
/// The first fault.
pub async fn ledger<E: Environment>(
    context: &E,
    files: &Files,
    (genesis, changes): (&Checked, &dyn Fn(u64) -> Option<EpochChange>),
    quick: bool,
    mut report: impl FnMut(u64),
) -> Result<Seen, Fault> {
    let archive = Ledger::open(context, files).await?;
    let mut seen = Seen::default();
    let ranges = archive.ranges();
    let (Some(&(first, _)), Some(&(_, last))) = (ranges.first(), ranges.last()) else { return Ok(seen) };
    // The genesis block stands alone where the state came from other validators.
    let mut parts = ranges.iter().filter(|range| **range != (0, 0));
    let begin = parts.next().map_or(first, |range| range.0);
    if let Some(gap) = parts.next() {
        return Err(Fault::Gap(gap.0.saturating_sub(1)));
    }
    (seen.first, seen.last) = (begin, last);
    let from = if quick { begin.max(last.saturating_sub(QUICK_BLOCKS)) } else { begin };
    let genesis_block = genesis.block::<E>();
    let mut chain = Chain::new(genesis, changes);
    let mut roots = Vec::new();
    for height in from..=last {
        let block: Arc<Block> = archive.block(height).await?.ok_or(Fault::Gap(height.saturating_sub(1)))?;
        chain.next(&block, &genesis_block)?;
        seen.blocks += 1;
        if let Some((digest, certificate)) = archive.certificate(height).await? {
            if digest != block.header().digest() {
                return Err(Fault::Block { height, reason: "its certificate is of another block" });
            }
            chain.certificate(&certificate)?;
            seen.certificates += 1;
        }
        if last - height < STATE_LAG {
            roots.push((height, block.header().state_root));
        }
        if height % REPORT_EVERY == 0 {
            report(height);
        }
    }
    drop(archive);
    let (root, operations) = archive::state_roots(context, files).await?;
    let of = roots.iter().rev().find(|(_, of)| *of == root).map(|(height, _)| *height);
    // After a restore nothing is executed yet: the state is the empty one that the genesis names.
    let of = of.or((operations == genesis_block.header().operations.root).then_some(0));
    let lowest = roots.first().map_or(last, |(height, _)| *height);
    seen.state = of.ok_or(Fault::State { from: lowest, to: last })?;
    Ok(seen)
}

/// Checks that blocks are missing only where that is right: before what is kept, or before the state that a node began with.
///
/// # Errors
/// When blocks are lost, or the state is that of the genesis although blocks were executed.
pub fn kept(store: &Store, seen: &mut Seen) -> Result<(), Fault> {
    let (kept, recorded) = (store.pruned_below()?, store.height()?);
    if seen.state == 0 && recorded > STATE_LAG {
        return Err(Fault::State { from: seen.last.saturating_sub(STATE_LAG), to: seen.last });
    }
    if kept > 0 && seen.first > kept {
        return Err(Fault::Lost { kept, first: seen.first });
    }
    seen.older = match seen.first {
        0 | 1 => None,
        _ if kept > 0 => Some("pruned here, because this node keeps only its last blocks: an archive node has them"),
        _ => Some("never here, because this node began with a state from other validators: an archive node has them"),
    };
    Ok(())
}

/// Checks every body by its hash, and that every version can be read and its body is there.
///
/// # Errors
/// The first fault.
pub fn bodies(store: &Store, seen: &mut Seen) -> Result<(), Fault> {
    if store.incomplete()? {
        return Err(Fault::Bodies(
            "the records of a synced state were not all brought: start the node and let it finish".to_owned(),
        ));
    }
    let recorded = store.height()?;
    if recorded > seen.last {
        return Err(Fault::Cut { last: seen.last, recorded });
    }
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    store.each_body(|hash, body| {
        seen.bodies += 1;
        if ledger::cell::body_hash(body) == *hash { Ok(()) } else { Err(Fault::Bodies(format!("body {} is damaged", hex(hash)))) }
    })?;
    store.each_version(|key, version, bytes| {
        seen.versions += 1;
        let cell = Cell::from_bytes(bytes)
            .map_err(|_| Fault::Bodies(format!("version {version} of state key {} is not a cell", hex(key))))?;
        if store.body(&cell.body)?.is_none() {
            return Err(Fault::Bodies(format!("body {} of state key {} is missing", hex(&cell.body), hex(key))));
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// REL-D3: what pruning left out is told from what is lost, and from a state that came from others.
    #[test]
    fn missing_blocks_are_pruned_never_here_or_lost() {
        let seen = |first: u64| Seen { first, last: 300, state: 300, ..Seen::default() };
        let (archive, pruned) = (Store::in_memory().unwrap(), Store::in_memory().unwrap());
        pruned.set_pruned_below(128).unwrap();
        let older = |store: &Store, first: u64| {
            let mut seen = seen(first);
            kept(store, &mut seen).map(|()| seen.older)
        };
        assert_eq!(older(&archive, 0).unwrap(), None);
        assert!(older(&archive, 40).unwrap().unwrap().starts_with("never here"));
        assert!(older(&pruned, 128).unwrap().unwrap().starts_with("pruned here"));
        assert!(matches!(older(&pruned, 192), Err(Fault::Lost { kept: 128, first: 192 })));
        archive.record(200, &crate::store::Additions::default()).unwrap();
        let mut unexecuted = Seen { state: 0, ..seen(0) };
        assert!(matches!(kept(&archive, &mut unexecuted), Err(Fault::State { .. })), "200 blocks were executed");
    }
}
