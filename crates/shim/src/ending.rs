//! How a shim ends.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::process::ExitCode;

use nix::sys::signal::{SigSet, Signal};
use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, kill_current_process_group,
    set_dumpable_behavior, setrlimit,
};

/// What a shell says of a command that cannot be run.
const NOT_RUN: u8 = 126;
/// Nobody knows how the command has ended.
const UNKNOWN: u8 = 255;
/// What a shell adds to a signal's number.
const KILLED: i32 = 128;

/// How a command has ended.
#[derive(Debug)]
pub(crate) enum Ending {
    /// With an exit status.
    Exited(i32),
    /// By a signal, by its number.
    Killed {
        signal: i32,
        /// It came from a key of this terminal, which kills the whole group in the foreground.
        by_key: bool,
    },
    /// It was not run, for this reason.
    Refused { message: String, hint: String },
    /// It was not run: there is more of it than can be said.
    TooLong,
    /// It was not run: the agent is of another version.
    OtherVersion,
    /// Nobody knows.
    Lost(String),
    /// The agent is gone, and nobody knows.
    HungUp,
    /// What it has output cannot be written.
    NotWritten(io::Error),
}

impl Ending {
    /// Says what there is to say. Returns the exit status, or not at all.
    pub(crate) fn end(self, name: &OsStr) -> ExitCode {
        match self {
            Self::Exited(code) => ExitCode::from(u8::try_from(code & 0xff).unwrap_or(UNKNOWN)),
            Self::Killed { signal, by_key } => die(signal, by_key),
            Self::Refused { message, hint } => {
                complain(name, &message);
                if !hint.is_empty() {
                    say(format!("{hint}\n").as_bytes());
                }
                ExitCode::from(NOT_RUN)
            }
            Self::TooLong => {
                complain(name, "its arguments are too long to be run on the laptop");
                ExitCode::from(NOT_RUN)
            }
            Self::OtherVersion => {
                complain(name, "the session's agent is of another version");
                say(b"End the session on the laptop, and start it anew: cs stop\n");
                ExitCode::from(NOT_RUN)
            }
            Self::Lost(message) => {
                complain(name, &message);
                ExitCode::from(UNKNOWN)
            }
            Self::HungUp => {
                complain(name, "the session has ended");
                ExitCode::from(UNKNOWN)
            }
            Self::NotWritten(error) => {
                complain(name, &format!("its output cannot be written: {error}"));
                ExitCode::from(UNKNOWN)
            }
        }
    }
}

/// Tells whoever started this.
pub(crate) fn complain(name: &OsStr, message: &str) {
    say(format!("{}: {message}\n", name.display()).as_bytes());
}

fn say(text: &[u8]) {
    // Nobody is left to be told.
    io::stderr().write_all(text).ok();
}

/// Dies of a signal, as the command has, without a core: it would be this program's.
fn die(signal: i32, by_key: bool) -> ExitCode {
    let core = Resource::Core;
    let limit = Rlimit {
        current: Some(0),
        ..getrlimit(core)
    };
    // Neither is ever refused to a process about itself.
    setrlimit(core, limit).ok();
    set_dumpable_behavior(DumpableBehavior::NotDumpable).ok();
    if by_key && let Some(signal) = rustix::process::Signal::from_named_raw(signal) {
        kill_current_process_group(signal).ok();
    }
    if let Ok(named) = Signal::try_from(signal) {
        if is_known(named) {
            // Also one that was ignored when this was started. Returns only for what cannot be done.
            signal_hook::low_level::emulate_default_handler(signal).ok();
        }
        SigSet::from(named).thread_unblock().ok();
    }
    // Also one without a name, of real time.
    signal_hook::low_level::raise(signal).ok();
    let code = u8::try_from(KILLED.saturating_add(signal));
    ExitCode::from(code.unwrap_or(UNKNOWN))
}

/// Whether the library knows that this kills.
fn is_known(signal: Signal) -> bool {
    let is_stop = matches!(
        signal,
        Signal::SIGSTOP | Signal::SIGTSTP | Signal::SIGTTIN | Signal::SIGTTOU
    );
    !is_stop && signal_hook::low_level::signal_name(signal as i32).is_some()
}
