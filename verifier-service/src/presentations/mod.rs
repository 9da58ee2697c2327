//! Presentations: what a wallet answers, and the list of checks that it must pass before anybody is logged in.
//!
//! [`rules`] decides and is pure; [`http`] loads what the rules ask for, in their order, so that nothing is fetched on the word
//! of somebody whom an earlier check refuses.

pub mod answer;
pub mod http;
pub mod refusal;
pub mod released;
pub mod rules;
pub mod status;
mod wallet_error;

pub use refusal::{Refusal, Refused};
pub use wallet_error::{WalletErrorBody, WalletProblem};
