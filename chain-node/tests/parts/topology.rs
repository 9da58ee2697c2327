//! Clusters and zones: what stops the ledger when it is lost, or lets strangers near the validators, is refused before it begins.

use crate::secret;
use chain_node::topology::{Topology, TopologyError, check, load};
use identity::Localized;
use ledger::genesis::Genesis;
use serde_json::{Value, json};

const CLUSTERS: [&str; 7] = ["east", "east", "west", "west", "backup", "backup", "witness"];

fn genesis(clusters: &[&str]) -> Genesis {
    let validator = |(index, cluster): (usize, &&str)| {
        let name = format!("validator-{index}");
        json!({"key": secret(&name).public_key(), "name": name, "authority": "e-government", "cluster": cluster})
    };
    serde_json::from_value(json!({
        "network": "test", "name": Localized::new("测试", "Test"), "started_at": 1_700_000_000,
        "validators": clusters.iter().enumerate().map(validator).collect::<Vec<_>>(), "authorities": [],
    }))
    .unwrap()
}

fn file(clusters: &[&str]) -> Value {
    let node = |(index, cluster): (usize, &&str)| {
        json!({
            "validator": format!("validator-{index}"), "cluster": cluster,
            "network": format!("10.1.0.{index}:7000"), "rpc": format!("10.2.0.{index}:8080"),
        })
    };
    json!({
        "nodes": clusters.iter().enumerate().map(node).collect::<Vec<_>>(),
        "zones": {
            "validator": {"network": "10.1.0.0/16", "first_port": 7000, "last_port": 7000},
            "access": {"network": "10.2.0.0/16"},
            "public": {"network": "192.0.2.0/24"},
        },
    })
}

fn judge(file: &Value, clusters: &[&str]) -> Result<(), TopologyError> {
    check(&serde_json::from_value::<Topology>(file.clone()).unwrap(), &genesis(clusters))
}

fn refusal(file: &Value, clusters: &[&str]) -> String {
    judge(file, clusters).expect_err("this topology is refused").to_string()
}

/// X022, X026: three clusters and a witness are taken; one that holds more than f is refused, and the sentence says what to do.
#[test]
fn a_cluster_that_holds_more_than_may_fail_is_refused() {
    judge(&file(&CLUSTERS), &CLUSTERS).unwrap();
    let crowded = ["east", "east", "east", "west", "backup", "backup", "witness"];
    let said = refusal(&file(&crowded), &crowded);
    assert!(said.contains("cluster east holds 3 of 7") && said.contains("only 2 may fail"), "{said}");
    assert!(said.contains("Move 1 of them"), "{said}");
    // One validator makes a development ledger: nothing may fail, and nothing is promised.
    judge(&file(&["laptop"]), &["laptop"]).unwrap();
    // Four in one cluster make no ledger that survives anything.
    assert!(refusal(&file(&["one"; 4]), &["one"; 4]).contains("holds 4 of 4"));
}

#[test]
fn every_validator_stands_once_and_where_the_genesis_says() {
    let mut missing = file(&CLUSTERS);
    missing["nodes"].as_array_mut().unwrap().pop();
    assert!(refusal(&missing, &CLUSTERS).contains("validator-6 of the genesis must stand in the topology exactly once"));
    let mut twice = file(&CLUSTERS);
    let first = twice["nodes"][0].clone();
    twice["nodes"].as_array_mut().unwrap().push(first);
    assert!(refusal(&twice, &CLUSTERS).contains("validator-0"));
    let mut stranger = file(&CLUSTERS);
    stranger["nodes"][0]["validator"] = json!("nobody");
    assert!(refusal(&stranger, &CLUSTERS).contains("nobody, which is no validator"));
    let mut elsewhere = file(&CLUSTERS);
    elsewhere["nodes"][0]["cluster"] = json!("west");
    assert!(refusal(&elsewhere, &CLUSTERS).contains("cluster west by the topology and in cluster east by the genesis"));
}

/// X028: validator, access and public zone are separated, and each socket is in its own.
#[test]
fn zones_are_separated_and_each_socket_is_in_its_own() {
    let with = |pointer: &str, value: Value| {
        let mut changed = file(&CLUSTERS);
        *changed.pointer_mut(pointer).unwrap() = value;
        refusal(&changed, &CLUSTERS)
    };
    assert!(with("/zones/public/network", json!("10.0.0.0/8")).contains("the validator zone and the public zone overlap"));
    assert!(with("/zones/access/network", json!("10.1.5.0/24")).contains("the validator zone and the access zone overlap"));
    assert!(with("/nodes/2/network", json!("10.2.0.2:7000")).contains("10.2.0.2:7000, which is not in the validator zone"));
    assert!(with("/nodes/2/network", json!("10.1.0.2:7001")).contains("not in the validator zone"));
    assert!(with("/nodes/2/rpc", json!("192.0.2.7:8080")).contains("192.0.2.7:8080, which is not in the access zone"));
    for broken in ["10.1.0.0", "10.1.0.0/33", "here/8"] {
        assert!(with("/zones/public/network", json!(broken)).contains("the public zone is not address/prefix"), "{broken}");
    }
}

#[test]
fn a_file_with_what_nobody_knows_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("topology.json");
    let mut unknown = file(&CLUSTERS);
    unknown["zone"] = json!({});
    std::fs::write(&path, unknown.to_string()).unwrap();
    assert!(matches!(load(&path), Err(TopologyError::Malformed(_))));
    std::fs::write(&path, file(&CLUSTERS).to_string()).unwrap();
    load(&path).unwrap();
    assert!(matches!(load(&dir.path().join("none.json")), Err(TopologyError::Io { .. })));
}
