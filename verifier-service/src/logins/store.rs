//! Logins and their requests in the database. Every change of state is one conditional update: it says whether it won.

use identity::UnixSeconds;
use sqlx::any::AnyRow;
use sqlx::{Any, AnyConnection, Executor, Row as _};

use super::Channel;
use super::stage::State;

/// A login.
#[derive(Clone, Debug)]
pub struct Login {
    /// Its id: 128 random bits.
    pub id: String,
    /// Hash of the secret in the browser's cookie.
    pub browser: String,
    /// The purpose's id.
    pub purpose: String,
    /// Where it stands.
    pub state: State,
    /// What ended it: a refusal's slug or a wallet's error code; empty before.
    pub failure: String,
    /// When it began.
    pub created_at: UnixSeconds,
    /// When its requests end.
    pub expires_at: UnixSeconds,
    /// When a wallet first fetched a request; 0 before.
    pub opened_at: UnixSeconds,
    /// The request that was answered; empty before.
    pub answered_request: String,
    /// The channel of that request.
    pub answered_channel: Option<Channel>,
    /// SHA-256 of the accepted answer; empty before.
    pub answer_digest: String,
    /// What was released, sealed; empty before and after.
    pub released: String,
    /// Hash of the response code; empty before.
    pub response_code: String,
}

/// A request of a login.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its id: 128 random bits.
    pub id: String,
    /// Its login.
    pub login: String,
    /// For which channel.
    pub channel: Channel,
    /// 256 random bits.
    pub nonce: String,
    /// The `state` of the protocol.
    pub state_token: String,
    /// Seed of the decryption key; empty once erased.
    pub key_seed: String,
    /// The code on the login page; empty for the same device.
    pub match_code: String,
    /// The candidates; empty for the same device.
    pub match_codes: Vec<String>,
    /// How often it was fetched.
    pub fetches: i64,
    /// How many answers could not be read.
    pub unreadable_answers: i64,
}

/// What ended a login whose holder took the consent back, or wanted it deleted, before the browser had its session.
pub const WITHDRAWN: &str = "withdrawn";

const LOGIN: &str = "SELECT l.id, l.browser, l.purpose, l.state, l.failure, l.created_at, l.expires_at, l.opened_at, \
                     l.answered_request, l.answer_digest, l.released, l.response_code, \
                     COALESCE(r.channel, '') AS channel \
                     FROM logins l LEFT JOIN requests r ON r.id = l.answered_request WHERE l.id = $1";

fn corrupt(what: &'static str) -> sqlx::Error {
    sqlx::Error::Decode(format!("the database holds an unknown {what}").into())
}

fn login(row: &AnyRow) -> Result<Login, sqlx::Error> {
    let state: String = row.try_get("state")?;
    let channel: String = row.try_get("channel")?;
    Ok(Login {
        id: row.try_get("id")?,
        browser: row.try_get("browser")?,
        purpose: row.try_get("purpose")?,
        state: State::from_name(&state).ok_or_else(|| corrupt("state"))?,
        failure: row.try_get("failure")?,
        created_at: row.try_get("created_at")?,
        expires_at: row.try_get("expires_at")?,
        opened_at: row.try_get("opened_at")?,
        answered_request: row.try_get("answered_request")?,
        answered_channel: Channel::from_name(&channel),
        answer_digest: row.try_get("answer_digest")?,
        released: row.try_get("released")?,
        response_code: row.try_get("response_code")?,
    })
}

/// The login of this id.
pub async fn find<'e, E: Executor<'e, Database = Any>>(executor: E, id: &str) -> Result<Option<Login>, sqlx::Error> {
    let row = sqlx::query(LOGIN).bind(id.to_owned()).fetch_optional(executor).await?;
    row.as_ref().map(login).transpose()
}

/// A new login.
pub async fn insert(connection: &mut AnyConnection, login: &Login) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO logins (id, browser, purpose, state, failure, created_at, expires_at, opened_at, \
         answered_request, answer_digest, released, response_code, released_at) \
         VALUES ($1, $2, $3, $4, '', $5, $6, 0, '', '', '', '', 0)",
    )
    .bind(login.id.clone())
    .bind(login.browser.clone())
    .bind(login.purpose.clone())
    .bind(login.state.as_str())
    .bind(login.created_at)
    .bind(login.expires_at)
    .execute(connection)
    .await?;
    Ok(())
}

