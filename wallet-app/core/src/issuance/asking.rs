//! What goes on by itself while a wallet is open: issuers that take longer (section 9) are asked when they said. It is no use of the wallet,
//! which closes itself as if nobody asked, and it ends when the wallet is closed.

use std::sync::Weak;
use std::time::Duration;

use super::PendingStage;
use crate::wallet::Wallet;

/// The pause after the wallet could not ask at all. An issuer that was not heard is asked later by [`Wallet::poll_issuances`].
const AFTER_ERROR: Duration = Duration::from_secs(60);

/// How an issuance that took longer ended while nobody asked. It says nothing about what was issued: it may be shown on a locked screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssuanceEnd {
    /// A card is ready.
    Ready,
    /// No card comes; the history has the reason.
    Refused,
}

/// Asks whenever a question is due and tells how each issuance ended, until the wallet is closed. It looks every `look`.
pub async fn ask_when_due(wallet: Weak<Wallet>, look: Duration, mut told: impl FnMut(IssuanceEnd) + Send) {
    loop {
        tokio::time::sleep(look).await;
        let Some(wallet) = wallet.upgrade() else { return };
        // A disk that cannot be read shows at the next thing that the person does.
        let is_due = wallet.next_question().is_ok_and(|due| due.is_some_and(|due| due <= wallet.now()));
        if !is_due {
            continue;
        }
        let asked = wallet.poll_issuances().await;
        drop(wallet);
        let Ok(asked) = asked else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        for one in asked {
            match one.stage {
                PendingStage::Received(_) => told(IssuanceEnd::Ready),
                PendingStage::Ended(_) => told(IssuanceEnd::Refused),
                PendingStage::SigningIn | PendingStage::Interrupted | PendingStage::Waiting { .. } | PendingStage::Unheard(_) => {
                }
            }
        }
    }
}
