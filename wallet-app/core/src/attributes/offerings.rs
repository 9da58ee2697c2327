//! What a department attests and what it needs for that, before anything is declared to it.

use clients::issuer::IssuerClient;
use identity::Localized;
use serde::Serialize;
use url::Url;
use wire::issuer::{AttributeKind, Channel};

use super::AttributeError;
use crate::chain::AsOf;
use crate::error::WalletError;
use crate::labels;
use crate::wallet::Wallet;

/// A department, by its name on the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DepartmentView {
    /// Its address.
    pub url: Url,
    /// Its name.
    pub name: Localized,
    /// What it attests and is accredited for.
    pub offerings: Vec<OfferingView>,
    /// The block that its record was proven against.
    pub as_of: Option<AsOf>,
}

/// Something that a department attests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OfferingView {
    /// The attestation type.
    pub attestation_type: String,
    /// Its name.
    pub type_name: Localized,
    /// The attributes that must be declared, by kind; never a portrait.
    pub needs: Vec<KindView>,
    /// Those that may be declared beside.
    pub optional: Vec<KindView>,
    /// How the department can verify the declaration: the citizen chooses.
    pub channels: Vec<ChannelView>,
}

/// A kind of attribute.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KindView {
    /// The kind.
    pub kind: AttributeKind,
    /// The same in words.
    pub name: Localized,
    /// Whether it is a document: a picture or PDF, of which there may be several.
    pub document: bool,
}

/// A channel of verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChannelView {
    /// The channel.
    pub channel: Channel,
    /// The same in words.
    pub name: Localized,
}

impl KindView {
    fn of(kind: AttributeKind) -> Self {
        Self { kind, name: labels::attribute_kind(kind), document: kind.is_document() }
    }
}

fn is_portrait(kind: &&AttributeKind) -> bool {
    **kind == AttributeKind::Portrait
}

impl Wallet {
    /// What the department at an address attests: only what the ledger says that it is accredited for. Nothing is declared.
    ///
    /// # Errors
    /// [`WalletError::Attributes`] when the department does not answer or the ledger does not know it, [`WalletError::Ledger`].
    pub async fn department(&self, url: &Url) -> Result<DepartmentView, WalletError> {
        let client = IssuerClient::new(self.http.clone(), url.clone());
        let described = client.department().await.map_err(AttributeError::Department)?;
        let mut view = DepartmentView { url: url.clone(), name: Localized::new("", ""), offerings: Vec::new(), as_of: None };
        for offering in described.attestations {
            let department = match self.find_department(&described.authority, &offering.attestation_type).await {
                Ok(department) => department,
                // It claims more than it may: the rest of what it says may still hold.
                Err(WalletError::Attributes(AttributeError::NotAccredited(_))) => continue,
                Err(error) => return Err(error),
            };
            let found = department.as_of;
            view.as_of = Some(view.as_of.map_or(found, |as_of| as_of.older(found)));
            view.name = department.name;
            view.offerings.push(OfferingView {
                type_name: labels::attestation_type(&offering.attestation_type),
                attestation_type: offering.attestation_type,
                // A department may ask for a portrait and not insist on one.
                optional: offering
                    .needs
                    .iter()
                    .filter(is_portrait)
                    .chain(&offering.optional)
                    .copied()
                    .map(KindView::of)
                    .collect(),
                needs: offering.needs.iter().filter(|kind| !is_portrait(kind)).copied().map(KindView::of).collect(),
                channels: offering
                    .channels
                    .into_iter()
                    .map(|channel| ChannelView { channel, name: labels::channel(channel) })
                    .collect(),
            });
        }
        if view.offerings.is_empty() {
            return Err(AttributeError::NotAccredited("it is accredited for nothing that it offers").into());
        }
        Ok(view)
    }
}
