//! One end of a session, whatever streams it runs over.

use std::io;
use std::marker::PhantomData;
use std::sync::Arc;

use live::{Incarnation, Lane, Message, SessionId};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;

use crate::run::run;
use crate::shared::{Arrived, ROOM, Shared};
use crate::{ConnectionError, Ended, SendError, State};

/// One end of a session: sends `Out`. Clones are the same end.
///
/// What is sent waits here until the other end has it, over as many streams as that takes. How much that is, is the
/// caller's to bound: see [`Connection::room`].
pub struct Connection<Out> {
    shared: Arc<Shared>,
    says: PhantomData<fn(&Out)>,
}

impl<Out> Clone for Connection<Out> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            says: PhantomData,
        }
    }
}

impl<Out: Message> Connection<Out> {
    /// One that has no stream, and what receives the messages `In` of its other end.
    ///
    /// # Errors
    /// If the system gives no random number for the incarnation.
    pub fn new<In: Message>(session: SessionId) -> io::Result<(Self, Receiver<In>)> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes)?;
        let incarnation = Incarnation(u64::from_ne_bytes(bytes).max(1));
        let shared = Arc::new(Shared::new(session, incarnation));
        let connection = Self {
            shared: Arc::clone(&shared),
            says: PhantomData,
        };
        let hears = PhantomData;
        Ok((connection, Receiver { shared, hears }))
    }

    /// Has `message` sent when its turn comes, on this stream or a later one. Never waits; may be called from any thread.
    ///
    /// # Errors
    /// If it is too long, or the session has ended.
    pub fn send(&self, message: &Out) -> Result<(), SendError> {
        self.shared.send(message.lane(), message.encode())
    }
}

impl<Out> Connection<Out> {
    /// Waits until less than [`ROOM`](crate::ROOM) bytes wait in `lane`, or the session has ended. All who wait are told
    /// at once: `n` who then send one message each make it `n` messages more.
    ///
    /// Whoever takes messages must not wait here before taking the next: two ends that both do never go on.
    pub async fn room(&self, lane: Lane) {
        self.shared.room(lane, ROOM).await;
    }

    /// Waits until less than `most` bytes wait in `lane`: see [`Connection::room`]. A small `most` is for who shares the lane
    /// with others who should not wait long.
    pub async fn room_below(&self, lane: Lane, most: usize) {
        self.shared.room(lane, most).await;
    }

    /// Whether [`Connection::room`] has nothing to wait for.
    #[must_use]
    pub fn has_room(&self, lane: Lane) -> bool {
        self.shared.has_room(lane)
    }

    /// Waits until the other end has all that was sent, `true`, or the session has ended before that, `false`. What a new
    /// incarnation of the other end made void counts as had: [`Happening::Connected`] tells of that.
    pub async fn settled(&self) -> bool {
        self.shared.settled().await
    }

    /// Carries messages over `stream` until that ends; one that ran before ends with [`Ended::Replaced`] at once. Dropping
    /// this ends the stream too. Nothing is lost by either: the next `run` goes on.
    ///
    /// When [`INBOX`](crate::INBOX) bytes have come that nobody has taken, nothing more is read until somebody has. This end
    /// goes on with what it has to send and with its pings, so the other end does not take the link for lost; it
    /// does not hear the other end's meanwhile, so it notices only by writing that the stream is gone.
    ///
    /// # Errors
    /// Why the stream is of no use any more.
    pub async fn run(
        &self,
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
    ) -> Result<Ended, ConnectionError> {
        run(&self.shared, stream).await
    }

    /// Tells the other end that the session ends, on this stream or the next, before all else that waits: wait for
    /// [`Connection::settled`] first if that matters. It has been told when `run` returns [`Ended::SaidGoodbye`].
    pub fn say_goodbye(&self, reason: &str) {
        self.shared.say_goodbye(reason);
    }

    /// How the session has ended, if it has: by a goodbye, or by a message that is none.
    #[must_use]
    pub fn over(&self) -> Option<Result<Ended, ConnectionError>> {
        self.shared.over()
    }

    /// Whether the other end is there, as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<State> {
        self.shared.state.subscribe()
    }
}

/// What the other end brings about, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Happening<In> {
    /// It is there. Unless it `resumed`, it is a new process that knows nothing of what was said before, and all that was
    /// under way is gone, also what was sent since the stream before.
    Connected {
        /// It goes on where the last stream broke.
        resumed: bool,
    },
    /// It says something.
    Message(In),
    /// It has ended the session, for a reason in its own words; the last happening.
    Goodbye(String),
}

/// Where the other end's messages are taken. Without it nobody takes them: see [`Connection::run`].
pub struct Receiver<In> {
    shared: Arc<Shared>,
    hears: PhantomData<fn() -> In>,
}

impl<In: Message> Receiver<In> {
    /// The next happening; `None` when the session has ended. Dropping the future loses nothing.
    ///
    /// A message that is none ends the session: see [`ConnectionError::Unintelligible`]. It is looked at here, not when it
    /// comes, so that what has come takes no more memory than its bytes.
    pub async fn next(&mut self) -> Option<Happening<In>> {
        loop {
            match self.shared.take().ok()? {
                Some(Arrived::Connected { resumed }) => {
                    return Some(Happening::Connected { resumed });
                }
                Some(Arrived::Goodbye(reason)) => return Some(Happening::Goodbye(reason)),
                Some(Arrived::Message(bytes)) => match In::decode(&bytes) {
                    Ok(message) => return Some(Happening::Message(message)),
                    Err(error) => self.shared.give_up(error),
                },
                None => self.shared.arrived.notified().await,
            }
        }
    }
}
