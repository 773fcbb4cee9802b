//! What `cargo xtask dist` makes is whole, starts on a machine that has nothing else, and comes and goes without a trace.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests; find what the runner has built"
)]

mod archive;
mod debian;

use std::fs;
use std::path::PathBuf;

/// Where the runner has put the archive and, if it could be made, the package.
const DIRECTORY: &str = "CLAUDE_ACCOUNTS_TEST_DIST";

/// The programs of an archive and of a package.
const PROGRAMS: [&str; 3] = ["claude-accounts", "claude-share", "cs"];

/// The one file there whose name ends with `suffix`; `None`, and the test noted as skipped, without one.
fn built_or_skip(suffix: &str) -> Option<PathBuf> {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        testkit::skip(format!(
            "{DIRECTORY} names no directory; cargo xtask dist --debug --deb fills target/dist"
        ));
        return None;
    };
    let entries = fs::read_dir(&directory).unwrap();
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(suffix))
        .collect();
    // Those of an earlier version may be there too.
    files.sort_by_key(|file| fs::metadata(file).unwrap().modified().unwrap());
    let newest = files.pop();
    if newest.is_none() {
        testkit::skip(format!("{} holds no *{suffix}", directory.display()));
    }
    newest
}
