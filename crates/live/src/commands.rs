//! What is said of commands that are typed on the server and run on the laptop.
//!
//! The server asks for a command with [`Order::Start`], and says what follows of it; the laptop says how it fares. A command
//! belongs to the laptop's end: it goes on while there is no connection, and is ended when whoever typed it is gone, when the
//! session ends, or when there was no connection for too long.
//!
//! What a command reads and outputs goes in one lane of its own kind, in order, and so does when it begins and ends. Signals,
//! sizes and what was seen and taken go in the lane of terminals, so that they wait for no contents; nothing but
//! [`Order::Start`] and [`Order::TakenBack`] is said of a command before [`News::Started`] has come, so they cannot go first.
//! [`News::Settled`], the
//! last that is said of a command that has run, goes in the lane of [`crate::message::ToServer::Changed`], behind what the
//! command has changed; it may come before what the command has output, and even before [`News::Started`].

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::files::Root;
use crate::programs::{Size, Stream};
use crate::{Lane, RelativePath};

/// The most that one message says of input or output, in bytes.
pub const LARGEST_PIECE: usize = 64 << 10;
/// How much of a command's output may be on its way without having been [seen](Order::Seen), in bytes; and how much of its
/// input without having been [taken](News::Taken). For a round trip of 80 ms that is 100 MB/s.
pub const WINDOW: u64 = 8 << 20;
/// The most that the words of a command, its directory and its environment take, in bytes: what fits in a message.
pub const LARGEST_START: usize = 1 << 20;
/// The most variables that one command brings along.
pub const MOST_VARIABLES: usize = 256;

/// A command. The server gives the number; it is never given again, and begins at random.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Command {
    /// Its number.
    pub number: u64,
    /// Any of its streams is a terminal: then what is said of it does not wait behind contents of files.
    pub has_terminal: bool,
}

impl Command {
    /// The lane that most of what is said of it goes in.
    #[must_use]
    pub fn lane(self) -> Lane {
        match self.has_terminal {
            true => Lane::Terminal,
            false => Lane::Bulk,
        }
    }
}

/// A command that is to run.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// What was typed as its name.
    pub name: Bytes,
    /// The words behind that, as they were typed: paths are the server's.
    pub arguments: Vec<Bytes>,
    /// The published directory that it was typed in.
    pub root: Root,
    /// Where in that.
    pub directory: RelativePath,
    /// What its environment on the server says, name and value. The laptop takes of it what it lets through.
    pub environment: Vec<(Bytes, Bytes)>,
    /// Standard input, output and errors.
    pub streams: [End; 3],
    /// The size of its terminal, if any stream is one.
    pub size: Option<Size>,
    /// Which permissions the files that it makes do not get.
    pub umask: u32,
}

/// What a standard stream of a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// The terminal.
    Terminal,
    /// A pipe: whatever it is on the server, a pipe, a file or a socket.
    Pipe,
    /// Of errors: the same pipe as the output, in order with it.
    AsOutput,
    /// `/dev/null`: it is that on the server, or closed.
    Nothing,
}

/// What the server says of a command.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// It is to run. Answered with `Started`, `Here` or `Refused`.
    Start(Box<Start>),
    /// To be read by it, or typed.
    Input(Bytes),
    /// Nothing more is to be read. Of a terminal: nobody types any more.
    InputEnded,
    /// Its terminal has this size now.
    Resize(Size),
    /// A signal for its process group, by its number on Linux.
    Signal(i32),
    /// So much of its output, of both streams together, has been passed on: in bytes, since it began.
    Seen(u64),
    /// Nobody reads that of its output any more, so it is not to be read here either: the command learns of it as it would of
    /// a pipe on its own machine. What still comes of it is dropped.
    Unread(Stream),
    /// Whoever typed it is gone before it was said to run: it is not to begin. If it has, it is to end; `Started` is answered
    /// with `End` all the same.
    TakenBack,
    /// Whoever typed it is gone: it and everything that it has started is to end. Nothing more is said of it by the server,
    /// and the laptop says nothing more either but `Ended` and `Settled`.
    End,
}

