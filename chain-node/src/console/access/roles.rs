//! Who may see what on a console with a login: one table, and what the ledger says of who asks.
//!
//! Pure. Whatever has no right in the table is refused, so a new route is shut until it is given one.

use identity::PublicKey;
use ledger::{
    cell::Cell,
    records::{AuthorityId, AuthorityRecord},
};

/// What a visitor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Of the authority that runs this node.
    Operator,
    /// Of an authority that the ledger names a supervisor: it looks at everything on any node, and changes nothing.
    Supervisor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 2] = [Self::Operator, Self::Supervisor];

    /// The word of the role in the log and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Supervisor => "supervisor",
        }
    }
}

/// What may be seen or done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// The network, the figures, resources and cost.
    Overview,
    /// The same, fetched by the page itself.
    Live,
    /// Validators, proposals and ballots.
    Members,
    /// Connections: who is admitted, heard, cut off and where it is reached.
    Peers,
    /// Authorities, types and websites.
    Directory,
    /// Blocks.
    Blocks,
    /// Transactions.
    Transactions,
    /// Records and their history.
    Records,
    /// Search by id.
    Search,
    /// What supervision found in this node's copy.
    Findings,
    /// Evidence against validators.
    Evidence,
    /// Who came to this console.
    AccessLog,
    /// To end the own session.
    LogOut,
    /// To end every session of the own authority.
    EndSessions,
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 14] = [
        Self::Overview,
        Self::Live,
        Self::Members,
        Self::Peers,
        Self::Directory,
        Self::Blocks,
        Self::Transactions,
        Self::Records,
        Self::Search,
        Self::Findings,
        Self::Evidence,
        Self::AccessLog,
        Self::LogOut,
        Self::EndSessions,
    ];

    /// The right that a route asks for.
    pub fn of_route(route: &str) -> Option<Self> {
        Some(match route {
            "/console" => Self::Overview,
            "/console/live" | "/console/events" => Self::Live,
            "/console/members" => Self::Members,
            "/console/peers" => Self::Peers,
            "/console/directory" | "/console/directory/{authority}" => Self::Directory,
            "/console/blocks" | "/console/blocks/{height}" => Self::Blocks,
            "/console/transactions/{id}" => Self::Transactions,
            "/console/records/{key}" => Self::Records,
            "/console/search" => Self::Search,
            "/console/findings" => Self::Findings,
            "/console/evidence" => Self::Evidence,
            "/console/access" => Self::AccessLog,
            "/console/logout" => Self::LogOut,
            "/console/sessions/end" => Self::EndSessions,
            _ => return None,
        })
    }

    /// Whether a person asks. What a page fetches by itself keeps no session alive.
    pub fn is_a_persons(self) -> bool {
        self != Self::Live
    }
}

/// The table.
pub fn may(role: Role, right: Right) -> bool {
    match right {
        Right::Overview
        | Right::Live
        | Right::Members
        | Right::Peers
        | Right::Directory
        | Right::Blocks
        | Right::Transactions
        | Right::Records
        | Right::Search
        | Right::Findings
        | Right::Evidence
        | Right::AccessLog
        | Right::LogOut => match role {
            Role::Operator | Role::Supervisor => true,
        },
        Right::EndSessions => match role {
            Role::Operator => true,
            Role::Supervisor => false,
        },
    }
}

/// Why somebody was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// No challenge waits for this browser: it was used, or never asked for here.
    Challenge,
    /// The challenge is too old.
    Expired,
    /// Not what `console-login` prints.
    Code,
    /// The ledger has no such authority.
    Authority,
    /// The authority is suspended.
    Suspended,
    /// The key is none of the authority's.
    Key,
    /// The signature is not over this challenge: it is another node's or page's, or the key is another.
    Signature,
    /// The authority neither runs this node nor supervises.
    Role,
}

impl Refused {
    /// Every reason.
    pub const ALL: [Self; 8] =
        [Self::Challenge, Self::Expired, Self::Code, Self::Authority, Self::Suspended, Self::Key, Self::Signature, Self::Role];

