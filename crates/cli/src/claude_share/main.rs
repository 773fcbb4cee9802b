//! The program `claude-share`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::claude_share::main()
}
