//! The query as it stands in a request, and what makes it valid.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::json::{self, JsonError};
use crate::sd_jwt::ClaimPath;
use crate::sd_jwt_vc::FORMAT;

/// Most Credential Queries in a query.
pub const MAX_CREDENTIALS: usize = 16;

/// Most Claims Queries, and most claim sets, in a Credential Query.
pub const MAX_CLAIMS: usize = 64;

/// Most Credential Set Queries, and most options in one.
pub const MAX_OPTIONS: usize = 16;

/// Most characters of an identifier.
const MAX_ID_BYTES: usize = 128;

/// The type of Trusted Authorities Query that can match (section 6.1.1.1).
pub const AUTHORITY_KEY_IDENTIFIER: &str = "aki";

/// A DCQL query (section 6).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The credentials that are asked for; at least one.
    pub credentials: Vec<CredentialQuery>,
    /// Which combinations of them are wanted; all of them if absent.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub credential_sets: Option<Vec<CredentialSetQuery>>,
}

/// A Credential Query (section 6.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialQuery {
    /// The name of this query in the response.
    pub id: String,
    /// The credential format, such as `dc+sd-jwt`.
    pub format: String,
    /// Whether several credentials may be presented.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub multiple: bool,
    /// What the format defines: `vct_values` for `dc+sd-jwt`.
    pub meta: Map<String, Value>,
    /// Who must stand behind the issuer.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub trusted_authorities: Option<Vec<TrustedAuthority>>,
    /// Whether the presentation must be bound to the holder's key.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub require_cryptographic_holder_binding: bool,
    /// The claims that are asked for; absent: none that is selectively disclosable.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub claims: Option<Vec<ClaimQuery>>,
    /// Combinations of claims by their ids, the most wanted first; absent: all claims.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub claim_sets: Option<Vec<Vec<String>>>,
}

/// A Trusted Authorities Query (section 6.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrustedAuthority {
    /// What the values are, such as `aki`.
    #[serde(rename = "type")]
    pub kind: String,
    /// One of these must match.
    pub values: Vec<String>,
}

/// A Claims Query (section 6.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimQuery {
    /// The name of this claim in claim sets.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Where the claim is.
    pub path: ClaimPath,
    /// One of these strings, integers or booleans must be its value.
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    pub values: Option<Vec<Value>>,
}

/// A Credential Set Query (section 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialSetQuery {
    /// Combinations of Credential Queries by their ids, each of which serves the purpose.
    pub options: Vec<Vec<String>>,
    /// Whether one of them must be presented.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    pub required: bool,
}

/// Why a query is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Not strict JSON.
    #[error("the query is not accepted: {0}")]
    Json(JsonError),
    /// A member is missing, of a wrong type, or not a valid claims path.
    #[error("the query is malformed: {0}")]
    Malformed(String),
    /// An array that must have an element has none.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// More than we look at.
    #[error("there are more {what} than the {limit} allowed")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many are allowed.
        limit: usize,
    },
    /// An id is not 1 to 128 letters, digits, `_` or `-`.
    #[error("an id is not made of letters, digits, '_' and '-'")]
    Id,
    /// The same id twice.
    #[error("an id is used twice")]
    DuplicateId,
    /// A set names an id that does not exist.
    #[error("a set names an id that does not exist")]
    UnknownId,
    /// `claim_sets` without `claims`, or with a claim that has no id.
    #[error("claim_sets needs claims, each with an id")]
    ClaimSetsWithoutIds,
    /// A value to match is not a string, integer or boolean.
    #[error("a value to match is not a string, an integer or a boolean")]
    Value,
    /// `meta.vct_values` of a `dc+sd-jwt` query is missing or not an array of strings.
    #[error("meta.vct_values must be an array of at least one credential type")]
    Types,
}

impl QueryError {
    /// The slug of this error, for machines. On the wire of OpenID4VP all are `invalid_request`.
    pub fn slug(&self) -> &'static str {
        match self {
            Self::Json(error) => error.slug(),
            Self::Malformed(_) => "query-malformed",
            Self::Empty(_) => "query-empty",
            Self::TooMany { .. } => "query-too-many",
            Self::Id => "query-id",
            Self::DuplicateId => "query-duplicate-id",
            Self::UnknownId => "query-unknown-id",
            Self::ClaimSetsWithoutIds => "query-claim-sets-without-ids",
            Self::Value => "query-value",
            Self::Types => "query-types",
        }
    }
}

impl Query {
    /// Reads a query from JSON text.
    pub fn parse(text: &[u8]) -> Result<Self, QueryError> {
        Self::from_value(json::parse_strict(text).map_err(QueryError::Json)?)
    }

    /// Reads a query from JSON that was parsed strictly, such as the member `dcql_query` of a request object.
    pub fn from_value(value: Value) -> Result<Self, QueryError> {
        let query: Self = serde_json::from_value(value).map_err(|error| QueryError::Malformed(error.to_string()))?;
        query.validate()?;
        Ok(query)
    }

