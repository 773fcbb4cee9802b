//! From a directory to a session whose mounts are there.

use std::path::PathBuf;
use std::time::Duration;

use client::{Extras, Profile, Profiles};
use live::control::Adapter;
use live_process::client::{Server, Session, Sessions, StartDirectory, StartSession};
use live_process::local::{DirectoryStatus, FromDaemon, LinkState, Status, ToDaemon};
use live_process::refusal;
use tokio::time::timeout;

use super::agreement::Asked;
use super::context::{self, Context};
use super::live_error::of_settings;
use super::signals::{Came, Signals};
use super::{account, daemon, sessions, summary};
use crate::error::{CliError, Kind};
use crate::program;

/// How often the daemon is asked how far it is.
const PAUSE: Duration = Duration::from_millis(30);
/// Within how long a signal that has come is noticed.
const NOTICED: Duration = Duration::from_millis(100);
/// How long the server is waited for when a start is given up, in milliseconds.
const GIVEN_UP_MS: u64 = 5_000;

/// Which session is to be.
#[derive(clap::Args)]
pub(crate) struct SessionArgs {
    /// The directory; the current one if not given
    #[arg(value_name = "DIR")]
    pub(super) directory: Option<PathBuf>,
    /// The server, by the name of its profile; the default one if not given
    #[arg(long, value_name = "PROFILE")]
    pub(super) server: Option<String>,
    /// Publish this directory too, in this session; again for more
    #[arg(long, value_name = "DIR")]
    pub(super) add: Vec<PathBuf>,
    /// Let the server change nothing in these directories
    #[arg(long)]
    pub(super) read_only: bool,
    /// What mounts them on the server
    #[arg(long, value_name = "ADAPTER", default_value = "native")]
    pub(super) mount: MountAdapter,
}

/// What makes the mounts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum MountAdapter {
    /// The agent itself
    Native,
    /// The program sshfs, which has to be on the server; slower, and tells less of files
    Sshfs,
}

impl From<MountAdapter> for Adapter {
    fn from(adapter: MountAdapter) -> Self {
        match adapter {
            MountAdapter::Native => Self::Native,
            MountAdapter::Sshfs => Self::Sshfs,
        }
    }
}

/// Starts the session that is `wanted`, and waits until its directories are mounted, or offered to the server. One that
/// cannot be had, or is not wanted any more, is gone when this returns.
///
/// # Errors
/// If it cannot be reached, or mounts nothing; after Ctrl-C.
pub(crate) async fn begin(
    wanted: &StartSession,
    context: &Context,
    signals: &mut Signals,
) -> Result<(Session, Status), CliError> {
    let destination = &wanted.server.destination;
    context
        .output
        .say(&format!("connecting to {}", model::printable(destination)))?;
    let session = match sessions::sessions(context)?.start(wanted) {
        Ok(session) => session,
        Err(error) => {
            // Ctrl-C ends what is being started, too.
            return Err(match timeout(NOTICED, signals.next()).await {
                Ok(Came::Ending(_)) => given_up(),
                _ => error.into(),
            });
        }
    };
    match until_mounted(&session, signals).await {
        Ok(status) => Ok((session, status)),
        Err(error) => {
            give_up(&session, &sessions::sessions(context)?).await;
            Err(error)
        }
    }
}

fn given_up() -> CliError {
    CliError::stopped().hinted("Nothing is left of the session.")
}

/// Ends a session that has only begun.
pub(crate) async fn give_up(session: &Session, sessions: &Sessions) {
    let stopping = async {
        let mut connection = session.connect().await?;
        let limit_ms = GIVEN_UP_MS;
        Ok::<FromDaemon, CliError>(connection.ask(&ToDaemon::Stop { limit_ms }).await?)
    };
    if stopping.await.is_err() {
        // The daemon has died of it.
        drop(sessions.clean(session.name()).await);
    }
}

/// A session that is to be, and the profile that its server has.
pub(super) struct Wanted {
    pub(super) session: StartSession,
    profile: String,
    server: String,
}

impl Wanted {
    /// Whom it has to be agreed with that commands run here.
    pub(super) fn asked(&self) -> Asked<'_> {
        Asked {
            profile: Some(&self.profile),
            server: &self.server,
            may_ask: true,
        }
    }
}

/// What `args` want, with no account and no commands yet.
///
/// # Errors
/// If there is no server to have it on, or a directory cannot be published.
pub(super) fn wanted(args: &SessionArgs, context: &Context) -> Result<Wanted, CliError> {
    let paths = context.paths()?;
    let profiles = Profiles::load(&paths).map_err(of_settings)?;
    let (name, profile) = profiles
        .choose(args.server.as_deref())
        .map_err(of_settings)?;
    let directories = directories(args, context)?;
    let session = StartSession {
        program: program::own_path()?,
        arguments: vec![daemon::NAME.into()],
        server: server(profile),
        directories,
        adapter: args.mount.into(),
        when_asked: false,
        account: None,
        commands: None,
        name: None,
        local_time: jiff::Zoned::now().datetime(),
    };
    Ok(Wanted {
        session,
        profile: name.to_owned(),
        server: profile.destination.to_string(),
    })
}

