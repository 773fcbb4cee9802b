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
mod dist;
mod docs;
mod process;
mod recording;
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
  bench        Compare with what a user would pick instead (arguments go to bench/run); --report writes the README's table.
  recording    Record the three jobs on disposable hosts, and draw docs/pictures/demo.svg.
  screenshots  Take a picture of every screen of the dashboard, into docs/pictures.
  dist         Build target/dist/claude-accounts-VERSION-ARCH-linux.tar.gz, with --deb the Debian package too.
  docs         Write docs/reference from the programs, and build the book into target/book.
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
        "dist" => dist::run(rest),
        "docs" => docs::run(),
        "recording" => recording::run(rest),
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
