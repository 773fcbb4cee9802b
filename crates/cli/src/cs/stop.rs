use std::time::Duration;

use live_process::client::{Session, Sessions};
use live_process::local::{FromDaemon, ToDaemon};

use super::chosen::Otherwise;
use super::context::Context;
use super::sessions;
use crate::error::CliError;

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// End a session: its programs, its mounts, and what it has made on both sides
///
/// Also cleans up after one whose process here was killed.
#[derive(clap::Args)]
pub(crate) struct StopArgs {
    /// The session; the one of the current directory, or the only one, if not given
    #[arg(conflicts_with = "all")]
    session: Option<String>,
    /// Every session
    #[arg(long)]
    all: bool,
}

pub(crate) fn run(args: &StopArgs, context: &Context) -> Result<(), CliError> {
    let sessions = sessions::sessions(context)?;
    let all = sessions.list()?;
    if all.is_empty() && args.all {
        return context.output.say("no live session is running");
    }
    let meant: Vec<&Session> = match args.all {
        true => all.iter().collect(),
        false => {
            let place = sessions::place_of(&all, args.session.as_deref(), Otherwise::Ask)?;
            all.get(place).into_iter().collect()
        }
    };
    context.wait_for(async {
        let mut first_failure = None;
        for session in meant {
            if let Err(error) = stop(session, &sessions, context).await {
                let name = session.name();
                context
                    .output
                    .warning(&format!("{name} was not stopped: {error}"));
                first_failure.get_or_insert(error);
            }
        }
        first_failure.map_or(Ok(()), Err)
    })
}

/// Ends a session, or cleans up after it, and says so.
///
/// # Errors
/// If neither can be done.
pub(crate) async fn stop(
    session: &Session,
    sessions: &Sessions,
    context: &Context,
) -> Result<(), CliError> {
    let name = session.name();
    let note = match session.is_running() {
        true => end(session).await?,
        false => sessions.clean(name).await?.note,
    };
    context.output.say(&format!("stopped {name}"))?;
    if let Some(note) = note {
        let server = &session.record().server.destination;
        context.output.warning(&format!(
            "{server} was not reached, what is left there ends by itself within a day: {note}"
        ));
    }
    Ok(())
}

/// Has the daemon end it; what is not known to have ended on the server.
async fn end(session: &Session) -> Result<Option<String>, CliError> {
    let limit_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    let mut connection = session.connect().await?;
    match sessions::ask(&mut connection, &ToDaemon::Stop { limit_ms }).await? {
        FromDaemon::Stopped { note } => Ok(note),
        _ => Err(sessions::senseless()),
    }
}
