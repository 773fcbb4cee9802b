//! The programs that are run in the mount.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::Ran;

use crate::session::Session;

/// Where cargo has put the suites that are crates, if not in `PATH`.
const SUITES_VARIABLE: &str = "CLAUDE_ACCOUNTS_TEST_SUITES";

/// Where `program` is, or skips the test: `needs` says how it is had.
pub(crate) fn find(program: &str, needs: &str) -> Option<PathBuf> {
    let suites = env::var_os(SUITES_VARIABLE).map(|suites| PathBuf::from(suites).join("bin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let mut directories = suites.into_iter().chain(env::split_paths(&path));
    let found = directories.find_map(|directory| {
        Some(directory.join(program)).filter(|candidate| candidate.is_file())
    });
    if found.is_none() {
        testkit::skip(format!("no {program}: {needs}"));
    }
    found
}

/// `program` with nothing of the caller's but `PATH`, in `directory`.
pub(crate) fn command(session: &Session, program: impl AsRef<OsStr>, directory: &Path) -> Command {
    let mut command = plain_command(program, directory);
    command
        .env("HOME", session.beside("home"))
        .env("TMPDIR", session.beside(""));
    command
}

/// The same for what needs no home.
pub(crate) fn plain_command(program: impl AsRef<OsStr>, directory: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("LC_ALL", "C.UTF-8")
        .current_dir(directory);
    command
}

/// Runs it, which has to succeed; what it printed.
#[track_caller]
pub(crate) fn run(command: Command) -> String {
    Ran::of(command).success().stdout
}
