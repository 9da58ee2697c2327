//! Repository rules that no compiler checks: edges between crates, sizes of files, words that must not stay, migrations that must not
//! change, the README's map, and the requirement rows that tests name.

#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "a rule that cannot be checked fails, and may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Which workspace crates a crate may depend on. A new edge is a decision: it is made here, in a commit of its own.
const EDGES: &[(&str, &[&str])] = &[
    ("identity", &[]),
    ("ledger", &["identity"]),
    ("wire", &["identity", "ledger"]),
    ("blobs", &["identity", "wire"]),
    ("clients", &["identity", "ledger", "wire", "blobs"]),
    ("service-kit", &["wire"]),
    ("chain-state", &["identity", "ledger"]),
    ("chain-node", &["identity", "ledger", "wire", "clients", "service-kit", "chain-state"]),
    ("chain-simulation", &["identity", "ledger", "chain-node"]),
    ("issuer-service", &["identity", "ledger", "wire", "blobs", "clients", "service-kit"]),
    ("verifier-service", &["identity", "ledger", "wire", "clients", "service-kit"]),
    ("wallet-core", &["identity", "ledger", "wire", "blobs", "clients"]),
    ("yufu-wallet", &["identity", "clients", "wallet-core"]),
    ("wallet-commands", &["identity", "wallet-core"]),
    ("secure-element", &["wallet-core"]),
    ("yufu-app", &["wallet-core", "wallet-commands", "secure-element"]),
    ("wallet-bridge", &["identity", "clients", "wallet-core", "wallet-commands"]),
    ("city", &["identity", "ledger", "wire", "clients", "blobs", "wallet-core", "wallet-commands", "wallet-bridge"]),
    ("stories", &[]),
];

/// Crates that must stay free of I/O, clocks and randomness, and what would bring them in.
const PURE: &[&str] = &["identity", "ledger", "chain-state"];
const IMPURE_DEPENDENCIES: &[&str] = &["tokio", "axum", "reqwest", "getrandom", "rand", "tracing", "redb", "sqlx"];

const MAX_CODE_LINES: usize = 600;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is in the root").to_owned()
}

