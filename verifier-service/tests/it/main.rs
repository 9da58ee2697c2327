//! The service through its HTTP boundary, with a real database, a real status list server, a wallet made of the identity crate's
//! functions, and a ledger of the real record types that stands in for the nodes.

mod browser;
mod city;
mod hostile;
mod ledger;
mod login;
mod privacy;
mod refusals;
mod requests;
mod responses;
mod sessions;
mod setup;
mod wallet;
