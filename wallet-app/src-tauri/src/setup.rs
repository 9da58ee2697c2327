//! What a new wallet is set up with: the city's ledger, whom it trusts, and the departments. A city hands it out as one file, `setup.toml`,
//! beside genesis and trust anchors. Without it there is a window that says so.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;
use wallet_commands::Failure;
use wallet_core::{Explained, Language, Side, WalletConfig};

/// Bytes of the file at most.
const MAX_BYTES: u64 = 64 * 1024;
/// Departments at most.
const MAX_DEPARTMENTS: usize = 64;

/// What the file says.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setup {
    /// Base URLs of ledger nodes.
    pub nodes: Vec<Url>,
    /// The genesis file; a relative path is relative to this file.
    pub genesis: PathBuf,
    /// Certificates of the authorities that certify issuers and websites.
    pub trust_anchors: PathBuf,
    /// Addresses of departments.
    pub departments: Vec<Url>,
    /// The language that a new wallet speaks.
    #[serde(default)]
    pub language: Language,
}

/// Why there is no set-up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The file cannot be read.
    #[error("{0} cannot be read")]
    Unreadable(PathBuf, #[source] std::io::Error),
    /// The file does not say what it should.
    #[error("{0} is malformed: {1}")]
    Malformed(PathBuf, String),
}

impl Setup {
    /// The file's name.
    pub const FILE: &str = "setup.toml";

    /// Reads a file.
    ///
    /// # Errors
    /// [`SetupError`].
    pub fn load(path: &Path) -> Result<Self, SetupError> {
        let unreadable = |error| SetupError::Unreadable(path.to_owned(), error);
        let malformed = |why: &str| SetupError::Malformed(path.to_owned(), why.to_owned());
        if fs::metadata(path).map_err(unreadable)?.len() > MAX_BYTES {
            return Err(malformed("it is too large"));
        }
        let text = fs::read_to_string(path).map_err(unreadable)?;
        let setup: Self = toml::from_str(&text).map_err(|error| malformed(error.message()))?;
        if setup.nodes.is_empty() {
            return Err(malformed("`nodes` is empty"));
        }
        if setup.departments.len() > MAX_DEPARTMENTS {
            return Err(malformed("there are too many departments"));
        }
        let folder = path.parent().unwrap_or(Path::new(""));
        Ok(Self { genesis: folder.join(&setup.genesis), trust_anchors: folder.join(&setup.trust_anchors), ..setup })
    }

    /// What a new wallet remembers of it.
    pub fn config(&self) -> WalletConfig {
        let Self { nodes, genesis, trust_anchors, departments: _, language } = self.clone();
        WalletConfig { nodes, genesis, trust_anchors, language }
    }
}

impl SetupError {
    /// The error in words.
    pub fn explain(&self) -> Failure {
        let (slug, zh, en) = match self {
            Self::Unreadable(path, error) => (
                "setup-missing",
                format!(
                    "钱包尚未设置所属城市：无法读取 {}（{error}）。请向您的城市索取设置文件，放到该位置，然后重新打开钱包。",
                    path.display()
                ),
                format!(
                    "The wallet is not set up for a city yet: {} cannot be read ({error}). Ask your city for its set-up file, put it there, and open the wallet again.",
                    path.display()
                ),
            ),
            Self::Malformed(path, why) => (
                "setup-malformed",
                format!("城市设置文件 {} 有误：{why}。请向您的城市重新索取。", path.display()),
                format!("The city's set-up file {} is malformed: {why}. Ask your city for it again.", path.display()),
            ),
        };
        Explained::new(slug, Side::You, zh, en).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "nodes = [\"http://127.0.0.1:7400\"]\ngenesis = \"genesis.json\"\ntrust_anchors = \"/etc/trust.pem\"\n\
        departments = [\"https://police.example\"]\n";

    fn load(text: &str) -> Result<Setup, SetupError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(Setup::FILE);
        fs::write(&path, text).unwrap();
        let loaded = Setup::load(&path);
        loaded.map(|setup| Setup { genesis: setup.genesis.strip_prefix(folder.path()).unwrap().to_owned(), ..setup })
    }

    #[test]
    fn paths_are_relative_to_the_file() {
        let setup = load(GOOD).unwrap();
        assert_eq!(setup.genesis, Path::new("genesis.json"));
        assert_eq!(setup.trust_anchors, Path::new("/etc/trust.pem"));
        assert_eq!(setup.config().language, Language::Zh);
    }

    #[test]
    fn a_set_up_that_is_missing_or_wrong_is_refused_in_words() {
        let missing = Setup::load(Path::new("/nowhere/setup.toml")).unwrap_err().explain();
        assert_eq!(missing.slug, "setup-missing");
        assert!(missing.sentence.en.contains("/nowhere/setup.toml") && missing.sentence.zh.contains("/nowhere/setup.toml"));
        let many = "\"https://police.example\",".repeat(MAX_DEPARTMENTS + 1);
        for text in [
            "",
            &format!("{GOOD}color = \"red\"\n"),
            &GOOD.replace("\"http://127.0.0.1:7400\"", ""),
            &GOOD.replace("\"https://police.example\"", &many),
            &format!("{GOOD}#{}", " ".repeat(64 * 1024)),
        ] {
            assert_eq!(load(text).unwrap_err().explain().slug, "setup-malformed", "{text}");
        }
    }
}
