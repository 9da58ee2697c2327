//! The pilot city: every service of Yufu as a process on this machine.
//!
//! [`plan::Plan`] decides names, ports, keys and configuration files in one directory, once; [`world::World`] starts the processes that
//! a plan names, kills and restarts them; [`citizen`], [`clerk`] and [`operator`] are the people of the stories, who use only what real people
//! use: the wallet's command line, and the clerks' web pages. [`tour`] is the first login told step by step.
//!
//! Everything listens on 127.0.0.1. Keys and passwords that it makes are for this pilot and stay in its directory.

pub mod application;
pub mod bench;
pub mod browser;
pub mod browser_wallet;
pub mod build;
pub mod certificates;
pub mod checks;
pub mod citizen;
pub mod clerk;
pub mod configs;
pub mod control;
pub mod drills;
pub mod front;
pub mod kill_points;
pub mod ledger_bench;
pub mod load;
pub mod members;
pub mod membership;
pub mod npm;
pub mod observe;
pub mod operator;
pub mod package;
pub mod plan;
pub mod processes;
pub mod setup;
pub mod site;
pub mod soak;
pub mod strangers;
pub mod topology;
pub mod tour;
pub mod votes;
pub mod world;

/// The text at a JSON pointer.
pub(crate) fn text(value: &serde_json::Value, pointer: &str) -> anyhow::Result<String> {
    let found = value.pointer(pointer).and_then(serde_json::Value::as_str).map(str::to_owned);
    anyhow::Context::with_context(found, || format!("no text at {pointer} in {value}"))
}
