//! The open wallet: what its stories share.

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clients::Environment;
use clients::chain::ChainClient;
use identity::UnixSeconds;
use identity::canonical::Hash;
use identity::did::Network;
use identity::jose::TrustAnchors;
use ledger::TrustRoot;
use wire::link::is_on_this_machine;

use crate::chain::Chain;
use crate::config::{ConfigError, Language, TrustFiles, TrustPin, WalletConfig};
use crate::error::WalletError;
use crate::hardware::HardwareKeys;
use crate::issuance::WalletProvider;
use crate::kept::KeptAnswers;
use crate::vault::key::{Passphrase, Strength};
use crate::vault::{self, Disk, Secrets, Table, Vault, VaultError};
use crate::waits::{PatientChain, Waits};

/// The vault's record of the trust root.
const TRUST: &str = "trust";
/// The vault's record of what was followed of the ledger's validators.
const FOLLOWED: &str = "followed-validators";
/// An answer of the ledger that is older makes the wallet ask another node, in milliseconds. Screens say every answer's age.
const MAX_AGE_MS: u64 = 120_000;

/// An open wallet. Its stories are in the modules of their names; each is a method.
pub struct Wallet {
    pub(crate) vault: Arc<Vault>,
    pub(crate) chain: Arc<dyn Chain>,
    /// The same, with what it answered before: for who asks.
    pub(crate) answers: KeptAnswers,
    pub(crate) http: reqwest::Client,
    pub(crate) anchors: TrustAnchors,
    pub(crate) network: Network,
    pub(crate) genesis: Hash,
    pub(crate) environment: Environment,
    pub(crate) provider: Option<Arc<dyn WalletProvider>>,
    pub(crate) hardware: Option<Arc<dyn HardwareKeys>>,
    pub(crate) waits: Arc<Waits>,
    /// One story at a time receives: two would use one refresh token twice, or take an end of the other's issuance for a refusal.
    pub(crate) issuing: tokio::sync::Mutex<()>,
    config: RwLock<WalletConfig>,
    dir: PathBuf,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Wallet in {}", self.dir.display())
    }
}

impl Wallet {
    /// Makes a wallet in `dir`, which is created if need be, and writes `config` there. Takes as long as the passphrase's
    /// derivation: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`WalletError::Config`] when the trust root cannot be loaded, [`WalletError::Vault`] when there is a wallet already, the
    /// passphrase is too short, or the disk refuses.
    pub fn create(
        dir: &Path,
        passphrase: &Passphrase,
        config: WalletConfig,
        strength: Strength,
        environment: Environment,
    ) -> Result<Self, WalletError> {
        Self::create_with(dir, passphrase, config, strength, environment, None)
    }

    /// As [`Self::create`], with a vault that opens on this device only; a PIN of six characters is enough then.
    ///
    /// # Errors
    /// As [`Self::create`], and [`VaultError::Device`] where there is no key store.
    pub fn create_bound(
        dir: &Path,
        secrets: Secrets<'_>,
        config: WalletConfig,
        strength: Strength,
        environment: Environment,
    ) -> Result<Self, WalletError> {
        Self::create_with(dir, secrets, config, strength, environment, None)
    }

