//! What is done after a daemon that was killed.

use std::fs;
use std::time::Duration;

use model::printable;
use rustix::process::Signal;
use tokio::io::AsyncReadExt as _;
use tokio::time::timeout;

use super::{ClientError, LOCK, Record, Sessions};
use crate::daemon::socket_name;
use crate::lock::{self, Lock};
use crate::{SessionName, process};

/// How long the server is waited for.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a daemon that is killed may take to be gone.
const KILLING: Duration = Duration::from_secs(5);
/// How much of what the server says is read, in bytes.
const LONGEST: u64 = 4 << 10;

/// What came of cleaning up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    /// What is not known to be clean on the server, in words that can be shown; `None`: everything is.
    pub note: Option<String>,
}

impl Sessions {
    /// Cleans up after a daemon that was killed: ends the agent on the server over ssh, and removes what is left here. What
    /// is left on the server, because that cannot be reached, ends by itself when the agent's grace is over.
    ///
    /// # Errors
    /// [`ClientError::IsRunning`] if there is nothing to clean up; or if it cannot be removed.
    pub async fn clean(&self, name: &SessionName) -> Result<Cleaned, ClientError> {
        let directory = self.places.session(name);
        let _cleaning = self.take(name)?;
        // Without a record it has never reached the server.
        let note = match Record::read(&self.places, name) {
            Ok(Some(record)) => self.clean_server(name, &record).await,
            Ok(None) => None,
            Err(error) => Some(printable(&error.to_string())),
        };
        fs::remove_dir_all(&directory)?;
        self.remove(name);
        self.places.remove_unused();
        Ok(Cleaned { note })
    }

    /// Kills the daemon of a session, if there is one: for one that does not answer. What that leaves is for
    /// [`Sessions::clean`]. Blocks until it is gone.
    ///
    /// # Errors
    /// [`ClientError::DoesNotEnd`] if it stays.
    pub fn kill(&self, name: &SessionName) -> Result<(), ClientError> {
        let path = self.places.session(name).join(LOCK);
        // It says its number when it has the lock.
        let Some(said) = lock::holder(&path)? else {
            return Ok(());
        };
        let pid = said.trim().parse().unwrap_or_default();
        let is_it = || Ok(lock::holder(&path)?.as_ref() == Some(&said));
        match process::end(pid, is_it, &[(Signal::KILL, KILLING)])? {
            true => Ok(()),
            false => Err(ClientError::DoesNotEnd {
                session: name.to_string(),
                pid,
            }),
        }
    }

    /// Has nobody else take the session for running, or for left behind.
    fn take(&self, name: &SessionName) -> Result<Lock, ClientError> {
        let _starting = self.lock_starting()?;
        let directory = self.places.session(name);
        if !directory.is_dir() {
            return Err(ClientError::NoSuchSession(name.to_string()));
        }
        let taken = Lock::take(&directory.join(LOCK))?;
        taken.ok_or_else(|| ClientError::IsRunning(name.to_string()))
    }

    async fn clean_server(&self, name: &SessionName, record: &Record) -> Option<String> {
        let arguments = ["agent", "clean", "--session", name.as_str()];
        let ssh = record.server.ssh(&arguments, &self.environment);
        let cleaning = async {
            let mut said = String::new();
            let mut stream = ssh.start()?.take(LONGEST);
            stream.read_to_string(&mut said).await.map(drop)
        };
        let problem = match timeout(PATIENCE, cleaning).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "the server does not answer".to_owned(),
        };
        Some(printable(&problem))
    }

    /// Removes what is left of a session here, as far as it is there.
    pub(super) fn remove(&self, name: &SessionName) {
        fs::remove_dir_all(self.places.session(name)).ok();
        fs::remove_file(self.places.daemons().join(socket_name(name))).ok();
    }
}
