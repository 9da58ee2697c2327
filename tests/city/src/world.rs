//! A running city: its processes, started in order, killed and restarted by name.

use std::collections::BTreeMap;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{Context, Result};
use clients::chain::ChainClient;
use clients::{Clock, Random};
use identity::keys::{Algorithm, SecretKey};
use ledger::TrustRoot;
use ledger::genesis::Genesis;
use ledger::records::PartyRecord;
use ledger::transaction::{Body, Sender};
use url::Url;

use crate::plan::{Plan, Size, entropy, loopback};
use crate::processes::{Process, Spec};
use crate::{build, configs, control, topology};

/// How long the validators of a new ledger may take until the first block is final, and then until the first transaction is.
const LEDGER_LIMIT: Duration = Duration::from_secs(60);

/// The processes of a city. Dropping it kills them.
pub struct World {
    plan: Plan,
    processes: BTreeMap<String, Process>,
    environments: BTreeMap<String, Vec<(String, String)>>,
    // Last, so that the directory goes after the processes.
    _directory: Option<tempfile::TempDir>,
}

impl World {
    /// A new city in a directory of its own, which goes when the city does.
    pub async fn fresh() -> Result<Self> {
        build::binaries()?;
        let directory = tempfile::tempdir()?;
        let plan = Plan::open_or_create(directory.path(), Size::default(), Clock::system().now())?;
        let mut world = Self::start_with(plan, |_| ()).await?;
        world._directory = Some(directory);
        Ok(world)
    }

    /// The validators of a new city alone, in a directory of their own: for stories that are about the ledger.
    pub async fn ledger() -> Result<Self> {
        Self::ledger_of(Size::default()).await
    }

    /// As [`Self::ledger`], of another size.
    pub async fn ledger_of(size: Size) -> Result<Self> {
        build::binaries()?;
        let directory = tempfile::tempdir()?;
        let plan = Plan::open_or_create(directory.path(), size, Clock::system().now())?;
        Self::ledger_in(directory, plan).await
    }

    /// The validators of a plan alone, which somebody has looked over in its directory.
    pub async fn ledger_in(directory: tempfile::TempDir, plan: Plan) -> Result<Self> {
        Self::ledger_with(directory, plan, BTreeMap::new()).await
    }

    /// As [`Self::ledger_in`], with variables for the environment of the processes.
    pub async fn ledger_with(
        directory: tempfile::TempDir,
        plan: Plan,
        environments: BTreeMap<String, Vec<(String, String)>>,
    ) -> Result<Self> {
        let mut world = Self { plan, processes: BTreeMap::new(), environments, _directory: Some(directory) };
        world.start_all(&world.validator_names()).await?;
        world.register_party().await?;
        Ok(world)
    }

    /// Starts every process of a plan, saying each step.
    pub async fn start_with(plan: Plan, say: impl Fn(&str)) -> Result<Self> {
        topology::check(&plan)?;
        let mut world = Self { plan, processes: BTreeMap::new(), environments: BTreeMap::new(), _directory: None };
        let validators = world.validator_names();
        say(&format!("{} validators of the ledger", validators.len()));
        world
            .start_saying(&validators, |ready| {
                if validators.len() >= 7 && ready % 7 == 0 {
                    say(&format!("  {ready} of {} serve", validators.len()));
                }
            })
            .await?;
        say("the ledger finalizes; the sponsor registers the sample site");
        world.register_party().await?;
        say("departments, verifier and sample site");
        let services = world.service_names();
        world.start_all(&services).await?;
        Ok(world)
    }

