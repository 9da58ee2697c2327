//! The reference city on a bad day: a cluster is lost, one more, a site is cut off, a leader dies, a disk is gone.

use anyhow::{Result, ensure};
use city::drills::{Drill, rehearse};
use city::plan::{Plan, Size};
use city::world::World;
use clients::Clock;

use crate::{alone, say};

fn sized(validators: usize) -> Size {
    Size { validators, ..Size::default() }
}

/// X022, X024, X026, X048, Z009: three clusters and a witness; a whole cluster is lost and the ledger stays readable and writable; with
/// one more it halts, says who must return, and loses nothing; healed, all have the same blocks.
#[tokio::test]
async fn a_lost_cluster_is_survived_one_more_halts_the_ledger_and_it_heals() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger_of(sized(7)).await?;
    rehearse(&mut world, &[Drill::ClusterLoss { cluster: None }, Drill::OneMore, Drill::Heal], &say).await?;
    world.stop().await
}

/// X022, Z021, REL-B1, REL-C1: f paused validators of one site are survived and catch up; REL-C6: so is a lost disk; a leader killed in its
/// turn is replaced.
#[tokio::test]
async fn a_site_cut_off_a_dead_leader_and_a_lost_disk_are_survived() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger_of(sized(7)).await?;
    let wipe = Drill::Wipe { validator: "validator-3".to_owned() };
    let cut = Drill::SitePartition { cluster: Some("backup-centre".to_owned()) };
    rehearse(&mut world, &[cut, Drill::KillLeader, wipe], &say).await?;
    world.stop().await
}

/// X009, X023: 22 validators of 22 departments finalize, and go on without a cluster of seven.
#[tokio::test]
async fn the_reference_city_of_22_goes_on_without_a_cluster_of_seven() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger_of(sized(22)).await?;
    ensure!(world.running().len() == 22, "22 validators run");
    rehearse(&mut world, &[Drill::ClusterLoss { cluster: None }, Drill::Heal], &say).await?;
    world.stop().await
}

/// Hazard-2: a placement that the loss of one cluster would stop is refused before the ledger begins, with a sentence that says what to do.
#[tokio::test]
async fn a_city_with_too_much_in_one_cluster_does_not_start() -> Result<()> {
    let _alone = alone().await;
    city::build::binaries()?;
    let directory = tempfile::tempdir()?;
    let plan = Plan::open_or_create(directory.path(), sized(4), Clock::system().now())?;
    for path in [plan.genesis_path(), plan.topology_path()] {
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(&path, text.replace("e-government-cloud", "statistics-bureau"))?;
    }
    let Err(refused) = World::start_with(plan, |_| ()).await else { anyhow::bail!("the city started") };
    let said = format!("{refused:#}");
    ensure!(said.contains("cluster statistics-bureau holds 2 of 4 validators") && said.contains("Move 1 of them"), "{said}");
    Ok(())
}

/// REL-A4, INV-I1, INV-I2: validators killed at random moments under load lose nothing acknowledged, vote once, and rejoin.
#[tokio::test]
async fn validators_killed_at_any_moment_under_load_lose_nothing_and_vote_once() -> Result<()> {
    let _alone = alone().await;
    let soak = city::soak::Soak { rounds: 3, seed: None, validators: 4, points: false, at: Vec::new(), rejoin_seconds: 10 };
    city::soak::run(&soak, &say).await
}

/// N053, N054, X009: the departments admit a validator by their votes, and let another go, while four clients write: the ledger never stops,
/// the newcomer is found by the address in its record, votes and leads; the one that left is heard no more, and all that it had signed stays proven.
#[tokio::test]
async fn the_departments_admit_a_validator_and_let_another_go_while_clients_write() -> Result<()> {
    let _alone = alone().await;
    let size = Size { epoch_blocks: Some(16), ..sized(4) };
    let mut world = World::ledger_of(size).await?;
    rehearse(&mut world, &[Drill::Members], &say).await?;
    world.stop().await
}
