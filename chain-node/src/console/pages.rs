//! The templates and what they show.

use super::{
    access::{
        Visitor,
        roles::{self, Right},
    },
    map::Map,
    words::{Moment, Tongue},
};
use askama::Template;

/// What every page has around it.
pub struct Frame {
    pub(super) l: Tongue,
    /// The ledger's name.
    pub(super) ledger: String,
    /// This node's name.
    pub(super) node: String,
    /// Which entry of the navigation this page is.
    pub(super) here: &'static str,
    /// This page's address up to `lang=`.
    pub(super) switch: String,
    /// What was searched for.
    pub(super) query: String,
    /// Findings that hold.
    pub(super) findings: usize,
    /// Who is logged in; nobody on a console without a login.
    pub(super) visitor: Option<VisitorLine>,
}

/// Who is logged in, at the top of every page.
pub(super) struct VisitorLine {
    pub(super) name: String,
    pub(super) role: &'static str,
    pub(super) csrf: String,
    /// Whether it may end every session of its authority.
    pub(super) ends_sessions: bool,
}

impl VisitorLine {
    pub(super) fn new(visitor: &Visitor, l: Tongue) -> Self {
        let session = visitor.session();
        let ends_sessions = roles::may(session.role, Right::EndSessions);
        Self { name: l.of(&session.name), role: l.role(session.role.as_str()), csrf: visitor.csrf(), ends_sessions }
    }
}

/// Why nothing moves, for people.
pub(super) struct Halt {
    pub(super) title: &'static str,
    pub(super) sentence: String,
    pub(super) missing: Vec<String>,
    pub(super) advice: String,
}

/// The numbers at the top.
#[derive(Default)]
pub(super) struct Figures {
    pub(super) height: u64,
    pub(super) since: String,
    pub(super) finality_p50: String,
    pub(super) finality_p99: String,
    pub(super) interval_p50: String,
    pub(super) interval_p99: String,
    pub(super) pending: usize,
    pub(super) pending_note: String,
}

/// A kind of transactions and its bar.
pub(super) struct KindBar {
    pub(super) name: String,
    pub(super) slug: &'static str,
    pub(super) count: u64,
    /// Hundredths of the longest bar.
    pub(super) width: u64,
}

/// A name and its value.
pub(super) struct Named {
    pub(super) name: &'static str,
    pub(super) value: String,
}

/// A block in a table.
pub(super) struct BlockLine {
    pub(super) height: u64,
    pub(super) time: Moment,
    pub(super) leader: String,
    pub(super) transactions: u32,
}

/// The overview: the whole page and the part that is fetched anew have the same content.
pub(super) struct Overview {
    pub(super) frame: Frame,
    pub(super) stall: Option<Halt>,
    pub(super) figures: Figures,
    pub(super) map: Map,
    pub(super) window: String,
    pub(super) kinds: Vec<KindBar>,
    pub(super) resources: Vec<Named>,
    pub(super) cost: Vec<Named>,
    pub(super) cost_note: String,
    pub(super) blocks: Vec<BlockLine>,
}

#[derive(Template)]
#[template(path = "overview.html")]
pub(super) struct OverviewPage(pub(super) Overview);

#[derive(Template)]
#[template(path = "live.html")]
pub(super) struct LivePart(pub(super) Overview);

/// Templates speak of an overview's parts by their names.
macro_rules! parts_of_the_overview {
    ($($page:ident),*) => { $(
        impl std::ops::Deref for $page {
            type Target = Overview;

            fn deref(&self) -> &Overview {
                &self.0
            }
        }
    )* };
}
parts_of_the_overview!(OverviewPage, LivePart);

#[derive(Template)]
#[template(path = "blocks.html")]
pub(super) struct BlocksPage {
    pub(super) frame: Frame,
    pub(super) blocks: Vec<BlockLine>,
    pub(super) first: bool,
    pub(super) next: Option<u64>,
    pub(super) pruned: bool,
}

/// A fact of a block, transaction or record.
pub(super) struct Fact {
    pub(super) name: &'static str,
    pub(super) value: String,
    pub(super) code: bool,
    pub(super) link: Option<String>,
}

impl Fact {
    pub(super) fn text(name: &'static str, value: impl ToString) -> Self {
        Self { name, value: value.to_string(), code: false, link: None }
    }

    pub(super) fn code(name: &'static str, value: impl ToString) -> Self {
        Self { code: true, ..Self::text(name, value) }
    }

    pub(super) fn link(self, link: String) -> Self {
        Self { link: Some(link), ..self }
    }
}

/// A line of a list.
pub(super) struct Row {
    pub(super) head: String,
    pub(super) value: String,
    pub(super) link: Option<String>,
    pub(super) note: String,
}

#[derive(Template)]
#[template(path = "record.html")]
pub(super) struct RecordPage {
    pub(super) frame: Frame,
    pub(super) title: String,
    pub(super) note: Option<String>,
    pub(super) facts: Vec<Fact>,
    pub(super) rows_title: &'static str,
    pub(super) rows: Vec<Row>,
    pub(super) next: Option<String>,
    pub(super) api: Option<String>,
}

/// Something that was found.
pub(super) struct Hit {
    pub(super) head: &'static str,
    pub(super) value: String,
    pub(super) link: String,
    pub(super) note: String,
}

#[derive(Template)]
#[template(path = "search.html")]
pub(super) struct SearchPage {
    pub(super) frame: Frame,
    pub(super) found: Vec<Hit>,
}

/// A finding.
pub(super) struct FindingLine {
    pub(super) what: String,
    pub(super) subject: String,
    pub(super) height: u64,
    pub(super) since: Moment,
    pub(super) over: bool,
}

