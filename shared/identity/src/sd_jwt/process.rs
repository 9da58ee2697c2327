//! Disclosures put back into the payload: steps 3 to 5 of RFC 9901 section 7.1.
//!
//! It refuses everything that the section and section 4 refuse, and disclosures of (or in) claims that decide about validity
//! (section 9.7). It may assume that the payload and each disclosure were read by the strict parser.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::disclosure::{self, Content, ELLIPSIS, HashAlgorithm, SD, SD_ALG, is_reserved};
use super::error::SdJwtError;
use super::path::{ClaimPath, PathPart};
use crate::json;

/// Claims that must be plain in any SD-JWT (section 9.7). Single elements of an `aud` array may be disclosable.
pub const PROTECTED: &[&str] = &["iss", "aud", "exp", "nbf", "cnf"];

/// The processed payload.
#[derive(Clone, Debug, Default)]
pub(super) struct Processed {
    /// The claims, without digests and `_sd_alg`.
    pub(super) claims: Map<String, Value>,
    /// Where each disclosure went, in the order in which they were given.
    pub(super) places: Vec<ClaimPath>,
    /// The elements of arrays that were not disclosed.
    pub(super) gaps: Gaps,
}

/// Which elements of arrays were not disclosed: for the concrete path of an array, the index that each element that is left
/// had among all of them. Arrays without gaps are absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps(BTreeMap<Vec<PathPart>, Vec<usize>>);

impl Gaps {
    /// The index that is left for the element that had `index` among all of them; `None` if that was not disclosed.
    pub(super) fn place(&self, array: &[PathPart], index: usize) -> Option<usize> {
        match self.0.get(array) {
            None => Some(index),
            Some(originals) => originals.binary_search(&index).ok(),
        }
    }
}

/// Inserts the disclosures into the payload. `protected` names the top-level claims that must be plain, inside too.
pub(super) fn process(
    mut payload: Map<String, Value>,
    disclosures: &[&str],
    protected: &'static [&'static str],
) -> Result<Processed, SdJwtError> {
    let algorithm = HashAlgorithm::of_payload(&payload)?;
    payload.remove(SD_ALG);
    let mut walk = Walk::new(disclosures, algorithm, protected)?;
    walk.object(&mut payload, &Trail::Root, None)?;
    walk.finish(payload)
}

/// The way from the root to the value that is walked, on the call stack.
enum Trail<'t> {
    Root,
    Name(&'t Trail<'t>, &'t str),
    Index(&'t Trail<'t>, usize),
}

impl Trail<'_> {
    fn depth(&self) -> usize {
        match self {
            Self::Root => 0,
            Self::Name(parent, _) | Self::Index(parent, _) => 1 + parent.depth(),
        }
    }

    fn parts(&self) -> Vec<PathPart> {
        match self {
            Self::Root => Vec::new(),
            Self::Name(parent, name) => {
                let mut parts = parent.parts();
                parts.push(PathPart::from(*name));
                parts
            }
            Self::Index(parent, index) => {
                let mut parts = parent.parts();
                parts.push(PathPart::Index(*index));
                parts
            }
        }
    }
}

struct Slot {
    content: Option<Content>,
    place: Option<ClaimPath>,
}

struct Walk {
    protected: &'static [&'static str],
    slots: Vec<Slot>,
    /// Digest and slot, sorted by digest.
    index: Vec<(String, usize)>,
    /// Every digest met so far.
    met: Vec<String>,
    gaps: Gaps,
}

