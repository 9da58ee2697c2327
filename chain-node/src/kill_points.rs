//! Places at which a test ends this process, as a power cut would at that very moment.
//!
//! They do something only with the feature `faults`, which no build that is shipped has: without it every function here is empty, and
//! the program has neither the names nor the variables. With it a node says so when it starts, and is ended by
//! `CHAIN_NODE_KILL_AT=NAME:HITS` the given time that it comes to the place. It refuses to start with a name that is none.

/// A place at which the process can be ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// This leader has built its block; nobody else has it.
    BlockProposed,
    /// A first vote is in the journal and not sent.
    NotarizeWritten,
    /// A vote for giving up the view is in the journal and not sent.
    NullifyWritten,
    /// A second vote is in the journal and not sent.
    FinalizeWritten,
    /// A first vote was sent a moment ago; no block was committed since.
    NotarizeSent,
    /// A vote for giving up the view was sent a moment ago.
    NullifySent,
    /// A second vote was sent a moment ago; no block was committed since.
    FinalizeSent,
    /// A block is final, and nothing of it is in the store.
    CommitBegins,
    /// A block is in the store's journal and not synced.
    StoreWritten,
    /// The store has a block that the engine has not acknowledged.
    StoreCommitted,
    /// The next epoch's members are stored; its engine has not started.
    EpochStored,
    /// The next epoch's engine has started; the last block of the epoch before is not acknowledged.
    EpochEntered,
    /// A node without data has chosen the block whose state it begins with, and has none of that state.
    SyncBegun,
    /// The first operations of that state have come.
    StateArrives,
    /// Record bodies have come and are not on the disk.
    BodiesFetched,
    /// Some record bodies are on the disk, and the note still says that not all are.
    BodiesKept,
    /// A small file is written beside the one that it replaces: a record of the vote guard, while a node votes.
    FileBeside,
    /// The token in the data folder is a step ahead of the vote guard.
    GuardHalfWritten,
    /// Token and guard reserve the round; its vote is not signed.
    GuardWritten,
}

#[cfg(not(feature = "faults"))]
pub use self::idle::{announce, reach, reach_soon};

#[cfg(feature = "faults")]
pub use self::armed::{announce, reach, reach_soon};

/// Nothing: what a shipped build has.
#[cfg(not(feature = "faults"))]
mod idle {
    use super::Point;

    /// Nothing.
    ///
    /// # Errors
    /// Never.
    pub fn announce() -> anyhow::Result<()> {
        Ok(())
    }

    /// Nothing.
    #[inline]
    pub fn reach(_point: Point) {}

    /// Nothing.
    #[inline]
    pub fn reach_soon(_point: Point) {}
}

#[cfg(feature = "faults")]
mod armed {
    use super::Point;
    use anyhow::Context as _;
    use std::{
        env,
        io::{self, Write as _},
        process,
        sync::{
            OnceLock,
            atomic::{AtomicBool, AtomicU64, Ordering},
        },
        thread,
        time::Duration,
    };

    /// `NAME:HITS`.
    const KILL_AT: &str = "CHAIN_NODE_KILL_AT";
    /// How long what was sent may take to leave the process.
    const LEAVING: Duration = Duration::from_millis(20);

    /// Every point and its name.
    const NAMES: [(Point, &str); 19] = [
        (Point::BlockProposed, "block-proposed"),
        (Point::NotarizeWritten, "notarize-written"),
        (Point::NullifyWritten, "nullify-written"),
        (Point::FinalizeWritten, "finalize-written"),
        (Point::NotarizeSent, "notarize-sent"),
        (Point::NullifySent, "nullify-sent"),
        (Point::FinalizeSent, "finalize-sent"),
        (Point::CommitBegins, "commit-begins"),
        (Point::StoreWritten, "store-written"),
        (Point::StoreCommitted, "store-committed"),
        (Point::EpochStored, "epoch-stored"),
        (Point::EpochEntered, "epoch-entered"),
        (Point::SyncBegun, "sync-begun"),
        (Point::StateArrives, "state-arrives"),
        (Point::BodiesFetched, "bodies-fetched"),
        (Point::BodiesKept, "bodies-kept"),
        (Point::FileBeside, "file-beside"),
        (Point::GuardHalfWritten, "guard-half-written"),
        (Point::GuardWritten, "guard-written"),
    ];

    struct Order {
        point: Point,
        name: &'static str,
        /// Times that the point has yet to be reached.
        left: AtomicU64,
        /// The end is near: a thread waits for what was sent to leave.
        doomed: AtomicBool,
    }

    static ORDER: OnceLock<Option<Order>> = OnceLock::new();

    fn order() -> Option<&'static Order> {
        ORDER.get_or_init(|| read().expect("checked at the start")).as_ref()
    }

    fn read() -> anyhow::Result<Option<Order>> {
        let Ok(text) = env::var(KILL_AT) else { return Ok(None) };
        let (name, hits) = text.split_once(':').with_context(|| format!("{KILL_AT} is NAME:HITS, not {text}"))?;
        let (point, name) = *NAMES.iter().find(|(_, known)| *known == name).with_context(|| format!("no kill point {name}"))?;
        let left: u64 = hits.parse().with_context(|| format!("{hits} is no number of hits"))?;
        anyhow::ensure!(left > 0, "the first time that a point is reached is 1");
        Ok(Some(Order { point, name, left: AtomicU64::new(left), doomed: AtomicBool::new(false) }))
    }

    /// Says that this build can be ended by its environment, and checks what the environment says.
    ///
    /// # Errors
    /// When it names no point.
    pub fn announce() -> anyhow::Result<()> {
        let order = read()?;
        let points = NAMES.map(|(_, name)| name).join(" ");
        let at = order.map_or("nowhere", |order| order.name);
        tracing::warn!(at, points, "this build can be made to end itself: it is for tests and must not serve anybody");
        Ok(())
    }

    /// The process may end here.
    pub fn reach(point: Point) {
        let Some(order) = order() else { return };
        if point == Point::CommitBegins && order.doomed.load(Ordering::SeqCst) {
            die(order);
        }
        if order.hit(point) {
            die(order);
        }
    }

    /// The process may end a moment after this, when what was sent has left it: yet before the next commit.
    pub fn reach_soon(point: Point) {
        let Some(order) = order() else { return };
        if order.hit(point) {
            order.doomed.store(true, Ordering::SeqCst);
            thread::spawn(|| {
                #[expect(clippy::disallowed_methods, reason = "what was sent leaves meanwhile; there is no event to wait for")]
                thread::sleep(LEAVING);
                die(order);
            });
        }
    }

    impl Order {
        /// Whether this is the hit that ends the process.
        fn hit(&self, point: Point) -> bool {
            let decrement = |left: u64| left.checked_sub(1);
            point == self.point && self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, decrement) == Ok(1)
        }
    }

    /// No destructor runs, no buffer is written, nobody is told: the caller sees SIGABRT and this line.
    fn die(order: &Order) -> ! {
        let line = format!("KILLED at {}\n", order.name);
        // Without the line the end itself still shows.
        let _ = io::stderr().write_all(line.as_bytes());
        process::abort()
    }
}
