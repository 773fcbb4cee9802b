//! What is known of one connection, and what follows from it: who has to make room, who has had
//! time enough. Decisions only; [`super::pool`] carries them out.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use futures_util::task::AtomicWaker;
use tokio::sync::Notify;

/// How long a handshake and the head of a request may take.
pub(super) const HEAD: Duration = Duration::from_secs(10);
/// How long a connection is kept between two requests.
pub(super) const IDLE: Duration = Duration::from_secs(75);
/// How long a client may take nothing of an answer.
pub(super) const STALLED: Duration = Duration::from_secs(60);
/// How long one that is being closed is listened to, so that its client can read the answer.
pub(super) const CLOSING: Duration = Duration::from_secs(3);

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Phase {
    /// Nothing, between two requests.
    Idle,
    /// It has not sent a whole head since it was opened, or since the last answer.
    Head,
    /// A request is being answered.
    Busy,
    /// A request is being answered by events that go on and on.
    Stream,
    /// It has become a WebSocket, which has time limits of its own.
    Upgraded,
    /// The last answer is on its way.
    Closing,
}

impl Phase {
    fn of(number: u8) -> Self {
        [
            Self::Idle,
            Self::Head,
            Self::Busy,
            Self::Stream,
            Self::Upgraded,
        ]
        .into_iter()
        .find(|phase| *phase as u8 == number)
        .unwrap_or(Self::Closing)
    }
}

/// One connection as the decisions see it. Times are since the server was started.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    pub(super) group: IpAddr,
    pub(super) phase: Phase,
    /// Since when it is in that phase.
    pub(super) since: Duration,
    /// Since when nothing could be written to it.
    pub(super) stalled_since: Option<Duration>,
    /// Whether somebody has signed in over it.
    pub(super) trusted: bool,
}

impl Facts {
    /// Who makes room first: lower goes first, `None` never.
    fn rank(&self) -> Option<u8> {
        match (self.phase, self.trusted) {
            (Phase::Closing, _) => Some(0),
            (Phase::Head, false) => Some(1),
            (Phase::Idle, false) => Some(2),
            (Phase::Idle | Phase::Head, true) => Some(3),
            (Phase::Busy | Phase::Stream | Phase::Upgraded, false) => Some(4),
            (Phase::Busy | Phase::Stream | Phase::Upgraded, true) => None,
        }
    }

    /// Whether a server that stops needs to wait for its answer.
    #[must_use]
    pub(super) fn is_awaited(&self) -> bool {
        matches!(self.phase, Phase::Busy | Phase::Closing)
    }

    /// Whether its time is over at `now`.
    #[must_use]
    pub(super) fn is_overdue(&self, now: Duration) -> bool {
        let passed = now.saturating_sub(self.since);
        let stalled = |since| now.saturating_sub(since) >= STALLED;
        match self.phase {
            Phase::Idle => passed >= IDLE,
            Phase::Head => passed >= HEAD,
            Phase::Busy | Phase::Stream => self.stalled_since.is_some_and(stalled),
            Phase::Upgraded => false,
            Phase::Closing => passed >= CLOSING,
        }
    }
}

/// Which of `places` makes room for a new one: of those that matter least, one of whoever has most
/// of them, and there the one that has been so for longest.
#[must_use]
pub(super) fn to_make_room<Key: Copy>(places: impl Iterator<Item = (Key, Facts)>) -> Option<Key> {
    let mut candidates: Vec<(Key, Facts)> = Vec::new();
    let mut lowest = u8::MAX;
    for (key, facts) in places {
        let Some(rank) = facts.rank().filter(|rank| *rank <= lowest) else {
            continue;
        };
        if rank < lowest {
            candidates.clear();
            lowest = rank;
        }
        candidates.push((key, facts));
    }
    let mut counts = std::collections::HashMap::<IpAddr, usize>::new();
    for (_, facts) in &candidates {
        *counts.entry(facts.group).or_default() += 1;
    }
    let count = |facts: &Facts| counts.get(&facts.group).copied().unwrap_or_default();
    candidates
        .iter()
        .max_by(|(_, left), (_, right)| (count(left), right.since).cmp(&(count(right), left.since)))
        .map(|(key, _)| *key)
}

/// Whose connections are counted together: an address, of IPv6 its network of 64 bits, since one
/// machine may use all of it.
#[must_use]
pub(crate) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(
            address.to_bits() & !u128::from(u64::MAX),
        )),
    }
}

/// One connection: written by whoever serves it, read by the pool.
pub(super) struct Place {
    group: IpAddr,
    /// When the server was started.
    epoch: Instant,
    phase: AtomicU8,
    /// Milliseconds since `epoch`.
    since: AtomicU64,
    /// The same; 0 for never.
    stalled_since: AtomicU64,
    trusted: AtomicBool,
    /// A body was not read to its end.
    unread: AtomicBool,
    closed: AtomicBool,
    close: Notify,
    /// Whoever waits for bytes of it, once it has become a WebSocket.
    reader: AtomicWaker,
}

