//! Cross-site request forgery: every form of a signed-in page carries a token bound to the session, and every POST must come from a page
//! of this very origin.

use axum::http::{HeaderMap, header};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::problem::ApiError;
use crate::session::Token;
use wire::problem::Slug;

const CONTEXT: &[u8] = b"yufu/service/csrf/v1";

/// The token for the forms of a session. It follows from the session's secret and does not reveal it.
pub fn token(session: &Token) -> String {
    let digest = Sha256::new().chain_update(CONTEXT).chain_update(session.secret().as_bytes()).finalize();
    URL_SAFE_NO_PAD.encode(digest)
}

/// Checks the token of a form; in constant time.
///
/// # Errors
/// [`Slug::NotAllowed`].
pub fn check_token(session: &Token, presented: &str) -> Result<(), ApiError> {
    if bool::from(token(session).as_bytes().ct_eq(presented.as_bytes())) {
        return Ok(());
    }
    Err(ApiError::new(Slug::NotAllowed).detail("the form is not of this session; reload the page"))
}

/// Checks that a request that changes something comes from a page of `public_url`'s origin, by what the browser says of itself:
/// `Origin` and `Sec-Fetch-Site`. One of them must be there, and none may contradict.
///
/// # Errors
/// [`Slug::NotAllowed`].
pub fn check_origin(headers: &HeaderMap, public_url: &Url) -> Result<(), ApiError> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let fetch_site = text("sec-fetch-site");
    let origin = text(header::ORIGIN.as_str()).filter(|origin| !(*origin == "null" && fetch_site.is_some()));
    let own = public_url.origin().ascii_serialization();
    let agree = origin.is_none_or(|origin| origin == own) && fetch_site.is_none_or(|site| site == "same-origin");
    if agree && (origin.is_some() || fetch_site.is_some()) {
        return Ok(());
    }
    Err(ApiError::new(Slug::NotAllowed).detail("the request does not come from a page of this service"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin_of(pairs: &[(&'static str, &'static str)]) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        check_origin(&headers, &"https://police.example/console".parse().unwrap()).is_ok()
    }

    /// SEC-K2: a form posted from elsewhere is refused whatever it carries.
    #[test]
    fn only_a_page_of_the_own_origin_may_post() {
        assert!(origin_of(&[("origin", "https://police.example")]));
        assert!(origin_of(&[("origin", "https://police.example"), ("sec-fetch-site", "same-origin")]));
        assert!(origin_of(&[("origin", "null"), ("sec-fetch-site", "same-origin")]));
        assert!(!origin_of(&[]));
        assert!(!origin_of(&[("origin", "null")]));
        assert!(!origin_of(&[("origin", "https://evil.example")]));
        assert!(!origin_of(&[("origin", "http://police.example")]));
        assert!(!origin_of(&[("origin", "https://police.example:8443")]));
        assert!(!origin_of(&[("origin", "https://police.example"), ("sec-fetch-site", "cross-site")]));
        assert!(!origin_of(&[("sec-fetch-site", "none")]));
    }

    #[test]
    fn a_token_is_of_one_session() {
        let (one, other) = (Token::from_entropy([1; 32]), Token::from_entropy([2; 32]));
        assert!(check_token(&one, &token(&one)).is_ok());
        assert!(check_token(&one, &token(&other)).is_err());
        assert!(check_token(&one, "").is_err());
        assert!(!token(&one).contains(one.secret()));
    }
}
