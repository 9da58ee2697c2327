//! What goes over HTTP between Yufu's parts: requests, responses, QR links and problem slugs.
//!
//! Signed things (transactions, credentials, presentations) are their own wire form and are not repeated here.

pub mod chain;
pub mod directory;
pub mod governance;
pub mod issuer;
pub mod link;
pub mod oid4vci;
pub mod oid4vp;
pub mod problem;
pub mod reports;
pub mod rights;
