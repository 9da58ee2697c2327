//! A service as its operator sees it: health by name, metrics, and an end that drops no request.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use service_kit::health::Check;
use service_kit::layers::{self, Limits};
use service_kit::{Service, Shutdown};
use tokio::sync::Notify;

struct Running {
    url: String,
    admin: String,
    shutdown: Shutdown,
    healthy: Arc<AtomicBool>,
    /// A request is at work; let it finish.
    entered: Arc<Notify>,
    release: Arc<Notify>,
    task: tokio::task::JoinHandle<()>,
}

fn free_port() -> SocketAddr {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn start() -> Running {
    let (listen, admin) = (free_port(), free_port());
    let url = format!("http://{listen}");
    let healthy = Arc::new(AtomicBool::new(true));
    let asked = Arc::clone(&healthy);
    let service = Service::new("test-service", &url, listen, admin).check(Check::new("database", move || {
        let asked = Arc::clone(&asked);
        async move { if asked.load(Ordering::SeqCst) { Ok(()) } else { Err("the disk is gone".to_owned()) } }
    }));
    let shutdown = service.shutdown();
    let (entered, release) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (inside, go_on) = (Arc::clone(&entered), Arc::clone(&release));
    let slow = move || async move {
        inside.notify_one();
        go_on.notified().await;
        "done"
    };
    let routes = Router::new().route("/fast", get(|| async { "here" })).route("/slow", get(slow));
    let router = layers::apply(routes, &url.parse().unwrap(), Limits::default());
    let task = tokio::spawn(async move { service.run(router).await.unwrap() });
    let running = Running { admin: format!("http://{admin}"), url, shutdown, healthy, entered, release, task };
    for _ in 0..100 {
        if reqwest::get(format!("{}/livez", running.admin)).await.is_ok() {
            return running;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the service does not start")
}

async fn get_text(url: String) -> (u16, String) {
    let response = reqwest::get(url).await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn readiness_names_each_dependency() {
    let running = start().await;
    let (status, body) = get_text(format!("{}/readyz", running.admin)).await;
    assert_eq!((status, body.contains(r#""database":"ok""#)), (200, true), "{body}");
    running.healthy.store(false, Ordering::SeqCst);
    let (status, body) = get_text(format!("{}/readyz", running.admin)).await;
    assert_eq!((status, body.contains("the disk is gone")), (503, true), "{body}");
    assert_eq!(get_text(format!("{}/livez", running.admin)).await.0, 200, "alive is not ready");
}

#[tokio::test]
async fn metrics_count_by_route_and_are_on_the_admin_listener_only() {
    let running = start().await;
    get_text(format!("{}/fast", running.url)).await;
    get_text(format!("{}/nothing-here-{}", running.url, "x".repeat(20))).await;
    let (_, metrics) = get_text(format!("{}/metrics", running.admin)).await;
    assert!(metrics.contains(r#"http_requests_total{method="GET",route="/fast",status="200"}"#), "{metrics}");
    assert!(!metrics.contains("nothing-here"), "a path is no label");
    assert_eq!(get_text(format!("{}/metrics", running.url)).await.0, 404);
}

/// REL-E7: on the way out `/readyz` says no, nothing new is accepted, and what was accepted is answered.
#[tokio::test]
async fn a_request_under_way_is_answered_before_the_end() {
    let running = start().await;
    let slow = tokio::spawn(get_text(format!("{}/slow", running.url)));
    running.entered.notified().await;
    running.shutdown.request();
    let mut ready = 200;
    for _ in 0..100 {
        ready = get_text(format!("{}/readyz", running.admin)).await.0;
        if ready == 503 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(ready, 503);
    assert!(!running.task.is_finished());
    running.release.notify_one();
    assert_eq!(slow.await.unwrap(), (200, "done".to_owned()));
    tokio::time::timeout(Duration::from_secs(5), running.task).await.unwrap().unwrap();
    assert!(reqwest::get(format!("{}/fast", running.url)).await.is_err());
}
