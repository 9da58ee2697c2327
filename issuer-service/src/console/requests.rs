//! Requests: the list, one request with its document, and the decisions.

use std::sync::Arc;

use axum::extract::{OriginalUri, Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Deserialize;
use service_kit::extract::FormBody;
use service_kit::{ApiError, Language, Slug};
use wire::issuer::AttributeRequest;

use super::answers::{attachment, check_id, file, page, see, shown};
use super::credentials::line as issuance_line;
use super::pages::{ClaimLine, EventLine, Frame, OfferView, PaperLine, RequestLine, RequestPage, RequestsPage, Shown};
use super::sign_in::check_form;
use super::words::{Tongue, number};
use crate::app::Issuer;
use crate::attestations::{self, Channel, RegisterMatch, register};
use crate::config::AttestationConfig;
use crate::credentials::store as issuances;
use crate::failure::Failure;
use crate::offers::{self, store as offer_store};
use crate::requests::opening::{self, Document, NotOpened, Opening, Paper};
use crate::requests::rules as request_rules;
use crate::requests::store::{self, Blobs, Decision, Request};
use crate::secrets::{REASON, REFERENCE};
use crate::staff::{self, Session};
use crate::status;

#[derive(Deserialize)]
pub(super) struct AttestForm {
    csrf: String,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    reference: String,
}

#[derive(Deserialize)]
pub(super) struct RefuseForm {
    csrf: String,
    #[serde(default)]
    reason: String,
}

#[derive(Deserialize)]
pub(super) struct OfferForm {
    csrf: String,
}

pub(super) async fn list(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let result = async {
        let pool = app.database.pool();
        let lines = |requests: Vec<Request>| requests.iter().map(|r| line(&app, language, r)).collect();
        let waiting = store::count_pending(pool).await?;
        let template = RequestsPage {
            frame: Frame::inside(&app, language, &session, "requests", waiting),
            pending: lines(store::pending(pool).await?),
            decided: lines(store::decided(pool).await?),
        };
        page(language, uri.query(), &template)
    };
    shown(&app, language, result.await)
}

fn line(app: &Issuer, language: Language, request: &Request) -> RequestLine {
    let kind = app.config.attestation(&request.attestation_type);
    RequestLine {
        id: request.id.clone(),
        number: number(&request.id),
        kind: kind.map_or_else(|| request.attestation_type.clone(), |kind| Tongue(language).of(&kind.name)),
        received: request.received_at.into(),
        changed: request.changed_at.into(),
        waiting_for_blob: request.blobs == Blobs::Missing,
        state: match request.decision {
            Decision::Pending => "pending",
            Decision::Attested { .. } => "attested",
            Decision::Refused { .. } => "refused",
        },
        decided_by: request.decided_by.clone().unwrap_or_default(),
    }
}

pub(super) async fn show(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path(id): Path<String>,
    OriginalUri(uri): OriginalUri,
) -> Response {
    let result = async {
        check_id(&id)?;
        let template = request_page(&app, language, &session, &id).await?;
        page(language, uri.query(), &template)
    };
    shown(&app, language, result.await)
}

async fn request_page(app: &Issuer, language: Language, session: &Session, id: &str) -> Result<RequestPage, Failure> {
    let l = Tongue(language);
    let pool = app.database.pool();
    let (request, declared, attestation) = load(app, id).await?;
    note_view(app, session, id).await?;
    let (document, summary) = match opening::open(app, attestation, &declared).await {
        Ok(Opening::Whole(document)) => whole(app, l, attestation, &document),
        Ok(Opening::Waiting) => (Shown::Waiting, RegisterMatch::None),
        Err(NotOpened::Refused(error)) => (Shown::Refused(service_kit::problem::chain(&error)), RegisterMatch::None),
        Err(NotOpened::Failed(failure)) => {
            let error = ApiError::from(failure);
            error.log();
            (Shown::Away(l.of(&error.slug().sentence())), RegisterMatch::None)
        }
    };
    if request.blobs == Blobs::Missing && matches!(document, Shown::Document { .. }) {
        store::blobs_arrived(pool, id).await?;
    }
    let decided = decided(app, l, &request).await?;
    let issued = issuances::of_request(pool, id).await?;
    let live = issuances::live_of_holder(pool, id).await?.len();
    let events = staff::store::events(pool, id).await?;
    let waiting = store::count_pending(pool).await?;
    Ok(RequestPage {
        frame: Frame::inside(app, language, session, "requests", waiting),
        line: line(app, language, &request),
        holder: declared.iss.to_string(),
        document,
        may_register: summary == RegisterMatch::Same,
        channel: l.channel(decided.channel),
        reference: decided.reference,
        reason: decided.reason,
        offer: decided.offer,
        live,
        issuances: issued.iter().map(|issuance| issuance_line(app, language, issuance)).collect(),
        events: events
            .into_iter()
            .map(|event| EventLine { at: event.at.into(), action: l.action(&event.action), staff: event.staff })
            .collect(),
    })
}

/// What a page shows of a decision.
#[derive(Default)]
struct Decided {
    channel: Option<Channel>,
    reference: String,
    offer: Option<OfferView>,
    reason: String,
}

async fn decided(app: &Issuer, l: Tongue, request: &Request) -> Result<Decided, Failure> {
    let open = |column, sealed: &str| -> Result<String, Failure> {
        Ok(String::from_utf8_lossy(&app.secrets.open(column, &request.id, sealed)?).into_owned())
    };
    Ok(match &request.decision {
        Decision::Pending => Decided::default(),
        Decision::Attested { offer, channel, reference_sealed } => Decided {
            channel: *channel,
            reference: reference_sealed.as_deref().map_or(Ok(String::new()), |sealed| open(REFERENCE, sealed))?,
            offer: offer_view(app, l, offer).await?,
            reason: String::new(),
        },
        Decision::Refused { reason_sealed } => Decided { reason: open(REASON, reason_sealed)?, ..Decided::default() },
    })
}

fn whole(app: &Issuer, l: Tongue, attestation: &AttestationConfig, document: &Document) -> (Shown, RegisterMatch) {
    let comparison = register::compare(&app.registers, attestation, &document.claims);
    let claims = attestation.claims.iter().map(|claim| {
        let (class, result) = l.field(comparison.fields.get(&claim.name).copied());
        let value = document.claims.get(&claim.name).cloned().unwrap_or_default();
        ClaimLine { label: l.of(&claim.label), value, class, result }
    });
    let shown = Shown::Document {
        claims: claims.collect(),
        has_portrait: document.portrait.is_some(),
        papers: document.papers.iter().enumerate().map(|(number, paper)| paper_line(l, number, paper)).collect(),
        summary: l.register(comparison.summary),
        summary_class: comparison.summary.name(),
        has_register: comparison.summary != RegisterMatch::None,
    };
    (shown, comparison.summary)
}

fn paper_line(l: Tongue, number: usize, paper: &Paper) -> PaperLine {
    let is_picture = paper.media_type.starts_with("image/");
    PaperLine { number, name: l.paper(paper.kind), is_picture, kib: paper.bytes.len().div_ceil(1024) }
}

async fn offer_view(app: &Issuer, l: Tongue, id: &str) -> Result<Option<OfferView>, Failure> {
    let Some(offer) = offer_store::load(app.database.pool(), id).await? else { return Ok(None) };
    let open = offer.is_open(app.now());
    let ended = match offer.state.as_str() {
        "redeemed" => l.t("领取码已使用。", "The code was used."),
        "burnt" => l.t("PIN 输错三次，领取码已作废。", "The PIN was wrong three times; the code is void."),
        _ => l.t("领取码已过期。", "The code has expired."),
    };
    Ok(Some(OfferView {
        pin: app.secrets.pin(id),
        link: offers::link(&app.desk().offer_uri(id)),
        ends: offer.expires_at.into(),
        open,
        ended,
    }))
}

/// X040: whoever of the staff looks at a citizen's document leaves a trace.
async fn note_view(app: &Issuer, session: &Session, id: &str) -> Result<(), Failure> {
    let event = app.environment.random.token();
    let mut transaction = app.database.begin().await?;
    staff::store::record(&mut transaction, &event, app.now(), &session.staff.name, "view", id).await?;
    transaction.commit().await?;
    Ok(())
}

async fn load<'a>(app: &'a Issuer, id: &str) -> Result<(Request, AttributeRequest, &'a AttestationConfig), Failure> {
    let request = store::load(app.database.pool(), id).await?.ok_or(Slug::NotFound)?;
    let declared = request_rules::stored(&request.jws).map_err(ApiError::internal)?;
    let attestation = app.config.attestation(&request.attestation_type).ok_or(Slug::NotFound)?;
    Ok((request, declared, attestation))
}

