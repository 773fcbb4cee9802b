use launch::{Shell, export_lines};

use super::context::Context;
use super::session;
use crate::environment::Variable;
use crate::error::CliError;

/// Print lines that give a shell an account's environment
///
/// For `eval "$(claude-accounts env NAME)"`, or in fish `claude-accounts env NAME | source`. The
/// lines hold the credential in the clear; a login's token lives for hours.
#[derive(clap::Args)]
pub(crate) struct EnvArgs {
    /// The account
    name: String,
    /// The shell to write for, instead of the one in SHELL
    #[arg(long, value_enum, value_name = "SHELL")]
    shell: Option<ShellName>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
}

impl From<ShellName> for Shell {
    fn from(name: ShellName) -> Self {
        match name {
            ShellName::Bash => Self::Bash,
            ShellName::Zsh => Self::Zsh,
            ShellName::Fish => Self::Fish,
        }
    }
}

pub(crate) fn run(args: &EnvArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    let ready = session::make_ready(context, &vault, account, session::margin(None))?;
    let told = context
        .environment
        .get(Variable::Shell)
        .and_then(Shell::from_path);
    let shell = args.shell.map(Shell::from).or(told).unwrap_or(Shell::Bash);
    let prepared = session::in_environment(&ready);
    let lines = export_lines(
        shell,
        prepared.injection(),
        &ready.unsealed.environment,
        &ready.account.name,
    )?;
    context.output.bytes(lines.expose().as_bytes())?;
    vault.touch(&ready.account.id);
    Ok(())
}
