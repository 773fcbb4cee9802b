//! Tests that cannot run here say so and are counted as skipped, never as passed.

use std::env;
use std::fmt::Display;
use std::fs::OpenOptions;
use std::io::Write;
use std::thread;

/// Names the file that skipped tests are appended to, one line each, for the runner to count.
pub const SKIPPED_VARIABLE: &str = "TESTKIT_SKIPPED";

/// Notes that the running test was skipped. Use as `return skip("needs root");`.
pub fn skip(reason: impl Display) {
    // A runner that gives each test its own process may run it on the main thread, which has no test's name.
    let name = env::var("NEXTEST_TEST_NAME")
        .ok()
        .or_else(|| {
            thread::current()
                .name()
                .filter(|name| *name != "main")
                .map(str::to_owned)
        })
        .unwrap_or_else(|| "unnamed test".to_owned());
    skip_named(&name, reason);
}

/// The same for a test that knows its name.
///
/// # Panics
/// When the runner's file cannot be appended to: an uncounted skip would look like a pass.
pub fn skip_named(test_name: &str, reason: impl Display) {
    let line = format!(
        "SKIPPED: {test_name}: {}\n",
        reason.to_string().replace('\n', " ")
    );
    eprint!("{line}");
    if let Some(path) = env::var_os(SKIPPED_VARIABLE) {
        // One write in append mode: tests of several processes note into one file.
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}
