//! Parsing and verification: RFC 9901 sections 4, 7.1 and 7.3.

use serde_json::{Map, Value};

use super::disclosure::HashAlgorithm;
use super::error::SdJwtError;
use super::key_binding::{self, KeyBindingPolicy};
use super::path::ClaimPath;
use super::process::{self, Gaps, PROTECTED};
use super::{MAX_BYTES, MAX_DISCLOSURES};
use crate::UnixSeconds;
use crate::jose::jws::{self, JwsAlg, JwsHeader, Presence, Typ};
use crate::json;
use crate::keys::PublicKey;

/// The issuer-signed JWT of any profile; [`Profile`] checks `typ`. A key in the header is not looked at.
const ISSUER_JWT: jws::Policy =
    jws::Policy { typ: Typ::Any, algs: JwsAlg::ALL, jwk: Presence::Optional, x5c: Presence::Optional, max_bytes: MAX_BYTES };

/// The same, for a caller who has the issuer's key from elsewhere.
const KNOWN_ISSUER_JWT: jws::Policy = jws::Policy { jwk: Presence::Ignored, x5c: Presence::Ignored, ..ISSUER_JWT };

/// Which kind of SD-JWT is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Any SD-JWT: `typ` is absent, `JWT`, `sd-jwt` or ends with `+sd-jwt` (section 9.11).
    Any,
    /// An SD-JWT VC: `typ` is `dc+sd-jwt`, or `vc+sd-jwt` as before November 2024.
    Vc,
}

impl Profile {
    /// Top-level claims that must not be selectively disclosable, in whole or in part.
    pub fn protected(self) -> &'static [&'static str] {
        match self {
            Self::Any => PROTECTED,
            Self::Vc => crate::sd_jwt_vc::PROTECTED,
        }
    }

    fn check_typ(self, typ: Option<&str>) -> Result<(), SdJwtError> {
        let fits = match (self, typ) {
            (Self::Any, None) => true,
            (Self::Any, Some(typ)) => {
                let typ = typ.to_ascii_lowercase();
                let typ = typ.strip_prefix("application/").unwrap_or(&typ);
                typ == "jwt" || typ == "sd-jwt" || typ.ends_with("+sd-jwt")
            }
            (Self::Vc, typ) => matches!(typ, Some("dc+sd-jwt" | "vc+sd-jwt")),
        };
        let shown = || typ.unwrap_or_default().chars().filter(|c| !c.is_control()).take(48).collect();
        if fits { Ok(()) } else { Err(SdJwtError::IssuerTyp(shown())) }
    }
}

/// Who the verifier is, for an `aud` claim in the SD-JWT itself (RFC 7519 section 4.1.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Audience<'a> {
    /// The name that `aud` must contain, if the claim is there.
    Is(&'a str),
    /// The verifier has no name: an SD-JWT with `aud` is refused.
    Nobody,
    /// The check does not apply: a holder looks at what it received.
    NotApplicable,
}

/// What a verifier demands. There is no default: each part is a decision.
#[derive(Clone, Copy, Debug)]
pub struct Policy<'a> {
    /// Which kind of SD-JWT.
    pub profile: Profile,
    /// The time of the check.
    pub now: UnixSeconds,
    /// Seconds by which clocks may differ, for `exp`, `nbf` and an `iat` in the future.
    pub leeway_seconds: u32,
    /// Who the verifier is, for `aud` of the SD-JWT.
    pub audience: Audience<'a>,
    /// Claims that must be there (section 9.7: what the verifier deems necessary for validity).
    pub required: &'a [&'a str],
    /// Whether key binding is required; decided before the presentation is seen (section 9.5).
    pub key_binding: KeyBindingPolicy<'a>,
}

/// An SD-JWT or SD-JWT+KB that was parsed; nothing is verified yet.
#[derive(Clone, Debug)]
pub struct SdJwt<'a> {
    /// From the issuer-signed JWT up to and with the last `~`.
    bound_text: &'a str,
    jwt: jws::Parsed,
    payload: Map<String, Value>,
    disclosures: Vec<&'a str>,
    key_binding: Option<&'a str>,
}

