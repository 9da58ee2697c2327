//! A wallet that is not Yufu's: OpenID4VCI and OpenID4VP by the letter, with none of the wallet's code, so that stories can say and do
//! what Yufu's own wallet refuses to.

use anyhow::{Context, Result, ensure};
use city::plan::entropy;
use identity::jose::jwe::{ContentEncryption, Recipient};
use identity::jose::jwk::Jwk;
use identity::jose::jws::{self, JwsHeader};
use identity::keys::{Algorithm, SecretKey};
use identity::sd_jwt::{ClaimPath, Held};
use reqwest::StatusCode;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// A credential with its key.
pub(crate) struct Card {
    /// The SD-JWT VC as it was issued.
    pub(crate) credential: String,
    /// The key that it is bound to.
    pub(crate) key: SecretKey,
}

/// An answer of a service: its status and JSON body.
pub(crate) type Answer = (StatusCode, Value);

/// A stranger's wallet.
pub(crate) struct Stranger {
    http: reqwest::Client,
}

impl Stranger {
    pub(crate) fn new() -> Result<Self> {
        let limit = std::time::Duration::from_secs(30);
        Ok(Self { http: reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(limit).build()? })
    }

    pub(crate) async fn get(&self, url: &str) -> Result<Answer> {
        answer(self.http.get(url).send().await?).await
    }

    async fn post_form(&self, url: &str, form: &[(&str, &str)]) -> Result<Answer> {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
        let request = self.http.post(url).header("content-type", "application/x-www-form-urlencoded").body(body);
        answer(request.send().await?).await
    }

    /// The token endpoint's answer to a code and a PIN.
    pub(crate) async fn token(&self, offer: &Value, pin: &str) -> Result<Answer> {
        let issuer = text(offer, "/credential_issuer")?;
        let (_, server) = self.get(&format!("{issuer}/.well-known/oauth-authorization-server")).await?;
        let grant = "urn:ietf:params:oauth:grant-type:pre-authorized_code";
        let code = text(&offer["grants"][grant], "/pre-authorized_code")?;
        let form = [("grant_type", grant), ("pre-authorized_code", code.as_str()), ("tx_code", pin)];
        self.post_form(&text(&server, "/token_endpoint")?, &form).await
    }

    /// Receives one credential for an offer (the offer's JSON) and its PIN.
    pub(crate) async fn receive(&self, offer: &Value, pin: &str) -> Result<Card> {
        let issuer = text(offer, "/credential_issuer")?;
        let (_, metadata) = self.get(&format!("{issuer}/.well-known/openid-credential-issuer")).await?;
        let (status, token) = self.token(offer, pin).await?;
        ensure!(status == StatusCode::OK, "the token endpoint said {status}: {token}");
        let (_, nonce) = answer(self.http.post(text(&metadata, "/nonce_endpoint")?).send().await?).await?;
        let key = SecretKey::from_bytes(Algorithm::P256, &entropy()?)?;
        let header = JwsHeader { jwk: Some(Jwk::from(key.public_key())), ..JwsHeader::typ("openid4vci-proof+jwt") };
        let claims = json!({"aud": issuer, "iat": clients::Clock::system().now(), "nonce": text(&nonce, "/c_nonce")?});
        let proof = jws::sign_compact(&key, &header, claims.to_string().as_bytes());
        let request = json!({
            "credential_configuration_id": offer["credential_configuration_ids"][0],
            "proofs": {"jwt": [proof]},
        });
        let post = self.http.post(text(&metadata, "/credential_endpoint")?).bearer_auth(text(&token, "/access_token")?);
        let (status, response) = answer(post.json(&request).send().await?).await?;
        ensure!(status == StatusCode::OK, "the credential endpoint said {status}: {response}");
        Ok(Card { credential: text(&response, "/credentials/0/credential")?, key })
    }

    /// The claims of a request object, unverified: a stranger trusts the link that it was given.
    pub(crate) async fn request(&self, link: &str) -> Result<Map<String, Value>> {
        let uri = query(link, "request_uri")?;
        let response = self.http.get(&uri).send().await?;
        ensure!(response.status() == StatusCode::OK, "the request object's address said {}", response.status());
        claims_of(&response.text().await?)
    }

    /// Whether the request object of a link can still be had.
    pub(crate) async fn request_status(&self, link: &str) -> Result<StatusCode> {
        Ok(self.http.get(query(link, "request_uri")?).send().await?.status())
    }

    /// Presents what the request asks for, the key binding signed by `signer`, and returns the verifier's answer.
    pub(crate) async fn present(&self, request: &Map<String, Value>, card: &Card, signer: &SecretKey) -> Result<Answer> {
        let response = respond(request, card, signer)?;
        self.post_response(request, &response).await
    }

    /// Posts an encrypted response.
    pub(crate) async fn post_response(&self, request: &Map<String, Value>, response: &str) -> Result<Answer> {
        let uri = request["response_uri"].as_str().context("a request has a response_uri")?;
        self.post_form(uri, &[("response", response)]).await
    }
}

/// Builds the encrypted response to a request.
pub(crate) fn respond(request: &Map<String, Value>, card: &Card, signer: &SecretKey) -> Result<String> {
    let query = &request["dcql_query"]["credentials"][0];
    let paths = query["claims"].as_array().context("the query names claims")?;
    let names = paths.iter().map(|claim| claim["path"][0].as_str().map(ClaimPath::name).context("a claim's path"));
    let held = Held::open(&card.credential)?;
    let sd_jwt = held.present(&names.collect::<Result<Vec<_>>>()?)?;
    // By hand: the library refuses to sign with a key that the credential is not bound to, and a thief does not.
    let binding = json!({
        "iat": clients::Clock::system().now(),
        "aud": request["client_id"],
        "nonce": request["nonce"],
        "sd_hash": city::configs::base64url(&Sha256::digest(&sd_jwt)),
    });
    let key_binding = jws::sign_compact(signer, &JwsHeader::typ("kb+jwt"), binding.to_string().as_bytes());
    let presentation = format!("{sd_jwt}{key_binding}");
    let payload = json!({
        "vp_token": {query["id"].as_str().context("the query has an id")?: [presentation]},
        "state": request["state"],
    });
    let keys = &request["client_metadata"]["jwks"]["keys"];
    let jwk = Jwk::from_value(&keys[0]).context("the verifier's encryption key")?;
    let recipient = Recipient { jwk: &jwk, enc: ContentEncryption::A256Gcm, apu: &[], apv: &[] };
    Ok(recipient.encrypt(payload.to_string().as_bytes(), &entropy()?)?)
}

/// The payload of a JWT, unverified.
pub(crate) fn claims_of(jwt: &str) -> Result<Map<String, Value>> {
    let payload = jwt.split('.').nth(1).context("a JWT has three parts")?;
    let bytes = city::configs::from_base64url(payload)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// A query parameter of a link.
pub(crate) fn query(link: &str, name: &str) -> Result<String> {
    let link = url::Url::parse(link)?;
    let found = link.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
    found.with_context(|| format!("{link} has no {name}"))
}

async fn answer(response: reqwest::Response) -> Result<Answer> {
    let status = response.status();
    let bytes = response.bytes().await?;
    Ok((status, if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).unwrap_or(Value::Null) }))
}

pub(crate) fn text(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.map(str::to_owned).with_context(|| format!("no text at {pointer} in {value}"))
}
