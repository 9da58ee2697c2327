//! The commands that need an open wallet: each is one story of `wallet-core`.

use url::Url;
use wallet_core::consent::UnsentView;
use wallet_core::identity::Devices;
use wallet_core::scan::ScanError;
use wallet_core::{
    AgreedView, AttributeKind, AuthorizationView, ConsentView, CredentialView, DeclareContents, DeclarePreview, Declined,
    DepartmentView, HistoryEntry, HistoryExport, IdentityView, LinkKind, MyData, MyDocument, OfferView, Outcome, PendingIssuance,
    ReceiptView, RequestView, Statement, Wallet, WalletError,
};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::inputs::{
    Approve, ByCid, ByConsent, ByCredential, ById, CameBack, Declare, DocumentFile, GivenDocument, LinkRead, Nothing, OfLink,
    OpenRequest, Picture, ReadPicture, ReadText, Receive, ReportSite, Select, Where,
};
use crate::open::Commands;

/// Names of what a person typed and chose, as the department sees them.
const DOCUMENT: &str = "claims.json";
const PORTRAIT: &str = "portrait";

impl Commands {
    pub(crate) async fn identity(&self, _: Nothing) -> Result<Option<IdentityView>, Failure> {
        Ok(self.wallet()?.identity()?)
    }

    pub(crate) async fn create_identity(&self, _: Nothing) -> Result<IdentityView, Failure> {
        Ok(self.wallet()?.create_identity().await?)
    }

    pub(crate) async fn devices(&self, _: Nothing) -> Result<Devices, Failure> {
        Ok(self.wallet()?.devices().await?)
    }

    pub(crate) async fn departments(&self, _: Nothing) -> Result<Vec<Url>, Failure> {
        Ok(self.host.departments.clone())
    }

    pub(crate) async fn department(&self, input: Where) -> Result<DepartmentView, Failure> {
        Ok(self.wallet()?.department(&input.url).await?)
    }

    pub(crate) async fn declare(&self, input: Declare) -> Result<DeclarePreview, Failure> {
        let mut files = Vec::new();
        if let Some(claims) = &input.claims {
            let bytes = serde_json::to_vec(claims).map_err(|error| Failure::malformed(&error.to_string()))?;
            let bytes = Zeroizing::new(bytes);
            files.push(DeclareContents { kind: AttributeKind::Claims, name: DOCUMENT.to_owned(), bytes });
        }
        if let Some(portrait) = input.portrait {
            files.push(DeclareContents { kind: AttributeKind::Portrait, name: PORTRAIT.to_owned(), bytes: portrait.0 });
        }
        for GivenDocument { kind, name, contents } in input.documents {
            files.push(DeclareContents { kind, name, bytes: contents.0 });
        }
        Ok(self.wallet()?.declare_contents(&input.department, &input.attestation_type, files).await?)
    }

    pub(crate) async fn my_data(&self, _: Nothing) -> Result<MyData, Failure> {
        Ok(self.wallet()?.my_data()?)
    }

    pub(crate) async fn check_my_data(&self, _: Nothing) -> Result<MyData, Failure> {
        Ok(self.wallet()?.check_my_data().await?)
    }

    pub(crate) async fn my_document(&self, input: ByCid) -> Result<DocumentFile, Failure> {
        let MyDocument { file, media_type, bytes } = self.wallet()?.my_document(&input.cid)?;
        Ok(DocumentFile { name: file, media_type, contents: Picture(bytes) })
    }

    pub(crate) async fn confirm(&self, input: ById) -> Result<RequestView, Failure> {
        Ok(self.wallet()?.confirm_declaration(&input.id).await?)
    }

    pub(crate) async fn requests(&self, _: Nothing) -> Result<Vec<RequestView>, Failure> {
        Ok(self.wallet()?.requests()?)
    }

    pub(crate) async fn ask_department(&self, input: ById) -> Result<RequestView, Failure> {
        Ok(self.wallet()?.request_state(&input.id).await?)
    }

    pub(crate) async fn read_text(&self, input: ReadText) -> Result<LinkRead, Failure> {
        read(Wallet::link_from_text(&input.text)?)
    }

