//! What a department attests and what it needs for that, before anything is declared to it.

use clients::issuer::IssuerClient;
use identity::Localized;
use serde::Serialize;
use url::Url;
use wire::issuer::AttributeKind;

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
    /// The attributes to declare, by kind.
    pub needs: Vec<AttributeKind>,
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
                needs: offering.needs,
            });
        }
        if view.offerings.is_empty() {
            return Err(AttributeError::NotAccredited("it is accredited for nothing that it offers").into());
        }
        Ok(view)
    }
}
