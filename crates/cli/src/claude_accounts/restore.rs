use model::printable;
use renew::Lease;

use super::context::Context;
use super::keeper;
use crate::error::CliError;

/// Make an earlier generation of a login the present one
///
/// Refresh tokens are single use: an earlier generation can be renewed only if it never was
/// since. The present one stays in the history.
#[derive(clap::Args)]
pub(crate) struct RestoreArgs {
    /// The account
    name: String,
    /// The generation's number, as `history` shows it
    generation: i64,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
}

pub(crate) fn run(args: &RestoreArgs, context: &Context) -> Result<(), CliError> {
    let vault = context.open_vault()?;
    let account = context.account(&vault, &args.name)?;
    let number = args.generation;
    if !args.yes {
        context.prompt.confirm(&format!(
            "Make generation {number} of {} the present one?",
            account.name
        ))?;
    }
    let lease = Lease::acquire(vault.paths(), &account.id, &account.name)?;
    let present = vault.restore(&vault.get(&account.id)?, number)?;
    drop(lease);
    keeper::tell_of_change(context)?;
    let name = printable(&account.name);
    context.output.note(&format!(
        "{name} has generation {number} again, as generation {present}"
    ))?;
    context.output.hint(
        "If it was renewed since, its refresh token is used up and only a new sign-in helps.",
    );
    Ok(())
}