pub(super) async fn portrait(
    State(app): State<Arc<Issuer>>,
    language: Language,
    _session: Session,
    Path(id): Path<String>,
) -> Response {
    let result = async {
        check_id(&id)?;
        let (_, declared, attestation) = load(&app, &id).await?;
        let Opening::Whole(document) = opening::open(&app, attestation, &declared).await? else {
            return Err(Slug::NotFound.into());
        };
        let portrait = document.portrait.ok_or(Slug::NotFound)?;
        Ok(file(portrait.media_type, portrait.bytes))
    };
    shown(&app, language, result.await)
}

/// A document: a picture for the page, a PDF to be saved. What it is was found out from its bytes.
pub(super) async fn paper(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path((id, number)): Path<(String, usize)>,
) -> Response {
    let result = async {
        check_id(&id)?;
        let (_, declared, attestation) = load(&app, &id).await?;
        let Opening::Whole(document) = opening::open(&app, attestation, &declared).await? else {
            return Err(Slug::NotFound.into());
        };
        let paper = document.papers.into_iter().nth(number).ok_or(Slug::NotFound)?;
        if paper.media_type.starts_with("image/") {
            return Ok(file(paper.media_type, paper.bytes));
        }
        // Pictures come with the page, which was noted; what is saved is noted by itself.
        note_view(&app, &session, &id).await?;
        Ok(attachment(paper.media_type, &format!("{}-{}.pdf", paper.kind.name(), number + 1), paper.bytes))
    };
    shown(&app, language, result.await)
}

