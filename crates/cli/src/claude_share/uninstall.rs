use share::server::{Questions, plan_uninstall};

use super::context::Context;
use super::machine::{Server, refused};
use crate::error::CliError;

/// Leave the server: every user keeps what he had, the source user gets the whole login back
#[derive(clap::Args)]
pub(crate) struct UninstallArgs {
    /// Delete the vault too, with every login and key in it
    #[arg(long)]
    delete_vault: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &UninstallArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    context.state()?;
    if !args.yes && !args.dry_run {
        context.prompt.confirm(match args.delete_vault {
            true => "Take all users off shared auth, and delete the vault with every login and key in it?",
            false => "Take all users off shared auth?",
        })?;
    }
    let server = Server::open(context, args.dry_run)?;
    let facts = server.facts(&Questions::default())?;
    let plan = plan_uninstall(&facts, args.delete_vault).map_err(refused)?;
    if !server.carry_out(&facts, &plan, args.dry_run)? {
        return Ok(());
    }
    if !args.delete_vault {
        let vault = context.paths.vault();
        context.output.say(&format!(
            "The vault is still there, with its logins and keys: {}",
            vault.directory().display()
        ))?;
    }
    context.output.say("Done. The Linux users are still there.")
}
