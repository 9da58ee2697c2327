//! Child processes: started with a log file, awaited by their `READY` line, ended by pid.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// How long a process may take until it says `READY`.
const READY_LIMIT: Duration = Duration::from_secs(60);
/// How long a process may take to stop after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(15);

/// How to start a process.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its name in the city, unique.
    pub name: String,
    /// The program.
    pub program: PathBuf,
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its standard error goes here, appended.
    pub log: PathBuf,
    /// Variables added to its environment.
    pub environment: Vec<(String, String)>,
}

/// A running process of the city. Dropping it kills it.
pub struct Process {
    spec: Spec,
    child: Child,
    paused: bool,
}

impl Process {
    /// Starts it and waits until it says that it serves.
    pub async fn start(spec: &Spec) -> Result<Self> {
        let mut process = Self::spawn(spec)?;
        process.wait_until_ready().await?;
        Ok(process)
    }

    /// Starts it without waiting; call [`Self::wait_until_ready`] next.
    pub fn spawn(spec: &Spec) -> Result<Self> {
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&spec.log);
        let log = log.with_context(|| format!("opening the log {}", spec.log.display()))?;
        let child = Command::new(&spec.program)
            .args(&spec.arguments)
            .envs(spec.environment.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("starting {} ({})", spec.name, spec.program.display()))?;
        Ok(Self { spec: spec.clone(), child, paused: false })
    }

    /// Waits for the `READY` line; says what the log's end is when it does not come.
    pub async fn wait_until_ready(&mut self) -> Result<()> {
        let Some(stdout) = self.child.stdout.take() else { return Ok(()) };
        let mut lines = BufReader::new(stdout).lines();
        let ready = async {
            while let Some(line) = lines.next_line().await? {
                if line.starts_with("READY") {
                    return Ok(true);
                }
            }
            anyhow::Ok(false)
        };
        match tokio::time::timeout(READY_LIMIT, ready).await {
            Ok(Ok(true)) => {
                // Keep the pipe open and empty, so that a later line does not end the process.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                Ok(())
            }
            Ok(Ok(false)) => bail!("{} ended before it was ready; its log ends:\n{}", self.spec.name, tail(&self.spec.log)),
            Ok(Err(error)) => Err(error).with_context(|| format!("reading what {} says", self.spec.name)),
            Err(_) => bail!("{} was not ready after {READY_LIMIT:?}; its log ends:\n{}", self.spec.name, tail(&self.spec.log)),
        }
    }

    /// Waits until it ends by itself.
    pub async fn ended(&mut self, limit: Duration) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(limit, self.child.wait()).await;
        let ended = ended.with_context(|| {
            format!("{} had not ended after {limit:?}; its log ends:\n{}", self.spec.name, tail(&self.spec.log))
        })?;
        ended.with_context(|| format!("waiting for the end of {}", self.spec.name))
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// The process id while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL: as a power cut would end it.
    pub async fn kill(mut self) -> Result<()> {
        self.child.kill().await.with_context(|| format!("killing {}", self.spec.name))
    }

    /// SIGSTOP: it hangs with its connections open.
    pub async fn pause(&mut self) -> Result<()> {
        self.signal("STOP").await?;
        self.paused = true;
        Ok(())
    }

    /// SIGCONT.
    pub async fn resume(&mut self) -> Result<()> {
        self.signal("CONT").await?;
        self.paused = false;
        Ok(())
    }

    /// Whether it was paused here.
    pub fn is_paused(&self) -> bool {
        self.paused
    }

    async fn signal(&self, signal: &str) -> Result<()> {
        let Some(pid) = self.child.id() else { return Ok(()) };
        let sent = Command::new("kill").arg(format!("-{signal}")).arg(pid.to_string()).status().await;
        if !sent.with_context(|| format!("sending SIG{signal}"))?.success() {
            bail!("SIG{signal} could not be sent to {}", self.spec.name);
        }
        Ok(())
    }

    /// SIGTERM, then waits for a clean end.
    pub async fn stop(mut self) -> Result<()> {
        self.signal("TERM").await?;
        if self.paused {
            self.resume().await?;
        }
        match tokio::time::timeout(STOP_LIMIT, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(|s| s.success()) => Ok(()),
            Ok(status) => bail!("{} did not end cleanly: {status:?}; its log ends:\n{}", self.spec.name, tail(&self.spec.log)),
            Err(_) => {
                self.child.kill().await?;
                bail!("{} had not ended {STOP_LIMIT:?} after SIGTERM and was killed", self.spec.name)
            }
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

/// The last lines of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read(log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().rev().take(20).collect();
    lines.into_iter().rev().collect::<Vec<_>>().join("\n")
}
