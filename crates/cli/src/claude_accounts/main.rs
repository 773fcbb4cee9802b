//! The program `claude-accounts`.

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::claude_accounts::main()
}
