//! The clients of departments and websites against servers that answer well, late, too much or about somebody else.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

use std::time::Duration;

use axum::body::Body;
use axum::extract::Form;
use axum::http::{HeaderMap, Response, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json, Router};
use clients::Environment;
use clients::http::{self, HttpError};
use clients::issuer::{IssuerClient, IssuerMetadata, Session};
use clients::verifier::VerifierClient;
use serde_json::{Value, json};
use std::collections::HashMap;
use url::Url;
use wire::oid4vci::{CredentialRequest, PRE_AUTHORIZED_CODE_GRANT, Proofs};
use wire::oid4vp::ErrorResponse;
use wire::problem::Slug;

async fn serve_with(app: impl FnOnce(&str) -> Router) -> Url {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let app = app(&base);
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    base.parse().unwrap()
}

async fn serve(app: Router) -> Url {
    serve_with(|_| app).await
}

fn issuer(base: &Url) -> IssuerClient {
    IssuerClient::new(http::client().unwrap(), base.clone())
}

fn verifier() -> VerifierClient {
    VerifierClient::new(http::client().unwrap())
}

/// A session without a key for tokens, with the issuer at this address.
async fn session(base: &Url) -> (Session, IssuerMetadata) {
    let client = issuer(base);
    let metadata = client.metadata(&identifier(base), None).await.unwrap();
    let server = client.server(&metadata, None, PRE_AUTHORIZED_CODE_GRANT).await.unwrap();
    (Session::new(http::client().unwrap(), Environment::system(), server, None), metadata)
}

fn by_code<'a>(code: &'a str, pin: &'a str) -> [(&'a str, &'a str); 3] {
    [("grant_type", PRE_AUTHORIZED_CODE_GRANT), ("pre-authorized_code", code), ("tx_code", pin)]
}

/// The identifier of the issuer at this address: without the slash at the end.
fn identifier(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

fn issuing(base: &str) -> Router {
    let metadata = json!({
        "credential_issuer": base,
        "credential_endpoint": format!("{base}/credential"),
        "nonce_endpoint": format!("{base}/nonce"),
        "batch_credential_issuance": {"batch_size": 10},
        "credential_configurations_supported": {
            "resident": {"format": "dc+sd-jwt", "vct": "urn:yufu:vct:resident-identity:1", "scope": "x", "display": []}
        },
        "display": [{"name": "someone"}]
    });
    let server = json!({"issuer": base, "token_endpoint": format!("{base}/token"), "response_types_supported": []});
    Router::new()
        .route("/.well-known/openid-credential-issuer", get(move || async { Json(metadata) }))
        .route("/.well-known/oauth-authorization-server", get(move || async { Json(server) }))
        .route("/token", post(token))
        .route("/nonce", post(|| async { Json(json!({"c_nonce": "nonce-1"})) }))
        .route("/credential", post(credential))
}

async fn token(Form(form): Form<HashMap<String, String>>) -> Response<Body> {
    let expected = form.get("grant_type").map(String::as_str) == Some(PRE_AUTHORIZED_CODE_GRANT);
    match (expected, form.get("pre-authorized_code").map(String::as_str), form.get("tx_code").map(String::as_str)) {
        (true, Some("code +&="), Some("123456")) => Json(json!({"access_token": "at", "token_type": "Bearer"})).into_response(),
        _ => (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response(),
    }
}

async fn credential(headers: HeaderMap, Json(request): Json<CredentialRequest>) -> Response<Body> {
    if headers.get("authorization").is_none_or(|value| value != "Bearer at") {
        return (StatusCode::UNAUTHORIZED, Json(json!({"error": "invalid_token"}))).into_response();
    }
    if request.proofs.jwt.is_empty() {
        return (StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "3")], "").into_response();
    }
    Json(json!({"credentials": [{"credential": "sd-jwt~"}]})).into_response()
}

/// OpenID4VCI sections 6 to 8: the whole exchange.
#[tokio::test]
async fn a_credential_is_fetched_by_code_and_pin() {
    let base = serve_with(issuing).await;
    let (client, metadata) = session(&base).await;
    assert_eq!((metadata.batch_size, metadata.configurations["resident"].format.as_str()), (10, "dc+sd-jwt"));
    let token = client.token(&by_code("code +&=", "123456")).await.unwrap();
    assert_eq!(client.nonce(&metadata).await.unwrap().as_deref(), Some("nonce-1"));
    let mut request = CredentialRequest {
        credential_configuration_id: Some("resident".to_owned()),
        proofs: Proofs { jwt: vec!["proof".to_owned()], ..Proofs::default() },
        ..CredentialRequest::default()
    };
    let issued = client.credential(&metadata, &token.access_token, request.clone()).await.unwrap();
    assert_eq!(issued.credentials.len(), 1);
    let unknown = client.credential(&metadata, "other", request.clone()).await.unwrap_err();
    assert!(matches!(&unknown, HttpError::OAuth { status: 401, error, .. } if error.error == "invalid_token"));
    request.proofs.jwt.clear();
    let later = client.credential(&metadata, &token.access_token, request.clone()).await.unwrap_err();
    assert_eq!((later.retry_after(), later.is_temporary()), (Some(Duration::from_secs(3)), true));
}

