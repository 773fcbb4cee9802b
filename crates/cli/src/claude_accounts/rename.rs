use model::{AccountName, printable};

use super::context::Context;
use super::install;
use crate::error::CliError;

/// Give an account another name; history, bindings and default go along
///
/// On a terminal it asks first.
#[derive(clap::Args)]
pub(crate) struct RenameArgs {
    /// The account
    name: String,
    /// Its new name
    #[arg(value_name = "NEW_NAME")]
    new_name: String,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &RenameArgs, context: &Context) -> Result<(), CliError> {
    let new_name = AccountName::parse(&args.new_name)?;
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    // Nothing is lost by it, so a script need not say yes where nobody can be asked.
    if !args.yes && context.prompt.can_ask() {
        context
            .prompt
            .confirm(&format!("Rename {} to {new_name}?", account.name))?;
    }
    vault.rename(&account.id, &new_name)?;
    install::follow(context);
    context
        .output
        .note(&format!("{} is now {new_name}", printable(&account.name)))
}
