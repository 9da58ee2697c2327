//! Which credentials answer a request: in force by the ledger, newest first, each by a copy that was never shown; and which of them the
//! citizen chose.

use std::collections::BTreeSet;

use identity::dcql::{self, Candidate, Evaluation, Match, Matches, Query};
use identity::sd_jwt::{Held, SdJwt};
use identity::{Localized, UnixSeconds};
use ledger::records::AttestationStatus;

use super::{Chosen, ClaimToShow, ConsentError, CredentialOption, HiddenCredential, QueryView, Selection, SetView};
use crate::error::WalletError;
use crate::issuance::Credential;
use crate::kept;
use crate::labels;
use crate::requests::{OpenedRequest, RequestError, dotted};
use crate::vault::{Table, VaultError};
use crate::wallet::Wallet;

/// A credential with the copy that would be shown.
#[derive(Clone)]
pub(super) struct Showable {
    pub(super) credential: Credential,
    pub(super) copy: usize,
    held: Held,
    /// Key identifiers of the authorities above its issuer, for `trusted_authorities`.
    authorities: Vec<Vec<u8>>,
}

/// What is chosen, and what could be.
pub(super) struct Choice {
    pub(super) chosen: Vec<Chosen>,
    pub(super) claims: Vec<ClaimToShow>,
    pub(super) questions: Vec<QueryView>,
    pub(super) sets: Vec<SetView>,
}

impl Wallet {
    /// Everything in the wallet that may answer the request.
    pub(super) async fn candidates(
        &self,
        request: &OpenedRequest,
    ) -> Result<(Vec<Showable>, Vec<HiddenCredential>), WalletError> {
        let types = types(&request.object.query);
        let mut held_types: Vec<Credential> = self.vault.list(Table::Credentials)?;
        held_types.retain(|credential| types.contains(credential.attestation_type.as_str()));
        held_types.sort_by_key(|credential| std::cmp::Reverse(credential.received_at));
        let (mut options, mut hidden) = (Vec::new(), Vec::new());
        for credential in held_types {
            match self.live_copy(credential).await? {
                Ok(showable) => options.push(showable),
                Err(not_in_force) => hidden.push(hidden_credential(&not_in_force, self.now())),
            }
        }
        if options.is_empty() { Err(missing(request, &hidden).into()) } else { Ok((options, hidden)) }
    }

    /// A credential with its next copy that the ledger says is in force; the credential alone when there is none.
    async fn live_copy(&self, mut credential: Credential) -> Result<Result<Showable, Credential>, WalletError> {
        for _ in 0..credential.copies.len() {
            let Some(copy) = credential.next_copy(self.now()) else { return Ok(Err(credential)) };
            let heard = credential.copies.get(copy).map(|copy| copy.as_of);
            credential = match self.refresh_copies(&credential, &[copy]).await {
                Ok(refreshed) => refreshed,
                // What was heard of it serves while it is recent; the site asks the ledger in any case.
                Err(WalletError::Ledger(error))
                    if kept::is_away(&error) && heard.is_some_and(|as_of| kept::is_recent(as_of, self.now())) =>
                {
                    credential
                }
                Err(error) => return Err(error),
            };
            let current = credential.copies.get(copy).ok_or(VaultError::Tampered("credentials"))?;
            if current.is_live(self.now()) {
                let held = current.open()?;
                let parsed = SdJwt::parse(&current.sd_jwt).map_err(|_| VaultError::Tampered("credentials"))?;
                let authorities = parsed.header().x5c.as_ref().map(|chain| chain.authority_key_ids()).unwrap_or_default();
                return Ok(Ok(Showable { credential, copy, held, authorities }));
            }
        }
        Ok(Err(credential))
    }
}

/// Why a credential of the kind that is asked for is not shown.
fn hidden_credential(credential: &Credential, now: UnixSeconds) -> HiddenCredential {
    let ended = credential.copies.iter().find(|copy| copy.status != AttestationStatus::Active).map(|copy| copy.status);
    HiddenCredential {
        credential: credential.id.clone(),
        type_name: labels::attestation_type(&credential.attestation_type),
        issuer_name: credential.issuer_name.clone(),
        reason: match ended {
            Some(status) => labels::status(status),
            None if credential.copies.iter().all(|copy| copy.valid_until <= now) => Localized::new("已过期", "expired"),
            None => Localized::new("尚未生效", "not valid yet"),
        },
    }
}

fn types(query: &Query) -> BTreeSet<&str> {
    query.credentials.iter().flat_map(|credential| credential.types()).collect()
}

fn missing(request: &OpenedRequest, hidden: &[HiddenCredential]) -> RequestError {
    let types = types(&request.object.query).into_iter().map(str::to_owned).collect();
    RequestError::NoCredential { types, hidden: hidden.to_vec() }
}

