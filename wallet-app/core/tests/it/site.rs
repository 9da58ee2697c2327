//! A government website on loopback: honest unless told otherwise.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::jose::Chain;
use identity::jose::jwe::{DecryptionKey, Encrypted};
use identity::jose::jws::{self, JwsHeader, Parsed};
use identity::keys::SecretKey;
use identity::{CommitmentKey, Localized};
use ledger::cell::Subject;
use ledger::records::RecordId;
use ledger::transaction::{NewReceipt, RECEIPT_CONTEXT, TransactionId};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use wallet_core::Clock;
use wire::oid4vp::{AuthorizationResponse, ReceiptOpening, ResponseAccepted};
use wire::problem::Slug;
use wire::rights::{self, Acknowledgement, Done, Kept, PresentationDigest, RightsMetadata, RightsRequest};

use crate::city::{Ca, VCT, p256};
use crate::ledger::FakeLedger;

/// What is served under `/requests/{id}`.
#[derive(Clone)]
pub(crate) enum Served {
    Token(String),
    Redirect(String),
    Huge,
    Status(u16),
    OtherType(String),
}

#[derive(Clone, Default)]
pub(crate) struct Behaviour {
    /// Responses are answered 503 so many times before they are looked at.
    pub(crate) busy: u32,
    /// Responses are taken, and then answered 502 so many times.
    pub(crate) lose_answers: u32,
    pub(crate) refuse: Option<(u16, String)>,
    pub(crate) no_receipt: bool,
    pub(crate) receipt_not_on_ledger: bool,
    pub(crate) receipt_about_other: bool,
    pub(crate) redirect_uri: Option<String>,
    /// Responses and refusals are sent on to there with 307.
    pub(crate) redirect_response: Option<String>,
    /// Refusals are answered so.
    pub(crate) deaf: Option<u16>,
    pub(crate) rights: Rights,
}

/// How withdrawals and wishes for deletion are taken.
#[derive(Clone, Default)]
pub(crate) struct Rights {
    pub(crate) no_address: bool,
    /// Another address than the site's own.
    pub(crate) elsewhere: Option<String>,
    pub(crate) refuse: Option<Slug>,
    /// The acknowledgement is signed by another key than the registered one.
    pub(crate) other_key: bool,
    /// It is about another presentation.
    pub(crate) about_other: bool,
}

#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) fetched: u32,
    /// What software the wallet said that it is.
    pub(crate) user_agents: Vec<String>,
    /// Every body that was posted, by form field.
    pub(crate) posted: Vec<BTreeMap<String, String>>,
    pub(crate) responses: Vec<AuthorizationResponse>,
    /// What was asked at the address for rights, verified.
    pub(crate) rights: Vec<RightsRequest>,
}

pub(crate) struct Shared {
    pub(crate) behaviour: Mutex<Behaviour>,
    pub(crate) seen: Mutex<Seen>,
    served: Mutex<BTreeMap<String, Served>>,
    ledger: Arc<FakeLedger>,
    base: String,
    chain: Chain,
    clock: Clock,
}

pub(crate) struct FakeSite {
    pub(crate) shared: Arc<Shared>,
}

