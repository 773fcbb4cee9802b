use model::printable;
use serde_json::json;
use vault::VaultError;

use super::context::Context;
use crate::error::{CliError, Kind};

/// Set the account that is taken where no directory is bound, or print it
#[derive(clap::Args)]
pub(crate) struct DefaultArgs {
    /// The account; without it, the default is printed
    name: Option<String>,
    /// Have no default any more
    #[arg(long, conflicts_with = "name")]
    clear: bool,
    /// Print JSON, for programs
    #[arg(long, conflicts_with_all = ["name", "clear"])]
    json: bool,
}

pub(crate) fn run(args: &DefaultArgs, context: &Context) -> Result<(), CliError> {
    match &args.name {
        Some(name) => set(context, name),
        None if args.clear => clear(context),
        None => print(context, args.json),
    }
}

fn set(context: &Context, name: &str) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, name)?;
    vault.set_default_account(Some(&account.id))?;
    context
        .output
        .note(&format!("{} is the default", printable(&account.name)))
}

fn clear(context: &Context) -> Result<(), CliError> {
    context.open_vault()?.set_default_account(None)?;
    context.output.note("there is no default any more")
}

fn print(context: &Context, json: bool) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = match vault.default_account()?.map(|id| vault.get(&id)) {
        // Another program may have removed the account.
        None | Some(Err(VaultError::NotFound { .. })) => None,
        Some(found) => Some(found?),
    };
    match account {
        Some(account) if json => context.output.json(&json!({"name": account.name})),
        Some(account) => context.output.text(&printable(&account.name)),
        None => Err(CliError::new(
            Kind::NotFound,
            "there is no default",
            "Set one: claude-accounts default NAME",
        )),
    }
}
