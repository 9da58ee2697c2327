//! The way into a console of its own address: a login by the keys that the ledger names, and what stands between a visitor and each page.
//!
//! Nobody has a password. An operator is whoever holds a ledger key of the authority that runs this node; a supervisor, of an authority that
//! is accredited for the role on the ledger. Both are asked of the finalized state at the login and again at every request, so that a
//! suspended authority, a replaced key or a withdrawn role ends a session at once. The signing key never comes near a browser: it signs a
//! challenge where it is kept (`chain-node console-login`). Every login, refusal and end is written down, or does not happen.

pub mod challenge;
pub mod command;
mod pages;
pub mod roles;
pub mod sessions;

use self::{
    challenge::{CHALLENGE_SECONDS, Challenge, Code},
    roles::{Refused, Right, Role, may},
    sessions::{Logins, Session},
};
use crate::store::Store;
use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use clients::Environment;
use futures::future::BoxFuture;
use identity::{Localized, PublicKey, canonical::Hash};
use ledger::{
    cell::Cell,
    records::{AuthorityId, AuthorityRecord},
};
use serde::{Deserialize, Serialize};
use service_kit::{
    ApiError, Slug,
    address::ClientAddress,
    cookies::{Cookies, SameSite},
    csrf,
    rate::{Rate, RateLimiter},
    session::Token,
};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use url::Url;

/// The cookie of a session.
const SESSION: &str = "ledger-console";
/// The cookie that ties a challenge to the browser that it was shown in.
const LOGIN: &str = "ledger-console-login";
/// Logins of one client address.
const RATE: Rate = Rate { burst: 20, per_minute: 30 };
/// Client addresses whose rate is remembered.
const REMEMBERED_CLIENTS: usize = 4_096;
/// Bytes of a form at most.
const FORM_BYTES: usize = 8 * 1_024;

/// What the ledger says of an authority now.
pub type AuthorityNow = Arc<dyn Fn(AuthorityId) -> BoxFuture<'static, Option<(Cell, AuthorityRecord)>> + Send + Sync>;

/// What the way in needs to know of its node and its ledger.
#[derive(Clone)]
pub struct Ledger {
    /// The genesis hash.
    pub genesis: Hash,
    /// The ledger's name.
    pub name: Localized,
    /// The node's consensus key.
    pub node: PublicKey,
    /// The node's name.
    pub node_name: String,
    /// The authority that runs this node now; `None` while the ledger does not name it.
    pub operator: Arc<dyn Fn() -> Option<AuthorityId> + Send + Sync>,
    /// An authority in the finalized state.
    pub authority: AuthorityNow,
}

/// An entry of the console's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// When, in seconds since the Unix epoch.
    pub at: i64,
    /// What: `login`, `logout`, `ended`, `sessions_ended`, or `refused_…`.
    pub event: String,
    /// The authority; of a refusal, what the code claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<AuthorityId>,
    /// The key that signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PublicKey>,
    /// The role, once there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
}

/// Somebody who was let in, as pages see them.
#[derive(Clone)]
pub struct Visitor {
    gate: Arc<Gate>,
    token: Token,
    session: Session,
}

impl fmt::Debug for Visitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visitor").field("session", &self.session).finish_non_exhaustive()
    }
}

impl Visitor {
    /// Who it is.
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// The token for this visitor's forms.
    pub fn csrf(&self) -> String {
        csrf::token(&self.token)
    }

    /// Whether the session still holds; for streams, which outlive the request that began them.
    pub async fn still_here(&self) -> bool {
        self.gate.session(&self.token, false).await.is_some()
    }
}

/// The way in.
pub struct Gate {
    url: Url,
    cookies: Cookies,
    ledger: Ledger,
    environment: Environment,
    logins: Mutex<Logins>,
    limiter: RateLimiter<ClientAddress>,
    store: Arc<Store>,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("url", &self.url.as_str()).finish_non_exhaustive()
    }
}

impl Gate {
    /// A way into the console at `url`. The log is kept in `store`.
    pub fn new(url: Url, ledger: Ledger, environment: Environment, store: Arc<Store>) -> Arc<Self> {
        let (cookies, limiter) = (Cookies::for_url(&url), RateLimiter::new(RATE, REMEMBERED_CLIENTS));
        Arc::new(Self { url, cookies, ledger, environment, logins: Mutex::default(), limiter, store })
    }

    /// Puts the gate before these pages, and adds those that lead in and out.
    pub fn protect(self: &Arc<Self>, pages: Router) -> Router {
        let ways_out = Router::new()
            .route("/console/logout", post(pages::log_out))
            .route("/console/sessions/end", post(pages::end_sessions))
            .with_state(self.clone());
        let inside = pages.merge(ways_out).route_layer(middleware::from_fn_with_state(self.clone(), guard));
        let way_in = Router::new().route("/console/login", get(pages::form).post(pages::log_in)).with_state(self.clone());
        inside.merge(way_in).layer(DefaultBodyLimit::max(FORM_BYTES))
    }

