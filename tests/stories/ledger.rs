//! The ledger under its departments: it goes on without one validator, waits and says so without two, and loses nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use city::operator::Operator;
use city::plan::{RESIDENT_IDENTITY, entropy};
use city::world::{World, authority_key};
use clients::Clock;
use clients::chain::ChainError;
use identity::did::Inception;
use identity::keys::{Algorithm, SecretKey};
use identity::{Commitment, CommitmentKey};
use ledger::receipt::Refusal;
use ledger::records::{AttestationRecord, RecordId};
use ledger::transaction::{ANCHOR_CONTEXT, Anchor, Body, NewAttestation, Sender};

use crate::alone;

fn key(algorithm: Algorithm) -> Result<SecretKey> {
    Ok(SecretKey::from_bytes(algorithm, &entropy()?)?)
}

fn anchor() -> Result<Anchor> {
    let commitment = CommitmentKey::from_entropy(entropy()?).commit(ANCHOR_CONTEXT, &entropy::<32>()?);
    // A CIDv1 of a raw block: version, codec, SHA-256 multihash.
    let cid = [[1, 0x55, 0x12, 0x20].as_slice(), entropy::<32>()?.as_slice()].concat();
    Ok(Anchor { id: RecordId(entropy()?), commitment, cid })
}

async fn submit_anchor(world: &World) -> Result<Anchor, ChainError> {
    let chain = world.chain().expect("the city has a ledger");
    let (signer, anchor) = (key(Algorithm::P256).expect("a key"), anchor().expect("an anchor"));
    let sender = Sender::Key(signer.public_key());
    chain.submit(&signer, sender, Body::AnchorAttributes(vec![anchor.clone()])).await?;
    Ok(anchor)
}

/// Waits until whichever validator is asked has the anchor: one may be a block behind the one that acknowledged it.
async fn stands(world: &World, anchor: &Anchor) -> Result<()> {
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        let chain = world.chain()?;
        loop {
            match chain.anchor(&anchor.id).await {
                Ok(answer) if answer.value.as_ref().is_some_and(|(_, found)| found == anchor) => return anyhow::Ok(()),
                Ok(_) | Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    });
    found.await.context("an acknowledged anchor is not there after 20 s")?
}

/// X054, X039, Z074: an identity is created on the ledger under the hash of a key that never left the device.
/// X057, X044, I052, I053, I074: an anchor is in a block with a time, and everybody can check it.
/// I058: it was verified and stored by consensus: the client checks a quorum's certificate.
#[tokio::test]
async fn what_the_ledger_acknowledged_is_proven_to_anyone_who_has_the_genesis() -> Result<()> {
    let _alone = alone().await;
    let world = World::ledger().await?;
    let chain = world.chain()?;
    let device = key(Algorithm::Ed25519)?;
    let inception = Inception { network: "riverside".parse()?, device: device.public_key(), recovery_commitment: entropy()? };
    let before = Clock::system().now_ms();
    chain.submit(&device, Sender::Key(device.public_key()), Body::CreateIdentity(inception.clone())).await?;
    let answer = chain.identity(&inception.id()).await?;
    let (_, identity) = answer.value.context("the identity stands")?;
    ensure!(identity.devices == [device.public_key()], "the first device is the inception's");
    ensure!(answer.timestamp_ms.abs_diff(before) < 60_000, "the block says when");
    let anchor = submit_anchor(&world).await?;
    stands(&world, &anchor).await?;
    ensure!(chain.anchor(&RecordId(entropy()?)).await?.value.is_none(), "an exclusion proof says that there is nothing");
    world.stop().await
}

/// I055, X046: a record that is not signed by an accredited department's key is refused by the ledger, whoever sends it.
#[tokio::test]
async fn an_attestation_of_a_type_that_a_department_is_not_accredited_for_is_refused() -> Result<()> {
    let _alone = alone().await;
    let world = World::ledger().await?;
    let civil_affairs = authority_key(world.plan(), "civil-affairs")?;
    let record = AttestationRecord {
        issuer: "civil-affairs".parse()?,
        attestation_type: RESIDENT_IDENTITY.to_owned(),
        credential: Commitment(entropy()?),
        holder_key: Commitment(entropy()?),
        lock: entropy()?,
        valid_from: 0,
        valid_until: i64::MAX,
    };
    let body = |record: AttestationRecord| -> Result<Body> {
        Ok(Body::RecordAttestations(vec![NewAttestation { id: RecordId(entropy()?), record }]))
    };
    let sender =
        |key: &SecretKey, id: &str| -> Result<Sender> { Ok(Sender::Authority { authority: id.parse()?, key: key.public_key() }) };
    let chain = world.chain()?;
    let refused = chain.submit(&civil_affairs, sender(&civil_affairs, "civil-affairs")?, body(record.clone())?).await;
    ensure!(matches!(refused, Err(ChainError::Refused(Refusal::NotAccredited))), "{refused:?}");
    let impostor = key(Algorithm::Ed25519)?;
    let record = AttestationRecord { issuer: "public-security".parse()?, ..record };
    let refused = chain.submit(&impostor, sender(&impostor, "public-security")?, body(record)?).await;
    ensure!(matches!(refused, Err(ChainError::Refused(Refusal::UnknownKey))), "{refused:?}");
    world.stop().await
}