#[tokio::test]
async fn a_wrong_pin_is_told_by_its_oauth_code() {
    let base = serve_with(issuing).await;
    let (client, _) = session(&base).await;
    let refused = client.token(&by_code("code +&=", "000000")).await.unwrap_err();
    assert!(matches!(&refused, HttpError::OAuth { status: 400, error, .. } if error.error == "invalid_grant"));
    assert!(!refused.is_temporary());
    let shown = format!("{refused} {refused:?}");
    assert!(!shown.contains("000000") && !shown.contains("code +"), "{shown}");
}

/// Metadata about another issuer, or with endpoints that a wallet must not be sent to, is refused.
#[tokio::test]
async fn metadata_must_be_about_the_issuer_that_was_asked() {
    let base = serve_with(issuing).await;
    let other = format!("{}?", identifier(&base));
    assert!(matches!(issuer(&base).metadata(&other, None).await, Err(HttpError::Malformed { .. })));
    let changes: [(&str, Value); 4] = [
        ("credential_issuer", "https://other.example".into()),
        ("credential_endpoint", "http://other.example/credential".into()),
        ("nonce_endpoint", "file:///etc/passwd".into()),
        ("authorization_servers", json!(["http://169.254.169.254/"])),
    ];
    for (field, value) in changes {
        let base = serve_with(|base| {
            let mut metadata = json!({
                "credential_issuer": base,
                "credential_endpoint": format!("{base}/credential"),
                "credential_configurations_supported": {},
            });
            metadata[field] = value.clone();
            let server = json!({"issuer": base, "token_endpoint": format!("{base}/token")});
            Router::new()
                .route("/.well-known/openid-credential-issuer", get(move || async { Json(metadata) }))
                .route("/.well-known/oauth-authorization-server", get(move || async { Json(server) }))
        })
        .await;
        let client = issuer(&base);
        let refused = match client.metadata(&identifier(&base), None).await {
            Ok(metadata) => client.server(&metadata, None, PRE_AUTHORIZED_CODE_GRANT).await.map(drop),
            Err(error) => Err(error),
        };
        assert!(matches!(refused, Err(HttpError::Malformed { .. })), "{field}: {refused:?}");
    }
}

#[tokio::test]
async fn attribute_requests_go_to_the_departments_own_api() {
    let pending = json!({"id": "r 1", "state_token": "st", "state": {"state": "pending"}, "changed_at": 5});
    let answer = pending.clone();
    let app = Router::new()
        .route(
            "/base/v1/attribute-requests",
            post(move |headers: HeaderMap, body: String| async move {
                assert_eq!((headers["content-type"].to_str().unwrap(), body.as_str()), ("application/jwt", "a.b.c"));
                (StatusCode::CREATED, Json(answer))
            }),
        )
        .route(
            "/base/v1/attribute-requests/{id}",
            get(move |headers: HeaderMap| async move {
                let known = headers.get("authorization").is_some_and(|value| value == "Bearer st");
                if known { Json(pending).into_response() } else { problem(Slug::NotFound) }
            }),
        );
    let base = serve(app).await.join("base").unwrap();
    let client = issuer(&base);
    let state = client.submit_attribute_request("a.b.c").await.unwrap();
    assert_eq!(client.state(&state.id, "st").await.unwrap().changed_at, 5);
    let unknown = client.state(&state.id, "other").await.unwrap_err();
    assert!(matches!(&unknown, HttpError::Problem { problem, .. } if problem.slug() == Some(Slug::NotFound)));
    assert_eq!((unknown.slug(), unknown.status()), ("not-found", Some(404)));
}

fn problem(slug: Slug) -> Response<Body> {
    let sentence = slug.sentence();
    let body = json!({
        "type": format!("urn:yufu:problem:{}", slug.as_str()),
        "title": sentence.en,
        "title_zh": sentence.zh,
        "status": slug.status(),
    });
    let status = StatusCode::from_u16(slug.status()).unwrap();
    (status, [("content-type", "application/problem+json")], body.to_string()).into_response()
}

fn request_object(media_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    Response::builder().header("content-type", media_type).body(body.into()).unwrap()
}

