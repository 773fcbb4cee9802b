//! A shim, for the tests.

use std::process::ExitCode;

fn main() -> ExitCode {
    let environment = || std::env::vars_os().collect();
    shim::run(&["shim"], environment).unwrap_or(ExitCode::from(99))
}