impl Walk {
    fn new(disclosures: &[&str], algorithm: HashAlgorithm, protected: &'static [&'static str]) -> Result<Self, SdJwtError> {
        let mut slots = Vec::with_capacity(disclosures.len());
        let mut index = Vec::with_capacity(disclosures.len());
        for (number, encoded) in disclosures.iter().enumerate() {
            slots.push(Slot { content: Some(disclosure::decode(encoded)?), place: None });
            index.push((algorithm.digest(encoded), number));
        }
        index.sort_unstable();
        if has_duplicates(index.iter().map(|(digest, _)| digest)) {
            return Err(SdJwtError::DuplicateDisclosure);
        }
        Ok(Self { protected, slots, index, met: Vec::new(), gaps: Gaps::default() })
    }

    fn value(&mut self, value: &mut Value, trail: &Trail<'_>, within: Option<&'static str>) -> Result<(), SdJwtError> {
        match value {
            Value::Object(members) => self.object(members, trail, within),
            Value::Array(elements) => self.array(elements, trail, within),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
        }
    }

    fn object(
        &mut self,
        members: &mut Map<String, Value>,
        trail: &Trail<'_>,
        within: Option<&'static str>,
    ) -> Result<(), SdJwtError> {
        check_depth(trail)?;
        let digests = take_digests(members)?;
        if members.contains_key(ELLIPSIS) {
            return Err(SdJwtError::MalformedEllipsis);
        }
        if members.contains_key(SD_ALG) {
            return Err(SdJwtError::NestedHashAlgorithm);
        }
        for (name, value) in members.iter_mut() {
            let within = within.or_else(|| self.protection(trail, name));
            self.value(value, &Trail::Name(trail, name), within)?;
        }
        for digest in digests {
            let Some((slot, content)) = self.meet(digest, within)? else { continue };
            let (name, mut value) = (content.name.ok_or(SdJwtError::DisclosureWithoutName)?, content.value);
            if is_reserved(&name) {
                return Err(SdJwtError::ReservedName);
            }
            if let Some(protected) = self.protection(trail, &name) {
                return Err(SdJwtError::SelectivelyDisclosable(protected));
            }
            if members.contains_key(&name) {
                return Err(SdJwtError::NameCollision);
            }
            let here = Trail::Name(trail, &name);
            self.put(slot, &here);
            self.value(&mut value, &here, None)?;
            members.insert(name, value);
        }
        Ok(())
    }

    fn array(&mut self, elements: &mut Vec<Value>, trail: &Trail<'_>, within: Option<&'static str>) -> Result<(), SdJwtError> {
        check_depth(trail)?;
        // Section 9.7: elements of `aud` may be disclosable one by one.
        let within = within.filter(|name| !(*name == "aud" && trail.depth() == 1));
        let before = elements.len();
        let mut originals = Vec::new();
        let mut left = Vec::new();
        for (index, mut element) in std::mem::take(elements).into_iter().enumerate() {
            let here = Trail::Index(trail, left.len());
            match take_element_digest(&mut element)? {
                None => self.value(&mut element, &here, within)?,
                Some(digest) => {
                    let Some((slot, content)) = self.meet(digest, within)? else { continue };
                    if content.name.is_some() {
                        return Err(SdJwtError::DisclosureWithName);
                    }
                    element = content.value;
                    self.put(slot, &here);
                    self.value(&mut element, &here, within)?;
                }
            }
            originals.push(index);
            left.push(element);
        }
        if left.len() < before {
            self.gaps.0.insert(trail.parts(), originals);
        }
        *elements = left;
        Ok(())
    }

    /// The protected claim that a top-level member is.
    fn protection(&self, trail: &Trail<'_>, name: &str) -> Option<&'static str> {
        match trail {
            Trail::Root => self.protected.iter().copied().find(|protected| *protected == name),
            Trail::Name(..) | Trail::Index(..) => None,
        }
    }

    /// Notes a digest, and takes the disclosure that it refers to.
    fn meet(&mut self, digest: String, within: Option<&'static str>) -> Result<Option<(usize, Content)>, SdJwtError> {
        if let Some(protected) = within {
            return Err(SdJwtError::SelectivelyDisclosable(protected));
        }
        let found = self.index.binary_search_by(|(known, _)| known.as_str().cmp(&digest)).ok();
        let slot = found.and_then(|found| self.index.get(found)).map(|(_, slot)| *slot);
        self.met.push(digest);
        let Some(slot) = slot else { return Ok(None) };
        let content = self.slots.get_mut(slot).and_then(|slot| slot.content.take());
        // Taken before: its digest stands at two places.
        content.map(|content| Some((slot, content))).ok_or(SdJwtError::DuplicateDigest)
    }

    fn put(&mut self, slot: usize, trail: &Trail<'_>) {
        if let Some(slot) = self.slots.get_mut(slot) {
            slot.place = Some(ClaimPath::concrete(trail.parts()));
        }
    }

    fn finish(mut self, claims: Map<String, Value>) -> Result<Processed, SdJwtError> {
        self.met.sort_unstable();
        if has_duplicates(self.met.iter()) {
            return Err(SdJwtError::DuplicateDigest);
        }
        let places: Option<Vec<ClaimPath>> = self.slots.into_iter().map(|slot| slot.place).collect();
        let places = places.ok_or(SdJwtError::UnreferencedDisclosure)?;
        Ok(Processed { claims, places, gaps: self.gaps })
    }
}

/// Depth counts containers, as the parser does: the payload itself is the first.
fn check_depth(trail: &Trail<'_>) -> Result<(), SdJwtError> {
    let limit = json::SIGNED.depth;
    if trail.depth() >= limit { Err(SdJwtError::TooDeep { limit }) } else { Ok(()) }
}

/// Removes `_sd` and gives its digests.
fn take_digests(members: &mut Map<String, Value>) -> Result<Vec<String>, SdJwtError> {
    let digests = match members.remove(SD) {
        None => return Ok(Vec::new()),
        Some(Value::Array(digests)) => digests,
        Some(_) => return Err(SdJwtError::MalformedDigests),
    };
    let text = |digest| match digest {
        Value::String(digest) => Ok(digest),
        _ => Err(SdJwtError::MalformedDigests),
    };
    digests.into_iter().map(text).collect()
}

/// The digest, if the element stands for one that may be disclosed.
fn take_element_digest(element: &mut Value) -> Result<Option<String>, SdJwtError> {
    let Value::Object(members) = element else { return Ok(None) };
    match members.remove(ELLIPSIS) {
        None => Ok(None),
        Some(Value::String(digest)) if members.is_empty() => Ok(Some(digest)),
        Some(_) => Err(SdJwtError::MalformedEllipsis),
    }
}

fn has_duplicates<'s>(sorted: impl Iterator<Item = &'s String>) -> bool {
    let mut last: Option<&String> = None;
    for item in sorted {
        if last == Some(item) {
            return true;
        }
        last = Some(item);
    }
    false
}
