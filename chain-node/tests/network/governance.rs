//! Governance as its operators meet it: the command line against validators as processes.

use crate::city::{City, key};
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use identity::{Localized, canonical};
use ledger::{
    cell::Subject,
    genesis::Genesis,
    governance::{AccreditationRecord, Fraction, Governance, Parameters, Placement},
    records::AuthorityRecord,
};
use reqwest::StatusCode;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _};

const RESIDENT: &str = "urn:yufu:vct:resident-identity:1";
const MEMBERS: [&str; 3] = ["e-government", "statistics", "backup"];

/// Four validators of three members, of which the first runs two.
pub(crate) fn governed(mut genesis: Genesis) -> Genesis {
    let member = |id: &str| AuthorityRecord {
        id: id.parse().unwrap(),
        name: Localized::new("某局", "A bureau"),
        ledger_keys: vec![key(id).public_key()],
        credential_keys: Vec::new(),
        reader_key: None,
        issuer_url: None,
        accredited_types: Vec::new(),
        may_sponsor: false,
    };
    genesis.authorities = MEMBERS.map(member).to_vec();
    for (validator, authority) in genesis.validators.iter_mut().zip(["e-government", "e-government", "statistics", "backup"]) {
        validator.authority = authority.parse().unwrap();
    }
    let approval = Fraction { numerator: 2, denominator: 3 };
    let parameters = Parameters { approval, voting_blocks: 500, notice_blocks: 2, placement: Placement::Advisory };
    genesis.governance = Some(Governance { epoch_blocks: 1_000, parameters });
    genesis
}

/// Runs `govern` for a member against one node.
pub(crate) struct Desk<'a> {
    city: &'a City,
    pub(crate) genesis: String,
    url: String,
}

impl<'a> Desk<'a> {
    pub(crate) fn new(city: &'a City) -> Self {
        for id in MEMBERS {
            let file = city.folder(0).join(id);
            fs::write(&file, HEXLOWER.encode(&*key(id).to_bytes())).unwrap();
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
        }
        let genesis = city.folder(0).join("../genesis.json").to_str().unwrap().to_owned();
        Self { city, genesis, url: city.url(1) }
    }

