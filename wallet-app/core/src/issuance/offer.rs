//! Reading an offer: what is offered, by whom, and whether this wallet asked for it.

use std::collections::BTreeSet;

use clients::issuer::{CredentialConfiguration, IssuerClient, IssuerMetadata, MetadataTrust};
use identity::Localized;
use identity::jose::jws::JwsAlg;
use identity::sd_jwt_vc::FORMAT;
use serde::Serialize;
use url::Url;
use wire::link::Link;
use wire::oid4vci::{CredentialOffer, Grants, TxCode};

use super::IssuanceError;
use crate::attributes::{Declaration, RequestStage};
use crate::error::{Side, WalletError};
use crate::labels;
use crate::scan::{LinkKind, ScanError};
use crate::vault::Table;
use crate::wallet::Wallet;

/// Credentials of one offer that are received together, at most.
pub(super) const MAX_CREDENTIALS: usize = 8;
/// Bytes of a pre-authorized code and of an issuer's state at most.
const MAX_CODE_BYTES: usize = 2048;
/// Characters of an issuer's words about its PIN that are shown (section 4.1.1).
const MAX_DESCRIPTION: usize = 300;

/// An offer, for the citizen to look at before receiving. Nothing in it but the address is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfferView {
    /// The credential issuer identifier.
    pub issuer: String,
    /// What is offered: one credential or more, which are received together.
    pub credentials: Vec<OfferedCredential>,
    /// Whether a PIN is needed.
    pub needs_pin: bool,
    /// What the PIN looks like, where one is needed.
    pub pin: Option<PinHint>,
    /// Whether the citizen has to sign in at the department with a browser: [`Wallet::authorize`] instead of [`Wallet::receive`].
    pub needs_sign_in: bool,
}

impl OfferView {
    /// Whether this wallet asked for all of it.
    pub fn expected(&self) -> bool {
        self.credentials.iter().all(|credential| credential.expected)
    }
}

/// One credential of an offer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfferedCredential {
    /// The attestation type.
    pub attestation_type: String,
    /// Its name.
    pub type_name: Localized,
    /// The department's name, where this wallet asked it for the credential.
    pub department: Option<Localized>,
    /// Whether this wallet asked for it.
    pub expected: bool,
}

impl From<&Target> for OfferedCredential {
    fn from(target: &Target) -> Self {
        Self {
            attestation_type: target.vct.clone(),
            type_name: labels::attestation_type(&target.vct),
            department: target.declaration.as_ref().map(|declaration| declaration.department().clone()),
            expected: target.declaration.is_some(),
        }
    }
}

/// What a PIN looks like (section 4.1.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PinHint {
    /// Digits only.
    pub numeric: bool,
    /// How many characters.
    pub length: Option<u32>,
    /// The issuer's own words about where it comes from: unverified.
    pub description: Option<String>,
}

impl From<&TxCode> for PinHint {
    fn from(code: &TxCode) -> Self {
        Self {
            numeric: code.input_mode.as_deref() != Some("text"),
            length: code.length,
            description: code.description.as_deref().map(|text| labels::printable(text, MAX_DESCRIPTION)),
        }
    }
}

/// What is to be issued, by whom, and what it must be.
pub(super) struct Target {
    pub(super) issuer: String,
    pub(super) configuration: String,
    pub(super) vct: String,
    pub(super) metadata: IssuerMetadata,
    /// The declaration that it answers.
    pub(super) declaration: Option<Declaration>,
}

/// An offer that was read, with the issuer's metadata.
pub(super) struct Offer {
    pub(super) issuer: String,
    /// One or more, at most [`MAX_CREDENTIALS`], each of another configuration.
    pub(super) targets: Vec<Target>,
    pub(super) grants: Grants,
    /// As it came.
    pub(super) whole: CredentialOffer,
}

impl Offer {
    fn view(&self) -> OfferView {
        let code = self.grants.pre_authorized_code.as_ref().and_then(|grant| grant.tx_code.as_ref());
        OfferView {
            issuer: self.issuer.clone(),
            credentials: self.targets.iter().map(OfferedCredential::from).collect(),
            needs_pin: code.is_some(),
            pin: code.map(PinHint::from),
            needs_sign_in: self.grants.pre_authorized_code.is_none(),
        }
    }
}

impl Wallet {
    /// Reads an offer without taking it.
    ///
    /// # Errors
    /// [`WalletError::Scan`] when the link is none of an offer, [`WalletError::Issuance`].
    pub async fn review_offer(&self, link: &str) -> Result<OfferView, WalletError> {
        self.watched(Side::Department, Box::pin(self.review_offer_story(link))).await
    }

    pub(crate) async fn review_offer_story(&self, link: &str) -> Result<OfferView, WalletError> {
        Ok(self.read_offer(link).await?.view())
    }

    pub(super) async fn read_offer(&self, link: &str) -> Result<Offer, WalletError> {
        let offer = match link.parse::<Link>().map_err(ScanError::Link)? {
            Link::CredentialOfferUri(uri) => {
                self.check_machine(&uri)?;
                let client = IssuerClient::new(self.http.clone(), uri.clone());
                match (client.offer(&uri).await, self.begun_offer(link)?) {
                    (Ok(offer), _) | (Err(_), Some(offer)) => offer,
                    (Err(error), None) => return Err(IssuanceError::Issuer(error).into()),
                }
            }
            Link::CredentialOffer(json) => {
                serde_json::from_str(&json).map_err(|_| IssuanceError::Offer("it is not a credential offer"))?
            }
            Link::PresentationRequest { .. } | Link::SignedRequest { .. } | Link::UnsignedRequest { .. } => {
                return Err(ScanError::OtherKind(LinkKind::Request).into());
            }
        };
        check_grants(&offer.grants)?;
        let whole = offer.clone();
        let CredentialOffer { credential_issuer: issuer, credential_configuration_ids: offered, grants } = offer;
        let metadata = self.issuer_metadata(&issuer).await?;
        let mut targets = Vec::new();
        for (configuration, vct) in choose(&offered, &metadata)? {
            let declaration = self.find_declaration(link, &issuer, &vct).await?;
            targets.push(Target { issuer: issuer.clone(), configuration, vct, metadata: metadata.clone(), declaration });
        }
        Ok(Offer { issuer, targets, grants, whole })
    }

