//! A validator that lies to those who ask it: for tests of what a node does that syncs from it.
//!
//! With the feature `faults` only. `CHAIN_NODE_ANSWERS=altered` flips a bit in every block, certificate and state operation that it gives;
//! `CHAIN_NODE_ANSWERS=ending` gives a few and then nothing, and stays in the network.

use super::types::PublicKey;

#[cfg(not(feature = "faults"))]
pub(super) use self::honest::lying;

#[cfg(feature = "faults")]
pub(super) use self::wicked::lying;

#[cfg(not(feature = "faults"))]
mod honest {
    use super::PublicKey;
    use commonware_p2p::Sender;

    /// The channel itself.
    pub(in crate::engine) fn lying<S: Sender<PublicKey = PublicKey>, R>(
        channel: (S, R),
    ) -> (impl Sender<PublicKey = PublicKey>, R) {
        channel
    }
}

#[cfg(feature = "faults")]
mod wicked {
    use super::PublicKey;
    use bytes::Buf as _;
    use commonware_actor::{Feedback, Unreliable};
    use commonware_p2p::{CheckedSender, LimitedSender, Recipients, Sender};
    use commonware_runtime::IoBufs;
    use std::{
        env,
        sync::{
            OnceLock,
            atomic::{AtomicUsize, Ordering},
        },
        time::SystemTime,
    };

    const ANSWERS: &str = "CHAIN_NODE_ANSWERS";
    /// A request fits in this many bytes; what is longer answers one.
    const REQUEST_BYTES: usize = 64;
    /// What one that ends gives before.
    const GIVEN: usize = 2;

    #[derive(Clone, Copy, PartialEq, Eq)]
    enum Manner {
        Honest,
        Altered,
        Ending,
    }

    fn manner() -> Manner {
        static MANNER: OnceLock<Manner> = OnceLock::new();
        *MANNER.get_or_init(|| match env::var(ANSWERS).as_deref() {
            Ok("altered") => Manner::Altered,
            Ok("ending") => Manner::Ending,
            Ok(other) => panic!("{ANSWERS} is altered or ending, not {other}"),
            Err(_) => Manner::Honest,
        })
    }

    /// The channel with what this validator makes of its answers.
    pub(in crate::engine) fn lying<S: Sender<PublicKey = PublicKey>, R>(
        channel: (S, R),
    ) -> (impl Sender<PublicKey = PublicKey>, R) {
        (Liar(channel.0), channel.1)
    }

    #[derive(Clone)]
    struct Liar<S>(S);

    impl<S: LimitedSender<PublicKey = PublicKey>> LimitedSender for Liar<S> {
        type PublicKey = PublicKey;
        type Checked<'a> = Liar<S::Checked<'a>>;

        fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Self::Checked<'_>, SystemTime> {
            self.0.check(recipients).map(Liar)
        }
    }

    impl<S: CheckedSender<PublicKey = PublicKey>> CheckedSender for Liar<S> {
        type PublicKey = PublicKey;

        fn recipients(&self) -> Vec<PublicKey> {
            self.0.recipients()
        }

        fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
            static ANSWERED: AtomicUsize = AtomicUsize::new(0);
            let mut message: IoBufs = message.into();
            if manner() == Manner::Honest || message.remaining() <= REQUEST_BYTES {
                return self.0.send(message, priority);
            }
            let mut bytes = message.copy_to_bytes(message.remaining()).to_vec();
            match manner() {
                Manner::Honest => {}
                Manner::Altered => {
                    let middle = bytes.len() / 2;
                    bytes.iter_mut().skip(middle).take(1).for_each(|byte| *byte ^= 1);
                }
                // As if it were on its way for ever.
                Manner::Ending if ANSWERED.fetch_add(1, Ordering::SeqCst) >= GIVEN => {
                    return Unreliable::new(Feedback::Ok);
                }
                Manner::Ending => {}
            }
            self.0.send(bytes, priority)
        }
    }
}
