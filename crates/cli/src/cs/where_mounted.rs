use super::context::Context;
use super::{sessions, summary};
use crate::error::CliError;

/// Show where the directories of a session are on the server
#[derive(clap::Args)]
pub(crate) struct WhereArgs {
    /// The session; the one of the current directory, else the newest, if not given
    session: Option<String>,
    /// Print JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &WhereArgs, context: &Context) -> Result<(), CliError> {
    let session = sessions::meant(context, args.session.as_deref())?;
    let status = context.wait_for(sessions::status_of(&session))?;
    match args.json {
        true => context.output.json(&summary::json(&status)),
        false => context.output.text(&summary::mount_paths(&status)),
    }
}
