//! What the process takes of its machine: processor time, memory and disk, as the Linux kernel counts them.
//!
//! A machine that does not say (another system, a restricted container) leaves the numbers out; nothing depends on them.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use wire::chain::Cost;

/// Clock ticks of the kernel's processor times per second: 100 on every Linux that programs see.
const TICKS_PER_SECOND: u64 = 100;
/// Folders under the data folder that are walked at most.
const MAX_FOLDERS: usize = 4_096;

/// One look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time since the process began, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// Resident memory in bytes.
    pub resident_bytes: Option<u64>,
    /// Bytes on the disk under the data folder.
    pub disk_bytes: Option<u64>,
    /// Bytes that are free there.
    pub free_bytes: Option<u64>,
}

/// The first look and the last.
#[derive(Debug, Default)]
pub struct Resources(Mutex<Option<Looks>>);

#[derive(Debug, Clone, Copy)]
struct Looks {
    first: (u64, Usage),
    previous: (u64, Usage),
    last: (u64, Usage),
}

/// What a node took since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Taken {
    /// The last look.
    pub now: Usage,
    /// Thousandths of one core between the last two looks.
    pub core_permille: Option<u64>,
    /// Processor time between the first look and the last, in milliseconds.
    pub cpu_ms: Option<u64>,
    /// How much the data folder grew in that time, in bytes.
    pub grown_bytes: Option<u64>,
}

impl Resources {
    fn looks(&self) -> MutexGuard<'_, Option<Looks>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a look at `now_ms`, milliseconds since the Unix epoch.
    pub fn look(&self, usage: Usage, now_ms: u64) {
        let mut looks = self.looks();
        let look = (now_ms, usage);
        *looks = Some(match *looks {
            None => Looks { first: look, previous: look, last: look },
            Some(Looks { first, last, .. }) => Looks { first, previous: last, last: look },
        });
    }

    /// What was taken; all absent before the first look.
    pub fn taken(&self) -> Taken {
        let Some(Looks { first, previous, last }) = *self.looks() else {
            return Taken::default();
        };
        let between = |one: Option<u64>, other: Option<u64>| Some(other?.saturating_sub(one?));
        let elapsed_ms = last.0.saturating_sub(previous.0);
        let core_permille = between(previous.1.cpu_ms, last.1.cpu_ms).and_then(|cpu| (cpu * 1_000).checked_div(elapsed_ms));
        Taken {
            now: last.1,
            core_permille,
            cpu_ms: between(first.1.cpu_ms, last.1.cpu_ms),
            grown_bytes: between(first.1.disk_bytes, last.1.disk_bytes),
        }
    }
}

/// Transactions from which on their cost is not mostly that of an idle node.
pub const ENOUGH_TRANSACTIONS: u64 = 100;
/// What a busy core is assumed to take, in watts, with its share of memory, power supply and cooling: between a small server's 5 and
/// a large one's 20. Nothing here measures power.
pub const ASSUMED_WATTS: u64 = 15;

impl Taken {
    /// What 1,000 transactions cost, everything that was taken shared among the `transactions` that became final in that time; `None`
    /// while there are fewer than [`ENOUGH_TRANSACTIONS`], or the machine does not say.
    pub fn cost(&self, transactions: u64) -> Option<Cost> {
        if transactions < ENOUGH_TRANSACTIONS {
            return None;
        }
        let for_a_thousand = |whole: u64| u64::try_from(u128::from(whole) * 1_000 / u128::from(transactions)).unwrap_or(u64::MAX);
        let (whole_cpu_ms, grown) = (self.cpu_ms?, self.grown_bytes?);
        // Watts times milliseconds are thousandths of a joule, and a watt-hour has 3,600 joules. Rounded once, at the end.
        let energy = u128::from(whole_cpu_ms) * u128::from(ASSUMED_WATTS) * 1_000_000 / (3_600 * u128::from(transactions));
        Some(Cost {
            transactions,
            cpu_ms: for_a_thousand(whole_cpu_ms),
            disk_bytes: for_a_thousand(grown),
            energy_uwh: u64::try_from(energy).unwrap_or(u64::MAX),
            assumed_watts: ASSUMED_WATTS,
        })
    }
}

/// What this process uses now.
pub fn usage(data: &Path) -> Usage {
    let space = rustix::fs::statvfs(data).ok();
    Usage {
        cpu_ms: fs::read_to_string("/proc/self/stat").ok().and_then(|text| cpu_ms(&text)),
        resident_bytes: fs::read_to_string("/proc/self/status").ok().and_then(|text| resident_bytes(&text)),
        disk_bytes: Some(folder_bytes(data)),
        free_bytes: space.map(|space| space.f_bavail.saturating_mul(space.f_frsize)),
    }
}

