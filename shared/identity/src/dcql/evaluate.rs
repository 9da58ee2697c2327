//! The wallet's side: OpenID4VP 1.0 section 6.4.

use super::matching::{Candidate, Mismatch, answers};
use super::query::{CredentialQuery, Query};
use crate::Localized;
use crate::sd_jwt::ClaimPath;

/// Evaluates a query over the wallet's credentials, which come in the wallet's order of preference.
pub fn evaluate<'q>(query: &'q Query, candidates: &[Candidate<'_>]) -> Evaluation<'q> {
    let credentials: Vec<Matches<'q>> = query.credentials.iter().map(|credential| Matches::of(credential, candidates)).collect();
    let answered = |id: &String| credentials.iter().any(|m| &m.query.id == id && !m.matches.is_empty());
    let sets = query.credential_sets.iter().flatten().map(|set| SetOptions {
        required: set.required,
        options: set.options.iter().filter(|ids| ids.iter().all(answered)).map(Vec::as_slice).collect(),
    });
    let sets = query.credential_sets.is_some().then(|| sets.collect());
    Evaluation { credentials, sets }
}

/// What the wallet has for a query.
#[derive(Clone, Debug)]
pub struct Evaluation<'q> {
    /// For each Credential Query, in the query's order, what matches.
    pub credentials: Vec<Matches<'q>>,
    /// For each Credential Set Query, in the query's order, what can be presented; `None` if there are no sets, so that all
    /// Credential Queries must be answered.
    pub sets: Option<Vec<SetOptions<'q>>>,
}

/// What matches a Credential Query.
#[derive(Clone, Debug)]
pub struct Matches<'q> {
    /// The Credential Query.
    pub query: &'q CredentialQuery,
    /// What matches, in the wallet's order.
    pub matches: Vec<Match>,
    /// What does not: the number of the candidate, and why. For the holder's eyes only (section 15.4.1).
    pub mismatches: Vec<(usize, Mismatch)>,
}

/// A credential that matches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The number of the candidate.
    pub candidate: usize,
    /// The number of the claim set that is answered, if there are claim sets: the first that can be.
    pub claim_set: Option<usize>,
    /// The concrete paths of the claims to disclose, and no others.
    pub disclose: Vec<ClaimPath>,
}

/// The options of a Credential Set Query that the wallet can present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetOptions<'q> {
    /// Whether one must be presented.
    pub required: bool,
    /// The ids of the Credential Queries of each option, the most wanted first; empty if no option can be presented.
    pub options: Vec<&'q [String]>,
}

/// One credential to present.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice<'q> {
    /// The Credential Query that it answers; its `id` is the key in the VP token.
    pub query: &'q CredentialQuery,
    /// The credential, and what to disclose of it.
    pub chosen: Match,
}

/// The wallet cannot answer: nothing at all may be presented (section 6.4.2).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wallet has no credential for {}", .missing.join(", "))]
pub struct Unsatisfied {
    /// The ids of the Credential Queries for which a credential is missing.
    pub missing: Vec<String>,
}

impl Unsatisfied {
    /// What happened and what to do next, for the holder.
    pub fn explain(&self) -> Localized {
        Localized::new(
            "您的钱包里没有对方要求的凭证。请先向签发部门申请该凭证,然后重新扫码。",
            "Your wallet does not hold the credentials that are asked for. Get them from the issuing department, then scan again.",
        )
    }
}

impl<'q> Matches<'q> {
    fn of(query: &'q CredentialQuery, candidates: &[Candidate<'_>]) -> Self {
        let (mut matches, mut mismatches) = (Vec::new(), Vec::new());
        for (number, candidate) in candidates.iter().enumerate() {
            match answers(query, candidate) {
                Ok(answers) => matches.extend(answers.into_iter().next().map(|answer| Match {
                    candidate: number,
                    claim_set: answer.claim_set,
                    disclose: answer.paths,
                })),
                Err(mismatch) => mismatches.push((number, mismatch)),
            }
        }
        Self { query, matches, mismatches }
    }
}

impl<'q> Evaluation<'q> {
    /// What to present: the first match of every Credential Query that must be answered. `optional` numbers the Credential Set
    /// Queries that are not required and that the holder wants to answer too; those that cannot be answered are left out.
    pub fn choose(&self, optional: &[usize]) -> Result<Vec<Choice<'q>>, Unsatisfied> {
        let mut wanted: Vec<&str> = Vec::new();
        let mut missing: Vec<String> = Vec::new();
        match &self.sets {
            None => wanted.extend(self.credentials.iter().map(|matches| matches.query.id.as_str())),
            Some(sets) => {
                for (number, set) in sets.iter().enumerate() {
                    match set.options.first() {
                        Some(ids) if set.required || optional.contains(&number) => {
                            wanted.extend(ids.iter().map(String::as_str));
                        }
                        None if set.required => missing.extend(self.unanswered()),
                        Some(_) | None => {}
                    }
                }
            }
        }
        let mut choices = Vec::new();
        for matches in self.credentials.iter().filter(|matches| wanted.contains(&matches.query.id.as_str())) {
            match matches.matches.first() {
                Some(first) => choices.push(Choice { query: matches.query, chosen: first.clone() }),
                None => missing.push(matches.query.id.clone()),
            }
        }
        if missing.is_empty() {
            return Ok(choices);
        }
        missing.dedup();
        Err(Unsatisfied { missing })
    }

    fn unanswered(&self) -> impl Iterator<Item = String> {
        self.credentials.iter().filter(|matches| matches.matches.is_empty()).map(|matches| matches.query.id.clone())
    }
}
