//! The Digital Credentials Query Language, OpenID4VP 1.0 sections 6 and 7.
//!
//! [`Query`] is the model with all rules of the text; what is not known in it is ignored, as section 6 demands. [`evaluate`] is
//! the wallet's side: which credentials match, what each must disclose, and which set to present. [`check`] is the
//! verifier's side: whether what was presented satisfies the query, and what was disclosed beyond it.
//!
//! Credentials of the format `dc+sd-jwt` can match; other formats are read and never match. A type matches by `vct`, letter
//! for letter: type metadata and `aka_vcts` are not followed. Of the trusted authorities only `aki` can match.

mod check;
mod evaluate;
mod matching;
mod query;

pub use check::{Presented, ResponseError, Surplus, VpToken, check};
pub use evaluate::{Choice, Evaluation, Match, Matches, SetOptions, Unsatisfied, evaluate};
pub use matching::{Candidate, Mismatch};
pub use query::{
    AUTHORITY_KEY_IDENTIFIER, ClaimQuery, CredentialQuery, CredentialSetQuery, MAX_CLAIMS, MAX_CREDENTIALS, MAX_OPTIONS, Query,
    QueryError, TrustedAuthority,
};

pub use crate::sd_jwt::{ClaimPath, PathPart};
