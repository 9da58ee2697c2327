//! Claims path pointers (OpenID4VP 1.0 section 7): how issuer, holder and verifier point at claims.
//!
//! A [`ClaimPath`] is applied to the JSON of a credential. Strings select members, non-negative integers select elements, null
//! selects all elements. Selecting gives concrete paths, without null.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::process::Gaps;

/// Most components of a path: no claim can lie deeper than [`crate::json::SIGNED`] allows.
pub const MAX_COMPONENTS: usize = 32;

/// Most claims that one path may select.
pub const MAX_SELECTED: usize = 1024;

/// One component of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(untagged)]
pub enum PathPart {
    /// The member of this name.
    Name(String),
    /// The element at this index, from 0.
    Index(usize),
    /// Every element; null in JSON.
    All,
}

impl From<&str> for PathPart {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

impl From<usize> for PathPart {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

impl<'de> Deserialize<'de> for PathPart {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let refused = || serde::de::Error::custom("a path component is a string, a non-negative integer or null");
        match Value::deserialize(deserializer)? {
            Value::String(name) => Ok(Self::Name(name)),
            Value::Null => Ok(Self::All),
            Value::Number(number) => number.as_u64().and_then(|n| usize::try_from(n).ok()).map(Self::Index).ok_or_else(refused),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => Err(refused()),
        }
    }
}

/// A claims path pointer: 1 to 32 components.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Vec<PathPart>", into = "Vec<PathPart>")]
pub struct ClaimPath(Vec<PathPart>);

/// Why a path is not one, or selects nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// No component.
    #[error("a claims path must have at least one component")]
    Empty,
    /// More components than any credential is deep.
    #[error("a claims path has at most 32 components")]
    TooLong,
    /// A component meets something that is not an object or not an array.
    #[error("the claims path does not fit the structure of the credential")]
    Structure,
    /// Nothing is selected.
    #[error("the credential has no such claim")]
    NotFound,
    /// More than [`MAX_SELECTED`] claims.
    #[error("the claims path selects too many claims")]
    TooMany,
}

impl TryFrom<Vec<PathPart>> for ClaimPath {
    type Error = PathError;

    fn try_from(parts: Vec<PathPart>) -> Result<Self, PathError> {
        match parts.len() {
            0 => Err(PathError::Empty),
            1..=MAX_COMPONENTS => Ok(Self(parts)),
            _ => Err(PathError::TooLong),
        }
    }
}

impl From<ClaimPath> for Vec<PathPart> {
    fn from(path: ClaimPath) -> Self {
        path.0
    }
}

/// The path as compact JSON, for example `["address","locality"]`.
impl std::fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&serde_json::to_string(&self.0).expect("a path is always JSON"))
    }
}

impl ClaimPath {
    /// The path to one member of the credential.
    pub fn name(name: &str) -> Self {
        Self(vec![PathPart::from(name)])
    }

    /// The path through the named members, outermost first; at least one, at most 32.
    pub fn names(names: &[&str]) -> Result<Self, PathError> {
        names.iter().copied().map(PathPart::from).collect::<Vec<_>>().try_into()
    }

    /// The components.
    pub fn parts(&self) -> &[PathPart] {
        &self.0
    }

    /// The concrete paths that this one selects in the claims of a credential, in order; at least one.
    pub fn select(&self, claims: &Map<String, Value>) -> Result<Vec<Self>, PathError> {
        self.select_with(claims, &Gaps::default())
    }

    /// As [`Self::select`], where `gaps` tell which elements of arrays were not disclosed: an index counts those too, as
    /// the index of the query did when the holder had them all.
    pub fn select_with(&self, claims: &Map<String, Value>, gaps: &Gaps) -> Result<Vec<Self>, PathError> {
        let mut selected = vec![Selected { path: Vec::new(), element: Element::Root(claims) }];
        for part in &self.0 {
            let mut next = Vec::new();
            for from in selected {
                from.step(part, gaps, &mut next)?;
                if next.len() > MAX_SELECTED {
                    return Err(PathError::TooMany);
                }
            }
            selected = next;
        }
        if selected.is_empty() {
            return Err(PathError::NotFound);
        }
        Ok(selected.into_iter().map(|selected| Self(selected.path)).collect())
    }

    /// The value at a concrete path.
    pub fn value<'v>(&self, claims: &'v Map<String, Value>) -> Option<&'v Value> {
        let (first, rest) = self.0.split_first()?;
        let PathPart::Name(name) = first else { return None };
        rest.iter().try_fold(claims.get(name)?, |value, part| match part {
            PathPart::Name(name) => value.get(name),
            PathPart::Index(index) => value.get(*index),
            PathPart::All => None,
        })
    }

    /// Whether a concrete path is this one or lies below it.
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// A concrete path from components that come from a walk through a credential.
    pub(super) fn concrete(parts: Vec<PathPart>) -> Self {
        Self(parts)
    }
}

#[derive(Clone, Copy)]
enum Element<'v> {
    Root(&'v Map<String, Value>),
    Value(&'v Value),
}

struct Selected<'v> {
    path: Vec<PathPart>,
    element: Element<'v>,
}

impl<'v> Selected<'v> {
    fn step(self, part: &PathPart, gaps: &Gaps, next: &mut Vec<Self>) -> Result<(), PathError> {
        let object = match self.element {
            Element::Root(map) => Some(map),
            Element::Value(value) => value.as_object(),
        };
        let array = match self.element {
            Element::Root(_) => None,
            Element::Value(value) => value.as_array(),
        };
        match part {
            PathPart::Name(name) => {
                let member = object.ok_or(PathError::Structure)?.get(name);
                next.extend(member.map(|value| self.child(part.clone(), value)));
            }
            PathPart::Index(index) => {
                let array = array.ok_or(PathError::Structure)?;
                let place = gaps.place(&self.path, *index);
                let element = place.and_then(|place| Some((place, array.get(place)?)));
                next.extend(element.map(|(place, value)| self.child(PathPart::Index(place), value)));
            }
            PathPart::All => {
                let array = array.ok_or(PathError::Structure)?;
                if array.len() > MAX_SELECTED {
                    return Err(PathError::TooMany);
                }
                next.extend(array.iter().enumerate().map(|(index, value)| self.child(PathPart::Index(index), value)));
            }
        }
        Ok(())
    }

    fn child(&self, part: PathPart, value: &'v Value) -> Self {
        let mut path = Vec::with_capacity(self.path.len() + 1);
        path.extend_from_slice(&self.path);
        path.push(part);
        Self { path, element: Element::Value(value) }
    }
}
