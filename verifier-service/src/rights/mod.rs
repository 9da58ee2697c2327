//! What a citizen may ask afterwards: a consent is taken back, what was shown is deleted (`wire::rights`).
//!
//! May assume that the evidence of a release (`receipts`) was checked when it came. Refuses whoever does not hold the key that signed the
//! evidence, and tells them no more than it tells somebody who asks about nothing.

pub mod http;
pub mod rules;
pub mod store;

pub use rules::RightsError;
