//! `POST /responses/{id}`: the wallet's answer (OpenID4VP 1.0 sections 8.2, 8.3.1 and 8.5).
//!
//! Nothing is used up before the answer is known to be for this request, nothing is kept of an answer that a check refuses, and
//! nobody is logged in before the receipt is final (I6). While the ledger is away the login stays open, and the wallet sends the
//! same answer again.

use axum::body::Bytes;
use axum::extract::{Path, State as FromState};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use futures::future::try_join_all;
use identity::dcql::VpToken;
use identity::jose::jwe::DecryptionKey;
use ledger::records::AuthorityRecord;
use service_kit::ApiError;
use service_kit::address::ClientAddress;
use service_kit::session::Token;
use tracing::Instrument as _;
use wire::oid4vp::ResponseAccepted;

use super::answer::{self, Content, Posted, Unreadable, WalletError};
use super::refusal::Refused;
use super::released::Released;
use super::rules::{self, Expected, Presented};
use super::status::StatusError;
use super::wallet_error::WalletProblem;
use crate::app::{App, Shared, database_error};
use crate::chain::ChainError;
use crate::logins::stage::{Stage, State};
use crate::logins::store::{self, Accepted, Login, Request};
use crate::logins::{Channel, GRACE_SECONDS, MAX_UNREADABLE_ANSWERS};
use crate::receipts::{self, Receipt};
use crate::rights;

const DAY_SECONDS: i64 = 86_400;

/// Where what a login released is sealed between answer and session.
pub fn place(login: &str) -> String {
    format!("logins/{login}")
}

