use std::path::PathBuf;

use client::{Extra, Extras};

use super::context::{self, Context};
use super::live_error::of_settings;
use super::{sessions, summary};
use crate::error::{CliError, Kind};

/// Publish a directory besides the main one: in sessions to come, and at once in those that run
#[derive(clap::Args)]
pub(crate) struct AddArgs {
    /// The directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Let the server change nothing in it
    #[arg(long)]
    read_only: bool,
}

pub(crate) fn run(args: &AddArgs, context: &Context) -> Result<(), CliError> {
    let directory = context::directory(&args.directory)?;
    let places = sessions::places(context)?;
    let refused = live_process::refusal::check(&directory, &[], &places);
    refused.map_err(|failure| CliError::new(Kind::Input, failure.message, failure.hint))?;
    let extra = Extra::new(directory.clone(), args.read_only);
    let is_new = Extras::add(&context.paths()?, extra).map_err(of_settings)?;
    let local = summary::path(&directory);
    context.output.say(
        match is_new {
            true => format!("{local} is published in sessions to come"),
            false => format!("{local} is published in sessions to come already"),
        }
        .as_str(),
    )?;
    context.wait_for(async {
        for session in sessions::running(context)? {
            let name = session.name();
            match sessions::add(&session, &directory, args.read_only).await {
                Ok(Some(remote)) => {
                    let remote = summary::path(&remote);
                    context
                        .output
                        .say(&format!("{name}: extra {remote} <= {local}"))?;
                }
                Ok(None) => context.output.say(&format!(
                    "{name}: {local} is mounted when the server asks for it"
                ))?,
                // It may be within what that session publishes; the other sessions are not affected.
                Err(error) => context.output.warning(&format!("{name}: {error}")),
            }
        }
        Ok(())
    })
}
