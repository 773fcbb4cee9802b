//! The thread for what is done after a while: asking again for locks, and letting go whoever is to end.
//!
//! The kernel tells of signals by a request of its own that `fuser` does not pass on, so that a process that waits here
//! could not even be killed while the link is lost. Those that have waited for a second are looked at instead.

use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use std::{fs, io};

use crate::errors;

use crate::pending::{NOBODY, Pending, Waiter};

/// How long a process waits before its signals are looked at.
const PATIENCE: Duration = Duration::from_secs(1);
/// How often they are looked at.
const INTERVAL: Duration = Duration::from_millis(250);

type Task = Box<dyn FnOnce() + Send>;

/// Tasks for later. They may be dropped undone when everything ends.
#[derive(Clone, Debug)]
pub(crate) struct Later(Sender<(Instant, Task)>);

impl Later {
    /// Starts the thread. It ends when `pending` does, within [`INTERVAL`].
    pub(crate) fn start(pending: Arc<Pending>) -> io::Result<(Self, JoinHandle<()>)> {
        let (sender, receiver) = mpsc::channel();
        let thread = thread::Builder::new()
            .name("mount-later".to_owned())
            .spawn(move || run(&receiver, &pending))?;
        Ok((Self(sender), thread))
    }

    /// Has `task` done after `delay`. It must not wait.
    pub(crate) fn after(&self, delay: Duration, task: impl FnOnce() + Send + 'static) {
        // Fails only when everything has ended.
        drop(self.0.send((Instant::now() + delay, Box::new(task))));
    }
}

fn run(receiver: &mpsc::Receiver<(Instant, Task)>, pending: &Pending) {
    let mut tasks: Vec<(Instant, Task)> = Vec::new();
    let mut next_look = Instant::now() + INTERVAL;
    while !pending.is_closed() {
        let next = tasks
            .iter()
            .map(|(due, _)| *due)
            .min()
            .map_or(next_look, |due| due.min(next_look));
        match receiver.recv_timeout(next.saturating_duration_since(Instant::now())) {
            Ok(task) => tasks.push(task),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        let now = Instant::now();
        for (_, task) in tasks.extract_if(.., |(due, _)| *due <= now) {
            task();
        }
        if next_look <= now {
            let_go(pending, now);
            next_look = now + INTERVAL;
        }
    }
}

/// Answers those who are to end, or to do something else.
fn let_go(pending: &Pending, now: Instant) {
    let Some(since) = now.checked_sub(PATIENCE) else {
        return;
    };
    for (ticket, waiter) in pending.waiting(since) {
        if has_signal(waiter, Signals::Ending) {
            pending.answer(ticket, Err(errors::INTERRUPTED));
        }
    }
}

/// Which signals are looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signals {
    /// Those that end the process.
    Ending,
    /// Those that it would handle, too.
    Any,
}

/// Whether such a signal waits for that process.
pub(crate) fn has_signal(waiter: Waiter, which: Signals) -> bool {
    if waiter == NOBODY {
        return false;
    }
    let status = fs::read_to_string(format!("/proc/{}/status", waiter.0));
    status.is_ok_and(|status| has_signal_in(&status, which))
}

fn has_signal_in(status: &str, which: Signals) -> bool {
    // SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU: those that end nothing.
    const STOPS: u64 = 0b11111 << 17;
    let mask = |name: &str| {
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.and_then(|value| u64::from_str_radix(value.trim(), 16).ok())
            .unwrap_or(0)
    };
    let handled = if which == Signals::Any {
        0
    } else {
        mask("SigCgt")
    };
    (mask("SigPnd") | mask("ShdPnd")) & !(mask("SigBlk") | mask("SigIgn") | handled | STOPS) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_that_end_a_process_let_it_go() {
        let status = |pending: u64, caught: u64| {
            format!(
                "SigPnd:\t0000000000000000\nShdPnd:\t{pending:016x}\nSigBlk:\t0000000000000000\nSigIgn:\t0000000000000004\nSigCgt:\t{caught:016x}\n"
            )
        };
        let (kill, quit, alarm, stop) = (1 << 8, 1 << 2, 1 << 13, 1 << 18);
        assert!(has_signal_in(&status(kill, 0), Signals::Ending));
        assert!(
            !has_signal_in(&status(quit, 0), Signals::Ending),
            "it is ignored"
        );
        assert!(
            !has_signal_in(&status(alarm, alarm), Signals::Ending),
            "it is handled"
        );
        assert!(has_signal_in(&status(alarm, alarm), Signals::Any));
        assert!(!has_signal_in(&status(stop, 0), Signals::Ending));
        assert!(!has_signal_in("", Signals::Any));
    }
}
