//! The wallet behind its user interface: closed or open, and the requests that are on the screen.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::task::AbortHandle;
use url::Url;
use wallet_core::keeper::IDLE_SECONDS;
use wallet_core::vault::device;
use wallet_core::vault::key::{MIN_PASSPHRASE_CHARACTERS, MIN_PIN_CHARACTERS};
use wallet_core::{
    COMES_BACK_TO, Consent, DeviceStore, Environment, HardwareKeys, IssuanceEnd, Keeper, Language, Passphrase, Refusal, Secrets,
    Slow, Strength, Wallet, WalletConfig, WalletError,
};

use crate::asking::Ended;
use crate::failure::Failure;
use crate::inputs::{ChangePin, Create, Nothing, SetLanguage, Unlock};
use crate::progress::SlowCalls;
use crate::secrets::Written;

/// How long one command may take: more than the stories that one has, three at most, of which each ends by its own limit
/// ([`wallet_core::Patience`]) with a sentence that names who was waited for. This one is for what no story watches.
pub(crate) const LIMIT: Duration = Duration::from_secs(600);
/// Requests on the screen at a time.
const MAX_CONSENTS: usize = 8;

/// What the application that shows the interface decides.
pub struct Host {
    /// Where the wallet is, or will be.
    pub dir: PathBuf,
    /// What a new wallet is set up with.
    pub config: WalletConfig,
    /// The departments that the interface offers.
    pub departments: Vec<Url>,
    /// Where this device keeps its secret. While it does not work, a new wallet is not bound to the device and wants a passphrase.
    pub device: Arc<dyn DeviceStore>,
    /// Secure hardware in which new keys are made, where this device has it.
    pub hardware: Option<Arc<dyn HardwareKeys>>,
    /// What a guess of the PIN costs; `None`: as much as takes half a second here.
    pub strength: Option<Strength>,
    /// Time and randomness.
    pub environment: Environment,
}

/// The wallet as an interface can ask it. The commands are the rows of [`crate::for_each_command`].
pub struct Commands {
    pub(crate) host: Arc<Host>,
    /// Where a browser comes back to after somebody signed in at a department.
    pub(crate) comes_back_to: Url,
    open: Mutex<Open>,
    /// One at a time: two derivations at once would find each other's lock.
    opening: tokio::sync::Mutex<()>,
    /// Whether the key store works, once that was tried.
    binds: tokio::sync::OnceCell<bool>,
    pub(crate) slow: SlowCalls,
    ended: Ended,
}

pub(crate) struct Open {
    keeper: Option<Keeper>,
    /// The words that were shown, to compare what is typed with.
    pub(crate) written: Option<Written>,
    /// The newest last.
    consents: Vec<Consent>,
    /// What the site of the request that was refused last can be told.
    pub(crate) refusal: Option<Refusal>,
    language: Language,
    /// What asks the issuers that take longer while the wallet is open.
    asking: Option<AbortHandle>,
}

/// How far the wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// There is none yet.
    Absent,
    /// It is closed.
    Locked,
    /// It is open.
    Open,
}

/// Whether there is a wallet, and whether it is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// How far it is.
    pub stage: Stage,
    /// The language that it speaks.
    pub language: Language,
    /// After so many seconds without use it closes itself.
    pub idle_seconds: u32,
    /// While it is open: in how many seconds it closes unless somebody uses it.
    pub closes_in: Option<u32>,
    /// Characters of a new PIN at least; more where there is no key store that the wallet could be bound to.
    pub pin_characters: usize,
    /// Whether a new PIN binds the wallet to this device. Where it does not, only its length protects the wallet: it is a passphrase.
    pub binds: bool,
    /// How many credentials that took longer came, or were refused, without anybody asking since the application began: when it grew,
    /// the cards and what is under way are read again.
    pub issued: u64,
}

impl std::fmt::Debug for Commands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Commands of the wallet in {}", self.host.dir.display())
    }
}

