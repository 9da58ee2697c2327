//! The city's topology file: which validator stands in which cluster, and the three zones as ranges of ports on this machine.
//!
//! `chain-node genesis-check --topology` has the rules; the city asks it whenever it starts, and refuses to start when it refuses.

use std::process::Command;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::build;
use crate::plan::{Plan, ValidatorPlan};

/// Writes the file of a new city.
pub fn write(plan: &Plan) -> Result<()> {
    std::fs::write(plan.topology_path(), serde_json::to_vec_pretty(&file(plan)?)?)?;
    Ok(())
}

fn file(plan: &Plan) -> Result<Value> {
    let node = |v: &ValidatorPlan| {
        json!({
            "validator": v.name,
            "cluster": v.cluster,
            "network": format!("127.0.0.1:{}", v.peer_port),
            "rpc": format!("127.0.0.1:{}", v.ports.main),
        })
    };
    let services = plan.issuers.iter().flat_map(|issuer| [issuer.ports.main, issuer.ports.admin]);
    let public = services.chain([plan.front_port, plan.verifier.ports.main, plan.verifier.ports.admin]);
    Ok(json!({
        "nodes": plan.validators.iter().map(node).collect::<Vec<_>>(),
        "zones": {
            "validator": zone(plan.validators.iter().map(|v| v.peer_port))?,
            "access": zone(plan.validators.iter().flat_map(|v| [v.ports.main, v.ports.admin, v.console_port]))?,
            "public": zone(public)?,
        },
    }))
}

fn zone(ports: impl Iterator<Item = u16> + Clone) -> Result<Value> {
    let first = ports.clone().min().context("a zone has a port")?;
    let last = ports.max().context("a zone has a port")?;
    Ok(json!({"network": "127.0.0.1/32", "first_port": first, "last_port": last}))
}

/// Asks the node's program whether the city's placement is safe.
pub fn check(plan: &Plan) -> Result<()> {
    let mut command = Command::new(build::binary("chain-node")?);
    command.arg("genesis-check").arg(plan.genesis_path());
    // A city of an older version knew no clusters.
    if plan.topology_path().is_file() {
        command.arg("--topology").arg(plan.topology_path());
    }
    let output = command.output().context("starting chain-node genesis-check")?;
    if !output.status.success() {
        bail!("the city's placement is refused: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}
