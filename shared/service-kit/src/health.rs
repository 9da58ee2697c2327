//! The admin listener: `/livez` (no dependencies), `/readyz` (each dependency by name, JSON), `/metrics` (Prometheus text).

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures::future::{BoxFuture, join_all};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use serde_json::{Map, Value, json};

use crate::serve::Shutdown;

/// How long one dependency may take to answer; `/readyz` must tell within 2 s that one is gone (FAULTS I10).
const CHECK_TIMEOUT: Duration = Duration::from_millis(1500);

type CheckFn = Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>;

/// A dependency of the service, asked whenever readiness is.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    ask: CheckFn,
}

impl Check {
    /// A named dependency. The error is a sentence for the operator.
    pub fn new<F, A>(name: &'static str, ask: F) -> Self
    where
        F: Fn() -> A + Send + Sync + 'static,
        A: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, ask: Arc::new(move || Box::pin(ask())) }
    }

    async fn run(&self) -> Result<(), String> {
        let answer = tokio::time::timeout(CHECK_TIMEOUT, (self.ask)()).await;
        answer.unwrap_or_else(|_| Err(format!("no answer within {} ms", CHECK_TIMEOUT.as_millis())))
    }
}

/// The process's metrics recorder; installed by the first call.
///
/// # Panics
/// When something else installed a recorder before: a mistake of ours.
pub fn recorder() -> PrometheusHandle {
    static RECORDER: LazyLock<PrometheusHandle> = LazyLock::new(|| {
        let buckets = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
        let builder = PrometheusBuilder::new().set_buckets(&buckets).expect("there are buckets");
        builder.install_recorder().expect("only this function installs a recorder")
    });
    RECORDER.clone()
}

#[derive(Clone)]
struct Admin {
    checks: Arc<[Check]>,
    shutdown: Shutdown,
    metrics: PrometheusHandle,
}

/// The routes of the admin listener.
pub fn router(checks: Vec<Check>, shutdown: Shutdown) -> Router {
    let admin = Admin { checks: checks.into(), shutdown, metrics: recorder() };
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics_text))
        .with_state(admin)
}

async fn readyz(State(admin): State<Admin>) -> Response {
    let results = join_all(admin.checks.iter().map(|check| async { (check.name, check.run().await) })).await;
    let stopping = admin.shutdown.is_requested();
    let ready = !stopping && results.iter().all(|(_, result)| result.is_ok());
    let checks: Map<String, Value> = results
        .into_iter()
        .map(|(name, result)| (name.to_owned(), result.map_or_else(Value::String, |()| Value::String("ok".to_owned()))))
        .collect();
    let status = if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, axum::Json(json!({ "ready": ready, "stopping": stopping, "checks": checks }))).into_response()
}

async fn metrics_text(State(admin): State<Admin>) -> Response {
    admin.metrics.run_upkeep();
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], admin.metrics.render()).into_response()
}
