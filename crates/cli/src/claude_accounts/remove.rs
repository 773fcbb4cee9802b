use model::printable;

use super::context::Context;
use super::install;
use crate::error::CliError;

/// Remove an account with its history and bindings
///
/// Nothing is revoked at the vendor: a key or login that is removed here stays valid there.
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// The account
    name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &RemoveArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    if !args.yes {
        context.prompt.confirm(&format!(
            "Remove {} with its history and bindings?",
            account.name
        ))?;
    }
    vault.remove(&account.id)?;
    install::follow(context);
    context
        .output
        .note(&format!("removed {}", printable(&account.name)))?;
    context
        .output
        .hint("Nothing was revoked at the vendor: the key or login stays valid there.");
    Ok(())
}
