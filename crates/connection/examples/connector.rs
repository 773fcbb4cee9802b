//! For the tests: what `sshd` starts to reach the process that listens at `DIRECTORY/NAME`.

#![allow(clippy::print_stderr, reason = "a program")]

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args().collect();
    let [_, directory, name] = words.as_slice() else {
        return ExitCode::from(2);
    };
    match connection::relay::join_standard_streams(Path::new(directory), name) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("connector: {error}");
            ExitCode::FAILURE
        }
    }
}
