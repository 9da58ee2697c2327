//! Signing in and out, and the session of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use service_kit::ApiError;
use service_kit::address::ClientAddress;
use service_kit::session::Token;

use super::{Staff, password, rules, store};
use crate::app::Issuer;
use crate::failure::Failure;

/// The cookie of a console session.
pub const COOKIE: &str = "yufu-console";

/// A request of a clerk who is signed in.
#[derive(Clone, Debug)]
pub struct Session {
    /// Who.
    pub staff: Staff,
    /// The session's token: what forms are bound to.
    pub token: Token,
}

/// Why a request has no session: not signed in, or it cannot be told now.
#[derive(Debug)]
pub enum NoSession {
    /// Sign in first.
    SignIn,
    /// The database failed.
    Failed(Failure),
}

impl FromRequestParts<Arc<Issuer>> for Session {
    type Rejection = NoSession;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<Issuer>) -> Result<Self, NoSession> {
        let cookie = app.cookies.read(&parts.headers, COOKIE);
        let token = cookie.as_deref().and_then(Token::presented).ok_or(NoSession::SignIn)?;
        let failed = |error: sqlx::Error| NoSession::Failed(error.into());
        let hash = token.hash();
        let row = store::session(app.database.pool(), &hash).await.map_err(failed)?.ok_or(NoSession::SignIn)?;
        let now = app.now();
        // A clerk who was taken out of the configuration is out at once.
        let member = app.config.staff.iter().find(|member| member.name == row.staff).ok_or(NoSession::SignIn)?;
        if !rules::is_live(row.created_at, row.seen_at, now) {
            return Err(NoSession::SignIn);
        }
        store::seen(app.database.pool(), &hash, now).await.map_err(failed)?;
        Ok(Self { staff: member.into(), token })
    }
}

/// Why nobody was signed in.
#[derive(Debug)]
pub enum SignInError {
    /// Name or password are wrong; which one is not said.
    Wrong,
    /// Too many wrong ones.
    Locked,
    /// It cannot be told now.
    Failed(Failure),
}

impl From<sqlx::Error> for SignInError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(error.into())
    }
}

impl From<ApiError> for SignInError {
    fn from(error: ApiError) -> Self {
        Self::Failed(error.into())
    }
}

/// Signs in with name and password; gives the token of a new session.
///
/// # Errors
/// [`SignInError`].
#[tracing::instrument(name = "staff.sign_in", skip_all)]
pub async fn sign_in(app: &Issuer, client: ClientAddress, name: &str, password: &str) -> Result<Token, SignInError> {
    app.limit(&app.rates.sign_ins, client)?;
    let now = app.now();
    let member = app.config.staff.iter().find(|member| member.name == name);
    // Names that do not exist are counted under one subject, so that strangers cannot fill the table.
    let account = format!("account:{}", member.map_or("?", |member| &member.name));
    let from_here = format!("{account}@{}", client.0);
    let pool = app.database.pool();
    if !rules::may_try(store::failures(pool, &account).await?, store::failures(pool, &from_here).await?, now) {
        metrics::counter!("issuer_sign_ins_total", "outcome" => "locked").increment(1);
        return Err(SignInError::Locked);
    }
    let hash = member.map_or(password::NOBODY, |member| &member.password_hash).to_owned();
    let password = password.to_owned();
    let matches = tokio::task::spawn_blocking(move || password::verify(&password, &hash)).await;
    let matches = matches.map_err(|e| SignInError::Failed(ApiError::internal(e).into()))?;

    let mut transaction = app.database.begin().await?;
    let Some(member) = member.filter(|_| matches) else {
        store::failed(&mut transaction, &account, now).await?;
        store::failed(&mut transaction, &from_here, now).await?;
        transaction.commit().await?;
        metrics::counter!("issuer_sign_ins_total", "outcome" => "wrong").increment(1);
        return Err(SignInError::Wrong);
    };
    let token = Token::from_entropy(app.environment.entropy());
    store::succeeded(&mut transaction, &from_here).await?;
    store::begin(&mut transaction, &token.hash(), &member.name, now).await?;
    let event = app.environment.random.token();
    store::record(&mut transaction, &event, now, &member.name, "sign-in", "console").await?;
    transaction.commit().await?;
    metrics::counter!("issuer_sign_ins_total", "outcome" => "signed_in").increment(1);
    Ok(token)
}

/// Ends the session.
///
/// # Errors
/// When the database fails.
pub async fn sign_out(app: &Issuer, session: &Session) -> Result<(), Failure> {
    store::end(app.database.pool(), &session.token.hash()).await?;
    Ok(())
}
