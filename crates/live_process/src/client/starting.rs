//! How a session begins.

use std::io;
use std::path::PathBuf;

use live::SessionId;
use live::control::Failure;

use zeroize::Zeroizing;

use super::{ClientError, LOG, Published, Record, Session, Sessions, StartSession};
use crate::daemon::{CommandsOptions, DaemonOptions};
use crate::detached::Starting;
use crate::lock::{self, Lock};
use crate::record::{for_ssh, hexadecimal};
use crate::{SessionName, refusal};

/// Room for what a daemon is told, in bytes: more than a usual login, as JSON, takes.
const LARGEST_OPTIONS: usize = 1 << 17;
/// How many sessions of the same directory may begin in the same second.
const MOST_OF_A_NAME: u32 = 1000;
/// What is held while a session begins or is cleaned up, so that none is taken for left behind meanwhile. No name of a
/// session.
const STARTING: &str = ".starting";

impl Sessions {
    /// Starts a session: its daemon, detached from this process and its terminal. Blocks until that answers; it may have no
    /// connection to the server by then, see [`crate::local::ToDaemon::Status`].
    ///
    /// # Errors
    /// [`ClientError::Refused`] if a directory is one that is not published; or if the daemon cannot be started.
    pub fn start(&self, start: &StartSession) -> Result<Session, ClientError> {
        let directories = self.directories(start)?;
        let main = directories
            .first()
            .map_or(PathBuf::new(), |main| main.path.clone());
        let starting = self.lock_starting()?;
        let name = match &start.name {
            Some(name) => self.take_name(name)?,
            None => self.make_directory(&SessionName::of(&main, start.local_time))?,
        };
        let mut id = [0; 16];
        getrandom::fill(&mut id).map_err(io::Error::from)?;
        let record = Record {
            session: name.to_string(),
            id: hexadecimal(SessionId(id)),
            server: start.server.clone(),
            directories,
            adapter: start.adapter,
            when_asked: start.when_asked,
            account: start.account.as_ref().map(|account| account.name.clone()),
            commands: start
                .commands
                .as_ref()
                .map(|commands| commands.session.clone()),
            started_at: jiff::Timestamp::now().as_millisecond(),
            pid: 0,
        };
        let started = self.start_daemon(start, &name, record);
        if started.is_err() {
            // One that hangs; else there is none.
            drop(self.kill(&name));
            self.remove(&name);
            drop(starting);
            self.places.remove_unused();
        }
        started?;
        self.find(&name)
    }

    pub(super) fn lock_starting(&self) -> Result<Lock, ClientError> {
        let make = || self.places.make_sessions();
        Ok(lock::in_directory(make, STARTING, Lock::wait)?.1)
    }

    fn directories(&self, start: &StartSession) -> Result<Vec<Published>, ClientError> {
        let mut published: Vec<Published> = Vec::new();
        for (root, directory) in (0..).zip(&start.directories) {
            let paths: Vec<PathBuf> = published.iter().map(|other| other.path.clone()).collect();
            let path = refusal::check(&directory.path, &paths, &self.places);
            published.push(Published::new(
                path.map_err(ClientError::Refused)?,
                root,
                directory.read_only,
            ));
        }
        if published.is_empty() {
            return Err(ClientError::Refused(Failure {
                message: "a session has to have a directory".to_owned(),
                hint: String::new(),
            }));
        }
        Ok(published)
    }

    fn take_name(&self, name: &SessionName) -> Result<SessionName, ClientError> {
        match self.places.make_session(name) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(ClientError::Refused(Failure {
                    message: format!("there is a session {name} already"),
                    hint: "Give another name, or end that one: cs stop".to_owned(),
                }))
            }
            made => Ok(made.map(|_| name.clone())?),
        }
    }

    /// Takes a name that nobody has.
    fn make_directory(&self, wanted: &SessionName) -> Result<SessionName, ClientError> {
        let numbered = (2..MOST_OF_A_NAME).map(|number| wanted.numbered(number));
        for name in [wanted.clone()].into_iter().chain(numbered) {
            match self.places.make_session(&name) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => return Ok(made.map(|_| name)?),
            }
        }
        Err(io::Error::from(io::ErrorKind::AlreadyExists).into())
    }

    fn start_daemon(
        &self,
        start: &StartSession,
        name: &SessionName,
        record: Record,
    ) -> Result<(), ClientError> {
        let directory = self.places.session(name);
        record.write(&directory)?;
        let options = DaemonOptions {
            record,
            home: self.places.home().to_owned(),
            runtime: self.places.daemons(),
            private: self.places.private().to_vec(),
            account: start.account.clone(),
            commands: start.commands.as_ref().map(|commands| CommandsOptions {
                added: commands.added.iter().map(ToString::to_string).collect(),
                removed: commands.removed.iter().map(ToString::to_string).collect(),
                environment: self.environment.clone(),
            }),
            environment: for_ssh(&self.environment),
        };
        // Grown once: a list that moves while it grows leaves unwiped copies behind.
        let largest = LARGEST_OPTIONS + options.commands.as_ref().map_or(0, CommandsOptions::room);
        let mut input = Zeroizing::new(Vec::with_capacity(largest));
        serde_json::to_writer(&mut *input, &options).map_err(io::Error::other)?;
        let starting = Starting {
            program: &start.program,
            arguments: start.arguments.clone(),
            environment: Some(for_ssh(&self.environment)),
            input: &input,
            log: directory.join(LOG),
        };
        starting.start().map_err(ClientError::NotStarted)
    }
}