    /// Keeps a directory of its own beyond the end, and says which it is: after a failure somebody will want its logs.
    pub(crate) fn keep(&mut self) -> String {
        let kept = self._directory.take().map(tempfile::TempDir::keep);
        kept.map_or_else(String::new, |folder| format!("logs and data stay in {}", folder.display()))
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Names of the validators' processes.
    pub fn validator_names(&self) -> Vec<String> {
        self.plan.validators.iter().map(|v| v.name.clone()).collect()
    }

    /// Names of the departments' and the verifier's processes.
    pub fn service_names(&self) -> Vec<String> {
        let departments = self.plan.issuers.iter().map(|issuer| issuer.authority.to_string());
        departments.chain(["verifier".to_owned()]).collect()
    }

    /// Starts a process of the city and waits until it serves.
    pub async fn start(&mut self, name: &str) -> Result<()> {
        self.start_all(&[name.to_owned()]).await
    }

    /// Starts a process that will end by itself, and says how it ended.
    pub async fn start_until_it_ends(&self, name: &str, limit: Duration) -> Result<ExitStatus> {
        Process::spawn(&self.spec(name)?)?.ended(limit).await
    }

    /// Kills a process as a power cut would.
    pub async fn kill(&mut self, name: &str) -> Result<()> {
        let process = self.processes.remove(name).with_context(|| format!("{name} is not running"))?;
        process.kill().await
    }

    /// Kills processes at one moment, as a power cut of a whole house would.
    pub async fn kill_all(&mut self, names: &[String]) -> Result<()> {
        let mut dying = Vec::new();
        for name in names {
            dying.push(self.processes.remove(name).with_context(|| format!("{name} is not running"))?);
        }
        for death in futures::future::join_all(dying.into_iter().map(Process::kill)).await {
            death?;
        }
        Ok(())
    }

    /// Makes processes hang, with their connections open.
    pub async fn pause(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            self.process(name)?.pause().await?;
        }
        Ok(())
    }

    /// Lets paused processes go on.
    pub async fn resume(&mut self, names: &[String]) -> Result<()> {
        for name in names {
            self.process(name)?.resume().await?;
        }
        Ok(())
    }

    /// Ends processes cleanly, all at once.
    pub async fn terminate(&mut self, names: &[String]) -> Result<()> {
        let mut ending = Vec::new();
        for name in names {
            ending.push(self.processes.remove(name).with_context(|| format!("{name} is not running"))?);
        }
        for end in futures::future::join_all(ending.into_iter().map(Process::stop)).await {
            end?;
        }
        Ok(())
    }

    /// Kills a validator if it runs, and removes its data; its key and configuration stay.
    pub async fn wipe(&mut self, name: &str) -> Result<()> {
        let validator = self.plan.validators.iter().find(|v| v.name == name).with_context(|| format!("no validator {name}"))?;
        let data = self.plan.validator_folder(validator)?.join("data");
        if self.processes.contains_key(name) {
            self.kill(name).await?;
        }
        std::fs::remove_dir_all(&data).with_context(|| format!("removing {}", data.display()))
    }

    /// One more validator, which nobody has admitted yet.
    pub async fn join(&mut self) -> Result<()> {
        self.plan.add_validator()?;
        let name = self.plan.validators.last().context("a validator was added")?.name.clone();
        self.start(&name).await
    }

    /// Ends a validator for good.
    pub async fn retire(&mut self, name: &str) -> Result<()> {
        self.terminate(&[name.to_owned()]).await?;
        self.plan.remove_validator(name)
    }

    /// Variables for the environment of the next start of a process.
    pub fn set_environment(&mut self, name: &str, environment: Vec<(String, String)>) {
        self.environments.insert(name.to_owned(), environment);
    }

    /// What runs, by name.
    pub fn running(&mut self) -> BTreeMap<String, control::Running> {
        self.processes.retain(|_, process| process.is_running());
        let running = |(name, process): (&String, &Process)| {
            Some((name.clone(), control::Running { pid: process.pid()?, paused: process.is_paused() }))
        };
        self.processes.iter().filter_map(running).collect()
    }

    fn process(&mut self, name: &str) -> Result<&mut Process> {
        self.processes.get_mut(name).with_context(|| format!("{name} is not running"))
    }

    /// Kills a process and starts it again.
    pub async fn crash(&mut self, name: &str) -> Result<()> {
        self.kill(name).await?;
        self.start(name).await
    }

    /// Ends every process cleanly: services first, validators last.
    pub async fn stop(mut self) -> Result<()> {
        for names in [self.service_names(), self.validator_names()] {
            let running: Vec<String> = names.into_iter().filter(|name| self.processes.contains_key(name)).collect();
            self.terminate(&running).await?;
        }
        Ok(())
    }

    /// Process ids by name.
    pub fn pids(&self) -> Vec<(String, u32)> {
        self.processes.iter().filter_map(|(name, process)| Some((name.clone(), process.pid()?))).collect()
    }

    /// Starts processes together and waits for all of them.
    pub async fn start_all(&mut self, names: &[String]) -> Result<()> {
        self.start_saying(names, |_| ()).await
    }

