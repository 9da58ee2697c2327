//! The wallet's application beside the city: set up for it, built when it is not current, and opened.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context, Result, bail};
use serde::Serialize;
use tokio::process::Command;

use crate::browser_wallet::{self, Transport};
use crate::plan::Plan;
use crate::{build, setup};

/// What the application is set up with: the file `setup.toml` of `wallet-app/src-tauri`.
#[derive(Serialize)]
struct SetUp {
    nodes: Vec<String>,
    genesis: PathBuf,
    trust_anchors: PathBuf,
    departments: Vec<String>,
}

/// Writes the city's set-up file into a folder.
pub fn set_up(plan: &Plan, folder: &Path) -> Result<PathBuf> {
    let departments = plan.issuers.iter().map(|issuer| plan.issuer_url(issuer)).collect();
    let (genesis, trust_anchors) = (plan.genesis_path(), plan.trust_root_path());
    let text = toml::to_string(&SetUp { nodes: plan.node_urls(), genesis, trust_anchors, departments })?;
    let path = folder.join("setup.toml");
    std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}

/// The program, built if it is not current. Says what it installs before it does.
pub fn program(say: impl Fn(&str)) -> Result<PathBuf> {
    setup::window_libraries(&say)?;
    browser_wallet::interface_for(Transport::Application, &say)?;
    build::application()?;
    build::binary("yufu-app")
}

/// Opens the application and waits until it is closed.
pub async fn open(plan: &Plan, say: impl Fn(&str)) -> Result<()> {
    if !["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(|name| std::env::var_os(name).is_some()) {
        bail!("there is no display here; open the wallet in a browser instead, by the link on the city's front page");
    }
    say("Building the wallet's application (cargo shows what it does; minutes the first time) …");
    let program = program(&say)?;
    let folder = plan.folder("application")?;
    let mut application = Command::new(&program);
    application.arg("--setup").arg(set_up(plan, &folder)?).arg("--folder").arg(folder.join("wallet"));
    say("The wallet is open. Close its window to come back here.");
    let status = application.stdin(Stdio::null()).kill_on_drop(true).status().await;
    let status = status.with_context(|| format!("starting {}", program.display()))?;
    if !status.success() {
        bail!("the application ended with {status}; its messages above say why");
    }
    Ok(())
}
