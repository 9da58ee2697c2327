//! Logs: JSON lines on stderr, one event per decision, filtered by `RUST_LOG` (default `info`). Standard output belongs to the READY
//! line and to commands. Fields never hold keys, tokens, attribute values or bodies.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Starts logging for the process. The second call of a process does nothing.
pub fn init() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info,sqlx=warn,hyper=warn,h2=warn"));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stderr);
    // A test binary may have set a subscriber of its own: then that one stays.
    let _already_set = tracing_subscriber::registry().with(filter).with(lines).try_init();
}
