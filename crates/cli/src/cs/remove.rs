use std::path::{Path, PathBuf};

use client::Extras;

use super::context::Context;
use super::live_error::of_settings;
use super::{sessions, summary};
use crate::error::{CliError, Kind};

/// Publish a directory no longer: neither in sessions to come nor in those that run
#[derive(clap::Args)]
pub(crate) struct RemoveArgs {
    /// The directory, as `cs list` shows it; it need not be there any more
    #[arg(value_name = "DIR")]
    directory: PathBuf,
}

pub(crate) fn run(args: &RemoveArgs, context: &Context) -> Result<(), CliError> {
    let directory = whole_path(&args.directory)?;
    let mut was_there = Extras::remove(&context.paths()?, &directory).map_err(of_settings)?;
    let local = summary::path(&directory);
    if was_there {
        let text = format!("{local} is not published in sessions to come any more");
        context.output.say(&text)?;
    }
    context.wait_for(async {
        for session in sessions::running(context)? {
            let status = sessions::status_of(&session).await?;
            let mut extra = status.directories.iter().filter(|known| !known.is_main);
            if extra.any(|known| known.local.to_path() == directory) {
                let is_confirmed = sessions::remove(&session, &directory).await?;
                was_there = true;
                let name = session.name();
                context
                    .output
                    .say(&format!("{name}: {local} is not published any more"))?;
                if !is_confirmed {
                    tell_unconfirmed(&status.server, context);
                }
            }
        }
        Ok(())
    })?;
    match was_there {
        true => Ok(()),
        false => Err(CliError::new(
            Kind::NotFound,
            format!("{} is no extra directory", directory.display()),
            "`cs list` shows those that there are; `cs stop` ends a session with its main one.",
        )),
    }
}

fn tell_unconfirmed(server: &str, context: &Context) {
    let server = model::printable(server);
    context.output.warning(&format!(
        "{server} has not said that it has unmounted it: it reaches nothing in it any more, but what programs there \
         wrote last may be missing here"
    ));
    context
        .output
        .hint("Look whether what you need of it is here; `cs status` shows the connection.");
}

/// Of one that is gone, what was written, from the current directory on.
fn whole_path(given: &Path) -> Result<PathBuf, CliError> {
    std::fs::canonicalize(given)
        .or_else(|_| std::path::absolute(given))
        .map_err(|error| {
            CliError::new(
                Kind::Input,
                format!("{}: {error}", given.display()),
                "Name the directory by its whole path, as `cs list` shows it.",
            )
        })
}
