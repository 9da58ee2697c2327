//! What the city is: names, ports, keys, certificates and configuration files, decided once and kept in one directory.
//!
//! A plan is made in an empty directory and read back from it afterwards, so that a city restarts with the keys, the ledger and the
//! data that it had.

use std::collections::BTreeSet;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use blobs::ReaderSecretKey;
use identity::did::Network;
use identity::keys::{Algorithm, PublicKey, SecretKey};
use identity::{Localized, UnixSeconds};
use ledger::genesis::{Genesis, Validator};
use ledger::governance::{Fraction, Governance, Parameters, Placement};
use ledger::records::{AllowedData, AuthorityId, AuthorityRecord, PartyId, PartyRecord, Purpose, SUPERVISOR_ROLE};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::certificates::Authority;
use crate::{configs, members, topology};

/// The credential type of the public security department.
pub const RESIDENT_IDENTITY: &str = "urn:yufu:vct:resident-identity:1";
/// The credential type of the civil affairs department.
pub const MARITAL_STATUS: &str = "urn:yufu:vct:marital-status:1";
/// The clerk who signs in to the consoles of the pilot.
pub const CLERK: &str = "clerk";

/// The ports of one service.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Ports {
    /// What others talk to.
    pub main: u16,
    /// Health and metrics.
    pub admin: u16,
}

/// A validator of the city.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ValidatorPlan {
    /// Its name.
    pub name: String,
    /// The authority that runs it.
    pub authority: AuthorityId,
    /// RPC and admin ports.
    pub ports: Ports,
    /// Port of the validators' own network.
    pub peer_port: u16,
    /// Port of its console, behind a login; 0 in a city of an older version, whose consoles are on the admin ports.
    #[serde(default)]
    pub console_port: u16,
    /// Its consensus key.
    pub key: PublicKey,
    /// Its cluster; empty in a city of an older version, which knew none.
    #[serde(default)]
    pub cluster: String,
}

/// An issuing department.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct IssuerPlan {
    /// Its authority on the ledger.
    pub authority: AuthorityId,
    /// Its name.
    pub name: Localized,
    /// What it attests.
    pub attestation_type: String,
    /// HTTP and admin ports.
    pub ports: Ports,
}

/// The verifier with its sample site.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct VerifierPlan {
    /// The party on the ledger.
    pub party: PartyId,
    /// HTTP and admin ports.
    pub ports: Ports,
    /// The `x509_hash:…` client identifier.
    pub client_id: String,
}

/// The city.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The validators, by name.
    pub validators: Vec<ValidatorPlan>,
    /// The departments.
    pub issuers: Vec<IssuerPlan>,
    /// The verifier.
    pub verifier: VerifierPlan,
    /// Port of the front page.
    pub front_port: u16,
    /// Port of the wallet in a browser; 0, in a city of an older version: any free one.
    #[serde(default)]
    pub wallet_port: u16,
    /// The clerks' password in this pilot.
    pub clerk_password: String,
    #[serde(skip)]
    directory: PathBuf,
}

/// What a new city should look like.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// How many validators; from seven on they stand in three clusters and a witness.
    pub validators: usize,
    /// Ports from here on where they are free, so that links stay the same; `None`: any free ports.
    pub first_port: Option<u16>,
    /// Blocks of an epoch, after which the members' decisions take effect; `None`: the members stay as they are.
    pub epoch_blocks: Option<u64>,
}

impl Default for Size {
    fn default() -> Self {
        Self { validators: 4, first_port: None, epoch_blocks: None }
    }
}

impl Plan {
    /// Reads the plan of a directory, or makes one there.
    pub fn open_or_create(directory: &Path, size: Size, now: UnixSeconds) -> Result<Self> {
        match Self::open(directory)? {
            Some(plan) => Ok(plan),
            None => Self::create(directory, size, now),
        }
    }

    /// Reads the plan of a directory; `None` when there is none.
    pub fn open(directory: &Path) -> Result<Option<Self>> {
        let file = directory.join("city.json");
        if !file.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        let mut plan: Self = serde_json::from_str(&text).with_context(|| {
            format!("{} is of another version of the pilot city; delete its folder to start a new city", file.display())
        })?;
        plan.directory = std::path::absolute(directory)?;
        Ok(Some(plan))
    }

