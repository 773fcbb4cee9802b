//! Where the built programs are.

use std::env;
use std::path::PathBuf;

/// Names the directory to take programs from instead of the one beside the test, for tests of an installed package.
pub const DIRECTORY_VARIABLE: &str = "CLAUDE_ACCOUNTS_TEST_BIN_DIR";

/// The built program `name`.
///
/// # Panics
/// When it has not been built: a test of an old or absent program would prove nothing.
#[must_use]
pub fn path(name: &str) -> PathBuf {
    let path = directory().join(name);
    assert!(
        path.is_file(),
        "{} is missing; build it first: cargo build --workspace --bins (cargo xtask test does)",
        path.display()
    );
    path
}

/// The built program `name`, or `None` when it has not been built.
#[must_use]
pub fn find(name: &str) -> Option<PathBuf> {
    Some(directory().join(name)).filter(|path| path.is_file())
}

fn directory() -> PathBuf {
    if let Some(named) = env::var_os(DIRECTORY_VARIABLE) {
        return named.into();
    }
    let mut directory = env::current_exe().expect("the path of the running test");
    directory.pop();
    // Tests live in <profile>/deps, examples in <profile>/examples, programs in <profile>.
    if directory.ends_with("deps") || directory.ends_with("examples") {
        directory.pop();
    }
    directory
}
