use model::{AccountName, printable};

use super::context::Context;
use super::install;
use crate::error::CliError;

/// Give an account another name; history, bindings and default go along
#[derive(clap::Args)]
pub(crate) struct RenameArgs {
    /// The account
    name: String,
    /// Its new name
    #[arg(value_name = "NEW_NAME")]
    new_name: String,
}

pub(crate) fn run(args: &RenameArgs, context: &Context) -> Result<(), CliError> {
    let new_name = AccountName::parse(&args.new_name)?;
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    vault.rename(&account.id, &new_name)?;
    install::follow(context);
    context
        .output
        .note(&format!("{} is now {new_name}", printable(&account.name)))
}
