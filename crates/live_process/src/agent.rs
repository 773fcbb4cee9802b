//! The process on the server that outlives connections: what starts it, reaches it, and ends it.

mod cleaning;
mod connecting;
mod environment_file;
mod inside;
mod links;
mod serving;
mod shims;

pub mod control;

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

use connection::relay::PlaceError;
use live::SessionId;
use live::control::Failure;
use serde::{Deserialize, Serialize};

use crate::{Places, SessionName};

pub use cleaning::{clean, list};
pub use connecting::connect;
pub use inside::{InsideError, become_inside};
pub use serving::serve;

/// How long an agent lives without a connection, unless told otherwise.
pub const GRACE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long file operations wait for a lost connection, unless told otherwise.
pub const PATIENCE: Duration = live_session::server::PATIENCE;

/// Which agent.
#[derive(Clone, Debug)]
pub struct AgentOptions {
    /// The session's name.
    pub session: SessionName,
    /// Its number: whoever connects has to say the same.
    pub id: SessionId,
    /// Where things are on this server.
    pub places: Places,
    /// This program, to be started anew.
    pub program: PathBuf,
    /// How long it lives without a connection.
    pub grace: Duration,
    /// How long file operations wait for a lost connection before they fail.
    pub patience: Duration,
    /// The environment of the programs that it runs: that of this process.
    pub environment: Vec<(OsString, OsString)>,
}

/// Why there is no agent, or it was not reached.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// There is one for this session.
    #[error("an agent of this session is running, or is just ending")]
    Running,
    /// It could not be started; why is in its own words.
    #[error("the session's agent could not be started: {0}")]
    NotStarted(io::Error),
    /// It does not end.
    #[error("the agent of this session does not end: process {0}")]
    DoesNotEnd(u32),
    /// What an earlier one left cannot be taken away.
    #[error("{}{}", .0.message, hint(.0))]
    Left(Failure),
    /// Nothing can listen where agents do, or be connected to.
    #[error("{0}")]
    Socket(#[from] PlaceError),
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
}

fn hint(failure: &Failure) -> String {
    match failure.hint.as_str() {
        "" => String::new(),
        hint => format!(". {hint}"),
    }
}

/// A living agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivingAgent {
    /// The session's name.
    pub session: String,
    /// Its process.
    pub pid: u32,
    /// When it was started: seconds since 1970.
    pub started_at: i64,
}

fn socket_name(session: &SessionName) -> String {
    format!("{session}.sock")
}

/// Where it is asked by programs on the server.
fn control_name(session: &SessionName) -> String {
    format!("{session}.control")
}

/// Where shims are answered.
fn commands_name(session: &SessionName) -> String {
    format!("{session}.commands")
}

/// Held by the agent as long as it lives.
fn lock_name(session: &SessionName) -> String {
    format!("{session}.lock")
}

/// Held by who starts one.
fn starting_name(session: &SessionName) -> String {
    format!("{session}.starting")
}

fn log_name(session: &SessionName) -> String {
    format!("{session}.log")
}