/// OpenID4VP sections 5.10 and 8: request fetched by GET and by POST with a nonce, response and refusal posted.
#[tokio::test]
async fn a_request_is_fetched_and_answered() {
    let media_type = "application/oauth-authz-req+jwt";
    let app = Router::new()
        .route(
            "/requests/1",
            get(move || async move { request_object(media_type, "by.get.jws\n") }).post(
                move |Form(form): Form<HashMap<String, String>>| async move {
                    request_object("application/oauth-authz-req+jwt; charset=utf-8", format!("by.{}.jws", form["wallet_nonce"]))
                },
            ),
        )
        .route(
            "/responses/1",
            post(|Form(form): Form<HashMap<String, String>>| async move {
                match (form.get("response"), form.get("error")) {
                    (Some(_), None) => Json(json!({"redirect_uri": "https://site.example/done"})).into_response(),
                    (None, Some(error)) if error == "access_denied" && form["state"] == "s" => Json(json!({})).into_response(),
                    _ => problem(Slug::Gone),
                }
            }),
        );
    let base = serve(app).await;
    let (request, response) = (base.join("requests/1").unwrap(), base.join("responses/1").unwrap());
    assert_eq!(verifier().fetch_request(&request, false, None).await.unwrap(), "by.get.jws");
    assert_eq!(verifier().fetch_request(&request, true, Some("n-1")).await.unwrap(), "by.n-1.jws");
    let accepted = verifier().respond(&response, &[("response", "a.b.c.d.e")]).await.unwrap();
    assert_eq!(accepted.redirect_uri.as_deref(), Some("https://site.example/done"));
    let mut refusal = ErrorResponse { error: "access_denied".to_owned(), error_description: None, state: "s".to_owned() };
    verifier().refuse(&response, &refusal).await.unwrap();
    refusal.error = "other".to_owned();
    let gone = verifier().refuse(&response, &refusal).await.unwrap_err();
    assert_eq!(gone.slug(), "gone");
}

#[tokio::test]
async fn what_is_not_a_request_object_is_refused() {
    let app = Router::new()
        .route("/html", get(|| async { request_object("text/html", "<p>sign in</p>") }))
        .route("/long", get(|| async { request_object("application/oauth-authz-req+jwt", vec![b'a'; 65 * 1024]) }))
        .route("/binary", get(|| async { request_object("application/oauth-authz-req+jwt", vec![0xff; 10]) }))
        .route("/moved", get(|| async { (StatusCode::FOUND, [("location", "/html")], "").into_response() as Response<Body> }));
    let base = serve(app).await;
    let fetch = |path: &str| {
        let url = base.join(path).unwrap();
        async move { verifier().fetch_request(&url, false, None).await.unwrap_err() }
    };
    assert!(matches!(fetch("html").await, HttpError::Malformed { .. }));
    assert!(matches!(fetch("long").await, HttpError::TooLong { .. }));
    assert!(matches!(fetch("binary").await, HttpError::Malformed { .. }));
    assert!(matches!(fetch("moved").await, HttpError::Status { status: 302, .. }), "no redirect is followed");
    assert!(matches!(fetch("none").await, HttpError::Status { status: 404, .. }));
}

/// SEC-F1: a link cannot send the wallet to plain http elsewhere.
#[tokio::test]
async fn addresses_of_others_are_not_asked_over_plain_http() {
    for url in ["http://169.254.169.254/latest", "http://site.example/r", "ftp://127.0.0.1/r", "https://user:pw@site.example/r"] {
        let url: Url = url.parse().unwrap();
        assert!(matches!(verifier().fetch_request(&url, false, None).await, Err(HttpError::Malformed { .. })), "{url}");
        assert!(matches!(verifier().respond(&url, &[("response", "jwe")]).await, Err(HttpError::Malformed { .. })), "{url}");
        assert!(matches!(issuer(&url).offer(&url).await, Err(HttpError::Malformed { .. })), "{url}");
        assert!(matches!(issuer(&url).department().await, Err(HttpError::Malformed { .. })), "{url}");
    }
}

/// Hard rule 5: who is away, who is silent and who never stops is named, within the limits.
#[tokio::test]
async fn absence_silence_and_floods_end_within_their_limits() {
    let away: Url = "http://127.0.0.1:1/".parse().unwrap();
    let unreachable = issuer(&away).department().await.unwrap_err();
    assert!(matches!(&unreachable, HttpError::Unreachable { host, .. } if host == "127.0.0.1:1"));
    let app = Router::new().route("/v1/department", get(|| async { std::future::pending::<()>().await })).route(
        "/v1/uploads",
        post(|| async {
            let flood = futures::stream::repeat_with(|| Ok::<_, std::convert::Infallible>(vec![b' '; 65_536]));
            Response::new(Body::from_stream(flood))
        }),
    );
    let base = serve(app).await;
    let impatient = reqwest::Client::builder().timeout(Duration::from_millis(200)).build().unwrap();
    let silent = IssuerClient::new(impatient, base.clone()).department().await.unwrap_err();
    assert!(matches!(silent, HttpError::TimedOut { .. }), "{silent:?}");
    assert!(matches!(issuer(&base).grant_upload().await, Err(HttpError::TooLong { .. })));
}
