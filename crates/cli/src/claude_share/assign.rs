use share::desired::Provision;
use share::name::UserName;
use share::server::{Questions, plan_assign};

use super::context::Context;
use super::machine::{Server, refused};
use crate::error::CliError;

/// Give a user another login or API key of the server's vault
///
/// A key is written into no home: the user's settings name `claude-share key`, which the keeper
/// answers.
#[derive(clap::Args)]
pub(crate) struct AssignArgs {
    /// The user
    user: String,
    /// The account, as `claude-accounts --vault /var/lib/claude-share/vault list` shows it
    #[arg(required_unless_present = "default", conflicts_with = "default")]
    account: Option<String>,
    /// Go back to the default account
    #[arg(long)]
    default: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &AssignArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    context.state()?;
    let user = UserName::parse_existing(&args.user)?;
    let server = Server::open(context, args.dry_run)?;
    let facts = server.facts(&Questions::default())?;
    let plan = plan_assign(&facts, &user, args.account.as_deref()).map_err(refused)?;
    if !server.carry_out(&facts, &plan, args.dry_run)? {
        return Ok(());
    }
    let state = context.state()?;
    let id = state
        .users
        .get(user.as_str())
        .map(|record| state.account_of(record));
    let account = facts
        .accounts
        .iter()
        .find(|account| Some(account.id.as_str()) == id);
    if account.is_some_and(|account| account.provision == Provision::Key) {
        context.output.say(&format!(
            "The settings of {user} name `claude-share key`, which asks the keeper: no key is in the home"
        ))?;
    }
    Ok(())
}
