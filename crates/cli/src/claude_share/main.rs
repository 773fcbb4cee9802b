//! The program `claude-share`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::shim::main().unwrap_or_else(cli::claude_share::main)
}
