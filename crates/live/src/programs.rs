//! What is said of programs that run on the server: shells, and whatever is run there.
//!
//! A program is the agent's: it outlives every connection. It has a terminal, which any number look at, or three pipes
//! and one who holds their other ends.

use std::fmt;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::RelativePath;
use crate::files::Root;

/// The most that one message says of what is typed or output, in bytes: so long does another's keystroke wait at most.
pub const LARGEST_PIECE: usize = 16 << 10;
/// How much of what a program without terminal outputs may be on its way without having been [seen](Input::Seen), in
/// bytes, before its pipes are not read any more; and how much of what is typed may not have been taken by any program.
pub const WINDOW: u64 = 1 << 20;
/// How much of its words a [`Report`] says, in bytes.
pub const LONGEST_TITLE: usize = 1 << 10;

/// A program. The laptop gives the number; it names one program as long as the agent lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Program(pub u32);

/// One who looks at a program. The laptop gives the number; it is never given again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Viewer(pub u64);

/// How many rows and columns a terminal has. Any number may be told: a terminal takes what programs can work with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Rows; 0: not known.
    pub rows: u16,
    /// Columns; 0: not known.
    pub columns: u16,
}

/// A program that is to be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Start {
    /// What it is called from then on.
    pub program: Program,
    /// Who holds the other ends of its pipes, if it gets no terminal. Nobody otherwise.
    pub viewer: Viewer,
    /// What is run.
    pub what: What,
    /// Where it starts.
    pub directory: Directory,
    /// What is added to the environment, name and value, each without a zero byte. Takes the place of what is there.
    pub environment: Vec<(Bytes, Bytes)>,
    /// The size of its terminal; `None`: it gets three pipes instead.
    pub size: Option<Size>,
}

/// What is run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// The user's login shell.
    Shell,
    /// These words, the first names a program, through the user's login shell: so it is found as the user finds it. No
    /// shell sees anything in the words but themselves.
    Words(Vec<Bytes>),
}

/// Where a program starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Directory {
    /// The user's home on the server.
    Home,
    /// In a directory that is mounted.
    Mount(Root, RelativePath),
}

/// What a viewer says to its program.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Input {
    /// This was typed, or is to be read by a program without terminal.
    Typed(Bytes),
    /// Nothing more is typed: a program without terminal reads the end of its input. A terminal's has none.
    InputEnded,
    /// The viewer has this size now.
    Resize(Size),
    /// A signal for the process group of a program without terminal, by its number on Linux. One with a terminal gets
    /// keys for that.
    Signal(i32),
    /// Everything up to the `after` of some output has been seen.
    Seen(u64),
}

/// What a program says to a viewer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// Begin with an empty terminal and this text. A long one goes on in [`Output::Bytes`].
    Picture {
        /// Text whose parsing gives the picture.
        text: Bytes,
        /// What to say with [`Input::Seen`].
        after: u64,
    },
    /// Output.
    Bytes {
        /// Which; a terminal has but [`Stream::Out`].
        stream: Stream,
        /// As the program wrote it.
        bytes: Bytes,
        /// What to say with [`Input::Seen`].
        after: u64,
    },
    /// The terminal has this size now.
    Resized(Size),
    /// The program has ended, and all that it has output was said. Nothing follows. Neither of both if nobody knows how:
    /// the agent was lost, or the viewer.
    Ended {
        /// Its exit status, if it exited.
        code: Option<i32>,
        /// The signal that killed it, if one did.
        signal: Option<i32>,
    },
}

/// One of the two streams that a program writes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stream {
    /// Standard output, or a terminal.
    Out,
    /// Standard error.
    Err,
}

/// How it is with a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Which.
    pub program: Program,
    /// What was started: as many of its words as fit in [`LONGEST_TITLE`].
    pub what: What,
    /// When it was started: milliseconds since 1970, by the server's clock.
    pub since: u64,
    /// The size of its terminal now; `None` if it has none.
    pub size: Option<Size>,
    /// How many look at it.
    pub viewers: u32,
    /// How it has ended, if it has.
    pub ended: Option<Ended>,
}

/// How a program has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its exit status, if it exited.
    pub code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// When: milliseconds since 1970, by the server's clock.
    pub at: u64,
}

impl What {
    /// As many of the words as fit in [`LONGEST_TITLE`], the last of them cut.
    #[must_use]
    pub fn title(&self) -> What {
        let What::Words(words) = self else {
            return What::Shell;
        };
        let mut left = LONGEST_TITLE;
        let mut title = Vec::new();
        for word in words {
            if left == 0 {
                break;
            }
            let length = word.len().min(left);
            title.push(Bytes::copy_from_slice(&word[..length]));
            left -= length.max(1);
        }
        What::Words(title)
    }
}

impl Output {
    /// How much memory it takes beside itself, in bytes.
    #[must_use]
    pub fn memory(&self) -> usize {
        match self {
            Output::Picture { text: bytes, .. } | Output::Bytes { bytes, .. } => bytes.len(),
            Output::Resized(_) | Output::Ended { .. } => 0,
        }
    }
}

/// What the environment says may be a secret: only its names are shown.
impl fmt::Debug for Start {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.environment.iter().map(|(name, _)| name);
        formatter
            .debug_struct("Start")
            .field("program", &self.program)
            .field("viewer", &self.viewer)
            .field("what", &self.what)
            .field("directory", &self.directory)
            .field("environment", &names.collect::<Vec<_>>())
            .field("size", &self.size)
            .finish()
    }
}

/// What is typed may be a password: only its length is shown.
impl fmt::Debug for Input {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Typed(bytes) => write!(formatter, "Typed({} bytes)", bytes.len()),
            Input::InputEnded => formatter.write_str("InputEnded"),
            Input::Resize(size) => write!(formatter, "Resize({size:?})"),
            Input::Signal(signal) => write!(formatter, "Signal({signal})"),
            Input::Seen(after) => write!(formatter, "Seen({after})"),
        }
    }
}

/// What a program outputs may be a secret: only its length is shown.
impl fmt::Debug for Output {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Picture { text, after } => {
                write!(formatter, "Picture({} bytes, after {after})", text.len())
            }
            Output::Bytes {
                stream,
                bytes,
                after,
            } => write!(
                formatter,
                "Bytes({stream:?}, {} bytes, after {after})",
                bytes.len()
            ),
            Output::Resized(size) => write!(formatter, "Resized({size:?})"),
            Output::Ended { code, signal } => {
                write!(formatter, "Ended(code {code:?}, signal {signal:?})")
            }
        }
    }
}
