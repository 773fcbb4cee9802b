//! Whether the other end is there, and how far away. Times are since a fixed point that the caller has chosen.

use std::time::Duration;

use super::PING_INTERVAL;

#[derive(Debug, Default)]
pub(super) struct Pings {
    /// Of the last one.
    number: u64,
    /// The first one that is not answered, and when it was sent.
    waiting: Option<(u64, Duration)>,
    last_sent: Duration,
    last_heard: Duration,
}

impl Pings {
    /// A connection begins.
    pub(super) fn start(&mut self, now: Duration) {
        self.waiting = None;
        self.last_sent = now;
        self.last_heard = now;
    }

    /// Something came.
    pub(super) fn heard(&mut self, now: Duration) {
        self.last_heard = now;
    }

    /// How long nothing has come.
    pub(super) fn silence(&self, now: Duration) -> Duration {
        now.saturating_sub(self.last_heard)
    }

    /// The number of the ping that is to be sent now, if one is.
    pub(super) fn due(&mut self, now: Duration) -> Option<u64> {
        if now.saturating_sub(self.last_sent) < PING_INTERVAL {
            return None;
        }
        self.number += 1;
        self.last_sent = now;
        self.waiting.get_or_insert((self.number, now));
        Some(self.number)
    }

    /// How long the first one took that had no answer. One answer is for all before it too: after a delay the other end
    /// answers only the last.
    pub(super) fn answered(&mut self, number: u64, now: Duration) -> Option<Duration> {
        let waited = 0..=self.number;
        let (_, sent) = self
            .waiting
            .take_if(|(first, _)| *first <= number && waited.contains(&number))?;
        Some(now.saturating_sub(sent))
    }
}
