//! What is said over the socket.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limits::Limits;
use crate::sandbox::Sandbox;

/// What is to be run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The program's file.
    pub program: Bytes,
    /// What it is told that it is called.
    pub name: Bytes,
    /// Its arguments behind that.
    pub arguments: Vec<Bytes>,
    /// Its whole environment, name and value.
    pub environment: Vec<(Bytes, Bytes)>,
    /// Which permissions the files that it makes do not get, as in `umask(2)`.
    pub umask: u32,
    /// What it may use up.
    pub limits: Limits,
    /// What it may not touch; `None`: all that its user may.
    pub sandbox: Option<Sandbox>,
}

/// What the runner is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first: with the descriptors of [`crate::Descriptors`], in that order.
    Start {
        /// What.
        spec: Box<Spec>,
        /// Whether the last descriptor is a terminal.
        has_terminal: bool,
    },
    /// A signal for the command's process group, by its number on Linux.
    Signal(i32),
}

/// How the command fares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// It runs.
    Started,
    /// It does not: the number of the error, as in `errno(3)`. Nothing follows.
    NotStarted(i32),
    /// This signal has stopped it.
    Stopped(i32),
    /// It goes on.
    Continued,
    /// It has ended. What it has started may still run.
    Ended {
        /// Its exit status, if it exited.
        code: Option<i32>,
        /// The signal that killed it, if one did.
        signal: Option<i32>,
    },
    /// Nothing of it runs any more. Nothing follows.
    Gone,
    /// It does not run, as the system cannot keep from it what it may not touch: no landlock (Linux before 5.13, or without
    /// it among its `lsm`s). Nothing follows.
    NotSandboxed,
}

/// The words and the environment may be secrets: only how many there are is shown.
impl fmt::Debug for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Spec")
            .field("program", &self.program)
            .field("arguments", &self.arguments.len())
            .field("environment", &self.environment.len())
            .field("umask", &self.umask)
            .field("limits", &self.limits)
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}
