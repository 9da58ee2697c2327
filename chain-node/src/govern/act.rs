//! What an authority does: one transaction each, and what follows from it.

use super::{
    GovernError,
    arguments::{Act, Arguments, For, Member, Proposed, Watched},
    sender, show,
};
use clients::ChainClient;
use ledger::{
    genesis::Validator,
    governance::{Change, Parameters, Placement, ProposalId},
    records::AuthorityRecord,
    transaction::Body,
};
use serde_json::{Value, json};
use std::{fs, path::Path};

pub(super) async fn act(client: &ChainClient, arguments: &Arguments, act: &Act) -> Result<Value, GovernError> {
    let (sender, key) = sender(client, arguments).await?;
    let body = body(client, act).await?;
    let transaction = client.prepare(&key, sender, body).await?;
    let receipt = client.submit_prepared(&transaction).await?;
    let mut answer = json!({ "receipt": receipt });
    let proposal = match act {
        Act::Propose { .. } => Some(transaction.id()),
        Act::Vote { proposal, .. } | Act::Enact { proposal } | Act::Withdraw { proposal } => Some(*proposal),
        Act::Leave { .. } => None,
    };
    let (name, value) = match proposal {
        Some(proposal) => ("proposal", show::show(client, proposal).await?),
        None => ("next", left(client, receipt.height)),
    };
    if let Some(object) = answer.as_object_mut() {
        object.insert(name.to_owned(), value);
    }
    Ok(answer)
}

fn left(client: &ChainClient, height: u64) -> Value {
    let governance = client.trust_root().genesis().governance.as_ref();
    let last = governance.map(|governance| governance.last_height_of(governance.epoch_of(height)));
    json!(last.map(|last| format!("it stays on duty until height {last}, the last of this epoch; keep it running until then")))
}

async fn body(client: &ChainClient, act: &Act) -> Result<Body, GovernError> {
    let named = |proposal: &ProposalId| *proposal;
    Ok(match act {
        Act::Propose { change } => Body::Propose(self::change(client, change).await?),
        Act::Vote { proposal, ballot } => Body::Vote { proposal: named(proposal), approve: matches!(ballot, For::Approve) },
        Act::Enact { proposal } => Body::Enact { proposal: named(proposal) },
        Act::Withdraw { proposal } => Body::Withdraw { proposal: named(proposal) },
        Act::Leave { validator } => Body::Leave { validator: validator.clone() },
    })
}

async fn change(client: &ChainClient, proposed: &Proposed) -> Result<Change, GovernError> {
    Ok(match proposed {
        Proposed::AdmitValidator(member) => Change::AdmitValidator { validator: validator(member), proof: member.proof },
        Proposed::RemoveValidator { name } => Change::RemoveValidator { name: name.clone() },
        Proposed::RotateValidatorKey { name, key, proof } => {
            Change::RotateValidatorKey { name: name.clone(), key: *key, proof: *proof }
        }
        Proposed::AdmitObserver(member) => Change::AdmitObserver { observer: validator(member), proof: member.proof },
        Proposed::RemoveObserver { name } => Change::RemoveObserver { name: name.clone() },
        Proposed::AdmitAuthority { file } => Change::AdmitAuthority(record(file)?),
        Proposed::ReplaceAuthorityKeys { authority, ledger_key, credential_key } => Change::ReplaceAuthorityKeys {
            authority: *authority,
            ledger_keys: ledger_key.clone(),
            credential_keys: credential_key.clone(),
        },
        Proposed::SuspendAuthority { authority } => Change::SuspendAuthority(*authority),
        Proposed::RestoreAuthority { authority } => Change::RestoreAuthority(*authority),
        Proposed::Accredit { authority, attestation_type } => {
            Change::Accredit { authority: *authority, attestation_type: attestation_type.clone() }
        }
        Proposed::SuspendAccreditation { attestation_type } => Change::SuspendAccreditation(attestation_type.clone()),
        Proposed::RestoreAccreditation { attestation_type } => Change::RestoreAccreditation(attestation_type.clone()),
        Proposed::WithdrawAccreditation { attestation_type } => Change::WithdrawAccreditation(attestation_type.clone()),
        Proposed::AllowSponsoring { authority, allowed } => Change::AllowSponsoring { authority: *authority, allowed: *allowed },
        Proposed::SetParameters { approval, voting_blocks, notice_blocks, placement } => {
            let (_, now) = client.parameters().await?.value.ok_or(GovernError::NotGoverned)?;
            let watched = placement.map(|placement| match placement {
                Watched::Advisory => Placement::Advisory,
                Watched::Enforced => Placement::Enforced,
            });
            Change::SetParameters(Parameters {
                approval: approval.unwrap_or(now.approval),
                voting_blocks: voting_blocks.unwrap_or(now.voting_blocks),
                notice_blocks: notice_blocks.unwrap_or(now.notice_blocks),
                placement: watched.unwrap_or(now.placement),
            })
        }
    })
}

fn validator(member: &Member) -> Validator {
    Validator {
        name: member.name.clone(),
        authority: member.authority,
        key: member.key,
        cluster: member.cluster.clone(),
        address: member.address.clone(),
    }
}

fn record(path: &Path) -> Result<AuthorityRecord, GovernError> {
    let text = fs::read_to_string(path).map_err(|source| GovernError::File { path: path.to_owned(), source })?;
    let expected = "an authority's record (JSON), as in a genesis";
    serde_json::from_str(&text).map_err(|_| GovernError::Content { path: path.to_owned(), expected })
}