    fn create(directory: &Path, size: Size, now: UnixSeconds) -> Result<Self> {
        std::fs::create_dir_all(directory).with_context(|| format!("making {}", directory.display()))?;
        let directory = std::path::absolute(directory)?;
        let mut ports = FreePorts::from(size.first_port);
        let front_port = ports.next()?;
        let ca = Authority::new("Riverside City root")?;
        std::fs::write(directory.join("trust-root.pem"), ca.root_pem())?;
        let departments = departments(&mut ports)?;
        let verifier_ports = Ports { main: ports.next()?, admin: ports.next()? };
        let site = ca.leaf("Riverside City Tax Bureau")?;
        let validators = validators(&directory, &mut ports, size.validators)?;
        let plan = Self {
            validators,
            issuers: departments,
            verifier: VerifierPlan {
                party: "tax-portal".parse()?,
                ports: verifier_ports,
                client_id: format!("x509_hash:{}", configs::base64url(&site.certificate_sha256)),
            },
            front_port,
            wallet_port: ports.next()?,
            clerk_password: configs::base64url(&entropy::<12>()?),
            directory,
        };
        plan.write_keys_and_configs(&ca, &site, size.epoch_blocks, now)?;
        // Last: a directory without it is not a city yet.
        plan.save()?;
        Ok(plan)
    }

    /// One more validator for a ledger that runs: folder, key, vote guard and configuration, and a place in the plan. The members have
    /// yet to admit it. Nobody's address is in its configuration: they dial it at the one that its record will have.
    pub fn add_validator(&mut self) -> Result<()> {
        let numbers = self.validators.iter().filter_map(|v| v.name.rsplit_once('-')?.1.parse::<usize>().ok());
        let number = numbers.max().context("a plan has validators")? + 1;
        let taken = self.validators.iter().flat_map(|v| [v.peer_port, v.ports.main, v.ports.admin, v.console_port]);
        let mut ports = FreePorts { next: taken.max().context("a plan has ports")? + 1 };
        let authority = self.validators.first().context("a plan has validators")?.authority;
        let name = format!("validator-{number}");
        let folder = self.folder(&format!("validators/{name}"))?;
        let key = configs::validator_key(&folder)?;
        let peer_port = ports.next()?;
        let (rpc, console_port) = (Ports { main: ports.next()?, admin: ports.next()? }, ports.next()?);
        // A site of its own: wherever else it stood, it might be one too many there.
        let cluster = format!("site-{number}");
        let validator = ValidatorPlan { name, authority, ports: rpc, peer_port, console_port, key, cluster };
        configs::write_newcomer(self, &validator)?;
        self.validators.push(validator);
        self.save()
    }

    /// A validator that the members let go is no longer part of the city; its folder stays.
    pub fn remove_validator(&mut self, name: &str) -> Result<()> {
        self.validators.retain(|validator| validator.name != name);
        self.save()
    }

    fn save(&self) -> Result<()> {
        let file = self.directory.join("city.json");
        std::fs::write(&file, serde_json::to_vec_pretty(self)?).with_context(|| format!("writing {}", file.display()))
    }

    fn write_keys_and_configs(
        &self,
        ca: &Authority,
        site: &crate::certificates::Leaf,
        epoch_blocks: Option<u64>,
        now: UnixSeconds,
    ) -> Result<()> {
        let mut authorities = Vec::new();
        for issuer in &self.issuers {
            authorities.push(self.write_issuer_keys(ca, issuer)?);
        }
        let issuing = |id: &str| self.issuers.iter().any(|issuer| issuer.authority.as_str() == id);
        let running = self.validators.iter().map(|validator| validator.authority.to_string());
        let others: BTreeSet<String> = running.chain(["supervisor".to_owned()]).filter(|id| !issuing(id)).collect();
        for id in others {
            authorities.push(self.department(&id)?);
        }
        let genesis = Genesis {
            network: "riverside".parse::<Network>()?,
            name: Localized::new("滨河市数字身份账本", "Riverside City digital identity ledger"),
            started_at: now,
            governance: epoch_blocks.map(|blocks| governance(blocks, self.validators.len())),
            validators: self.validators.iter().map(genesis_validator).collect(),
            authorities,
        };
        std::fs::write(self.genesis_path(), serde_json::to_vec_pretty(&genesis)?)?;
        topology::write(self)?;
        let verifier = self.folder("verifier")?;
        site.write(&verifier, "request")?;
        let ledger_key = new_key(&verifier.join("ledger.key"), Algorithm::Ed25519)?;
        write_secret(&verifier.join("storage.key"), &configs::hex(&entropy::<32>()?))?;
        let party = self.party(ledger_key)?;
        std::fs::write(verifier.join("party.json"), serde_json::to_vec_pretty(&party)?)?;
        configs::write(self)
    }

