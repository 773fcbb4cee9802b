use std::os::unix::ffi::OsStrExt as _;

use launch::{Shell, script};

use super::context::Context;
use crate::environment::Variable;
use crate::error::CliError;
use crate::program;

/// Print shell aliases: claude-NAME for every account
///
/// They call `launch` by this program's absolute path and hold no credential. `install` makes
/// shells load them.
#[derive(clap::Args)]
pub(crate) struct AliasesArgs {
    /// The shell to write for: bash, zsh or fish; instead of the one in SHELL
    #[arg(long, value_name = "SHELL", value_parser = ["bash", "zsh", "fish"])]
    shell: Option<String>,
}

pub(crate) fn run(args: &AliasesArgs, context: &Context) -> Result<(), CliError> {
    let told = args.shell.as_deref().and_then(Shell::from_path);
    let shell = told.or_else(|| login_shell(context)).unwrap_or(Shell::Bash);
    let text = script(shell, &program::own_path()?, &names(context)?);
    context.output.bytes(&text)
}

/// The names of all accounts; none without a vault. Needs no key.
pub(crate) fn names(context: &Context) -> Result<Vec<String>, CliError> {
    let Some(vault) = context.open_vault_if_any()? else {
        return Ok(Vec::new());
    };
    Ok(vault.names()?.into_iter().map(|(_, name)| name).collect())
}

/// The shell in `SHELL`, where aliases are known for it.
pub(crate) fn login_shell(context: &Context) -> Option<Shell> {
    let shell = context.environment.get(Variable::Shell)?;
    Shell::from_path(std::ffi::OsStr::from_bytes(shell.as_bytes()))
}