/// Chooses what to show, and says what that reveals and what could be shown instead.
/// Nothing is chosen where everything is optional and the citizen has not said what (section 6.4.2): that can be opened and not approved.
pub(super) fn choose(
    request: &OpenedRequest,
    (showables, hidden): (&[Showable], &[HiddenCredential]),
    selection: &Selection,
) -> Result<Choice, WalletError> {
    let query = &request.object.query;
    let candidates: Vec<Candidate<'_>> = showables.iter().map(|one| Candidate::held(&one.held, &one.authorities)).collect();
    let evaluation = dcql::evaluate(query, &candidates);
    // Nothing at all may be shown where a required part has no answer (section 6.4.2).
    evaluation.choose(&[]).map_err(|_| missing(request, hidden))?;
    check_names(&evaluation, selection)?;
    let sets = sets(&evaluation, selection)?;
    let wanted = wanted(&evaluation, &sets);
    let mut choice = Choice { chosen: Vec::new(), claims: Vec::new(), questions: Vec::new(), sets };
    for matches in &evaluation.credentials {
        let options = options(request, showables, matches)?;
        let is_wanted = wanted.contains(&matches.query.id);
        let picked = if is_wanted { pick(matches, showables, selection)? } else { Vec::new() };
        for one in &picked {
            let showable = showables.get(one.candidate).ok_or_else(|| missing(request, hidden))?;
            choice.claims.extend(revealed(request, showable, &one.disclose)?);
            choice.chosen.push(Chosen {
                query_id: matches.query.id.clone(),
                credential: showable.credential.clone(),
                copy: showable.copy,
                paths: one.disclose.clone(),
            });
        }
        let chosen = picked.iter().filter_map(|one| showables.get(one.candidate)).map(|one| one.credential.id.clone());
        choice.questions.push(QueryView {
            id: matches.query.id.clone(),
            multiple: matches.query.multiple,
            chosen: chosen.collect(),
            options,
        });
    }
    Ok(choice)
}

/// A choice names parts and sets of this request only.
fn check_names(evaluation: &Evaluation<'_>, selection: &Selection) -> Result<(), ConsentError> {
    let known = |id: &String| evaluation.credentials.iter().any(|matches| matches.query.id == *id);
    let sets = evaluation.sets.as_ref().map_or(0, Vec::len);
    if selection.credentials.keys().all(known) && selection.sets.keys().all(|number| *number < sets) {
        return Ok(());
    }
    Err(ConsentError::Choice("it is about something that was not asked for"))
}

/// The sets with what is chosen: the most wanted option of each required one, and nothing of the others, unless the citizen says so.
fn sets(evaluation: &Evaluation<'_>, selection: &Selection) -> Result<Vec<SetView>, ConsentError> {
    let mut views = Vec::new();
    for (number, set) in evaluation.sets.iter().flatten().enumerate() {
        let proposed = (set.required && !set.options.is_empty()).then_some(0);
        let chosen = selection.sets.get(&number).copied().unwrap_or(proposed);
        if chosen.is_some_and(|option| option >= set.options.len()) {
            return Err(ConsentError::Choice("there is no such combination"));
        }
        if set.required && chosen.is_none() {
            return Err(ConsentError::Choice("a required part is left out"));
        }
        let options = set.options.iter().map(|option| option.to_vec()).collect();
        views.push(SetView { required: set.required, options, chosen });
    }
    Ok(views)
}

/// The parts that are answered.
fn wanted(evaluation: &Evaluation<'_>, sets: &[SetView]) -> BTreeSet<String> {
    if evaluation.sets.is_none() {
        return evaluation.credentials.iter().map(|matches| matches.query.id.clone()).collect();
    }
    let chosen = sets.iter().filter_map(|set| set.options.get(set.chosen?));
    chosen.flatten().cloned().collect()
}

/// The credentials for a part: those that the citizen chose, or the first that answers.
fn pick(matches: &Matches<'_>, showables: &[Showable], selection: &Selection) -> Result<Vec<Match>, ConsentError> {
    let Some(ids) = selection.credentials.get(&matches.query.id) else {
        return Ok(matches.matches.first().cloned().into_iter().collect());
    };
    let distinct: BTreeSet<&String> = ids.iter().collect();
    if ids.is_empty() || distinct.len() != ids.len() || (ids.len() > 1 && !matches.query.multiple) {
        return Err(ConsentError::Choice("one credential is asked for"));
    }
    let with_id = |id: &String| {
        let is = |one: &&Match| showables.get(one.candidate).is_some_and(|showable| showable.credential.id == *id);
        matches.matches.iter().find(is).cloned().ok_or(ConsentError::Choice("a credential does not answer the request"))
    };
    ids.iter().map(with_id).collect()
}

fn options(request: &OpenedRequest, showables: &[Showable], matches: &Matches<'_>) -> Result<Vec<CredentialOption>, WalletError> {
    let mut options = Vec::new();
    for one in &matches.matches {
        let Some(showable) = showables.get(one.candidate) else { continue };
        options.push(CredentialOption {
            credential: showable.credential.id.clone(),
            type_name: labels::attestation_type(&showable.credential.attestation_type),
            issuer_name: showable.credential.issuer_name.clone(),
            claims: revealed(request, showable, &one.disclose)?,
        });
    }
    Ok(options)
}

/// What the disclosures for these paths reveal: never more than the purpose allows, even where the credential's own structure
/// would (SEC-P7).
fn revealed(request: &OpenedRequest, option: &Showable, paths: &[dcql::ClaimPath]) -> Result<Vec<ClaimToShow>, WalletError> {
    let vct = &option.credential.attestation_type;
    let all = option.held.revealed(paths).map_err(|_| VaultError::Tampered("credentials"))?;
    let mut claims = Vec::new();
    let mut beyond = Vec::new();
    for path in all {
        let name = dotted(path);
        if !request.asker.may_ask(vct, path) {
            beyond.push(name.clone());
        }
        let value = path.value(option.held.claims()).map(crate::issuance::value_text).unwrap_or_default();
        claims.push(ClaimToShow {
            attestation_type: vct.clone(),
            type_name: labels::attestation_type(vct),
            label: labels::claim(&name),
            name,
            value: labels::printable(&value, 400),
        });
    }
    claims.sort_by_key(|claim| labels::rank(&claim.name));
    if beyond.is_empty() {
        return Ok(claims);
    }
    let party = request.asker.registered().map_or_else(|| Localized::new("", ""), |party| party.record.name.clone());
    Err(RequestError::OverAsking { party, claims: beyond }.into())
}
