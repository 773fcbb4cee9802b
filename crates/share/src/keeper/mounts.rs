//! File systems that come and go: a home may be mounted when its user signs in, over what was
//! watched until then.

use std::fs::File;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

/// Homes are looked at for this at most so often: on some machines something is mounted all the
/// time.
const PAUSE: Duration = Duration::from_secs(5);

pub(super) struct Mounts {
    /// `None` where the system does not tell: then it is noticed at the usual look.
    table: Option<File>,
    changed: bool,
    looked_at: Option<Instant>,
}

impl Mounts {
    pub(super) fn watch() -> Self {
        Self {
            table: File::open("/proc/self/mountinfo").ok(),
            changed: false,
            looked_at: None,
        }
    }

    /// Has exceptional data when something was mounted or unmounted (proc(5)).
    pub(super) fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.table.as_ref().map(|table| table.as_fd())
    }

    pub(super) fn note_change(&mut self) {
        self.changed = true;
    }

    /// When all homes are to be looked at, if they are.
    pub(super) fn due(&self, now: Instant) -> Option<Instant> {
        let free = self.looked_at.map_or(now, |at| at + PAUSE);
        self.changed.then_some(free)
    }

    /// Whether all homes are to be looked at now.
    pub(super) fn take_turn(&mut self, now: Instant) -> bool {
        let is_due = self.due(now).is_some_and(|at| at <= now);
        if is_due {
            self.changed = false;
            self.looked_at = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_changes_are_one_look_after_a_pause() {
        let now = Instant::now();
        let mut mounts = Mounts::watch();
        assert!(!mounts.take_turn(now));
        mounts.note_change();
        assert!(mounts.take_turn(now) && !mounts.take_turn(now));
        mounts.note_change();
        mounts.note_change();
        assert!(!mounts.take_turn(now));
        assert_eq!(mounts.due(now), Some(now + PAUSE));
        assert!(mounts.take_turn(now + PAUSE));
    }
}
