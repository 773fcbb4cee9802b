//! What the kernel waits for: every request until it has been answered, so that none is left when the mount ends.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use live::files::Outcome;

use crate::errors::INPUT_OUTPUT as EIO;

/// What is done with an outcome. Runs on any thread, and must not wait.
pub(crate) type Then = Box<dyn FnOnce(Outcome) + Send>;

/// The number of a request that is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// Who waits: the process's, or its thread's, number; 0 if the kernel waits for itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Waiter(pub(crate) u32);

/// Nobody does.
pub(crate) const NOBODY: Waiter = Waiter(0);

#[derive(Debug, Default)]
pub(crate) struct Pending {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    next: u64,
    is_closed: bool,
    waiting: HashMap<Ticket, Waiting>,
}

struct Waiting {
    waiter: Waiter,
    since: Instant,
    then: Then,
}

/// The right to answer one request, once. Dropped without that, it is an error.
#[derive(Debug)]
pub(crate) struct Answerer {
    pending: Arc<Pending>,
    ticket: Ticket,
}

impl Pending {
    /// Whoever `waiter` is waits for something; `then` will be given what comes of it. `None`: everything has ended, and it was
    /// given that.
    pub(crate) fn wait(self: &Arc<Self>, waiter: Waiter, then: Then) -> Option<Answerer> {
        let mut state = self.lock();
        if state.is_closed {
            drop(state);
            then(Err(EIO));
            return None;
        }
        state.next += 1;
        let ticket = Ticket(state.next);
        state.waiting.insert(
            ticket,
            Waiting {
                waiter,
                since: Instant::now(),
                then,
            },
        );
        Some(Answerer {
            pending: Arc::clone(self),
            ticket,
        })
    }

    /// Whether everything has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.lock().is_closed
    }

    /// Ends everything: whoever waits, now or from here on, gets `EIO`.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.lock();
            state.is_closed = true;
            std::mem::take(&mut state.waiting)
        };
        for waiting in waiting.into_values() {
            (waiting.then)(Err(EIO));
        }
    }

    /// Who has waited since before `since`.
    pub(crate) fn waiting(&self, since: Instant) -> Vec<(Ticket, Waiter)> {
        let state = self.lock();
        let patient = state
            .waiting
            .iter()
            .filter(|(_, waiting)| waiting.since <= since);
        patient
            .map(|(ticket, waiting)| (*ticket, waiting.waiter))
            .collect()
    }

    /// Gives `outcome` to who waits for it. `false`: nobody does any more.
    pub(crate) fn answer(&self, ticket: Ticket, outcome: Outcome) -> bool {
        // Taken out first: what is done with it may take the lock again.
        let waiting = self.lock().waiting.remove(&ticket);
        waiting.map(|waiting| (waiting.then)(outcome)).is_some()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answerer {
    /// As [`Pending::answer`].
    pub(crate) fn answer(self, outcome: Outcome) -> bool {
        self.pending.answer(self.ticket, outcome)
    }
}

impl Drop for Answerer {
    fn drop(&mut self) {
        // Nobody waits if it has been answered.
        self.pending.answer(self.ticket, Err(EIO));
    }
}

impl std::fmt::Debug for State {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let waiting = self.waiting.keys();
        formatter
            .debug_struct("State")
            .field("is_closed", &self.is_closed)
            .field("waiting", &waiting)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use live::files::Reply;
    use std::sync::mpsc;

    fn waiting(pending: &Arc<Pending>) -> (Option<Answerer>, mpsc::Receiver<Outcome>) {
        let (sender, receiver) = mpsc::channel();
        (
            pending.wait(NOBODY, Box::new(move |outcome| drop(sender.send(outcome)))),
            receiver,
        )
    }

    #[test]
    fn an_answer_is_given_once() {
        let pending = Arc::default();
        let (answerer, receiver) = waiting(&pending);
        assert!(answerer.unwrap().answer(Ok(Reply::Done)));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Ok(Reply::Done)]);
    }

    #[test]
    fn an_answer_that_nobody_gives_is_an_error() {
        let pending = Arc::default();
        let (answerer, receiver) = waiting(&pending);
        drop(answerer);
        assert_eq!(receiver.recv(), Ok(Err(EIO)));
    }

    #[test]
    fn the_end_answers_everything_once_and_what_comes_later() {
        let pending = Arc::default();
        let (answerer, receiver) = waiting(&pending);
        pending.close();
        assert!(!answerer.unwrap().answer(Ok(Reply::Done)));
        assert_eq!(receiver.iter().collect::<Vec<_>>(), [Err(EIO)]);
        let (answerer, receiver) = waiting(&pending);
        assert!(answerer.is_none());
        assert_eq!(receiver.recv(), Ok(Err(EIO)));
    }

    #[test]
    fn an_answer_may_be_given_while_another_is() {
        let pending: Arc<Pending> = Arc::default();
        let (second, receiver) = waiting(&pending);
        let first = pending.wait(
            NOBODY,
            Box::new(move |outcome| assert!(second.unwrap().answer(outcome))),
        );
        assert!(first.unwrap().answer(Ok(Reply::Count(7))));
        assert_eq!(receiver.recv(), Ok(Ok(Reply::Count(7))));
    }
}
