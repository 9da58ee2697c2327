//! The check list, pure and in its order. Each function takes what was loaded and says yes or which check failed.
//!
//! 1. [`read`]: certificate chain to the city's anchor, SD-JWT VC, key binding (nonce, audience, `sd_hash`, time).
//! 2. [`check_ledger`]: authority, its key, its accreditation, the record, its commitments (credential and device), its status.
//! 3. [`check_status`]: the Token Status List.
//! 4. [`check_query`]: the DCQL query is satisfied, nothing more was disclosed, the registered purpose allows it.
//! 5. [`check_match_code`]: the citizen picked the code of the login page.
//!
//! May assume that ledger records were verified against the trust root. Refuses whatever is not shown.

use identity::dcql::{self, Candidate, VpToken};
use identity::jose::TrustAnchors;
use identity::sd_jwt::{self, KeyBindingPolicy, SdJwt};
use identity::sd_jwt_vc::{self, VerifiedCredential};
use identity::status_list::{Status, StatusReference};
use identity::{CommitmentKey, PublicKey, UnixSeconds};
use ledger::Hash;
use ledger::records::{AuthorityId, AuthorityRecord, CREDENTIAL_CONTEXT, HOLDER_KEY_CONTEXT, PartyRecord, Purpose, RecordId};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use wire::oid4vp::{CONSENT_CLAIM, MATCH_CODE_CLAIM};

use super::refusal::{Refusal, Refused};
use crate::chain::{Attested, Standing};
use crate::logins::{Channel, MatchCodePolicy};
use crate::policies::Policy;

/// Seconds by which the clocks of wallet, issuer and this service may differ (E3).
pub const LEEWAY_SECONDS: u32 = 60;

/// The claim that ties a credential to the ledger.
const LEDGER_CLAIM: &str = "yufu";

/// What this service expects of an answer.
#[derive(Clone, Copy)]
pub struct Expected<'a> {
    /// Our client identifier, which the key binding names as its audience.
    pub client_id: &'a str,
    /// The nonce of the request.
    pub nonce: &'a str,
    /// Seconds that a request lives: no key binding is older.
    pub lifetime_seconds: u32,
    /// The city's trust anchors.
    pub anchors: &'a TrustAnchors,
    /// The ledger's genesis.
    pub genesis: &'a Hash,
    /// The time of the check.
    pub now: UnixSeconds,
}

/// The `yufu` claim: which record on which ledger, and the key that opens its commitments.
#[derive(Clone, Deserialize)]
struct LedgerClaim {
    authority: String,
    #[serde(with = "identity::keys::base64url_array")]
    genesis: Hash,
    record: RecordId,
    commitment_key: CommitmentKey,
}

/// A presentation that passed [`read`]. It holds personal data and is not `Debug`.
pub struct Presented {
    /// Which part of the query it answers.
    pub query_id: String,
    /// The credential with what was disclosed.
    pub credential: VerifiedCredential,
    /// The key that signed the credential, believed by its chain.
    pub issuer_key: PublicKey,
    /// SHA-256 of the issuer-signed JWT.
    pub issuer_jwt: Hash,
    /// The holder's key.
    pub holder: PublicKey,
    /// What the citizen signed.
    pub key_binding_jwt: String,
    /// Hash of the consent that the citizen read, where the wallet gives one.
    pub consent: Option<String>,
    /// The match code that the citizen picked, where the wallet gives one.
    pub match_code: Option<String>,
    /// Who attests.
    pub authority: AuthorityId,
    /// The record on the ledger.
    pub record: RecordId,
    commitment_key: CommitmentKey,
}

/// Reads and verifies every presentation by itself: format, chain, signatures, key binding.
pub fn read(vp_token: &VpToken, expected: &Expected<'_>) -> Result<Vec<Presented>, Refused> {
    let entries = vp_token.0.iter().flat_map(|(id, texts)| texts.iter().map(move |text| (id, text)));
    entries.map(|(id, text)| read_one(id, text, expected)).collect()
}

