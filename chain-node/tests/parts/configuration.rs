//! The configuration file: the example stays true, mistakes are named.

use chain_node::config::{self, Config};
use std::{fs, path::Path};

fn load(text: &str) -> Result<Config, String> {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("node.toml");
    fs::write(&file, text).unwrap();
    config::load(&file).map_err(|error| error.to_string())
}

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml")).unwrap()
}

#[test]
fn the_example_loads_and_its_paths_are_relative_to_the_file() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("config.example.toml");
    let config = config::load(&file).unwrap();
    assert_eq!(config.data_dir, file.parent().unwrap().join("data"));
    assert_eq!(config.network.peers.len(), 4);
    // The example shows the defaults.
    let defaults = config::Consensus::default();
    assert_eq!(config.consensus.heartbeat(), defaults.heartbeat());
    assert_eq!(config.consensus.leader_timeout(), defaults.leader_timeout());
    assert_eq!(config.mempool.transactions, config::Mempool::default().transactions);
}

/// N048: a configuration of before these keys is an archive's; one that would keep too little is refused by name.
#[test]
fn a_configuration_without_the_keys_of_pruning_is_an_archives() {
    let older: String = example()
        .lines()
        .filter(|line| !line.starts_with("keep_blocks") && !line.starts_with("items_per_file"))
        .map(|line| format!("{line}\n"))
        .collect();
    let config = load(&older).unwrap();
    assert_eq!((config.storage.keep_blocks, config.storage.items_per_file), (0, chain_node::folder::ITEMS_PER_FILE));
    assert_eq!(load(&example().replace("keep_blocks = 0", "keep_blocks = 1024")).unwrap().storage.keep_blocks, 1_024);
    for (from, to) in
        [("keep_blocks = 0", "keep_blocks = 1023"), ("= 16384", "= 63"), ("= 16384", "= 0"), ("= 16384", "= 1048577")]
    {
        let said = load(&example().replace(from, to)).unwrap_err();
        let key = from.split(' ').next().filter(|word| *word != "=").unwrap_or("items_per_file");
        assert!(said.contains(key), "{to}: {said}");
    }
}

#[test]
fn an_unknown_field_is_refused_by_name() {
    let error = load(&example().replace("heartbeat_ms", "hartbeat_ms")).unwrap_err();
    assert!(error.contains("hartbeat_ms"), "{error}");
}

/// Z018: the pace and the times of consensus are configured, and what could not work together is refused before the node starts.
#[test]
fn values_that_contradict_each_other_are_refused() {
    for (from, to) in [
        ("leader_timeout_ms = 4000", "leader_timeout_ms = 3200"),
        ("min_interval_ms = 100", "min_interval_ms = 5000"),
        ("worker_threads = 2", "worker_threads = 0"),
        ("requests_per_second = 200", "requests_per_second = 0"),
        ("10.0.1.1:7100", "10.0.1.1"),
    ] {
        assert!(load(&example().replace(from, to)).is_err(), "{to}");
    }
}

/// A session's cookie is not sent where others can read it.
#[test]
fn a_console_over_http_is_for_this_machine_only() {
    let with = |listen: &str, url: &str| {
        let own = "[console]\nlisten = \"127.0.0.1:7191\"";
        let text = example().replace(own, &format!("[console]\nlisten = \"{listen}\""));
        assert_ne!((listen, text.as_str()), ("127.0.0.1:1", example().as_str()), "the example has the section");
        load(&text.replace("url = \"https://console.node-1.ledger.example/\"\n", url))
    };
    for (listen, url) in [
        ("127.0.0.1:1", ""),
        ("[::1]:1", ""),
        ("0.0.0.0:1", "url = \"https://console.example/\"\n"),
        ("127.0.0.1:1", "url = \"http://localhost:1/\"\n"),
    ] {
        assert!(with(listen, url).is_ok(), "{listen} {url}");
    }
    for (listen, url) in [
        ("10.0.0.1:1", ""),
        ("0.0.0.0:1", ""),
        ("127.0.0.1:1", "url = \"http://console.example/\"\n"),
        ("127.0.0.1:1", "url = \"ftp://localhost/\"\n"),
    ] {
        let error = with(listen, url).unwrap_err();
        assert!(error.contains("console.url") && error.contains("https"), "{listen} {url}: {error}");
    }
}