    /// What the issuer says of itself, signed by somebody whom the city trusts or not at all.
    pub(super) async fn issuer_metadata(&self, issuer: &str) -> Result<IssuerMetadata, WalletError> {
        let base = Url::parse(issuer).map_err(|_| IssuanceError::Offer("its issuer has no address"))?;
        self.check_machine(&base)?;
        let trust = MetadataTrust { anchors: &self.anchors, now: self.now() };
        let client = IssuerClient::new(self.http.clone(), base);
        // Section 12.2.1: the metadata must be about the issuer that is asked for; the client compares.
        Ok(client.metadata(issuer, Some(trust)).await.map_err(IssuanceError::Issuer)?)
    }

    /// The declaration that an offer answers, by the very offer that the department named for it; a department that has not been
    /// asked since it decided is asked now. Any other offer is one that this wallet did not ask for.
    async fn find_declaration(&self, link: &str, issuer: &str, vct: &str) -> Result<Option<Declaration>, WalletError> {
        let declarations: Vec<Declaration> = self.vault.list(Table::Declarations)?;
        let ours = declarations.into_iter().filter(|one| one.issuer == issuer && one.attestation_type == vct);
        for mut declaration in ours {
            let stage = match declaration.stage {
                // A department that does not answer now does not name an offer.
                RequestStage::Pending => {
                    self.request_state_story(&declaration.id).await.map_or(RequestStage::Pending, |view| view.stage)
                }
                _ => declaration.stage.clone(),
            };
            if matches!(&stage, RequestStage::Attested { offer } if same_offer(offer, link)) {
                declaration.stage = stage;
                return Ok(Some(declaration));
            }
        }
        Ok(None)
    }
}

fn check_grants(grants: &Grants) -> Result<(), IssuanceError> {
    let code = grants.pre_authorized_code.as_ref().map(|grant| grant.code.as_str());
    let state = grants.authorization_code.as_ref().and_then(|grant| grant.issuer_state.as_deref());
    let is_code = |code: &str| !code.is_empty() && code.len() <= MAX_CODE_BYTES;
    if !code.is_none_or(is_code) {
        return Err(IssuanceError::Offer("its code is empty or too long"));
    }
    if !state.is_none_or(is_code) {
        return Err(IssuanceError::Offer("its issuer_state is empty or too long"));
    }
    Ok(())
}

/// Whether two links are of one offer, however they are written.
fn same_offer(one: &str, other: &str) -> bool {
    matches!((one.parse::<Link>(), other.parse::<Link>()), (Ok(one), Ok(other)) if one == other)
}

/// The offered configurations that this wallet can take, each with its type: one or more.
fn choose(offered: &[String], metadata: &IssuerMetadata) -> Result<Vec<(String, String)>, IssuanceError> {
    if offered.is_empty() {
        return Err(IssuanceError::Offer("it offers nothing"));
    }
    // Section 4.1.1: the identifiers are unique.
    if offered.iter().collect::<BTreeSet<_>>().len() < offered.len() {
        return Err(IssuanceError::Offer("it offers the same credential twice"));
    }
    let usable = usable(offered, metadata);
    if usable.is_empty() {
        return Err(IssuanceError::Metadata("it describes no offered credential of a kind that this wallet takes"));
    }
    if usable.len() > MAX_CREDENTIALS {
        return Err(IssuanceError::Offer("it offers more than eight credentials"));
    }
    Ok(usable)
}

/// How keys are proven to an issuer: the ways that HAIP 1.0 section 4.5.1 names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ProofKind {
    /// Each key signs (appendix F.1).
    Jwt,
    /// Somebody vouches for all of them (appendix F.3).
    Attestation,
}

impl ProofKind {
    /// The way that this configuration takes, the keys' own proof before others: it needs no provider.
    pub(super) fn of(configuration: &CredentialConfiguration) -> Option<Self> {
        let takes = |kind: Self| {
            let algs = &configuration.proof_types_supported.get(kind.name())?.proof_signing_alg_values_supported;
            (algs.is_empty() || algs.iter().any(|alg| alg == JwsAlg::Es256.name())).then_some(kind)
        };
        takes(Self::Jwt).or_else(|| takes(Self::Attestation))
    }

    /// Its name in the issuer's metadata.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Jwt => "jwt",
            Self::Attestation => "attestation",
        }
    }
}

/// Those of these configurations that this wallet can take, each with its type.
pub(super) fn usable(offered: &[String], metadata: &IssuerMetadata) -> Vec<(String, String)> {
    let known = offered.iter().filter_map(|id| metadata.configurations.get(id).map(|configuration| (id, configuration)));
    let usable = known.filter(|(_, configuration)| configuration.format == FORMAT && ProofKind::of(configuration).is_some());
    usable.filter_map(|(id, configuration)| Some((id.clone(), configuration.vct.clone()?))).collect()
}