/// A new request.
pub async fn insert_request(connection: &mut AnyConnection, request: &Request) -> Result<(), sqlx::Error> {
    sqlx::query(
        "INSERT INTO requests (id, login, channel, nonce, state_token, key_seed, match_code, match_codes, fetches, \
         unreadable_answers) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0)",
    )
    .bind(request.id.clone())
    .bind(request.login.clone())
    .bind(request.channel.as_str())
    .bind(request.nonce.clone())
    .bind(request.state_token.clone())
    .bind(request.key_seed.clone())
    .bind(request.match_code.clone())
    .bind(request.match_codes.join(" "))
    .execute(connection)
    .await?;
    Ok(())
}

/// The request of this id.
pub async fn find_request<'e, E: Executor<'e, Database = Any>>(executor: E, id: &str) -> Result<Option<Request>, sqlx::Error> {
    let row = sqlx::query("SELECT * FROM requests WHERE id = $1").bind(id.to_owned()).fetch_optional(executor).await?;
    row.as_ref().map(request).transpose()
}

/// The requests of a login.
pub async fn requests_of<'e, E: Executor<'e, Database = Any>>(executor: E, login: &str) -> Result<Vec<Request>, sqlx::Error> {
    let rows = sqlx::query("SELECT * FROM requests WHERE login = $1").bind(login.to_owned()).fetch_all(executor).await?;
    rows.iter().map(request).collect()
}

fn request(row: &AnyRow) -> Result<Request, sqlx::Error> {
    let channel: String = row.try_get("channel")?;
    let match_codes: String = row.try_get("match_codes")?;
    Ok(Request {
        id: row.try_get("id")?,
        login: row.try_get("login")?,
        channel: Channel::from_name(&channel).ok_or_else(|| corrupt("channel"))?,
        nonce: row.try_get("nonce")?,
        state_token: row.try_get("state_token")?,
        key_seed: row.try_get("key_seed")?,
        match_code: row.try_get("match_code")?,
        match_codes: match_codes.split_ascii_whitespace().map(str::to_owned).collect(),
        fetches: row.try_get("fetches")?,
        unreadable_answers: row.try_get("unreadable_answers")?,
    })
}

/// Counts a fetch; false when there were `limit` before.
pub async fn count_fetch(connection: &mut AnyConnection, id: &str, limit: i64) -> Result<bool, sqlx::Error> {
    let query = sqlx::query("UPDATE requests SET fetches = fetches + 1 WHERE id = $1 AND fetches < $2");
    Ok(query.bind(id.to_owned()).bind(limit).execute(connection).await?.rows_affected() == 1)
}

/// Counts an answer that could not be read.
pub async fn count_unreadable(connection: &mut AnyConnection, id: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::query("UPDATE requests SET unreadable_answers = unreadable_answers + 1 WHERE id = $1");
    query.bind(id.to_owned()).execute(connection).await?;
    Ok(())
}

/// Notes when a wallet first fetched a request.
pub async fn mark_opened(connection: &mut AnyConnection, id: &str, now: UnixSeconds) -> Result<bool, sqlx::Error> {
    let query = sqlx::query("UPDATE logins SET opened_at = $2 WHERE id = $1 AND opened_at = 0");
    Ok(query.bind(id.to_owned()).bind(now).execute(connection).await?.rows_affected() == 1)
}

/// What an accepted answer leaves behind.
pub struct Accepted<'a> {
    /// The login.
    pub login: &'a str,
    /// The request that was answered.
    pub request: &'a str,
    /// SHA-256 of the answer.
    pub digest: &'a str,
    /// What was released, sealed.
    pub released: &'a str,
}

