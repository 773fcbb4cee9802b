use clap_complete::Shell;

use crate::error::CliError;
use crate::output::Output;

/// Print the completions for a shell
#[derive(clap::Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(
    args: &CompletionsArgs,
    mut command: clap::Command,
    output: &Output,
) -> Result<(), CliError> {
    let mut script = Vec::new();
    let name = command.get_name().to_owned();
    // Into memory: the generator panics where a write fails.
    clap_complete::generate(args.shell, &mut command, name, &mut script);
    output.bytes(&script)
}