fn read_one(query_id: &str, text: &str, expected: &Expected<'_>) -> Result<Presented, Refused> {
    let parsed = SdJwt::parse(text)?;
    let chain = parsed.header().x5c.clone().ok_or(Refusal::IssuerUntrusted.because("x5c-missing"))?;
    let certificate = chain.verify(expected.anchors, expected.now)?;
    let binding = sd_jwt::Expected { aud: expected.client_id, nonce: expected.nonce, max_age_seconds: expected.lifetime_seconds };
    let demand =
        sd_jwt_vc::Demand { now: expected.now, leeway_seconds: LEEWAY_SECONDS, key_binding: KeyBindingPolicy::Required(binding) };
    let credential = sd_jwt_vc::verify(parsed, &certificate.public_key, &demand)?;
    let holder = credential.holder.ok_or(Refusal::KeyBindingInvalid.because("no-holder-key"))?;
    let claim = credential.verified.claims.get(LEDGER_CLAIM).ok_or(Refusal::NotOnLedger)?;
    let claim: LedgerClaim =
        serde_json::from_value(claim.clone()).map_err(|_| Refusal::NotOnLedger.because("yufu-claim-malformed"))?;
    if claim.genesis != *expected.genesis {
        return Err(Refusal::OtherLedger.into());
    }
    let binding = credential.verified.key_binding.as_ref();
    let signed_text = |name: &str| binding.and_then(|claims| claims.get(name)).and_then(Value::as_str).map(str::to_owned);
    let (consent, match_code) = (signed_text(CONSENT_CLAIM), signed_text(MATCH_CODE_CLAIM));
    let (issuer_jwt, _) = text.split_once('~').unwrap_or((text, ""));
    let (_, key_binding_jwt) = text.rsplit_once('~').unwrap_or(("", text));
    Ok(Presented {
        query_id: query_id.to_owned(),
        issuer_key: certificate.public_key,
        issuer_jwt: Sha256::digest(issuer_jwt).into(),
        holder,
        key_binding_jwt: key_binding_jwt.to_owned(),
        consent: consent.filter(|hash| is_hash(hash)),
        match_code,
        authority: claim.authority.parse().map_err(|_| Refusal::AuthorityUnknown)?,
        record: claim.record,
        commitment_key: claim.commitment_key,
        credential,
    })
}

/// 32 bytes of base64url: 43 characters.
fn is_hash(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
}

/// What the ledger says about a presentation, in the checks' order. Gives the authority.
pub fn check_ledger<'f>(
    presented: &Presented,
    authority: Option<&'f Standing>,
    attested: Option<&Attested>,
    now: UnixSeconds,
) -> Result<&'f AuthorityRecord, Refused> {
    let Standing { suspended, record: authority } = authority.ok_or(Refusal::AuthorityUnknown)?;
    if !authority.credential_keys.contains(&presented.issuer_key) {
        return Err(Refusal::IssuerKeyUnknown.into());
    }
    if *suspended {
        return Err(Refusal::IssuerSuspended.into());
    }
    let vct = &presented.credential.vct;
    if !authority.accredited_types.contains(vct) {
        return Err(Refusal::NotAccredited.into());
    }
    // What names its issuer names the one that the ledger knows (SD-JWT VC section 2.2.2.2).
    if let (Some(iss), Some(url)) = (&presented.credential.issuer, &authority.issuer_url)
        && iss != url
    {
        return Err(Refusal::RecordMismatch.because("issuer-url"));
    }
    let attested = attested.ok_or(Refusal::RecordUnknown)?;
    let record = &attested.record;
    if record.issuer != authority.id {
        return Err(Refusal::RecordMismatch.because("record-of-another-authority"));
    }
    if record.attestation_type != *vct {
        return Err(Refusal::RecordMismatch.because("record-of-another-type"));
    }
    let key = &presented.commitment_key;
    if !key.verify(CREDENTIAL_CONTEXT, &presented.issuer_jwt, &record.credential) {
        return Err(Refusal::RecordMismatch.because("credential-commitment"));
    }
    let thumbprint = identity::jose::jwk::thumbprint(&presented.holder);
    if !key.verify(HOLDER_KEY_CONTEXT, &thumbprint, &record.holder_key) {
        return Err(Refusal::DeviceMismatch.into());
    }
    if let Some(refusal) = Refusal::of_status(attested.status) {
        return Err(refusal.into());
    }
    let leeway = UnixSeconds::from(LEEWAY_SECONDS);
    if now.saturating_add(leeway) < record.valid_from || now >= record.valid_until {
        return Err(Refusal::RecordExpired.into());
    }
    Ok(authority)
}

