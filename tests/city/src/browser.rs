//! A browser without scripts: pages, cookies and forms, as a person with JavaScript switched off would use them.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};
use reqwest::header::{COOKIE, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, Response, StatusCode, redirect};
use scraper::{ElementRef, Html, Selector};
use url::Url;

/// Redirects followed for one action.
const MAX_REDIRECTS: usize = 5;

/// A browser with the cookies that it was given.
#[derive(Clone)]
pub struct Browser {
    http: Client,
    cookies: BTreeMap<(String, String), String>,
}

/// A page that was loaded.
#[derive(Clone, Debug)]
pub struct Page {
    /// Its address after redirects.
    pub url: Url,
    /// HTTP status.
    pub status: StatusCode,
    /// The HTML.
    pub html: String,
}

impl Browser {
    /// A browser without cookies.
    pub fn new() -> Result<Self> {
        let http = Client::builder().redirect(redirect::Policy::none()).timeout(std::time::Duration::from_secs(30)).build()?;
        Ok(Self { http, cookies: BTreeMap::new() })
    }

    /// Opens an address.
    pub async fn open(&mut self, url: &str) -> Result<Page> {
        self.go(Method::GET, Url::parse(url)?, Vec::new(), None).await
    }

    /// Fills in the form whose action ends with `action` and submits it; hidden fields go along.
    pub async fn submit(&mut self, page: &Page, action: &str, fields: &[(&str, &str)]) -> Result<Page> {
        let (url, mut values) = page.form(action)?;
        for (name, value) in fields {
            values.retain(|(known, _)| known != name);
            values.push(((*name).to_owned(), (*value).to_owned()));
        }
        self.go(Method::POST, url, values, Some(origin(&page.url))).await
    }

    async fn go(&mut self, method: Method, url: Url, form: Vec<(String, String)>, from: Option<String>) -> Result<Page> {
        let (mut method, mut url, mut form) = (method, url, form);
        for _ in 0..MAX_REDIRECTS {
            let mut request =
                self.http.request(method.clone(), url.clone()).header("accept", "text/html").header("accept-language", "en");
            if let Some(cookies) = self.cookies_for(&url) {
                request = request.header(COOKIE, cookies);
            }
            if method == Method::POST {
                let origin = from.clone().unwrap_or_else(|| origin(&url));
                let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&form).finish();
                request = request.header(ORIGIN, origin).header("content-type", "application/x-www-form-urlencoded").body(body);
            }
            let response = request.send().await.with_context(|| format!("opening {url}"))?;
            self.keep_cookies(&url, &response);
            let Some(location) = response.status().is_redirection().then(|| response.headers().get(LOCATION)).flatten() else {
                let status = response.status();
                return Ok(Page { url, status, html: response.text().await? });
            };
            url = url.join(location.to_str()?)?;
            (method, form) = (Method::GET, Vec::new());
        }
        bail!("{url} redirects more than {MAX_REDIRECTS} times")
    }

    fn cookies_for(&self, url: &Url) -> Option<String> {
        let host = authority(url);
        let pairs: Vec<String> =
            self.cookies.iter().filter(|((of, _), _)| *of == host).map(|((_, name), value)| format!("{name}={value}")).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// The value of the `Cookie` header that this browser sends to an address.
    pub fn cookie_header(&self, url: &str) -> Result<String> {
        self.cookies_for(&Url::parse(url)?).context("the browser has no cookie for this address")
    }

    fn keep_cookies(&mut self, url: &Url, response: &Response) {
        for header in response.headers().get_all(SET_COOKIE) {
            let text = String::from_utf8_lossy(header.as_bytes()).into_owned();
            let mut parts = text.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|pair| pair.split_once('=')) else { continue };
            let key = (authority(url), name.to_owned());
            if parts.any(|part| part.eq_ignore_ascii_case("max-age=0")) {
                self.cookies.remove(&key);
            } else {
                self.cookies.insert(key, value.to_owned());
            }
        }
    }
}

impl Page {
    /// The text of the first element that matches a CSS selector.
    pub fn text(&self, selector: &str) -> Result<String> {
        let document = Html::parse_document(&self.html);
        let element = document.select(&parse(selector)?).next();
        let element = element.with_context(|| format!("{} has no element {selector}:\n{}", self.url, self.html))?;
        Ok(text_of(&element))
    }

    /// The texts of all elements that match.
    pub fn texts(&self, selector: &str) -> Result<Vec<String>> {
        let document = Html::parse_document(&self.html);
        Ok(document.select(&parse(selector)?).map(|element| text_of(&element)).collect())
    }

    /// An attribute of the first element that matches.
    pub fn attribute(&self, selector: &str, name: &str) -> Result<String> {
        let document = Html::parse_document(&self.html);
        let element = document.select(&parse(selector)?).next();
        let element = element.with_context(|| format!("{} has no element {selector}:\n{}", self.url, self.html))?;
        let value = element.value().attr(name);
        value.map(str::to_owned).with_context(|| format!("{selector} has no attribute {name}"))
    }

    /// Whether the page says something.
    pub fn says(&self, text: &str) -> bool {
        self.html.contains(text)
    }

    fn form(&self, action: &str) -> Result<(Url, Vec<(String, String)>)> {
        let document = Html::parse_document(&self.html);
        for form in document.select(&parse("form")?) {
            let target = form.value().attr("action").unwrap_or(self.url.path());
            if !target.ends_with(action) {
                continue;
            }
            let hidden = parse("input[type=hidden]")?;
            let fields = form.select(&hidden);
            let field = |input: ElementRef<'_>| {
                Some((input.value().attr("name")?.to_owned(), input.value().attr("value").unwrap_or_default().to_owned()))
            };
            return Ok((self.url.join(target)?, fields.filter_map(field).collect()));
        }
        bail!("{} has no form that goes to …{action}:\n{}", self.url, self.html)
    }
}

fn text_of(element: &ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn parse(selector: &str) -> Result<Selector> {
    Selector::parse(selector).map_err(|e| anyhow::anyhow!("{selector} is not a CSS selector: {e}"))
}

fn authority(url: &Url) -> String {
    format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default())
}

fn origin(url: &Url) -> String {
    url.origin().ascii_serialization()
}
