//! The laptop's files, asked for over the connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connection::{Connection, State};
use live::files::{ErrorNumber, Outcome, Reply, Request};
use live::message::{ToLaptop, is_up_to};
use mount::{Answer, Files};
use rustix::io::Errno;
use tokio::sync::watch;
use tokio::time::timeout_at;

/// See the head of this file.
pub(super) struct RemoteFiles {
    connection: Connection<ToLaptop>,
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    /// The number before the first request, that of the last, and of the last that was given up.
    before: u64,
    last: u64,
    given_up: u64,
    answers: HashMap<u64, Answer>,
    /// The connection has been lost for too long, or the session has ended: nobody waits.
    is_hopeless: bool,
}

impl RemoteFiles {
    /// Requests are numbered from `first` on. An answer that was meant for an earlier agent may still come, so that has to be
    /// random.
    pub(super) fn new(connection: Connection<ToLaptop>, first: u64) -> Self {
        let pending = Pending {
            before: first,
            last: first,
            given_up: first,
            ..Pending::default()
        };
        Self {
            connection,
            pending: Mutex::new(pending),
        }
    }

    /// Gives an outcome to who waits for it. Of one that nobody waits for any more, what was opened is closed.
    pub(super) fn answered(&self, number: u64, outcome: Outcome) {
        let (answer, is_given_up) = {
            let mut pending = self.pending();
            let answer = pending.answers.remove(&number);
            (answer, pending.has_given_up(number))
        };
        match (answer, outcome) {
            (Some(answer), outcome) => answer(outcome),
            (None, Ok(Reply::Opened { handle, .. } | Reply::Created { handle, .. }))
                if is_given_up =>
            {
                self.ask(Request::Close(handle), Box::new(|_| {}));
            }
            (None, _) => {}
        }
    }

    /// Whoever waits gets `EIO`.
    pub(super) fn fail_pending(&self) {
        let answers = std::mem::take(&mut self.pending().answers);
        for answer in answers.into_values() {
            answer(Err(failed()));
        }
    }

    /// Whoever waits, and whoever asks from now on, gets `EIO`. The laptop is told, so that what has failed here does not happen
    /// there when the connection is back: by then somebody may have done something else with the same names.
    fn give_up(&self) {
        let last = {
            let mut pending = self.pending();
            pending.is_hopeless = true;
            pending.given_up = pending.last;
            pending.last
        };
        // Fails for a session that has ended.
        self.connection.send(&ToLaptop::GivenUp(last)).ok();
        self.fail_pending();
    }

    /// Whoever waits, and whoever asks from now on, gets `EIO`.
    pub(super) fn end(&self) {
        self.set_hopeless(true);
        self.fail_pending();
    }

    fn set_hopeless(&self, is_hopeless: bool) {
        self.pending().is_hopeless = is_hopeless;
    }

    fn pending(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pending {
    /// Whether that was asked for here, and given up.
    fn has_given_up(&self, number: u64) -> bool {
        !is_up_to(number, self.before) && is_up_to(number, self.given_up)
    }
}

impl Files for RemoteFiles {
    fn ask(&self, request: Request, answer: Answer) {
        let number = {
            let mut pending = self.pending();
            if pending.is_hopeless {
                drop(pending);
                return answer(Err(failed()));
            }
            pending.last = pending.last.wrapping_add(1);
            let number = pending.last;
            pending.answers.insert(number, answer);
            number
        };
        if self
            .connection
            .send(&ToLaptop::File(number, request))
            .is_err()
        {
            self.answered(number, Err(failed()));
        }
    }
}

/// Fails what waits when the connection has been lost for as long as `patience`, until it is back. Never returns.
pub(super) async fn lose_patience(
    files: &RemoteFiles,
    mut state: watch::Receiver<State>,
    patience: Duration,
) -> Infallible {
    loop {
        let now = *state.borrow_and_update();
        let changed = match now {
            State::Up { .. } => {
                files.set_hopeless(false);
                state.changed().await
            }
            State::Down { since } => match timeout_at(since + patience, state.changed()).await {
                Ok(changed) => changed,
                Err(_) => {
                    files.give_up();
                    state.changed().await
                }
            },
        };
        if changed.is_err() {
            // The connection is gone, which ends the session too.
            return std::future::pending().await;
        }
    }
}

fn failed() -> ErrorNumber {
    ErrorNumber(u16::try_from(Errno::IO.raw_os_error()).unwrap_or(5))
}
