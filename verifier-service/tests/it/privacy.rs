//! SEC-D1, I8: canary values go through every flow, and turn up on the account page only.

use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use identity::status_list::Status;
use serde_json::json;
use tracing_subscriber::layer::SubscriberExt as _;

use crate::browser::Browser;
use crate::city::{City, NOW, p256};
use crate::refusals::begin;
use crate::wallet::{self, Answering};

/// Everything that any test of this binary logs.
static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());

struct Log;

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOG.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Starts logging everything, for all tests: what one test registers first, another would never see.
pub(crate) fn log_everything() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let lines = tracing_subscriber::fmt::layer().json().with_writer(|| Log);
        let filter = tracing_subscriber::filter::LevelFilter::DEBUG;
        tracing::subscriber::set_global_default(tracing_subscriber::registry().with(filter).with(lines)).unwrap();
    });
}

/// What the whole database holds, as text.
pub(crate) async fn dump(city: &City) -> String {
    let mut text = String::new();
    for table in ["logins", "requests", "receipts", "sessions", "presentations", "rights"] {
        let statement = sqlx::AssertSqlSafe(format!("SELECT * FROM {table}"));
        for row in sqlx::query(statement).fetch_all(&city.app.parts.database).await.unwrap() {
            use sqlx::Row as _;
            for column in 0..row.len() {
                let value = row.try_get::<String, _>(column).or_else(|_| row.try_get::<i64, _>(column).map(|n| n.to_string()));
                text.push_str(&value.unwrap());
                text.push('\n');
            }
        }
    }
    text
}

#[tokio::test]
async fn attribute_values_are_in_no_log_no_database_no_error_and_no_metric() {
    let metrics = service_kit::health::recorder();

    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let mut seen = String::new();
    // A login that succeeds, with the account page as the only place where the values may be.
    let mut begun = begin(&city, "same_device_link").await;
    let presented = begun.request.present(&held, &Answering::default());
    let answer = begun.request.answer(&city.app, &held, &Answering::default()).await;
    seen.push_str(&answer.body);
    seen.push_str(&dump(&city).await);
    let redirect = answer.json()["redirect_uri"].as_str().unwrap().replace("http://127.0.0.1:7300", "");
    begun.browser.get(&city.app, &redirect).await;
    let account = begun.browser.get(&city.app, "/account").await;
    assert!(account.body.contains("canary-Zhang"));
    seen.push_str(&dump(&city).await);
    // Logins that fail in several ways.
    for failing in 0..4 {
        let mut begun = begin(&city, "same_device_link").await;
        let answering = match failing {
            0 => Answering { claims: vec!["family_name", "address"], ..Answering::default() },
            1 => Answering { nonce: Some("x".into()), ..Answering::default() },
            2 => Answering { claims: vec!["family_name", "given_name", "id_number", "address"], ..Answering::default() },
            _ => {
                city.department.publish(Status::Invalid, NOW);
                city.clock.advance(61);
                Answering { issued_at: NOW + 61, ..Answering::default() }
            }
        };
        seen.push_str(&begun.request.answer(&city.app, &held, &answering).await.body);
        let events = begun.browser.events(&city.app, begun.answer["events"].as_str().unwrap(), 1).await;
        seen.push_str(&json!(events).to_string());
        seen.push_str(&begun.browser.get(&city.app, begun.answer["complete"].as_str().unwrap()).await.body);
    }
    // The values in the clear where a wallet must not put them.
    let begun = begin(&city, "same_device_link").await;
    let form =
        wallet::form(&[("vp_token", &presented), ("canary-field", "canary-value"), ("error", "canary-error"), ("state", "x")]);
    seen.push_str(&begun.request.post(&city.app, form).await.body);
    seen.push_str(&Browser::default().get(&city.app, "/login?purpose=canary-purpose").await.body);
    seen.push_str(&dump(&city).await);
    seen.push_str(&metrics.render());
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    assert!(log.contains("a presentation was accepted"), "there is a log");
    for (text, place) in [(&seen, "answers, database and metrics"), (&log, "log")] {
        let found = text.find("canary").map(|at| &text[at.saturating_sub(200)..(at + 100).min(text.len())]);
        assert_eq!(found, None, "{place}");
    }
}

/// I8: what was released and never fetched by the browser is erased soon.
#[tokio::test]
async fn what_nobody_fetched_is_erased() {
    let city = City::new().await;
    let held = city.issue(&p256(0x41));
    let begun = begin(&city, "cross_device_link").await;
    assert_eq!(begun.request.answer(&city.app, &held, &Answering::default()).await.status, 200);
    city.clock.advance(120 + 90);
    verifier_service::housekeeping::sweep(&city.app).await.unwrap();
    let left: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM logins WHERE released <> ''").fetch_one(&city.app.parts.database).await.unwrap();
    assert_eq!(left, 0);
}
