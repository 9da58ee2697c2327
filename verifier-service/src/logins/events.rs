//! `GET /login/{id}/events`: how a login goes on, as server-sent events, for the browser that began it and for no other (W1).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream};
use serde::Serialize;
use service_kit::{ApiError, Language, Slug};
use tokio::sync::{OwnedSemaphorePermit, broadcast};

use super::http::own_login;
use super::stage::Stage;
use super::store::{self, Login};
use crate::app::Shared;

/// How often a stream looks for itself: replicas do not tell each other.
const LOOK: Duration = Duration::from_secs(1);

/// What one event says.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// `waiting`, `opened`, `recording`, `ready`, `ready-in-redirect`, `completed`, `declined`, `failed`, `expired`.
    pub stage: &'static str,
    /// The sentence for the person, in the page's language.
    pub sentence: String,
    /// Where the browser goes now, if anywhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Whether nothing more will come.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Why it ended: the slug of the refusal, or the wallet's error code.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

impl Progress {
    /// Where a login stands.
    pub fn of(login: &Login, now: i64, language: Language) -> Self {
        let stage = login.stage(now);
        let next = match stage {
            Stage::Ready => Some(format!("/login/{}/complete", login.id)),
            Stage::Completed => Some("/account".to_owned()),
            Stage::Waiting
            | Stage::Opened
            | Stage::Recording
            | Stage::ReadyInRedirect
            | Stage::Declined
            | Stage::Failed
            | Stage::Expired => None,
        };
        Self {
            stage: stage.as_str(),
            sentence: login.sentence(now).in_language(language.tag()).to_owned(),
            next,
            is_final: stage.is_final(),
            reason: login.failure.clone(),
        }
    }
}

/// The events of a login.
#[utoipa::path(
    get,
    path = "/login/{id}/events",
    tag = "site",
    params(("id" = String, Path, description = "The login's id")),
    responses(
        (status = 200, description = "Events named `progress`", content_type = "text/event-stream", body = Progress),
        (status = 404, description = "No such login, or not this browser's"),
    )
)]
#[tracing::instrument(name = "logins.events", skip_all)]
pub async fn events(
    State(app): State<Shared>,
    Path(id): Path<String>,
    language: Language,
    headers: HeaderMap,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ApiError> {
    let changes = app.changes.subscribe();
    let login = own_login(&app, &id, &headers).await?;
    let busy = |_| ApiError::new(Slug::Busy).detail("too many pages are waiting");
    let place = app.streams.clone().try_acquire_owned().map_err(busy)?;
    let watch = Watch { app, id: login.id, language, changes, told: None, ended: false, _place: place };
    let events = stream::unfold(watch, |mut watch| async move {
        let event = watch.next().await?;
        Some((Ok(event), watch))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))))
}

struct Watch {
    app: Shared,
    id: String,
    language: Language,
    changes: broadcast::Receiver<String>,
    told: Option<Stage>,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Watch {
    /// The next event; `None` when the login is over, the service ends, or the database fails (the browser asks again).
    async fn next(&mut self) -> Option<Event> {
        while !self.ended {
            let login = store::find(&self.app.parts.database, &self.id).await.ok()??;
            let now = self.app.now();
            let stage = login.stage(now);
            if self.told != Some(stage) {
                self.told = Some(stage);
                self.ended = stage.is_final();
                return Event::default().event("progress").json_data(Progress::of(&login, now, self.language)).ok();
            }
            tokio::select! {
                () = self.app.parts.shutdown.requested() => return None,
                () = tokio::time::sleep(LOOK) => {}
                () = changed(&mut self.changes, &self.id) => {}
            }
        }
        None
    }
}

/// Ends when the login has changed, or when too many changes were missed to know.
async fn changed(changes: &mut broadcast::Receiver<String>, id: &str) {
    while let Ok(changed) = changes.recv().await {
        if changed == id {
            return;
        }
    }
}
