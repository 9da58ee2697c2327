//! The ledger under too much: one sender who floods, ten times the load, clients who do not read, and a stop in the middle of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use city::load::{Load, Pace, Prepared, prepare, signed};
use city::observe::{Observer, Writer, now, percentile, resident_mib};
use city::plan::{Plan, Size};
use city::world::{World, authority_key};
use clients::Clock;
use ledger::genesis::Genesis;
use ledger::transaction::Sender;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::alone;

fn genesis(world: &World) -> Result<[u8; 32]> {
    Ok(serde_json::from_slice::<Genesis>(&std::fs::read(world.plan().genesis_path())?)?.hash())
}

fn ports(world: &World) -> Vec<u16> {
    world.plan().validators.iter().map(|validator| validator.ports.main).collect()
}

async fn height(world: &World) -> Result<u64> {
    let heights = Observer::of(world.plan())?.heights(&world.validator_names()).await;
    heights.into_values().max().context("no validator answers")
}

/// SEC-C1: one authority's client sends ten times what all others send; they keep nine tenths of what they had.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_who_floods_leaves_the_others_their_share() -> Result<()> {
    /// What the others send each second.
    const RATE: u32 = 30;
    const SECONDS: u32 = 8;
    /// Until what is sent and what becomes final have settled.
    const WARM_UP: u32 = 4;
    let _alone = alone().await;
    let world = World::ledger().await?;
    let (genesis, ports, height) = (genesis(&world)?, ports(&world), height(&world).await?);
    let others = Load::open(ports.clone(), &ports[..1]).await?;
    let (warm_up, length) = (Duration::from_secs(WARM_UP.into()), Duration::from_secs(SECONDS.into()));
    let pace = Pace::Rate(RATE.into());
    let mut supply = prepare(&genesis, height, 2 * (RATE * (SECONDS + WARM_UP + 2)) as usize)?;
    let alone = others.run(&mut supply, pace, warm_up, length).await?;
    ensure!(others.drain(Duration::from_secs(20)).await == 0, "the ledger finalizes an easy load");

    let key = authority_key(world.plan(), "civil-affairs")?;
    let sender = Sender::Authority { authority: "civil-affairs".parse()?, key: key.public_key() };
    let flood: Result<Vec<Prepared>> = (0..u64::from(10 * RATE * (SECONDS + WARM_UP + 1)))
        .map(|number| signed(&genesis, height, &key, sender, number))
        .collect();
    let mut flood = flood?;
    let hostile = Load::open(ports.clone(), &ports[..1]).await?;
    let flooding = hostile.run(&mut flood, Pace::Rate(f64::from(10 * RATE)), warm_up, length);
    let (beside, flooded) = tokio::join!(others.run(&mut supply, pace, warm_up, length), flooding);
    let (beside, flooded) = (beside?, flooded?);
    let kept = beside.finality.len() as f64 / alone.finality.len() as f64;
    ensure!(flooded.finality.len() > beside.finality.len(), "the flood was one: {} beside it", flooded.finality.len());
    ensure!(kept >= 0.9, "the others kept {kept:.2} of what they had: {} of {}", beside.finality.len(), alone.finality.len());
    world.stop().await
}

/// REL-E8: more than the pool holds is shed with an answer, memory stays bounded, and afterwards a transaction is final within five seconds.
#[tokio::test(flavor = "multi_thread")]
async fn overload_is_shed_and_passes() -> Result<()> {
    let _alone = alone().await;
    city::build::binaries()?;
    let directory = tempfile::tempdir()?;
    let plan = Plan::open_or_create(directory.path(), Size::default(), Clock::system().now())?;
    for validator in &plan.validators {
        let path = plan.validator_folder(validator)?.join("config.toml");
        let text = std::fs::read_to_string(&path)?;
        std::fs::write(&path, format!("{text}\n[mempool]\ntransactions = 500\n"))?;
    }
    let world = World::ledger_in(directory, plan).await?;
    let (genesis, ports, height) = (genesis(&world)?, ports(&world), height(&world).await?);
    let load = Load::open(ports.clone(), &ports[..1]).await?;
    let mut supply = prepare(&genesis, height, 20_000)?;
    let outcome = load.run(&mut supply, Pace::Window(60_000.0), Duration::from_secs(1), Duration::from_secs(10)).await?;
    ensure!(outcome.refused > 0, "nothing was shed; {} were final", outcome.finalized);
    ensure!(outcome.finalized > 0, "what was admitted becomes final during the overload");
    for (name, pid) in world.pids() {
        let mib = resident_mib(pid)?;
        ensure!(mib < 400.0, "{name} holds {mib:.0} MiB");
    }
    // The flood is over: what it left in the pool does not keep a newcomer out for long.
    let started = now();
    let writer = Writer::through(world.plan(), &world.validator_names())?;
    while writer.write().await.is_err() {
        ensure!(started.elapsed() < Duration::from_secs(5), "refused for five seconds after the flood");
    }
    ensure!(started.elapsed() < Duration::from_secs(5), "final only after {:?}", started.elapsed());
    world.stop().await
}

