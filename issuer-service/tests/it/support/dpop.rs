//! A wallet with DPoP (RFC 9449), written against the specification and not against the service.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::{Algorithm, SecretKey};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::clerk::form;
use super::wallet::{ISSUER, WalletKeys, code, credential_request};
use super::world::{Answer, World};

const FORM: &str = "application/x-www-form-urlencoded";

/// The wallet's key for tokens.
pub(crate) struct DpopWallet {
    pub(crate) key: SecretKey,
}

/// Tokens that are bound to it.
#[derive(Clone)]
pub(crate) struct Bound {
    pub(crate) access: String,
    pub(crate) refresh: String,
}

impl DpopWallet {
    pub(crate) fn new(seed: u8) -> Self {
        Self { key: SecretKey::from_bytes(Algorithm::P256, &[seed; 32]).unwrap() }
    }

    /// The claims of a proof as they should be.
    pub(crate) async fn claims(&self, world: &World, path: &str, token: Option<&str>) -> Value {
        let jti = world.app.environment.random.token();
        let nonce = world.dpop_nonce().await;
        let mut claims =
            json!({ "jti": jti, "htm": "POST", "htu": format!("{ISSUER}{path}"), "iat": world.clock.now(), "nonce": nonce });
        if let Some(token) = token {
            claims["ath"] = URL_SAFE_NO_PAD.encode(Sha256::digest(token)).into();
        }
        claims
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = JwsHeader { jwk: Some(Jwk::from(self.key.public_key())), ..JwsHeader::typ("dpop+jwt") };
        jws::sign_compact(&self.key, &header, claims.to_string().as_bytes())
    }

    pub(crate) async fn proof(&self, world: &World, path: &str, token: Option<&str>) -> String {
        self.sign(&self.claims(world, path, token).await)
    }

    /// Trades code and PIN of a fresh offer for tokens.
    pub(crate) async fn tokens(&self, world: &World) -> Bound {
        let (offer, pin) = world.offer().await;
        let proof = self.proof(world, "/token", None).await;
        let answer = world.bound_token(&[proof], &code_form(&code(&offer["credential_offer"]), &pin)).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        let json = answer.json();
        assert_eq!(json["token_type"], "DPoP");
        let text = |name: &str| json[name].as_str().unwrap().to_owned();
        Bound { access: text("access_token"), refresh: text("refresh_token") }
    }

    pub(crate) async fn refresh(&self, world: &World, refresh: &str) -> Answer {
        self.refresh_as(world, refresh, None).await
    }

    pub(crate) async fn refresh_as(&self, world: &World, refresh: &str, client: Option<&str>) -> Answer {
        let proof = self.proof(world, "/token", None).await;
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", refresh)];
        fields.extend(client.map(|client| ("client_id", client)));
        world.bound_token(&[proof], &fields).await
    }

    /// A new access token for the refresh token.
    pub(crate) async fn refreshed(&self, world: &World, refresh: &str) -> String {
        let answer = self.refresh(world, refresh).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        answer.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Asks for copies under these keys.
    pub(crate) async fn ask(&self, world: &World, access: &str, keys: &WalletKeys) -> Answer {
        let request = credential_request(&keys.proofs_at(world.clock.now(), &world.nonce().await));
        let proof = self.proof(world, "/credential", Some(access)).await;
        world.bound_credential(access, &[proof], &request).await
    }

    /// Refreshes and asks for copies: all that a renewal is.
    pub(crate) async fn renew(&self, world: &World, refresh: &str, keys: &WalletKeys) -> Answer {
        let access = self.refreshed(world, refresh).await;
        self.ask(world, &access, keys).await
    }
}

pub(crate) fn code_form<'a>(code: &'a str, pin: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", "urn:ietf:params:oauth:grant-type:pre-authorized_code"), ("pre-authorized_code", code), ("tx_code", pin)]
}

impl World {
    /// The nonce that the nonce endpoint gives for DPoP proofs.
    pub(crate) async fn dpop_nonce(&self) -> String {
        self.post("/nonce", "", "").await.header("dpop-nonce").to_owned()
    }

    pub(crate) async fn bound_token(&self, proofs: &[String], fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::post("/token").header("content-type", FORM);
        for proof in proofs {
            request = request.header("DPoP", proof);
        }
        self.call(request.body(Body::from(form(fields))).unwrap()).await
    }

    pub(crate) async fn bound_credential(&self, access: &str, proofs: &[String], request: &Value) -> Answer {
        let mut call = Request::post("/credential")
            .header("authorization", format!("DPoP {access}"))
            .header("content-type", "application/json");
        for proof in proofs {
            call = call.header("DPoP", proof);
        }
        self.call(call.body(Body::from(request.to_string())).unwrap()).await
    }
}
