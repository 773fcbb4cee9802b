//! What is said of the session itself.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::files::Root;
use crate::programs::{Program, Report, Size, Start, Viewer};

/// What the laptop asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// A published directory is to be mounted, if it is not. Answered with `Mounted`, or with `Offered` and that later.
    Mount(Wanted),
    /// A directory is not published any more. Answered with `Done`.
    Unmount(Root),
    /// The session's account is this from now on. Answered with `Done` once the next program that is started has it, or with
    /// `SignedIn`.
    Account(Account),
    /// A program is to run. Answered with `Done`.
    Start(Start),
    /// Somebody wants to look at a program that has a terminal, also one that has ended. Answered with `Done`.
    Attach {
        /// Which program.
        program: Program,
        /// Who looks, from then on.
        viewer: Viewer,
        /// How large a terminal that viewer has, if it has one.
        size: Option<Size>,
        /// What it types is dropped, and its size does not count.
        read_only: bool,
    },
    /// A viewer is gone. Behind whatever it typed. Answered with `Done`.
    Detach(Viewer),
    /// A program is to end; of one that has ended, the report is forgotten. Answered with `Done`, before it has ended.
    End(Program),
    /// Which programs there are. Answered with `Programs`.
    Programs,
    /// Commands of these names, and no others, run on the laptop from now on, where they are typed in a mount. Answered with
    /// `Done` once that is so.
    Proxy(Vec<String>),
}

/// A mount that is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Of which directory.
    pub root: Root,
    /// What its mount point is called: a name, not a path.
    pub name: String,
    /// It is what the session is for: mounted where sessions are looked for, not among the extra ones.
    pub is_main: bool,
    /// Nothing in it can be changed from the server: the laptop refuses it, the mount says so sooner.
    pub read_only: bool,
    /// What makes the mount.
    pub adapter: Adapter,
    /// It is mounted when somebody on the server asks for it.
    pub when_asked: bool,
    /// The user on the laptop, who is shown as the session's user on the server.
    pub user: u32,
    /// The same of the group.
    pub group: u32,
}

/// What makes a mount.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Adapter {
    /// The agent itself.
    #[default]
    Native,
    /// The program `sshfs`, which the agent feeds.
    Sshfs,
}

/// What the client on the server works as, for as long as the session lasts. Without a refresh token.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// What the environment of every program has, name and value: an API key.
    pub environment: Vec<(Bytes, Bytes)>,
    /// What the client's `.credentials.json` says, if it is to have one of the session's own.
    pub document: Option<Bytes>,
}

/// It is a secret: only which parts there are is shown.
impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.environment.iter().map(|(name, _)| name);
        formatter
            .debug_struct("Account")
            .field("environment", &names.collect::<Vec<_>>())
            .field("document", &self.document.as_ref().map(|_| "[redacted]"))
            .finish()
    }
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// It is done.
    Done,
    /// Where a directory is mounted, on the server.
    Mounted(Bytes),
    /// Which programs there are, the lowest number first; of those that ended, the last ones.
    Programs(Vec<Report>),
    /// It is mounted when somebody on the server asks for it, and is not now. `Mounted` follows with the same number when
    /// it is, and this again when it is not any more.
    Offered,
    /// The account is told, and somebody has signed in where its login would be: the session has that login until then, and
    /// everything else of the account.
    SignedIn,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In words. They are the other end's: make them printable before they are shown.
    pub message: String,
    /// What to do about it; empty if nobody knows.
    pub hint: String,
}
