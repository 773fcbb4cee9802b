//! What can go wrong with profiles, and with servers that are being made ready.

use std::io;
use std::path::PathBuf;

use model::NameError;
use vault::VaultError;

use crate::destination::DestinationError;

/// What can go wrong. No variant holds a password or a private key.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] VaultError),
    /// A file of settings is damaged, or of a later version.
    #[error("{} cannot be used: {problem}", path.display())]
    Settings {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// What was given as a server is none.
    #[error(transparent)]
    Destination(#[from] DestinationError),
    /// The name of a profile cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// There is no such profile.
    #[error("there is no profile {0:?}")]
    NoProfile(String),
    /// A profile of that name is there, for another server.
    #[error("{0:?} is the profile of another server")]
    Taken(String),
    /// No server was ever made ready.
    #[error("no server is set up yet")]
    NoProfiles,
    /// Another process keeps the settings for too long.
    #[error("another process is changing {}", .0.display())]
    Busy(PathBuf),
    /// The key that was named cannot be used.
    #[error("the key {} cannot be used: {problem}", path.display())]
    Key {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// A program of the system did not do what it was asked.
    #[error("`{program}` failed: {problem}")]
    Program {
        /// The program.
        program: String,
        /// What it said.
        problem: String,
    },
    /// The server was not reached, or does not let the user in.
    #[error("{destination} cannot be reached: {problem}")]
    Unreachable {
        /// The server.
        destination: String,
        /// What ssh said last.
        problem: String,
    },
    /// The server does something else than it was asked.
    #[error("{destination} did not do it: {problem}")]
    Remote {
        /// The server.
        destination: String,
        /// What it said.
        problem: String,
    },
    /// The system refuses.
    #[error("cannot {action}: {source}")]
    System {
        /// What was tried: completes "cannot …".
        action: String,
        /// What it said.
        source: io::Error,
    },
}

impl ClientError {
    /// For `map_err`: what was tried.
    pub(crate) fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        |source| Self::System { action, source }
    }
}
