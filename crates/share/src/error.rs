//! What can go wrong on a server.

use std::io;
use std::path::PathBuf;

use vault::VaultError;

/// What can go wrong on a server.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    /// The vault, or a file that is kept as carefully.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The file of what was set up.
    #[error("{path} cannot be used: {problem}", path = path.display())]
    State {
        /// Which file.
        path: PathBuf,
        /// Why.
        problem: String,
    },
    /// The file that people edit.
    #[error("{path}, line {line}: {problem}", path = path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Where, from 1.
        line: usize,
        /// Why.
        problem: String,
    },
    /// A file of users and passwords that is not to be trusted or read.
    #[error("{path} {problem}", path = path.display())]
    UsersFile {
        /// Which file.
        path: PathBuf,
        /// Why: a predicate, such as `is not owned by root`.
        problem: String,
    },
    /// A name that no user, group or directory may have here.
    #[error("{0}")]
    Name(String),
    /// A program of the system did not do what it was asked.
    #[error("`{program}` failed: {problem}")]
    Program {
        /// The program and what it was asked; never a password.
        program: String,
        /// What it said.
        problem: String,
    },
    /// A home cannot be worked on.
    #[error("the home of {user} cannot be worked on: {problem}")]
    Home {
        /// Whose.
        user: String,
        /// Why.
        problem: String,
    },
    /// There is a keeper already.
    #[error("a keeper is already running on this server")]
    KeeperRunning,
    /// Another command is changing the machine.
    #[error("another command of claude-share is changing this machine")]
    Busy,
    /// The system refused something.
    #[error("cannot {action}: {source}")]
    System {
        /// What: a verb with its object.
        action: String,
        /// What the system said.
        source: io::Error,
    },
}

impl ShareError {
    /// For `map_err`: what the system refused.
    pub fn system(action: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let action = action.into();
        move |source| Self::System { action, source }
    }
}