    async fn start_saying(&mut self, names: &[String], say: impl Fn(usize)) -> Result<()> {
        let mut starting = Vec::new();
        for name in names {
            starting.push(Process::spawn(&self.spec(name)?)?);
        }
        for (mut process, number) in starting.into_iter().zip(1..) {
            process.wait_until_ready().await?;
            self.processes.insert(process.name().to_owned(), process);
            say(number);
        }
        Ok(())
    }

    fn spec(&self, name: &str) -> Result<Spec> {
        let plan = &self.plan;
        let (program, folder) = if let Some(validator) = plan.validators.iter().find(|v| v.name == name) {
            ("chain-node", plan.validator_folder(validator)?)
        } else if let Some(issuer) = plan.issuers.iter().find(|issuer| issuer.authority.as_str() == name) {
            ("issuer-service", plan.issuer_folder(issuer)?)
        } else {
            ("verifier-service", plan.folder("verifier")?)
        };
        Ok(Spec {
            name: name.to_owned(),
            program: build::binary(program)?,
            arguments: vec!["run".to_owned(), "--config".to_owned(), folder.join("config.toml").display().to_string()],
            log: plan.folder("logs")?.join(format!("{name}.log")),
            environment: self.environments.get(name).cloned().unwrap_or_default(),
        })
    }

    /// A client of the ledger that checks every answer against the genesis.
    pub fn chain(&self) -> Result<ChainClient> {
        chain(&self.plan)
    }

    async fn register_party(&self) -> Result<()> {
        let chain = self.chain()?.with_finality_timeout(LEDGER_LIMIT);
        let party: PartyRecord = serde_json::from_slice(&std::fs::read(self.plan.folder("verifier")?.join("party.json"))?)?;
        let registered = tokio::time::timeout(LEDGER_LIMIT, async {
            loop {
                match chain.party(&party.id).await {
                    Ok(answer) => return answer.value.is_some(),
                    // No block is final yet: ask again in a moment, until the limit.
                    Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
                }
            }
        });
        if registered.await.context("the ledger finalized nothing within a minute; see the validators' logs")? {
            return Ok(());
        }
        let sponsor = party.sponsor;
        let key = authority_key(&self.plan, sponsor.as_str())?;
        let sender = Sender::Authority { authority: sponsor, key: identity::Signer::public_key(&key) };
        chain.submit(&key, sender, Body::RegisterParty(party)).await.context("registering the sample site")?;
        Ok(())
    }
}

/// The genesis of a city's ledger.
pub fn genesis(plan: &Plan) -> Result<Genesis> {
    Ok(serde_json::from_slice(&std::fs::read(plan.genesis_path())?)?)
}

/// A client of a city's ledger.
pub fn chain(plan: &Plan) -> Result<ChainClient> {
    let names: Vec<&str> = plan.validators.iter().map(|v| v.name.as_str()).collect();
    chain_of(plan, &names)
}

/// A client that asks only the named validators.
pub fn chain_of(plan: &Plan, names: &[&str]) -> Result<ChainClient> {
    let named = plan.validators.iter().filter(|v| names.contains(&v.name.as_str()));
    let nodes = named.map(|v| Url::parse(&loopback(v.ports.main))).collect::<Result<Vec<_>, _>>()?;
    let http = reqwest::Client::builder().build()?;
    Ok(ChainClient::new(http, nodes, TrustRoot::from_genesis(genesis(plan)?)?, Random::from_os_seed(entropy()?)))
}

/// Whether a validator calls itself ready, and what it says.
pub async fn readiness(plan: &Plan, name: &str) -> Result<(bool, String)> {
    let validator = plan.validators.iter().find(|v| v.name == name).with_context(|| format!("no validator {name}"))?;
    let answer = reqwest::get(format!("{}/readyz", loopback(validator.ports.admin))).await?;
    Ok((answer.status().is_success(), answer.text().await?))
}

/// The ledger key of a department, as its operator would use it.
pub fn authority_key(plan: &Plan, authority: &str) -> Result<SecretKey> {
    let path = plan.ledger_key_path(authority);
    let text = std::fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
    let bytes = configs::from_hex(&text)?;
    Ok(SecretKey::from_bytes(Algorithm::Ed25519, &bytes)?)
}
