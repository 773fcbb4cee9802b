//! What a [`Connection`](crate::Connection), its receiver and the streams that it runs on share.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use bytes::Bytes;
use live::message::DecodeError;
use live::{Event, Incarnation, Lane, Link, LinkError, PING_INTERVAL, SessionId};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use crate::outlet::Outlet;
use crate::{ConnectionError, Ended, SendError};

/// How much may wait in a lane before [`Connection::room`](crate::Connection::room) makes its callers wait, in bytes.
pub const ROOM: usize = 1 << 20;
/// How much may have come without having been taken before nothing more is read, in bytes.
pub const INBOX: usize = 4 << 20;
/// What a message counts for in the inbox beside its bytes.
const OVERHEAD: usize = 64;
/// How much is written at once, in bytes: what a pipe holds.
const PIECE: usize = 64 << 10;
/// How long what has come may wait to be confirmed together with what comes after it.
const CONFIRM_AFTER: Duration = Duration::from_millis(50);

/// Whether the other end is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is.
    Up {
        /// Since when.
        since: Instant,
        /// How long the last ping took; `None` until one was answered.
        round_trip: Option<Duration>,
    },
    /// It is not: there is no stream, or it has not said hello.
    Down {
        /// Since when.
        since: Instant,
    },
}

pub(crate) struct Shared {
    inner: Mutex<Inner>,
    created: Instant,
    /// There may be something to write.
    pub(crate) to_write: Notify,
    /// The inbox has become shorter.
    pub(crate) taken: Notify,
    /// The inbox has become longer, or the session has ended.
    pub(crate) arrived: Notify,
    /// Something was written or confirmed, or the session has ended.
    progress: Notify,
    pub(crate) state: watch::Sender<State>,
    /// The number of the stream that may be used; all older ones are to end.
    latest: watch::Sender<u64>,
}

struct Inner {
    link: Link,
    /// The number of the stream that `link` is on.
    stream: u64,
    /// Its writing side.
    outlet: Option<Outlet>,
    inbox: VecDeque<Arrived>,
    inbox_bytes: usize,
    /// When what has come is to be confirmed at the latest.
    confirm_at: Option<Instant>,
    /// What to say goodbye with.
    parting: Option<String>,
    /// The link has that goodbye, on this stream.
    is_parting: bool,
    over: Option<Over>,
}

/// What waits to be taken.
pub(crate) enum Arrived {
    Connected { resumed: bool },
    Message(Bytes),
    Goodbye(String),
}

/// How the session ended.
#[derive(Clone)]
enum Over {
    Goodbye(String),
    SaidGoodbye,
    Unintelligible(DecodeError),
}

impl Over {
    fn result(self) -> Result<Ended, ConnectionError> {
        match self {
            Over::Goodbye(reason) => Ok(Ended::Goodbye(reason)),
            Over::SaidGoodbye => Ok(Ended::SaidGoodbye),
            Over::Unintelligible(error) => Err(error.into()),
        }
    }
}

impl Inner {
    /// Writes what there is from here, on whatever thread that is, if the stream's task has nothing else to do than that: its
    /// waking would take longer than the writing. `false` if it has to be woken: also for what is more than a piece.
    fn write_through(&mut self) -> bool {
        let Some(outlet) = self.outlet.as_mut().filter(|outlet| outlet.is_idle) else {
            return false;
        };
        self.link.transmit(&mut outlet.buffer, PIECE);
        let is_all = outlet.buffer.len() < PIECE;
        // The task asks again with a waker of its own if this has to wait. Also what failed is the task's to find out.
        let mut context = Context::from_waker(Waker::noop());
        let is_written = matches!(outlet.poll_write_all(&mut context), Poll::Ready(Ok(())));
        outlet.is_idle = is_all && is_written;
        outlet.is_idle
    }
}

/// What there is to do after [`OnStream::poll_write`].
pub(crate) struct Written {
    /// When to write again, unless woken before.
    pub(crate) until: Instant,
    /// What was written ends with a goodbye.
    pub(crate) is_parting: bool,
}

impl Shared {
    pub(crate) fn new(session: SessionId, incarnation: Incarnation) -> Self {
        let created = Instant::now();
        Self {
            inner: Mutex::new(Inner {
                link: Link::new(session, incarnation),
                stream: 0,
                outlet: None,
                inbox: VecDeque::new(),
                inbox_bytes: 0,
                confirm_at: None,
                parting: None,
                is_parting: false,
                over: None,
            }),
            created,
            to_write: Notify::new(),
            taken: Notify::new(),
            arrived: Notify::new(),
            progress: Notify::new(),
            state: watch::Sender::new(State::Down { since: created }),
            latest: watch::Sender::new(0),
        }
    }

