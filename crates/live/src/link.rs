//! One ordered stream of messages per lane, over many connections one after the other.
//!
//! What was sent stays here until the other end says that it has it; after a reconnect everything behind that is sent
//! again, and what comes twice is dropped. Each lane has numbers and a window of its own and knows nothing of the others,
//! so sending again goes by priority as sending does: lane by lane, in each what is sent again before what is new. So a message arrives once, in order, as long as both ends live. An end that was
//! started anew is another *incarnation*: everything under way is gone then, and both are told ([`Event::Connected`]).

mod pings;
mod receiving;
mod sending;
mod urgent;

use std::collections::VecDeque;
use std::time::Duration;

use bytes::{Bytes, BytesMut};

use crate::frame::{Data, Frame, FrameError, Hello};
use crate::lane::{Lane, Lanes};

use pings::Pings;
use receiving::Receiving;
use sending::Sending;
use urgent::Urgent;

/// The version of the protocol that is spoken here.
pub const VERSION: u16 = 2;
/// The oldest that is understood.
const OLDEST: u16 = 2;
/// How much of [`Lane::Bulk`] may be on its way without having been confirmed, in bytes of memory: what a connection of
/// 156 MB/s and 200 ms holds. The windows of the other lanes ([`Lane::window`]) are parts of it, and do not count in it.
pub const WINDOW: usize = 32 << 20;
/// The longest message, in bytes.
pub const LARGEST_MESSAGE: usize = 2 << 20;
/// How often the other end is asked whether it is there.
pub const PING_INTERVAL: Duration = Duration::from_secs(2);
/// How long nothing may come from it before the connection is taken for lost.
pub const SILENCE: Duration = Duration::from_secs(10);
/// How much may be received in all lanes together before that is confirmed, in bytes. Far less than the window of any lane:
/// a full one is told of as soon as it has arrived.
const CONFIRM_AFTER: usize = 64 << 10;

/// Names a session, at both ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(pub [u8; 16]);

/// Tells a process apart from the one that had its place before. Random, and not 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u64);

/// What has come of what was received.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The other end is there. Unless it `resumed`, it knows nothing of what was said before, if there was anything: all
    /// that was under way is gone, and what waited to be sent too. Only what waited for the first connection of all stays.
    Connected {
        /// It goes on where the last connection broke.
        resumed: bool,
    },
    /// A message.
    Message(Lane, Bytes),
    /// How long a ping took.
    RoundTrip(Duration),
    /// The other end ends the session, for a reason in words: its own, with whatever control characters it puts there.
    Goodbye(String),
}

/// Why a connection is of no use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LinkError {
    /// What came is no frame.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// It speaks another version.
    #[error(
        "the other end speaks version {theirs} of the protocol, this one {VERSION}: both need the same version of claude-share"
    )]
    Version {
        /// The newest that the other end speaks.
        theirs: u16,
    },
    /// It is another session's.
    #[error("the other end has another session")]
    Session,
    /// It says what it cannot.
    #[error("the other end breaks the protocol: {0}")]
    Broken(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// There is no connection, or none that is of use.
    Down,
    /// There is one; the other end has not said hello.
    Greeting,
    Up,
}

/// One end. See the head of this file.
#[derive(Debug)]
pub struct Link {
    session: SessionId,
    own: Incarnation,
    other: Option<Incarnation>,
    state: State,
    sending: Sending,
    receiving: Receiving,
    urgent: Urgent,
    /// Why this end has ended the session, once it has.
    goodbye: Option<String>,
    pings: Pings,
    events: VecDeque<Event>,
}

impl Link {
    /// One that is not connected.
    #[must_use]
    pub fn new(session: SessionId, own: Incarnation) -> Self {
        Self {
            session,
            own,
            other: None,
            state: State::Down,
            sending: Sending::default(),
            receiving: Receiving::default(),
            urgent: Urgent::default(),
            goodbye: None,
            pings: Pings::default(),
            events: VecDeque::new(),
        }
    }

