//! What anybody may see: proved records, with when things can happen.

use super::GovernError;
use clients::ChainClient;
use data_encoding::BASE64URL_NOPAD;
use ledger::governance::{Parameters, ProposalId, ProposalRecord, Stage, ValidatorSet};
use serde_json::{Value, json};

/// Parameters and set with their proofs, and the proposals that a node names, each proved.
pub(super) async fn list(client: &ChainClient, before: Option<ProposalId>, limit: usize) -> Result<Value, GovernError> {
    let (_, parameters) = client.parameters().await?.value.ok_or(GovernError::NotGoverned)?;
    let set = client.next_validators().await?;
    let next: Option<ValidatorSet> = set.value.map(|(_, set)| set);
    let overview = client.governance(before, limit).await?;
    let mut proposals = Vec::new();
    for named in &overview.proposals {
        proposals.push(proved(client, named.id, &parameters, overview.block_interval_ms).await?);
    }
    let governance = client.trust_root().genesis().governance.as_ref();
    let last = governance.map(|governance| governance.last_height_of(governance.epoch_of(set.height)));
    Ok(json!({
        "height": set.height,
        "parameters": parameters,
        "epoch_ends_at": last,
        "in_force_after_that": next,
        "proposals": proposals,
    }))
}

/// One proposal.
pub(super) async fn show(client: &ChainClient, id: ProposalId) -> Result<Value, GovernError> {
    let (_, parameters) = client.parameters().await?.value.ok_or(GovernError::NotGoverned)?;
    // Only for the estimate of times; without it heights are told alone.
    let interval = client.governance(None, 1).await.ok().and_then(|overview| overview.block_interval_ms);
    proved(client, id, &parameters, interval).await
}

async fn proved(
    client: &ChainClient,
    id: ProposalId,
    parameters: &Parameters,
    interval_ms: Option<u64>,
) -> Result<Value, GovernError> {
    let text = BASE64URL_NOPAD.encode(&id.0);
    let found = client.proposal(&id).await?;
    let (_, record) = found.value.ok_or_else(|| GovernError::NoProposal(text.clone()))?;
    let next = next(client, &record, parameters, found.height, interval_ms);
    Ok(json!({ "id": text, "as_of_height": found.height, "record": record, "next": next }))
}

/// What happens next, and when.
fn next(client: &ChainClient, record: &ProposalRecord, parameters: &Parameters, now: u64, interval_ms: Option<u64>) -> String {
    let at = |height: u64| match (height.checked_sub(now), interval_ms) {
        (Some(blocks), Some(interval)) if blocks > 0 => {
            format!("height {height} (in about {} s)", blocks.saturating_mul(interval).div_ceil(1_000))
        }
        (Some(_) | None, _) => format!("height {height}"),
    };
    if record.expired(now, parameters) {
        return "its time is over; propose it again if it is still wanted".to_owned();
    }
    match record.stage {
        Stage::Open => format!("it is open for ballots until {}", at(record.last_vote(parameters))),
        Stage::Approved { .. } => {
            let (first, last) = record.enactment(parameters).unwrap_or((now, now));
            format!("it is approved: any authority may enact it from {} until {}", at(first), at(last))
        }
        Stage::Rejected { height } => format!("it was rejected at height {height}"),
        Stage::Withdrawn { height } => format!("its proposer took it back at height {height}"),
        Stage::Enacted { height } => {
            let governance = client.trust_root().genesis().governance.as_ref();
            let last = governance.map_or(height, |governance| governance.last_height_of(governance.epoch_of(height)));
            format!("it took effect at height {height}; a change of validators or observers is in force after {}", at(last))
        }
    }
}
