//! What programs on the laptop and the session's daemon say to each other, over a unix socket of the user's own.
//!
//! A message is its length in four bytes, the highest first, and as many bytes of `postcard`. The first message of each
//! side is [`ToDaemon::Version`] or [`FromDaemon::Version`], which are the same bytes in every version.

mod framing;

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use live::control::{Adapter, Failure};
use live::files::Root;
use live::programs::{Directory, Input, LARGEST_PIECE, Output, Program, Report, Size, What};
use serde::{Deserialize, Serialize};

pub use framing::{LARGEST, LocalError, LocalMessage, MessageReader, MessageWriter};

/// The version of all that is said here.
pub const VERSION: u32 = 3;
/// How much of what a viewer types may not have been [passed on](FromDaemon::Passed), in bytes.
pub const MOST_TYPED: usize = 16 * LARGEST_PIECE;

/// What a program says to the daemon. Requests are answered one after the other, in order.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToDaemon {
    /// The first message: the version of what follows. Stays the first of these.
    Version(u32),
    /// How it is with the session. Answered with `Status`.
    Status,
    /// A directory is to be published too. Answered with `Mounted` once it is on the server, or with `Done` where that is
    /// when somebody there asks for it.
    Add {
        /// Which, absolute.
        directory: LocalPath,
        /// Nothing in it can be changed from the server.
        read_only: bool,
    },
    /// A directory is not to be published any more. Answered with `Removed` once the server has it no longer; goes on if
    /// nobody waits for that.
    Remove {
        /// Which: as it was added, or as it is resolved.
        directory: LocalPath,
    },
    /// The session is to end: programs, mounts, the agent, the daemon. Answered with `Stopped`, the last message.
    Stop {
        /// How long to wait for the server, in milliseconds. What is not known to be ended by then is left to the agent,
        /// which ends by itself when it has had no connection for its grace.
        limit_ms: u64,
    },
    /// Somebody looks, or the laptop has woken: connect at once, if there is no connection. Answered with `Done`.
    Wake,
    /// A program is to be started. Answered with `Attached`; from then on the connection is its viewer's.
    Run(Run),
    /// To look at a program. Answered with `Attached`; from then on the connection is the viewer's.
    Attach {
        /// Which; `None`: the session's main program.
        program: Option<Program>,
        /// The size of the viewer's terminal, if it has one.
        size: Option<Size>,
        /// What is typed is dropped, and the size does not count.
        read_only: bool,
    },
    /// What a viewer says to its program. Say [`Input::Seen`] of what was shown: the program is held back otherwise. What is
    /// typed waits for the program to read, with nothing else behind it; no more than [`MOST_TYPED`]. Not answered.
    Input(Input),
    /// Which programs there are. Answered with `Programs`.
    Programs,
    /// A program is to end. Answered with `Done`.
    End(Program),
    /// The session is to end with this connection at the latest: a program in the foreground stands for it. Answered with
    /// `Link`, at each change again, and with `Stopped` when the session has ended.
    Hold,
    /// The user's settings of which commands run on this laptop are these now. Answered with `Done`, also where none do.
    Proxy {
        /// What is added to the list.
        added: Vec<String>,
        /// What is removed from it.
        removed: Vec<String>,
        /// What the session's own names are not to have any more either.
        dropped: Vec<String>,
    },
    /// What is asked before commands run is answered here. Answered with `Question` and `Settled`, as they come, until this
    /// side hangs up.
    Questions,
    /// An answer, on a connection that has said `Questions`. Not answered.
    Answer {
        /// To which.
        question: u64,
        /// What.
        answer: QuestionAnswer,
    },
    /// Which commands of the server run here now. Answered with `Commands`.
    Commands,
    /// Which programs of this laptop the names of the list are in this session. Answered with `Found`.
    Find,
}

/// Whether a command of the server may run on this laptop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// Its number.
    pub number: u64,
    /// Where the command is to run. Can be shown as it is.
    pub directory: String,
    /// Its words, quoted as for a shell. Can be shown as they are.
    pub line: String,
}

/// What is answered to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum QuestionAnswer {
    /// It may not.
    No,
    /// It may.
    Once,
    /// It may, as may the same command line in the same directory from now on.
    Always,
}

/// A program that is to be started.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// What is run.
    pub what: What,
    /// Where. A directory that is still to be mounted is waited for.
    pub directory: Directory,
    /// What is added to the environment, name and value.
    pub environment: Vec<(Bytes, Bytes)>,
    /// The size of its terminal; `None`: it gets three pipes instead, and nobody else can attach.
    pub size: Option<Size>,
    /// It is the session's main program from now on.
    pub is_main: bool,
}

