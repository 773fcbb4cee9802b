//! What is said over the socket.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

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
}

/// What the runner is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Order {
    /// The first: with the descriptors of [`crate::Descriptors`], in that order.
    Start {
        /// What.
        spec: Spec,
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
}

/// The words and the environment may be secrets: only how many there are is shown.
impl fmt::Debug for Spec {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Spec")
            .field("program", &self.program)
            .field("arguments", &self.arguments.len())
            .field("environment", &self.environment.len())
            .finish_non_exhaustive()
    }
}