#[derive(Template)]
#[template(path = "findings.html")]
pub(super) struct FindingsPage {
    pub(super) frame: Frame,
    pub(super) running: bool,
    pub(super) rounds: u64,
    pub(super) height: u64,
    pub(super) records: u64,
    pub(super) findings: Vec<FindingLine>,
}

/// A recorded offence.
pub(super) struct EvidenceLine {
    pub(super) offence: &'static str,
    pub(super) validator: String,
    pub(super) epoch: u64,
    pub(super) view: u64,
    pub(super) height: u64,
    pub(super) key: String,
}

#[derive(Template)]
#[template(path = "evidence.html")]
pub(super) struct EvidencePage {
    pub(super) frame: Frame,
    pub(super) entries: Vec<EvidenceLine>,
}

/// A validator or observer in the table.
pub(super) struct MemberLine {
    pub(super) name: String,
    pub(super) authority: String,
    pub(super) cluster: String,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    pub(super) led: u64,
    pub(super) missed: u64,
}

/// An attestation type of an authority.
pub(super) struct TypeLine {
    pub(super) name: String,
    /// Why it is not in force; empty if it is.
    pub(super) state: &'static str,
    /// Its accreditation's state key.
    pub(super) key: Option<String>,
}

/// An authority in the directory.
pub(super) struct AuthorityLine {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) suspended: bool,
    /// What it may do beside attesting.
    pub(super) roles: Vec<&'static str>,
    pub(super) types: Vec<TypeLine>,
    /// The validators that it runs.
    pub(super) validators: String,
    /// The observers that it runs.
    pub(super) observers: String,
    /// Its first websites and counters.
    pub(super) parties: Vec<PartyLine>,
    /// Whether it has more.
    pub(super) more: bool,
    /// Its record's state key.
    pub(super) key: String,
}

/// A website or counter.
pub(super) struct PartyLine {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) origin: String,
    pub(super) suspended: bool,
    pub(super) purposes: Vec<PurposeLine>,
    pub(super) key: String,
}

/// What a website may ask for, and why.
pub(super) struct PurposeLine {
    pub(super) text: String,
    /// Types and claims.
    pub(super) data: Vec<String>,
    pub(super) days: u32,
}

#[derive(Template)]
#[template(path = "directory.html")]
pub(super) struct DirectoryPage {
    pub(super) frame: Frame,
    pub(super) complete: bool,
    pub(super) authorities: Vec<AuthorityLine>,
    pub(super) next: Option<String>,
}

#[derive(Template)]
#[template(path = "parties.html")]
pub(super) struct PartiesPage {
    pub(super) frame: Frame,
    pub(super) authority: String,
    pub(super) parties: Vec<PartyLine>,
    pub(super) next: Option<String>,
}

/// Somebody whom the network knows.
pub(super) struct PeerLine {
    pub(super) name: String,
    pub(super) authority: String,
    pub(super) role: &'static str,
    pub(super) state: &'static str,
    pub(super) class: &'static str,
    /// When it was heard last.
    pub(super) heard: String,
    /// Where the ledger says that it is reached; a node's configuration may say otherwise.
    pub(super) address: String,
    /// Why it is cut off, and since when; empty if it is not.
    pub(super) cut_off: String,
}

#[derive(Template)]
#[template(path = "peers.html")]
pub(super) struct PeersPage {
    pub(super) frame: Frame,
    pub(super) peers: Vec<PeerLine>,
    pub(super) here: usize,
    pub(super) cut_off: usize,
}

/// An entry of the console's log.
pub(super) struct AccessLine {
    pub(super) time: Moment,
    pub(super) what: String,
    pub(super) class: &'static str,
    pub(super) who: String,
    pub(super) key: String,
    pub(super) role: &'static str,
}

#[derive(Template)]
#[template(path = "access.html")]
pub(super) struct AccessPage {
    pub(super) frame: Frame,
    pub(super) entries: Vec<AccessLine>,
    pub(super) next: Option<u64>,
}

/// A ballot.
pub(super) struct BallotLine {
    pub(super) who: String,
    pub(super) approve: bool,
}

/// A proposal.
pub(super) struct ProposalLine {
    pub(super) title: &'static str,
    pub(super) what: String,
    pub(super) stage: &'static str,
    pub(super) class: &'static str,
    /// What happens next and when; empty when nothing does.
    pub(super) next: String,
    pub(super) proposer: String,
    pub(super) approvals: usize,
    pub(super) needed: usize,
    pub(super) voters: usize,
    pub(super) ballots: Vec<BallotLine>,
    /// Members that may still vote.
    pub(super) silent: Vec<String>,
    pub(super) id: String,
    /// Its record's state key.
    pub(super) key: String,
    /// What to run, after the flags that say who acts; empty when nothing is to be done.
    pub(super) commands: Vec<String>,
}

/// Proposals.
#[derive(Default)]
pub(super) struct Proposals {
    /// Those that something may still come of.
    pub(super) open: Vec<ProposalLine>,
    /// The newest of the others.
    pub(super) closed: Vec<ProposalLine>,
}

#[derive(Template)]
#[template(path = "members.html")]
pub(super) struct MembersPage {
    pub(super) frame: Frame,
    pub(super) governed: bool,
    pub(super) members: Vec<MemberLine>,
    pub(super) window: String,
    pub(super) next_note: String,
    pub(super) changes: Vec<Row>,
    pub(super) parameters: Vec<Named>,
    pub(super) proposals: Proposals,
}

#[derive(Template)]
#[template(path = "error.html")]
pub(super) struct ErrorPage {
    pub(super) frame: Frame,
    pub(super) sentence: String,
}