    fn write_issuer_keys(&self, ca: &Authority, issuer: &IssuerPlan) -> Result<AuthorityRecord> {
        let folder = self.issuer_folder(issuer)?;
        let leaf = ca.leaf(&issuer.name.en)?;
        leaf.write(&folder, "credential")?;
        let ledger_key = new_key(&folder.join("ledger.key"), Algorithm::Ed25519)?;
        let reader = ReaderSecretKey::from_entropy(entropy()?);
        write_secret(&folder.join("reader.key"), &configs::hex(reader.to_bytes().as_slice()))?;
        Ok(AuthorityRecord {
            id: issuer.authority,
            name: issuer.name.clone(),
            ledger_keys: vec![ledger_key],
            credential_keys: vec![leaf.public_key],
            reader_key: Some(reader.public_key().to_string()),
            issuer_url: Some(self.issuer_url(issuer)),
            accredited_types: vec![issuer.attestation_type.clone()],
            may_sponsor: issuer.authority.as_str() == "civil-affairs",
        })
    }

    /// A department that runs a validator and issues nothing.
    fn department(&self, id: &str) -> Result<AuthorityRecord> {
        let folder = self.folder(&format!("departments/{id}"))?;
        Ok(AuthorityRecord {
            id: id.parse()?,
            name: members::name(id).with_context(|| format!("{id} is no department of the city"))?,
            ledger_keys: vec![new_key(&folder.join("ledger.key"), Algorithm::Ed25519)?],
            credential_keys: Vec::new(),
            reader_key: None,
            issuer_url: None,
            // The supervisor's office may look at every node's console.
            accredited_types: if id == "supervisor" { vec![format!("{SUPERVISOR_ROLE}{id}")] } else { Vec::new() },
            may_sponsor: false,
        })
    }

    fn party(&self, ledger_key: PublicKey) -> Result<PartyRecord> {
        let claims = ["family_name", "given_name", "id_number"].map(str::to_owned).to_vec();
        Ok(PartyRecord {
            id: self.verifier.party,
            sponsor: "civil-affairs".parse()?,
            name: Localized::new("滨河市税务服务网", "Riverside City Tax Services"),
            origin: self.site_url(),
            client_id: self.verifier.client_id.clone(),
            ledger_key,
            purposes: vec![Purpose {
                id: "tax-login".parse()?,
                text: Localized::new("登录税务服务并查询您的纳税记录", "sign you in to tax services and show your tax records"),
                data: vec![AllowedData { attestation_type: RESIDENT_IDENTITY.to_owned(), claims }],
                retention_days: 30,
            }],
        })
    }

    /// The city's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A folder of the city, made when it is not there.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.directory.join(name);
        std::fs::create_dir_all(&path).with_context(|| format!("making {}", path.display()))?;
        Ok(path)
    }

    /// A department's folder.
    pub fn issuer_folder(&self, issuer: &IssuerPlan) -> Result<PathBuf> {
        self.folder(&format!("issuers/{}", issuer.authority))
    }

    /// A validator's folder.
    pub fn validator_folder(&self, validator: &ValidatorPlan) -> Result<PathBuf> {
        self.folder(&format!("validators/{}", validator.name))
    }

    /// The genesis file: the trust root of the ledger.
    pub fn genesis_path(&self) -> PathBuf {
        self.directory.join("genesis.json")
    }

    /// The topology file: clusters and zones, checked whenever the city starts. A city of an older version has none.
    pub fn topology_path(&self) -> PathBuf {
        self.directory.join("topology.json")
    }

    /// The file with an authority's ledger key.
    pub fn ledger_key_path(&self, authority: &str) -> PathBuf {
        // In this order: those that issue, those that only run a validator, and the supervisor in a city of an older version.
        let folders = [format!("issuers/{authority}"), format!("departments/{authority}"), authority.to_owned()];
        let paths = folders.map(|folder| self.directory.join(folder).join("ledger.key"));
        let [first, ..] = &paths;
        paths.iter().find(|path| path.is_file()).unwrap_or(first).clone()
    }

    /// The root certificate: the trust root of issuers and sites.
    pub fn trust_root_path(&self) -> PathBuf {
        self.directory.join("trust-root.pem")
    }

    /// The base URL of a department: its credential issuer identifier.
    pub fn issuer_url(&self, issuer: &IssuerPlan) -> String {
        loopback(issuer.ports.main)
    }

    /// The department that issues a credential type.
    pub fn issuer_of(&self, attestation_type: &str) -> Result<&IssuerPlan> {
        let found = self.issuers.iter().find(|issuer| issuer.attestation_type == attestation_type);
        found.with_context(|| format!("no department of the city attests {attestation_type}"))
    }

    /// The origin of the sample site.
    pub fn site_url(&self) -> String {
        loopback(self.verifier.ports.main)
    }

    /// The RPC of every validator.
    pub fn node_urls(&self) -> Vec<String> {
        self.validators.iter().map(|v| loopback(v.ports.main)).collect()
    }

    /// A node's console, which needs a login; `None` in a city of an older version.
    pub fn console_url(&self, validator: &ValidatorPlan) -> Option<String> {
        (validator.console_port > 0).then(|| format!("{}/console", loopback(validator.console_port)))
    }

    /// The front page.
    pub fn front_url(&self) -> String {
        loopback(self.front_port)
    }
}

