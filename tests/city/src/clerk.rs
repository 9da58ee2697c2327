//! A clerk of the stories: a person in front of the department's console.

use anyhow::{Context, Result, ensure};

use crate::browser::{Browser, Page};
use crate::plan::{CLERK, IssuerPlan, Plan};

/// A signed-in clerk.
pub struct Clerk {
    browser: Browser,
    base: String,
}

impl Clerk {
    /// Signs in at a department's console.
    pub async fn sign_in(plan: &Plan, issuer: &IssuerPlan) -> Result<Self> {
        let mut browser = Browser::new()?;
        let base = plan.issuer_url(issuer);
        let form = browser.open(&format!("{base}/console/sign-in")).await?;
        let fields = [("name", CLERK), ("password", plan.clerk_password.as_str())];
        let page = browser.submit(&form, "/console/sign-in", &fields).await?;
        ensure!(page.status.is_success() && page.url.path() == "/console", "signing in ended at {} {}", page.url, page.html);
        Ok(Self { browser, base })
    }

    /// The request at the top of the list of those that wait.
    pub async fn next_request(&mut self) -> Result<String> {
        let page = self.browser.open(&format!("{}/console", self.base)).await?;
        let link = page.attribute("a.row[href^='/console/requests/']", "href").context("no request waits")?;
        Ok(link.trim_start_matches("/console/requests/").to_owned())
    }

    /// Opens a request and looks at it.
    pub async fn look_at(&mut self, request: &str) -> Result<Page> {
        self.browser.open(&format!("{}/console/requests/{request}", self.base)).await
    }

    /// Attests a request after comparing it with the register; reads the PIN from the page.
    pub async fn attest(&mut self, request: &str) -> Result<String> {
        let page = self.look_at(request).await?;
        let page = self.browser.submit(&page, "/attest", &[("channel", "register")]).await?;
        page.text("#pin")
    }

    /// Attests a request by another channel than the register, and names the card or the witness; reads the PIN from the page.
    pub async fn attest_by(&mut self, request: &str, channel: &str, reference: &str) -> Result<String> {
        let page = self.look_at(request).await?;
        let page = self.browser.submit(&page, "/attest", &[("channel", channel), ("reference", reference)]).await?;
        page.text("#pin")
    }

    /// Refuses a request with the words that the citizen will read.
    pub async fn refuse(&mut self, request: &str, reason: &str) -> Result<Page> {
        let page = self.look_at(request).await?;
        self.browser.submit(&page, "/refuse", &[("reason", reason)]).await
    }

    /// Revokes the newest credential that the department issued.
    pub async fn revoke_newest(&mut self) -> Result<Page> {
        let page = self.browser.open(&format!("{}/console/credentials", self.base)).await?;
        self.browser.submit(&page, "/status", &[("action", "revoke")]).await
    }

    /// A page of the console, by path.
    pub async fn open(&mut self, path: &str) -> Result<Page> {
        self.browser.open(&format!("{}{path}", self.base)).await
    }
}