impl FakeSite {
    pub(crate) async fn start(ca: &Ca, ledger: Arc<FakeLedger>, clock: Clock) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared {
            behaviour: Mutex::default(),
            seen: Mutex::default(),
            served: Mutex::default(),
            ledger,
            base,
            chain: ca.chain("Tax office", site_key().public_key()),
            clock,
        });
        let router = Router::new()
            .route("/requests/{id}", get(request).post(request_by_post))
            .route("/responses/{id}", post(response))
            .route(rights::WELL_KNOWN_PATH, get(rights_address))
            .route("/rights", post(exercise))
            .with_state(Arc::clone(&shared));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { shared }
    }

    pub(crate) fn origin(&self) -> String {
        self.shared.base.clone()
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.shared.chain
    }

    pub(crate) fn client_id(&self) -> String {
        format!("x509_hash:{}", URL_SAFE_NO_PAD.encode(self.shared.chain.leaf_sha256()))
    }

    pub(crate) fn behave(&self, change: impl FnOnce(&mut Behaviour)) {
        change(&mut self.shared.behaviour.lock().unwrap());
    }

    pub(crate) fn seen<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.shared.seen.lock().unwrap())
    }

    /// The claims of an honest request for these claims of the identity credential.
    pub(crate) fn claims(&self, asked: &[&str]) -> Value {
        let now = self.shared.clock.now();
        let paths: Vec<Value> = asked.iter().map(|name| json!({ "path": [name] })).collect();
        json!({
            "response_type": "vp_token",
            "response_mode": "direct_post.jwt",
            "client_id": self.client_id(),
            "response_uri": format!("{}/responses/1", self.shared.base),
            "aud": "https://self-issued.me/v2",
            "nonce": "nonce-nonce-nonce-nonce-1",
            "state": "state-1",
            "iat": now,
            "exp": now + 120,
            "dcql_query": { "credentials": [{
                "id": "identity", "format": "dc+sd-jwt", "meta": { "vct_values": [VCT] }, "claims": paths,
            }] },
            "client_metadata": {
                "jwks": { "keys": [decryption_key().to_jwk("k1").to_value()] },
                "encrypted_response_enc_values_supported": ["A128GCM", "A256GCM"],
                "vp_formats_supported": { "dc+sd-jwt": {} },
            },
            "verifier_info": [{ "format": "yufu_registration", "data": { "party": "tax-portal", "purpose": "login" } }],
        })
    }

    pub(crate) fn sign(&self, claims: &Value) -> String {
        let header = JwsHeader { x5c: Some(self.shared.chain.clone()), ..JwsHeader::typ("oauth-authz-req+jwt") };
        jws::sign_compact(&site_key(), &header, claims.to_string().as_bytes())
    }

    pub(crate) fn serve(&self, id: &str, served: Served) -> String {
        self.shared.served.lock().unwrap().insert(id.to_owned(), served);
        self.link(id, &self.client_id())
    }

    /// An honest request, served; gives the link.
    pub(crate) fn ask(&self, asked: &[&str]) -> String {
        self.serve("1", Served::Token(self.sign(&self.claims(asked))))
    }

    pub(crate) fn link(&self, id: &str, client_id: &str) -> String {
        let uri = format!("{}/requests/{id}", self.shared.base);
        let query = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("client_id", client_id)
            .append_pair("request_uri", &uri)
            .finish();
        format!("openid4vp://?{query}")
    }
}

pub(crate) fn site_key() -> SecretKey {
    p256(11)
}

pub(crate) fn decryption_key() -> DecryptionKey {
    DecryptionKey::from_bytes(&[12; 32]).unwrap()
}

type Site = State<Arc<Shared>>;

fn note_software(site: &Shared, headers: &HeaderMap) {
    let named = headers.get(header::USER_AGENT).map(|value| value.to_str().unwrap().to_owned());
    site.seen.lock().unwrap().user_agents.extend(named);
}

async fn request(State(site): Site, Path(id): Path<String>, headers: HeaderMap) -> Response {
    note_software(&site, &headers);
    site.seen.lock().unwrap().fetched += 1;
    let served = site.served.lock().unwrap().get(&id).cloned();
    let typed = |body: Vec<u8>, media_type: &str| ([(header::CONTENT_TYPE, media_type.to_owned())], body).into_response();
    match served {
        None => StatusCode::NOT_FOUND.into_response(),
        Some(Served::Token(token)) => typed(token.into_bytes(), "application/oauth-authz-req+jwt"),
        Some(Served::Redirect(to)) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Some(Served::Huge) => typed(vec![b'a'; 2_000_000], "application/oauth-authz-req+jwt"),
        Some(Served::Status(status)) => StatusCode::from_u16(status).unwrap().into_response(),
        Some(Served::OtherType(token)) => typed(token.into_bytes(), "text/html"),
    }
}

/// A request by POST repeats the wallet's nonce, unless its id says otherwise.
async fn request_by_post(State(site): Site, Path(id): Path<String>, body: String) -> Response {
    site.seen.lock().unwrap().fetched += 1;
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let site = FakeSite { shared: site };
    let mut claims = site.claims(&["family_name"]);
    let nonce = if id == "forgetful" { "another".to_owned() } else { fields["wallet_nonce"].clone() };
    claims["wallet_nonce"] = nonce.into();
    ([(header::CONTENT_TYPE, "application/oauth-authz-req+jwt")], site.sign(&claims)).into_response()
}

