//! What a command runs under that was typed on a server: this program started anew, by a session's process.

use std::process::ExitCode;

use live_process::daemon::RUNNER;

use crate::error::Kind;

/// Whether this process is to be one. People get nothing from it, so no help names it.
pub(crate) fn is_asked_for() -> bool {
    let mut arguments = std::env::args_os().skip(1);
    let is_asked = arguments.next().is_some_and(|first| first == RUNNER);
    is_asked && arguments.next().is_none()
}

/// Is one. Before anything else: it has to be quick, and to have no other thread.
pub(crate) fn run() -> ExitCode {
    match ::runner::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::from(Kind::Internal.exit_code()),
    }
}
