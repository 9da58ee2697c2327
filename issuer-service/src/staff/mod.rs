//! The clerks: who they are, how they sign in, and what they did.
//!
//! Staff are named in the configuration with an Argon2id hash. Sessions end after 15 idle minutes or 8 hours. Wrong passwords lock an
//! account for an address soon, and for everybody later (FAULTS K1, K2). Passkeys are a later issue.

pub mod password;
pub mod rules;
mod session;
pub mod store;

pub use session::{COOKIE, NoSession, Session, SignInError, sign_in, sign_out};

use crate::config::StaffConfig;

/// A clerk who is signed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Staff {
    /// The name to sign in with.
    pub name: String,
    /// The name that is shown.
    pub display_name: String,
}

impl From<&StaffConfig> for Staff {
    fn from(config: &StaffConfig) -> Self {
        Self { name: config.name.clone(), display_name: config.display_name.clone() }
    }
}
