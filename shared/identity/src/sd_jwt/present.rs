//! The holder's side: RFC 9901 section 7.2.

use serde_json::{Map, Value};

use super::disclosure::HashAlgorithm;
use super::error::SdJwtError;
use super::key_binding::{self, KeyBinding};
use super::path::{ClaimPath, PathError};
use super::verify::SdJwt;
use crate::keys::{PublicKey, SignError, Signer};

/// A holder's copy of an SD-JWT, with all its disclosures.
///
/// It may assume that the SD-JWT was verified when it was received; nothing here checks the issuer's signature.
#[derive(Clone, Debug)]
pub struct Held {
    jwt: String,
    /// Each disclosure with the place where its claim stands.
    disclosures: Vec<(String, ClaimPath)>,
    claims: Map<String, Value>,
    algorithm: HashAlgorithm,
}

/// Why a presentation is not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PresentError {
    /// A path selects nothing in this SD-JWT.
    #[error("the path {path} selects nothing in this credential")]
    Path {
        /// The path.
        path: ClaimPath,
        /// Why.
        source: PathError,
    },
    /// The SD-JWT names no holder key, or another one than the signer's.
    #[error("the credential is not bound to the key that would sign the presentation")]
    HolderKey,
    /// What holds the key did not sign.
    #[error("the presentation is not signed: {0}")]
    Signer(SignError),
}

impl Held {
    /// Opens a stored SD-JWT. An SD-JWT+KB is refused.
    pub fn open(text: &str) -> Result<Self, SdJwtError> {
        let (text, processed, algorithm) = SdJwt::parse(text)?.into_unverified_parts()?;
        let mut parts = text.split('~').filter(|part| !part.is_empty()).map(str::to_owned);
        let jwt = parts.next().ok_or(SdJwtError::MissingTilde)?;
        let disclosures = parts.zip(processed.places).collect();
        Ok(Self { jwt, disclosures, claims: processed.claims, algorithm })
    }

    /// The issuer-signed JWT by itself, as text: what the ledger's commitment is over.
    pub fn issuer_jwt(&self) -> &str {
        &self.jwt
    }

    /// All claims, as if everything were disclosed.
    pub fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The concrete paths of the claims that are selectively disclosable.
    pub fn disclosable(&self) -> impl Iterator<Item = &ClaimPath> {
        self.disclosures.iter().map(|(_, place)| place)
    }

    /// The holder's key in `cnf.jwk`; `None` if there is none, or not one that we understand.
    pub fn holder_key(&self) -> Option<PublicKey> {
        key_binding::holder_key(&self.claims).ok()
    }

    /// The claims that a presentation of these paths reveals beside the ones that are always plain: what is below and above
    /// the selected ones included.
    pub fn revealed(&self, paths: &[ClaimPath]) -> Result<Vec<&ClaimPath>, PresentError> {
        let selected = self.select(paths)?;
        Ok(self.disclosures.iter().map(|(_, place)| place).filter(|place| is_needed(place, &selected)).collect())
    }

    /// An SD-JWT with only the disclosures that these paths need: what they select with all that is in it, and the
    /// disclosures that contain it. No paths: no disclosures.
    pub fn present(&self, paths: &[ClaimPath]) -> Result<String, PresentError> {
        let selected = self.select(paths)?;
        let mut text = self.jwt.clone();
        text.push('~');
        for (disclosure, _) in self.disclosures.iter().filter(|(_, place)| is_needed(place, &selected)) {
            text.push_str(disclosure);
            text.push('~');
        }
        Ok(text)
    }

    /// As [`Self::present`], bound to a verifier and a transaction by the holder's key.
    pub fn present_bound(
        &self,
        paths: &[ClaimPath],
        binding: &KeyBinding<'_>,
        signer: &dyn Signer,
    ) -> Result<String, PresentError> {
        if self.holder_key() != Some(signer.public_key()) {
            return Err(PresentError::HolderKey);
        }
        let sd_jwt = self.present(paths)?;
        key_binding::append(&sd_jwt, self.algorithm, binding, signer).map_err(PresentError::Signer)
    }

    fn select(&self, paths: &[ClaimPath]) -> Result<Vec<ClaimPath>, PresentError> {
        let mut selected = Vec::new();
        for path in paths {
            let found = path.select(&self.claims);
            selected.extend(found.map_err(|source| PresentError::Path { path: path.clone(), source })?);
        }
        Ok(selected)
    }
}

/// A disclosure is needed if it contains a selected claim, or lies inside one.
fn is_needed(place: &ClaimPath, selected: &[ClaimPath]) -> bool {
    selected.iter().any(|path| place.contains(path) || path.contains(place))
}