    fn logins(&self) -> MutexGuard<'_, Logins> {
        self.logins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cookie(&self, headers: &HeaderMap, name: &str) -> Option<Token> {
        Token::presented(&self.cookies.read(headers, name)?)
    }

    /// Writes an event down, on the disk and in the metrics and the log.
    fn note(&self, event: &str, of: Option<(AuthorityId, PublicKey)>, role: Option<Role>) -> Result<(), ApiError> {
        let role = role.map(Role::as_str);
        let (authority, key) = of.unzip();
        let entry = Access { at: self.environment.now(), event: event.to_owned(), authority, key, role: role.map(str::to_owned) };
        metrics::counter!("ledger_console_access_total", "event" => event.to_owned()).increment(1);
        let (authority, key) = (authority.map(|id| id.to_string()), key.map(|key| key.to_string()));
        tracing::info!(event, authority, key, role, "the console's door");
        let bytes = serde_json::to_vec(&entry).map_err(ApiError::internal)?;
        self.store.note_access(&bytes).map_err(ApiError::internal)
    }

    /// The challenge of this browser, with a cookie for it if it is new.
    fn challenge(&self, headers: &HeaderMap) -> (Challenge, Option<HeaderValue>) {
        let now = self.environment.now();
        let mut logins = self.logins();
        let known = self.cookie(headers, LOGIN).and_then(|token| logins.waiting(&token, now).cloned());
        if let Some(challenge) = known {
            return (challenge, None);
        }
        let token = Token::from_entropy(self.environment.entropy());
        let challenge = Challenge {
            genesis: self.ledger.genesis,
            node: self.ledger.node,
            origin: self.url.origin().ascii_serialization(),
            nonce: self.environment.entropy(),
            expires_at: now.saturating_add(CHALLENGE_SECONDS),
        };
        logins.wait(&token, challenge.clone(), now);
        let age = u32::try_from(CHALLENGE_SECONDS * 2).ok();
        (challenge, Some(self.cookies.set(LOGIN, token.secret(), SameSite::Strict, age)))
    }

    /// What a login came to, without what follows from it: the challenge is used up in any case.
    async fn answered(&self, headers: &HeaderMap, text: &str) -> Result<Session, (Refused, Option<Code>)> {
        let now = self.environment.now();
        let challenge = self.logins().take(self.cookie(headers, LOGIN).as_ref(), now).map_err(|refused| (refused, None))?;
        let code = Code::from_text(text).map_err(|_| (Refused::Code, None))?;
        let refused = |refused| (refused, Some(code.clone()));
        code.verify(&challenge).map_err(|_| refused(Refused::Signature))?;
        let found = (self.ledger.authority)(code.authority).await;
        let role = roles::role(found.as_ref(), &code.key, (self.ledger.operator)()).map_err(refused)?;
        let name = found.map(|(_, record)| record.name).ok_or_else(|| refused(Refused::Authority))?;
        Ok(Session { authority: code.authority, name, key: code.key, role, began_at: now, seen_at: now })
    }

    /// The session of a token, as long as the ledger still says what it said at the login.
    async fn session(&self, token: &Token, seen: bool) -> Option<Session> {
        let session = self.logins().session(token, self.environment.now(), seen)?;
        let found = (self.ledger.authority)(session.authority).await;
        if roles::role(found.as_ref(), &session.key, (self.ledger.operator)()) == Ok(session.role) {
            return Some(session);
        }
        let ended = self.logins().end(token);
        if let Some(session) = ended
            && let Err(error) = self.note("ended", Some((session.authority, session.key)), Some(session.role))
        {
            error.log();
        }
        None
    }

    async fn visitor(self: &Arc<Self>, headers: &HeaderMap, seen: bool) -> Option<Visitor> {
        let token = self.cookie(headers, SESSION)?;
        let session = self.session(&token, seen).await?;
        Some(Visitor { gate: self.clone(), token, session })
    }
}

/// Lets through who may; sends who is nobody to the login.
async fn guard(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned()).unwrap_or_default();
    if route == "/console/assets/{name}" {
        return next.run(request).await;
    }
    let Some(right) = Right::of_route(&route) else {
        return ApiError::new(Slug::NotFound).detail("nobody has a right to this route").into_response();
    };
    let visitor = gate.visitor(request.headers(), right.is_a_persons()).await;
    match visitor {
        Some(visitor) if may(visitor.session.role, right) => {
            request.extensions_mut().insert(visitor);
            next.run(request).await
        }
        Some(_) => ApiError::new(Slug::NotAllowed).detail("this role has no right to this").into_response(),
        None if request.method() == Method::GET && right.is_a_persons() => to("/console/login"),
        None => ApiError::new(Slug::NotSignedIn).into_response(),
    }
}

/// Leads a browser to another page.
fn to(path: &'static str) -> Response {
    (StatusCode::SEE_OTHER, [(header::LOCATION, HeaderValue::from_static(path))]).into_response()
}
