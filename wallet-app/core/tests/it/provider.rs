//! A wallet provider with a certificate of its own; honest, or wrong in one way.

use futures::future::BoxFuture;
use identity::jose::jwk::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::{PublicKey, SecretKey};
use serde_json::{Value, json};
use wallet_core::{KeyRequirements, ProviderError, WalletAttestation, WalletProvider};

use crate::city::{Ca, p256};

const CLIENT: &str = "https://provider.example/wallet";

pub(crate) fn provider_key() -> SecretKey {
    p256(41)
}

/// A wallet provider.
pub(crate) struct Provider;

/// A provider whose words are wrong in one way.
pub(crate) struct Liar(pub(crate) &'static str);

impl Liar {
    fn sign(&self, typ: &str, claims: &Value) -> String {
        let key = if self.0 == "forged" { p256(44) } else { provider_key() };
        let chain = Ca::new("Provider CA").chain("Wallet provider", provider_key().public_key());
        let x5c = Some(chain).filter(|_| self.0 != "no certificate");
        jws::sign_compact(&key, &JwsHeader { x5c, ..JwsHeader::typ(typ) }, claims.to_string().as_bytes())
    }
}

impl WalletProvider for Liar {
    fn attest<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<WalletAttestation, ProviderError>> {
        let key = if self.0 == "another key" { p256(45).public_key() } else { *key };
        let sub = if self.0 == "another client" { "somebody" } else { CLIENT };
        let mut claims = json!({ "sub": sub, "exp": 9_999_999_999_i64, "cnf": { "jwk": Jwk::from(key).to_value() } });
        if self.0 == "over" {
            claims["exp"] = json!(1);
        }
        let jwt = self.sign("oauth-client-attestation+jwt", &claims);
        Box::pin(async move { Ok(WalletAttestation { client_id: CLIENT.to_owned(), jwt }) })
    }

    fn attest_keys<'a>(
        &'a self,
        keys: &'a [PublicKey],
        nonce: Option<&'a str>,
        required: &'a KeyRequirements,
    ) -> BoxFuture<'a, Result<String, ProviderError>> {
        let attested = if self.0 == "other keys" { vec![p256(45).public_key()] } else { keys.to_vec() };
        let attested: Vec<Value> = attested.iter().map(|key| Jwk::from(*key).to_value()).collect();
        let mut claims = json!({ "iat": 1, "exp": 9_999_999_999_i64, "attested_keys": attested, "nonce": nonce });
        // It has what HAIP calls high, and says so to who asks.
        let has = |accepted: &[String]| accepted.iter().any(|level| level == "iso_18045_high");
        if has(&required.key_storage) && self.0 != "silent of storage" {
            claims["key_storage"] = json!(["iso_18045_high"]);
        }
        if has(&required.user_authentication) && self.0 != "silent of the person" {
            claims["user_authentication"] = json!(["iso_18045_high"]);
        }
        match self.0 {
            "keys over" => claims["exp"] = json!(1),
            "another nonce" => claims["nonce"] = json!("old"),
            _ => {}
        }
        let jwt = self.sign("key-attestation+jwt", &claims);
        Box::pin(async move { Ok(jwt) })
    }
}

impl WalletProvider for Provider {
    fn attest<'a>(&'a self, key: &'a PublicKey) -> BoxFuture<'a, Result<WalletAttestation, ProviderError>> {
        Liar("").attest(key)
    }

    fn attest_keys<'a>(
        &'a self,
        keys: &'a [PublicKey],
        nonce: Option<&'a str>,
        required: &'a KeyRequirements,
    ) -> BoxFuture<'a, Result<String, ProviderError>> {
        Liar("").attest_keys(keys, nonce, required)
    }
}
