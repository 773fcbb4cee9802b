//! A session that ends with the process that has it.

use std::time::Duration;

use super::{ClientError, LocalConnection, Session};
use crate::local::{FromDaemon, LinkState, LocalError, ToDaemon};

/// A session that ends when this is dropped, or the process is killed that has it.
#[derive(Debug)]
pub struct HeldSession(LocalConnection);

/// What is told of a held session.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// How it is with the connection to the server.
    Link(LinkState),
    /// The session has ended.
    Ended {
        /// What is not known to have ended on the server, in words; `None`: everything has.
        note: Option<String>,
    },
}

impl Session {
    /// Has the session end with this process at the latest. Inside of a tokio runtime.
    ///
    /// # Errors
    /// As [`Session::connect`].
    pub async fn hold(&self) -> Result<HeldSession, ClientError> {
        let mut connection = self.connect().await?;
        connection.send(&ToDaemon::Hold).await?;
        Ok(HeldSession(connection))
    }
}

impl HeldSession {
    /// What is told next. Dropping the future loses nothing.
    ///
    /// # Errors
    /// If the daemon has died, or says what it was not asked.
    pub async fn next(&mut self) -> Result<Held, LocalError> {
        match self.0.next().await? {
            FromDaemon::Link(link) => Ok(Held::Link(link)),
            FromDaemon::Stopped { note } => Ok(Held::Ended { note }),
            _ => Err(LocalError::Unintelligible),
        }
    }

    /// Has the session end, and waits at most `limit` for the server. [`Held::Ended`] follows.
    ///
    /// # Errors
    /// If the daemon has died.
    pub async fn stop(&mut self, limit: Duration) -> Result<(), LocalError> {
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        self.0.send(&ToDaemon::Stop { limit_ms }).await
    }
}
