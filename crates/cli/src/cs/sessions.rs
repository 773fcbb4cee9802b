//! The sessions of this user, and what is asked of their daemons.

use std::path::{Path, PathBuf};
use std::time::Duration;

use live_process::Places;
use live_process::client::{ClientError, LocalConnection, Session, Sessions};
use live_process::local::{FromDaemon, LocalPath, Status, ToDaemon};
use tokio::time::{sleep, timeout};

use super::chosen::{Candidate, Otherwise, chosen};
use super::context::Context;
use super::live_error::of_refusal;
use crate::environment::Variable;
use crate::error::{CliError, Kind};

/// How long a daemon may take to say how it is, for which it asks nobody.
const ANSWERING: Duration = Duration::from_secs(10);

/// How long until one is asked again whose daemon begins or ends.
const PAUSE: Duration = Duration::from_millis(10);

/// Where things of sessions are.
///
/// # Errors
/// If there is no home directory.
pub(crate) fn places(context: &Context) -> Result<Places, CliError> {
    let environment = &context.environment;
    let runtime = environment
        .get(Variable::RuntimeDirectory)
        .map(PathBuf::from);
    let home = context.paths()?.home().to_owned();
    let named = [Variable::AccountsHome, Variable::ConfigDirectory];
    let named = named
        .iter()
        .filter_map(|&variable| environment.get(variable));
    // A name that is no whole path is one from here, for those that read it.
    let private = named.filter_map(|path| std::path::absolute(path).ok());
    let views = runtime.as_ref().map(|path| path.join("claude-accounts"));
    let private = private.chain(views).collect();
    Ok(Places::new(home, runtime.as_deref()).with_private(private))
}

/// The sessions of this user.
///
/// # Errors
/// If there is no home directory.
pub(crate) fn sessions(context: &Context) -> Result<Sessions, CliError> {
    let environment = context.environment.inherited();
    Ok(Sessions::new(places(context)?, environment))
}

/// Those that run.
///
/// # Errors
/// If they cannot be looked for.
pub(crate) fn running(context: &Context) -> Result<Vec<Session>, CliError> {
    let mut all = sessions(context)?.list()?;
    all.retain(Session::is_running);
    Ok(all)
}

/// The running session that is meant: by its name, else by the current directory.
///
/// # Errors
/// If there is none, or it could be several.
pub(crate) fn meant(context: &Context, name: Option<&str>) -> Result<Session, CliError> {
    let all = running(context)?;
    let place = place_of(&all, name, Otherwise::Newest)?;
    all.into_iter()
        .nth(place)
        .ok_or_else(super::chosen::none_runs)
}

/// The place in `all` of the session that is meant.
///
/// # Errors
/// If there is none, or it could be several.
pub(crate) fn place_of(
    all: &[Session],
    name: Option<&str>,
    otherwise: Otherwise,
) -> Result<usize, CliError> {
    let candidates: Vec<Candidate> = all.iter().map(candidate).collect();
    chosen(&candidates, name, here().as_deref(), otherwise)
}

fn candidate(session: &Session) -> Candidate {
    let record = session.record();
    Candidate {
        name: session.name().to_string(),
        directories: record
            .directories
            .iter()
            .map(|published| published.path.clone())
            .collect(),
        started_at: record.started_at,
    }
}

/// The current directory without links; `None` if it is gone.
pub(crate) fn here() -> Option<PathBuf> {
    std::env::current_dir().ok()?.canonicalize().ok()
}

/// Asks for something that is answered with [`FromDaemon::Done`] or more.
///
/// # Errors
/// If it is refused, or the daemon has hung up.
pub(crate) async fn ask(
    connection: &mut LocalConnection,
    message: &ToDaemon,
) -> Result<FromDaemon, CliError> {
    match connection.ask(message).await? {
        FromDaemon::Refused(failure) => Err(of_refusal(failure)),
        answer => Ok(answer),
    }
}

/// Asks a session that nobody is connected to for something that its daemon asks nobody for.
///
/// # Errors
/// If it cannot be reached, refuses, or does not answer.
pub(crate) async fn asked(session: &Session, message: &ToDaemon) -> Result<FromDaemon, CliError> {
    let asking = async { ask(&mut session.connect().await?, message).await };
    let answered = timeout(ANSWERING, asking).await;
    answered.unwrap_or_else(|_| Err(session.gives_no_answer().into()))
}

/// How it is with a session.
///
/// # Errors
/// If its daemon does not say.
pub(crate) async fn status(connection: &mut LocalConnection) -> Result<Status, CliError> {
    match ask(connection, &ToDaemon::Status).await? {
        FromDaemon::Status(status) => Ok(*status),
        _ => Err(senseless()),
    }
}

