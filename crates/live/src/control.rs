//! What is said of the session itself.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::files::Root;

/// What the laptop asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A published directory is to be mounted, if it is not. Answered with `Mounted`.
    Mount(Wanted),
    /// A directory is not published any more. Answered with `Done`.
    Unmount(Root),
}

/// A mount that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Of which directory.
    pub root: Root,
    /// What its mount point is called: a name, not a path.
    pub name: String,
    /// Nothing in it can be changed from the server: the laptop refuses it, the mount says so sooner.
    pub read_only: bool,
    /// The user on the laptop, who is shown as the session's user on the server.
    pub user: u32,
    /// The same of the group.
    pub group: u32,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Where a directory is mounted, on the server.
    Mounted(Bytes),
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In words. They are the other end's: make them printable before they are shown.
    pub message: String,
    /// What to do about it; empty if nobody knows.
    pub hint: String,
}
