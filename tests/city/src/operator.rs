//! An operator of the stories: a person at a node's console, with a ledger key on the same machine.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::browser::{Browser, Page};
use crate::plan::{Plan, ValidatorPlan, loopback};
use crate::{build, configs, text};

/// Somebody who is logged in at a node's console.
pub struct Operator {
    browser: Browser,
    base: String,
}

impl Operator {
    /// Opens a node's console, signs the challenge with an authority's ledger key, and presents the code.
    pub async fn log_in(plan: &Plan, validator: &ValidatorPlan, authority: &str) -> Result<Self> {
        let mut browser = Browser::new()?;
        let console = plan.console_url(validator).context("the consoles of this city have no login")?;
        let form = browser.open(&console).await?;
        let challenge = form.text("pre code")?;
        let challenge = challenge.split_whitespace().last().context("the page shows a challenge")?;
        let words = login_command(plan, validator, authority)?;
        let (program, arguments) = words.split_first().context("a command has a program")?;
        let answer = configs::run(Command::new(program).args(arguments).arg(challenge))?;
        let code = text(&answer, "/code")?;
        let page = browser.submit(&form, "/console/login", &[("code", &code)]).await?;
        ensure!(page.status.is_success() && page.url.path() == "/console", "logging in ended at {} {}", page.url, page.html);
        Ok(Self { browser, base: loopback(validator.console_port) })
    }

    /// A page of the console, by path.
    pub async fn open(&mut self, path: &str) -> Result<Page> {
        self.browser.open(&format!("{}{path}", self.base)).await
    }
}

/// The command that answers a challenge of a node's console for an authority; the challenge comes last.
pub fn login_command(plan: &Plan, validator: &ValidatorPlan, authority: &str) -> Result<Vec<String>> {
    let program = build::binary("chain-node")?.display().to_string();
    let at = format!("{}/", loopback(validator.console_port));
    let (genesis, key) = (plan.genesis_path().display().to_string(), plan.ledger_key_path(authority).display().to_string());
    let words =
        ["console-login", "--at", &at, "--genesis", &genesis, "--authority", authority, "--key-file", &key, "--challenge"];
    Ok([program].into_iter().chain(words.map(str::to_owned)).collect())
}
