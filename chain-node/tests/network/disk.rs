//! A validator on a small disk of its own (tmpfs, so these tests need the right to mount).

use crate::city::City;
use ledger::{receipt::Outcome, transaction::Transaction};
use reqwest::StatusCode;
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The code of a node whose disk is full or fails.
const EXIT_STORAGE: Option<i32> = Some(74);

/// A tmpfs that goes with the test.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(at: PathBuf, mib: u32) -> Self {
        fs::create_dir_all(&at).unwrap();
        let size = format!("size={mib}m");
        let status = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).status().unwrap();
        assert!(status.success(), "mounting needs root");
        Self(at)
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    fn free_kib(&self) -> u64 {
        let stat = rustix::fs::statvfs(&self.0).unwrap();
        stat.f_bavail * stat.f_frsize / 1024
    }

    /// Writes until only so much is free.
    fn fill_but(&self, kib: u64) {
        let mut file = File::options().create(true).append(true).open(self.filler()).unwrap();
        while self.free_kib() > kib {
            file.write_all(&[7; 4096]).unwrap();
        }
    }

    fn free(&self) {
        fs::remove_file(self.filler()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

async fn on_small_disk(mib: u32, storage: &str) -> (City, SmallDisk) {
    let mut city = City::prepare(1).await;
    let config = city.folder(0).join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}\n[storage]\n{storage}\n")).unwrap();
    let disk = SmallDisk::mount(data(&city.folder(0)), mib);
    city.spawn(0).await;
    (city, disk)
}

fn data(folder: &Path) -> PathBuf {
    folder.join("data")
}

/// REL-D1: below the low-water mark a node refuses transactions with 507, says so in `/readyz` and `/metrics`, and takes them again when
/// there is room; below the lower mark it stops in order with a code that says why, and goes on later without repair.
#[tokio::test(flavor = "multi_thread")]
async fn little_space_refuses_transactions_and_none_stops_the_node_in_order() {
    let (mut city, disk) = on_small_disk(48, "low_free_mib = 24\nstop_free_mib = 8").await;
    let (kept, _) = city.new_identity("kept").await;
    let receipt = city.finalize(0, &kept).await;
    disk.fill_but(16 * 1024);
    city.wait_until("readiness that names the disk", async |city| {
        let (status, body) = city.readyz(0).await;
        let storage = body["checks"]["storage"].as_str().unwrap_or_default().to_owned();
        status == StatusCode::SERVICE_UNAVAILABLE && storage.contains("almost full")
    })
    .await;
    let (refused, _) = city.new_identity("refused").await;
    let (status, body) = city.submit_bytes(0, &identity::canonical::encode(&refused)).await;
    assert_eq!(status, StatusCode::INSUFFICIENT_STORAGE, "{body}");
    assert!(city.metrics(0).await.contains("ledger_disk_free_mib"));
    assert_eq!(city.receipt(0, &kept, 0).await.as_ref(), Ok(&receipt), "what is final is still read");
    disk.free();
    city.wait_until("readiness", async |city| city.readyz(0).await.0 == StatusCode::OK).await;
    assert_eq!(city.finalize(0, &refused).await.outcome, Outcome::Applied);

    disk.fill_but(4 * 1024);
    assert_eq!(city.ended(0).await, EXIT_STORAGE);
    assert!(city.refused(&["run", "--config", city.folder(0).join("config.toml").to_str().unwrap()]).await.contains("full"));
    disk.free();
    city.spawn(0).await;
    assert_eq!(city.receipt(0, &kept, 5_000).await.as_ref(), Ok(&receipt));
}

/// REL-D1, REL-D2, INV-I2: with no marks set the disk fills in the middle of the work, at another write each time: the process ends with
/// the code for it, nothing that was acknowledged is lost, and with room again it goes on without repair.
#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_at_any_write_loses_nothing_acknowledged() {
    let (mut city, disk) = on_small_disk(24, "low_free_mib = 0\nstop_free_mib = 0").await;
    let mut acknowledged: Vec<Transaction> = Vec::new();
    for (round, kib) in [0_u64, 4, 12, 40, 100, 256].into_iter().enumerate() {
        disk.fill_but(kib);
        for number in 0.. {
            let Some(height) = city.height_if_alive(0).await else { break };
            let transaction = city.identity_at(height, &format!("{round} {number}"));
            if city.finalize_if_alive(0, &transaction).await {
                acknowledged.push(transaction);
            }
        }
        assert_eq!(city.ended(0).await, EXIT_STORAGE, "{}", city.log(0));
        disk.free();
        city.spawn(0).await;
        for transaction in &acknowledged {
            assert!(city.receipt(0, transaction, 5_000).await.is_ok(), "round {round}");
        }
    }
    let (last, _) = city.new_identity("at the end").await;
    assert_eq!(city.finalize(0, &last).await.outcome, Outcome::Applied);
    city.terminate(0).await;
    city.done(&["verify", "--config", city.folder(0).join("config.toml").to_str().unwrap()]).await;
}
