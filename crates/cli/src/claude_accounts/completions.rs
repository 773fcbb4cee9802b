use clap_complete::Shell;

use super::context::Context;
use crate::error::CliError;

/// Print the completions for a shell
///
/// For bash: claude-accounts completions bash > ~/.local/share/bash-completion/completions/claude-accounts
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(args: &CompletionsArgs, context: &Context) -> Result<(), CliError> {
    let mut script = Vec::new();
    let mut command = super::command();
    let name = command.get_name().to_owned();
    // Into memory: the generator panics where a write fails.
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    context.output.bytes(&script)
}