    /// The query as JSON.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a query is always JSON")
    }

    /// The Credential Query of this id.
    pub fn credential(&self, id: &str) -> Option<&CredentialQuery> {
        self.credentials.iter().find(|credential| credential.id == id)
    }

    /// Checks the rules that types do not express.
    pub fn validate(&self) -> Result<(), QueryError> {
        bounded("credentials", &self.credentials, MAX_CREDENTIALS)?;
        let mut ids = BTreeSet::new();
        for credential in &self.credentials {
            check_id(&credential.id)?;
            if !ids.insert(credential.id.as_str()) {
                return Err(QueryError::DuplicateId);
            }
            credential.validate()?;
        }
        let Some(sets) = &self.credential_sets else { return Ok(()) };
        bounded("credential_sets", sets, MAX_OPTIONS)?;
        for set in sets {
            bounded("options", &set.options, MAX_OPTIONS)?;
            for option in &set.options {
                bounded("an option", option, MAX_CREDENTIALS)?;
                check_known(option, &ids)?;
            }
        }
        Ok(())
    }
}

impl CredentialQuery {
    /// A query for one credential of these types with these claims, bound to the holder's key.
    pub fn sd_jwt_vc(id: &str, types: &[&str], claims: Vec<ClaimQuery>) -> Self {
        let mut meta = Map::new();
        meta.insert("vct_values".to_owned(), types.iter().copied().map(Value::from).collect());
        Self {
            id: id.to_owned(),
            format: FORMAT.to_owned(),
            multiple: false,
            meta,
            trusted_authorities: None,
            require_cryptographic_holder_binding: true,
            claims: (!claims.is_empty()).then_some(claims),
            claim_sets: None,
        }
    }

    /// The types that are asked for: `meta.vct_values`.
    pub fn types(&self) -> impl Iterator<Item = &str> {
        self.meta.get("vct_values").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
    }

    fn validate(&self) -> Result<(), QueryError> {
        if self.format == FORMAT {
            let types = self.meta.get("vct_values").and_then(Value::as_array).ok_or(QueryError::Types)?;
            if types.is_empty() || !types.iter().all(|t| t.as_str().is_some_and(|t| !t.is_empty())) {
                return Err(QueryError::Types);
            }
        }
        if let Some(authorities) = &self.trusted_authorities {
            bounded("trusted_authorities", authorities, MAX_CLAIMS)?;
            authorities.iter().try_for_each(|authority| bounded("values", &authority.values, MAX_CLAIMS))?;
        }
        let claims = self.claims.as_deref().unwrap_or_default();
        if self.claims.is_some() {
            bounded("claims", claims, MAX_CLAIMS)?;
        }
        let mut ids = BTreeSet::new();
        for claim in claims {
            claim.validate()?;
            if let Some(id) = &claim.id
                && !ids.insert(id.as_str())
            {
                return Err(QueryError::DuplicateId);
            }
        }
        let Some(sets) = &self.claim_sets else { return Ok(()) };
        if claims.is_empty() || ids.len() != claims.len() {
            return Err(QueryError::ClaimSetsWithoutIds);
        }
        bounded("claim_sets", sets, MAX_CLAIMS)?;
        for set in sets {
            bounded("a claim set", set, MAX_CLAIMS)?;
            check_known(set, &ids)?;
        }
        Ok(())
    }
}

impl ClaimQuery {
    /// A query for a claim with any value.
    pub fn new(path: ClaimPath) -> Self {
        Self { id: None, path, values: None }
    }

    fn validate(&self) -> Result<(), QueryError> {
        self.id.as_deref().map_or(Ok(()), check_id)?;
        let Some(values) = &self.values else { return Ok(()) };
        bounded("values", values, MAX_CLAIMS)?;
        let scalar = |value: &Value| value.is_string() || value.is_boolean() || value.is_i64() || value.is_u64();
        if values.iter().all(scalar) { Ok(()) } else { Err(QueryError::Value) }
    }
}

fn bounded<T>(what: &'static str, elements: &[T], limit: usize) -> Result<(), QueryError> {
    match elements.len() {
        0 => Err(QueryError::Empty(what)),
        n if n > limit => Err(QueryError::TooMany { what, limit }),
        _ => Ok(()),
    }
}

fn check_id(id: &str) -> Result<(), QueryError> {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    if id.is_empty() || id.len() > MAX_ID_BYTES || !id.bytes().all(allowed) { Err(QueryError::Id) } else { Ok(()) }
}

fn check_known(ids: &[String], known: &BTreeSet<&str>) -> Result<(), QueryError> {
    if ids.iter().all(|id| known.contains(id.as_str())) { Ok(()) } else { Err(QueryError::UnknownId) }
}

fn yes() -> bool {
    true
}

/// A member that may be absent, but not null.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}