    /// Held for as long as it takes to copy some bytes, to the system at most. Nothing that is done with it can panic halfway.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn send(&self, lane: Lane, message: Bytes) -> Result<(), SendError> {
        let mut inner = self.lock();
        if inner.over.is_some() {
            return Err(SendError::Over);
        }
        inner.link.send(lane, message)?;
        let is_written = inner.write_through();
        drop(inner);
        self.progress.notify_waiters();
        if !is_written {
            self.to_write.notify_one();
        }
        Ok(())
    }

    pub(crate) fn say_goodbye(&self, reason: &str) {
        self.lock().parting.get_or_insert_with(|| reason.to_owned());
        self.to_write.notify_one();
    }

    pub(crate) fn over(&self) -> Option<Result<Ended, ConnectionError>> {
        self.lock().over.clone().map(Over::result)
    }

    /// Waits until `is_so`, or the session has ended.
    async fn until(&self, is_so: impl Fn(&Inner) -> bool) -> bool {
        loop {
            let progress = self.progress.notified();
            let (holds, is_over) = {
                let inner = self.lock();
                (is_so(&inner), inner.over.is_some())
            };
            if holds || is_over {
                return holds;
            }
            progress.await;
        }
    }

    pub(crate) async fn room(&self, lane: Lane, most: usize) {
        self.until(|inner| inner.link.queued(lane) < most).await;
    }

    pub(crate) fn has_room(&self, lane: Lane) -> bool {
        let inner = self.lock();
        inner.over.is_some() || inner.link.queued(lane) < ROOM
    }

    pub(crate) async fn settled(&self) -> bool {
        self.until(|inner| inner.link.is_settled()).await
    }

    /// Takes the next of the inbox; `Err` when nothing more will come.
    pub(crate) fn take(&self) -> Result<Option<Arrived>, ()> {
        let mut inner = self.lock();
        let Some(first) = inner.inbox.pop_front() else {
            return if inner.over.is_some() {
                Err(())
            } else {
                Ok(None)
            };
        };
        if let Arrived::Message(message) = &first {
            let was_full = inner.inbox_bytes >= INBOX;
            inner.inbox_bytes -= message.len() + OVERHEAD;
            if was_full && inner.inbox_bytes < INBOX {
                self.taken.notify_one();
            }
        }
        Ok(Some(first))
    }

    pub(crate) fn is_inbox_full(&self) -> bool {
        self.lock().inbox_bytes >= INBOX
    }

    /// A message was none.
    pub(crate) fn give_up(&self, error: DecodeError) {
        let mut inner = self.lock();
        inner.inbox.clear();
        inner.inbox_bytes = 0;
        inner.over.get_or_insert(Over::Unintelligible(error));
        let ousted = self.oust(&mut inner);
        drop(inner);
        drop(ousted);
        self.tell_all();
    }

    fn tell_all(&self) {
        self.arrived.notify_one();
        self.progress.notify_waiters();
    }

    /// Has the present stream end, and the next have a number of its own. To be dropped once nothing is locked: with its
    /// writing side a stream may end, and that its process.
    fn oust(&self, inner: &mut Inner) -> Option<Outlet> {
        inner.stream += 1;
        let ousted = inner.outlet.take();
        self.latest.send_replace(inner.stream);
        inner.link.disconnected();
        inner.is_parting = false;
        inner.confirm_at = None;
        self.set_down();
        ousted
    }

    fn set_down(&self) {
        self.state.send_if_modified(|state| {
            let was_up = matches!(state, State::Up { .. });
            if was_up {
                *state = State::Down {
                    since: Instant::now(),
                };
            }
            was_up
        });
    }

    fn set_up(&self, measured: Option<Duration>) {
        self.state.send_modify(|state| {
            let (since, known) = match *state {
                State::Up { since, round_trip } => (since, round_trip),
                State::Down { .. } => (Instant::now(), None),
            };
            let round_trip = measured.or(known);
            *state = State::Up { since, round_trip };
        });
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.created)
    }
}

/// The right to use the link for one stream, until that is dropped or a newer one begins.
pub(crate) struct OnStream<'a> {
    shared: &'a Shared,
    number: u64,
    latest: watch::Receiver<u64>,
}

impl<'a> OnStream<'a> {
    /// Ends the stream before it, if there is one. `Err` if the session has ended.
    pub(crate) fn begin(
        shared: &'a Shared,
        outlet: Outlet,
    ) -> Result<Self, Result<Ended, ConnectionError>> {
        let mut inner = shared.lock();
        if let Some(over) = inner.over.clone() {
            return Err(over.result());
        }
        let ousted = shared.oust(&mut inner);
        let number = inner.stream;
        inner.link.connected(shared.age(Instant::now()));
        inner.outlet = Some(outlet);
        drop(inner);
        drop(ousted);
        Ok(Self {
            shared,
            number,
            latest: shared.latest.subscribe(),
        })
    }