/// What the daemon says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromDaemon {
    /// The first message: the version of what follows. Stays the first of these.
    Version(u32),
    /// How it is with the session.
    Status(Box<Status>),
    /// It is done.
    Done,
    /// It is mounted, at this path on the server.
    Mounted(LocalPath),
    /// It is not done. The words may be the server's: make them printable before they are shown.
    Refused(Failure),
    /// From here on `Output` and `Link` come, until the program has ended or either side hangs up.
    Attached(Program),
    /// What the program says to its viewer.
    Output(Output),
    /// How it is with the connection to the server now: said to viewers and to who holds the session, at first and at each
    /// change.
    Link(LinkState),
    /// The programs.
    Programs(Vec<Report>),
    /// The session has ended here.
    Stopped {
        /// What is not known to have ended on the server, in words; `None`: everything has.
        note: Option<String>,
    },
    /// A command of the server waits for an answer.
    Question(Question),
    /// This question is settled: answered, here or elsewhere, or taken back.
    Settled(u64),
    /// How much of what the viewer has typed was passed on, in bytes since it began.
    Passed(u64),
    /// The commands that run here and have not ended, the oldest first.
    Commands {
        /// As many as can be said.
        commands: Vec<OngoingCommand>,
        /// How many there are besides.
        more: u32,
    },
    /// Each name of the list, and what runs here for it, if anything does. Nothing if no commands run here.
    Found(Vec<(String, Option<LocalPath>)>),
    /// The server has the directory no longer.
    Removed {
        /// It has said that it has unmounted it: what programs there have written in it is here.
        is_confirmed: bool,
    },
}

/// How it is with a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Its name.
    pub session: String,
    /// The server, as it is called to `ssh`.
    pub server: String,
    /// The daemon's process.
    pub daemon: u32,
    /// When it was started: milliseconds since 1970.
    pub started_at: i64,
    /// What is published.
    pub directories: Vec<DirectoryStatus>,
    /// What makes its mounts.
    pub adapter: Adapter,
    /// The connection to the server.
    pub link: LinkState,
    /// How many bytes have gone to the server since the daemon began, before ssh.
    pub bytes_sent: u64,
    /// How many bytes have come from it.
    pub bytes_received: u64,
    /// The main program, if one was started.
    pub main: Option<Program>,
    /// The account that the session brings along, if it does.
    pub account: Option<AccountStatus>,
    /// The commands that run on this laptop; `None`: none do.
    pub commands: Option<CommandStatus>,
}

/// How it is with the commands that run on the laptop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandStatus {
    /// How many names are on the list.
    pub names: u32,
    /// How many run, or have left something running.
    pub running: u32,
}

/// A command of the server that runs on the laptop. Its words are the server's: make them printable before they are shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OngoingCommand {
    /// When it was asked for: milliseconds since 1970.
    pub at: i64,
    /// Where, on the laptop.
    pub directory: LocalPath,
    /// Its name and its arguments, no more of them than are written down when it has ended.
    pub words: Vec<String>,
    /// There are more.
    pub is_cut: bool,
    /// How long it has run by now, in milliseconds.
    pub duration_ms: u64,
    /// How much it has output, in bytes.
    pub output: u64,
}

/// How it is with the account that a session brings along.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AccountStatus {
    /// Its name in the vault, when the session began.
    pub name: String,
    /// Its identifier there, if it has a login: one that is renewed.
    pub login: Option<String>,
    /// How far the server has it.
    pub state: AccountState,
}

/// How far the server has an account. Words can be shown as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum AccountState {
    /// It was asked, or cannot be now.
    Asked,
    /// Every program that is started there has it.
    There,
    /// Somebody has signed in inside the session, and it keeps that login.
    SignedIn,
    /// It cannot be had there, so no program is started.
    Failed(Failure),
}

/// How it is with a published directory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DirectoryStatus {
    /// Its number: [`Directory::Mount`] names it by that.
    pub root: Root,
    /// Where it is on the laptop.
    pub local: LocalPath,
    /// Where it is mounted on the server, if it is.
    pub remote: Option<LocalPath>,
    /// What it is called there.
    pub name: String,
    /// It is what the session is for.
    pub is_main: bool,
    /// Nothing in it can be changed from the server.
    pub read_only: bool,
    /// It is mounted when somebody on the server asks for it, and is not now.
    pub is_offered: bool,
    /// Why it cannot be mounted, in words that can be shown.
    pub failure: Option<String>,
}

/// How it is with the connection to the server. Words can be shown as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum LinkState {
    /// One is being made.
    Connecting {
        /// The number of the attempt since there was one, from 1.
        attempt: u32,
        /// What came of the last.
        error: Option<String>,
    },
    /// It is there.
    Up {
        /// How long the last round trip took, in microseconds.
        round_trip_us: Option<u64>,
    },
    /// There is none.
    Down {
        /// For how long by now, in milliseconds.
        since_ms: u64,
        /// How long it is until the next attempt, in milliseconds.
        retry_in_ms: u64,
        /// Why.
        error: String,
    },
    /// There will be none any more.
    Ended {
        /// Why.
        reason: String,
    },
}

/// A path, of whatever bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LocalPath(Bytes);

impl LocalPath {
    /// `path` as it is said.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(Bytes::copy_from_slice(path.as_os_str().as_bytes()))
    }

    /// How long it is, in bytes.
    #[must_use]
    pub(crate) fn length(&self) -> usize {
        self.0.len()
    }

    /// The path that was said.
    #[must_use]
    pub fn to_path(&self) -> PathBuf {
        OsString::from_vec(self.0.to_vec()).into()
    }
}