    fn arguments<'b>(&'b self, rest: &[&'b str]) -> Vec<&'b str> {
        [&["govern", "--node", &self.url, "--genesis", &self.genesis], rest].concat()
    }

    async fn member(&self, id: &str, rest: &[&str]) -> Value {
        let file = self.city.folder(0).join(id).to_str().unwrap().to_owned();
        let rest = [&["--authority", id, "--key-file", &file], rest].concat();
        self.city.done(&self.arguments(&rest)).await
    }

    async fn refused(&self, id: &str, key_of: &str, rest: &[&str]) -> String {
        let file = self.city.folder(0).join(key_of).to_str().unwrap().to_owned();
        let rest = [&["--authority", id, "--key-file", &file], rest].concat();
        self.city.refused(&self.arguments(&rest)).await
    }

    /// The members decide, and the change takes effect after its notice.
    pub(crate) async fn decided(&self, change: &[&str]) -> String {
        let proposed = self.member("e-government", &[&["propose"], change].concat()).await;
        let id = proposed["proposal"]["id"].as_str().unwrap().to_owned();
        assert!(proposed["proposal"]["next"].as_str().unwrap().contains("open for ballots until height"), "{proposed}");
        let voted = self.member("statistics", &["vote", &id, "approve"]).await;
        assert!(voted["proposal"]["next"].as_str().unwrap().contains("may enact it from height"), "{voted}");
        let approved_at = voted["receipt"]["height"].as_u64().unwrap();
        self.city.wait_until("the end of the notice", async |city| city.height(1).await > approved_at + 2).await;
        let enacted = self.member("backup", &["enact", &id]).await;
        assert!(enacted["proposal"]["next"].as_str().unwrap().contains("took effect at height"), "{enacted}");
        let effect = enacted["receipt"]["height"].as_u64().unwrap();
        self.city.wait_until("it on another validator", async |city| city.height(2).await >= effect).await;
        id
    }
}

/// Z013, Z025, N019: three members decide about an accreditation and a parameter, on the command line and over real sockets; every answer
/// is checked against the genesis alone.
#[tokio::test(flavor = "multi_thread")]
async fn members_propose_vote_and_enact_from_the_command_line() {
    let city = City::start_of(4, governed).await;
    let desk = Desk::new(&city);
    let accredit = ["accredit", "--authority", "backup", "--attestation-type", RESIDENT];
    let proposal = desk.decided(&accredit).await;
    let proven = city.proven(2, &Subject::Accreditation(RESIDENT.to_owned())).await;
    let record: AccreditationRecord = canonical::decode(&proven.body.unwrap(), 1_000).unwrap();
    assert_eq!((record.authority.as_str(), proven.cell.unwrap().status), ("backup", 0));

    let again = desk.refused("e-government", "e-government", &["vote", &proposal, "refuse"]).await;
    assert!(again.contains("the proposal is closed") && again.contains("govern show"), "{again}");
    let stranger = desk.refused("e-government", "backup", &["vote", &proposal, "refuse"]).await;
    assert!(stranger.contains("not one of the ledger keys of e-government"), "{stranger}");
    let twice = desk.refused("e-government", "e-government", &[&["propose"], &accredit[..]].concat()).await;
    assert!(twice.contains("the ledger refused it: the id is taken"), "{twice}");

    desk.decided(&["set-parameters", "--approval", "1/1", "--notice-blocks", "1"]).await;
    let listed = city.done(&desk.arguments(&["list"])).await;
    assert_eq!(listed["parameters"]["approval"], serde_json::json!({ "numerator": 1, "denominator": 1 }));
    assert_eq!(
        (listed["parameters"]["voting_blocks"].as_u64(), listed["parameters"]["notice_blocks"].as_u64()),
        (Some(500), Some(1))
    );
    let ids: Vec<_> = listed["proposals"].as_array().unwrap().iter().map(|it| it["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(ids.len(), 2);
    assert_eq!(ids[1], proposal, "the newest is first");
    // Every node has them, page by page.
    for place in 0..4 {
        let (status, page) = city.json::<wire::governance::Governance>(place, "/v1/governance?limit=1").await;
        assert_eq!((status, page.proposals.len()), (StatusCode::OK, 1));
        assert_eq!(page.next.unwrap().validators.len(), 4);
        let path = format!("/v1/governance?before={}", BASE64URL_NOPAD.encode(&page.proposals[0].id.0));
        let (_, rest) = city.json::<wire::governance::Governance>(place, &path).await;
        assert_eq!(rest.proposals.len(), 1);
    }
    let (status, _) = city.json::<Value>(0, "/v1/governance?limit=51").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

/// What a command prints in base64url is taken by the next one as it is: one in 64 begins with a hyphen.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_a_proposal_and_a_challenge_may_begin_with_a_hyphen() {
    let city = City::prepare_of(4, governed).await;
    let genesis = city.folder(0).join("../genesis.json").to_str().unwrap().to_owned();
    let (proof, proposal, public) = (format!("-{}", "A".repeat(85)), format!("-{}", "A".repeat(42)), key("some").public_key());
    let govern = ["govern", "--node", "http://127.0.0.1:1", "--genesis", &genesis];
    let desk = ["--authority", "statistics", "--key-file", "none"];
    let public = public.to_string();
    let member = ["--name", "v9", "--authority", "statistics", "--cluster", "one", "--key", &public, "--proof", &proof];
    let commands: [Vec<&str>; 5] = [
        [&govern[..], &desk, &["propose", "admit-validator"], &member].concat(),
        [&govern[..], &desk, &["propose", "rotate-validator-key", "--name", "v9", "--key", &public, "--proof", &proof]].concat(),
        [&govern[..], &desk, &["vote", &proposal, "approve"]].concat(),
        [&govern[..], &desk, &["enact", &proposal]].concat(),
        [&govern[..], &["show", &proposal]].concat(),
    ];
    for command in &commands {
        let said = city.refused(command).await;
        assert!(!said.contains("unexpected argument") && !said.contains("Usage"), "{command:?}: {said}");
    }
    let login = ["console-login", "--at", "http://127.0.0.1/", "--genesis", &genesis, "--authority", "statistics"];
    let said = city.refused(&[&login[..], &["--key-file", "none", "--challenge", &proposal]].concat()).await;
    assert!(said.contains("the challenge is damaged"), "{said}");
}
