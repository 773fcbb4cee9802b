//! What changes something on the laptop and has not been answered, in the order in which it has begun: whoever is to find
//! all of that done waits for what has begun before.

use std::collections::BTreeSet;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct UnderWay {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// The number of what has begun last.
    last: u64,
    under_way: BTreeSet<u64>,
    /// How many wait.
    waiting: usize,
    /// Nobody is to wait for anything.
    is_over: bool,
}

/// Something that is under way until this is dropped.
#[derive(Debug)]
pub(crate) struct Begun {
    under_way: Arc<UnderWay>,
    number: u64,
}

impl UnderWay {
    /// It is under way from here on.
    pub(crate) fn begin(self: &Arc<Self>) -> Begun {
        let mut state = self.lock();
        state.last += 1;
        let number = state.last;
        state.under_way.insert(number);
        Begun {
            under_way: Arc::clone(self),
            number,
        }
    }

    /// Waits until nothing is under way that has begun before.
    pub(crate) fn settle(&self) {
        let mut state = self.lock();
        let last = state.last;
        state.waiting += 1;
        let is_under_way = |state: &mut State| {
            let first = state.under_way.first();
            !state.is_over && first.is_some_and(|first| *first <= last)
        };
        let settled = self.ended.wait_while(state, is_under_way);
        settled.unwrap_or_else(PoisonError::into_inner).waiting -= 1;
    }

    /// Nothing is waited for any more.
    pub(crate) fn end(&self) {
        self.lock().is_over = true;
        self.ended.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut state = self.under_way.lock();
        state.under_way.remove(&self.number);
        if state.waiting > 0 {
            self.under_way.ended.notify_all();
        }
    }
}
