//! How much commands may output before somebody sees it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::commands::{LARGEST_PIECE, WINDOW};
use tokio::sync::Notify;

/// How much all commands together may have told that nobody has seen, in bytes…
const MOST: u64 = 64 << 20;
/// …but each of them this much in any case.
const ALWAYS: u64 = LARGEST_PIECE as u64;

/// What all commands have told that nobody has seen.
#[derive(Default)]
pub(super) struct Budget {
    unseen: Mutex<u64>,
    /// It has become less.
    freed: Notify,
}

/// What one has.
pub(super) struct Credit {
    budget: Arc<Budget>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    sent: u64,
    seen: u64,
}

impl Credit {
    pub(super) fn new(budget: Arc<Budget>) -> Self {
        Self {
            budget,
            state: Mutex::default(),
        }
    }

    /// Waits until it may tell something, and takes up to so much for that, in bytes.
    pub(super) async fn take(&self, wanted: usize) -> usize {
        loop {
            let freed = self.budget.freed.notified();
            match self.try_take(wanted) {
                0 => freed.await,
                taken => return taken,
            }
        }
    }

    fn try_take(&self, wanted: usize) -> usize {
        let mut state = lock(&self.state);
        let mut all = lock(&self.budget.unseen);
        let own = state.sent - state.seen;
        let shared = MOST.saturating_sub(*all).max(ALWAYS.saturating_sub(own));
        let most = shared.min(WINDOW.saturating_sub(own));
        let taken = wanted.min(usize::try_from(most).unwrap_or(usize::MAX));
        state.sent += taken as u64;
        *all += taken as u64;
        taken
    }

    /// So much was seen since it began, in bytes: what was never told is not.
    pub(super) fn seen(&self, seen: u64) {
        let mut state = lock(&self.state);
        let seen = seen.clamp(state.seen, state.sent);
        let more = seen - state.seen;
        state.seen = seen;
        *lock(&self.budget.unseen) -= more;
        drop(state);
        self.budget.freed.notify_waiters();
    }

    /// How much it has told, in bytes.
    pub(super) fn sent(&self) -> u64 {
        lock(&self.state).sent
    }
}

impl Drop for Credit {
    fn drop(&mut self) {
        self.seen(u64::MAX);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes all that there is.
    fn exhaust(credit: &Credit) -> u64 {
        std::iter::from_fn(|| Some(credit.try_take(LARGEST_PIECE)).filter(|taken| *taken > 0))
            .map(|taken| taken as u64)
            .sum()
    }

    #[test]
    fn each_has_its_window_and_all_together_their_budget() {
        let budget = Arc::new(Budget::default());
        let credits: Vec<Credit> = (0..MOST / WINDOW)
            .map(|_| Credit::new(Arc::clone(&budget)))
            .collect();
        for credit in &credits {
            assert_eq!(exhaust(credit), WINDOW);
        }
        let other = Credit::new(Arc::clone(&budget));
        assert_eq!(exhaust(&other), ALWAYS);
        // What was never told cannot have been seen.
        other.seen(u64::MAX);
        assert_eq!(exhaust(&other), ALWAYS);
        credits[0].seen(WINDOW / 2);
        credits[0].seen(5);
        assert_eq!(exhaust(&other), WINDOW / 2 - ALWAYS);
        drop(other);
        drop(credits);
        assert_eq!(*lock(&budget.unseen), 0);
    }
}
