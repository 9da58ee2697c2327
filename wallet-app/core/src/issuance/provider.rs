//! The wallet provider: who vouches for this wallet and its keys towards issuers that ask for it (OpenID4VCI appendices D and E,
//! HAIP 1.0 section 4).
//!
//! It stands at the network's edge. A wallet without one goes to issuers that ask for no attestation, and says so to the others.

use futures::future::BoxFuture;
use identity::keys::PublicKey;

pub use clients::issuer::KeyRequirements;

/// The provider's word for a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletAttestation {
    /// The client identifier of all wallets of this provider, `sub` of the attestation.
    pub client_id: String,
    /// The attestation: a JWT of type `oauth-client-attestation+jwt` with the key in `cnf`, and its chain in `x5c`.
    pub jwt: String,
}

/// The provider did not vouch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the wallet provider did not vouch for this wallet: {0}")]
pub struct ProviderError(pub String);

/// Vouches for this wallet.
pub trait WalletProvider: Send + Sync + 'static {
    /// An attestation for a key that was made for one issuance.
    fn attest<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<WalletAttestation, ProviderError>>;

    /// A key attestation (`key-attestation+jwt`, appendix D.1) for these keys, with the issuer's nonce if it gave one, that says of
    /// storage and of the person's authentication what the issuer accepts, if that is so.
    fn attest_keys<'a>(
        &'a self,
        keys: &'a [PublicKey],
        nonce: Option<&'a str>,
        required: &'a KeyRequirements,
    ) -> BoxFuture<'a, Result<String, ProviderError>>;
}
