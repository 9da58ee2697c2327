//! What the service logs, of all tests of the process, so that one of them can look for what must not be there.

use std::io::Write;
use std::sync::{LazyLock, Mutex};

use tracing_subscriber::EnvFilter;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());

static CAUGHT: LazyLock<()> = LazyLock::new(|| {
    let filter = EnvFilter::new("debug,issuer_service=trace,service_kit=trace,clients=trace,blobs=trace");
    // Without times: six digits of one could be a PIN.
    let lines = tracing_subscriber::fmt().json().without_time().with_env_filter(filter).with_writer(|| Lines);
    tracing::subscriber::set_global_default(lines.finish()).unwrap();
});

struct Lines;

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Begins to catch the log.
pub(crate) fn catch() {
    LazyLock::force(&CAUGHT);
}

/// The log until now.
pub(crate) fn logged() -> Vec<u8> {
    LINES.lock().unwrap().clone()
}
