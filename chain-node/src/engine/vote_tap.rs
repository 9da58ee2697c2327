//! Around the votes of an engine: the points at which a test ends the process, and a book of every vote that came in.
//!
//! With the feature `faults` only; see `kill_points`. `CHAIN_NODE_VOTES_HEARD=FILE` names the book, one vote to a line: the key of
//! the connection that it came over, epoch, view, kind, parent view and payload. It is written before the engine has the vote.

use super::types::PublicKey;
use crate::kill_points::Point;

#[cfg(not(feature = "faults"))]
pub(super) use self::idle::{around, counted};

#[cfg(feature = "faults")]
pub(super) use self::armed::{around, counted};

#[cfg(not(feature = "faults"))]
mod idle {
    use super::{Point, PublicKey};
    use commonware_p2p::{Receiver, Sender};

    /// The channel itself.
    pub(in crate::engine) fn around<S, R>(
        votes: (S, R),
    ) -> (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>)
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        votes
    }

    /// The channel itself.
    pub(in crate::engine) fn counted<S, R: Receiver<PublicKey = PublicKey>>(
        channel: (S, R),
        _point: Point,
    ) -> (S, impl Receiver<PublicKey = PublicKey>) {
        channel
    }
}

#[cfg(feature = "faults")]
mod armed {
    use super::{Point, PublicKey};
    use crate::{
        engine::types::{Digest, Scheme},
        kill_points,
    };
    use bytes::Buf as _;
    use commonware_actor::{Feedback, Unreliable};
    use commonware_codec::ReadExt as _;
    use commonware_consensus::simplex::types::Vote;
    use commonware_p2p::{CheckedSender, LimitedSender, Message, Receiver, Recipients, Sender};
    use commonware_runtime::IoBufs;
    use std::{
        env,
        fs::File,
        io::Write as _,
        num::NonZeroUsize,
        sync::{Mutex, OnceLock, PoisonError},
        time::SystemTime,
    };

    const VOTES_HEARD: &str = "CHAIN_NODE_VOTES_HEARD";

    /// The channel with the points and the book around it.
    pub(in crate::engine) fn around<S, R>(
        votes: (S, R),
    ) -> (impl Sender<PublicKey = PublicKey>, impl Receiver<PublicKey = PublicKey>)
    where
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        (Watched(votes.0), Heard(votes.1))
    }

    /// The channel with a point that is reached by every message that comes.
    pub(in crate::engine) fn counted<S, R: Receiver<PublicKey = PublicKey>>(
        channel: (S, R),
        point: Point,
    ) -> (S, impl Receiver<PublicKey = PublicKey>) {
        (channel.0, Counted(channel.1, point))
    }

    /// A sender of votes. What it is given is in the journal already.
    #[derive(Clone)]
    struct Watched<S>(S);

    impl<S: LimitedSender<PublicKey = PublicKey>> LimitedSender for Watched<S> {
        type PublicKey = PublicKey;
        type Checked<'a> = Watched<S::Checked<'a>>;

        fn check(&mut self, recipients: Recipients<PublicKey>) -> Result<Self::Checked<'_>, SystemTime> {
            self.0.check(recipients).map(Watched)
        }
    }

    impl<S: CheckedSender<PublicKey = PublicKey>> CheckedSender for Watched<S> {
        type PublicKey = PublicKey;

        fn recipients(&self) -> Vec<PublicKey> {
            self.0.recipients()
        }

        fn send(self, message: impl Into<IoBufs> + Send, priority: bool) -> Unreliable<Feedback> {
            let message: IoBufs = message.into();
            // The first byte of a vote says which kind it is.
            let points = match message.chunk().first() {
                Some(0) => Some((Point::NotarizeWritten, Point::NotarizeSent)),
                Some(1) => Some((Point::NullifyWritten, Point::NullifySent)),
                Some(2) => Some((Point::FinalizeWritten, Point::FinalizeSent)),
                Some(_) | None => None,
            };
            if let Some((written, _)) = points {
                kill_points::reach(written);
            }
            let feedback = self.0.send(message, priority);
            if let Some((_, sent)) = points {
                kill_points::reach_soon(sent);
            }
            feedback
        }
    }

    /// A receiver of votes that writes each down.
    #[derive(Debug)]
    struct Heard<R>(R);

    impl<R: Receiver<PublicKey = PublicKey>> Receiver for Heard<R> {
        type Error = R::Error;
        type PublicKey = PublicKey;

        async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
            let message = self.0.recv().await?;
            write_down(&message);
            Ok(message)
        }

        fn capacity(&self) -> NonZeroUsize {
            self.0.capacity()
        }
    }

    fn write_down((peer, message): &Message<PublicKey>) {
        static BOOK: OnceLock<Option<Mutex<File>>> = OnceLock::new();
        let book = BOOK.get_or_init(|| {
            let path = env::var_os(VOTES_HEARD)?;
            Some(Mutex::new(File::options().create(true).append(true).open(path).expect("the book of votes opens")))
        });
        let Some(book) = book else { return };
        // What does not decode is no vote; the engine cuts its sender off.
        let Ok(vote) = Vote::<Scheme, Digest>::read(&mut message.clone()) else { return };
        let (round, kind, proposal) = match &vote {
            Vote::Notarize(vote) => (vote.proposal.round, "notarize", Some(&vote.proposal)),
            Vote::Nullify(vote) => (vote.round, "nullify", None),
            Vote::Finalize(vote) => (vote.proposal.round, "finalize", Some(&vote.proposal)),
        };
        let what = proposal.map_or_else(|| "-".to_owned(), |proposal| format!("{}:{}", proposal.parent, proposal.payload));
        let line = format!("{peer} {} {} {kind} {what}\n", round.epoch(), round.view());
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        book.write_all(line.as_bytes()).expect("the book of votes is written");
    }

    /// A receiver with a point.
    #[derive(Debug)]
    struct Counted<R>(R, Point);

    impl<R: Receiver<PublicKey = PublicKey>> Receiver for Counted<R> {
        type Error = R::Error;
        type PublicKey = PublicKey;

        async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
            let message = self.0.recv().await?;
            kill_points::reach(self.1);
            Ok(message)
        }

        fn capacity(&self) -> NonZeroUsize {
            self.0.capacity()
        }
    }
}