/// What the laptop says of a command.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// It is not for the laptop: its name is not on the list, the laptop has no such program, or not in that directory. The
    /// server's own is to run. Nothing follows.
    Here,
    /// It does not run, and is not to run on the server either. Nothing follows.
    Refused {
        /// Why, in words. They are the other end's: make them printable before they are shown.
        message: String,
        /// What to do about it; empty if nobody knows.
        hint: String,
    },
    /// It runs.
    Started,
    /// It has output this.
    Output {
        /// Where. What goes to the terminal is of the stream that is one: [`Stream::Out`] if both are; of none if neither is.
        stream: Stream,
        /// What.
        bytes: Bytes,
    },
    /// So much of its input has been written to it: in bytes, since it began.
    Taken(u64),
    /// This signal, by its number on Linux, has stopped it.
    Stopped(i32),
    /// It goes on.
    Continued,
    /// It has ended, and all that it has output was said. `Settled` is said, too, before or after.
    Ended {
        /// Its exit status, if it exited.
        code: Option<i32>,
        /// The signal that killed it, if one did.
        signal: Option<i32>,
        /// How much of its input it has read: in bytes, since it began. As far as is known: at most what was taken.
        read: u64,
    },
    /// It has ended, and what it has changed in published directories until then was said before this.
    Settled,
}

impl Start {
    /// How much memory it takes, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        let of_words: usize = self.arguments.iter().map(|word| word.len() + WORD).sum();
        let environment = self.environment.iter();
        let of_environment: usize = environment
            .map(|(name, value)| name.len() + value.len() + 2 * WORD)
            .sum();
        size_of::<Self>()
            + self.name.len()
            + of_words
            + self.directory.as_bytes().len()
            + of_environment
    }
}

/// What a word takes beside its bytes.
const WORD: usize = size_of::<Bytes>();

impl Order {
    /// How much memory it takes beside itself, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        match self {
            Self::Start(start) => start.memory(),
            Self::Input(bytes) => bytes.len(),
            Self::InputEnded
            | Self::Resize(_)
            | Self::Signal(_)
            | Self::Seen(_)
            | Self::Unread(_)
            | Self::TakenBack
            | Self::End => 0,
        }
    }
}

impl News {
    /// How much memory it takes beside itself, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        match self {
            Self::Output { bytes, .. } => bytes.len(),
            Self::Refused { message, hint } => message.len() + hint.len(),
            Self::Here
            | Self::Started
            | Self::Taken(_)
            | Self::Stopped(_)
            | Self::Continued
            | Self::Ended { .. }
            | Self::Settled => 0,
        }
    }
}

/// Words and environment may be secrets: only how many there are is shown.
impl fmt::Debug for Start {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Start")
            .field("name", &self.name)
            .field("arguments", &self.arguments.len())
            .field("root", &self.root)
            .field("directory", &self.directory)
            .field("environment", &self.environment.len())
            .field("streams", &self.streams)
            .field("size", &self.size)
            .finish_non_exhaustive()
    }
}

/// What is typed may be a password: only its length is shown.
impl fmt::Debug for Order {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(start) => write!(formatter, "Start({start:?})"),
            Self::Input(bytes) => write!(formatter, "Input({} bytes)", bytes.len()),
            Self::InputEnded => formatter.write_str("InputEnded"),
            Self::Resize(size) => write!(formatter, "Resize({size:?})"),
            Self::Signal(signal) => write!(formatter, "Signal({signal})"),
            Self::Seen(seen) => write!(formatter, "Seen({seen})"),
            Self::Unread(stream) => write!(formatter, "Unread({stream:?})"),
            Self::TakenBack => formatter.write_str("TakenBack"),
            Self::End => formatter.write_str("End"),
        }
    }
}

/// What a command outputs may be a secret: only its length is shown.
impl fmt::Debug for News {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Here => formatter.write_str("Here"),
            Self::Refused { message, .. } => write!(formatter, "Refused({message:?})"),
            Self::Started => formatter.write_str("Started"),
            Self::Output { stream, bytes } => {
                write!(formatter, "Output({stream:?}, {} bytes)", bytes.len())
            }
            Self::Taken(taken) => write!(formatter, "Taken({taken})"),
            Self::Stopped(signal) => write!(formatter, "Stopped({signal})"),
            Self::Continued => formatter.write_str("Continued"),
            Self::Ended { code, signal, read } => {
                write!(
                    formatter,
                    "Ended(code {code:?}, signal {signal:?}, read {read})"
                )
            }
            Self::Settled => formatter.write_str("Settled"),
        }
    }
}