/// The files that git tracks, relative to the root.
fn tracked() -> Vec<String> {
    let output = Command::new("git").args(["ls-files"]).current_dir(root()).output().expect("git runs");
    assert!(output.status.success(), "git ls-files failed");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn manifests() -> BTreeMap<String, toml::Table> {
    let manifest = |path: &String| -> (String, toml::Table) {
        let table: toml::Table = read(path).parse().unwrap_or_else(|e| panic!("{path}: {e}"));
        (table["package"]["name"].as_str().expect("a package has a name").to_owned(), table)
    };
    tracked().iter().filter(|p| p.ends_with("Cargo.toml") && *p != "Cargo.toml").map(manifest).collect()
}

fn dependencies(manifest: &toml::Table) -> Vec<String> {
    let table = manifest.get("dependencies").and_then(toml::Value::as_table);
    table.into_iter().flat_map(|t| t.keys().cloned()).collect()
}

/// Z011: dependencies go downward only.
#[test]
fn crates_depend_only_on_what_the_map_allows() {
    let allowed: BTreeMap<&str, &[&str]> = EDGES.iter().copied().collect();
    for (name, manifest) in manifests() {
        let permitted = allowed.get(name.as_str()).unwrap_or_else(|| panic!("{name} is not in EDGES"));
        for dependency in dependencies(&manifest) {
            let ours = allowed.contains_key(dependency.as_str());
            assert!(!ours || permitted.contains(&dependency.as_str()), "{name} must not depend on {dependency}");
        }
    }
}

#[test]
fn pure_crates_have_no_io_clock_or_randomness() {
    let manifests = manifests();
    for name in PURE {
        for dependency in dependencies(&manifests[*name]) {
            assert!(!IMPURE_DEPENDENCIES.contains(&dependency.as_str()), "{name} is pure and must not depend on {dependency}");
        }
    }
}

/// What a browser checks answers with brings nothing that cannot be built there: no runtime, no sockets, no system's randomness, no C.
#[test]
fn what_a_browser_needs_has_nothing_that_a_browser_has_not() {
    const FORBIDDEN: &[&str] =
        &["tokio", "mio", "socket2", "getrandom", "ring", "aws-lc-sys", "openssl-sys", "cc", "rustix", "libc"];
    for name in ["identity", "ledger"] {
        let arguments =
            ["tree", "--package", name, "--target", "wasm32-unknown-unknown", "--edges", "normal", "--prefix", "none"];
        let output = Command::new(env!("CARGO")).args(arguments).args(["--locked"]).current_dir(root()).output();
        let output = output.expect("cargo runs");
        assert!(output.status.success(), "cargo tree: {}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let crates: BTreeSet<&str> = text.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(crates.contains("sha2") && crates.contains("borsh"), "{name}: the list is not one of crates");
        for forbidden in FORBIDDEN {
            assert!(!crates.contains(forbidden), "{name} must not depend on {forbidden}, which does not build for browsers");
        }
    }
}

/// What of the engine stays behind its border, and what the node also uses outside: the runtime that everything runs on, its sockets, and
/// the encoding and the keys that its peers are named by.
const ENGINE: &[&str] = &["actor", "broadcast", "consensus", "glue", "parallel", "resolver", "storage", "stream"];
const ENGINE_FOLDER: &str = "chain-node/src/engine/";
/// Besides: the simulation, which plays validators against each other, and what tests or measures the engine itself.
const ENGINE_USERS: &[&str] =
    &["chain-node/simulation/", "chain-node/tests/", "chain-node/examples/", "shared/ledger/tests/", "shared/ledger/benches/"];

/// X051, Z018: consensus can be replaced: votes, certificates, ordering and authenticated storage of the engine are known to one folder, and
/// no other crate, wallets and services above all, knows the engine at all.
#[test]
fn the_engine_stays_behind_its_border() {
    let mut inside = 0;
    for path in tracked().iter().filter(|p| p.ends_with(".rs")) {
        let allowed = path.starts_with(ENGINE_FOLDER);
        if ENGINE_USERS.iter().any(|user| path.starts_with(user)) || path == "tests/tidy.rs" {
            continue;
        }
        let text = read(path);
        let code = text.lines().filter(|line| !line.trim_start().starts_with("//"));
        for line in code.filter(|line| line.contains("commonware_")) {
            let named = ENGINE.iter().find(|name| line.contains(&format!("commonware_{name}")));
            assert!(path.starts_with("chain-node/"), "{path} must not know the engine: {line}");
            assert!(allowed || named.is_none(), "{path} must not know commonware_{}", named.unwrap_or(&""));
            inside += usize::from(allowed && named.is_some());
        }
    }
    assert!(inside > 20, "the border is where the engine is used: {inside}");
    for (name, manifest) in manifests() {
        let engine = dependencies(&manifest).into_iter().find(|dependency| dependency.starts_with("commonware"));
        let may = ["chain-node", "chain-simulation"].contains(&name.as_str());
        assert!(may || engine.is_none(), "{name} must not depend on {}", engine.unwrap_or_default());
    }
}

#[test]
fn the_wallets_app_sees_the_core_and_only_one_folder_may_import_tauri() {
    let manifests = manifests();
    for name in ["wallet-core", "wallet-commands"] {
        assert!(!dependencies(&manifests[name]).iter().any(|d| d.starts_with("tauri")), "{name} is free of tauri");
    }
    let tracked = tracked();
    let scripts = tracked.iter().filter(|p| p.starts_with("wallet-app/ui/") && (p.ends_with(".ts") || p.ends_with(".svelte")));
    for path in scripts.filter(|path| !path.starts_with("wallet-app/ui/src/backend/")) {
        let text = read(path);
        assert!(!text.contains("@tauri-apps") && !text.contains("fetch("), "{path} reaches the wallet past backend/");
    }
}

/// A build that can be told to end itself or to lie is asked for on the command line, by who tests: no manifest turns that on.
#[test]
fn no_build_that_is_shipped_can_be_made_to_fail() {
    for path in tracked().iter().filter(|path| path.ends_with("Cargo.toml")) {
        let text = read(path);
        // The simulation has a test of this name.
        let turned_on = text.lines().find(|line| line.contains("faults\"") && *line != "name = \"faults\"");
        assert_eq!(turned_on, None, "{path}");
    }
}

#[test]
fn no_source_file_is_longer_than_600_lines_of_code() {
    for path in tracked().iter().filter(|p| p.ends_with(".rs")) {
        let text = read(path);
        let code = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count();
        assert!(code <= MAX_CODE_LINES, "{path} has {code} lines of code");
    }
}

#[test]
fn nothing_is_left_for_later_in_the_sources() {
    // Split, so that this file does not find itself.
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("#[ig", "nore")];
    for path in tracked().iter().filter(|p| ["rs", "toml", "md", "html", "css", "js", "ts", "sql"].iter().any(|e| p.ends_with(e)))
    {
        let text = read(path);
        for word in words {
            assert!(!text.contains(word), "{path} contains {word}");
        }
    }
}

#[test]
fn every_module_begins_by_saying_what_it_is() {
    for path in tracked().iter().filter(|p| p.ends_with(".rs")) {
        assert!(read(path).starts_with("//!"), "{path} does not begin with //!");
    }
}

/// A migration that has been committed is history. `tests/migrations.txt` lists `sha256  path`; a new one is added there.
#[test]
fn committed_migrations_never_change() {
    let list = read("tests/migrations.txt");
    let listed: BTreeMap<&str, &str> =
        list.lines().filter_map(|line| line.split_once("  ")).map(|(hash, path)| (path, hash)).collect();
    let tracked = tracked();
    let migrations: Vec<&String> = tracked.iter().filter(|p| p.contains("/migrations/") && p.ends_with(".sql")).collect();
    for path in &migrations {
        let hash = sha256(path);
        assert_eq!(listed.get(path.as_str()), Some(&hash.as_str()), "{path}: write a new migration instead of changing this one");
    }
    assert_eq!(listed.len(), migrations.len(), "tests/migrations.txt lists a file that is not there");
}

fn sha256(path: &str) -> String {
    let output = Command::new("sha256sum").arg(root().join(path)).output().expect("sha256sum runs");
    String::from_utf8(output.stdout).unwrap().split_whitespace().next().expect("a hash").to_owned()
}

/// The README's code map: lines of the block after "## Code map" that begin with a path.
#[test]
fn the_code_map_of_the_readme_is_the_folders() {
    let readme = read("README.md");
    let map = readme.split("## Code map").nth(1).and_then(|rest| rest.split("```").nth(1)).expect("the README has a code map");
    let mapped: BTreeSet<String> = map
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .map(|path| path.trim_end_matches('/').to_owned())
        .collect();
    for path in &mapped {
        assert!(root().join(path).exists(), "the code map names {path}, which is not there");
    }
    for path in tracked().iter().filter(|p| p.ends_with("/Cargo.toml")) {
        let folder = path.trim_end_matches("/Cargo.toml");
        assert!(mapped.contains(folder), "the code map does not name {folder}");
    }
}

/// Only the folders of the design are visible at the top.
#[test]
fn the_top_level_has_only_the_folders_of_the_design() {
    let allowed = ["Cargo.toml", "Cargo.lock", "LICENSE", "README.md"];
    let folders = ["wallet-app", "issuer-service", "verifier-service", "chain-node", "shared", "tests"];
    for path in tracked() {
        let top = path.split('/').next().expect("a path has a first part");
        assert!(
            top.starts_with('.') || allowed.contains(&top) || folders.contains(&top),
            "{top} does not belong at the top level"
        );
    }
}

/// `tests/rows.txt` lists the requirement, fault and attack rows that Yufu claims; each must be named by a test's comment.
#[test]
fn every_claimed_row_is_named_by_a_test() {
    let mut named = BTreeSet::new();
    for path in tracked().iter().filter(|p| p.ends_with(".rs") || p.ends_with(".mjs")) {
        let text = read(path);
        let comments = text.lines().map(str::trim_start).filter(|line| line.starts_with("//"));
        let words = comments.flat_map(|line| line.split(|c: char| !c.is_ascii_alphanumeric() && c != '-'));
        named.extend(words.map(str::to_owned));
    }
    for row in
        read("tests/rows.txt").lines().filter_map(|line| line.split_whitespace().next()).filter(|row| !row.starts_with('#'))
    {
        assert!(named.contains(row), "no comment of a test names {row}");
    }
}