/// The wallet's answer to a request.
#[utoipa::path(
    post,
    path = "/responses/{id}",
    tag = "wallet",
    params(("id" = String, Path, description = "The request's id, as in `response_uri`")),
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "`response`: the JWE (direct_post.jwt), or `error`, `error_description` and `state`"),
    responses(
        (status = 200, description = "Accepted and recorded, or the wallet's refusal was noted: `redirect_uri` and `yufu_receipt`, where there are any"),
        (status = 400, description = "Unreadable, or refused by a check", body = super::wallet_error::WalletErrorBody),
        (status = 404, description = "No such request", body = super::wallet_error::WalletErrorBody),
        (status = 410, description = "Answered, declined or expired", body = super::wallet_error::WalletErrorBody),
        (status = 503, description = "The ledger or a status list is away: send the same answer again", body = super::wallet_error::WalletErrorBody),
    )
)]
#[tracing::instrument(name = "presentations.respond", skip_all, fields(request = %id))]
pub async fn respond(
    FromState(app): FromState<Shared>,
    Path(id): Path<String>,
    address: ClientAddress,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, WalletProblem> {
    app.take_wallet(&address)?;
    let now = app.now();
    let request = store::find_request(&app.parts.database, &id).await.map_err(database_error)?;
    let request = request.ok_or(WalletProblem::Unknown)?;
    let login = store::find(&app.parts.database, &request.login).await.map_err(database_error)?;
    let login = login.ok_or(WalletProblem::Unknown)?;
    let digest = digest(&body);
    match login.stage(now) {
        Stage::Waiting | Stage::Opened => {}
        // The same answer again, after a failure of the ledger or of this service.
        Stage::Recording if login.answer_digest == digest => return go_on(&app, login).await,
        Stage::Ready | Stage::ReadyInRedirect | Stage::Completed if login.answer_digest == digest => {
            return Err(accepted_before(&app, &login).await?);
        }
        Stage::Expired => return Err(WalletProblem::Gone("request-expired")),
        Stage::Recording | Stage::Ready | Stage::ReadyInRedirect | Stage::Completed | Stage::Declined | Stage::Failed => {
            return Err(WalletProblem::Gone("request-answered"));
        }
    }
    let content = match read(&app, &request, &headers, &body) {
        Ok(content) => content,
        Err(unreadable) => return Err(note_unreadable(&app, &request, unreadable).await?),
    };
    match content {
        Content::Error(error) => declined(&app, &login, &error).await,
        Content::Presentations { vp_token, .. } => {
            let checked = match vp_token {
                Ok(vp_token) => check(&app, &login, &request, &vp_token).await,
                Err(error) => Err(Failure::Refused(error.into())),
            };
            match checked {
                Ok(checked) => accept(&app, &login, &request, &digest, checked).await,
                Err(Failure::Away(slug)) => Err(WalletProblem::Away(slug)),
                Err(Failure::Refused(refused)) => Err(failed(&app, &login, refused).await?),
            }
        }
    }
}

/// SHA-256 of what was posted: it tells the same answer from another one.
fn digest(body: &[u8]) -> String {
    use base64::Engine as _;
    use sha2::Digest as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(sha2::Sha256::digest(body))
}

/// Opens an answer and sees that it is for this request.
fn read(app: &App, request: &Request, headers: &HeaderMap, body: &[u8]) -> Result<Content, Unreadable> {
    if request.unreadable_answers >= MAX_UNREADABLE_ANSWERS {
        return Err(Unreadable::TooMany);
    }
    let media_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if media_type.split(';').next().is_none_or(|name| !name.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")) {
        return Err(Unreadable::Form);
    }
    let content = match answer::parse_form(body)? {
        Posted::Error(error) => Content::Error(error),
        Posted::Encrypted(encrypted) => {
            let key = response_key(app, &request.key_seed).ok_or(Unreadable::Encryption("key-erased"))?;
            answer::open(&encrypted, &key)?
        }
    };
    let state = match &content {
        Content::Presentations { state, .. } | Content::Error(WalletError { state, .. }) => state,
    };
    if *state == request.state_token { Ok(content) } else { Err(Unreadable::State) }
}

/// The decryption key of a request; `None` once it is erased.
pub(crate) fn response_key(app: &App, seed: &str) -> Option<DecryptionKey> {
    use base64::Engine as _;
    let seed = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(seed).ok()?;
    app.parts.storage_key.response_key(&seed.try_into().ok()?)
}

async fn note_unreadable(app: &App, request: &Request, unreadable: Unreadable) -> Result<WalletProblem, ApiError> {
    let mut transaction = app.parts.database.begin().await.map_err(database_error)?;
    store::count_unreadable(&mut transaction, &request.id).await.map_err(database_error)?;
    transaction.commit().await.map_err(database_error)?;
    Ok(unreadable.into())
}

/// The wallet said no: noted, shown in the browser, and answered with 200 (section 8.2).
async fn declined(app: &App, login: &Login, error: &WalletError) -> Result<Response, WalletProblem> {
    let mut transaction = app.parts.database.begin().await.map_err(database_error)?;
    let ended = store::end(&mut transaction, &login.id, State::Declined, error.code, app.now()).await;
    let ended = ended.map_err(database_error)?;
    transaction.commit().await.map_err(database_error)?;
    if !ended {
        return Err(WalletProblem::Gone("request-answered"));
    }
    metrics::counter!("verifier_logins_total", "outcome" => "declined").increment(1);
    tracing::info!(code = error.code, "the wallet declined");
    app.changed(&login.id);
    Ok(axum::Json(ResponseAccepted { redirect_uri: None, yufu_receipt: None }).into_response())
}

/// A check failed: the login is over, and the browser is told which check.
async fn failed(app: &App, login: &Login, refused: Refused) -> Result<WalletProblem, ApiError> {
    let mut transaction = app.parts.database.begin().await.map_err(database_error)?;
    let slug = refused.refusal.slug();
    let ended = store::end(&mut transaction, &login.id, State::Failed, slug, app.now()).await;
    let ended = ended.map_err(database_error)?;
    transaction.commit().await.map_err(database_error)?;
    if !ended {
        return Ok(WalletProblem::Gone("request-answered"));
    }
    metrics::counter!("verifier_logins_total", "outcome" => slug).increment(1);
    app.changed(&login.id);
    Ok(WalletProblem::Refused(refused))
}

/// Why an answer did not pass.
enum Failure {
    Refused(Refused),
    Away(&'static str),
}

impl From<Refused> for Failure {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

impl From<ChainError> for Failure {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Away(slug) => Self::Away(slug),
            ChainError::Refused(_) => Self::Away("ledger-refused"),
        }
    }
}

impl From<StatusError> for Failure {
    fn from(error: StatusError) -> Self {
        match error {
            StatusError::Refused(refused) => Self::Refused(refused),
            StatusError::Away(source) => {
                tracing::warn!(error = &source as &dyn std::error::Error, "a status list is away");
                Self::Away("status-list-away")
            }
        }
    }
}

/// An answer that passed.
struct Checked {
    presented: Vec<Presented>,
    released: Released,
}

/// The check list, each step with what it needs.
async fn check(app: &App, login: &Login, request: &Request, vp_token: &VpToken) -> Result<Checked, Failure> {
    let now = app.now();
    let parts = &app.parts;
    let policy = app.policy(Some(&login.purpose)).ok_or(super::Refusal::PurposeNotRegistered.because("purpose-removed"))?;
    let expected = Expected {
        client_id: &parts.party.client_id,
        nonce: &request.nonce,
        lifetime_seconds: parts.config.request_lifetime_seconds,
        anchors: &parts.anchors,
        genesis: &parts.genesis,
        now,
    };
    let presented = rules::read(vp_token, &expected)?;
    let (party, authorities) = futures::try_join!(
        async { Ok(parts.chain.party().await?) },
        try_join_all(presented.iter().map(|presented| check_credential(app, presented))),
    )?;
    let purpose = rules::check_query(&presented, policy, party.as_ref())?;
    let shown = Some(request.match_code.as_str()).filter(|code| !code.is_empty());
    rules::check_match_code(&presented, request.channel, shown, parts.config.match_code)?;
    let released = Released::of(&presented, &authorities, purpose, now);
    Ok(Checked { presented, released })
}

/// What ledger and status list say of one credential; its authority.
async fn check_credential(app: &App, presented: &Presented) -> Result<AuthorityRecord, Failure> {
    let chain = &app.parts.chain;
    let (authority, attested) = futures::try_join!(chain.authority(&presented.authority), chain.attestation(&presented.record))?;
    let now = app.now();
    let authority = rules::check_ledger(presented, authority.as_ref(), attested.as_ref(), now)?;
    let reference = rules::status_reference(presented, authority)?;
    let status = app.statuses.status(reference, authority, &app.parts.anchors, now).await?;
    rules::check_status(status)?;
    Ok(authority.clone())
}

/// Uses the request up: once, whoever races. Then the receipt goes to the ledger.
async fn accept(
    app: &Shared,
    login: &Login,
    request: &Request,
    digest: &str,
    checked: Checked,
) -> Result<Response, WalletProblem> {
    let Checked { presented, released } = checked;
    let first = presented.first().map(|presented| presented.key_binding_jwt.as_str()).unwrap_or_default();
    let (new_receipt, commitment_key) = receipts::commit(first, app.entropy(), app.entropy());
    let transaction = match app.parts.chain.prepare(new_receipt).await {
        Ok(transaction) => transaction,
        Err(ChainError::Away(slug)) => return Err(WalletProblem::Away(slug)),
        Err(error @ ChainError::Refused(_)) => return Err(ApiError::internal(error).into()),
    };
    let receipt = Receipt {
        id: new_receipt.id,
        login: login.id.clone(),
        purpose: released.purpose.clone(),
        transaction: transaction.id(),
        height: 0,
        commitment: new_receipt.commitment,
        commitment_key,
        key_bindings: presented.iter().map(|presented| presented.key_binding_jwt.clone()).collect(),
        consent: presented.iter().find_map(|presented| presented.consent.clone()),
        created_at: app.now(),
        // The session that shows it outlives a purpose that keeps nothing.
        delete_after: released.keep_until.max(app.now().saturating_add(DAY_SECONDS)),
    };
    let plaintext = zeroize::Zeroizing::new(serde_json::to_vec(&released).map_err(ApiError::internal)?);
    let sealed = app.parts.storage_key.seal(&place(&login.id), &[], &plaintext, &app.entropy());
    let accepted = Accepted { login: &login.id, request: &request.id, digest, released: &sealed };

    let mut database = app.parts.database.begin().await.map_err(database_error)?;
    let won = store::accept(&mut database, &accepted, app.now()).await.map_err(database_error)?;
    if !won {
        return Err(WalletProblem::Gone("request-answered"));
    }
    receipts::store::insert(&mut database, &receipt, &transaction).await.map_err(database_error)?;
    rights::store::index(&mut database, &receipt).await.map_err(database_error)?;
    database.commit().await.map_err(database_error)?;
    app.changed(&login.id);

    let login = Login { answered_channel: Some(request.channel), ..login.clone() };
    go_on(app, login).await
}

/// [`finish`] in a task of its own: a wallet whose connection breaks does not leave its citizen before a page that waits.
async fn go_on(app: &Shared, login: Login) -> Result<Response, WalletProblem> {
    let app = app.clone();
    let task = tokio::spawn(async move { finish(&app, &login).await }.in_current_span());
    task.await.map_err(ApiError::internal)?
}

/// The same answer again after it was accepted: its receipt once more, and nothing else.
async fn accepted_before(app: &App, login: &Login) -> Result<WalletProblem, ApiError> {
    let receipt = receipts::store::of_login(&app.parts.database, &login.id).await.map_err(database_error)?;
    Ok(match receipt {
        Some(receipt) => WalletProblem::Accepted(Box::new(receipt.opening())),
        None => WalletProblem::Gone("request-answered"),
    })
}

/// Records the receipt and, when it is final, releases the login to its browser. It can be begun again after a crash: the same
/// transaction has the same effect, and only one of many gets to release.
async fn finish(app: &Shared, login: &Login) -> Result<Response, WalletProblem> {
    let pending = receipts::store::pending_transaction(&app.parts.database, &login.id).await.map_err(database_error)?;
    let Some(pending) = pending else { return Err(WalletProblem::Gone("request-answered")) };
    let recorded = match app.parts.chain.record(&pending).await {
        Ok(recorded) => recorded,
        Err(ChainError::Away(slug)) => return Err(WalletProblem::Away(slug)),
        Err(error @ ChainError::Refused(_)) => return Err(ApiError::internal(error).into()),
    };
    let code = Token::from_entropy(app.entropy());
    let now = app.now();
    let mut database = app.parts.database.begin().await.map_err(database_error)?;
    let not_after = now.saturating_sub(GRACE_SECONDS);
    let won = store::release(&mut database, &login.id, &code.hash(), now, not_after).await.map_err(database_error)?;
    receipts::store::mark_final(&mut database, &login.id, recorded.height).await.map_err(database_error)?;
    database.commit().await.map_err(database_error)?;
    if !won {
        return Err(WalletProblem::Gone("request-answered"));
    }
    metrics::counter!("verifier_logins_total", "outcome" => "released").increment(1);
    tracing::info!(height = recorded.height, "a presentation was accepted and its receipt is final");
    app.changed(&login.id);
    let receipt = receipts::store::of_login(&app.parts.database, &login.id).await.map_err(database_error)?;
    // HAIP 1.0 section 5.1: the redirect is for the same device; another device's browser has no session to go on in.
    let redirect_uri = match login.answered_channel {
        Some(Channel::SameDevice) => {
            let mut url = app.url(&format!("/login/{}/complete", login.id));
            url.query_pairs_mut().append_pair("response_code", code.secret());
            Some(url.to_string())
        }
        Some(Channel::CrossDevice) | None => None,
    };
    let accepted = ResponseAccepted { redirect_uri, yufu_receipt: receipt.map(|receipt| receipt.opening()) };
    Ok(axum::Json(accepted).into_response())
}