/// How the server of a profile is reached.
pub(crate) fn server(profile: &Profile) -> Server {
    Server {
        destination: profile
            .destination
            .without_port()
            .to_string_lossy()
            .into_owned(),
        port: profile.destination.port(),
        identity: profile.identity.clone(),
        remote_program: profile.program.clone(),
        ssh_program: "ssh".into(),
    }
}

/// The main one first. Registered ones that cannot be published beside it are told and left out; those that were named
/// for this session are an error then.
fn directories(args: &SessionArgs, context: &Context) -> Result<Vec<StartDirectory>, CliError> {
    let places = sessions::places(context)?;
    let given = args.directory.clone().unwrap_or_else(|| PathBuf::from("."));
    let named = std::iter::once(&given).chain(&args.add);
    let mut directories = Vec::new();
    let mut taken: Vec<PathBuf> = Vec::new();
    for given in named {
        let path = context::directory(given)?;
        if taken.contains(&path) {
            continue;
        }
        let checked = refusal::check(&path, &taken, &places);
        checked.map_err(|failure| CliError::new(Kind::Input, failure.message, failure.hint))?;
        taken.push(path.clone());
        directories.push(StartDirectory {
            path,
            read_only: args.read_only,
        });
    }
    let extras = Extras::load(&context.paths()?).map_err(of_settings)?;
    for extra in extras.list() {
        if taken.contains(&extra.directory) {
            continue;
        }
        match refusal::check(&extra.directory, &taken, &places) {
            Ok(path) => {
                taken.push(path.clone());
                let read_only = extra.read_only || args.read_only;
                directories.push(StartDirectory { path, read_only });
            }
            Err(failure) => context.output.warning(&failure.message),
        }
    }
    Ok(directories)
}

/// Waits until every directory is mounted or known not to be, and the account is there.
async fn until_mounted(session: &Session, signals: &mut Signals) -> Result<Status, CliError> {
    let mut connection = session.connect().await?;
    loop {
        let status = sessions::status(&mut connection).await?;
        if let Some(error) = failure(&status).or_else(|| account::failure(&status)) {
            return Err(error);
        }
        if status.directories.iter().all(is_decided) && account::is_decided(&status) {
            return Ok(status);
        }
        tokio::select! {
            came = signals.next() => if let Came::Ending(_) = came {
                return Err(given_up());
            },
            () = tokio::time::sleep(PAUSE) => {}
        }
    }
}

fn is_decided(directory: &DirectoryStatus) -> bool {
    directory.remote.is_some() || directory.failure.is_some() || directory.is_offered
}

/// Why there will be no session; `None` if there may be. A server that is not reached at first is not waited for: it may
/// be another one than was meant.
fn failure(status: &Status) -> Option<CliError> {
    let server = &status.server;
    let unreachable = |why: &str| {
        CliError::new(
            Kind::Network,
            format!("{server} cannot be reached: {why}"),
            "Try it by itself: ssh, with the same name; then set it up again: claude-share client init",
        )
    };
    match &status.link {
        LinkState::Connecting {
            error: Some(why), ..
        }
        | LinkState::Down { error: why, .. }
        | LinkState::Ended { reason: why } => return Some(unreachable(why)),
        LinkState::Connecting { error: None, .. } | LinkState::Up { .. } => {}
    }
    let main = status
        .directories
        .iter()
        .find(|directory| directory.is_main)?;
    let why = main.failure.as_ref()?;
    let local = summary::path(&main.local.to_path());
    Some(CliError::new(
        Kind::Server,
        format!("{local} cannot be mounted on {server}: {why}"),
        "`claude-share client init` shows what the server lacks.",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cs::summary::tests::status;

    #[test]
    fn a_session_is_given_up_where_it_cannot_be_had() {
        assert!(failure(&status()).is_none());
        let mut unreachable = status();
        unreachable.link = LinkState::Connecting {
            attempt: 2,
            error: Some("Connection refused".to_owned()),
        };
        let told = failure(&unreachable).unwrap();
        assert_eq!(told.kind, Kind::Network);
        assert!(
            told.message
                .contains("st@43.162.99.88 cannot be reached: Connection refused")
        );
        let mut without_mount = status();
        without_mount.directories[1].failure = Some("no FUSE".to_owned());
        assert_eq!(failure(&without_mount).unwrap().kind, Kind::Server);
        let mut without_extra = status();
        without_extra.directories[0].failure = Some("no FUSE".to_owned());
        assert!(failure(&without_extra).is_none());
    }

    #[test]
    fn a_directory_is_decided_when_it_is_mounted_or_is_not_going_to_be() {
        let mut directory = status().directories.remove(0);
        assert!(is_decided(&directory));
        directory.remote = None;
        assert!(!is_decided(&directory));
        directory.failure = Some("no".to_owned());
        assert!(is_decided(&directory));
    }
}
