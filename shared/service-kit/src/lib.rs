//! What every Yufu service has in common, and nothing of what it is for: configuration, telemetry, problems, serving, layers,
//! cookies and sessions, cross-site protection, rate limits, the languages of a page, and safe outbound fetches.
//!
//! A service is `config::load` → `telemetry::init` → its own state and [`axum::Router`] → [`layers::apply`] → [`serve::Service::run`].
//! Nothing here draws randomness for secrets or reads the wall clock: tokens and times are the caller's.

pub mod address;
pub mod config;
pub mod cookies;
pub mod csrf;
pub mod extract;
pub mod fetch;
pub mod headers;
pub mod health;
pub mod language;
pub mod layers;
pub mod problem;
pub mod rate;
pub mod request_id;
pub mod serve;
pub mod session;
pub mod telemetry;

pub use language::Language;
pub use problem::ApiError;
pub use serve::{Service, Shutdown};
pub use wire::problem::Slug;
