//! The templates and what they show.

use askama::Template;
use service_kit::{Language, csrf};

use super::words::{Moment, Tongue};
use crate::app::Issuer;
use crate::staff::Session;

/// What every page has around it.
pub(super) struct Frame {
    pub(super) l: Tongue,
    pub(super) department: String,
    pub(super) signed_in: Option<SignedIn>,
    /// Which entry of the navigation this page is.
    pub(super) here: &'static str,
    /// Requests that wait.
    pub(super) waiting: i64,
    /// Where the links to the other language lead; empty for this very page.
    pub(super) switch: &'static str,
}

/// The clerk and the token of the page's forms.
pub(super) struct SignedIn {
    pub(super) name: String,
    pub(super) csrf: String,
}

impl Frame {
    /// A page for nobody in particular.
    pub(super) fn outside(app: &Issuer, language: Language) -> Self {
        let l = Tongue(language);
        Self { department: l.of(&app.config.authority.name), l, signed_in: None, here: "", waiting: 0, switch: "" }
    }

    /// A page for a clerk.
    pub(super) fn inside(app: &Issuer, language: Language, session: &Session, here: &'static str, waiting: i64) -> Self {
        let signed_in = SignedIn { name: session.staff.display_name.clone(), csrf: csrf::token(&session.token) };
        Self { signed_in: Some(signed_in), here, waiting, ..Self::outside(app, language) }
    }

    /// The token of the page's forms.
    pub(super) fn csrf(&self) -> &str {
        self.signed_in.as_ref().map_or("", |signed_in| &signed_in.csrf)
    }
}

#[derive(Template)]
#[template(path = "sign-in.html")]
pub(super) struct SignInPage {
    pub(super) frame: Frame,
    pub(super) message: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    pub(super) frame: Frame,
    pub(super) sentence: String,
    pub(super) detail: String,
    pub(super) request_id: String,
}

/// A request in a list.
pub(super) struct RequestLine {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) kind: String,
    pub(super) received: Moment,
    pub(super) changed: Moment,
    pub(super) waiting_for_blob: bool,
    /// `pending`, `attested`, `refused`.
    pub(super) state: &'static str,
    pub(super) decided_by: String,
}

#[derive(Template)]
#[template(path = "requests.html")]
pub(super) struct RequestsPage {
    pub(super) frame: Frame,
    pub(super) pending: Vec<RequestLine>,
    pub(super) decided: Vec<RequestLine>,
}

/// One claim beside the register.
pub(super) struct ClaimLine {
    pub(super) label: String,
    pub(super) value: String,
    pub(super) class: &'static str,
    pub(super) result: &'static str,
}

/// The document of a request, as far as it can be shown.
pub(super) enum Shown {
    Document {
        claims: Vec<ClaimLine>,
        has_portrait: bool,
        papers: Vec<PaperLine>,
        summary: &'static str,
        summary_class: &'static str,
        has_register: bool,
    },
    Waiting,
    Refused(String),
    Away(String),
}

/// A document that was declared beside the claims.
pub(super) struct PaperLine {
    pub(super) number: usize,
    pub(super) name: &'static str,
    pub(super) is_picture: bool,
    pub(super) kib: usize,
}

/// The offer of an attested request.
pub(super) struct OfferView {
    pub(super) pin: String,
    pub(super) link: String,
    pub(super) ends: Moment,
    pub(super) open: bool,
    /// Why it is not open.
    pub(super) ended: &'static str,
}

/// A line of the staff's log.
pub(super) struct EventLine {
    pub(super) at: Moment,
    pub(super) staff: String,
    pub(super) action: &'static str,
}

#[derive(Template)]
#[template(path = "request.html")]
pub(super) struct RequestPage {
    pub(super) frame: Frame,
    pub(super) line: RequestLine,
    pub(super) holder: String,
    pub(super) document: Shown,
    pub(super) may_register: bool,
    pub(super) channel: &'static str,
    pub(super) reference: String,
    pub(super) reason: String,
    pub(super) offer: Option<OfferView>,
    /// How many credentials of this person can still be shown.
    pub(super) live: usize,
    pub(super) issuances: Vec<IssuanceLine>,
    pub(super) events: Vec<EventLine>,
}

/// An issuance in a list.
pub(super) struct IssuanceLine {
    pub(super) id: String,
    pub(super) number: String,
    pub(super) kind: String,
    pub(super) request: Option<String>,
    /// Of the first batch.
    pub(super) copies: i64,
    /// 0 where the wallet cannot renew.
    pub(super) batches: i64,
    pub(super) renewable: bool,
    pub(super) created: Moment,
    pub(super) valid_until: Moment,
    /// `recording`, `recorded`, `denied`.
    pub(super) progress: &'static str,
    pub(super) status: String,
    pub(super) status_name: &'static str,
    pub(super) changed: Option<(String, Moment)>,
}

#[derive(Template)]
#[template(path = "credentials.html")]
pub(super) struct CredentialsPage {
    pub(super) frame: Frame,
    pub(super) issuances: Vec<IssuanceLine>,
}

/// A report in the list.
pub(super) struct ReportLine {
    pub(super) number: String,
    pub(super) received: Moment,
    pub(super) origin: String,
    pub(super) party: Option<String>,
    pub(super) shown_at: Moment,
    /// Names of claims.
    pub(super) claims: String,
    pub(super) receipt: Option<String>,
    pub(super) holder: String,
    pub(super) reason: String,
}

#[derive(Template)]
#[template(path = "reports.html")]
pub(super) struct ReportsPage {
    pub(super) frame: Frame,
    pub(super) reports: Vec<ReportLine>,
}
