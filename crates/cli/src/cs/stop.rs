use std::time::Duration;

use live_process::client::{Cleaned, ClientError, LocalConnection, Session, Sessions};
use live_process::local::{FromDaemon, LocalError, ToDaemon};
use tokio::time::{sleep, timeout};

use super::chosen::Otherwise;
use super::context::Context;
use super::sessions;
use crate::error::CliError;

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long the session's process may take for its answer beyond that.
const ANSWERING: Duration = Duration::from_secs(10);
/// How long one that has hung up may take to remove what is here.
const REMOVING: Duration = Duration::from_secs(5);
/// How often it is looked whether it has.
const PAUSE: Duration = Duration::from_millis(30);

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
    /// Kill the session's process here if it does not answer, and clean up after it
    #[arg(long)]
    force: bool,
}

/// What is done about a process here that does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unanswered {
    /// It is an error, which says what to do.
    Leave,
    /// It is killed.
    Kill,
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
    let unanswered = match args.force {
        true => Unanswered::Kill,
        false => Unanswered::Leave,
    };
    context.wait_for(async {
        let mut first_failure = None;
        for session in meant {
            if let Err(error) = stop(session, unanswered, &sessions, context).await {
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

/// Ends a session, or cleans up after it, and says so. Within a minute.
///
/// # Errors
/// If neither can be done.
pub(crate) async fn stop(
    session: &Session,
    unanswered: Unanswered,
    sessions: &Sessions,
    context: &Context,
) -> Result<(), CliError> {
    let name = session.name();
    let Cleaned { note } = match session.is_running() {
        true => match end(session).await {
            Err(ClientError::Local(LocalError::Closed) | ClientError::NotRunning(_))
                if ends(session).await? =>
            {
                match sessions.find(name) {
                    // It has ended in order, because somebody else wanted that, and has left nothing here.
                    Err(ClientError::NoSuchSession(_)) => Cleaned { note: None },
                    _ => sessions.clean(name).await?,
                }
            }
            Err(ClientError::NoAnswer { .. }) if unanswered == Unanswered::Kill => {
                sessions.kill(name)?;
                sessions.clean(name).await?
            }
            ended => ended?,
        },
        false => sessions.clean(name).await?,
    };
    tell(session, note, context)
}

/// Says that a session has ended, and what is not known to have ended on the server.
///
/// # Errors
/// If it cannot be said.
pub(crate) fn tell(
    session: &Session,
    note: Option<String>,
    context: &Context,
) -> Result<(), CliError> {
    context.output.say(&format!("stopped {}", session.name()))?;
    if let Some(note) = note {
        let server = &session.record().server.destination;
        context.output.warning(&format!(
            "{server} was not reached, what is left there ends by itself within a day: {note}"
        ));
    }
    Ok(())
}

/// Has the daemon end it.
async fn end(session: &Session) -> Result<Cleaned, ClientError> {
    let connection = session.connect().await?;
    let asking = timeout(PATIENCE + ANSWERING, ask_for_end(connection));
    asking
        .await
        .unwrap_or_else(|_| Err(session.gives_no_answer()))
}

async fn ask_for_end(mut connection: LocalConnection) -> Result<Cleaned, ClientError> {
    let limit_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
    match connection.ask(&ToDaemon::Stop { limit_ms }).await? {
        FromDaemon::Stopped { note } => Ok(Cleaned { note }),
        FromDaemon::Refused(failure) => Err(ClientError::Refused(failure)),
        _ => Err(LocalError::Unintelligible.into()),
    }
}

/// Whether the daemon that has hung up has ended. It may still be removing what it has made.
async fn ends(session: &Session) -> Result<bool, ClientError> {
    let ended = async {
        while session.runs_now()? {
            sleep(PAUSE).await;
        }
        Ok(true)
    };
    timeout(REMOVING, ended).await.unwrap_or(Ok(false))
}
