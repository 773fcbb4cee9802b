//! How fast a program's output is read: as fast as the fastest viewer that keeps up.
//!
//! Knows no clock: it is told the time.

use std::time::Duration;

use tokio::time::Instant;

/// How much output a viewer may leave unacknowledged, in bytes, before it gets no more, and before the program is
/// made to wait if all viewers do.
pub const WINDOW: u64 = 256 << 10;

/// How long a viewer that acknowledges nothing makes the program wait.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// How far one viewer is.
#[derive(Debug)]
pub(crate) struct Pace {
    /// What it was given, as a sequence number.
    sent: u64,
    /// What it has said it has parsed.
    acknowledged: u64,
    /// Whether it says so. Otherwise what it is given counts as acknowledged.
    acknowledges: bool,
    /// Since when it holds the program back, without any acknowledgement.
    holding_since: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(position: u64) -> Self {
        Self {
            sent: position,
            acknowledged: position,
            acknowledges: true,
            holding_since: None,
        }
    }

    /// Output up to `position` was given.
    pub(crate) fn sent(&mut self, position: u64, end: u64, now: Instant) {
        self.sent = position;
        if !self.acknowledges {
            self.acknowledged = position;
        }
        self.output(end, now);
    }

    /// A picture of `weight` bytes was given. What was given before matters no longer: it is undone by the picture.
    pub(crate) fn sent_picture(&mut self, position: u64, weight: u64, end: u64, now: Instant) {
        self.acknowledged = position.saturating_sub(weight);
        self.holding_since = None;
        self.sent(position, end, now);
    }

    /// Everything up to `position` was parsed. What was never given cannot have been.
    pub(crate) fn acknowledge(&mut self, position: u64, end: u64, now: Instant) {
        let position = position.min(self.sent);
        if position > self.acknowledged {
            self.acknowledged = position;
            self.holding_since = None;
            self.output(end, now);
        }
    }

    pub(crate) fn set_acknowledges(&mut self, yes: bool, end: u64, now: Instant) {
        self.acknowledges = yes;
        if !yes {
            self.acknowledge(self.sent, end, now);
        }
    }

    /// The output now ends at `end`.
    pub(crate) fn output(&mut self, end: u64, now: Instant) {
        if end.saturating_sub(self.acknowledged) <= WINDOW {
            self.holding_since = None;
        } else if self.holding_since.is_none() {
            self.holding_since = Some(now);
        }
    }

    /// Whether it can be given more.
    pub(crate) fn has_room(&self) -> bool {
        self.sent.saturating_sub(self.acknowledged) < WINDOW
    }
}

/// Whether a program's output may be read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// It may.
    Now,
    /// Not before a viewer acknowledges or comes or goes, or this time has come.
    Held(Instant),
}

/// What the viewers together say.
pub(crate) fn reading<'a>(paces: impl Iterator<Item = &'a Pace>, now: Instant) -> Reading {
    let mut held = None;
    for pace in paces {
        match pace.holding_since.map(|since| since + PATIENCE) {
            None => return Reading::Now,
            Some(until) if until <= now => {}
            Some(until) => held = held.max(Some(until)),
        }
    }
    held.map_or(Reading::Now, Reading::Held)
}
