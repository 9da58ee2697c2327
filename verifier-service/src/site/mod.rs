//! The sample government website: pages in Chinese and English, rendered here, without inline style or script.

pub mod assets;
pub mod labels;
pub mod pages;
pub mod problems;
pub mod sessions;

use askama::Template;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};
use identity::UnixSeconds;
use service_kit::headers::Csp;
use service_kit::{ApiError, Language};

use crate::app::App;

/// What the frame around every page needs.
pub struct Frame {
    /// The page's language.
    pub language: Language,
    /// The site's name.
    pub site_name: String,
    /// The page's path, for the language switch.
    pub path: String,
    /// Whether somebody is signed in.
    pub signed_in: bool,
}

impl Frame {
    /// The frame of a page.
    pub fn new(app: &App, language: Language, path: impl Into<String>, signed_in: bool) -> Self {
        let site_name = app.parts.config.site_name.in_language(language.tag()).to_owned();
        Self { language, site_name, path: path.into(), signed_in }
    }
}

/// What the pages may load: own styles, own pictures, the own script and its events.
pub fn content_security_policy() -> Csp {
    Csp::strict().allow("script-src", "'self'").allow("connect-src", "'self'")
}

/// A page as a response.
pub fn render<T: Template>(page: &T, language: Language) -> Response {
    match page.render() {
        Ok(html) => ([(header::CONTENT_LANGUAGE, language.tag())], Html(html)).into_response(),
        Err(error) => ApiError::internal(error).into_response(),
    }
}

/// Whether a program asks, and not a browser.
pub fn wants_json(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("application/json"))
}

/// A moment as people of the city read it: `2026-11-21 10:33`, China standard time.
pub fn moment(seconds: UnixSeconds) -> String {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let moment = jiff::Timestamp::from_second(seconds).map(|moment| moment.to_zoned(zone));
    moment.map_or_else(|_| "—".to_owned(), |moment| moment.strftime("%Y-%m-%d %H:%M").to_string())
}

/// The day of a moment.
pub fn day(seconds: UnixSeconds) -> String {
    moment(seconds).chars().take(10).collect()
}
