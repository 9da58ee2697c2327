//! The resource directory: `GET /v1/directory?after=…&limit=…` → [`Directory`], and `GET /v1/directory/{authority}/parties` → [`Parties`].
//!
//! Which authority answers for which data, and which websites use it. Which entries there are is a node's word, taken from what it keeps;
//! every entry names the state key by which `/v1/state/{key}` proves it. By authority and type, never by person.

use identity::Localized;
use ledger::governance::AccreditationStatus;
use ledger::records::{AuthorityId, PartyId, Purpose};
use serde::{Deserialize, Serialize};

/// A page of authorities, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Directory {
    /// The finalized height as of which all this holds.
    pub height: u64,
    /// Whether the node knows every entry; `false` while it still fetches what it took over from others.
    pub complete: bool,
    /// The authorities of this page.
    pub authorities: Vec<DirectoryEntry>,
    /// `after` of the next page; absent on the last one.
    #[schema(value_type = Option<String>)]
    pub next: Option<AuthorityId>,
}

/// An authority, and what it answers for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DirectoryEntry {
    /// Its id.
    #[schema(value_type = String)]
    pub id: AuthorityId,
    /// Its state key, base64url.
    pub key: String,
    /// What people call it.
    #[schema(value_type = Object)]
    pub name: Localized,
    /// Whether it is in force, or suspended.
    pub in_force: bool,
    /// Whether it is a supervisor: it may look at everything on any node's console.
    pub supervises: bool,
    /// Whether it may register websites and counters.
    pub may_sponsor: bool,
    /// The attestation types that it is the authority for, in order; on a node that took over its state those only that are in force.
    pub types: Vec<DirectoryType>,
    /// The validators of the next epoch that it runs.
    pub validators: Vec<String>,
    /// The observers of the next epoch that it runs.
    pub observers: Vec<String>,
}

/// An attestation type of an authority.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DirectoryType {
    /// The type.
    pub attestation_type: String,
    /// Whether it is attested now, or suspended.
    #[schema(value_type = String)]
    pub status: AccreditationStatus,
    /// State key of the accreditation, base64url. Absent where none is kept apart (a ledger without governance): the authority's record
    /// proves it.
    pub key: Option<String>,
}

/// A page of the websites and counters that an authority answers for, in the order of their ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Parties {
    /// The finalized height as of which all this holds.
    pub height: u64,
    /// Whether the node knows every entry.
    pub complete: bool,
    /// The parties of this page.
    pub parties: Vec<DirectoryParty>,
    /// `after` of the next page; absent on the last one.
    #[schema(value_type = Option<String>)]
    pub next: Option<PartyId>,
}

/// A website or counter, and what it may ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DirectoryParty {
    /// Its id.
    #[schema(value_type = String)]
    pub id: PartyId,
    /// Its state key, base64url.
    pub key: String,
    /// What people call it.
    #[schema(value_type = Object)]
    pub name: Localized,
    /// Its web origin.
    pub origin: String,
    /// Whether it is in force, or suspended.
    pub in_force: bool,
    /// What it may ask for, and why.
    #[schema(value_type = Vec<Object>)]
    pub purposes: Vec<Purpose>,
}
