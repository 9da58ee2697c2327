//! Sessions of the website: an opaque token in a cookie, its hash in the database, what was released sealed with the token.
//!
//! A copy of the database opens no session and shows no attribute. A session ends after 15 idle minutes, after 8 hours, at
//! logout, and with the next login of the browser.

use axum::http::{HeaderMap, HeaderValue};
use identity::UnixSeconds;
use service_kit::ApiError;
use service_kit::cookies::SameSite;
use service_kit::session::Token;
use sqlx::{AnyConnection, Row as _};

use crate::app::{App, database_error};
use crate::presentations::released::Released;

/// The session's cookie.
const COOKIE: &str = "yufu-site-session";
/// Seconds without a request after which a session ends.
pub const IDLE_SECONDS: i64 = 15 * 60;
/// Seconds after which a session ends in any case.
pub const LIFETIME_SECONDS: i64 = 8 * 3600;
/// Seconds between two notes that a session is in use.
const TOUCH_SECONDS: i64 = 30;

/// A session that is in force.
pub struct Session {
    /// The login that it came from.
    pub login: String,
    /// What was released.
    pub released: Released,
    /// The token, for the forms of the page.
    pub token: Token,
}

/// The `Set-Cookie` value. `Lax`, because the wallet's redirect arrives from outside.
pub fn cookie(app: &App, token: &Token) -> HeaderValue {
    app.cookies.set(COOKIE, token.secret(), SameSite::Lax, None)
}

/// The `Set-Cookie` value that ends it.
pub fn clear(app: &App) -> HeaderValue {
    app.cookies.clear(COOKIE)
}

/// The token that a browser presents.
pub fn presented(app: &App, headers: &HeaderMap) -> Option<Token> {
    app.cookies.read(headers, COOKIE).as_deref().and_then(Token::presented)
}

fn place(token: &Token) -> String {
    format!("sessions/{}", token.hash())
}

/// Seals what was released so that only the bearer of the token can have it opened.
pub fn seal(app: &App, token: &Token, released: &[u8]) -> String {
    app.parts.storage_key.seal(&place(token), token.secret().as_bytes(), released, &app.entropy())
}

/// A new session.
pub async fn insert(
    connection: &mut AnyConnection,
    token: &Token,
    login: &str,
    sealed: &str,
    now: UnixSeconds,
) -> Result<(), sqlx::Error> {
    sqlx::query("INSERT INTO sessions (token, login, released, created_at, used_at) VALUES ($1, $2, $3, $4, $4)")
        .bind(token.hash())
        .bind(login.to_owned())
        .bind(sealed.to_owned())
        .bind(now)
        .execute(connection)
        .await?;
    Ok(())
}

/// Ends a session.
pub async fn delete(connection: &mut AnyConnection, token: &Token) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM sessions WHERE token = $1").bind(token.hash()).execute(connection).await?;
    Ok(())
}

/// Ends the sessions of a login.
pub async fn delete_of_login(connection: &mut AnyConnection, login: &str) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM sessions WHERE login = $1").bind(login.to_owned()).execute(connection).await?;
    Ok(())
}

/// Deletes the sessions that have ended.
pub async fn sweep(connection: &mut AnyConnection, now: UnixSeconds) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM sessions WHERE used_at <= $1 OR created_at <= $2")
        .bind(now.saturating_sub(IDLE_SECONDS))
        .bind(now.saturating_sub(LIFETIME_SECONDS))
        .execute(connection)
        .await?;
    Ok(())
}

/// The session of a request, if it is in force; notes that it is in use.
///
/// # Errors
/// When the database fails, or the sealed value does not open (another storage key).
pub async fn current(app: &App, headers: &HeaderMap) -> Result<Option<Session>, ApiError> {
    let Some(token) = presented(app, headers) else { return Ok(None) };
    let now = app.now();
    let query =
        sqlx::query("SELECT login, released, used_at FROM sessions WHERE token = $1 AND used_at > $2 AND created_at > $3");
    let query = query.bind(token.hash()).bind(now.saturating_sub(IDLE_SECONDS)).bind(now.saturating_sub(LIFETIME_SECONDS));
    let row = query.fetch_optional(&app.parts.database).await.map_err(database_error)?;
    let Some(row) = row else { return Ok(None) };
    let read = || -> Result<(String, String, i64), sqlx::Error> { Ok((row.try_get(0)?, row.try_get(1)?, row.try_get(2)?)) };
    let (login, sealed, used_at) = read().map_err(database_error)?;
    if now.saturating_sub(used_at) >= TOUCH_SECONDS {
        let touch = sqlx::query("UPDATE sessions SET used_at = $2 WHERE token = $1").bind(token.hash()).bind(now);
        touch.execute(&app.parts.database).await.map_err(database_error)?;
    }
    let secret = token.secret().as_bytes();
    let released = app.parts.storage_key.open(&place(&token), secret, &sealed).map_err(ApiError::internal)?;
    let released = serde_json::from_slice(&released).map_err(ApiError::internal)?;
    Ok(Some(Session { login, released, token }))
}
