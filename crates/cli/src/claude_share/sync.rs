use share::UserRecord;
use share::name::UserName;
use share::server::{Facts, Questions, SyncRequest, plan_sync};

use super::context::Context;
use super::machine::{Server, refused, say_who_starts_the_keeper};
use crate::error::CliError;

/// Put everything right that `status` complains of, and apply edits of the config file
///
/// What it replaces is kept beside it as a dated backup. A login of a user's own stays.
#[derive(clap::Args)]
pub(crate) struct SyncArgs {
    /// Replace this user's own login too; it is kept as a dated backup
    #[arg(long, value_name = "USER")]
    reclaim: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

/// Managed users who do not exist any more, or under whose name there is another one.
fn gone(facts: &Facts) -> Vec<&str> {
    let users = facts.state.iter().flat_map(|state| &state.users);
    let is_gone = |(name, record): &(&String, &UserRecord)| {
        facts
            .users
            .get(*name)
            .is_none_or(|user| user.uid != record.uid)
    };
    users
        .filter(is_gone)
        .map(|(name, _)| name.as_str())
        .collect()
}

pub(crate) fn run(args: &SyncArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    context.state()?;
    let reclaim = args
        .reclaim
        .as_deref()
        .map(UserName::parse_existing)
        .transpose()?;
    let server = Server::open(context, args.dry_run)?;
    let facts = server.facts(&Questions {
        with_config: true,
        with_homes: true,
        ..Questions::default()
    })?;
    let plan = plan_sync(&facts, &SyncRequest { reclaim }).map_err(refused)?;
    for user in gone(&facts) {
        context.output.warning(&format!(
            "the managed user {user} is gone, or another one by now; to forget him: claude-share server remove-user {user}"
        ));
    }
    let starts = plan.steps.contains(&share::server::Step::StartKeeper);
    if server.carry_out(&facts, &plan, args.dry_run)? && starts {
        say_who_starts_the_keeper(context, &facts)?;
    }
    Ok(())
}
