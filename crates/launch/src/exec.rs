//! Becoming the client.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use crate::LaunchError;

/// Replaces this process by `program` (absolute), with exactly this environment. Returns only if
/// that failed.
///
/// Process id, terminal, working directory, open standard streams and limits stay; what we have
/// opened is closed by the system. The client starts with no signal blocked and with SIGPIPE at
/// its default, because Rust's runtime ignores SIGPIPE and its `exec` undoes that without knowing
/// how it was before: a caller's own `trap '' PIPE` or blocked signals do not reach the client.
/// Other ignored signals, such as SIGHUP under `nohup`, stay ignored.
#[must_use]
pub fn replace_process(
    program: &Path,
    arguments: &[OsString],
    environment: Vec<(OsString, OsString)>,
) -> LaunchError {
    let source = Command::new(program)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .exec();
    LaunchError::Start {
        program: program.to_owned(),
        source,
    }
}
