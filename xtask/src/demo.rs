//! `cargo xtask demo`: shows the program at work. It comes with the program.

use std::process::ExitCode;

use crate::Result;

/// Says that there is no demonstration yet.
pub(crate) fn run() -> Result<ExitCode> {
    Err("demo: not built yet: it comes with the program".into())
}
