//! Orders to a running city: end, pause, start and wipe its processes by name, from another terminal.
//!
//! The city listens on a Unix socket in its own directory, which only its owner can open. One JSON line asks, one answers. What is asked
//! here is what happens to machines: a power cut, a hung host, a lost disk.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};

use crate::plan::Plan;
use crate::world::World;

/// Bytes of a Unix socket's path at most, on Linux and on macOS.
const MAX_SOCKET_PATH: usize = 100;

/// What a city is told to do with its processes, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// SIGKILL: a power cut.
    Kill(Vec<String>),
    /// Starts what does not run, and waits until it serves.
    Start(Vec<String>),
    /// SIGSTOP: the host hangs, its connections stay open and silent.
    Pause(Vec<String>),
    /// SIGCONT.
    Resume(Vec<String>),
    /// SIGTERM, and waits for a clean end.
    Terminate(Vec<String>),
    /// Kills a validator and removes its data: a lost disk. Its key stays.
    Wipe(String),
    /// Makes one more validator and starts it; whether it becomes one is for the members.
    Join,
    /// Ends a validator cleanly, for good: the members let it go.
    Retire(String),
    /// Which processes run.
    Processes,
}

/// A process of the city as it is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process id.
    pub pid: u32,
    /// Whether it was paused here.
    pub paused: bool,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Done(BTreeMap<String, Running>),
    Refused(String),
}

/// Obeys orders until the task is dropped.
pub async fn serve(world: &mut World) -> Result<()> {
    let path = socket(world.plan())?;
    if path.exists() {
        std::fs::remove_file(&path).with_context(|| format!("removing the old socket {}", path.display()))?;
    }
    let listener = UnixListener::bind(&path).with_context(|| format!("opening {}", path.display()))?;
    restrict(&path)?;
    loop {
        let (stream, _) = listener.accept().await.context("accepting an order")?;
        // Whoever hangs up before the answer has no use for it.
        drop(answer(world, stream).await);
    }
}

async fn answer(world: &mut World, stream: UnixStream) -> Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let answer = match serde_json::from_str(&line) {
        Ok(order) => match obey(world, order).await {
            Ok(()) => Answer::Done(world.running()),
            Err(error) => Answer::Refused(format!("{error:#}")),
        },
        Err(error) => Answer::Refused(format!("this is no order: {error}")),
    };
    stream.get_mut().write_all(format!("{}\n", serde_json::to_string(&answer)?).as_bytes()).await?;
    Ok(())
}

async fn obey(world: &mut World, order: Order) -> Result<()> {
    match order {
        Order::Kill(names) => world.kill_all(&names).await,
        Order::Start(names) => world.start_all(&names).await,
        Order::Pause(names) => world.pause(&names).await,
        Order::Resume(names) => world.resume(&names).await,
        Order::Terminate(names) => world.terminate(&names).await,
        Order::Wipe(name) => world.wipe(&name).await,
        Order::Join => world.join().await,
        Order::Retire(name) => world.retire(&name).await,
        Order::Processes => Ok(()),
    }
}

fn socket(plan: &Plan) -> Result<PathBuf> {
    let path = plan.directory().join("control.sock");
    if path.as_os_str().len() > MAX_SOCKET_PATH {
        bail!("{} is too long for a socket's path; keep the city in a directory with a shorter one", path.display());
    }
    Ok(path)
}

fn restrict(path: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).context("restricting the control socket")
}

/// Gives orders to the running city of a plan.
#[derive(Clone, Debug)]
pub struct Desk {
    socket: PathBuf,
}

impl Desk {
    /// The desk of a city.
    pub fn of(plan: &Plan) -> Result<Self> {
        Ok(Self { socket: socket(plan)? })
    }

    /// Gives an order, waits until it is carried out, and says what runs then.
    pub async fn order(&self, order: &Order) -> Result<BTreeMap<String, Running>> {
        let connected = UnixStream::connect(&self.socket).await;
        let mut stream =
            BufReader::new(connected.context("the city does not run; start it with `cargo city` in another terminal")?);
        stream.get_mut().write_all(format!("{}\n", serde_json::to_string(order)?).as_bytes()).await?;
        let mut line = String::new();
        stream.read_line(&mut line).await.context("the city ended before it answered")?;
        match serde_json::from_str(&line).context("the city did not answer")? {
            Answer::Done(running) => Ok(running),
            Answer::Refused(why) => bail!("the city could not: {why}"),
        }
    }

    /// Which processes run.
    pub async fn processes(&self) -> Result<BTreeMap<String, Running>> {
        self.order(&Order::Processes).await
    }
}
