//! Stories: see who asks for what and why; choose what to show; approve or decline.
//!
//! [`Wallet::open`] gives a [`Consent`]: facts that were verified, in both languages, with the values that would be shown. It is
//! only on the screen; nothing is stored and nothing sent. [`Wallet::select`] shows it with other credentials. [`Wallet::approve`]
//! stores the consent with the exact sentence before anything leaves (INV-I6), then sends. What was sent is kept until the site
//! acknowledged it, so that a lost answer is asked for again with the same bytes.
//!
//! [`Wallet::open`]: crate::Wallet::open
//! [`Wallet::select`]: crate::Wallet::select
//! [`Wallet::approve`]: crate::Wallet::approve

mod approve;
mod choose;
mod deliver;
mod error;
mod open;
mod sentence;

use std::collections::BTreeMap;
use std::sync::Arc;

use borsh::BorshSerialize;
use identity::canonical::{self, Hash};
use identity::dcql::ClaimPath;
use identity::{Localized, UnixSeconds};
use ledger::records::PartyId;
use serde::{Deserialize, Serialize};

use self::choose::Showable;
pub(crate) use self::deliver::Digest32;
pub use self::deliver::UnsentView;
pub use self::error::ConsentError;
use crate::chain::AsOf;
use crate::error::WalletError;
use crate::hardware::HeldKey;
use crate::issuance::Credential;
use crate::receipts::ReceiptView;
use crate::records::base64url;
use crate::requests::OpenedRequest;
use crate::vault::Table;
use crate::wallet::Wallet;

/// Context string of the hash that the key binding JWT carries.
pub const CONSENT_CONTEXT: &str = "yufu/consent/v2";

/// A request on the screen. It holds what is needed to answer, and is good until the request ends.
#[derive(Clone)]
pub struct Consent {
    /// What the citizen sees.
    pub view: ConsentView,
    request: OpenedRequest,
    /// Everything in the wallet that may answer, the newest first; shared with every choice of the citizen.
    candidates: Arc<[Showable]>,
    /// What would be of the right kind and is not in force.
    hidden: Vec<HiddenCredential>,
    chosen: Vec<Chosen>,
    knows_unverified: bool,
}

impl std::fmt::Debug for Consent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Consent {} for {}", self.view.id, self.view.origin)
    }
}

impl Consent {
    /// The citizen has read that nobody vouches for who asks, and goes on. Without it such a request is not approved.
    pub fn accept_unverified(&mut self) {
        self.knows_unverified = true;
    }
}

/// A credential that answers one part of the query.
#[derive(Clone)]
struct Chosen {
    query_id: String,
    credential: Credential,
    copy: usize,
    paths: Vec<ClaimPath>,
}

/// What the citizen sees: only verified facts, and the values that would be shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ConsentView {
    /// The consent's id in this wallet.
    pub id: String,
    /// The party on the ledger; `None` where nobody vouches for who asks.
    pub party: Option<PartyId>,
    /// Where nobody vouches for who asks: the words that come first and must be accepted ([`Consent::accept_unverified`]).
    pub unverified: Option<Localized>,
    /// Its registered name; for somebody unverified, what it is called.
    pub name: Localized,
    /// Its registered origin; the response goes there and nowhere else.
    pub origin: String,
    /// The name of the authority that answers for it.
    pub sponsor: Localized,
    /// The registered purpose.
    pub purpose: Localized,
    /// How long it keeps what it learns, in days; `None` where nobody says.
    pub retention_days: Option<u32>,
    /// What would be shown, with values.
    pub claims: Vec<ClaimToShow>,
    /// What can be chosen instead, by each part of the request.
    pub questions: Vec<QueryView>,
    /// What can be chosen among combinations of these parts; empty where all of them are asked for.
    pub sets: Vec<SetView>,
    /// Credentials of the kinds that are asked for which cannot be chosen, and why.
    pub hidden: Vec<HiddenCredential>,
    /// What is agreed to beside showing data.
    pub transactions: Vec<Localized>,
    /// The sentence that the citizen agrees to.
    pub sentence: Localized,
    /// Where the request may be from another device, by how its link came here ([`crate::CameBy`]): what is going on there.
    pub other_device: Option<Localized>,
    /// For a request from another device: one of these codes is on the login page; the citizen picks it.
    pub match_codes: Vec<String>,
    /// What this site saw last time.
    pub last_time: Option<LastTime>,
    /// What the citizen should know beside the sentence.
    pub warnings: Vec<Localized>,
    /// When the request ends.
    pub expires_at: UnixSeconds,
    /// The block that the party's registration, or the key of who asks, was proven against.
    pub as_of: Option<AsOf>,
    /// How many seconds ago that block was made.
    pub seconds_ago: u64,
    /// The same in words.
    pub freshness: Localized,
}

/// A credential that cannot be shown, for it is not in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HiddenCredential {
    /// Its id.
    pub credential: String,
    /// The type's name.
    pub type_name: Localized,
    /// The issuer's name on the ledger.
    pub issuer_name: Localized,
    /// Why: its status as the ledger has it, or that its time is over.
    pub reason: Localized,
}

