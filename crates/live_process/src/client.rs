//! How programs on the laptop start sessions, find them and talk to their daemons.

mod cleaning;
mod connecting;
mod finding;
mod holding;
mod starting;

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::PathBuf;

use jiff::civil::DateTime;
use live::control::{Adapter, Failure};
use proxy::Name;

use crate::command_log::{self, LogEntry};
use crate::local::LocalError;
use crate::{BroughtAccount, Places, SessionName, lock};

pub use crate::record::{Published, Record, Server, SessionCommands};
pub use cleaning::Cleaned;
pub use connecting::{LocalConnection, LocalReceiver, LocalSender};
pub use holding::{Held, HeldSession};

/// What the daemon holds locked in the session's directory.
pub(crate) const LOCK: &str = "lock";
/// Where the daemon writes what happens.
pub(crate) const LOG: &str = "log";

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It is refused; the words can be shown.
    #[error("{}", .0.message)]
    Refused(Failure),
    /// There is no session of that name.
    #[error("there is no session {0}")]
    NoSuchSession(String),
    /// Its daemon is not running any more.
    #[error("the daemon of the session {0} is not running any more: `cs stop` cleans up after it")]
    NotRunning(String),
    /// Its daemon is there and says nothing: it is stopped, or hangs.
    #[error("the process of the session {session} here does not answer: {pid}")]
    NoAnswer {
        /// The session.
        session: String,
        /// The process.
        pid: u32,
    },
    /// Its daemon was killed and is still there: it waits for the kernel.
    #[error("the process of the session {session} here does not end: {pid}")]
    DoesNotEnd {
        /// The session.
        session: String,
        /// The process.
        pid: u32,
    },
    /// Its daemon is running, so there is nothing to clean up.
    #[error("the session {0} is running")]
    IsRunning(String),
    /// The daemon could not be started; why is in its own words.
    #[error("the session's daemon could not be started: {0}")]
    NotStarted(io::Error),
    /// What is said to it or by it.
    #[error(transparent)]
    Local(#[from] LocalError),
    /// The system refuses.
    #[error("{0}")]
    System(#[from] io::Error),
}

/// The sessions of a user on this laptop.
#[derive(Clone, Debug)]
pub struct Sessions {
    places: Places,
    environment: Vec<(OsString, OsString)>,
}

/// A session that is to be.
#[derive(Clone, Debug)]
pub struct StartSession {
    /// This program, to be started anew.
    pub program: PathBuf,
    /// The arguments with which it calls [`crate::daemon::run`].
    pub arguments: Vec<OsString>,
    /// Where the session is to be.
    pub server: Server,
    /// What is published, the first as what the session is for.
    pub directories: Vec<StartDirectory>,
    /// What makes the mounts.
    pub adapter: Adapter,
    /// They are made when somebody on the server asks for them.
    pub when_asked: bool,
    /// The account that is brought along.
    pub account: Option<BroughtAccount>,
    /// The commands that run on this laptop when they are typed on the server; `None`: none do.
    pub commands: Option<StartCommands>,
    /// What it is called; `None`: after its directory and the time.
    pub name: Option<SessionName>,
    /// What the clock of this laptop shows: a part of the session's name.
    pub local_time: DateTime,
}

/// Commands that run on the laptop.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StartCommands {
    /// What the user's settings add to [`proxy::DEFAULTS`].
    pub added: Vec<Name>,
    /// What they remove.
    pub removed: Vec<Name>,
    /// How this session has it, and which names besides.
    pub session: SessionCommands,
}

/// A directory that is published from the beginning.
#[derive(Clone, Debug)]
pub struct StartDirectory {
    /// Which.
    pub path: PathBuf,
    /// Nothing in it can be changed from the server.
    pub read_only: bool,
}

/// A session, running or left behind.
#[derive(Clone, Debug)]
pub struct Session {
    name: SessionName,
    record: Record,
    is_running: bool,
    places: Places,
}

impl Sessions {
    /// Those of the user with these places. `environment` is that of this process: what ssh needs of it is passed on.
    #[must_use]
    pub fn new(places: Places, environment: Vec<(OsString, OsString)>) -> Self {
        Self {
            places,
            environment,
        }
    }

    /// All sessions, the oldest first: those whose daemon runs, and those whose daemon was killed.
    ///
    /// # Errors
    /// If the directory of the sessions cannot be read. A session whose record cannot be is left out.
    pub fn list(&self) -> Result<Vec<Session>, ClientError> {
        let entries = match fs::read_dir(self.places.sessions()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let names = entries
            .flatten()
            .filter_map(|entry| SessionName::new(entry.file_name().to_str()?).ok());
        let mut sessions: Vec<Session> = names
            .filter_map(|name| self.session(name).ok().flatten())
            .collect();
        sessions.sort_by(|one, other| {
            let key = |session: &Session| (session.record.started_at, session.name.clone());
            key(one).cmp(&key(other))
        });
        Ok(sessions)
    }

    /// The session `name`.
    ///
    /// # Errors
    /// If there is none.
    pub fn find(&self, name: &SessionName) -> Result<Session, ClientError> {
        let found = self.session(name.clone())?;
        found.ok_or_else(|| ClientError::NoSuchSession(name.to_string()))
    }

    fn session(&self, name: SessionName) -> io::Result<Option<Session>> {
        let Some(record) = Record::read(&self.places, &name)? else {
            return Ok(None);
        };
        let holder = lock::holder(&self.places.session(&name).join(LOCK))?;
        Ok(Some(Session {
            record,
            is_running: holder.is_some(),
            places: self.places.clone(),
            name,
        }))
    }
}

impl Session {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &SessionName {
        &self.name
    }

    /// What is written down of it.
    #[must_use]
    pub fn record(&self) -> &Record {
        &self.record
    }

    /// Whether its daemon was running when this was made. If not, see [`Sessions::clean`].
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.is_running
    }

    /// Whether its daemon runs now.
    ///
    /// # Errors
    /// If that cannot be looked at.
    pub fn runs_now(&self) -> io::Result<bool> {
        let held = lock::holder(&self.places.session(&self.name).join(LOCK))?;
        Ok(held.is_some())
    }

    /// Where its daemon writes what happens.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.places.session(&self.name).join(LOG)
    }

    /// The commands that have run here for it, the oldest that is known first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn commands(&self) -> io::Result<Vec<LogEntry>> {
        command_log::read(&self.places.session(&self.name))
    }
}
