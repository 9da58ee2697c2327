//! Attest, refuse, and offer again. Each loads and opens the document anew: what is attested is what was verified now.

use service_kit::{ApiError, Slug};

use super::register;
use super::rules::{self, Channel, DecisionError};
use crate::app::Issuer;
use crate::config::AttestationConfig;
use crate::failure::Failure;
use crate::offers;
use crate::requests::opening::{self, Document, Opening};
use crate::requests::rules as request_rules;
use crate::requests::store::{self as requests, Decision, Request};
use crate::secrets::{REASON, REFERENCE};
use crate::staff::{self, Staff};

/// The offer that a decision made.
#[derive(Clone, Debug)]
pub struct Decided {
    /// Its id.
    pub offer: String,
}

/// Attests a request: the claims are sealed into an offer, and the citizen's wallet can fetch the credential with the PIN.
///
/// # Errors
/// [`Failure`]; nothing was decided then.
#[tracing::instrument(name = "attestations.attest", skip_all, fields(request = id))]
pub async fn attest(
    app: &Issuer,
    staff: &Staff,
    id: &str,
    channel: Option<Channel>,
    reference: &str,
) -> Result<Decided, Failure> {
    let (request, attestation) = load(app, id).await?;
    let document = document(app, &request, attestation).await?;
    let comparison = register::compare(&app.registers, attestation, &document.claims);
    let verified = rules::may_attest(&request.decision, channel, comparison.summary, reference).map_err(ApiError::from)?;
    let channel = verified.channel;
    let authority = app.ledger.authority().await?;
    let entitled = rules::is_entitled(authority.as_ref(), &attestation.attestation_type);
    entitled.map_err(|error| ApiError::from(DecisionError::from(error)))?;
    let now = app.now();
    let offer = app.desk().new_offer(Some(id), attestation, &document.credential_claims(channel))?;
    // Who witnessed for whom is nobody's business but the department's.
    let sealed = verified.reference.map(|reference| app.secrets.seal(REFERENCE, id, reference.as_bytes())).transpose()?;

    let mut transaction = app.database.begin().await?;
    offers::store::insert(&mut transaction, &offer).await?;
    let attested = requests::Attested {
        offer: &offer.id,
        channel,
        reference_sealed: sealed.as_deref(),
        register_match: comparison.summary,
        staff: &staff.name,
        now,
    };
    if !requests::attest(&mut transaction, id, &attested).await? {
        return Err(ApiError::from(DecisionError::Decided).into());
    }
    let event = app.environment.random.token();
    staff::store::record(&mut transaction, &event, now, &staff.name, "attest", id).await?;
    transaction.commit().await?;
    metrics::counter!("issuer_decisions_total", "decision" => "attested", "channel" => channel.name()).increment(1);
    tracing::info!(request = id, channel = channel.name(), "a request was attested");
    Ok(Decided { offer: offer.id })
}

/// Refuses a request with the reason that the citizen reads.
///
/// # Errors
/// [`Failure`]; nothing was decided then.
#[tracing::instrument(name = "attestations.refuse", skip_all, fields(request = id))]
pub async fn refuse(app: &Issuer, staff: &Staff, id: &str, reason: &str) -> Result<(), Failure> {
    let (request, _) = load(app, id).await?;
    let reason = rules::may_refuse(&request.decision, reason).map_err(ApiError::from)?;
    let sealed = app.secrets.seal(REASON, id, reason.as_bytes())?;
    let now = app.now();
    let mut transaction = app.database.begin().await?;
    if !requests::refuse(&mut transaction, id, &sealed, &staff.name, now).await? {
        return Err(ApiError::from(DecisionError::Decided).into());
    }
    let event = app.environment.random.token();
    staff::store::record(&mut transaction, &event, now, &staff.name, "refuse", id).await?;
    transaction.commit().await?;
    metrics::counter!("issuer_decisions_total", "decision" => "refused", "channel" => "none").increment(1);
    tracing::info!(request = id, "a request was refused");
    Ok(())
}

/// Makes a new offer for an attested request: the last one ended, its PIN was burnt, or the wallet was lost. The old one ends.
///
/// # Errors
/// [`Failure`]; the old offer stands then.
#[tracing::instrument(name = "attestations.offer_again", skip_all, fields(request = id))]
pub async fn offer_again(app: &Issuer, staff: &Staff, id: &str) -> Result<Decided, Failure> {
    let (request, attestation) = load(app, id).await?;
    let Decision::Attested { offer: old, channel, .. } = &request.decision else { return Err(Slug::Conflict.into()) };
    let channel = channel.ok_or(Slug::Conflict)?;
    let document = document(app, &request, attestation).await?;
    let now = app.now();
    let offer = app.desk().new_offer(Some(id), attestation, &document.credential_claims(channel))?;
    let mut transaction = app.database.begin().await?;
    offers::store::insert(&mut transaction, &offer).await?;
    offers::store::replace(&mut transaction, old).await?;
    if !requests::reoffer(&mut transaction, id, old, &offer.id, now).await? {
        return Err(Slug::Conflict.into());
    }
    let event = app.environment.random.token();
    staff::store::record(&mut transaction, &event, now, &staff.name, "offer-again", id).await?;
    transaction.commit().await?;
    tracing::info!(request = id, "a request was offered again");
    Ok(Decided { offer: offer.id })
}

async fn load<'a>(app: &'a Issuer, id: &str) -> Result<(Request, &'a AttestationConfig), Failure> {
    let request = requests::load(app.database.pool(), id).await?.ok_or(Slug::NotFound)?;
    let attestation = app
        .config
        .attestation(&request.attestation_type)
        .ok_or_else(|| ApiError::new(Slug::Refused).detail("the department does not attest this type any more"))?;
    Ok((request, attestation))
}

async fn document(app: &Issuer, request: &Request, attestation: &AttestationConfig) -> Result<Document, Failure> {
    let declared = request_rules::stored(&request.jws).map_err(ApiError::internal)?;
    match opening::open(app, attestation, &declared).await? {
        Opening::Whole(document) => Ok(document),
        Opening::Waiting => Err(ApiError::from(DecisionError::Waiting).into()),
    }
}
