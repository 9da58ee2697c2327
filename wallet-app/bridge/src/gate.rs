//! Who may ask: start tokens, one session at a time, and where a request came from.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use clients::Environment;
use identity::UnixSeconds;
use subtle::ConstantTimeEq as _;

/// A start token works for so long.
const START_SECONDS: i64 = 600;
/// Start tokens that wait at a time; the oldest goes.
const MAX_STARTS: usize = 16;
/// The session's cookie.
const COOKIE: &str = "yufu_wallet";
/// The header with the session's proof.
pub(crate) const PROOF: &str = "yufu-proof";

/// Makes start tokens: for who shows the link to the person at this machine.
#[derive(Clone)]
pub struct Starts {
    environment: Environment,
    waiting: Arc<Mutex<Vec<(String, UnixSeconds)>>>,
}

impl std::fmt::Debug for Starts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Starts(…)")
    }
}

impl Starts {
    /// No token yet.
    pub fn new(environment: Environment) -> Self {
        Self { environment, waiting: Arc::default() }
    }

    /// A new token.
    pub fn make(&self) -> String {
        let token = secret(&self.environment);
        let mut waiting = self.lock();
        if waiting.len() >= MAX_STARTS {
            waiting.remove(0);
        }
        waiting.push((token.clone(), self.environment.now()));
        token
    }

    /// Whether it is a token that waits; it does not afterwards.
    pub(crate) fn take(&self, token: &str) -> bool {
        let now = self.environment.now();
        let mut waiting = self.lock();
        waiting.retain(|(_, made_at)| (0..START_SECONDS).contains(&now.saturating_sub(*made_at)));
        let found = waiting.iter().position(|(known, _)| same(known, token));
        found.map(|number| waiting.remove(number)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(String, UnixSeconds)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one session.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    cookie: String,
    pub(crate) proof: String,
}

impl Session {
    pub(crate) fn new(environment: &Environment) -> Self {
        Self { cookie: secret(environment), proof: secret(environment) }
    }

    /// What the browser is told to keep.
    pub(crate) fn set_cookie(&self) -> String {
        format!("{COOKIE}={}; Path=/; HttpOnly; SameSite=Strict", self.cookie)
    }

    /// Whether a request has both the cookie and the proof.
    pub(crate) fn is_of(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
        let ours = cookies.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        let has_cookie = ours.filter(|(name, _)| *name == COOKIE).any(|(_, value)| same(value, &self.cookie));
        has_cookie && headers.get(PROOF).and_then(|value| value.to_str().ok()).is_some_and(|proof| same(proof, &self.proof))
    }
}

/// Whether a request was sent to this very address: a browser that was led here by somebody's DNS sends another name.
pub(crate) fn is_for(host: &str, headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    matches!((hosts.next(), hosts.next()), (Some(found), None) if found.as_bytes() == host.as_bytes())
}

/// Whether a request comes from this very page. Browsers say so with every request that is not a plain fetching of a page.
pub(crate) fn is_from(host: &str, headers: &HeaderMap) -> bool {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let expected = format!("http://{host}");
    matches!((origins.next(), origins.next()), (Some(found), None) if found.as_bytes() == expected.as_bytes())
}

fn secret(environment: &Environment) -> String {
    URL_SAFE_NO_PAD.encode(environment.entropy())
}

fn same(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}