/// REL-C4: clients who send half a request, or ask for events and never read them, delay nobody.
#[tokio::test]
async fn clients_who_neither_speak_nor_read_delay_nobody() -> Result<()> {
    let _alone = alone().await;
    let world = World::ledger().await?;
    let mut idlers = Vec::new();
    for port in ports(&world) {
        for number in 0..40 {
            let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
            let (half, deaf) =
                ("POST /v1/transactions HTTP/1.1\r\nhost: x\r\ncontent-le", "GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n");
            stream.write_all(if number % 2 == 0 { half } else { deaf }.as_bytes()).await?;
            idlers.push(stream);
        }
    }
    let times = Writer::through(world.plan(), &world.validator_names())?.write_several(15).await?;
    ensure!(percentile(&times, 99) < 3_000.0, "p99 is {:.0} ms", percentile(&times, 99));
    drop(idlers);
    world.stop().await
}

/// REL-E7: told to stop under load, a validator answers what it has taken, ends within ten seconds, and nothing acknowledged is lost.
#[tokio::test(flavor = "multi_thread")]
async fn a_validator_that_is_told_to_stop_under_load_drops_no_request() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger().await?;
    let (genesis, height) = (genesis(&world)?, height(&world).await?);
    let port = ports(&world)[1];
    let url = format!("http://127.0.0.1:{port}/v1/transactions");
    let supply = prepare(&genesis, height, 3_000)?;
    let (told, stopping) = tokio::sync::watch::channel(false);
    let clients: Vec<_> = (0..4).map(|_| reqwest::Client::builder().build()).collect::<Result<_, _>>()?;
    let sending = supply.chunks(supply.len() / clients.len()).zip(&clients).map(async |(mine, client)| {
        let (mut taken, mut broken) = (0, Vec::new());
        for prepared in mine {
            let answer = client.post(&url).header("content-type", "application/json").body(prepared.body()).send().await;
            match answer {
                Ok(answer) if answer.status().as_u16() == 202 => taken += 1,
                Ok(_) => {}
                // Nobody listens any more: it was not taken, and the client knows.
                Err(error) if *stopping.borrow() && error.is_connect() => break,
                Err(error) => broken.push(format!("{error:?}")),
            }
        }
        (taken, broken)
    });
    let sending = futures::future::join_all(sending);
    let stop = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        told.send(true)?;
        let started = now();
        world.terminate(&["validator-2".to_owned()]).await?;
        anyhow::Ok(started.elapsed())
    };
    let (sent, took) = tokio::join!(sending, stop);
    let took = took?;
    let taken: usize = sent.iter().map(|(taken, _)| taken).sum();
    let broken: Vec<&String> = sent.iter().flat_map(|(_, broken)| broken).collect();
    ensure!(taken > 0, "there was a load");
    ensure!(took <= Duration::from_secs(10), "it ended after {took:?}");
    // A client may have a request on the wire when its connection closes, and one more in the queue of a socket that closes.
    ensure!(broken.len() <= 2 * clients.len(), "requests were dropped: {broken:?}");
    world.start("validator-2").await?;
    Writer::through(world.plan(), &["validator-2".to_owned()])?.write().await?;
    world.stop().await
}
