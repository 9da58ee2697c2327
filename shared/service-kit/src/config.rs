//! Configuration: one strict TOML file, read once in `main`. An error is a sentence that names the file, the line and the key.
//!
//! The configuration type derives `Deserialize` with `deny_unknown_fields`. Secrets are not in the file: it names files that
//! hold them, which [`read_secret`] reads. Relative paths are relative to the configuration file ([`Loaded::path`]).

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::de::DeserializeOwned;

/// The largest configuration or secret file that is read, in bytes.
pub const MAX_BYTES: u64 = 256 * 1024;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the file {} cannot be read", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is over [`MAX_BYTES`].
    #[error("the file {} is larger than {MAX_BYTES} bytes; it cannot be a configuration or a key", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// Others than the owner may read or write a file that holds a secret.
    #[error("the file {} holds a secret and has mode {mode:03o}; only its owner may read it: chmod 600 {}", path.display(), path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not the TOML that the service takes.
    #[error("the configuration file {}, line {line}{}: {message}", path.display(), key.as_ref().map(|k| format!(", key '{k}'")).unwrap_or_default())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The key on that line, if there is one.
        key: Option<String>,
        /// What is wrong.
        message: String,
    },
    /// A value that TOML accepts and the service does not.
    #[error("the configuration file {}, key '{key}': {message}", path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong with it and what would be right.
        message: String,
    },
}

/// A configuration with the place it came from.
#[derive(Clone, Debug)]
pub struct Loaded<T> {
    /// The configuration.
    pub value: T,
    /// The file.
    pub file: PathBuf,
}

impl<T> Loaded<T> {
    /// A path of the configuration, relative to the file's directory.
    pub fn path(&self, relative: &Path) -> PathBuf {
        match self.file.parent() {
            Some(directory) => directory.join(relative),
            None => relative.to_owned(),
        }
    }

    /// The error for a value that is well-formed and still wrong.
    pub fn refuse(&self, key: &'static str, message: impl Into<String>) -> ConfigError {
        ConfigError::Refused { path: self.file.clone(), key, message: message.into() }
    }
}

/// Reads a configuration file.
///
/// # Errors
/// [`ConfigError`], a sentence for the operator.
pub fn load<T: DeserializeOwned>(file: &Path) -> Result<Loaded<T>, ConfigError> {
    let text = read(file)?;
    let value = parse(file, &text)?;
    Ok(Loaded { value, file: file.to_owned() })
}

/// Parses the text of a configuration file; `file` is for the error only.
pub fn parse<T: DeserializeOwned>(file: &Path, text: &str) -> Result<T, ConfigError> {
    toml::from_str(text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let before = text.get(..start).unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        let key = text.lines().nth(line - 1).and_then(|line| line.split_once('=')).map(|(key, _)| key.trim().to_owned());
        ConfigError::Malformed { path: file.to_owned(), line, key, message: error.message().replace('\n', " ") }
    })
}

/// Reads a secret from a file of its own, without the white space around it. Only its owner may read or write the file.
///
/// # Errors
/// [`ConfigError::Unreadable`], [`ConfigError::TooLarge`] or [`ConfigError::Exposed`]; the secret itself is in no error.
pub fn read_secret(file: &Path) -> Result<SecretString, ConfigError> {
    use std::os::unix::fs::PermissionsExt as _;
    let text = read(file)?;
    let metadata = std::fs::metadata(file).map_err(|source| ConfigError::Unreadable { path: file.to_owned(), source })?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(ConfigError::Exposed { path: file.to_owned(), mode });
    }
    Ok(SecretString::from(text.trim()))
}

/// Reads a text file of at most [`MAX_BYTES`].
pub fn read(file: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: file.to_owned(), source };
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > MAX_BYTES {
        return Err(ConfigError::TooLarge { path: file.to_owned() });
    }
    std::fs::read_to_string(file).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only its parsing is tested")]
        listen: std::net::SocketAddr,
    }

    fn sentence(text: &str) -> String {
        parse::<Example>(Path::new("issuer.toml"), text).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_named_with_file_and_line() {
        let sentence = sentence("listen = \"127.0.0.1:1\"\nlisten_adress = 3\n");
        assert!(sentence.starts_with("the configuration file issuer.toml, line 2, key 'listen_adress': "), "{sentence}");
    }

    #[test]
    fn a_wrong_value_is_named_with_its_key() {
        let sentence = sentence("listen = \"nowhere\"\n");
        assert!(sentence.contains("line 1, key 'listen'"), "{sentence}");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("ledger.key");
        std::fs::write(&file, "00\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(read_secret(&file), Err(ConfigError::Exposed { mode: 0o640, .. })));
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(read_secret(&file).is_ok());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let error = load::<Example>(Path::new("/nonexistent/issuer.toml")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/issuer.toml"), "{error}");
    }
}