impl Place {
    pub(super) fn new(address: IpAddr, epoch: Instant) -> Self {
        let place = Self {
            group: group(address),
            epoch,
            phase: AtomicU8::new(0),
            since: AtomicU64::new(0),
            stalled_since: AtomicU64::new(0),
            trusted: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            close: Notify::new(),
            reader: AtomicWaker::new(),
        };
        place.enter(Phase::Head);
        place
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    pub(super) fn enter(&self, phase: Phase) {
        self.since.store(self.now(), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        Phase::of(self.phase.load(Ordering::Relaxed))
    }

    pub(super) fn facts(&self) -> Facts {
        let stalled = self.stalled_since.load(Ordering::Relaxed);
        Facts {
            group: self.group,
            phase: self.phase(),
            since: Duration::from_millis(self.since.load(Ordering::Relaxed)),
            stalled_since: (stalled > 0).then(|| Duration::from_millis(stalled)),
            trusted: self.trusted.load(Ordering::Relaxed),
        }
    }

    /// Something was read: the beginning of the next request, if none is under way.
    pub(super) fn has_read(&self) {
        if self.phase() == Phase::Idle {
            self.enter(Phase::Head);
        }
    }

    /// Something was, or could not be, written.
    pub(super) fn has_written(&self, all: bool) {
        let since = self.stalled_since.load(Ordering::Relaxed);
        if all && since > 0 {
            self.stalled_since.store(0, Ordering::Relaxed);
        } else if !all && since == 0 {
            self.stalled_since
                .store(self.now().max(1), Ordering::Relaxed);
        }
    }

    pub(super) fn leave_unread(&self) {
        self.unread.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Ends it, whatever it is doing.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.close.notify_one();
        self.reader.wake();
    }

    pub(super) async fn closed(&self) {
        self.close.notified().await;
    }

    /// Whether it was closed; if not, `context` is woken when it is.
    pub(super) fn is_closed(&self, context: &Context<'_>) -> bool {
        if self.phase() == Phase::Upgraded {
            self.reader.register(context.waker());
        }
        self.closed.load(Ordering::Acquire)
    }

    /// Forgets who waits for bytes.
    pub(super) fn forget_reader(&self) {
        drop::<Option<Waker>>(self.reader.take());
    }
}

/// Says of the connection that a request came over that somebody has signed in over it; an
/// extension of every request. Such a connection is not closed while it is in use.
#[derive(Clone)]
pub(crate) struct Trust(pub(super) Arc<Place>);

impl Trust {
    pub(crate) fn establish(&self) {
        self.0.trusted.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(address: &str, phase: Phase, since: u64, trusted: bool) -> Facts {
        Facts {
            group: group(address.parse().unwrap()),
            phase,
            since: Duration::from_secs(since),
            stalled_since: None,
            trusted,
        }
    }

    fn chosen(places: &[Facts]) -> Option<usize> {
        to_make_room(places.iter().copied().enumerate())
    }

    #[test]
    fn whoever_matters_least_makes_room() {
        let order = [
            facts("10.0.0.1", Phase::Closing, 9, true),
            facts("10.0.0.1", Phase::Head, 9, false),
            facts("10.0.0.1", Phase::Idle, 9, false),
            facts("10.0.0.1", Phase::Idle, 9, true),
            facts("10.0.0.1", Phase::Upgraded, 9, false),
            facts("10.0.0.1", Phase::Upgraded, 9, true),
        ];
        for first in 0..5 {
            assert_eq!(chosen(&order[first..]), Some(0), "{first}");
            let reversed: Vec<Facts> = order[first..].iter().rev().copied().collect();
            assert_eq!(chosen(&reversed), Some(reversed.len() - 1));
        }
        assert_eq!(chosen(&order[5..]), None);
        assert_eq!(chosen(&[]), None);
    }

    #[test]
    fn the_oldest_of_whoever_has_most_makes_room() {
        let places = [
            facts("10.0.0.1", Phase::Head, 1, false),
            facts("10.0.0.2", Phase::Head, 5, false),
            facts("10.0.0.2", Phase::Head, 3, false),
        ];
        assert_eq!(chosen(&places), Some(2));
        let network = [
            facts("10.0.0.1", Phase::Head, 1, false),
            facts("2001:db8::1", Phase::Head, 5, false),
            facts("2001:db8::2:2", Phase::Head, 6, false),
        ];
        assert_eq!(chosen(&network), Some(1));
    }

    #[test]
    fn time_is_over_by_what_it_is_used_for() {
        let at = |phase, passed: Duration| facts("::1", phase, 0, false).is_overdue(passed);
        for (phase, limit) in [
            (Phase::Head, HEAD),
            (Phase::Idle, IDLE),
            (Phase::Closing, CLOSING),
        ] {
            assert!(at(phase, limit) && !at(phase, limit - Duration::from_millis(1)));
        }
        for phase in [Phase::Busy, Phase::Stream, Phase::Upgraded] {
            assert!(!at(phase, Duration::MAX));
        }
        let mut stalled = facts("::1", Phase::Busy, 0, true);
        stalled.stalled_since = Some(Duration::ZERO);
        assert!(stalled.is_overdue(STALLED));
    }

    #[test]
    fn a_mapped_address_is_the_address() {
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(group(mapped), "10.0.0.1".parse::<IpAddr>().unwrap());
    }

    #[test]
    fn every_phase_is_kept_by_its_number() {
        for phase in [
            Phase::Idle,
            Phase::Head,
            Phase::Busy,
            Phase::Stream,
            Phase::Upgraded,
            Phase::Closing,
        ] {
            assert_eq!(Phase::of(phase as u8), phase);
        }
    }
}