    /// There is a new connection. Nothing of an older one may come in any more. `now` is the time since some fixed point.
    pub fn connected(&mut self, now: Duration) {
        self.disconnected();
        self.state = State::Greeting;
        self.pings.start(now);
        self.urgent.hello = Some(Hello {
            version: VERSION,
            oldest: OLDEST,
            session: self.session.0,
            own: self.own.0,
            other: self.other.map_or(0, |other| other.0),
            received: self.receiving.last,
        });
        self.urgent.goodbye.clone_from(&self.goodbye);
        // The hello confirms it.
        self.receiving.unconfirmed_bytes = Lanes::default();
    }

    /// The connection is gone.
    pub fn disconnected(&mut self) {
        self.state = State::Down;
        self.urgent = Urgent::default();
        self.receiving.disconnected();
        self.sending.disconnected();
    }

    /// Whether the other end is there.
    #[must_use]
    pub fn is_up(&self) -> bool {
        self.state == State::Up
    }

    /// Whether nothing has come for [`SILENCE`] on a connection that there is.
    #[must_use]
    pub fn is_silent(&self, now: Duration) -> bool {
        self.state != State::Down && self.pings.silence(now) >= SILENCE
    }

    /// Takes what came. The events are to be taken before more comes: what they hold grows with it.
    ///
    /// # Errors
    /// If it is not what the other end of this session says. The connection is of no use then; a later one may be.
    pub fn received(&mut self, bytes: &[u8], now: Duration) -> Result<(), LinkError> {
        if self.state == State::Down {
            return Ok(());
        }
        self.pings.heard(now);
        self.receiving.decoder.feed(bytes);
        let taken = self.take_frames(now);
        if taken.is_err() {
            self.disconnected();
        }
        taken
    }

    fn take_frames(&mut self, now: Duration) -> Result<(), LinkError> {
        while let Some(frame) = self.receiving.decoder.next()? {
            match (self.state, frame) {
                (State::Greeting, Frame::Hello(hello)) => self.greet(&hello)?,
                (State::Greeting, _) => return Err(LinkError::Broken("no hello")),
                (_, Frame::Hello(_)) => return Err(LinkError::Broken("a second hello")),
                (_, Frame::Data(data)) => self.take_data(&data)?,
                (_, Frame::Received(received)) => self.sending.confirm_all(&received)?,
                // Only the last one is answered: whoever sends thousands gets one answer.
                (_, Frame::Ping(number)) => self.urgent.pong = Some(number),
                (_, Frame::Pong(number)) => self
                    .events
                    .extend(self.pings.answered(number, now).map(Event::RoundTrip)),
                (_, Frame::Goodbye(reason)) => self.take_goodbye(reason),
            }
        }
        Ok(())
    }

    fn greet(&mut self, hello: &Hello) -> Result<(), LinkError> {
        if hello.oldest > VERSION || hello.version < OLDEST {
            let theirs = hello.version;
            return Err(LinkError::Version { theirs });
        }
        if hello.session != self.session.0 {
            return Err(LinkError::Session);
        }
        if hello.own == 0 {
            return Err(LinkError::Broken("an incarnation of 0"));
        }
        if hello.own == self.own.0 {
            return Err(LinkError::Broken("what is said to it comes back"));
        }
        let other = Incarnation(hello.own);
        let is_same = self.other == Some(other);
        let is_known = hello.other == self.own.0;
        if is_same && is_known {
            self.sending.confirm_all(&hello.received)?;
        }
        // It may live on and yet know nothing of this end: its hello came here, the one from here was lost with the
        // connection. Then it has neither received nor sent anything, and all that was written here is written again.
        let resumed = is_same && (is_known || self.is_untouched());
        if !resumed && self.other.is_some() {
            self.sending = Sending::default();
            self.receiving.forget();
        }
        self.other = Some(other);
        self.state = State::Up;
        self.events.push_back(Event::Connected { resumed });
        Ok(())
    }

    /// Nothing was ever received from the other end, and nothing confirmed by it.
    fn is_untouched(&self) -> bool {
        self.receiving.last == Lanes::default() && self.sending.is_untouched()
    }

