//! A citizen of the stories: a person with the wallet's command line, and nothing else.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::Value;
use tokio::process::Command;

use crate::build;
use crate::plan::{Plan, RESIDENT_IDENTITY, entropy, write_secret};

/// A person and their wallet's folder.
pub struct Citizen {
    wallet: PathBuf,
    files: PathBuf,
}

/// What the wallet said.
#[derive(Debug)]
pub struct Refusal {
    /// Exit code.
    pub code: Option<i32>,
    /// The slug, when the wallet gave one.
    pub slug: Option<String>,
    /// Standard error.
    pub message: String,
}

impl Citizen {
    /// A person with a new wallet in a folder of the city, set up for the city's ledger and trust root.
    pub async fn new(plan: &Plan, name: &str) -> Result<Self> {
        Ok(Self::set_up(plan, name, &["create"]).await?.0)
    }

    /// A person on a new phone who takes their identity over by words and a backup; with what the wallet said.
    pub async fn recovered(plan: &Plan, name: &str, words: &Path, backup: &Path) -> Result<(Self, Value)> {
        let (words, backup) = (words.display().to_string(), backup.display().to_string());
        Self::set_up(plan, name, &["recover", "--words-file", &words, "--backup", &backup]).await
    }

    async fn set_up(plan: &Plan, name: &str, command: &[&str]) -> Result<(Self, Value)> {
        let citizen = Self::existing(plan, name)?;
        write_secret(&citizen.passphrase_file(), &crate::configs::base64url(&entropy::<18>()?))?;
        let mut arguments: Vec<String> = command.iter().map(|&text| text.to_owned()).collect();
        arguments.extend(["--language".to_owned(), "zh".to_owned()]);
        for node in plan.node_urls() {
            arguments.extend(["--node".to_owned(), node]);
        }
        arguments.extend(["--genesis".to_owned(), plan.genesis_path().display().to_string()]);
        arguments.extend(["--trust-anchors".to_owned(), plan.trust_root_path().display().to_string()]);
        let said = citizen.wallet(&arguments.iter().map(String::as_str).collect::<Vec<_>>()).await?;
        Ok((citizen, said))
    }

    /// A person whose wallet is in the city already.
    pub fn existing(plan: &Plan, name: &str) -> Result<Self> {
        let files = plan.folder(&format!("citizens/{name}"))?;
        Ok(Self { wallet: files.join("wallet"), files })
    }

    /// Declares the resident of the pilot to a department, with a portrait to public security and a page of the household register to
    /// civil affairs; returns the request as the wallet sees it.
    pub async fn declare(&self, plan: &Plan, attestation_type: &str, claims: &Value) -> Result<Value> {
        let department = plan.issuer_url(plan.issuer_of(attestation_type)?);
        let document = self.file("claims.json", serde_json::to_string_pretty(claims)?.as_bytes())?.display().to_string();
        let mut arguments =
            vec!["declare", "--yes", "--department", &department, "--type", attestation_type, "--claims", &document];
        let portrait = self.file("portrait.png", &portrait()?)?.display().to_string();
        let page = format!("household-register={portrait}");
        if attestation_type == RESIDENT_IDENTITY {
            arguments.extend(["--portrait", &portrait]);
        } else {
            arguments.extend(["--document", &page]);
        }
        self.wallet(&arguments).await
    }

    /// Opens a request, agrees, picks the match code, and sends.
    pub async fn agree(&self, link: &str, match_code: Option<&str>) -> Result<Value> {
        let mut arguments = vec!["scan", link, "--yes"];
        if let Some(code) = match_code {
            arguments.extend(["--match-code", code]);
        }
        self.wallet(&arguments).await
    }

    /// The wallet's folder.
    pub fn wallet_folder(&self) -> &Path {
        &self.wallet
    }

    /// Writes a file into the person's folder, as if from a camera or an editor.
    pub fn file(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.files.join(name);
        std::fs::write(&path, bytes).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }

    /// Runs the wallet and reads its JSON; an error when it refuses.
    pub async fn wallet(&self, arguments: &[&str]) -> Result<Value> {
        match self.try_wallet(arguments).await? {
            Ok(value) => Ok(value),
            Err(refusal) => bail!("yufu-wallet {}: {}", arguments.join(" "), refusal.message),
        }
    }

    /// Runs the wallet and expects it to refuse.
    pub async fn refused(&self, arguments: &[&str]) -> Result<Refusal> {
        match self.try_wallet(arguments).await? {
            Ok(value) => bail!("yufu-wallet {} was expected to refuse, and said {value}", arguments.join(" ")),
            Err(refusal) => Ok(refusal),
        }
    }

    /// Runs the wallet and ends it with SIGKILL after this time; whether it was still running then.
    pub async fn killed_after(&self, arguments: &[&str], life: Duration) -> Result<bool> {
        let mut process =
            self.command(arguments)?.stdout(Stdio::null()).stderr(Stdio::null()).spawn().context("starting the wallet")?;
        if tokio::time::timeout(life, process.wait()).await.is_ok() {
            return Ok(false);
        }
        process.kill().await.context("killing the wallet")?;
        Ok(true)
    }

    fn command(&self, arguments: &[&str]) -> Result<Command> {
        let mut command = Command::new(build::binary("yufu-wallet")?);
        command.arg("--dir").arg(&self.wallet).arg("--passphrase-file").arg(self.passphrase_file());
        command.arg("--json").args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        Ok(command)
    }

    /// Runs the wallet and gives what it said, or why it refused.
    pub async fn try_wallet(&self, arguments: &[&str]) -> Result<Result<Value, Refusal>> {
        let output = self.command(arguments)?.output().await.context("starting the wallet")?;
        if output.status.success() {
            let text = String::from_utf8(output.stdout)?;
            return Ok(Ok(serde_json::from_str(&text).with_context(|| format!("the wallet said: {text}"))?));
        }
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        let said: Option<Value> = serde_json::from_slice(&output.stderr).ok();
        let slug = said.as_ref().and_then(|v| v.pointer("/error/slug")?.as_str().map(str::to_owned));
        Ok(Err(Refusal { code: output.status.code(), slug, message }))
    }

    /// Where the passphrase is, for a second face of the same wallet.
    pub fn passphrase_file(&self) -> PathBuf {
        self.files.join("passphrase")
    }
}

/// A portrait for the stories: a drawn head and shoulders, 240 × 300, PNG.
pub fn portrait() -> Result<Vec<u8>> {
    let picture = image::RgbImage::from_fn(240, 300, |x, y| {
        let (dx, dy) = (f64::from(x) - 120.0, f64::from(y));
        let head = dx.powi(2) / 2500.0 + (dy - 115.0).powi(2) / 3600.0 < 1.0;
        let shoulders = dx.powi(2) / 10_000.0 + (dy - 300.0).powi(2) / 10_000.0 < 1.0;
        match (head, shoulders) {
            (true, _) => image::Rgb([222, 184, 150]),
            (false, true) => image::Rgb([31, 111, 92]),
            (false, false) => image::Rgb([214, 226, 233]),
        }
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, image::ImageFormat::Png).context("drawing the portrait")?;
    Ok(bytes.into_inner())
}
