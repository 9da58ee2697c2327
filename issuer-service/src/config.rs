//! The configuration file: what an operator writes. `config.example.toml` explains every key, and a test loads it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use identity::Localized;
use ledger::records::AuthorityId;
use serde::Deserialize;
use service_kit::config::{ConfigError, Loaded};
use url::Url;
use wire::issuer::{AttributeKind, Channel, VERIFIED_BY_CLAIM};

/// The claim that the service adds for a portrait: base64url SHA-256 of the picture.
pub const PORTRAIT_CLAIM: &str = "portrait_sha256";

/// The whole file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Main listener.
    pub listen: SocketAddr,
    /// Admin listener: health and metrics.
    pub admin_listen: SocketAddr,
    /// The credential issuer identifier.
    pub public_url: String,
    /// Proxies that are believed about client addresses.
    #[serde(default)]
    pub trusted_proxies: Vec<IpAddr>,
    /// Where blobs and the SQLite database are.
    pub data_directory: PathBuf,
    /// A file with a PostgreSQL URL; SQLite without it.
    #[serde(default)]
    pub database_url_file: Option<PathBuf>,
    /// Whether anybody may read blobs (ciphertext).
    #[serde(default)]
    pub public_gateway: bool,
    /// Hashes of the bearer tokens of peers that may read blobs.
    #[serde(default)]
    pub gateway_peers: Vec<String>,
    /// The department.
    pub authority: AuthorityConfig,
    /// The ledger.
    pub ledger: LedgerConfig,
    /// What it attests.
    pub attestations: Vec<AttestationConfig>,
    /// Who decides.
    pub staff: Vec<StaffConfig>,
}

/// The department and its keys.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthorityConfig {
    /// Its id on the ledger.
    pub id: AuthorityId,
    /// Its name.
    pub name: Localized,
    /// Sends its transactions.
    pub ledger_key_file: PathBuf,
    /// Signs credentials and status lists.
    pub credential_key_file: PathBuf,
    /// The certificates of that key.
    pub credential_chain_file: PathBuf,
    /// Opens envelopes.
    pub reader_key_file: PathBuf,
}

/// The ledger.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LedgerConfig {
    /// The genesis file: the trust root.
    pub genesis: PathBuf,
    /// Nodes to ask. None of them is believed.
    pub nodes: Vec<Url>,
}

/// One attestation type.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AttestationConfig {
    /// The credential's `vct`.
    #[serde(rename = "type")]
    pub attestation_type: String,
    /// OpenID4VCI credential configuration id.
    pub configuration: String,
    /// Its name.
    pub name: Localized,
    /// For how long a credential is good, in days.
    pub validity_days: u32,
    /// What a citizen must declare.
    pub needs: Vec<AttributeKind>,
    /// What they may declare beside.
    #[serde(default)]
    pub optional: Vec<AttributeKind>,
    /// The register to compare with.
    #[serde(default)]
    pub register: Option<RegisterConfig>,
    /// The claims of the document.
    pub claims: Vec<ClaimConfig>,
}

/// A department's register.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisterConfig {
    /// JSON: an array of objects of text values.
    pub file: PathBuf,
    /// The claim that finds the record.
    pub key: String,
}

/// One claim of a document.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClaimConfig {
    /// Its name in the credential.
    pub name: String,
    /// Its name for people.
    pub label: Localized,
}

/// A clerk.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StaffConfig {
    /// The name to sign in with.
    pub name: String,
    /// The name that is shown.
    pub display_name: String,
    /// Argon2id PHC string.
    pub password_hash: String,
}

impl AttestationConfig {
    /// Whether a portrait may be declared.
    pub fn has_portrait(&self) -> bool {
        self.optional.contains(&AttributeKind::Portrait)
    }

    /// How a declaration can be verified: what every department offers, and the register where there is one.
    pub fn channels(&self) -> Vec<Channel> {
        let register = self.register.is_some().then_some(Channel::Register);
        Channel::ALWAYS.into_iter().chain(register).collect()
    }
}

impl Config {
    /// The attestation type with this `vct`.
    pub fn attestation(&self, attestation_type: &str) -> Option<&AttestationConfig> {
        self.attestations.iter().find(|a| a.attestation_type == attestation_type)
    }

    /// The attestation type with this OpenID4VCI configuration id.
    pub fn configuration(&self, id: &str) -> Option<&AttestationConfig> {
        self.attestations.iter().find(|a| a.configuration == id)
    }
}