    fn take_data(&mut self, data: &Data) -> Result<(), LinkError> {
        let lane = data.lane;
        self.sending.confirm(lane, data.received)?;
        let message = self.receiving.take(data)?;
        self.events
            .extend(message.map(|message| Event::Message(lane, message)));
        Ok(())
    }

    /// Once: whoever says it a thousand times is told of once.
    fn take_goodbye(&mut self, reason: String) {
        if !matches!(self.events.back(), Some(Event::Goodbye(_))) {
            self.events.push_back(Event::Goodbye(reason));
        }
    }

    /// The next event.
    pub fn event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Has `message` sent when its turn comes, on this connection or a later one.
    ///
    /// # Errors
    /// If it is longer than [`LARGEST_MESSAGE`].
    pub fn send(&mut self, lane: Lane, message: Bytes) -> Result<(), TooLong> {
        if message.len() > LARGEST_MESSAGE {
            return Err(TooLong(message.len()));
        }
        self.sending.push(lane, message);
        Ok(())
    }

    /// How many bytes wait to be sent in a lane for the first time.
    #[must_use]
    pub fn queued(&self, lane: Lane) -> usize {
        self.sending.queued(lane)
    }

    /// Whether the other end has confirmed everything that was sent, and nothing waits.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.sending.is_settled()
    }

    /// About how much memory is taken, in bytes. That is bounded, whatever the other end sends, if the events are taken:
    /// what waits to be sent ([`Link::queued`]), and in each lane its [`Lane::window`] and one message.
    #[must_use]
    pub fn memory(&self) -> usize {
        let events: usize = self.events.iter().map(Event::memory).sum();
        self.sending.memory() + self.receiving.memory() + events
    }

    /// Tells the other end that the session ends, on this connection and on every later one: nothing confirms it. Sent
    /// before all else, and no message after it.
    pub fn say_goodbye(&mut self, reason: &str) {
        self.goodbye = Some(reason.to_owned());
        if self.state != State::Down {
            self.urgent.goodbye.clone_from(&self.goodbye);
        }
    }

    /// Does what is due. Call it at [`PING_INTERVAL`] at least.
    pub fn tick(&mut self, now: Duration) {
        if self.state != State::Up {
            return;
        }
        if self.receiving.unconfirmed() > 0 {
            self.confirm();
        }
        if let Some(number) = self.pings.due(now) {
            self.urgent.ping = Some(number);
        }
    }

    fn confirm(&mut self) {
        self.receiving.unconfirmed_bytes = Lanes::default();
        self.urgent.received = true;
    }

    /// Adds what is to be written to the connection to `out`, until that has about `most` bytes. What is written here
    /// counts as sent.
    pub fn transmit(&mut self, out: &mut BytesMut, most: usize) {
        if self.state == State::Up && self.receiving.unconfirmed() >= CONFIRM_AFTER {
            self.confirm();
        }
        while out.len() < most {
            let Some(frame) = self.next_frame() else {
                return;
            };
            frame.write(out);
        }
    }

    fn next_frame(&mut self) -> Option<Frame> {
        if let Some(frame) = self.urgent.next(self.receiving.last) {
            return Some(frame);
        }
        // Who has heard a goodbye hears no more, and may hang up on what follows.
        if self.state != State::Up || self.goodbye.is_some() {
            return None;
        }
        let data = self.sending.next()?;
        *self.receiving.unconfirmed_bytes.get_mut(data.lane) = 0;
        let received = *self.receiving.last.get(data.lane);
        Some(Frame::Data(Data { received, ..data }))
    }
}

impl Event {
    fn memory(&self) -> usize {
        let content = match self {
            Event::Message(_, message) => message.len(),
            Event::Goodbye(reason) => reason.len(),
            Event::Connected { .. } | Event::RoundTrip(_) => 0,
        };
        size_of::<Event>() + content
    }
}

/// A message is longer than [`LARGEST_MESSAGE`]: so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a message of {0} bytes; {LARGEST_MESSAGE} are the most")]
pub struct TooLong(pub usize);