/// Open → recording: the one moment at which an answer is used up. False when another answer, or time, was first.
pub async fn accept(connection: &mut AnyConnection, accepted: &Accepted<'_>, now: UnixSeconds) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(
        "UPDATE logins SET state = 'recording', answered_request = $2, answer_digest = $3, released = $4 \
         WHERE id = $1 AND state = 'open' AND expires_at > $5",
    );
    let done = query
        .bind(accepted.login.to_owned())
        .bind(accepted.request.to_owned())
        .bind(accepted.digest.to_owned())
        .bind(accepted.released.to_owned())
        .bind(now)
        .execute(&mut *connection)
        .await?;
    if done.rows_affected() == 1 {
        erase_keys(connection, accepted.login).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Open → declined or failed. False when it was not open any more.
pub async fn end(
    connection: &mut AnyConnection,
    id: &str,
    state: State,
    failure: &str,
    now: UnixSeconds,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query("UPDATE logins SET state = $2, failure = $3 WHERE id = $1 AND state = 'open' AND expires_at > $4");
    let done =
        query.bind(id.to_owned()).bind(state.as_str()).bind(failure.to_owned()).bind(now).execute(&mut *connection).await?;
    if done.rows_affected() == 1 {
        erase_keys(connection, id).await?;
    }
    Ok(done.rows_affected() == 1)
}

/// Recording → released, with the hash of the response code. False when it was done before or is too late.
pub async fn release(
    connection: &mut AnyConnection,
    id: &str,
    response_code: &str,
    now: UnixSeconds,
    not_after: UnixSeconds,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(
        "UPDATE logins SET state = 'released', response_code = $2, released_at = $3 \
         WHERE id = $1 AND state = 'recording' AND expires_at > $4",
    );
    let query = query.bind(id.to_owned()).bind(response_code.to_owned()).bind(now).bind(not_after);
    Ok(query.execute(connection).await?.rows_affected() == 1)
}

/// Released → completed, for the browser that began; nothing that was released stays here. False when it was done before.
pub async fn complete(connection: &mut AnyConnection, id: &str, browser: &str) -> Result<bool, sqlx::Error> {
    let query = sqlx::query(
        "UPDATE logins SET state = 'completed', released = '', response_code = '' \
         WHERE id = $1 AND browser = $2 AND state = 'released'",
    );
    Ok(query.bind(id.to_owned()).bind(browser.to_owned()).execute(connection).await?.rows_affected() == 1)
}

/// Erases what a login released, on its holder's wish. A browser that has no session yet gets none.
pub async fn erase(connection: &mut AnyConnection, id: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::query(
        "UPDATE logins SET state = 'declined', failure = $2, released = '', response_code = '' \
         WHERE id = $1 AND state IN ('recording', 'released')",
    );
    query.bind(id.to_owned()).bind(WITHDRAWN).execute(connection).await?;
    Ok(())
}

async fn erase_keys(connection: &mut AnyConnection, login: &str) -> Result<(), sqlx::Error> {
    let query = sqlx::query("UPDATE requests SET key_seed = '' WHERE login = $1");
    query.bind(login.to_owned()).execute(connection).await?;
    Ok(())
}

/// Erases what is over: decryption keys at once, what was released and never fetched, and after an hour the logins.
pub async fn sweep(connection: &mut AnyConnection, now: UnixSeconds, grace_seconds: i64) -> Result<(), sqlx::Error> {
    const KEEP_SECONDS: i64 = 3_600;
    sqlx::query(
        "UPDATE requests SET key_seed = '' WHERE key_seed <> '' AND login IN (SELECT id FROM logins WHERE expires_at <= $1)",
    )
    .bind(now)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE logins SET released = '', response_code = '' WHERE released <> '' AND expires_at <= $1")
        .bind(now.saturating_sub(grace_seconds))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM requests WHERE login IN (SELECT id FROM logins WHERE expires_at <= $1)")
        .bind(now.saturating_sub(KEEP_SECONDS))
        .execute(&mut *connection)
        .await?;
    sqlx::query("DELETE FROM logins WHERE expires_at <= $1")
        .bind(now.saturating_sub(KEEP_SECONDS))
        .execute(&mut *connection)
        .await?;
    Ok(())
}

/// Whether a browser's secret is one that we gave since then.
pub async fn has_browser<'e, E: Executor<'e, Database = Any>>(
    executor: E,
    browser: &str,
    since: UnixSeconds,
) -> Result<bool, sqlx::Error> {
    let query = sqlx::query("SELECT id FROM logins WHERE browser = $1 AND created_at > $2 LIMIT 1");
    Ok(query.bind(browser.to_owned()).bind(since).fetch_optional(executor).await?.is_some())
}