/// Reads and checks the file.
///
/// # Errors
/// A sentence that names the file and the key.
pub fn load(file: &Path) -> Result<Loaded<Config>, ConfigError> {
    let loaded = service_kit::config::load::<Config>(file)?;
    check(&loaded)?;
    Ok(loaded)
}

fn check(loaded: &Loaded<Config>) -> Result<(), ConfigError> {
    let config = &loaded.value;
    let url = Url::parse(&config.public_url).map_err(|_| loaded.refuse("public_url", "it is not a URL"))?;
    if url.origin().ascii_serialization() != config.public_url {
        return Err(loaded.refuse("public_url", "it must be scheme, host and port only, without a slash at the end"));
    }
    let loopback = matches!(url.host_str(), Some("127.0.0.1" | "localhost" | "[::1]"));
    if url.scheme() != "https" && !(url.scheme() == "http" && loopback) {
        return Err(loaded.refuse("public_url", "it must be https (http only on this machine)"));
    }
    if config.ledger.nodes.is_empty() {
        return Err(loaded.refuse("ledger.nodes", "at least one node is needed"));
    }
    if config.attestations.is_empty() {
        return Err(loaded.refuse("attestations", "at least one attestation type is needed"));
    }
    for (index, attestation) in config.attestations.iter().enumerate() {
        check_attestation(loaded, attestation)?;
        let same = |other: &AttestationConfig| {
            other.attestation_type == attestation.attestation_type || other.configuration == attestation.configuration
        };
        if config.attestations.iter().skip(index + 1).any(same) {
            return Err(loaded.refuse("attestations", "two have the same type or configuration"));
        }
    }
    for member in &config.staff {
        if member.name.is_empty() || member.name.len() > 64 {
            return Err(loaded.refuse("staff.name", "a name has 1 to 64 bytes"));
        }
        if crate::staff::password::is_hash(&member.password_hash).is_err() {
            return Err(loaded.refuse("staff.password_hash", "it is not what `issuer-service hash-password` prints"));
        }
    }
    Ok(())
}

fn check_attestation(loaded: &Loaded<Config>, attestation: &AttestationConfig) -> Result<(), ConfigError> {
    if !(1..=3660).contains(&attestation.validity_days) {
        return Err(loaded.refuse("attestations.validity_days", "it must be between 1 and 3660"));
    }
    let short = |text: &str| !text.is_empty() && text.len() <= 200;
    let ascii = attestation.configuration.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b));
    if !short(&attestation.attestation_type) || !short(&attestation.configuration) || !ascii {
        return Err(
            loaded.refuse("attestations.type", "type and configuration have 1 to 200 characters of a-z, 0-9, '-', '_', '.', ':'")
        );
    }
    if !attestation.needs.contains(&AttributeKind::Claims) {
        return Err(loaded.refuse("attestations.needs", "a credential needs \"claims\""));
    }
    if attestation.needs.contains(&AttributeKind::Portrait) {
        return Err(loaded.refuse("attestations.needs", "a portrait is never required: put it under 'optional'"));
    }
    let asked: Vec<&AttributeKind> = attestation.needs.iter().chain(&attestation.optional).collect();
    if asked.iter().enumerate().any(|(number, kind)| asked.iter().skip(number + 1).any(|other| other == kind)) {
        return Err(loaded.refuse("attestations.optional", "a kind is named twice"));
    }
    let mut names: Vec<&str> = attestation.claims.iter().map(|c| c.name.as_str()).collect();
    names.sort_unstable();
    let distinct = names.windows(2).all(|pair| pair.first() != pair.last());
    let reserved = |name: &&str| {
        matches!(
            *name,
            "iss"
                | "iat"
                | "nbf"
                | "exp"
                | "vct"
                | "cnf"
                | "status"
                | "yufu"
                | "_sd"
                | "_sd_alg"
                | "..."
                | PORTRAIT_CLAIM
                | VERIFIED_BY_CLAIM
        )
    };
    if names.is_empty() || names.len() > 32 || !distinct || names.iter().any(|n| n.is_empty() || n.len() > 64) {
        return Err(loaded.refuse("attestations.claims", "1 to 32 different names of 1 to 64 bytes are needed"));
    }
    if names.iter().any(reserved) {
        return Err(loaded.refuse("attestations.claims", "a name belongs to the credential itself"));
    }
    if let Some(register) = &attestation.register
        && !names.contains(&register.key.as_str())
    {
        return Err(loaded.refuse("attestations.register", "its key is not one of the claims"));
    }
    Ok(())
}