    fn lock(&self) -> Option<MutexGuard<'_, Inner>> {
        Some(self.shared.lock()).filter(|inner| inner.stream == self.number)
    }

    /// Waits until this stream is to end, and gives how.
    pub(crate) async fn ousted(&self) -> Result<Ended, ConnectionError> {
        let mut latest = self.latest.clone();
        // Fails only without a sender, which lives in `shared`.
        drop(latest.wait_for(|latest| *latest != self.number).await);
        self.shared.over().unwrap_or(Ok(Ended::Replaced))
    }

    /// Takes what came; says how the session ended if it did.
    pub(crate) fn received(&self, bytes: &[u8]) -> Result<Option<Ended>, ConnectionError> {
        let now = Instant::now();
        let Some(mut inner) = self.lock() else {
            return Ok(Some(Ended::Replaced));
        };
        let taken = inner.link.received(bytes, self.shared.age(now));
        // What came before the error counts.
        while let Some(event) = inner.link.event() {
            self.happened(&mut inner, event, now);
        }
        let over = inner.over.clone();
        let has_arrived = !inner.inbox.is_empty();
        drop(inner);
        self.shared.to_write.notify_one();
        self.shared.progress.notify_waiters();
        if has_arrived {
            self.shared.arrived.notify_one();
        }
        match over {
            Some(over) => over.result().map(Some),
            None => taken
                .map(|()| None)
                .map_err(|error: LinkError| error.into()),
        }
    }

    fn happened(&self, inner: &mut Inner, event: Event, now: Instant) {
        if inner.over.is_some() {
            return;
        }
        match event {
            Event::Connected { resumed } => {
                if !resumed {
                    // What a process has said that is gone: nobody waits for what comes of it.
                    let is_message = |arrived: &Arrived| matches!(arrived, Arrived::Message(_));
                    inner.inbox.retain(|arrived| !is_message(arrived));
                    inner.inbox_bytes = 0;
                    self.shared.taken.notify_one();
                }
                inner.inbox.push_back(Arrived::Connected { resumed });
                self.shared.set_up(None);
            }
            Event::Message(_, message) => {
                inner.inbox_bytes += message.len() + OVERHEAD;
                inner.inbox.push_back(Arrived::Message(message));
                inner.confirm_at.get_or_insert(now + CONFIRM_AFTER);
            }
            Event::RoundTrip(took) => self.shared.set_up(Some(took)),
            Event::Goodbye(reason) => {
                inner.inbox.push_back(Arrived::Goodbye(reason.clone()));
                inner.over = Some(Over::Goodbye(reason));
            }
        }
    }

    /// Writes all that is to be written now. `ping_at` is when the next ping is due. `None` if a newer stream has begun.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        ping_at: &mut Instant,
    ) -> Poll<io::Result<Option<Written>>> {
        loop {
            // Anew for each piece: others have something to say meanwhile.
            let Some(mut inner) = self.lock() else {
                return Poll::Ready(Ok(None));
            };
            let was_parting = inner.is_parting;
            let until = self.prepare(&mut inner, ping_at);
            let Inner {
                link,
                outlet,
                is_parting,
                ..
            } = &mut *inner;
            let Some(outlet) = outlet else {
                return Poll::Ready(Ok(None));
            };
            outlet.is_idle = false;
            if outlet.buffer.is_empty() && !was_parting {
                link.transmit(&mut outlet.buffer, PIECE);
                self.shared.progress.notify_waiters();
            }
            let is_done = outlet.buffer.is_empty();
            ready!(outlet.poll_write_all(context))?;
            if is_done {
                outlet.is_idle = !*is_parting;
                let is_parting = *is_parting;
                return Poll::Ready(Ok(Some(Written { until, is_parting })));
            }
        }
    }

    /// Gives the link what it has to say by now; says when it will have something again.
    fn prepare(&self, inner: &mut Inner, ping_at: &mut Instant) -> Instant {
        let now = Instant::now();
        if now >= *ping_at || inner.confirm_at.is_some_and(|at| now >= at) {
            inner.link.tick(self.shared.age(now));
            inner.confirm_at = None;
        }
        if now >= *ping_at {
            *ping_at = now + PING_INTERVAL;
        }
        // Not before the other end has said who it is, and not while something is left of a piece: the link gives it with the
        // next.
        let is_free = inner
            .outlet
            .as_ref()
            .is_some_and(|outlet| outlet.buffer.is_empty());
        if is_free
            && inner.link.is_up()
            && !inner.is_parting
            && let Some(reason) = inner.parting.clone()
        {
            inner.link.say_goodbye(&reason);
            inner.is_parting = true;
        }
        inner.confirm_at.map_or(*ping_at, |at| at.min(*ping_at))
    }

    /// Nothing more is written.
    pub(crate) fn poll_shutdown(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        let outlet = inner.as_mut().and_then(|inner| inner.outlet.as_mut());
        outlet.map_or(Poll::Ready(()), |outlet| outlet.poll_shutdown(context))
    }

    /// The goodbye was written.
    pub(crate) fn part(&self) {
        let Some(mut inner) = self.lock() else {
            return;
        };
        inner.over.get_or_insert(Over::SaidGoodbye);
        let ousted = self.shared.oust(&mut inner);
        drop(inner);
        drop(ousted);
        self.shared.tell_all();
    }
}

impl Drop for OnStream<'_> {
    fn drop(&mut self) {
        let ousted = self.lock().map(|mut inner| self.shared.oust(&mut inner));
        drop(ousted);
    }
}
