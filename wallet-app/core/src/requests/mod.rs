//! Opening a request for data (OpenID4VP 1.0, HAIP 1.0): fetched without redirects, verified, and looked up on the ledger, before a
//! person sees a word of it.
//!
//! `client` proves who signed, by the prefix of the client identifier; `object` checks the request by itself; `party` compares it
//! with what the ledger registered. What does not fit is refused here with the reason: a certified site that is not registered,
//! another site's certificate, an address outside the registered origin, a purpose that is not registered, a claim that the purpose
//! does not allow. What is found once it is known who asks can be told to the site, if the citizen wants (`refusal`). Who asks without a certificate is nobody's registered party, and the citizen is told so.

mod client;
mod error;
mod object;
mod open;
mod party;
mod refusal;
mod transaction;

pub use self::error::RequestError;
pub(crate) use self::object::RequestObject;
pub(crate) use self::open::{Asked, OpenedRequest};
pub(crate) use self::party::{Asker, RegisteredParty, dotted};
pub(crate) use self::refusal::is_of_origin;
pub use self::refusal::{Declined, Refusal};
pub(crate) use self::transaction::{Transaction, sign};
