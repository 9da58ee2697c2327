//! The verifier's side: OpenID4VP 1.0 sections 8.1 and 8.6. The wallet is not believed to have kept to the query.

use std::collections::BTreeMap;

use serde_json::Value;

use super::matching::{Answer, Candidate, Mismatch, answers};
use super::query::{MAX_CREDENTIALS, Query};
use crate::sd_jwt::ClaimPath;

/// The VP token: presentations by the id of the Credential Query (section 8.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VpToken(pub BTreeMap<String, Vec<String>>);

/// A presentation whose signatures were verified.
#[derive(Clone, Copy, Debug)]
pub struct Presented<'a> {
    /// The id of the Credential Query under which it was sent.
    pub query_id: &'a str,
    /// The credential with the claims that were disclosed.
    pub candidate: Candidate<'a>,
    /// What was selectively disclosed: [`crate::sd_jwt::Verified::disclosed`].
    pub disclosed: &'a [ClaimPath],
}

/// What a presentation disclosed although the query did not ask for it. It must not be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Surplus {
    /// The number of the presentation.
    pub presentation: usize,
    /// The concrete paths.
    pub paths: Vec<ClaimPath>,
}

/// Why a response does not satisfy the query.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ResponseError {
    /// The VP token is not an object of non-empty arrays of strings.
    #[error("the VP token is not an object of non-empty arrays of presentations")]
    Malformed,
    /// A presentation for an id that the query does not have.
    #[error("there is a presentation for {0:?}, which was not asked for")]
    UnknownId(String),
    /// Several presentations where one was asked for.
    #[error("there is more than one presentation for {0:?}")]
    NotMultiple(String),
    /// A presentation does not answer its Credential Query.
    #[error("the presentation for {id:?} does not answer the query: {reason}")]
    Mismatch {
        /// The id of the Credential Query.
        id: String,
        /// Why.
        reason: Mismatch,
    },
    /// A credential that was asked for is missing.
    #[error("there is no presentation for {0:?}")]
    Missing(String),
    /// No option of a required Credential Set Query is complete.
    #[error("the presentations complete no option of credential set {0}")]
    SetUnsatisfied(usize),
}

impl ResponseError {
    /// The slug of this error, for machines.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Malformed => "vp-token-malformed",
            Self::UnknownId(_) => "vp-token-unknown-id",
            Self::NotMultiple(_) => "vp-token-not-multiple",
            Self::Mismatch { reason, .. } => match reason {
                Mismatch::Format => "presentation-format",
                Mismatch::Type => "presentation-type",
                Mismatch::Authority => "presentation-authority",
                Mismatch::HolderBinding => "presentation-holder-binding",
                Mismatch::Claim(_) => "presentation-claim-missing",
                Mismatch::Value(_) => "presentation-value",
            },
            Self::Missing(_) => "presentation-missing",
            Self::SetUnsatisfied(_) => "presentation-set-incomplete",
        }
    }
}

impl VpToken {
    /// Reads the member `vp_token` of a response that was parsed strictly.
    pub fn from_value(value: &Value) -> Result<Self, ResponseError> {
        let entries = value.as_object().ok_or(ResponseError::Malformed)?;
        if entries.is_empty() || entries.len() > MAX_CREDENTIALS {
            return Err(ResponseError::Malformed);
        }
        let read = |(id, presentations): (&String, &Value)| {
            let presentations = presentations.as_array().filter(|list| !list.is_empty())?;
            let texts: Option<Vec<String>> = presentations.iter().map(|p| p.as_str().map(str::to_owned)).collect();
            Some((id.clone(), texts?))
        };
        entries.iter().map(read).collect::<Option<_>>().map(Self).ok_or(ResponseError::Malformed)
    }

    /// The VP token as JSON.
    pub fn to_value(&self) -> Value {
        self.0.iter().map(|(id, presentations)| (id.clone(), Value::from(presentations.clone()))).collect()
    }
}

/// Whether the presentations satisfy the query. Gives what was disclosed beyond it: a verifier that minimizes data refuses
/// the response, or drops that.
pub fn check(query: &Query, presented: &[Presented<'_>]) -> Result<Vec<Surplus>, ResponseError> {
    let mut surplus = Vec::new();
    for (number, presentation) in presented.iter().enumerate() {
        let id = presentation.query_id;
        let credential = query.credential(id).ok_or_else(|| ResponseError::UnknownId(id.to_owned()))?;
        if !credential.multiple && presented.iter().filter(|other| other.query_id == id).count() > 1 {
            return Err(ResponseError::NotMultiple(id.to_owned()));
        }
        let own = answers(credential, &presentation.candidate)
            .map_err(|reason| ResponseError::Mismatch { id: id.to_owned(), reason })?;
        // The same credential may have been selected with more claims by another Credential Query (section 6.4).
        let others = query.credentials.iter().filter(|other| other.id != id);
        let others: Vec<Answer> = others.filter_map(|other| answers(other, &presentation.candidate).ok()).flatten().collect();
        let paths = beyond(presentation.disclosed, &own, &others);
        if !paths.is_empty() {
            surplus.push(Surplus { presentation: number, paths });
        }
    }
    check_complete(query, presented)?;
    Ok(surplus)
}

/// What was disclosed beyond the claims of the best of the own answers and of all others.
fn beyond(disclosed: &[ClaimPath], own: &[Answer], others: &[Answer]) -> Vec<ClaimPath> {
    let left = |answer: &Answer| -> Vec<ClaimPath> {
        let asked = |place: &ClaimPath| {
            let mut paths = others.iter().chain([answer]).flat_map(|answer| &answer.paths);
            paths.any(|path| place.contains(path) || path.contains(place))
        };
        disclosed.iter().filter(|place| !asked(place)).cloned().collect()
    };
    own.iter().map(left).min_by_key(Vec::len).unwrap_or_default()
}

/// Section 6.4.2: all credentials, or an option of every required set.
fn check_complete(query: &Query, presented: &[Presented<'_>]) -> Result<(), ResponseError> {
    let has = |id: &str| presented.iter().any(|presentation| presentation.query_id == id);
    let Some(sets) = &query.credential_sets else {
        let missing = query.credentials.iter().find(|credential| !has(&credential.id));
        return missing.map_or(Ok(()), |credential| Err(ResponseError::Missing(credential.id.clone())));
    };
    let complete = |options: &[Vec<String>]| options.iter().any(|option| option.iter().all(|id| has(id)));
    match sets.iter().position(|set| set.required && !complete(&set.options)) {
        None => Ok(()),
        Some(number) => Err(ResponseError::SetUnsatisfied(number)),
    }
}
