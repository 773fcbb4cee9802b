//! Whether the laptop has slept. No process is told of that; but of two clocks that only go forward, one stands still
//! meanwhile.

use std::mem;
use std::time::Duration;

use connection::reconnect::Keeper;
use rustix::time::{ClockId, Timespec, clock_gettime};
use tokio::time::sleep;

/// How often the clocks are compared.
const LOOK: Duration = Duration::from_secs(2);
/// What is shorter may be the moment between reading one clock and reading the other, and breaks no connection.
const SHORTEST: Duration = Duration::from_secs(1);

/// Has an attempt to connect made at once whenever the laptop has slept, for as long as it is polled.
pub(super) async fn wake_after_it(keeper: Keeper) {
    let mut slept = Slept(so_far());
    loop {
        sleep(LOOK).await;
        if slept.again(so_far()) {
            keeper.wake();
        }
    }
}

/// How long it had slept when this was asked last, in all.
struct Slept(Duration);

impl Slept {
    /// Whether it has since, when by now it is `so_far`.
    fn again(&mut self, so_far: Duration) -> bool {
        let before = mem::replace(&mut self.0, so_far);
        so_far.saturating_sub(before) >= SHORTEST
    }
}

/// How long the laptop has slept since it was started.
fn so_far() -> Duration {
    since_start(ClockId::Boottime).saturating_sub(since_start(ClockId::Monotonic))
}

fn since_start(clock: ClockId) -> Duration {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
    let seconds = Duration::from_secs(tv_sec.try_into().unwrap_or_default());
    seconds + Duration::from_nanos(tv_nsec.try_into().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_noticed_once() {
        let mut slept = Slept(Duration::from_secs(7));
        let mut after = |milliseconds| slept.again(Duration::from_millis(milliseconds));
        // The clocks are not read in the same moment.
        assert!(!after(7_000) && !after(7_900) && !after(6_900));
        assert!(after(60_000));
        assert!(!after(60_000) && !after(60_001));
        assert!(after(61_001));
    }

    #[test]
    fn a_machine_that_is_awake_has_not_slept() {
        let mut slept = Slept(so_far());
        assert!(!slept.again(so_far()));
    }
}