/// What the citizen agreed to, word for word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AgreedView {
    /// The consent's id.
    pub consent: String,
    /// The exact sentence that was on the screen, in the language that it was in.
    pub sentence: String,
    /// When the citizen agreed.
    pub agreed_at: UnixSeconds,
    /// The SHA-256 of the kept consent, base64url: what was signed for the site.
    pub hash: String,
}

/// One claim that would be shown. Its value is for the screen, and not for a log.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct ClaimToShow {
    /// The credential's type.
    pub attestation_type: String,
    /// The type's name.
    pub type_name: Localized,
    /// The claim's dotted path.
    pub name: String,
    /// Its label.
    pub label: Localized,
    /// Its value.
    pub value: String,
}

impl std::fmt::Debug for ClaimToShow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} of {}", self.name, self.attestation_type)
    }
}

/// One part of a request, and what in the wallet answers it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct QueryView {
    /// Its name in the request.
    pub id: String,
    /// Whether several credentials may be shown for it.
    pub multiple: bool,
    /// What answers it, the newest first.
    pub options: Vec<CredentialOption>,
    /// The chosen credentials; empty where this part is not answered.
    pub chosen: Vec<String>,
}

/// A credential that answers a part of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CredentialOption {
    /// The credential's id in this wallet.
    pub credential: String,
    /// Its type's name.
    pub type_name: Localized,
    /// Its issuer's name.
    pub issuer_name: Localized,
    /// What it would show.
    pub claims: Vec<ClaimToShow>,
}

/// A choice among combinations of parts (OpenID4VP section 6.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SetView {
    /// Whether one must be shown.
    pub required: bool,
    /// The combinations that the wallet can answer, by names of parts, the most wanted first.
    pub options: Vec<Vec<String>>,
    /// The chosen one; `None` where an optional set is not answered.
    pub chosen: Option<usize>,
}

/// What the citizen chose. What is not in it stays as the wallet proposes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Selection {
    /// Credentials by the part of the request that they answer.
    pub credentials: BTreeMap<String, Vec<String>>,
    /// For each set by its number: the option, or none for an optional set.
    pub sets: BTreeMap<usize, Option<usize>>,
}

/// What a site saw before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastTime {
    /// When.
    pub at: UnixSeconds,
    /// Names of claims.
    pub claims: Vec<String>,
    /// The same in words.
    pub sentence: Localized,
}

/// What became of an approved request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The consent.
    pub consent: String,
    /// Where a browser on this device goes on.
    pub redirect_uri: Option<String>,
    /// The receipt, checked against the ledger.
    pub receipt: Option<ReceiptView>,
    /// What the citizen should know.
    pub warnings: Vec<Localized>,
}

/// What the citizen consented to: signed by its hash in the key binding JWT, and kept.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentRecord {
    /// Random, so that the hash tells nothing to who does not have the record.
    #[serde(with = "identity::keys::base64url_array")]
    salt: [u8; 32],
    /// The language that was shown.
    language: String,
    /// The exact sentence that was shown.
    sentence: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    party: Option<PartyId>,
    client_id: String,
    origin: String,
    purpose: String,
    /// Type and dotted path of each claim.
    claims: Vec<(String, String)>,
    nonce: String,
    expires_at: UnixSeconds,
    agreed_at: UnixSeconds,
    match_code: Option<String>,
    /// Hashes of what was agreed to beside.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    transactions: Vec<String>,
}

/// By which key something was shown. It outlives the copy in the wallet: who deletes a credential may still ask the site.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShownBy {
    /// SHA-256 of the key binding JWT, the first one of the response.
    pub(crate) digest: Digest32,
    pub(crate) key: HeldKey,
}

impl Wallet {
    /// What the citizen agreed to by a consent, word for word, as it is kept; `None` when nothing was agreed to.
    ///
    /// # Errors
    /// [`WalletError::Vault`].
    pub fn agreed(&self, consent: &str) -> Result<Option<AgreedView>, WalletError> {
        let record: Option<ConsentRecord> = self.vault.get(Table::Consents, consent)?;
        Ok(record.map(|record| AgreedView {
            consent: consent.to_owned(),
            sentence: record.sentence.clone(),
            agreed_at: record.agreed_at,
            hash: base64url(&record.hash()),
        }))
    }
}

impl ConsentRecord {
    /// The types of the credentials that claims were shown from.
    pub(crate) fn types(&self) -> impl Iterator<Item = &str> {
        self.claims.iter().map(|(vct, _)| vct.as_str())
    }

    /// The party on the ledger, if it was one.
    pub(crate) fn party(&self) -> Option<PartyId> {
        self.party
    }

    /// The hash that the key binding JWT carries.
    pub(crate) fn hash(&self) -> Hash {
        canonical::hash(CONSENT_CONTEXT, self)
    }
}
