//! A command on the server that runs on the laptop: this program under another name.

use std::process::ExitCode;

use crate::environment::Environment;

/// What a link to this program may be called without being a command that runs on the laptop. The last is how it starts
/// itself anew: `/proc/self/exe`.
const OWN_NAMES: [&str; 4] = ["claude-accounts", "claude-share", "cs", "exe"];

/// The whole program, if it was started as such a command; `None`, and nothing was done, if not. First of all: many
/// commands are started, and each of them waits for this.
#[must_use]
pub fn main() -> Option<ExitCode> {
    ::shim::run(&OWN_NAMES, || Environment::default().inherited())
}
