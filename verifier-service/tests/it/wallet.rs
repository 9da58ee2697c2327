//! A wallet, well-behaved unless it is told otherwise.

use axum::body::Body;
use axum::http::{Request, header};
use identity::jose::jwe::{ContentEncryption, Recipient};
use identity::jose::{Jwk, TrustAnchors, jws};
use identity::keys::SecretKey;
use identity::sd_jwt::{self, ClaimPath, KeyBinding};
use serde_json::{Map, Value, json};
use url::Url;
use verifier_service::Shared;

use crate::browser::{self, Answer};
use crate::city::{Held, NOW};

/// A request object that was fetched and verified.
#[derive(Clone)]
pub(crate) struct Fetched {
    pub(crate) text: String,
    pub(crate) claims: Value,
}

/// How an answer differs from a good one.
pub(crate) struct Answering {
    pub(crate) claims: Vec<&'static str>,
    pub(crate) nonce: Option<String>,
    pub(crate) aud: Option<String>,
    pub(crate) state: Option<String>,
    pub(crate) issued_at: i64,
    pub(crate) signer: Option<SecretKey>,
    pub(crate) key_binding: bool,
    pub(crate) extra: Map<String, Value>,
    pub(crate) query_id: &'static str,
    pub(crate) enc: ContentEncryption,
    pub(crate) entropy: u8,
}

impl Default for Answering {
    fn default() -> Self {
        Self {
            claims: vec!["family_name", "given_name", "id_number"],
            nonce: None,
            aud: None,
            state: None,
            issued_at: NOW,
            signer: None,
            key_binding: true,
            extra: Map::new(),
            query_id: "identity",
            enc: ContentEncryption::A256Gcm,
            entropy: 1,
        }
    }
}

impl Answering {
    pub(crate) fn with_match_code(code: &str) -> Self {
        let mut answering = Self::default();
        answering.extra.insert("yufu_match_code".to_owned(), code.into());
        answering
    }
}

/// The request URI of a link, as a path of the service.
pub(crate) fn request_path(link: &str) -> String {
    let link: wire::link::Link = link.parse().unwrap();
    let wire::link::Link::PresentationRequest { request_uri, .. } = link else { panic!("not a request") };
    request_uri.path().to_owned()
}

/// Fetches a request object and verifies it as a wallet must.
pub(crate) async fn fetch(app: &Shared, link: &str, anchors: &TrustAnchors) -> Fetched {
    let answer = browser::send(app, Request::get(request_path(link)).body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    verify(&answer, anchors)
}

pub(crate) fn verify(answer: &Answer, anchors: &TrustAnchors) -> Fetched {
    assert_eq!(answer.headers[header::CONTENT_TYPE], "application/oauth-authz-req+jwt");
    let parsed = jws::Parsed::parse(&answer.body, &jws::Policy::REQUEST_OBJECT).unwrap();
    let (verified, certificate) = parsed.verify_with_chain(anchors, NOW).unwrap();
    let claims: Value = serde_json::from_slice(&verified.payload).unwrap();
    assert_eq!(claims["client_id"], format!("x509_hash:{}", certificate.x509_hash()));
    Fetched { text: answer.body.clone(), claims }
}

impl Fetched {
    pub(crate) fn text(&self, name: &str) -> &str {
        self.claims[name].as_str().unwrap()
    }

    pub(crate) fn response_path(&self) -> String {
        self.text("response_uri").parse::<Url>().unwrap().path().to_owned()
    }

    pub(crate) fn key(&self) -> Jwk {
        Jwk::from_value(&self.claims["client_metadata"]["jwks"]["keys"][0]).unwrap()
    }

    /// The presentation.
    pub(crate) fn present(&self, held: &Held, answering: &Answering) -> String {
        let paths: Vec<ClaimPath> = answering.claims.iter().map(|name| ClaimPath::name(name)).collect();
        let wallet = sd_jwt::Held::open(&held.sd_jwt).unwrap();
        let binding = KeyBinding {
            aud: answering.aud.as_deref().unwrap_or(self.text("client_id")),
            nonce: answering.nonce.as_deref().unwrap_or(self.text("nonce")),
            issued_at: answering.issued_at,
            extra: &answering.extra,
        };
        if !answering.key_binding {
            return wallet.present(&paths).unwrap();
        }
        match &answering.signer {
            None => wallet.present_bound(&paths, &binding, &held.key).unwrap(),
            Some(other) => {
                // A wallet that lies about its key: the key binding of another credential's key.
                let sd_jwt = wallet.present(&paths).unwrap();
                let good = wallet.present_bound(&paths, &binding, &held.key).unwrap();
                let payload = good.rsplit('.').nth(1).unwrap();
                let payload = {
                    use base64::Engine as _;
                    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(payload).unwrap()
                };
                let header = jws::JwsHeader::typ("kb+jwt");
                format!("{sd_jwt}{}", jws::sign_compact(other, &header, &payload))
            }
        }
    }

    /// The encrypted answer.
    pub(crate) fn encrypt(&self, vp_token: &Value, answering: &Answering) -> String {
        let state = answering.state.as_deref().unwrap_or(self.text("state"));
        let payload = json!({ "vp_token": vp_token, "state": state }).to_string();
        self.encrypt_text(&payload, answering)
    }

    pub(crate) fn encrypt_text(&self, payload: &str, answering: &Answering) -> String {
        let key = self.key();
        let recipient = Recipient { jwk: &key, enc: answering.enc, apu: &[], apv: &[] };
        recipient.encrypt(payload.as_bytes(), &[answering.entropy; 32]).unwrap()
    }

    /// The form that a good wallet posts.
    pub(crate) fn form(&self, held: &Held, answering: &Answering) -> String {
        let vp_token = json!({ answering.query_id: [self.present(held, answering)] });
        form(&[("response", &self.encrypt(&vp_token, answering))])
    }

    pub(crate) async fn answer(&self, app: &Shared, held: &Held, answering: &Answering) -> Answer {
        self.post(app, self.form(held, answering)).await
    }

    pub(crate) async fn post(&self, app: &Shared, form: String) -> Answer {
        let request = Request::post(self.response_path())
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form))
            .unwrap();
        browser::send(app, request).await
    }
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    let mut form = url::form_urlencoded::Serializer::new(String::new());
    form.extend_pairs(fields);
    form.finish()
}