/// What verification gives: only this is to be believed.
#[derive(Clone, Debug)]
pub struct Verified {
    /// The header of the issuer-signed JWT.
    pub header: JwsHeader,
    /// The Processed SD-JWT Payload: claims with what was disclosed, without digests.
    pub claims: Map<String, Value>,
    /// Where the disclosures went: the concrete paths of what was selectively disclosed.
    pub disclosed: Vec<ClaimPath>,
    /// Which array elements were not disclosed.
    pub gaps: Gaps,
    /// The payload of the key binding JWT, if there is one.
    pub key_binding: Option<Map<String, Value>>,
    /// The holder's key, which signed the key binding JWT, if there is one.
    pub bound_to: Option<PublicKey>,
}

impl<'a> SdJwt<'a> {
    /// Separates the parts (7.1 step 1, 7.3 step 3) and reads header and payload.
    pub fn parse(text: &'a str) -> Result<Self, SdJwtError> {
        Self::parse_as(text, &ISSUER_JWT)
    }

    /// As [`Self::parse`], for a caller who has the issuer's key from elsewhere: a key or a chain in the header is not read,
    /// so it need not be one that we would accept.
    pub fn parse_for_known_issuer(text: &'a str) -> Result<Self, SdJwtError> {
        Self::parse_as(text, &KNOWN_ISSUER_JWT)
    }

    fn parse_as(text: &'a str, issuer_jwt: &jws::Policy) -> Result<Self, SdJwtError> {
        if text.len() > MAX_BYTES {
            return Err(SdJwtError::TooLong { length: text.len(), limit: MAX_BYTES });
        }
        let (head, tail) = text.rsplit_once('~').ok_or(SdJwtError::MissingTilde)?;
        let key_binding = match tail {
            "" => None,
            // A disclosure has no dots: the last `~` is missing.
            tail if !tail.contains('.') => return Err(SdJwtError::MissingTilde),
            tail => Some(tail),
        };
        let mut parts = head.split('~');
        let jwt = parts.next().unwrap_or_default();
        let disclosures: Vec<&str> = parts.take(MAX_DISCLOSURES + 1).collect();
        if disclosures.len() > MAX_DISCLOSURES {
            return Err(SdJwtError::TooManyDisclosures { limit: MAX_DISCLOSURES });
        }
        if disclosures.contains(&"") {
            return Err(SdJwtError::EmptyDisclosure);
        }
        let jwt = jws::Parsed::parse(jwt, issuer_jwt).map_err(SdJwtError::IssuerJwt)?;
        let payload = json::parse_object(jwt.unverified_payload()).map_err(SdJwtError::IssuerPayload)?;
        let bound_text = text.strip_suffix(tail).unwrap_or(text);
        Ok(Self { bound_text, jwt, payload, disclosures, key_binding })
    }

    /// The header of the issuer-signed JWT, not verified: use it to find the issuer's key.
    pub fn header(&self) -> &JwsHeader {
        self.jwt.header()
    }

    /// The payload as it was signed, not verified and without disclosures: use it to find the issuer's key.
    pub fn unverified_claims(&self) -> &Map<String, Value> {
        &self.payload
    }

