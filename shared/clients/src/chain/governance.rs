//! Governance: the parameters and proposals, proved; and a node's overview of them, which is its word only.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ledger::cell::{Cell, Subject};
use ledger::governance::{Parameters, ProposalId, ProposalRecord};
use wire::governance::Governance;

use super::{AsOf, ChainClient, ChainError};
use crate::http;

impl ChainClient {
    /// What votes may change, on a ledger with governance.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn parameters(&self) -> Result<AsOf<Option<(Cell, Parameters)>>, ChainError> {
        self.record(Subject::Parameters).await
    }

    /// A proposal and what became of it.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn proposal(&self, id: &ProposalId) -> Result<AsOf<Option<(Cell, ProposalRecord)>>, ChainError> {
        self.record(Subject::Proposal(*id)).await
    }

    /// The newest proposals, at most `limit`, and those before `before`. Unproven: it says which to ask for with [`Self::proposal`].
    ///
    /// # Errors
    /// [`ChainError::Unreachable`] when no node answers.
    pub async fn governance(&self, before: Option<ProposalId>, limit: usize) -> Result<Governance, ChainError> {
        let asked = self.nodes.ask(|index| self.governance_of(index, before, limit), |_| true).await;
        asked.answer.ok_or_else(|| asked.failure.unwrap_or(ChainError::NoNodes))
    }

    async fn governance_of(&self, index: usize, before: Option<ProposalId>, limit: usize) -> Result<Governance, ChainError> {
        let node = self.nodes.node(index)?;
        let mut url = node.path(&["v1", "governance"])?;
        url.query_pairs_mut().append_pair("limit", &limit.to_string());
        if let Some(id) = before {
            url.query_pairs_mut().append_pair("before", &URL_SAFE_NO_PAD.encode(id.0));
        }
        Ok(http::json(&node.host, self.http.get(url), "an overview of governance").await?)
    }
}
