use share::name::UserName;
use share::server::{Questions, RemoveRequest, plan_remove_user};

use super::context::Context;
use super::machine::{Server, refused};
use crate::error::CliError;

/// Take a user off: what is ours in his home goes, what he had before comes back
#[derive(clap::Args)]
pub(crate) struct RemoveUserArgs {
    /// The user
    name: String,
    /// Delete the Linux user too, with his home
    #[arg(long)]
    delete_user: bool,
    /// Do not ask
    #[arg(long, short)]
    yes: bool,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &RemoveUserArgs, context: &Context) -> Result<(), CliError> {
    context.require_root()?;
    context.state()?;
    let request = RemoveRequest {
        user: UserName::parse_existing(&args.name)?,
        delete: args.delete_user,
    };
    if !args.yes && !args.dry_run {
        let user = &request.user;
        context.prompt.confirm(&match request.delete {
            true => format!("Take {user} off shared auth, and delete the Linux user with everything in his home?"),
            false => format!("Take {user} off shared auth?"),
        })?;
    }
    let server = Server::open(context, args.dry_run)?;
    let facts = server.facts(&Questions {
        users: vec![request.user.clone()],
        ..Questions::default()
    })?;
    let plan = plan_remove_user(&facts, &request).map_err(refused)?;
    match server.carry_out(&facts, &plan, args.dry_run)? {
        true => context
            .output
            .say(&format!("Done. {} is managed no longer", request.user)),
        false => Ok(()),
    }
}