/// Where the status list of a presentation is: at the authority's own issuer service and nowhere else.
pub fn status_reference<'p>(presented: &'p Presented, authority: &AuthorityRecord) -> Result<&'p StatusReference, Refused> {
    let reference = presented.credential.status.as_ref().ok_or(Refusal::StatusMissing)?;
    let base = authority.issuer_url.as_deref().ok_or(Refusal::StatusElsewhere)?;
    let rest = reference.uri.strip_prefix(base.trim_end_matches('/'));
    if rest.is_some_and(|rest| rest.starts_with('/')) { Ok(reference) } else { Err(Refusal::StatusElsewhere.into()) }
}

/// What an entry of the status list means.
pub fn check_status(status: Status) -> Result<(), Refused> {
    match status {
        Status::Valid => Ok(()),
        Status::Invalid => Err(Refusal::Revoked.because("status-list-invalid")),
        Status::Suspended => Err(Refusal::Suspended.because("status-list-suspended")),
        Status::Other(_) => Err(Refusal::Suspended.because("status-list-other")),
    }
}

/// The presentations together answer the query, nothing more was disclosed, and the purpose that the ledger has for us now
/// allows the query. Gives that purpose.
pub fn check_query<'p>(presented: &[Presented], policy: &Policy, party: Option<&'p PartyRecord>) -> Result<&'p Purpose, Refused> {
    let as_asked: Vec<dcql::Presented<'_>> = presented.iter().map(candidate).collect();
    let surplus = dcql::check(&policy.query, &as_asked)?;
    if !surplus.is_empty() {
        return Err(Refusal::OverDisclosed.into());
    }
    let party = party.ok_or(Refusal::PurposeNotRegistered.because("party-unknown"))?;
    policy.allowed_by(party).map_err(|_| Refusal::PurposeNotRegistered.into())
}

fn candidate(presented: &Presented) -> dcql::Presented<'_> {
    let verified = &presented.credential.verified;
    dcql::Presented {
        query_id: &presented.query_id,
        candidate: Candidate {
            format: sd_jwt_vc::FORMAT,
            vct: &presented.credential.vct,
            claims: &verified.claims,
            gaps: Some(&verified.gaps),
            holder_bound: verified.key_binding.is_some(),
            authority_key_ids: &[],
        },
        disclosed: &verified.disclosed,
    }
}

/// The citizen picked the code that the login page shows. A code is never looked away from: one that is there must be right.
pub fn check_match_code(
    presented: &[Presented],
    channel: Channel,
    shown: Option<&str>,
    policy: MatchCodePolicy,
) -> Result<(), Refused> {
    let picked = presented.iter().map(|presentation| presentation.match_code.as_deref());
    match (channel, shown) {
        // The link on the same device has no code; the redirect back to the browser binds it instead.
        (Channel::SameDevice, _) | (Channel::CrossDevice, None) => {
            picked.flatten().next().map_or(Ok(()), |_| Err(Refusal::MatchCodeWrong.because("match-code-unexpected")))
        }
        (Channel::CrossDevice, Some(shown)) => picked.into_iter().try_for_each(|picked| match (picked, policy) {
            (Some(picked), _) if picked == shown => Ok(()),
            (Some(_), _) => Err(Refusal::MatchCodeWrong.into()),
            (None, MatchCodePolicy::WhenPresent) => Ok(()),
            (None, MatchCodePolicy::Required) => Err(Refusal::MatchCodeMissing.into()),
        }),
    }
}
