//! The laptop's files, asked for over the connection.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connection::{Connection, State};
use live::files::{ErrorNumber, Outcome, Request};
use live::message::ToLaptop;
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
    /// The number of the last request.
    last: u64,
    answers: HashMap<u64, Answer>,
    /// The connection has been lost for too long, or the session has ended: nobody waits.
    is_hopeless: bool,
}

impl RemoteFiles {
    /// Requests are numbered from `first` on. An answer that was meant for an earlier agent may still come, so that has to be
    /// random.
    pub(super) fn new(connection: Connection<ToLaptop>, first: u64) -> Self {
        let pending = Pending {
            last: first,
            ..Pending::default()
        };
        Self {
            connection,
            pending: Mutex::new(pending),
        }
    }

    /// Gives an outcome to who waits for it. One that nobody waits for any more is dropped.
    pub(super) fn answered(&self, number: u64, outcome: Outcome) {
        let answer = self.pending().answers.remove(&number);
        if let Some(answer) = answer {
            answer(outcome);
        }
    }

    /// Whoever waits gets `EIO`.
    pub(super) fn fail_pending(&self) {
        let answers = std::mem::take(&mut self.pending().answers);
        for answer in answers.into_values() {
            answer(Err(failed()));
        }
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
                    files.end();
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