/// The same of a session that nobody is connected to. One that begins is waited for.
///
/// # Errors
/// If it cannot be reached; that it is not running, once that is so, if its daemon ends instead of answering.
pub(crate) async fn status_of(session: &Session) -> Result<Status, CliError> {
    let asking = async {
        loop {
            match ask_status(session).await {
                Err(error) if error.kind == Kind::NotFound => {}
                answered => return answered,
            }
            if !session.runs_now().map_err(ClientError::from)? {
                return Err(ClientError::NotRunning(session.name().to_string()).into());
            }
            sleep(PAUSE).await;
        }
    };
    let answered = timeout(ANSWERING, asking).await;
    answered.unwrap_or_else(|_| Err(session.gives_no_answer().into()))
}

async fn ask_status(session: &Session) -> Result<Status, CliError> {
    status(&mut session.connect().await?).await
}

/// How it is with all that run; one that ends meanwhile is left out, and one that does not answer is told.
///
/// # Errors
/// If they cannot be looked for.
pub(crate) async fn all_statuses(context: &Context) -> Result<Vec<Status>, CliError> {
    let mut statuses = Vec::new();
    for session in running(context)? {
        match status_of(&session).await {
            Ok(status) => statuses.push(status),
            Err(error) if error.kind == Kind::NotFound => {}
            Err(error) if error.kind == Kind::Busy => {
                context.output.warning(&error.message);
                context.output.hint(&error.hint);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(statuses)
}

/// Publishes a directory in a session; where it is mounted then. `None` if it is when somebody on the server asks for it.
///
/// # Errors
/// If it is refused.
pub(crate) async fn add(
    session: &Session,
    directory: &Path,
    read_only: bool,
) -> Result<Option<PathBuf>, CliError> {
    let message = ToDaemon::Add {
        directory: LocalPath::new(directory),
        read_only,
    };
    match ask(&mut session.connect().await?, &message).await? {
        FromDaemon::Mounted(path) => Ok(Some(path.to_path())),
        FromDaemon::Done => Ok(None),
        _ => Err(senseless()),
    }
}

/// Has a session publish a directory no longer; whether the server has said that it has unmounted it.
///
/// # Errors
/// If it is refused.
pub(crate) async fn remove(session: &Session, directory: &Path) -> Result<bool, CliError> {
    let directory = LocalPath::new(directory);
    let message = ToDaemon::Remove { directory };
    match ask(&mut session.connect().await?, &message).await? {
        FromDaemon::Removed { is_confirmed } => Ok(is_confirmed),
        _ => Err(senseless()),
    }
}

/// An answer that belongs to no question.
pub(crate) fn senseless() -> CliError {
    CliError::new(
        Kind::Internal,
        "the session's daemon does not answer what it was asked",
        "Stop the session and start it anew: cs stop",
    )
}

impl From<ClientError> for CliError {
    fn from(error: ClientError) -> Self {
        let (kind, hint) = match error {
            ClientError::Refused(failure) => {
                return Self::new(Kind::Input, failure.message, failure.hint);
            }
            ClientError::Local(source) => return source.into(),
            ClientError::NoSuchSession(_) | ClientError::NotRunning(_) => (
                Kind::NotFound,
                "`cs list-sessions` shows those that there are.",
            ),
            ClientError::NoAnswer { .. } => (
                Kind::Busy,
                "It may go on when this machine is less busy, or where it was stopped; else: cs stop --force",
            ),
            ClientError::DoesNotEnd { .. } => (
                Kind::Busy,
                "It waits for the system, for a disk or a network that is gone; then try again.",
            ),
            ClientError::IsRunning(_) => (Kind::Conflict, "Stop it: cs stop"),
            ClientError::NotStarted(_) => (
                Kind::Storage,
                "Check ~/.claude-share and its permissions, and the limits of this system.",
            ),
            ClientError::System(_) => (
                Kind::Storage,
                "Check permissions there, and whether the disk is full or read-only.",
            ),
        };
        Self::new(kind, error.to_string(), hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::GlobalArgs;
    use crate::environment::Environment;

    #[test]
    fn what_the_environment_names_is_private_too() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        let at = |name: &str| home.join(name).to_string_lossy().into_owned();
        for name in ["vault", "client", "run/claude-accounts", "project"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        let (vault, client, run) = (at("vault"), at("client"), at("run"));
        let set = [
            (Variable::Home, home.to_str().unwrap()),
            (Variable::AccountsHome, vault.as_str()),
            (Variable::ConfigDirectory, client.as_str()),
            (Variable::RuntimeDirectory, run.as_str()),
        ];
        let context = Context::new(Environment::of(&set), &GlobalArgs { quiet: false });
        let places = places(&context).unwrap();
        let check = |name: &str| {
            live_process::refusal::check(Path::new(&at(name)), &[], &places)
                .map_err(|failure| failure.message)
        };
        for name in ["vault", "client", "run", "run/claude-accounts"] {
            let refused = check(name).unwrap_err();
            assert!(refused.contains("which no server may see"), "{refused}");
        }
        assert_eq!(check("project"), Ok(home.join("project")));
    }
}
