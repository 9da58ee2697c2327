//! What must be true at the end of a run, asked of every healthy validator.

use crate::{
    clients::Clients,
    council::{Council, Decided},
    log::{self, Rule},
    scenario::{Mode, shown_places},
    watcher,
    world::{SimulatedNode, World, WorldError},
};
use ledger::{
    TrustRoot, canonical,
    cell::{Cell, Subject},
    evidence::{Evidence, EvidenceId},
    limits::MAX_RECORD_BYTES,
    proof,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What was acknowledged is there and proved, and nobody honest was cut off.
///
/// # Errors
/// When the simulated network is gone.
pub async fn ledger(world: &World, clients: &Clients) -> Result<(), WorldError> {
    let scenario = world.scenario();
    let promised = scenario.mode == Mode::Liveness && scenario.away_at_the_end().len() <= scenario.tolerated_at_the_end();
    for place in scenario.healthy_at_the_end() {
        let Some(node) = world.node(place) else { continue };
        // In the middle of faults one that has just started again has yet to replay what it lost.
        let own = if scenario.mode == Mode::Safety { node.head.tip().borrow().height } else { u64::MAX };
        for (id, height) in clients.acknowledged() {
            if height > world.log().tip(place).min(own) {
                continue;
            }
            match node.receipt(&id).await {
                Some(receipt) if receipt.height == height => {}
                Some(receipt) => world.log().breaks(
                    Rule::Kept,
                    format!("validator {place} has at height {} what was seen final at {height}", receipt.height),
                ),
                None => world.log().breaks(Rule::Kept, format!("validator {place} lost what was final at height {height}")),
            }
        }
        prove(world, clients, (place, node), promised).await?;
    }
    let wicked: BTreeSet<usize> = scenario.byzantine().union(&scenario.ghosts()).copied().collect();
    for (from, to) in world.cut_off().await? {
        if !wicked.contains(&from) && !wicked.contains(&to) && scenario.is_safe() {
            world.log().breaks(Rule::Connected, format!("validator {from} cut off validator {to}, and both are honest"));
        }
    }
    Ok(())
}

/// A light client that trusts the genesis only follows the validator to its newest epoch and believes its answer.
async fn prove(
    world: &World,
    clients: &Clients,
    (place, node): (usize, &Arc<SimulatedNode>),
    promised: bool,
) -> Result<(), WorldError> {
    let mut root = TrustRoot::from_genesis(node.genesis.clone())?;
    for epoch in 1..=node.peers.membership().epoch {
        match node.epoch_change(epoch).await {
            Some((boundary, certificate)) => {
                if let Err(error) = log::follow(&mut root, &boundary, &certificate) {
                    let what = format!("a light client refuses what validator {place} proves of epoch {epoch}: {error}");
                    world.log().breaks(Rule::LightClient, what);
                }
            }
            // Its certificate may still be on its way from the others.
            None => break,
        }
    }
    let Some((id, _)) = clients.acknowledged().into_iter().next_back() else { return Ok(()) };
    let subject = Subject::Transaction(id);
    let Ok(proven) = node.reads.prove(&subject.key()).await else {
        if promised {
            world.log().breaks(Rule::LightClient, format!("validator {place} proves nothing"));
        }
        return Ok(());
    };
    if !promised && proven.header.context.epoch > root.newest_epoch() {
        return Ok(());
    }
    // The body of the cell that is proved, as RPC gives it: the next block may be final by now.
    let body = match &proven.cell {
        Some(bytes) => Some(node.body(&Cell::from_bytes(bytes).expect("the state holds encoded cells only")).await),
        None => None,
    };
    let answer = proof::Answer {
        header: &canonical::encode(&proven.header),
        certificate: &proven.certificate,
        cell: proven.cell.as_ref().map(<[u8; ledger::CELL_BYTES]>::as_slice),
        body: body.as_deref(),
        proof: &proven.proof,
    };
    if let Err(error) = proof::verify_answer(&root, &subject, &answer) {
        world.log().breaks(Rule::LightClient, format!("a light client refuses what validator {place} proves: {error}"));
    }
    Ok(())
}

/// Every epoch has one set, proved from the genesis on; it is the one that was decided; and a key that has gone does not return.
pub async fn members(world: &World, council: &Council, promised: bool) {
    let scenario = world.scenario();
    if scenario.epoch_blocks().is_none() {
        return;
    }
    let healthy: Vec<(usize, &Arc<SimulatedNode>)> =
        scenario.healthy_at_the_end().into_iter().filter_map(|place| Some((place, world.node(place)?))).collect();
    for (place, node) in &healthy {
        let newest = node.peers.membership().epoch;
        watcher::teach(world.log(), *place, node, newest).await;
        for epoch in 0..=newest {
            let (mine, proved) = (node.epochs.keys_sorted(epoch), world.log().committee(epoch));
            if proved.is_some_and(|proved| proved != mine) {
                world.log().breaks(Rule::Members, format!("validator {place} has another set of epoch {epoch} than is proved"));
            }
        }
    }
    // In the middle of faults an enactment may be final, and whoever has it away.
    if !council.is_enacting() {
        let decided = council.decided();
        (0..=world.log().newest_epoch()).for_each(|epoch| check_set(world, &decided, epoch));
    }
    if !promised {
        return;
    }
    let unchecked = world.log().unchecked();
    if !unchecked.is_empty() {
        world.log().breaks(Rule::LightClient, format!("nobody proves whose certificates blocks {unchecked:?} have"));
    }
    for change in council.undecided() {
        let what = format!("to {} validator {} is not in force long after the last fault", change.kind, change.place);
        world.log().breaks(Rule::Members, what);
    }
    let idle: BTreeSet<usize> = healthy.iter().filter(|(place, _)| !world.serves(*place)).map(|(place, _)| *place).collect();
    if !idle.is_empty() {
        world.log().breaks(Rule::Members, format!("validators {} are members and do not know it", shown_places(&idle)));
    }
}

/// The proved set of an epoch is the genesis's with what was decided before it.
fn check_set(world: &World, decided: &[Decided], epoch: u64) {
    let mut expected: BTreeSet<usize> = (0..world.scenario().validators).collect();
    let in_force = || decided.iter().filter(|decided| decided.epoch <= epoch);
    expected.extend(in_force().filter_map(|decided| decided.change.newcomer()));
    let gone: BTreeSet<usize> = in_force().filter_map(|decided| decided.change.leaver()).collect();
    let expected: BTreeSet<[u8; 32]> = expected.difference(&gone).filter_map(|place| world.key(*place)).collect();
    let Some(proved) = world.log().committee(epoch) else { return };
    if proved.into_iter().collect::<BTreeSet<_>>() != expected {
        world.log().breaks(Rule::Members, format!("the set of epoch {epoch} is not the one that was decided"));
    }
}

/// What the honest keep of evidence, with who keeps it.
pub fn kept(world: &World) -> BTreeMap<EvidenceId, (Evidence, Vec<usize>)> {
    let mut kept: BTreeMap<EvidenceId, (Evidence, Vec<usize>)> = BTreeMap::new();
    let wicked = world.scenario().byzantine();
    for place in (0..world.places()).filter(|place| !wicked.contains(place)) {
        for evidence in evidence_of(world, place) {
            kept.entry(evidence.id()).or_insert_with(|| (evidence, Vec::new())).1.push(place);
        }
    }
    kept
}

fn evidence_of(world: &World, place: usize) -> Vec<Evidence> {
    let Some(node) = world.node(place) else { return Vec::new() };
    let kept = node.store.evidence().expect("a disk of the simulation can be read");
    kept.iter()
        .map(|(_, bytes)| canonical::decode(bytes, MAX_RECORD_BYTES).expect("a store holds evidence under its id"))
        .collect()
}

/// Whether all healthy validators have all of this on the ledger, as far as the ledger is governed and can have it.
pub async fn recorded(world: &World, ids: &BTreeSet<EvidenceId>) -> bool {
    lacking(world, ids).await.is_none()
}

/// A healthy validator that does not have one of these on the ledger, or cannot show it to who asks.
async fn lacking(world: &World, ids: &BTreeSet<EvidenceId>) -> Option<(usize, EvidenceId)> {
    let first = ids.first()?;
    world.scenario().epoch_blocks()?;
    for place in world.scenario().healthy_at_the_end() {
        let Some(node) = world.node(place) else { return Some((place, *first)) };
        let listed: BTreeSet<EvidenceId> = evidence_of(world, place).iter().map(Evidence::id).collect();
        for id in ids {
            let cell = node.cell(&Subject::Evidence(*id)).await;
            if !listed.contains(id) || cell.is_none_or(|cell| cell.version != 1) {
                return Some((place, *id));
            }
        }
    }
    None
}

/// Whoever a correct validator saw vote twice is accused, and nobody else is; what is `due` stands on the ledger, everywhere. Gives the
/// places of the accused with the number of their offences.
pub async fn evidence(world: &World, due: &BTreeSet<EvidenceId>) -> BTreeMap<usize, usize> {
    let scenario = world.scenario();
    // Without its guard one that lost its data may contradict itself, and then it is rightly accused.
    let wicked = if scenario.guarded { scenario.byzantine() } else { scenario.unsafe_validators() };
    let hash = world.genesis_hash();
    let kept = kept(world);
    let mut accused = BTreeMap::new();
    for (evidence, by) in kept.values() {
        let place = world.place_of(&evidence.validator);
        if let Some(place) = place.filter(|place| wicked.contains(place)) {
            *accused.entry(place).or_default() += 1;
        } else {
            world.log().breaks(Rule::Evidence, format!("validators {by:?} accuse {place:?}, who is honest"));
        }
        if let Err(error) = evidence.verify(&hash) {
            world.log().breaks(Rule::Evidence, format!("what validators {by:?} keep proves nothing: {error}"));
        }
    }
    if let Some((place, id)) = lacking(world, due).await {
        world.log().breaks(Rule::Evidence, format!("validator {place} does not have offence {id:?} on the ledger"));
    }
    accused
}
