//! Opening a request for data (OpenID4VP 1.0, HAIP 1.0): fetched without redirects, verified, and looked up on the ledger, before a
//! person sees a word of it.
//!
//! `object` checks the signed request by itself; `party` compares it with what the ledger registered. What does not fit is
//! refused here with the reason: an unregistered site, another site's certificate, an address outside the registered origin, a
//! purpose that is not registered, a claim that the purpose does not allow.

mod error;
mod object;
mod open;
mod party;

pub use self::error::RequestError;
pub(crate) use self::object::RequestObject;
pub(crate) use self::open::OpenedRequest;
pub(crate) use self::party::{RegisteredParty, allows, dotted};
