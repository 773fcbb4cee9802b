//! The signals that are for a program on the server, or end this one in good order.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::error::{CliError, Kind};

/// What came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Came {
    /// SIGINT, SIGTERM, SIGHUP or SIGQUIT, by its number.
    Ending(i32),
    /// The terminal has another size.
    Resized,
    /// This process was stopped and goes on.
    Continued,
}

/// All of them, from now on.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    quit: Signal,
    resized: Signal,
    continued: Signal,
}

impl Signals {
    /// # Errors
    /// If the system refuses.
    pub(crate) fn catch() -> Result<Self, CliError> {
        let of = |number: rustix::process::Signal| {
            signal(SignalKind::from_raw(number.as_raw())).map_err(|error| no_signals(&error))
        };
        Ok(Self {
            interrupt: of(rustix::process::Signal::INT)?,
            terminate: of(rustix::process::Signal::TERM)?,
            hangup: of(rustix::process::Signal::HUP)?,
            quit: of(rustix::process::Signal::QUIT)?,
            resized: of(rustix::process::Signal::WINCH)?,
            continued: of(rustix::process::Signal::CONT)?,
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) -> Came {
        use rustix::process::Signal as Number;
        tokio::select! {
            _ = self.interrupt.recv() => Came::Ending(Number::INT.as_raw()),
            _ = self.terminate.recv() => Came::Ending(Number::TERM.as_raw()),
            _ = self.hangup.recv() => Came::Ending(Number::HUP.as_raw()),
            _ = self.quit.recv() => Came::Ending(Number::QUIT.as_raw()),
            _ = self.resized.recv() => Came::Resized,
            _ = self.continued.recv() => Came::Continued,
        }
    }
}

fn no_signals(error: &io::Error) -> CliError {
    CliError::new(
        Kind::Internal,
        format!("no signals can be caught: {error}"),
        "Check the limits of this system, of open files above all.",
    )
}
