//! What programs of the session's user on the server say to its agent, over a unix socket of its own.
//!
//! The messages are framed as those of [`crate::local`], and of the same version.

mod asking;
mod serving;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::local::{LocalMessage, LocalPath, VERSION};

pub use asking::{AgentConnection, ControlError};
pub(super) use serving::Control;

/// What a program says to the agent. Requests are answered one after the other, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToAgent {
    /// The first message: the version of what follows. Stays the first of these.
    Version(u32),
    /// What the laptop offers is to be mounted. Answered with `Mounted`.
    Mount {
        /// How long to wait for the connection to the laptop, in milliseconds.
        limit_ms: u64,
    },
    /// It is to be unmounted, after what was written there is on the laptop. Answered with `Done`.
    Unmount {
        /// How long to wait for the connection to the laptop, in milliseconds.
        limit_ms: u64,
    },
    /// How it is with the session. Answered with `Status`.
    Status,
}

/// What the agent says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromAgent {
    /// The first message: the version of what follows. Stays the first of these.
    Version(u32),
    /// It is mounted.
    Mounted {
        /// Where the main directory is.
        main: LocalPath,
        /// What a shell reads to be there as programs of the session are.
        environment: LocalPath,
    },
    /// It is done.
    Done,
    /// How it is with the session.
    Status(AgentStatus),
    /// It is not done.
    Refused(Refusal),
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Refusal {
    /// There was no connection to the laptop for as long as the request said.
    NotConnected {
        /// Since when there is none, in milliseconds before now.
        since_ms: u64,
    },
    /// It cannot be, or may not.
    Failed {
        /// In words that can be shown.
        message: String,
        /// What to do about it, also such words; empty if nobody knows.
        hint: String,
    },
}

/// How it is with a session on the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Its name.
    pub session: String,
    /// The agent's process.
    pub agent: u32,
    /// When that was started: seconds since 1970.
    pub started_at: i64,
    /// Whether there is a connection to the laptop.
    pub is_connected: bool,
    /// For how long that has been so, in milliseconds.
    pub since_ms: u64,
    /// What the laptop wants mounted.
    pub directories: Vec<AgentDirectory>,
    /// How many programs run in the session.
    pub programs: u32,
    /// What a shell reads to be in the mount as programs of the session are, if there is such a file.
    pub environment: Option<LocalPath>,
}

/// How it is with a directory that the laptop wants mounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AgentDirectory {
    /// What it is called, in words that can be shown.
    pub name: String,
    /// It is what the session is for.
    pub is_main: bool,
    /// Nothing in it can be changed from the server.
    pub read_only: bool,
    /// It is mounted when [`ToAgent::Mount`] asks for it, not before.
    pub when_asked: bool,
    /// Where it is mounted, if it is.
    pub place: Option<LocalPath>,
    /// Why it could not be mounted, in words that can be shown.
    pub failure: Option<String>,
}

impl LocalMessage for ToAgent {
    fn version() -> Self {
        Self::Version(VERSION)
    }

    fn said_version(&self) -> Option<u32> {
        match self {
            Self::Version(version) => Some(*version),
            _ => None,
        }
    }
}

impl LocalMessage for FromAgent {
    fn version() -> Self {
        Self::Version(VERSION)
    }

    fn said_version(&self) -> Option<u32> {
        match self {
            Self::Version(version) => Some(*version),
            _ => None,
        }
    }
}
