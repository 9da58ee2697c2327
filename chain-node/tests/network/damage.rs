//! Damaged disks and failing system calls: what is wrong is noticed, what is right stays right.

use crate::city::{City, digest};
use ledger::{receipt::Outcome, transaction::Transaction};
use std::{
    fs::{self, File},
    os::unix::fs::FileExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// Damaged copies that are tried.
const SEEDS: u64 = 8;

/// A generator of numbers: the same seed damages the same byte.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end.max(1)
    }
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
    found.sort();
}

/// Cuts the end of a file off, or flips a bit in it; gives which.
fn damage(data: &Path, seed: u64) -> String {
    let mut numbers = Numbers(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) + 1);
    let mut found = Vec::new();
    files(data, &mut found);
    found.retain(|path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file() && metadata.len() > 64));
    let path = &found[usize::try_from(numbers.below(found.len() as u64)).unwrap()];
    let file = File::options().read(true).write(true).open(path).unwrap();
    let length = file.metadata().unwrap().len();
    if seed.is_multiple_of(2) {
        let cut = 1 + numbers.below(length.min(300));
        file.set_len(length - cut).unwrap();
        return format!("{} without its last {cut} bytes", path.display());
    }
    let at = numbers.below(length);
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ (1 << numbers.below(8))], at).unwrap();
    format!("{} with a bit flipped at {at}", path.display())
}

/// REL-D3, INV-I1: whatever is cut off or flipped in a stopped validator's folder, the node either refuses or stops by itself, or it
/// arrives at what the others have: never at anything else.
#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_folder_is_noticed_or_repaired_from_the_others_and_never_wrong() {
    let mut city = City::start(4).await;
    let mut known = Vec::new();
    for number in 0..6 {
        let (transaction, _) = city.new_identity(&format!("citizen {number}")).await;
        known.push((city.finalize(number % 4, &transaction).await, transaction));
    }
    let height = known.last().unwrap().0.height;
    city.wait_until("the last block", async |city| city.height(3).await >= height).await;
    city.terminate(3).await;
    let (data, whole) = (city.folder(3).join("data"), city.folder(3).join("whole"));
    fs::rename(&data, &whole).unwrap();
    let (mut noticed, mut repaired) = (0, 0);
    for seed in 0..SEEDS {
        let _ = fs::remove_dir_all(&data);
        assert!(Command::new("cp").arg("-a").args([&whole, &data]).status().unwrap().success());
        let what = damage(&data, seed);
        if !city.try_spawn(3).await {
            noticed += 1;
            continue;
        }
        if city.reaches(3, height).await {
            repaired += 1;
            for (receipt, transaction) in &known {
                // A node that ends when it is asked has noticed.
                if let Some(said) = city.receipt_if_alive(3, transaction).await {
                    assert_eq!(said, *receipt, "{what}");
                }
            }
            for height in 1..=height {
                if let Some(block) = city.block_if_alive(3, height).await {
                    assert_eq!(digest(&block), digest(&city.block(0, height).await), "{what}");
                }
            }
        } else {
            noticed += 1;
        }
        city.stop(3).await;
    }
    assert_eq!(noticed + repaired, SEEDS);
    assert!(repaired > 0, "some damage is repaired");
}

/// REL-D2, INV-I2: when the system refuses to sync, the process ends with the code for it, and everything acknowledged is there after.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_sync_ends_the_process_and_nothing_acknowledged_is_lost() {
    let mut city = City::prepare(1).await;
    let inject = "inject=fsync,fdatasync:error=EIO:when=150+";
    city.spawn_under(0, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", inject]).await;
    let mut acknowledged: Vec<Transaction> = Vec::new();
    for number in 0.. {
        let Some(height) = city.height_if_alive(0).await else { break };
        let transaction = city.identity_at(height, &format!("citizen {number}"));
        if city.finalize_if_alive(0, &transaction).await {
            acknowledged.push(transaction);
        }
    }
    assert_eq!(city.ended(0).await, Some(74), "{}", city.log(0));
    assert!(!acknowledged.is_empty(), "it worked for a while");
    city.spawn(0).await;
    for transaction in &acknowledged {
        assert_eq!(city.receipt(0, transaction, 5_000).await.unwrap().outcome, Outcome::Applied);
    }
}
