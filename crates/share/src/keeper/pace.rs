//! How often a user is served, so that one who keeps the keeper busy does not cost the others.

use std::time::{Duration, Instant};

/// So many changes within a second are more than a client makes.
const NOISY: u32 = 2_000;

/// A noisy user is not watched for this long, and looked at when it has passed.
const QUIET: Duration = Duration::from_secs(2);

/// So many turns may follow one another without a pause.
const BURST: f64 = 20.0;

/// Turns per second after that.
const STEADY: f64 = 4.0;

/// One user's pace.
#[derive(Debug)]
pub(super) struct Pace {
    second: Instant,
    changes: u32,
    turns: f64,
    counted_at: Instant,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            second: now,
            changes: 0,
            turns: BURST,
            counted_at: now,
        }
    }

    /// Notes a change; `true` if there were too many, once.
    pub(super) fn is_too_noisy(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.second) > Duration::from_secs(1) {
            self.second = now;
            self.changes = 0;
        }
        self.changes += 1;
        self.changes == NOISY
    }

    /// When a noisy user is looked at again.
    pub(super) fn after_noise(now: Instant) -> Instant {
        now + QUIET
    }

    /// Takes a turn; or says when there is one to take.
    pub(super) fn take_turn(&mut self, now: Instant) -> Result<(), Instant> {
        let passed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.turns = (self.turns + passed * STEADY).min(BURST);
        self.counted_at = now;
        if self.turns < 1.0 {
            return Err(now + Duration::from_secs_f64((1.0 - self.turns) / STEADY));
        }
        self.turns -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_served_and_a_flood_is_slowed_down() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let served = (0..100).filter(|_| pace.take_turn(start).is_ok()).count();
        assert_eq!(served, 20);
        let at = pace.take_turn(start).unwrap_err();
        assert_eq!(pace.take_turn(at), Ok(()));
        let later = at + Duration::from_secs(60);
        assert_eq!(
            (0..100).filter(|_| pace.take_turn(later).is_ok()).count(),
            20
        );
    }

    #[test]
    fn noise_is_told_once_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let told = |pace: &mut Pace, now| (0..5_000).filter(|_| pace.is_too_noisy(now)).count();
        assert_eq!(told(&mut pace, start), 1);
        assert_eq!(told(&mut pace, start + Duration::from_millis(1_500)), 1);
    }
}
