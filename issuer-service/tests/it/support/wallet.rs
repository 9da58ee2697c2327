//! A wallet at the OpenID4VCI endpoints, written against the specification and not against the service.

use axum::body::Body;
use axum::http::Request;
use identity::jose::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::{Algorithm, SecretKey};
use serde_json::{Value, json};

use super::clerk::form;
use super::world::{Answer, NOW, World};

pub(crate) const ISSUER: &str = "http://127.0.0.1:7301";

/// Keys for copies, one each.
pub(crate) struct WalletKeys(pub(crate) Vec<SecretKey>);

/// What a wallet got.
pub(crate) struct Issued {
    pub(crate) credentials: Vec<String>,
    pub(crate) access_token: String,
}

impl WalletKeys {
    pub(crate) fn new(count: u8) -> Self {
        Self((0..count).map(|index| SecretKey::from_bytes(Algorithm::P256, &[100 + index; 32]).unwrap()).collect())
    }

    /// Proof JWTs with this nonce.
    pub(crate) fn proofs(&self, nonce: &str) -> Vec<String> {
        self.proofs_at(NOW, nonce)
    }

    pub(crate) fn proofs_at(&self, now: i64, nonce: &str) -> Vec<String> {
        self.0.iter().map(|key| proof(key, &json!({ "aud": ISSUER, "iat": now, "nonce": nonce, "yufu_lock": LOCK }))).collect()
    }
}

/// base64url of 32 bytes.
pub(crate) const LOCK: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";

pub(crate) fn proof(key: &SecretKey, claims: &Value) -> String {
    let header = JwsHeader { jwk: Some(Jwk::from(key.public_key())), ..JwsHeader::typ("openid4vci-proof+jwt") };
    jws::sign_compact(key, &header, &serde_json::to_vec(claims).unwrap())
}

impl World {
    /// Makes an offer as the operator's command does: its id and PIN.
    pub(crate) async fn offer(&self) -> (Value, String) {
        self.offer_of(super::world::TYPE).await
    }

    pub(crate) async fn offer_of(&self, attestation_type: &str) -> (Value, String) {
        let claims = serde_json::to_vec(&super::world::claims()).unwrap();
        let made = issuer_service::offers::command::offer(self.app.desk(), &self.app.database, attestation_type, &claims).await;
        let made = made.unwrap();
        let pin = made["tx_code"].as_str().unwrap().to_owned();
        (made, pin)
    }

    pub(crate) async fn token(&self, code: &str, pin: &str) -> Answer {
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:pre-authorized_code"),
            ("pre-authorized_code", code),
            ("tx_code", pin),
        ];
        self.post("/token", "application/x-www-form-urlencoded", form(&fields)).await
    }

    pub(crate) async fn nonce(&self) -> String {
        self.post("/nonce", "", "").await.json()["c_nonce"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn credential(&self, access_token: &str, request: &Value) -> Answer {
        let request = Request::post("/credential")
            .header("authorization", format!("Bearer {access_token}"))
            .header("content-type", "application/json")
            .body(Body::from(request.to_string()))
            .unwrap();
        self.call(request).await
    }

    /// Asks for credentials as a patient wallet does: again while the answer is to come back later.
    pub(crate) async fn credential_in_the_end(&self, access_token: &str, request: &Value) -> Answer {
        for _ in 0..50 {
            let answer = self.credential(access_token, request).await;
            if answer.status != 503 {
                return answer;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("still not final")
    }

    /// An access token for a fresh offer.
    pub(crate) async fn access_token(&self) -> String {
        self.access_token_of(super::world::TYPE).await
    }

    pub(crate) async fn access_token_of(&self, attestation_type: &str) -> String {
        let (offer, pin) = self.offer_of(attestation_type).await;
        let token = self.token(&code(&offer["credential_offer"]), &pin).await;
        assert_eq!(token.status, 200, "{}", token.text());
        token.json()["access_token"].as_str().unwrap().to_owned()
    }

    /// Fetches credentials for these keys with a fresh offer.
    pub(crate) async fn receive(&self, keys: &WalletKeys) -> Issued {
        let access_token = self.access_token().await;
        let request = credential_request(&keys.proofs(&self.nonce().await));
        let answer = self.credential(&access_token, &request).await;
        assert_eq!(answer.status, 200, "{}", answer.text());
        Issued { credentials: credentials(&answer), access_token }
    }
}

pub(crate) fn credential_request(proofs: &[String]) -> Value {
    json!({ "credential_configuration_id": "resident-identity", "proofs": { "jwt": proofs } })
}

pub(crate) fn code(offer: &Value) -> String {
    offer["grants"]["urn:ietf:params:oauth:grant-type:pre-authorized_code"]["pre-authorized_code"].as_str().unwrap().to_owned()
}

pub(crate) fn credentials(answer: &Answer) -> Vec<String> {
    let json = answer.json();
    json["credentials"].as_array().unwrap().iter().map(|one| one["credential"].as_str().unwrap().to_owned()).collect()
}