impl Commands {
    /// The wallet of a host, closed.
    pub fn new(host: Host) -> Self {
        let written = WalletConfig::load(&host.dir).map(|config| config.language);
        let open = Open {
            keeper: None,
            written: None,
            consents: Vec::new(),
            refusal: None,
            language: written.unwrap_or(host.config.language),
            asking: None,
        };
        let comes_back_to = Url::parse(COMES_BACK_TO).expect("the address of the application is one");
        Self {
            host: Arc::new(host),
            comes_back_to,
            open: Mutex::new(open),
            opening: tokio::sync::Mutex::default(),
            binds: tokio::sync::OnceCell::new(),
            slow: SlowCalls::default(),
            ended: Ended::default(),
        }
    }

    /// With another address for a browser to come back to than the application's own.
    #[must_use]
    pub fn coming_back_to(self, address: Url) -> Self {
        Self { comes_back_to: address, ..self }
    }

    /// Hears of each credential that took longer and came, or was refused, while nobody asked: for a host that tells the person.
    pub fn issuances(&self) -> tokio::sync::broadcast::Receiver<IssuanceEnd> {
        self.ended.subscribe()
    }

    /// Closes the wallet if it was not used for long enough. A host calls it every few seconds.
    pub fn tick(&self) {
        let mut open = self.state();
        if open.keeper.as_ref().is_some_and(Keeper::tick) {
            open.close();
        }
    }

    /// Closes the wallet now.
    pub fn close(&self) {
        self.state().close();
    }

    /// The open wallet, for one story.
    pub(crate) fn wallet(&self) -> Result<Arc<Wallet>, Failure> {
        let mut open = self.state();
        match open.keeper.as_ref().and_then(Keeper::wallet) {
            Some(wallet) => Ok(wallet),
            None => {
                open.close();
                Err(Failure::locked())
            }
        }
    }

    /// Puts a request on the screen.
    pub(crate) fn show(&self, consent: Consent) {
        let mut open = self.state();
        open.consents.retain(|shown| shown.view.id != consent.view.id);
        if open.consents.len() >= MAX_CONSENTS {
            open.consents.remove(0);
        }
        open.consents.push(consent);
    }

    /// A request that is on the screen.
    pub(crate) fn shown(&self, id: &str) -> Result<Consent, Failure> {
        let open = self.state();
        open.consents.iter().find(|consent| consent.view.id == id).cloned().ok_or_else(Failure::not_on_screen)
    }

