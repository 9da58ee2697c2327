//! The sample site as a visitor without scripts uses it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::browser::{Browser, Page};
use crate::plan::Plan;

/// How long the page may take to notice the wallet's answer.
const LIMIT: Duration = Duration::from_secs(20);

/// A visitor of the sample site with a login page open.
pub struct Visitor {
    /// Their browser.
    pub browser: Browser,
    /// The login page.
    pub page: Page,
}

impl Visitor {
    /// Opens the login page in a new browser.
    pub async fn at_login(plan: &Plan) -> Result<Self> {
        let mut browser = Browser::new()?;
        let page = browser.open(&format!("{}/login", plan.site_url())).await?;
        ensure!(page.status.is_success(), "the login page said {}: {}", page.status, page.html);
        Ok(Self { browser, page })
    }

    /// The link in the QR code.
    pub fn qr_link(&self) -> Result<String> {
        self.page.attribute("#qr", "data-link")
    }

    /// The link for a wallet on this device.
    pub fn same_device_link(&self) -> Result<String> {
        self.page.attribute("#same-device-link", "href")
    }

    /// The match code that the page shows.
    pub fn match_code(&self) -> Result<String> {
        self.page.text("#match-code")
    }

    /// Reloads the login page until it says how the login ended or shows the account.
    pub async fn outcome(&mut self) -> Result<Page> {
        self.outcome_within(LIMIT).await
    }

    /// As [`Self::outcome`], with another limit.
    pub async fn outcome_within(&mut self, limit: Duration) -> Result<Page> {
        let url = self.page.url.join(&format!("/login/{}", self.page.attribute("#login", "data-login")?))?.to_string();
        let browser = &mut self.browser;
        let ended = tokio::time::timeout(limit, async {
            loop {
                let page = browser.open(&url).await?;
                let stage = page.attribute("#login", "data-stage");
                // A site that is busy for a moment says so, and a person loads the page again.
                if page.status == reqwest::StatusCode::SERVICE_UNAVAILABLE {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
                if !stage.is_ok_and(|stage| ["waiting", "opened", "recording"].contains(&stage.as_str())) {
                    return anyhow::Ok(page);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        ended.await.with_context(|| format!("the login page was still waiting after {limit:?}"))?
    }
}