#[tokio::test]
async fn with_one_validator_killed_the_ledger_goes_on_and_the_validator_catches_up() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger().await?;
    world.kill("validator-2").await?;
    let anchor = submit_anchor(&world).await?;
    stands(&world, &anchor).await?;
    world.start("validator-2").await?;
    // The restarted validator answers by itself, with a proof.
    let alone = city::world::chain_of(world.plan(), &["validator-2"])?;
    let caught_up = tokio::time::timeout(Duration::from_secs(30), async {
        while !matches!(alone.anchor(&anchor.id).await, Ok(found) if found.value.is_some()) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    caught_up.await.context("the restarted validator had not caught up after 30 s")?;
    world.stop().await
}

/// DESIGN, hard rule 5: nothing hangs. Without a quorum the ledger waits, says so, and goes on when one returns.
#[tokio::test]
async fn with_two_validators_killed_the_ledger_waits_says_so_and_resumes() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger().await?;
    let kept = submit_anchor(&world).await?;
    world.kill("validator-1").await?;
    world.kill("validator-3").await?;
    let waits = submit_anchor(&world).await;
    ensure!(matches!(waits, Err(ChainError::NotFinalized { .. })), "{waits:?}");
    let health = city::world::readiness(world.plan(), "validator-2").await?;
    ensure!(!health.0 && health.1.contains("quorum"), "readyz names the cause: {health:?}");
    world.start_all(&["validator-1".to_owned(), "validator-3".to_owned()]).await?;
    let after = submit_anchor(&world).await?;
    stands(&world, &kept).await?;
    stands(&world, &after).await?;
    world.stop().await
}

/// REL-A5: all validators are killed at once (power cut): no finalized block is lost, and the chain goes on.
#[tokio::test]
async fn with_all_validators_killed_nothing_that_was_acknowledged_is_lost() -> Result<()> {
    let _alone = alone().await;
    let mut world = World::ledger().await?;
    let mut acknowledged = Vec::new();
    for _round in 0..3 {
        acknowledged.push(submit_anchor(&world).await?);
        let validators = world.validator_names();
        for name in &validators {
            world.kill(name).await?;
        }
        world.start_all(&validators).await?;
        for anchor in &acknowledged {
            stands(&world, anchor).await?;
        }
    }
    stands(&world, &submit_anchor(&world).await?).await?;
    world.stop().await
}

/// I064, I068: the pilot's nodes let nobody look at their consoles without a login. With the key files of the city's directory, as the front
/// page says, a department logs in at the node that it runs and at no other; the supervisor's office at every node.
#[tokio::test]
async fn operators_of_the_pilot_log_in_at_their_own_node_and_the_supervisor_at_every_node() -> Result<()> {
    let _alone = alone().await;
    let world = World::ledger().await?;
    let plan = world.plan().clone();
    let [one, other] = [&plan.validators[0], &plan.validators[1]];
    ensure!(one.authority != other.authority, "two departments");

    let admin = reqwest::get(format!("http://127.0.0.1:{}/console", one.ports.admin)).await?;
    ensure!(admin.status() == reqwest::StatusCode::NOT_FOUND, "no console without a login: {}", admin.status());
    let mut operator = Operator::log_in(&plan, one, one.authority.as_str()).await?;
    let page = operator.open("/console/members?lang=en").await?;
    ensure!(page.status.is_success() && page.html.contains("validator-4"), "{}", page.html);
    let stranger = Operator::log_in(&plan, other, one.authority.as_str()).await.err().context("it does not run that node")?;
    ensure!(format!("{stranger:#}").contains("logging in ended at"), "{stranger:#}");
    for validator in &plan.validators {
        let mut supervisor = Operator::log_in(&plan, validator, "supervisor").await?;
        let page = supervisor.open("/console/findings?lang=en").await?;
        ensure!(page.status.is_success(), "{}", page.html);
    }
    world.stop().await
}
