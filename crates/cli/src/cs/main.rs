//! The program `cs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::shim::main().unwrap_or_else(cli::cs::main)
}