async fn response(State(site): Site, headers: HeaderMap, body: String) -> Response {
    note_software(&site, &headers);
    let fields: BTreeMap<String, String> = url::form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    site.seen.lock().unwrap().posted.push(fields.clone());
    let redirect = site.behaviour.lock().unwrap().redirect_response.clone();
    if let Some(to) = redirect {
        return (StatusCode::TEMPORARY_REDIRECT, [(header::LOCATION, to)]).into_response();
    }
    if fields.contains_key("error") {
        let behaviour = site.behaviour.lock().unwrap().clone();
        let status = StatusCode::from_u16(behaviour.deaf.unwrap_or(200)).unwrap();
        return (status, Json(json!({ "redirect_uri": behaviour.redirect_uri }))).into_response();
    }
    let behaviour = {
        let mut behaviour = site.behaviour.lock().unwrap();
        let before = behaviour.clone();
        behaviour.busy = behaviour.busy.saturating_sub(1);
        if before.busy == 0 {
            behaviour.lose_answers = behaviour.lose_answers.saturating_sub(1);
        }
        before
    };
    if behaviour.busy > 0 {
        return (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "0")], "{}").into_response();
    }
    if let Some((status, error)) = behaviour.refuse {
        return (StatusCode::from_u16(status).unwrap(), Json(json!({ "error": error }))).into_response();
    }
    let opened: AuthorizationResponse = match fields.get("response") {
        Some(jwe) => {
            let opened = Encrypted::parse(jwe).unwrap().decrypt(&decryption_key()).unwrap();
            serde_json::from_slice(&opened).unwrap()
        }
        None => AuthorizationResponse {
            vp_token: serde_json::from_str(&fields["vp_token"]).unwrap(),
            state: fields.get("state").cloned().unwrap_or_default(),
        },
    };
    let presentation = opened.vp_token.values().next().unwrap()[0].clone();
    site.seen.lock().unwrap().responses.push(opened);
    if behaviour.lose_answers > 0 {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    let receipt = (!behaviour.no_receipt).then(|| receipt(&site, &behaviour, &presentation));
    Json(ResponseAccepted { redirect_uri: behaviour.redirect_uri, yufu_receipt: receipt }).into_response()
}

async fn rights_address(State(site): Site) -> Response {
    let rights = site.behaviour.lock().unwrap().rights.clone();
    let rights_endpoint = rights.elsewhere.unwrap_or_else(|| format!("{}/rights", site.base));
    if rights.no_address {
        StatusCode::NOT_FOUND.into_response()
    } else {
        Json(RightsMetadata { rights_endpoint }).into_response()
    }
}

/// Takes what the key of the last presentation signed about it, as the verifier does.
async fn exercise(State(site): Site, body: String) -> Response {
    let behaviour = site.behaviour.lock().unwrap().rights.clone();
    if let Some(slug) = behaviour.refuse {
        let problem = json!({ "type": format!("urn:yufu:problem:{}", slug.as_str()), "title": slug.sentence().en,
            "title_zh": slug.sentence().zh, "status": slug.status() });
        let status = StatusCode::from_u16(slug.status()).unwrap();
        return (status, [(header::CONTENT_TYPE, "application/problem+json")], problem.to_string()).into_response();
    }
    let (verified, jwk) = Parsed::parse(&body, &rights::REQUEST).unwrap().verify_with_embedded_key().unwrap();
    let request: RightsRequest = serde_json::from_slice(&verified.payload).unwrap();
    let presentation = site.seen.lock().unwrap().responses.last().unwrap().vp_token.values().next().unwrap()[0].clone();
    let key_binding = presentation.rsplit('~').next().unwrap();
    assert_eq!(request.presentation.0, <[u8; 32]>::from(Sha256::digest(key_binding)));
    Parsed::parse(key_binding, &jws::Policy::KEY_BINDING).unwrap().verify(&jwk.key).unwrap();
    assert_eq!(
        (request.aud.as_str(), request.iat),
        (FakeSite { shared: Arc::clone(&site) }.client_id().as_str(), site.clock.now())
    );
    let acknowledgement = Acknowledgement {
        iss: request.aud.clone(),
        iat: site.clock.now(),
        kind: request.kind,
        presentation: if behaviour.about_other { PresentationDigest([9; 32]) } else { request.presentation },
        done: vec![Done::SessionsEnded, Done::AttributesDeleted],
        kept: vec![Kept {
            what: Localized::new("证明", "The evidence"),
            why: Localized::new("依法", "The law\u{202e} says so"),
            until: Some(site.clock.now() + 86_400),
        }],
    };
    site.seen.lock().unwrap().rights.push(request);
    let key = if behaviour.other_key { p256(78) } else { p256(77) };
    let payload = serde_json::to_vec(&acknowledgement).unwrap();
    let signed = jws::sign_compact(&key, &JwsHeader::typ(rights::ACKNOWLEDGEMENT_TYPE), &payload);
    ([(header::CONTENT_TYPE, "application/jwt")], signed).into_response()
}

fn receipt(site: &Shared, behaviour: &Behaviour, presentation: &str) -> ReceiptOpening {
    let key_binding = presentation.rsplit('~').next().unwrap();
    let about = if behaviour.receipt_about_other { "another" } else { key_binding };
    let commitment_key = CommitmentKey::from_entropy([21; 32]);
    let digest: [u8; 32] = Sha256::digest(about.as_bytes()).into();
    let commitment = commitment_key.commit(RECEIPT_CONTEXT, &digest);
    let id = RecordId([22; 32]);
    if !behaviour.receipt_not_on_ledger {
        site.ledger.put(&Subject::Receipt(id), &NewReceipt { id, commitment }, 0);
    }
    ReceiptOpening { id, transaction: TransactionId([23; 32]), commitment, commitment_key }
}
