use std::path::PathBuf;

use super::context::Context;
use crate::claude_accounts::brought::{self, KeeperArgs};
use crate::error::CliError;

/// Renew the logins that sessions bring along; `cs live` starts it
#[derive(clap::Args)]
pub(crate) struct KeepArgs {
    /// Directory of the vault
    #[arg(long, value_name = "DIR")]
    vault: PathBuf,
    #[command(flatten)]
    keeper: KeeperArgs,
}

pub(crate) fn run(args: &KeepArgs, context: &Context) -> Result<(), CliError> {
    brought::run_keeper(&args.keeper, args.vault.clone(), &context.environment)
}
