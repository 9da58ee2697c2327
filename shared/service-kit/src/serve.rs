//! Serving: the main listener, the admin listener, the READY line, and the way out.
//!
//! On SIGTERM or SIGINT: `/readyz` says no, nothing new is accepted, requests under way have 10 s to end, and the process's `main`
//! gets `Ok` to exit with 0. Background tasks hold a [`Shutdown`] and end with it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::health::{self, Check};

/// How often measured durations are put into their buckets. Until then each is kept, and nobody need ever ask for `/metrics`.
const METRICS_UPKEEP: Duration = Duration::from_secs(5);
/// How long requests under way may take after the signal.
pub const DRAIN: Duration = Duration::from_secs(10);

/// Why a service does not serve.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address is taken or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The signal handlers or the READY line failed.
    #[error("cannot start serving")]
    Start(#[source] std::io::Error),
}

/// Tells tasks and streams that the process is about to end.
#[derive(Clone, Debug)]
pub struct Shutdown {
    sender: watch::Sender<bool>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self { sender: watch::channel(false).0 }
    }
}

impl Shutdown {
    /// Asks for the end.
    pub fn request(&self) {
        self.sender.send_replace(true);
    }

    /// Whether the end was asked for.
    pub fn is_requested(&self) -> bool {
        *self.sender.borrow()
    }

    /// Ends when the end is asked for.
    pub async fn requested(&self) {
        let mut receiver = self.sender.subscribe();
        receiver.wait_for(|requested| *requested).await.expect("self holds the sender, so it is not closed");
    }
}

/// A service about to serve.
pub struct Service {
    name: &'static str,
    public_url: String,
    listen: SocketAddr,
    admin: SocketAddr,
    checks: Vec<Check>,
    operators: Router,
    shutdown: Shutdown,
}

impl Service {
    /// A service by name. `public_url` is where people and programs reach it, which a proxy may make another than `listen`.
    pub fn new(name: &'static str, public_url: impl Into<String>, listen: SocketAddr, admin: SocketAddr) -> Self {
        let (checks, operators) = (Vec::new(), Router::new());
        Self { name, public_url: public_url.into(), listen, admin, checks, operators, shutdown: Shutdown::default() }
    }

    /// Adds routes for operators to the admin listener, beside health and metrics.
    #[must_use]
    pub fn operators(mut self, routes: Router) -> Self {
        self.operators = self.operators.merge(routes);
        self
    }

    /// Adds a dependency to `/readyz`.
    #[must_use]
    pub fn check(mut self, check: Check) -> Self {
        self.checks.push(check);
        self
    }

    /// What tasks of the service end with.
    pub fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// Serves until SIGTERM, SIGINT or [`Shutdown::request`]. Prints one line on stdout once both listeners accept:
    /// `READY {"name":…,"url":…,"listen":…,"admin":…}`.
    ///
    /// # Errors
    /// [`ServeError`]; nothing was served then.
    pub async fn run(self, router: Router) -> Result<(), ServeError> {
        let (main, listen) = bind(self.listen).await?;
        let (admin, admin_address) = bind(self.admin).await?;
        let shutdown = self.shutdown;
        on_signal(shutdown.clone())?;
        let admin_stopped = Shutdown::default();
        let admin_stop = admin_stopped.clone();
        let admin_router = health::router(self.checks, shutdown.clone()).merge(self.operators);
        let admin_task = tokio::spawn(async move {
            let serving = axum::serve(admin, admin_router);
            serving.with_graceful_shutdown(async move { admin_stop.requested().await }).await
        });
        let upkeep_task = tokio::spawn(async {
            let recorder = health::recorder();
            loop {
                tokio::time::sleep(METRICS_UPKEEP).await;
                recorder.run_upkeep();
            }
        });
        let stop = shutdown.clone();
        let serving = axum::serve(main, router.into_make_service_with_connect_info::<SocketAddr>())
            .with_graceful_shutdown(async move { stop.requested().await });
        let ready = serde_json::json!({
            "name": self.name, "url": self.public_url, "listen": listen.to_string(), "admin": format!("http://{admin_address}"),
        });
        announce(&ready).map_err(ServeError::Start)?;
        tracing::info!(service = self.name, %listen, admin = %admin_address, "serving");
        let drained = async {
            shutdown.requested().await;
            tracing::info!(service = self.name, "stopping: nothing new is accepted");
            tokio::time::sleep(DRAIN).await;
        };
        tokio::select! {
            result = serving => result.map_err(ServeError::Start)?,
            () = drained => tracing::warn!(service = self.name, "requests were still under way after the drain time"),
        }
        admin_stopped.request();
        admin_task.abort();
        upkeep_task.abort();
        tracing::info!(service = self.name, "stopped");
        Ok(())
    }
}

async fn bind(address: SocketAddr) -> Result<(TcpListener, SocketAddr), ServeError> {
    let failed = |source| ServeError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let actual = listener.local_addr().map_err(failed)?;
    Ok((listener, actual))
}

fn announce(ready: &serde_json::Value) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "READY {ready}")?;
    out.flush()
}

fn on_signal(shutdown: Shutdown) -> Result<(), ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Start)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Start)?;
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        shutdown.request();
    });
    Ok(())
}