    pub(crate) async fn read_picture(&self, input: ReadPicture) -> Result<LinkRead, Failure> {
        let found = tokio::task::spawn_blocking(move || Wallet::link_from_picture_bytes(&input.picture.0)).await;
        match found {
            Ok(link) => read(link?),
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }

    pub(crate) async fn review_offer(&self, input: OfLink) -> Result<OfferView, Failure> {
        Ok(self.wallet()?.review_offer(&input.link).await?)
    }

    pub(crate) async fn receive(&self, input: Receive) -> Result<Vec<CredentialView>, Failure> {
        Ok(self.wallet()?.receive(&input.link, input.pin.as_deref()).await?)
    }

    pub(crate) async fn authorize(&self, input: OfLink) -> Result<AuthorizationView, Failure> {
        Ok(self.wallet()?.authorize(&input.link, &self.comes_back_to).await?)
    }

    pub(crate) async fn authorized(&self, input: CameBack) -> Result<Vec<CredentialView>, Failure> {
        Ok(self.wallet()?.authorized(&input.address).await?)
    }

    pub(crate) async fn poll_issuances(&self, _: Nothing) -> Result<Vec<PendingIssuance>, Failure> {
        Ok(self.wallet()?.poll_issuances().await?)
    }

    pub(crate) async fn forget_issuance(&self, input: ById) -> Result<Nothing, Failure> {
        self.wallet()?.forget_issuance(&input.id)?;
        Ok(Nothing {})
    }

    pub(crate) async fn credentials(&self, _: Nothing) -> Result<Vec<CredentialView>, Failure> {
        Ok(self.wallet()?.credentials()?)
    }

    pub(crate) async fn refresh_credentials(&self, _: Nothing) -> Result<Vec<CredentialView>, Failure> {
        Ok(self.wallet()?.refresh_credentials().await?)
    }

    pub(crate) async fn renew(&self, input: ByCredential) -> Result<CredentialView, Failure> {
        Ok(self.wallet()?.renew(&input.credential).await?)
    }

    pub(crate) async fn kill(&self, input: ByCredential) -> Result<CredentialView, Failure> {
        Ok(self.wallet()?.break_lock(&input.credential).await?)
    }

    pub(crate) async fn delete(&self, input: ByCredential) -> Result<Nothing, Failure> {
        self.wallet()?.delete_credential(&input.credential).await?;
        Ok(Nothing {})
    }

    pub(crate) async fn open_request(&self, input: OpenRequest) -> Result<ConsentView, Failure> {
        self.state().refusal = None;
        let opened = self.wallet()?.open_from(&input.link, input.channel).await;
        if let Err(WalletError::Request(error)) = &opened {
            self.state().refusal = error.refusal().cloned();
        }
        let consent = opened?;
        let view = consent.view.clone();
        self.show(consent);
        Ok(view)
    }

    pub(crate) async fn select(&self, input: Select) -> Result<ConsentView, Failure> {
        let consent = self.shown(&input.consent)?;
        let chosen = self.wallet()?.select(&consent, &input.selection)?;
        let view = chosen.view.clone();
        self.show(chosen);
        Ok(view)
    }

    pub(crate) async fn approve(&self, input: Approve) -> Result<Outcome, Failure> {
        let mut consent = self.shown(&input.consent)?;
        if input.accept_unverified {
            consent.accept_unverified();
        }
        let outcome = self.wallet()?.approve(&consent, input.match_code.as_deref()).await?;
        self.hide(&input.consent);
        Ok(outcome)
    }

    pub(crate) async fn decline(&self, input: ByConsent) -> Result<Declined, Failure> {
        let consent = self.shown(&input.consent)?;
        let told = self.wallet()?.decline(&consent).await?;
        self.hide(&input.consent);
        Ok(told)
    }

    pub(crate) async fn tell_site(&self, _: Nothing) -> Result<Declined, Failure> {
        let refusal = self.state().refusal.take().ok_or_else(Failure::not_on_screen)?;
        Ok(self.wallet()?.tell_site(&refusal).await?)
    }

    pub(crate) async fn unsent(&self, _: Nothing) -> Result<Vec<UnsentView>, Failure> {
        Ok(self.wallet()?.unsent()?)
    }

    pub(crate) async fn resend(&self, input: ByConsent) -> Result<Outcome, Failure> {
        Ok(self.wallet()?.resend(&input.consent).await?)
    }

    pub(crate) async fn history(&self, _: Nothing) -> Result<Vec<HistoryEntry>, Failure> {
        Ok(self.wallet()?.history()?)
    }

    pub(crate) async fn export_history(&self, _: Nothing) -> Result<HistoryExport, Failure> {
        Ok(self.wallet()?.export_history()?)
    }

    pub(crate) async fn agreed(&self, input: ByConsent) -> Result<Option<AgreedView>, Failure> {
        Ok(self.wallet()?.agreed(&input.consent)?)
    }

    pub(crate) async fn withdraw_consent(&self, input: ByConsent) -> Result<Statement, Failure> {
        Ok(self.wallet()?.withdraw_consent(&input.consent).await?)
    }

    pub(crate) async fn request_deletion(&self, input: ByConsent) -> Result<Statement, Failure> {
        Ok(self.wallet()?.request_deletion(&input.consent).await?)
    }

    pub(crate) async fn report_site(&self, input: ReportSite) -> Result<Statement, Failure> {
        Ok(self.wallet()?.report_site(&input.about, &input.reason).await?)
    }

    pub(crate) async fn send_statement(&self, input: ById) -> Result<Statement, Failure> {
        Ok(self.wallet()?.send_statement(&input.id).await?)
    }

    pub(crate) async fn statements(&self, _: Nothing) -> Result<Vec<Statement>, Failure> {
        Ok(self.wallet()?.statements()?)
    }

    pub(crate) async fn receipts(&self, _: Nothing) -> Result<Vec<ReceiptView>, Failure> {
        Ok(self.wallet()?.receipts()?)
    }

    pub(crate) async fn verify_receipts(&self, _: Nothing) -> Result<Vec<ReceiptView>, Failure> {
        Ok(self.wallet()?.verify_receipts().await?)
    }
}

fn read(link: String) -> Result<LinkRead, Failure> {
    let kind: LinkKind = Wallet::read_link(&link)?;
    match kind {
        // It is secret, and opens no screen: who gives a card gives it where it is needed.
        LinkKind::Card => Err(WalletError::from(ScanError::OtherKind(kind)).into()),
        LinkKind::Offer | LinkKind::Request | LinkKind::Device | LinkKind::Welcome | LinkKind::SignedIn => {
            Ok(LinkRead { kind, link })
        }
    }
}
