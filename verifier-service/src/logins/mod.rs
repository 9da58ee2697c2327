//! A login: from the page that shows the QR code to the session in the browser that asked for it.
//!
//! Each login has two requests, one for either channel, and the two differ on purpose. The answer to the *same-device* request
//! becomes a session only through the wallet's redirect with its response code, in the browser that has the login's cookie
//! (OpenID4VP 1.0 sections 8.2 and 14.2): a link that somebody sends to a victim logs nobody in. The answer to the
//! *cross-device* request becomes a session in the browser with the cookie, without a redirect, and carries a match code
//! instead. Whichever is answered first ends the other.

pub mod begin;
pub mod events;
pub mod http;
pub mod match_code;
pub mod request_object;
pub mod requests;
pub mod stage;
pub mod store;

use serde::Deserialize;

/// Seconds that a request lives; the FAULTS bound (W1) is 120.
pub const MAX_LIFETIME_SECONDS: u32 = 120;
/// Seconds after the request's end in which an answer that came in time may still be recorded and completed.
pub const GRACE_SECONDS: i64 = 90;
/// How often one request object may be fetched: once, and again when a response got lost.
pub const MAX_FETCHES: i64 = 8;
/// How many unreadable answers one request takes before it is closed.
pub const MAX_UNREADABLE_ANSWERS: i64 = 8;

/// Where the wallet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// On the browser's device: the link.
    SameDevice,
    /// On another device: the QR code.
    CrossDevice,
}

impl Channel {
    /// The name in the database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SameDevice => "same_device",
            Self::CrossDevice => "cross_device",
        }
    }

    /// From the name in the database.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::SameDevice, Self::CrossDevice].into_iter().find(|channel| channel.as_str() == name)
    }
}

/// What a missing match code means for a request that was scanned from another device. A wrong one is always refused.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MatchCodePolicy {
    /// Wallets that do not know match codes may log in: strangers' wallets work.
    #[default]
    WhenPresent,
    /// Only wallets that ask the citizen for the code.
    Required,
}