/// `http://127.0.0.1:<port>`.
pub fn loopback(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}

/// Writes a file that only its owner can read.
pub fn write_secret(path: &Path, text: &str) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    let mut file = file.with_context(|| format!("making {}", path.display()))?;
    file.write_all(text.as_bytes()).with_context(|| format!("writing {}", path.display()))
}

/// Random bytes from the operating system.
pub fn entropy<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    #[expect(clippy::disallowed_methods, reason = "the city makes its keys here; nothing below it draws its own")]
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("the operating system gives no random bytes: {e}"))?;
    Ok(bytes)
}

fn new_key(path: &Path, algorithm: Algorithm) -> Result<PublicKey> {
    let key = SecretKey::from_bytes(algorithm, &entropy()?)?;
    write_secret(path, &configs::hex(key.to_bytes().as_slice()))?;
    Ok(key.public_key())
}

fn departments(ports: &mut FreePorts) -> Result<Vec<IssuerPlan>> {
    let mut department = |id: &str, zh: &str, en: &str, attestation_type: &str| {
        anyhow::Ok(IssuerPlan {
            authority: id.parse()?,
            name: Localized::new(zh, en),
            attestation_type: attestation_type.to_owned(),
            ports: Ports { main: ports.next()?, admin: ports.next()? },
        })
    };
    Ok(vec![
        department("public-security", "滨河市公安局", "Riverside City Public Security Bureau", RESIDENT_IDENTITY)?,
        department("civil-affairs", "滨河市民政局", "Riverside City Civil Affairs Bureau", MARITAL_STATUS)?,
    ])
}

/// The validators: first the ports of their own network, then those of RPC, health and console, so that each zone is a range of ports.
fn validators(directory: &Path, ports: &mut FreePorts, count: usize) -> Result<Vec<ValidatorPlan>> {
    let members = members::members(count);
    let peer_ports = members.iter().map(|_| ports.next()).collect::<Result<Vec<_>>>()?;
    let validator = |(index, (member, peer_port)): (usize, (members::Member, u16))| {
        let name = format!("validator-{}", index + 1);
        let folder = directory.join("validators").join(&name);
        std::fs::create_dir_all(&folder)?;
        let key = new_key(&folder.join("consensus.key"), Algorithm::Ed25519)?;
        // What `chain-node keygen` writes beside a key: it has never voted.
        let guard = json!({ "format": 1, "key": configs::hex(key.as_bytes()) });
        std::fs::write(folder.join("consensus.key.guard"), serde_json::to_vec(&guard)?)?;
        Ok(ValidatorPlan {
            key,
            name,
            authority: member.authority.parse()?,
            ports: Ports { main: ports.next()?, admin: ports.next()? },
            console_port: ports.next()?,
            peer_port,
            cluster: member.cluster,
        })
    };
    members.into_iter().zip(peer_ports).enumerate().map(validator).collect()
}

/// Two thirds of the members decide; a decision waits a tenth of an epoch before it can be put into effect.
fn governance(epoch_blocks: u64, validators: usize) -> Governance {
    let parameters = Parameters {
        approval: Fraction { numerator: 2, denominator: 3 },
        voting_blocks: epoch_blocks.max(10),
        notice_blocks: (epoch_blocks / 10).max(1),
        // A development ledger survives no failure, wherever its validators stand.
        placement: if members::tolerated(validators) > 0 { Placement::Enforced } else { Placement::Advisory },
    };
    Governance { epoch_blocks, parameters }
}

fn genesis_validator(plan: &ValidatorPlan) -> Validator {
    Validator { name: plan.name.clone(), authority: plan.authority, key: plan.key, cluster: plan.cluster.clone(), address: None }
}

/// Ports that are free now, below the range from which the system takes ports for outgoing connections.
struct FreePorts {
    next: u16,
}

const LAST_PORT: u16 = 32_000;

impl FreePorts {
    fn from(first: Option<u16>) -> Self {
        // Cities of tests that run side by side begin at different places.
        let spread = entropy::<2>().map(u16::from_le_bytes).unwrap_or_default();
        Self { next: first.unwrap_or(10_000 + spread % 20_000) }
    }

    fn next(&mut self) -> Result<u16> {
        while self.next < LAST_PORT {
            let port = self.next;
            self.next += 1;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return Ok(port);
            }
        }
        bail!("no free port below {LAST_PORT} on 127.0.0.1")
    }
}
