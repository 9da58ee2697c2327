//! Scenarios as text.

use super::*;

fn fault(text: &str) -> Fault {
    text.parse().unwrap()
}

#[test]
fn a_fault_is_read_as_it_is_written() {
    for text in ["partition:0-6@10..20", "clock:3@5=-40", "equivocate:15-21@0", "crash:0,2-4@1.25..9.5", "lossy:1@0..3=30"] {
        assert_eq!(fault(text).to_string(), text);
    }
    assert_eq!(fault("crash:3").to_string(), "crash:3@0");
    assert_eq!(fault("lossy:1@2=5").to_string(), "lossy:1@2", "5 % is usual");
    assert_eq!(fault("flap:1,0,2@1"), fault("flap:0-2@1=2"));
}

#[test]
fn what_is_not_a_fault_is_refused_and_the_reason_names_it() {
    for (text, named) in [
        ("partition", "partition"),
        ("melt:1", "melt"),
        ("crash:", "places"),
        ("crash:3-1", "3-1"),
        ("crash:128", "128"),
        ("crash:1@x", "x"),
        ("crash:1@1.0001", "1.0001"),
        ("lossy:1@0=much", "much"),
    ] {
        let error = text.parse::<Fault>().unwrap_err().to_string();
        assert!(error.contains(named), "{text}: {error}");
    }
}

#[test]
fn a_scenario_that_cannot_happen_is_refused() {
    let with = |text: &str| Scenario { faults: vec![fault(text)], ..Scenario::default() }.check();
    assert_eq!(with("crash:3@1..2"), Ok(()));
    assert!(matches!(with("crash:4@1..2"), Err(ScenarioError::NoSuchValidator { validators: 4, .. })));
    assert!(matches!(with("crash:3@2..2"), Err(ScenarioError::Never(_))));
    assert!(matches!(with("crash:3@30"), Err(ScenarioError::Never(_))));
    assert!(matches!(with("clock:3@1=86401"), Err(ScenarioError::OutOfBounds(_))));
    assert!(matches!(with("lossy:3@1=101"), Err(ScenarioError::OutOfBounds(_))));
    assert_eq!(Scenario { validators: 0, ..Scenario::default() }.check(), Err(ScenarioError::Size));
    assert_eq!(Scenario { seconds: 3_601, ..Scenario::default() }.check(), Err(ScenarioError::Size));
}

#[test]
fn the_file_and_the_flags_say_the_same() {
    let text = r#"
        seed = 4711
        validators = 22
        seconds = 40
        mode = "safety"
        faults = ["partition:0-6@10..20", "equivocate:15-21"]
    "#;
    let scenario = Scenario::from_toml(text).unwrap();
    assert_eq!(
        scenario.to_string(),
        "chain-node simulate --seed 4711 --validators 22 --seconds 40 --rate 2 --mode safety --latency-ms 20 --jitter-ms 5 \
         --loss-percent 0 --fault partition:0-6@10..20 --fault equivocate:15-21@0"
    );
    assert!(Scenario::from_toml("sede = 1").is_err(), "an unknown key");
    assert!(Scenario::from_toml("validators = 200").is_err());
}

#[test]
fn the_model_is_at_most_f_of_n() {
    let scenario = |validators, faults: &[&str]| Scenario {
        validators,
        faults: faults.iter().map(|text| fault(text)).collect(),
        ..Scenario::default()
    };
    for (validators, tolerated, quorum) in [(1, 0, 1), (4, 1, 3), (20, 6, 14), (21, 6, 15), (22, 7, 15)] {
        let scenario = scenario(validators, &[]);
        assert_eq!((scenario.tolerated(), scenario.quorum()), (tolerated, quorum));
    }
    assert!(scenario(22, &["equivocate:0-6"]).is_safe());
    assert!(!scenario(22, &["equivocate:0-6", "lie:7"]).is_safe());
    assert!(!scenario(4, &["equivocate:0", "wipe:1@2..3"]).is_safe(), "who forgot its votes may contradict them");
    assert!(scenario(4, &["crash:0-3@2..3"]).is_safe(), "who only stops never contradicts itself");
    let parted = scenario(7, &["partition:0-4@2..3"]);
    assert_eq!(parted.away(Moment::seconds(2)), BTreeSet::from([5, 6]), "the smaller side");
    assert!(parted.away(Moment::seconds(3)).is_empty());
}

#[test]
fn members_come_after_the_others_go_once_and_never_end() {
    let check = |faults: &[&str]| {
        let scenario = Scenario { faults: faults.iter().map(|text| fault(text)).collect(), ..Scenario::default() };
        scenario.check().map(|()| scenario)
    };
    let scenario = check(&["admit:4-5@1", "rotate:0,5@2", "remove:1@3=1", "crash:6-7@3..4"]).unwrap();
    assert_eq!((scenario.places(), scenario.epoch_blocks()), (8, Some(12)));
    assert_eq!(scenario.members_at_the_end(), BTreeSet::from([2, 3, 4, 6, 7]));
    let successors: Vec<_> = scenario.changes().iter().map(|change| (change.place, change.successor)).collect();
    assert_eq!(successors, [(4, None), (5, None), (0, Some(6)), (5, Some(7)), (1, None)]);
    assert_eq!(scenario.ghosts(), BTreeSet::from([1]));
    assert!(matches!(check(&["admit:5@1"]), Err(ScenarioError::Newcomers { first: 4 })));
    assert!(matches!(check(&["admit:4@1", "admit:4@2"]), Err(ScenarioError::Newcomers { first: 4 })));
    assert!(matches!(check(&["remove:1@1", "rotate:1@2"]), Err(ScenarioError::Leaver(_))));
    assert!(matches!(check(&["remove:0-3@1"]), Err(ScenarioError::Leaver(_))), "nobody would stay");
    assert!(matches!(check(&["remove:4@1"]), Err(ScenarioError::Leaver(_))), "nobody is there");
    assert!(matches!(check(&["admit:4@1..2"]), Err(ScenarioError::Undecided(_))));
    assert!(matches!(check(&["crash:4@1..2"]), Err(ScenarioError::NoSuchValidator { validators: 4, .. })));
    assert_eq!(Scenario { epoch_blocks: Some(3), ..Scenario::default() }.check(), Err(ScenarioError::Epoch));
    assert_eq!(Scenario::default().epoch_blocks(), None);
}

#[test]
fn the_model_counts_the_worst_set_on_the_way() {
    let scenario = |faults: &[&str]| Scenario { faults: faults.iter().map(|text| fault(text)).collect(), ..Scenario::default() };
    assert!(scenario(&["lie:0", "remove:0@1"]).is_safe(), "1 of 4, and then 0 of 3");
    assert!(!scenario(&["lie:0", "remove:1@1"]).is_safe(), "1 of 3");
    assert!(scenario(&["lie:0", "admit:4@1"]).is_safe());
    assert!(!scenario(&["lie:0", "admit:4@1", "wipe:4@2..3"]).is_safe(), "2 of 5");
    assert!(scenario(&["lie:0,4", "rotate:0@1"]).is_safe(), "one after the other");
    let parted = scenario(&["remove:3@1", "crash:3@2"]);
    assert!(parted.away_at_the_end().is_empty(), "who has left is not missed");
    assert_eq!((parted.tolerated_at_the_end(), parted.healthy_at_the_end()), (0, vec![0, 1, 2]));
}
