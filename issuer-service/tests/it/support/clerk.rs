//! A clerk's browser: cookies, forms, pages.

use axum::body::Body;
use axum::http::Request;
use scraper::{Html, Selector};

use super::world::{Answer, PASSWORD, World};

pub(crate) struct Clerk {
    pub(crate) cookie: String,
}

pub(crate) fn form(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

impl Clerk {
    pub(crate) async fn try_sign_in(world: &World, name: &str, password: &str) -> Answer {
        let request = Request::post("/console/sign-in")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", "http://127.0.0.1:7301")
            .body(Body::from(form(&[("name", name), ("password", password)])))
            .unwrap();
        world.call(request).await
    }

    pub(crate) async fn sign_in(world: &World) -> Self {
        let answer = Self::try_sign_in(world, "clerk", PASSWORD).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { cookie }
    }

    pub(crate) async fn get(&self, world: &World, path: &str) -> Answer {
        world.call(Request::get(path).header("cookie", &self.cookie).body(Body::empty()).unwrap()).await
    }

    /// The token in the forms of a page.
    pub(crate) async fn csrf(&self, world: &World) -> String {
        let page = self.get(world, "/console").await;
        attribute(&page.text(), "input[name=csrf]", "value")
    }

    /// Posts a form as the page would.
    pub(crate) async fn post(&self, world: &World, path: &str, fields: &[(&str, &str)]) -> Answer {
        let csrf = self.csrf(world).await;
        let fields: Vec<_> = fields.iter().copied().chain([("csrf", csrf.as_str())]).collect();
        self.post_raw(world, path, "http://127.0.0.1:7301", &fields).await
    }

    pub(crate) async fn post_raw(&self, world: &World, path: &str, origin: &str, fields: &[(&str, &str)]) -> Answer {
        let request = Request::post(path)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("origin", origin)
            .header("cookie", &self.cookie)
            .body(Body::from(form(fields)))
            .unwrap();
        world.call(request).await
    }

    /// Attests by the register; gives the PIN that the page shows.
    pub(crate) async fn attest(&self, world: &World, request: &str) -> String {
        let answer = self.post(world, &format!("/console/requests/{request}/attest"), &[("channel", "register")]).await;
        assert_eq!(answer.status, 303, "{}", answer.text());
        self.pin(world, request).await
    }

    pub(crate) async fn pin(&self, world: &World, request: &str) -> String {
        let page = self.get(world, &format!("/console/requests/{request}")).await;
        text(&page.text(), "#pin")
    }
}

/// The text of the first element that the selector finds.
pub(crate) fn text(html: &str, selector: &str) -> String {
    let document = Html::parse_document(html);
    let element = document.select(&Selector::parse(selector).unwrap()).next();
    element.unwrap_or_else(|| panic!("no {selector} in {html}")).text().collect::<String>().trim().to_owned()
}

/// An attribute of the first element that the selector finds.
pub(crate) fn attribute(html: &str, selector: &str, name: &str) -> String {
    let document = Html::parse_document(html);
    let element = document.select(&Selector::parse(selector).unwrap()).next();
    element.unwrap_or_else(|| panic!("no {selector} in {html}")).value().attr(name).unwrap().to_owned()
}

/// How many elements the selector finds.
pub(crate) fn count(html: &str, selector: &str) -> usize {
    Html::parse_document(html).select(&Selector::parse(selector).unwrap()).count()
}
