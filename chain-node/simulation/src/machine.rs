//! One validator's machine: the deterministic runtime with a clock that may be wrong and a disk that may be slow.
//!
//! Every validator of a simulation shares one runtime, one virtual time and one source of randomness; what differs between them
//! is here. Without a fault it passes everything through.

use commonware_runtime::{
    Blob, BlobVersion, Clock, Error, Handle, IoBufs, IoBufsMut, Metrics, Name, ReadOptions, Spawner, Storage, Supervisor,
    WriteOptions,
    deterministic::Context,
    signal::Signal,
    telemetry::metrics::{Metric, Registered},
};
use rand_core::{Infallible, TryCryptoRng, TryRng};
use std::{
    fmt::Display,
    future::Future,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

/// What is wrong with a machine; may change while it runs.
#[derive(Debug, Default)]
pub struct Device {
    skew_ms: AtomicI64,
    disk_delay_ms: AtomicU64,
}

impl Device {
    /// Sets how far its clock is ahead (or, negative, behind).
    pub fn set_skew_ms(&self, skew_ms: i64) {
        self.skew_ms.store(skew_ms, Ordering::Relaxed);
    }

    /// Sets how long its disk takes for a write that is synced.
    pub fn set_disk_delay_ms(&self, delay_ms: u64) {
        self.disk_delay_ms.store(delay_ms, Ordering::Relaxed);
    }

    fn shown(&self, time: SystemTime) -> SystemTime {
        shifted(time, self.skew_ms.load(Ordering::Relaxed))
    }

    /// The true time at which this clock shows `time`.
    fn real(&self, time: SystemTime) -> SystemTime {
        shifted(time, -self.skew_ms.load(Ordering::Relaxed))
    }

    fn disk_delay(&self) -> Duration {
        Duration::from_millis(self.disk_delay_ms.load(Ordering::Relaxed))
    }
}

fn shifted(time: SystemTime, by_ms: i64) -> SystemTime {
    let by = Duration::from_millis(by_ms.unsigned_abs());
    if by_ms < 0 {
        time.checked_sub(by).unwrap_or(SystemTime::UNIX_EPOCH).max(SystemTime::UNIX_EPOCH)
    } else {
        // The engine's "never" is the last time that there is: it stays never.
        time.checked_add(by).unwrap_or(time)
    }
}

/// The runtime as one validator has it.
pub struct Machine {
    inner: Context,
    device: Arc<Device>,
}

impl Machine {
    /// A machine on the shared runtime.
    pub fn new(inner: Context, device: Arc<Device>) -> Self {
        Self { inner, device }
    }
}

impl Supervisor for Machine {
    fn name(&self) -> Name {
        self.inner.name()
    }

    fn child(&self, label: &'static str) -> Self {
        Self { inner: self.inner.child(label), device: self.device.clone() }
    }

    fn with_attribute(self, key: &'static str, value: impl Display) -> Self {
        Self { inner: self.inner.with_attribute(key, value), device: self.device }
    }
}

impl Spawner for Machine {
    fn shared(self, blocking: bool) -> Self {
        Self { inner: self.inner.shared(blocking), device: self.device }
    }

    fn dedicated(self) -> Self {
        Self { inner: self.inner.dedicated(), device: self.device }
    }

    fn spawn<F, Fut, T>(self, f: F) -> Handle<T>
    where
        F: FnOnce(Self) -> Fut + Send + 'static,
        Fut: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let device = self.device;
        self.inner.spawn(move |inner| f(Self { inner, device }))
    }

    async fn stop(self, value: i32, timeout: Option<Duration>) -> Result<(), Error> {
        self.inner.stop(value, timeout).await
    }

    fn stopped(&self) -> Signal {
        self.inner.stopped()
    }
}

impl Clock for Machine {
    fn current(&self) -> SystemTime {
        self.device.shown(self.inner.current())
    }

    // A timer is monotonic: who sleeps for a second sleeps for a second, whatever the clock shows.
    fn sleep(&self, duration: Duration) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep(duration)
    }

    fn sleep_until(&self, deadline: SystemTime) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.inner.sleep_until(self.device.real(deadline))
    }
}

impl governor::clock::Clock for Machine {
    type Instant = SystemTime;

    fn now(&self) -> SystemTime {
        self.current()
    }
}

impl governor::clock::ReasonablyRealtime for Machine {}

impl Metrics for Machine {
    fn register<N: Into<String>, H: Into<String>, M: Metric>(&self, name: N, help: H, metric: M) -> Registered<M> {
        self.inner.register(name, help, metric)
    }

    fn encode(&self) -> String {
        self.inner.encode()
    }
}

impl TryRng for Machine {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        self.inner.try_next_u32()
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.inner.try_next_u64()
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.inner.try_fill_bytes(bytes)
    }
}

impl TryCryptoRng for Machine {}

impl Storage for Machine {
    type Blob = File;

    async fn open_versioned(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
    ) -> Result<(File, u64, BlobVersion), Error> {
        let (inner, length, version) = self.inner.open_versioned(partition, name, versions).await?;
        Ok((File { inner, clock: self.inner.child("disk"), device: self.device.clone() }, length, version))
    }

    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        self.inner.remove(partition, name).await
    }

    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.inner.scan(partition).await
    }
}

/// A file on a machine's disk.
pub struct File {
    inner: <Context as Storage>::Blob,
    clock: Context,
    device: Arc<Device>,
}

impl File {
    async fn wait(&self) {
        let delay = self.device.disk_delay();
        if !delay.is_zero() {
            self.clock.sleep(delay).await;
        }
    }
}

impl Blob for File {
    async fn read_at_buf(
        &self,
        offset: u64,
        length: usize,
        buffers: impl Into<IoBufsMut> + Send,
        options: ReadOptions,
    ) -> Result<IoBufsMut, Error> {
        self.inner.read_at_buf(offset, length, buffers, options).await
    }

    async fn read_at(&self, offset: u64, length: usize, options: ReadOptions) -> Result<IoBufsMut, Error> {
        self.inner.read_at(offset, length, options).await
    }

    async fn write_at(&self, offset: u64, buffers: impl Into<IoBufs> + Send, options: WriteOptions) -> Result<(), Error> {
        if options.contains(WriteOptions::SYNC) {
            self.wait().await;
        }
        self.inner.write_at(offset, buffers, options).await
    }

    async fn resize(&self, length: u64) -> Result<(), Error> {
        self.inner.resize(length).await
    }

    async fn sync(&self) -> Result<(), Error> {
        self.wait().await;
        self.inner.sync().await
    }

    async fn start_sync(&self) -> Handle<()> {
        self.wait().await;
        self.inner.start_sync().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use commonware_utils::SystemTimeExt as _;

    /// The engine sleeps until the last time that there is where nothing is due. On a slow clock that once came at once, for ever.
    #[test]
    fn on_a_slow_clock_never_stays_never() {
        let device = Device::default();
        device.set_skew_ms(-19_000);
        let soon = SystemTime::UNIX_EPOCH + Duration::from_secs(60);
        assert_eq!(device.real(soon), soon + Duration::from_secs(19));
        assert_eq!(device.shown(soon), soon - Duration::from_secs(19));
        assert_eq!(device.shown(SystemTime::UNIX_EPOCH), SystemTime::UNIX_EPOCH);
        assert_eq!(device.real(SystemTime::limit()), SystemTime::limit());
    }
}
