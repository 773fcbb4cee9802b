//! Two ends with a connection between them that loses what is under way, and what has to come of that.

#![allow(dead_code, reason = "not every test uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

pub(crate) mod said;

use std::collections::HashSet;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use live::{Event, Incarnation, Lane, Lanes, Link, LinkError, SessionId};

pub(crate) const SESSION: SessionId = SessionId([3; 16]);
/// How many rounds it may take until everything has arrived: more than any of these tests has to say.
const ROUNDS: usize = 10_000;

/// One end, and what it has seen.
pub(crate) struct End {
    pub(crate) link: Link,
    incarnation: u64,
    /// All that this incarnation was given to send.
    sent: Lanes<Vec<Bytes>>,
    /// How many of these were given up when the other end turned out to be new.
    given_up: Lanes<usize>,
    /// Which message of the other end comes next; `None` if that begins with the first that was not given up.
    next: Lanes<Option<usize>>,
    /// Incarnations of the other end that were told of as new.
    met: HashSet<u64>,
    pub(crate) round_trips: Vec<Duration>,
}

impl End {
    fn new(incarnation: u64) -> Self {
        Self {
            link: Link::new(SESSION, Incarnation(incarnation)),
            incarnation,
            sent: Lanes::default(),
            given_up: Lanes::default(),
            next: Lanes::default(),
            met: HashSet::new(),
            round_trips: Vec::new(),
        }
    }

    fn connected(&mut self, resumed: bool, other: u64) {
        let was_alone = self.met.is_empty();
        assert_eq!(
            self.met.insert(other),
            !resumed,
            "an end is new once, and goes on from then on"
        );
        if resumed {
            return;
        }
        self.next = Lanes::default();
        if !was_alone {
            for lane in Lane::ALL {
                *self.given_up.get_mut(lane) = self.sent.get(lane).len();
            }
        }
    }

    /// How many messages of a lane have come from `other`, that it was to send since the ends know each other.
    fn arrived(&self, lane: Lane, other: &End) -> usize {
        self.next.get(lane).unwrap_or(*other.given_up.get(lane))
    }

    /// How often the other end was new.
    pub(crate) fn meetings(&self) -> usize {
        self.met.len()
    }
}

pub(crate) struct World {
    pub(crate) ends: [End; 2],
    /// What each end has written and the other has not got.
    under_way: [BytesMut; 2],
    is_connected: bool,
    incarnations: u64,
    messages: u64,
    pub(crate) now: Duration,
}

impl World {
    /// Not connected.
    pub(crate) fn new() -> Self {
        Self {
            ends: [End::new(1), End::new(2)],
            under_way: Default::default(),
            is_connected: false,
            incarnations: 2,
            messages: 0,
            now: Duration::from_secs(1_000),
        }
    }

    pub(crate) fn connected() -> Self {
        let mut world = Self::new();
        world.reconnect();
        world.exchange();
        world
    }

    /// Has an end send a message that no other is like, unless it is very short.
    pub(crate) fn send(&mut self, end: usize, lane: Lane, length: usize) {
        self.messages += 1;
        let id = self.messages.to_be_bytes();
        let mut message = id.repeat(length.div_ceil(id.len()));
        message.truncate(length);
        let message = Bytes::from(message);
        let end = &mut self.ends[end];
        end.link.send(lane, message.clone()).unwrap();
        end.sent.get_mut(lane).push(message);
    }

    /// Lets an end write until `most` bytes are under way.
    pub(crate) fn write(&mut self, end: usize, most: usize) {
        let mut lost = BytesMut::new();
        let out = if self.is_connected {
            &mut self.under_way[end]
        } else {
            &mut lost
        };
        self.ends[end].link.transmit(out, most);
    }

    /// Brings `most` bytes that `from` has written to the other end.
    pub(crate) fn bring(&mut self, from: usize, most: usize) {
        let under_way = &mut self.under_way[from];
        let bytes = under_way.split_to(most.min(under_way.len()));
        self.ends[1 - from].link.received(&bytes, self.now).unwrap();
        self.see(1 - from);
    }

    pub(crate) fn under_way(&self, from: usize) -> usize {
        self.under_way[from].len()
    }

    /// How many messages of a lane have come to an end, and were given up.
    pub(crate) fn arrived(&self, end: usize, lane: Lane) -> usize {
        self.ends[end].arrived(lane, &self.ends[1 - end])
    }

    /// How many messages of a lane an end was given to send.
    pub(crate) fn sent(&self, end: usize, lane: Lane) -> usize {
        self.ends[end].sent.get(lane).len()
    }

    /// Both ends hear each other's hello on a new connection, and nothing more of each other.
    pub(crate) fn greet(&mut self) {
        self.reconnect();
        for end in [0, 1] {
            self.write(end, usize::MAX);
        }
        for end in [0, 1] {
            self.bring(end, usize::MAX);
            assert!(self.ends[1 - end].link.is_up());
        }
    }

