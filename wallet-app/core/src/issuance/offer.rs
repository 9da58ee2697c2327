//! Reading an offer: what is offered, by whom, and whether this wallet asked for it.

use clients::issuer::{IssuerClient, IssuerMetadata};
use identity::Localized;
use identity::sd_jwt_vc::FORMAT;
use serde::Serialize;
use url::Url;
use wire::link::Link;
use wire::oid4vci::{CredentialOffer, PreAuthorizedCode};

use super::IssuanceError;
use crate::attributes::{Declaration, RequestStage};
use crate::error::WalletError;
use crate::labels;
use crate::scan::{LinkKind, ScanError};
use crate::vault::Table;
use crate::wallet::Wallet;

/// Bytes of a pre-authorized code at most.
const MAX_CODE_BYTES: usize = 2048;

/// An offer, for the citizen to look at before receiving. Nothing in it but the address is verified yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfferView {
    /// The credential issuer identifier.
    pub issuer: String,
    /// The department's name, where this wallet asked it for the credential.
    pub department: Option<Localized>,
    /// The attestation type.
    pub attestation_type: String,
    /// Its name.
    pub type_name: Localized,
    /// Whether a PIN is needed.
    pub needs_pin: bool,
    /// Whether this wallet asked for it.
    pub expected: bool,
}

/// An offer that was read, with the issuer's metadata.
pub(super) struct Offer {
    pub(super) issuer: String,
    pub(super) configuration: String,
    pub(super) vct: String,
    pub(super) grant: PreAuthorizedCode,
    pub(super) metadata: IssuerMetadata,
    /// The declaration that it answers.
    pub(super) declaration: Option<Declaration>,
}

impl Offer {
    fn view(&self) -> OfferView {
        OfferView {
            issuer: self.issuer.clone(),
            department: self.declaration.as_ref().map(|declaration| declaration.department().clone()),
            attestation_type: self.vct.clone(),
            type_name: labels::attestation_type(&self.vct),
            needs_pin: self.grant.tx_code.is_some(),
            expected: self.declaration.is_some(),
        }
    }
}

impl Wallet {
    /// Reads an offer without taking it.
    ///
    /// # Errors
    /// [`WalletError::Scan`] when the link is none of an offer, [`WalletError::Issuance`].
    pub async fn review_offer(&self, link: &str) -> Result<OfferView, WalletError> {
        Ok(self.read_offer(link).await?.view())
    }

    pub(super) async fn read_offer(&self, link: &str) -> Result<Offer, WalletError> {
        let (client, offer) = match link.parse::<Link>().map_err(ScanError::Link)? {
            Link::CredentialOfferUri(uri) => {
                let client = IssuerClient::new(self.http.clone(), uri.clone());
                let offer = client.offer(&uri).await.map_err(IssuanceError::Issuer)?;
                (client, offer)
            }
            Link::CredentialOffer(json) => {
                let offer: CredentialOffer =
                    serde_json::from_str(&json).map_err(|_| IssuanceError::Offer("it is not a credential offer"))?;
                let base = Url::parse(&offer.credential_issuer).map_err(|_| IssuanceError::Offer("its issuer has no address"))?;
                (IssuerClient::new(self.http.clone(), base), offer)
            }
            Link::PresentationRequest { .. } => return Err(ScanError::OtherKind(LinkKind::Request).into()),
        };
        let grant = offer.grants.pre_authorized_code.ok_or(IssuanceError::Offer("it has no pre-authorized code"))?;
        if grant.code.is_empty() || grant.code.len() > MAX_CODE_BYTES {
            return Err(IssuanceError::Offer("its code is empty or too long").into());
        }
        let issuer = offer.credential_issuer;
        // OpenID4VCI section 12.2.1: the metadata must be about the issuer of the offer; the client compares.
        let metadata = client.metadata(&issuer).await.map_err(IssuanceError::Issuer)?;
        let (configuration, vct) = choose(&offer.credential_configuration_ids, &metadata)?;
        let declaration = self.find_declaration(link, &issuer, &vct).await?;
        Ok(Offer { issuer, configuration, vct, grant, metadata, declaration })
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
                    self.request_state(&declaration.id).await.map_or(RequestStage::Pending, |view| view.stage)
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

/// Whether two links are of one offer, however they are written.
fn same_offer(one: &str, other: &str) -> bool {
    matches!((one.parse::<Link>(), other.parse::<Link>()), (Ok(one), Ok(other)) if one == other)
}

/// The first offered configuration that this wallet can take.
fn choose(offered: &[String], metadata: &IssuerMetadata) -> Result<(String, String), IssuanceError> {
    if offered.is_empty() {
        return Err(IssuanceError::Offer("it offers nothing"));
    }
    let known = offered.iter().filter_map(|id| metadata.configurations.get(id).map(|configuration| (id, configuration)));
    let usable = known.filter(|(_, configuration)| {
        configuration.format == FORMAT && configuration.proof_types_supported.keys().any(|kind| kind == "jwt")
    });
    usable
        .filter_map(|(id, configuration)| Some((id.clone(), configuration.vct.clone()?)))
        .next()
        .ok_or(IssuanceError::Metadata("it describes no offered credential of a kind that this wallet takes"))
}
