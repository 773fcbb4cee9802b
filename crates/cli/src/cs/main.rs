//! The program `cs`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::cs::main()
}