    /// As [`Self::create`], on another view of the ledger than the configured nodes: for tests.
    ///
    /// # Errors
    /// As [`Self::create`].
    pub fn create_with<'a>(
        dir: &Path,
        secrets: impl Into<Secrets<'a>>,
        config: WalletConfig,
        strength: Strength,
        environment: Environment,
        chain: Option<Arc<dyn Chain>>,
    ) -> Result<Self, WalletError> {
        let trust = config.load_trust(dir)?;
        if !dir.join(vault::FILE).exists() {
            std::fs::create_dir_all(dir).map_err(|source| ConfigError::Unreadable { path: dir.to_owned(), source })?;
            config.save(dir)?;
        }
        let vault = Vault::create(dir, secrets, strength, &environment, (TRUST, &trust.pin))?;
        Self::assemble(dir, vault, config, trust, environment, chain)
    }

    /// Opens the wallet in `dir`. Takes as long as the passphrase's derivation: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`WalletError::Vault`] for a wrong passphrase among others, [`WalletError::Config`] when the trust root is not the one that
    /// the wallet was created with.
    pub fn unlock(dir: &Path, passphrase: &Passphrase, environment: Environment) -> Result<Self, WalletError> {
        Self::unlock_with(dir, passphrase, environment, None)
    }

    /// As [`Self::unlock`], for a vault that may be bound to this device.
    ///
    /// # Errors
    /// As [`Self::unlock`], [`VaultError::DeviceSecretMissing`], [`VaultError::Device`].
    pub fn unlock_bound(dir: &Path, secrets: Secrets<'_>, environment: Environment) -> Result<Self, WalletError> {
        Self::unlock_with(dir, secrets, environment, None)
    }

    /// As [`Self::unlock`], on another view of the ledger than the configured nodes: for tests.
    ///
    /// # Errors
    /// As [`Self::unlock`].
    pub fn unlock_with<'a>(
        dir: &Path,
        secrets: impl Into<Secrets<'a>>,
        environment: Environment,
        chain: Option<Arc<dyn Chain>>,
    ) -> Result<Self, WalletError> {
        Self::unlock_on(dir, secrets.into(), environment, chain, None)
    }

    /// As [`Self::unlock_with`], on another disk than the system's: for tests.
    ///
    /// # Errors
    /// As [`Self::unlock`].
    pub fn unlock_on(
        dir: &Path,
        secrets: Secrets<'_>,
        environment: Environment,
        chain: Option<Arc<dyn Chain>>,
        disk: Option<&Disk>,
    ) -> Result<Self, WalletError> {
        if !dir.join(vault::FILE).is_file() {
            return Err(VaultError::NotFound(dir.to_owned()).into());
        }
        let config = WalletConfig::load(dir)?;
        let trust = config.load_trust(dir)?;
        let vault = Vault::unlock_on(dir, secrets, &environment, disk)?;
        let remembered: Option<TrustPin> = vault.get(Table::Identity, TRUST)?;
        let remembered = remembered.ok_or(VaultError::Tampered("identity"))?;
        config.check_pin(dir, &trust.pin, &remembered)?;
        Self::assemble(dir, vault, config, trust, environment, chain)
    }

    fn assemble(
        dir: &Path,
        vault: Vault,
        config: WalletConfig,
        trust: TrustFiles,
        environment: Environment,
        chain: Option<Arc<dyn Chain>>,
    ) -> Result<Self, WalletError> {
        let TrustFiles { root, anchors, .. } = trust;
        let vault = Arc::new(vault);
        let (network, genesis) = (root.genesis().network.clone(), *root.hash());
        let http = clients::http::client().map_err(|error| ConfigError::Malformed {
            path: dir.join(crate::config::FILE),
            why: format!("no HTTP client: {error}"),
        })?;
        let chain = match chain {
            Some(chain) => chain,
            None => connect(&http, &config, followed(&vault, root)?, &environment, &vault),
        };
        let waits = Arc::new(Waits::default());
        let chain: Arc<dyn Chain> = Arc::new(PatientChain::new(chain, Arc::clone(&waits)));
        let answers = KeptAnswers::new(Arc::clone(&chain), Arc::clone(&vault), environment.clock.clone());
        let (provider, hardware, config, dir) = (None, None, RwLock::new(config), dir.to_owned());
        let issuing = tokio::sync::Mutex::default();
        Ok(Self {
            vault,
            chain,
            answers,
            http,
            anchors,
            network,
            genesis,
            environment,
            provider,
            hardware,
            waits,
            issuing,
            config,
            dir,
        })
    }

    /// With somebody who vouches for this wallet and its keys towards issuers that ask for it.
    #[must_use]
    pub fn with_provider(self, provider: Arc<dyn WalletProvider>) -> Self {
        Self { provider: Some(provider), ..self }
    }

    /// With secure hardware that new keys are made in.
    #[must_use]
    pub fn with_hardware(self, keys: Arc<dyn HardwareKeys>) -> Self {
        Self { hardware: Some(keys), ..self }
    }

    /// Changes the passphrase or PIN, and whether the vault is bound to this device. The vault opens by the old or by the new at any
    /// moment. Takes as long as two derivations: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn change_secrets(&self, old: Secrets<'_>, new: Secrets<'_>, strength: Strength) -> Result<(), WalletError> {
        Ok(self.vault.rewrap(old, new, strength, self.now())?)
    }

    /// Whether this is the passphrase or PIN, asked for again in an open wallet before it shows a secret. A wrong one counts as at the
    /// door. Takes as long as a derivation: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`VaultError::WrongPassphrase`], [`VaultError::LockedOut`] and those of the disk.
    pub fn confirm_secrets(&self, secrets: Secrets<'_>) -> Result<(), WalletError> {
        Ok(self.vault.confirm(secrets, self.now())?)
    }

    /// Whether the vault opens on this device only.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn is_bound_to_device(&self) -> Result<bool, WalletError> {
        Ok(self.vault.is_bound()?)
    }

    /// The wallet's directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The wallet's language.
    pub fn language(&self) -> Language {
        self.config.read().unwrap_or_else(PoisonError::into_inner).language
    }

    /// Speaks another language from now on: of sentences, and of what is consented to.
    ///
    /// # Errors
    /// [`WalletError::Config`] when the configuration cannot be written; the language stays as it was then.
    pub fn set_language(&self, language: Language) -> Result<(), WalletError> {
        let mut config = self.config.write().unwrap_or_else(PoisonError::into_inner);
        let changed = WalletConfig { language, ..config.clone() };
        changed.save(&self.dir)?;
        *config = changed;
        Ok(())
    }

    /// Whether every node that this wallet knows is on this machine: a pilot city that runs here as a whole, and the only one whose sites may
    /// be here too. In any other city no link may make the wallet ask a service of the citizen's own machine.
    pub(crate) fn is_in_a_pilot_city(&self) -> bool {
        self.config.read().unwrap_or_else(PoisonError::into_inner).nodes.iter().all(is_on_this_machine)
    }

    /// Seconds since the Unix epoch.
    pub(crate) fn now(&self) -> UnixSeconds {
        self.environment.now()
    }
}

