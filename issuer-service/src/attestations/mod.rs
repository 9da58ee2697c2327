//! Attesting: what a clerk decides about a declared document, by which channel, and what the department's register says to it.

mod decide;
pub mod register;
pub mod rules;

pub use decide::{Decided, attest, offer_again, refuse};
pub use register::{Comparison, FieldMatch, Register, Registers};
pub use rules::{Channel, RegisterMatch, Verified};