/// User and system time: the 14th and 15th field, the second being a name in parentheses that may hold spaces.
fn cpu_ms(stat: &str) -> Option<u64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()?.checked_add(fields.next()?.parse().ok()?)?;
    ticks.checked_mul(1_000 / TICKS_PER_SECOND)
}

fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

fn folder_bytes(folder: &Path) -> u64 {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let (mut bytes, mut walked) = (0_u64, 0);
    while let Some(folder) = folders.pop() {
        walked += 1;
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        for (entry, metadata) in entries.filter_map(|entry| Some((entry.path(), entry.metadata().ok()?))) {
            if metadata.is_dir() && walked + folders.len() < MAX_FOLDERS {
                folders.push(entry);
            } else if metadata.is_file() {
                bytes = bytes.saturating_add(metadata.len());
            }
        }
    }
    bytes
}

/// Sets the gauges that dashboards read.
pub fn measure(taken: &Taken) {
    let seconds = |milliseconds: u64| Duration::from_millis(milliseconds).as_secs_f64();
    if let Some(cpu_ms) = taken.now.cpu_ms {
        metrics::gauge!("process_cpu_seconds_total").set(seconds(cpu_ms));
    }
    // Thousandths as seconds are a way to a float without a lossy cast; both numbers are far below 2⁵³.
    let float = |bytes: u64| seconds(bytes) * 1_000.0;
    if let Some(bytes) = taken.now.resident_bytes {
        metrics::gauge!("process_resident_memory_bytes").set(float(bytes));
    }
    if let Some(bytes) = taken.now.disk_bytes {
        metrics::gauge!("ledger_disk_used_bytes").set(float(bytes));
    }
    if let Some(bytes) = taken.now.free_bytes {
        metrics::gauge!("ledger_disk_free_bytes").set(float(bytes));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_texts_are_read_and_strange_ones_are_not() {
        let stat = "7 (a name) with) S 1 1 1 0 -1 4 1 0 0 0 250 50 0 0 20 0 9 0 1 1 1";
        assert_eq!(cpu_ms(stat), Some(3_000));
        assert_eq!(cpu_ms("7 (x) S 1"), None);
        assert_eq!(resident_bytes("Name:\tx\nVmRSS:\t   2048 kB\n"), Some(2_097_152));
        assert_eq!(resident_bytes("Name:\tx\n"), None);
    }

    #[test]
    fn what_was_taken_is_the_difference_of_two_looks() {
        let resources = Resources::default();
        assert_eq!(resources.taken(), Taken::default());
        let look = |cpu_ms, disk_bytes| Usage { cpu_ms: Some(cpu_ms), disk_bytes: Some(disk_bytes), ..Usage::default() };
        resources.look(look(1_000, 500), 0);
        resources.look(look(1_100, 800), 10_000);
        resources.look(look(1_120, 900), 20_000);
        let taken = resources.taken();
        assert_eq!((taken.core_permille, taken.cpu_ms, taken.grown_bytes), (Some(2), Some(120), Some(400)));
    }

    /// X047, X079: the cost of 1,000 transactions is the whole of what was taken, shared; energy is processor time at the assumed watts.
    #[test]
    fn the_cost_of_a_thousand_transactions_is_their_share_of_the_whole() {
        let taken = Taken { cpu_ms: Some(90_000), grown_bytes: Some(5_000_000), ..Taken::default() };
        let cost = taken.cost(250).unwrap();
        // 90 s of a core for 250: 360 s for 1,000, and 360 s at 15 W are 5,400 J: 1.5 Wh.
        assert_eq!((cost.cpu_ms, cost.disk_bytes, cost.energy_uwh), (360_000, 20_000_000, 1_500_000));
        assert_eq!((cost.transactions, cost.assumed_watts), (250, 15));
        assert_eq!(taken.cost(99), None, "an idle node's cost is nobody's");
        assert!(taken.cost(100).is_some());
        assert_eq!(Taken { cpu_ms: None, ..taken }.cost(250), None);
        assert_eq!(Taken { grown_bytes: None, ..taken }.cost(250), None);
        // Rounding is down, to a whole millisecond, byte and millionth of a watt-hour.
        let little = Taken { cpu_ms: Some(1), grown_bytes: Some(1), ..Taken::default() }.cost(3_000).unwrap();
        assert_eq!((little.cpu_ms, little.disk_bytes, little.energy_uwh), (0, 0, 1));
        let whole = Taken { cpu_ms: Some(u64::MAX), grown_bytes: Some(u64::MAX), ..Taken::default() }.cost(1_000).unwrap();
        assert_eq!((whole.cpu_ms, whole.disk_bytes), (u64::MAX, u64::MAX));
    }

    #[test]
    fn a_folder_is_as_large_as_the_files_in_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("sub")).unwrap();
        fs::write(folder.path().join("one"), [0; 10]).unwrap();
        fs::write(folder.path().join("sub/two"), [0; 32]).unwrap();
        assert_eq!(folder_bytes(folder.path()), 42);
    }
}
