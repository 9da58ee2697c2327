//! A validator's mouth: what its engine says passes through here on the way to the simulated network.
//!
//! An honest validator's words pass unchanged. A wicked one runs the honest engine too, and what that says is withheld, delayed,
//! altered or contradicted here, with the validator's own key: so its lies are as good as lies can be.

use crate::{manners::Manners, scenario::Moment};
use chain_node::engine::types::PublicKey;
use commonware_actor::{Feedback, Unreliable};
use commonware_p2p::{CheckedSender, LimitedSender, Recipients, Sender as _, simulated, utils::limited};
use commonware_runtime::{Clock as _, IoBuf, IoBufs, Spawner as _, Supervisor as _, deterministic::Context};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::mpsc;

/// The simulated network's own sender.
pub type Wire = simulated::Sender<PublicKey, Context>;

/// Which of the channels between validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Line {
    /// Votes.
    Votes,
    /// Certificates.
    Certificates,
    /// Requests for certificates.
    Resolver,
    /// Requests for blocks and finality certificates.
    Backfill,
    /// Proposed blocks.
    Broadcast,
    /// Requests for state.
    StateSync,
    /// Requests for the latest finality certificate.
    Probe,
    /// Transactions.
    Mempool,
}

/// A message as it leaves.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// To whom.
    pub to: Vec<PublicKey>,
    /// What.
    pub bytes: IoBuf,
    /// How much later than said.
    pub later: Moment,
    /// Whether to think again before it leaves.
    pub again: bool,
}

impl Parcel {
    /// A message that leaves at once.
    pub fn now(to: Vec<PublicKey>, bytes: IoBuf) -> Self {
        Self { to, bytes, later: Moment(0), again: false }
    }
}

/// One channel's sender.
#[derive(Debug, Clone)]
pub struct Voice {
    wire: Wire,
    line: Line,
    wicked: Option<Wicked>,
}

/// What a wicked validator's voice needs.
#[derive(Debug, Clone)]
pub struct Wicked {
    /// How it lies.
    pub manners: Arc<Manners>,
    /// Carries what is sent later.
    pub courier: mpsc::UnboundedSender<(Wire, Parcel)>,
}

impl Voice {
    /// The voice of an honest validator, or of a wicked one.
    pub fn new(wire: Wire, line: Line, wicked: Option<Wicked>) -> Self {
        Self { wire, line, wicked }
    }
}

/// Delivers what is sent later, until every voice is gone.
pub async fn deliver(context: Context, manners: Arc<Manners>, mut parcels: mpsc::UnboundedReceiver<(Wire, Parcel)>) {
    while let Some((wire, parcel)) = parcels.recv().await {
        let manners = manners.clone();
        context.child("parcel").spawn(move |context| async move {
            context.sleep(Duration::from_millis(parcel.later.0)).await;
            let mut wire = wire;
            let parcels = if parcel.again { manners.vote_now(parcel.to, parcel.bytes) } else { vec![parcel] };
            for parcel in parcels {
                // Whom it does not reach it does not reach.
                let _ = wire.send(Recipients::Some(parcel.to), parcel.bytes, false);
            }
        });
    }
}

/// A message that may be sent.
pub enum Checked<'a> {
    /// As it is said.
    Plain(limited::CheckedSender<'a, simulated::UnlimitedSender<PublicKey, Context>>),
    /// As a wicked validator has it.
    Altered {
        /// To whom its engine speaks.
        to: Vec<PublicKey>,
        /// Where it goes.
        wire: Box<Wire>,
        /// On which channel.
        line: Line,
        /// How it lies.
        wicked: Wicked,
    },
}

impl LimitedSender for Voice {
    type PublicKey = PublicKey;
    type Checked<'a> = Checked<'a>;

    fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Checked<'_>, SystemTime> {
        let spare = Box::new(self.wire.clone());
        let checked = self.wire.check(recipients)?;
        Ok(match &self.wicked {
            None => Checked::Plain(checked),
            Some(wicked) => Checked::Altered { to: checked.recipients(), wire: spare, line: self.line, wicked: wicked.clone() },
        })
    }
}

impl CheckedSender for Checked<'_> {
    type PublicKey = PublicKey;

    fn recipients(&self) -> Vec<PublicKey> {
        match self {
            Self::Plain(checked) => checked.recipients(),
            Self::Altered { to, .. } => to.clone(),
        }
    }

    fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
        match self {
            Self::Plain(checked) => checked.send(message, priority),
            Self::Altered { to, mut wire, line, wicked } => {
                for parcel in wicked.manners.say(line, to, message.into().coalesce()) {
                    if parcel.later > Moment(0) {
                        // The courier lives as long as the validator.
                        let _ = wicked.courier.send((wire.as_ref().clone(), parcel));
                    } else {
                        let _ = wire.send(Recipients::Some(parcel.to), parcel.bytes, priority);
                    }
                }
                Unreliable::new(Feedback::Ok)
            }
        }
    }
}