/// The offer as a QR code, for the citizen at the counter. The PIN is told, not shown in it.
pub(super) async fn offer_code(
    State(app): State<Arc<Issuer>>,
    language: Language,
    _session: Session,
    Path(id): Path<String>,
) -> Response {
    let result = async {
        check_id(&id)?;
        let (request, ..) = load(&app, &id).await?;
        let Decision::Attested { offer, .. } = request.decision else { return Err(Slug::NotFound.into()) };
        let code = QrCode::new(offers::link(&app.desk().offer_uri(&offer))).map_err(ApiError::internal)?;
        let picture = code.render::<svg::Color<'_>>().min_dimensions(220, 220).quiet_zone(true).build();
        Ok(file("image/svg+xml", picture))
    };
    shown(&app, language, result.await)
}

pub(super) async fn attest(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    FormBody(form): FormBody<AttestForm>,
) -> Response {
    let result = async {
        check_id(&id)?;
        check_form(&app, &session, &headers, &form.csrf)?;
        attestations::attest(&app, &session.staff, &id, Channel::from_name(&form.channel), &form.reference).await?;
        Ok(see(&format!("/console/requests/{id}")))
    };
    shown(&app, language, result.await)
}

pub(super) async fn refuse(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    FormBody(form): FormBody<RefuseForm>,
) -> Response {
    let result = async {
        check_id(&id)?;
        check_form(&app, &session, &headers, &form.csrf)?;
        attestations::refuse(&app, &session.staff, &id, &form.reason).await?;
        Ok(see(&format!("/console/requests/{id}")))
    };
    shown(&app, language, result.await)
}

pub(super) async fn offer_again(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    FormBody(form): FormBody<OfferForm>,
) -> Response {
    let result = async {
        check_id(&id)?;
        check_form(&app, &session, &headers, &form.csrf)?;
        attestations::offer_again(&app, &session.staff, &id).await?;
        Ok(see(&format!("/console/requests/{id}")))
    };
    shown(&app, language, result.await)
}

pub(super) async fn lost_phone(
    State(app): State<Arc<Issuer>>,
    language: Language,
    session: Session,
    Path(id): Path<String>,
    headers: HeaderMap,
    FormBody(form): FormBody<OfferForm>,
) -> Response {
    let result = async {
        check_id(&id)?;
        check_form(&app, &session, &headers, &form.csrf)?;
        load(&app, &id).await?;
        status::lost_phone(&app, &session.staff, &id).await?;
        Ok(see(&format!("/console/requests/{id}")))
    };
    shown(&app, language, result.await)
}
