//! `cargo xtask`: the project's chores, one file for each verb.
//!
//! Nothing here is part of the product, and no crate of the product depends on it.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program that people and continuous integration read"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "reads the caller's environment and writes only under target/, which may be lost at any time"
)]

mod bench;
mod demo;
mod package;
mod process;
mod screenshots;
mod test;
mod workspace;

use std::error::Error;
use std::process::ExitCode;

/// What a verb returns when it cannot do its work.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn Error>>;

const HELP: &str = "\
The project's chores.

Usage: cargo xtask VERB [ARGUMENTS]

Verbs:
  test         Install what the tests need, run every check, test and fuzz target, and count them.
  demo         Show the program at work on a throw-away host.
  bench        Compare with what a user would pick instead (arguments go to bench/run).
  screenshots  Take a picture of every screen of the dashboard, into docs/pictures.
  package      Build target/package/claude-accounts-VERSION-ARCH.tar.gz.
  help         Print this.

`cargo xtask test --help` lists the options of `test`.
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match arguments.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("help", &[][..]),
    };
    let outcome = match verb {
        "test" => test::run(rest),
        "demo" => demo::run(),
        "bench" => bench::run(rest),
        "package" => package::run(),
        "screenshots" => screenshots::run(rest),
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(ExitCode::SUCCESS)
        }
        unknown => Err(format!("no verb `{unknown}`; `cargo xtask help` lists them").into()),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("xtask: {error}");
        ExitCode::FAILURE
    })
}