/// What the wallet followed of the ledger's validators when it was last open, or the root as it was configured.
fn followed(vault: &Vault, root: TrustRoot) -> Result<TrustRoot, WalletError> {
    let kept: Option<String> = vault.get(Table::Identity, FOLLOWED)?;
    let bytes = kept.and_then(|text| URL_SAFE_NO_PAD.decode(text).ok());
    // What another version kept is no loss: the changes are followed again.
    Ok(bytes.and_then(|bytes| TrustRoot::from_bytes(root.genesis().clone(), &bytes).ok()).unwrap_or(root))
}

/// The client of the configured nodes. It keeps what it follows in the vault: whoever could exchange that could name the validators.
fn connect(
    http: &reqwest::Client,
    config: &WalletConfig,
    root: TrustRoot,
    environment: &Environment,
    vault: &Arc<Vault>,
) -> Arc<dyn Chain> {
    let vault = Arc::clone(vault);
    let keep = move |root: &TrustRoot| {
        let text = URL_SAFE_NO_PAD.encode(root.to_bytes());
        // A disk that takes nothing shows at the next step that must be kept; this one is only done again.
        drop(vault.write(|batch| batch.put(Table::Identity, FOLLOWED, &text)));
    };
    let client = ChainClient::new(http.clone(), config.nodes.clone(), root, environment.random.clone());
    Arc::new(client.with_clock(environment.clock.clone(), MAX_AGE_MS).with_keeper(keep))
}
