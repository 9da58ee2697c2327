//! A browser: it keeps cookies and follows nothing by itself.

use std::collections::BTreeMap;

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, header};
use serde_json::Value;
use tower::ServiceExt as _;
use verifier_service::{Shared, router};

#[derive(Clone, Default)]
pub(crate) struct Browser {
    pub(crate) cookies: BTreeMap<String, String>,
}

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("not JSON: {} {}", self.status, self.body))
    }

    pub(crate) fn location(&self) -> &str {
        self.headers.get(header::LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// The text of the first element that a CSS selector finds.
    pub(crate) fn text(&self, selector: &str) -> String {
        let html = scraper::Html::parse_document(&self.body);
        let found = html.select(&scraper::Selector::parse(selector).unwrap()).next();
        let element = found.unwrap_or_else(|| panic!("no {selector} in {}", self.body));
        element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn attribute(&self, selector: &str, name: &str) -> String {
        let html = scraper::Html::parse_document(&self.body);
        let found = html.select(&scraper::Selector::parse(selector).unwrap()).next();
        found.and_then(|element| element.attr(name)).unwrap_or_else(|| panic!("no {selector} in {}", self.body)).to_owned()
    }
}

/// One request.
pub(crate) async fn send(app: &Shared, request: Request<Body>) -> Answer {
    let response = router(app).oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 4 << 20).await.unwrap();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
}

impl Browser {
    fn request(&self, method: &str, path: &str, accept: &str) -> axum::http::request::Builder {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = Request::builder().method(method).uri(path).header(header::ACCEPT, accept);
        if cookies.is_empty() { request } else { request.header(header::COOKIE, cookies.join("; ")) }
    }

    pub(crate) async fn get(&mut self, app: &Shared, path: &str) -> Answer {
        let request = self.request("GET", path, "text/html").body(Body::empty()).unwrap();
        self.keep(send(app, request).await)
    }

    pub(crate) async fn get_json(&mut self, app: &Shared, path: &str) -> Answer {
        let request = self.request("GET", path, "application/json").body(Body::empty()).unwrap();
        self.keep(send(app, request).await)
    }

    pub(crate) async fn post(&mut self, app: &Shared, path: &str, form: &str, origin: &str) -> Answer {
        let request = self
            .request("POST", path, "text/html")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::ORIGIN, origin)
            .body(Body::from(form.to_owned()))
            .unwrap();
        self.keep(send(app, request).await)
    }

    /// The first events of a login, until `count` have come or the stream ends.
    pub(crate) async fn events(&mut self, app: &Shared, path: &str, count: usize) -> Vec<Value> {
        self.events_until(app, path, |events| events.len() >= count).await
    }

    /// The first events of a login, until they are enough or the stream ends; at most 20 s, whatever keeps the stream alive.
    pub(crate) async fn events_until(&mut self, app: &Shared, path: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let events = tokio::time::timeout(std::time::Duration::from_secs(20), self.read_events(app, path, enough));
        events.await.expect("the events, or the end")
    }

    async fn read_events(&mut self, app: &Shared, path: &str, enough: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        use futures::StreamExt as _;
        let request = self.request("GET", path, "text/event-stream").body(Body::empty()).unwrap();
        let response = router(app).oneshot(request).await.unwrap();
        assert_eq!(response.status(), 200);
        let mut stream = response.into_body().into_data_stream();
        let mut text = String::new();
        let mut events = Vec::new();
        while !enough(&events) {
            let Some(chunk) = stream.next().await else { break };
            text.push_str(std::str::from_utf8(&chunk.unwrap()).unwrap());
            events =
                text.lines().filter_map(|line| line.strip_prefix("data:")).map(|d| serde_json::from_str(d).unwrap()).collect();
        }
        events
    }

    fn keep(&mut self, answer: Answer) -> Answer {
        for cookie in answer.headers.get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (pair, attributes) = cookie.split_once(';').unwrap();
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}
