//! Reading an HTTP answer with limits on its size and on its silences. The limit on the whole exchange is the request's.

use std::time::Duration;

use bytes::{Bytes, BytesMut};

/// Why an answer was not read to its end.
#[derive(Debug)]
pub(crate) enum AnswerError {
    /// Nothing came for too long.
    Idle,
    /// More bytes than the caller takes.
    TooLong,
    /// The connection failed or the time was up.
    Transfer(reqwest::Error),
}

/// The body, if it has at most `limit` bytes. Memory grows with what arrives, not with what is announced.
pub(crate) async fn read(mut response: reqwest::Response, limit: usize, idle: Duration) -> Result<Bytes, AnswerError> {
    let mut body = BytesMut::new();
    loop {
        let chunk = tokio::time::timeout(idle, response.chunk()).await.map_err(|_| AnswerError::Idle)?;
        let Some(chunk) = chunk.map_err(AnswerError::Transfer)? else { return Ok(body.freeze()) };
        if chunk.len() > limit - body.len() {
            return Err(AnswerError::TooLong);
        }
        body.extend_from_slice(&chunk);
    }
}

/// The beginning of an answer that is an error, as text for a log or a message. Control characters become spaces.
pub(crate) async fn excerpt(mut response: reqwest::Response) -> String {
    const MAX_CHARACTERS: usize = 300;
    let chunk = response.chunk().await.ok().flatten().unwrap_or_default();
    let text = String::from_utf8_lossy(&chunk);
    text.chars().take(MAX_CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}