    /// Looks at what an end tells.
    fn see(&mut self, end: usize) {
        let [first, second] = &mut self.ends;
        let (end, other) = if end == 0 {
            (first, second)
        } else {
            (second, first)
        };
        while let Some(event) = end.link.event() {
            match event {
                Event::Connected { resumed } => end.connected(resumed, other.incarnation),
                Event::RoundTrip(took) => end.round_trips.push(took),
                Event::Goodbye(reason) => panic!("nobody said goodbye: {reason}"),
                Event::Message(lane, message) => {
                    let next = end
                        .next
                        .get_mut(lane)
                        .get_or_insert(*other.given_up.get(lane));
                    assert!(
                        Some(&message) == other.sent.get(lane).get(*next),
                        "not message {next} of {lane:?}"
                    );
                    *next += 1;
                }
            }
        }
    }

    /// The connection breaks; that share of what was under way from each end still arrives. Who `notices` is told.
    pub(crate) fn cut(&mut self, arrives: [f64; 2], notices: [bool; 2]) {
        for (end, share) in arrives.into_iter().enumerate() {
            let length = (self.under_way[end].len() as f64 * share) as usize;
            self.bring(end, length);
        }
        self.under_way = Default::default();
        self.is_connected = false;
        for (end, notices) in self.ends.iter_mut().zip(notices) {
            if notices {
                end.link.disconnected();
            }
        }
    }

    /// Whatever was under way is lost.
    pub(crate) fn reconnect(&mut self) {
        self.under_way = Default::default();
        self.is_connected = true;
        for end in &mut self.ends {
            end.link.connected(self.now);
        }
    }

    /// The process of an end ends, and another takes its place.
    pub(crate) fn restart(&mut self, end: usize) {
        self.cut([0.0; 2], [true; 2]);
        self.incarnations += 1;
        self.ends[end] = End::new(self.incarnations);
    }

    pub(crate) fn tick(&mut self, time: Duration) {
        self.now += time;
        for end in &mut self.ends {
            end.link.tick(self.now);
        }
    }

    /// Brings everything that both ends can say now.
    pub(crate) fn exchange(&mut self) {
        for _ in 0..ROUNDS {
            let mut is_quiet = true;
            for end in 0..2 {
                self.write(end, 1 << 20);
                is_quiet &= self.under_way(end) == 0;
                self.bring(end, usize::MAX);
            }
            if is_quiet {
                return;
            }
        }
        panic!("they never come to an end");
    }

    /// Reconnects: everything arrives that was not given up.
    pub(crate) fn settle(&mut self) {
        self.reconnect();
        self.exchange();
        self.tick(Duration::from_millis(1));
        self.exchange();
        for end in [0, 1] {
            assert!(self.ends[end].link.is_up() && self.ends[end].link.is_settled());
            for lane in Lane::ALL {
                let sent = self.sent(1 - end, lane);
                assert_eq!(
                    self.arrived(end, lane),
                    sent,
                    "all of {lane:?} arrives at {end}"
                );
            }
        }
    }
}

/// A frame as the other end writes it.
pub(crate) fn frame(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = (content.len() as u32 + 1).to_be_bytes();
    [&length[..], &[kind], content].concat()
}

/// Of a data frame; `number` and `received` are of its lane.
pub(crate) fn data(number: u64, received: u64, lane: u8, part: &[u8]) -> Vec<u8> {
    frame(
        2,
        &[
            &number.to_be_bytes()[..],
            &received.to_be_bytes(),
            &[lane],
            part,
        ]
        .concat(),
    )
}

/// Of a frame that confirms what was received in each lane.
pub(crate) fn received(numbers: [u64; 4]) -> Vec<u8> {
    frame(3, &numbers.map(u64::to_be_bytes).concat())
}

/// What it writes now.
pub(crate) fn written(link: &mut Link) -> Vec<u8> {
    let mut out = BytesMut::new();
    link.transmit(&mut out, usize::MAX);
    out.to_vec()
}

pub(crate) fn events(link: &mut Link) -> Vec<Event> {
    std::iter::from_fn(|| link.event()).collect()
}

/// Connects both and lets each hear the other's hello.
pub(crate) fn meet(one: &mut Link, other: &mut Link, now: Duration) -> Result<(), LinkError> {
    one.connected(now);
    other.connected(now);
    let (from_one, from_other) = (written(one), written(other));
    other.received(&from_one, now)?;
    one.received(&from_other, now)
}

/// Two that have never met.
pub(crate) fn ends() -> (Link, Link) {
    (
        Link::new(SESSION, Incarnation(1)),
        Link::new(SESSION, Incarnation(2)),
    )
}

/// What `other` says first on a new connection, to an end that has one.
pub(crate) fn hello_for(link: &mut Link, other: &mut Link, now: Duration) -> Vec<u8> {
    link.connected(now);
    other.connected(now);
    drop(written(link));
    written(other)
}
