//! SD-JWT VC (draft-ietf-oauth-sd-jwt-vc): SD-JWT as a credential format, media type `application/dc+sd-jwt`.
//!
//! [`issue`] refuses to make a claim that decides about validity selectively disclosable; [`verify`] refuses a credential
//! that has one. Which key is the issuer's is the caller's to decide, from the `x5c` chain or the ledger; so are status and
//! accreditation. Type metadata is not fetched, and `aka_vcts` is not taken for a type: issuers are accredited for the type
//! that `vct` names, and for no other.

use serde_json::{Map, Value};

use crate::UnixSeconds;
use crate::jose::Chain;
use crate::jose::jws::JwsHeader;
use crate::keys::{PublicKey, SecretKey};
use crate::sd_jwt::{
    self, Audience, ClaimPath, Decoys, IssueError, KeyBindingPolicy, Policy, Profile, SdJwt, SdJwtError, Template, Verified,
    holder_key_claim,
};
use crate::status_list::StatusReference;

/// The format identifier in OpenID4VCI and OpenID4VP, and the `typ` that we write.
pub const FORMAT: &str = "dc+sd-jwt";

/// Claims that must not be in disclosures, nor anything in them (section 2.2.2.3), with `aud` of RFC 9901 section 9.7.
pub const PROTECTED: &[&str] = &["iss", "aud", "exp", "nbf", "cnf", "vct", "vct#integrity", "aka_vcts", "status"];

/// Claims that [`issue`] writes, so that they must not be among the subject's.
const OWN_CLAIMS: [&str; 7] = ["iss", "iat", "nbf", "exp", "vct", "cnf", "status"];

/// A credential to issue.
#[derive(Clone, Debug)]
pub struct Credential<'a> {
    /// `vct`: the type.
    pub vct: &'a str,
    /// `iss`: the issuer's identifier.
    pub issuer: &'a str,
    /// `x5c`: the chain of the issuer's key.
    pub chain: Option<Chain>,
    /// `kid`: the name of the issuer's key, such as its DID URL.
    pub kid: Option<String>,
    /// `iat`.
    pub issued_at: UnixSeconds,
    /// `nbf`.
    pub not_before: Option<UnixSeconds>,
    /// `exp`.
    pub expires_at: Option<UnixSeconds>,
    /// `cnf`: the key that presentations are bound to.
    pub holder: Option<PublicKey>,
    /// `status`: where the status is.
    pub status: Option<StatusReference>,
    /// The claims about the subject.
    pub claims: Map<String, Value>,
    /// Which of them are selectively disclosable.
    pub disclosable: Vec<ClaimPath>,
    /// Decoy digests.
    pub decoys: Decoys,
}

/// Issues a credential. `entropy` is 32 fresh random bytes for this credential only.
pub fn issue(credential: &Credential<'_>, entropy: &[u8; 32], signer: &SecretKey) -> Result<String, IssueError> {
    let mut claims = credential.claims.clone();
    if let Some(name) = OWN_CLAIMS.into_iter().find(|name| claims.contains_key(*name)) {
        return Err(IssueError::Claim(name));
    }
    if credential.vct.is_empty() {
        return Err(IssueError::Claim("vct"));
    }
    let mut insert = |name: &str, value: Value| claims.insert(name.to_owned(), value);
    insert("vct", credential.vct.into());
    insert("iss", credential.issuer.into());
    insert("iat", credential.issued_at.into());
    if let Some(not_before) = credential.not_before {
        insert("nbf", not_before.into());
    }
    if let Some(expires_at) = credential.expires_at {
        insert("exp", expires_at.into());
    }
    if let Some(holder) = &credential.holder {
        insert("cnf", holder_key_claim(holder));
    }
    if let Some(status) = &credential.status {
        insert("status", status.to_claim());
    }
    let header = JwsHeader { kid: credential.kid.clone(), x5c: credential.chain.clone(), ..JwsHeader::typ(FORMAT) };
    let template = Template {
        header: &header,
        claims: &claims,
        disclosable: &credential.disclosable,
        decoys: credential.decoys,
        protected: PROTECTED,
    };
    sd_jwt::issue(&template, entropy, signer)
}

/// What a verifier or a holder demands of a credential.
#[derive(Clone, Copy, Debug)]
pub struct Demand<'a> {
    /// The time of the check.
    pub now: UnixSeconds,
    /// Seconds by which clocks may differ.
    pub leeway_seconds: u32,
    /// Key binding: required of a presentation, forbidden in what an issuer hands out.
    pub key_binding: KeyBindingPolicy<'a>,
}

/// A credential that was verified.
#[derive(Clone, Debug)]
pub struct VerifiedCredential {
    /// `vct`.
    pub vct: String,
    /// `iss`, where it is not left to the certificate.
    pub issuer: Option<String>,
    /// `iat`, whole seconds.
    pub issued_at: Option<UnixSeconds>,
    /// `exp`, whole seconds.
    pub expires_at: Option<UnixSeconds>,
    /// The holder's key in `cnf.jwk`.
    pub holder: Option<PublicKey>,
    /// Where the status is.
    pub status: Option<StatusReference>,
    /// The claims, what was disclosed, and the key binding.
    pub verified: Verified,
}

/// Verifies a credential or a presentation of one (section 2.4) with a key that the caller holds for the issuer's.
pub fn verify(sd_jwt: SdJwt<'_>, issuer: &PublicKey, demand: &Demand<'_>) -> Result<VerifiedCredential, SdJwtError> {
    let (audience, required): (_, &[&str]) = match demand.key_binding {
        KeyBindingPolicy::Required(expected) => (Audience::Is(expected.aud), &["vct", "cnf"]),
        KeyBindingPolicy::NotRequired { aud, .. } => (aud.map_or(Audience::Nobody, Audience::Is), &["vct"]),
        KeyBindingPolicy::Forbidden => (Audience::NotApplicable, &["vct"]),
    };
    let policy = Policy {
        profile: Profile::Vc,
        now: demand.now,
        leeway_seconds: demand.leeway_seconds,
        audience,
        required,
        key_binding: demand.key_binding,
    };
    let verified = sd_jwt.verify(issuer, &policy)?;
    let claims = &verified.claims;
    let text = |name| claims.get(name).and_then(Value::as_str).map(str::to_owned);
    let status = claims.get("status").map(StatusReference::from_claim).transpose();
    Ok(VerifiedCredential {
        vct: text("vct").filter(|vct| !vct.is_empty()).ok_or(SdJwtError::MalformedClaim("vct"))?,
        issuer: text("iss"),
        issued_at: whole_seconds(claims.get("iat")),
        expires_at: whole_seconds(claims.get("exp")),
        holder: verified.bound_to.or_else(|| sd_jwt::holder_key(claims).ok()),
        status: status.map_err(|_| SdJwtError::MalformedClaim("status"))?.flatten(),
        verified,
    })
}

fn whole_seconds(date: Option<&Value>) -> Option<UnixSeconds> {
    let date = date?;
    date.as_i64().or_else(|| {
        #[expect(clippy::cast_possible_truncation, reason = "a date with a fraction is rounded down; `as` saturates")]
        date.as_f64().map(|seconds| seconds.floor() as UnixSeconds)
    })
}