    /// The issuer-signed JWT by itself, as text: what the ledger's commitment is over.
    pub fn issuer_jwt(&self) -> &'a str {
        self.bound_text.split('~').next().unwrap_or_default()
    }

    /// Whether a key binding JWT is there. Not a reason to require or to waive it.
    pub fn has_key_binding(&self) -> bool {
        self.key_binding.is_some()
    }

    /// Steps 2 to 6 of section 7.1, and section 7.3. The caller has seen to it that the key belongs to the issuer (2.c).
    pub fn verify(self, issuer: &PublicKey, policy: &Policy<'_>) -> Result<Verified, SdJwtError> {
        match (policy.key_binding, self.key_binding) {
            (KeyBindingPolicy::Required(_), None) => return Err(SdJwtError::KeyBindingMissing),
            (KeyBindingPolicy::Forbidden, Some(_)) => return Err(SdJwtError::KeyBindingUnexpected),
            (KeyBindingPolicy::Required(_) | KeyBindingPolicy::NotRequired { .. }, Some(_))
            | (KeyBindingPolicy::Forbidden | KeyBindingPolicy::NotRequired { .. }, None) => {}
        }
        policy.profile.check_typ(self.jwt.header().typ.as_deref())?;
        let header = self.jwt.verify(issuer).map_err(SdJwtError::IssuerJwt)?.header;
        let algorithm = HashAlgorithm::of_payload(&self.payload)?;
        let processed = process::process(self.payload, &self.disclosures, policy.profile.protected())?;
        check_validity(&processed.claims, policy)?;
        let (key_binding, bound_to) = match self.key_binding {
            None => (None, None),
            Some(jwt) => {
                let (payload, holder) = key_binding::check(jwt, self.bound_text, algorithm, &processed.claims, policy)?;
                (Some(payload), Some(holder))
            }
        };
        Ok(Verified {
            header,
            claims: processed.claims,
            disclosed: processed.places,
            gaps: processed.gaps,
            key_binding,
            bound_to,
        })
    }

    /// The parts that a holder keeps, processed without a look at the signature.
    pub(super) fn into_unverified_parts(self) -> Result<(&'a str, process::Processed, HashAlgorithm), SdJwtError> {
        if self.key_binding.is_some() {
            return Err(SdJwtError::KeyBindingUnexpected);
        }
        let algorithm = HashAlgorithm::of_payload(&self.payload)?;
        let processed = process::process(self.payload, &self.disclosures, PROTECTED)?;
        Ok((self.bound_text, processed, algorithm))
    }
}

/// Step 6 of section 7.1, on the processed payload.
fn check_validity(claims: &Map<String, Value>, policy: &Policy<'_>) -> Result<(), SdJwtError> {
    check_period(claims, policy.now, policy.leeway_seconds)?;
    date(claims, "iat")?;
    if claims.get("iss").is_some_and(|iss| !iss.is_string()) {
        return Err(SdJwtError::MalformedClaim("iss"));
    }
    if claims.get("cnf").is_some_and(|cnf| !cnf.is_object()) {
        return Err(SdJwtError::MalformedClaim("cnf"));
    }
    check_audience(claims, policy.audience)?;
    match policy.required.iter().find(|name| !claims.contains_key(**name)) {
        None => Ok(()),
        Some(missing) => Err(SdJwtError::MissingClaim(known_name(missing))),
    }
}

/// Static names for errors; a name that is not listed is reported as a required claim.
fn known_name(name: &str) -> &'static str {
    const NAMES: [&str; 10] = ["iss", "aud", "exp", "nbf", "iat", "cnf", "sub", "vct", "status", "jti"];
    NAMES.into_iter().find(|known| *known == name).unwrap_or("(required by the verifier)")
}

/// `nbf ≤ now < exp`, by the leeway.
fn check_period(claims: &Map<String, Value>, now: UnixSeconds, leeway_seconds: u32) -> Result<(), SdJwtError> {
    let (now, leeway) = (now as f64, f64::from(leeway_seconds));
    if date(claims, "exp")?.is_some_and(|exp| now >= exp + leeway) {
        return Err(SdJwtError::Expired);
    }
    if date(claims, "nbf")?.is_some_and(|nbf| now + leeway < nbf) {
        return Err(SdJwtError::NotYetValid);
    }
    Ok(())
}

/// A NumericDate (RFC 7519 section 2): seconds, perhaps with a fraction.
pub(super) fn date(claims: &Map<String, Value>, name: &'static str) -> Result<Option<f64>, SdJwtError> {
    match claims.get(name) {
        None => Ok(None),
        Some(value) => value.as_f64().map(Some).ok_or(SdJwtError::MalformedClaim(name)),
    }
}

fn check_audience(claims: &Map<String, Value>, audience: Audience<'_>) -> Result<(), SdJwtError> {
    let Some(aud) = claims.get("aud") else { return Ok(()) };
    let named: Vec<&str> = match aud {
        Value::String(one) => vec![one],
        Value::Array(many) => many.iter().map(Value::as_str).collect::<Option<_>>().ok_or(SdJwtError::MalformedClaim("aud"))?,
        _ => return Err(SdJwtError::MalformedClaim("aud")),
    };
    match audience {
        Audience::Is(me) if named.contains(&me) => Ok(()),
        Audience::NotApplicable => Ok(()),
        Audience::Is(_) | Audience::Nobody => Err(SdJwtError::WrongAudience),
    }
}