    /// The word of the reason in the log and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Challenge => "refused_challenge",
            Self::Expired => "refused_expired",
            Self::Code => "refused_code",
            Self::Authority => "refused_authority",
            Self::Suspended => "refused_suspended",
            Self::Key => "refused_key",
            Self::Signature => "refused_signature",
            Self::Role => "refused_role",
        }
    }

    /// What happened and what to do, in Chinese and English.
    pub fn sentence(self) -> (&'static str, &'static str) {
        match self {
            Self::Challenge => (
                "此浏览器没有待签的登录挑战：它已用过一次，或不是在此页取得的。请签下面的新挑战。",
                "No challenge waits for this browser: it was used once, or was not made by this page. Sign the new one below.",
            ),
            Self::Expired => (
                "登录挑战已过期（有效 5 分钟）。请签下面的新挑战。",
                "The challenge is older than 5 minutes. Sign the new one below.",
            ),
            Self::Code => (
                "这不是 console-login 给出的登录码。请完整复制它输出的 code。",
                "This is not a code of console-login. Copy the whole value of \"code\" that it prints.",
            ),
            Self::Authority => {
                ("账本上没有这个机构。请核对 --authority。", "The ledger has no such authority. Check --authority.")
            }
            Self::Suspended => (
                "该机构已被成员表决暂停，暂停期间不能登录。",
                "The members have suspended this authority. It cannot log in until they restore it.",
            ),
            Self::Key => (
                "这把密钥不是该机构在账本上的密钥。请用账本所列的密钥；若是 P-256 密钥，加上 --algorithm p256。",
                "The key is not one that the ledger names for this authority. Use one that it names; for a P-256 key add --algorithm p256.",
            ),
            Self::Signature => (
                "签名与此页的挑战不符：签的可能是另一页或另一节点的挑战。请签下面的新挑战。",
                "The signature is not over this page's challenge: it may be another page's or node's. Sign the new one below.",
            ),
            Self::Role => (
                "该机构既不运行此节点，也不是账本所列的监督机构。请到贵机构自己的节点登录。",
                "This authority neither runs this node nor is a supervisor on the ledger. Log in at a node of your own authority.",
            ),
        }
    }
}

/// What the holder of this key is here, by what the ledger says of its authority now.
///
/// # Errors
/// Why it is nothing.
pub fn role(found: Option<&(Cell, AuthorityRecord)>, key: &PublicKey, operator: Option<AuthorityId>) -> Result<Role, Refused> {
    let (cell, record) = found.ok_or(Refused::Authority)?;
    if !cell.is_in_force() {
        return Err(Refused::Suspended);
    }
    if !record.ledger_keys.contains(key) {
        return Err(Refused::Key);
    }
    if operator == Some(record.id) {
        Ok(Role::Operator)
    } else if record.supervises() {
        Ok(Role::Supervisor)
    } else {
        Err(Refused::Role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// I037, I038, I064, I068, Z020: the table of who may see what, cell by cell.
    #[test]
    fn each_role_may_exactly_what_the_table_says() {
        let table = [
            (Right::Overview, true, true),
            (Right::Live, true, true),
            (Right::Members, true, true),
            (Right::Peers, true, true),
            (Right::Directory, true, true),
            (Right::Blocks, true, true),
            (Right::Transactions, true, true),
            (Right::Records, true, true),
            (Right::Search, true, true),
            (Right::Findings, true, true),
            (Right::Evidence, true, true),
            (Right::AccessLog, true, true),
            (Right::LogOut, true, true),
            (Right::EndSessions, true, false),
        ];
        assert_eq!(table.map(|(right, ..)| right), Right::ALL);
        for (right, operator, supervisor) in table {
            assert_eq!(Role::ALL.map(|role| may(role, right)), [operator, supervisor], "{right:?}");
        }
    }

    #[test]
    fn a_route_without_a_right_is_nobodys() {
        for route in ["", "/", "/metrics", "/console/", "/console/secrets", "/console/login"] {
            assert_eq!(Right::of_route(route), None, "{route}");
        }
        assert_eq!(Right::ALL.map(Right::is_a_persons).iter().filter(|person| !**person).count(), 1);
    }
}
