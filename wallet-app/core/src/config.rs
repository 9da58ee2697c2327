//! The wallet's configuration, `wallet.toml` in its directory: nodes, genesis, trust anchors, language.
//!
//! It may be edited by its owner. Genesis and trust anchors are what everything is checked against, so their hashes are kept in
//! the vault too: when a file was exchanged, the wallet refuses to go on.

use std::fs;
use std::path::{Path, PathBuf};

use identity::Localized;
use identity::jose::TrustAnchors;
use ledger::TrustRoot;
use ledger::genesis::Genesis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use url::Url;

use crate::error::{Explained, Side};

/// The file's name.
pub const FILE: &str = "wallet.toml";
/// Bytes of each configured file at most.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

/// The language that the wallet speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Simplified Chinese.
    #[default]
    Zh,
    /// English.
    En,
}

impl Language {
    /// The text in this language.
    pub fn of(self, text: &Localized) -> &str {
        match self {
            Self::Zh => &text.zh,
            Self::En => &text.en,
        }
    }

    /// The language tag.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Zh => "zh",
            Self::En => "en",
        }
    }
}

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WalletConfig {
    /// Base URLs of ledger nodes. None of them is believed; any of them can answer.
    pub nodes: Vec<Url>,
    /// The genesis file (JSON); relative paths are relative to the wallet's directory.
    pub genesis: PathBuf,
    /// Certificates (PEM) of the authorities that certify issuers and websites.
    pub trust_anchors: PathBuf,
    /// The language of sentences and of what is consented to.
    #[serde(default)]
    pub language: Language,
}

/// What is wrong with the configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file cannot be read.
    #[error("{path} cannot be read")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A file does not say what it should.
    #[error("{path} is malformed: {why}")]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Genesis or trust anchors are not the ones that the wallet was created with.
    #[error("{0} is not the file that the wallet was created with")]
    Exchanged(PathBuf),
}

impl ConfigError {
    /// The error in words.
    pub fn explain(&self) -> Explained {
        match self {
            Self::Unreadable { path, source } => Explained::new(
                "config-unreadable",
                Side::You,
                format!("无法读取文件 {}（{source}）。请检查路径和权限。", path.display()),
                format!("The file {} cannot be read ({source}). Check its path and permissions.", path.display()),
            ),
            Self::Malformed { path, why } => Explained::new(
                "config-malformed",
                Side::You,
                format!("文件 {} 格式有误：{why}。请更正后重试。", path.display()),
                format!("The file {} is malformed: {why}. Correct it and try again.", path.display()),
            ),
            Self::Exchanged(path) => Explained::new(
                "trust-root-exchanged",
                Side::You,
                format!(
                    "文件 {} 与创建钱包时的不同，钱包拒绝继续。请恢复原文件；如果不是您更改的，请勿使用此设备。",
                    path.display()
                ),
                format!(
                    "The file {} is not the one this wallet was created with, and the wallet will not go on. Put the original back; if you did not change it, do not use this device.",
                    path.display()
                ),
            ),
        }
    }
}

/// What everything is checked against, as loaded.
#[derive(Clone, Debug)]
pub(crate) struct TrustFiles {
    pub(crate) root: TrustRoot,
    pub(crate) anchors: TrustAnchors,
    pub(crate) pin: TrustPin,
}

/// What the vault remembers of the trust root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TrustPin {
    #[serde(with = "identity::keys::base64url_array")]
    genesis: [u8; 32],
    #[serde(with = "identity::keys::base64url_array")]
    anchors: [u8; 32],
}

impl WalletConfig {
    /// Reads the file in the wallet's directory.
    ///
    /// # Errors
    /// [`ConfigError::Unreadable`], [`ConfigError::Malformed`].
    pub fn load(dir: &Path) -> Result<Self, ConfigError> {
        let path = dir.join(FILE);
        let text = read(&path)?;
        let config: Self = toml::from_str(&text).map_err(|e| malformed(&path, e.message()))?;
        config.check(&path)?;
        Ok(config)
    }

    /// Writes the file into the wallet's directory.
    ///
    /// # Errors
    /// [`ConfigError::Malformed`] when a value is out of bounds, [`ConfigError::Unreadable`] when the disk refuses.
    pub fn save(&self, dir: &Path) -> Result<(), ConfigError> {
        let path = dir.join(FILE);
        self.check(&path)?;
        let text = toml::to_string(self).map_err(|e| malformed(&path, &e.to_string()))?;
        fs::write(&path, text).map_err(|source| ConfigError::Unreadable { path, source })
    }

    fn check(&self, path: &Path) -> Result<(), ConfigError> {
        if self.nodes.is_empty() || self.nodes.len() > 64 {
            return Err(malformed(path, "`nodes` must name 1 to 64 ledger nodes"));
        }
        match self.nodes.iter().find(|node| !matches!(node.scheme(), "http" | "https")) {
            Some(node) => Err(malformed(path, &format!("the node {node} is not an http or https address"))),
            None => Ok(()),
        }
    }

    /// Loads the trust root that the file names.
    pub(crate) fn load_trust(&self, dir: &Path) -> Result<TrustFiles, ConfigError> {
        let genesis_path = dir.join(&self.genesis);
        let genesis = read(&genesis_path)?;
        let genesis: Genesis = serde_json::from_str(&genesis).map_err(|e| malformed(&genesis_path, &e.to_string()))?;
        let root = TrustRoot::from_genesis(genesis).map_err(|e| malformed(&genesis_path, &e.to_string()))?;
        let anchors_path = dir.join(&self.trust_anchors);
        let pem = read(&anchors_path)?;
        let anchors = TrustAnchors::from_pem(&pem).map_err(|e| malformed(&anchors_path, &e.to_string()))?;
        let pin = TrustPin { genesis: *root.hash(), anchors: Sha256::digest(pem.as_bytes()).into() };
        Ok(TrustFiles { root, anchors, pin })
    }

    /// Compares with what the vault remembers.
    pub(crate) fn check_pin(&self, dir: &Path, found: &TrustPin, remembered: &TrustPin) -> Result<(), ConfigError> {
        if found.genesis != remembered.genesis {
            return Err(ConfigError::Exchanged(dir.join(&self.genesis)));
        }
        if found.anchors != remembered.anchors {
            return Err(ConfigError::Exchanged(dir.join(&self.trust_anchors)));
        }
        Ok(())
    }
}

fn read(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let bytes = fs::metadata(path).map_err(unreadable)?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(malformed(path, &format!("it has more than {MAX_FILE_BYTES} bytes")));
    }
    fs::read_to_string(path).map_err(unreadable)
}

fn malformed(path: &Path, why: &str) -> ConfigError {
    ConfigError::Malformed { path: path.to_owned(), why: why.to_owned() }
}