    /// Takes a request off the screen.
    pub(crate) fn hide(&self, id: &str) {
        self.state().consents.retain(|consent| consent.view.id != id);
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn current(&self) -> Status {
        let stage = self.stage();
        // Who is asked for the PIN that there is needs not be asked to open a key store for another one.
        let binds = stage == Stage::Locked || self.binds().await;
        let pin_characters = if binds { MIN_PIN_CHARACTERS } else { MIN_PASSPHRASE_CHARACTERS };
        let open = self.state();
        let closes_in = open.keeper.as_ref().and_then(Keeper::closes_in);
        let issued = self.ended.count();
        Status { stage, language: open.language, idle_seconds: IDLE_SECONDS, closes_in, pin_characters, binds, issued }
    }

    fn stage(&self) -> Stage {
        self.tick();
        match self.state().keeper {
            Some(_) => Stage::Open,
            None if self.host.dir.join(wallet_core::vault::FILE).is_file() => Stage::Locked,
            None => Stage::Absent,
        }
    }

    /// Whether this device has a key store that works; tried once.
    async fn binds(&self) -> bool {
        let device = Arc::clone(&self.host.device);
        let trial = || async { tokio::task::spawn_blocking(move || device::works(device.as_ref())).await.unwrap_or(false) };
        *self.binds.get_or_init(trial).await
    }

    pub(crate) fn keep(&self, wallet: Wallet) {
        let wallet = wallet.with_progress(self.slow.sink());
        let mut open = self.state();
        open.close();
        open.language = wallet.language();
        let keeper = Keeper::new(wallet, self.host.environment.clock.clone(), IDLE_SECONDS);
        open.asking = Some(self.ended.ask(keeper.watch()));
        open.keeper = Some(keeper);
    }

    pub(crate) async fn status(&self, _: Nothing) -> Result<Status, Failure> {
        Ok(self.current().await)
    }

    pub(crate) async fn touch(&self, _: Nothing) -> Result<Status, Failure> {
        if let Some(keeper) = &self.state().keeper {
            keeper.touch();
        }
        Ok(self.current().await)
    }

    pub(crate) async fn progress(&self, _: Nothing) -> Result<Option<Slow>, Failure> {
        Ok(self.slow.slowest())
    }

    pub(crate) async fn set_language(&self, input: SetLanguage) -> Result<Status, Failure> {
        let status = self.current().await;
        match status.stage {
            Stage::Open => self.wallet()?.set_language(input.language)?,
            Stage::Locked => {
                let config = WalletConfig::load(&self.host.dir).map_err(WalletError::from)?;
                let changed = WalletConfig { language: input.language, ..config };
                changed.save(&self.host.dir).map_err(WalletError::from)?;
            }
            // It is written when the wallet is made.
            Stage::Absent => {}
        }
        self.state().language = input.language;
        Ok(Status { language: input.language, ..status })
    }

    pub(crate) async fn create(&self, input: Create) -> Result<Status, Failure> {
        let _one = self.opening.lock().await;
        let host = Arc::clone(&self.host);
        let Status { language, binds, .. } = self.current().await;
        let config = WalletConfig { language, ..host.config.clone() };
        let wallet = blocking(move || {
            let strength = host.strength.unwrap_or_else(|| Strength::calibrated(&host.environment));
            let new = new_secrets(&host, &input.pin.0, binds);
            let wallet = Wallet::create_bound(&host.dir, new, config, strength, host.environment.clone())?;
            Ok(on_hardware(&host, wallet))
        });
        self.keep(wallet.await?);
        Ok(self.current().await)
    }

    pub(crate) async fn unlock(&self, input: Unlock) -> Result<Status, Failure> {
        let _one = self.opening.lock().await;
        // An open wallet does not look at a PIN again: it would find its own lock.
        if self.stage() != Stage::Open {
            let host = Arc::clone(&self.host);
            let wallet = blocking(move || {
                let wallet = Wallet::unlock_bound(&host.dir, secrets(&host, &input.pin.0), host.environment.clone())?;
                Ok(on_hardware(&host, wallet))
            });
            self.keep(wallet.await?);
        }
        Ok(self.current().await)
    }

    pub(crate) async fn lock(&self, _: Nothing) -> Result<Status, Failure> {
        self.close();
        Ok(self.current().await)
    }

    pub(crate) async fn change_pin(&self, input: ChangePin) -> Result<Status, Failure> {
        let _one = self.opening.lock().await;
        let (wallet, host, binds) = (self.wallet()?, Arc::clone(&self.host), self.binds().await);
        blocking(move || {
            let strength = host.strength.unwrap_or_else(|| Strength::calibrated(&host.environment));
            wallet.change_secrets(secrets(&host, &input.old.0), new_secrets(&host, &input.new.0, binds), strength)
        })
        .await?;
        Ok(self.current().await)
    }
}

impl Open {
    fn close(&mut self) {
        self.keeper = None;
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
        self.written = None;
        self.consents.clear();
    }
}

pub(crate) fn secrets<'a>(host: &'a Host, passphrase: &'a Passphrase) -> Secrets<'a> {
    Secrets { passphrase, device: Some(host.device.as_ref()) }
}

/// The wallet with the device's hardware, without the keys in it that nothing names.
fn on_hardware(host: &Host, wallet: Wallet) -> Wallet {
    let Some(hardware) = &host.hardware else { return wallet };
    let wallet = wallet.with_hardware(Arc::clone(hardware));
    // An unused key does no harm, and the next start forgets it.
    drop(wallet.forget_unused_keys());
    wallet
}

/// What a new PIN is kept with: the device's secret, or nothing where none can be kept.
fn new_secrets<'a>(host: &'a Host, passphrase: &'a Passphrase, binds: bool) -> Secrets<'a> {
    if binds { secrets(host, passphrase) } else { Secrets::from(passphrase) }
}

/// Runs a derivation where it holds up nobody.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, WalletError> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}
