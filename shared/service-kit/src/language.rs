//! The language of a page: Chinese first, English on request. `?lang=` decides, then the cookie that it left, then `Accept-Language`.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};

/// The cookie that remembers a choice.
pub const COOKIE: &str = "yufu-lang";

/// A language of the city.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Language {
    /// Simplified Chinese.
    #[default]
    Chinese,
    /// English.
    English,
}

impl Language {
    /// The language tag, for `lang` attributes and `Localized::in_language`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::Chinese => "zh-CN",
            Self::English => "en",
        }
    }

    /// The one of two texts that is in this language.
    pub fn pick<'a>(self, zh: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Chinese => zh,
            Self::English => en,
        }
    }

    /// The `Set-Cookie` value that remembers the choice for a year. It is no secret.
    pub fn cookie(self) -> HeaderValue {
        let text = format!("{COOKIE}={}; Path=/; Max-Age=31536000; SameSite=Lax", self.tag());
        HeaderValue::try_from(text).expect("the tag is ASCII")
    }

    fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.trim().split(['-', '_']).next().unwrap_or_default();
        if primary.eq_ignore_ascii_case("zh") {
            Some(Self::Chinese)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Self::English)
        } else {
            None
        }
    }

    /// What a request asks for.
    pub fn of(query: Option<&str>, headers: &HeaderMap) -> Self {
        let asked = query.unwrap_or_default().split('&').find_map(|pair| pair.strip_prefix("lang="));
        let texts = |name| headers.get_all(name).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
        let cookie = texts(header::COOKIE)
            .flat_map(|line| line.split(';'))
            .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        asked.and_then(Self::from_tag).or_else(|| cookie.and_then(Self::from_tag)).unwrap_or_else(|| {
            let accepted = texts(header::ACCEPT_LANGUAGE).flat_map(|line| line.split(','));
            accepted
                .filter_map(|range| {
                    let (tag, quality) = range.split_once(";q=").unwrap_or((range, "1"));
                    Some((Self::from_tag(tag)?, quality.trim().parse::<f32>().unwrap_or(0.0)))
                })
                // The first of the best: `max_by` would take the last.
                .reduce(|best, next| if next.1 > best.1 { next } else { best })
                .filter(|(_, quality)| *quality > 0.0)
                .map(|(language, _)| language)
                .unwrap_or_default()
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Language {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts.uri.query(), &parts.headers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(query: &str, cookie: &str, accept: &str) -> Language {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, cookie.parse().unwrap());
        headers.insert(header::ACCEPT_LANGUAGE, accept.parse().unwrap());
        Language::of(Some(query), &headers)
    }

    #[test]
    fn the_query_wins_over_the_cookie_and_the_cookie_over_the_browser() {
        assert_eq!(of("", "", ""), Language::Chinese);
        assert_eq!(of("", "", "fr, en-GB;q=0.8, zh;q=0.4"), Language::English);
        assert_eq!(of("", "", "zh-TW;q=0.9, en;q=0.9"), Language::Chinese);
        assert_eq!(of("", "a=b; yufu-lang=zh-CN", "en"), Language::Chinese);
        assert_eq!(of("x=1&lang=en", "yufu-lang=zh-CN", "zh"), Language::English);
        assert_eq!(of("lang=fr", "", "de"), Language::Chinese);
    }
}
