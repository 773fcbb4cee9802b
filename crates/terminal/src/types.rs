//! What a terminal is started with, and what it tells.

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::SystemTime;

use bytes::Bytes;

/// How many rows and columns a terminal has; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    rows: u16,
    columns: u16,
}

impl Size {
    /// What a terminal has before anybody says otherwise.
    pub const DEFAULT: Self = Self {
        rows: 24,
        columns: 80,
    };

    /// Clamps both into what programs can work with: 1…500 rows, 2…1,000 columns; 0 takes the default.
    #[must_use]
    pub fn clamped(rows: u32, columns: u32) -> Self {
        let or = |value: u32, otherwise: u16, least: u16, most: u16| match value {
            0 => otherwise,
            value => u16::try_from(value).unwrap_or(u16::MAX).clamp(least, most),
        };
        Self {
            rows: or(rows, Self::DEFAULT.rows, 1, 500),
            columns: or(columns, Self::DEFAULT.columns, 2, 1_000),
        }
    }

    /// Rows.
    #[must_use]
    pub fn rows(self) -> u16 {
        self.rows
    }

    /// Columns.
    #[must_use]
    pub fn columns(self) -> u16 {
        self.columns
    }
}

/// What is run, and how.
#[derive(Debug)]
pub struct Start {
    /// The program, by its absolute path.
    pub program: PathBuf,
    /// Its name as it is told to itself.
    pub name: OsString,
    /// What follows the name.
    pub arguments: Vec<OsString>,
    /// The whole environment: nothing is inherited.
    pub environment: Vec<(OsString, OsString)>,
    /// Where it starts.
    pub directory: PathBuf,
    /// The size at the start, set before the program runs.
    pub size: Size,
    /// Becomes the program's descriptor 3, if given. No other descriptor but the terminal is inherited.
    pub descriptor: Option<OwnedFd>,
    /// How much output is kept, in bytes. With less than twice [`WINDOW`](crate::WINDOW), a viewer that is a little slow
    /// is shown new pictures where it could have been shown everything.
    pub kept: usize,
    /// Where the output is recorded (asciicast version 2), if it is. A file that is there already is not replaced.
    pub recording: Option<PathBuf>,
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status, if it exited.
    pub code: Option<i32>,
    /// The signal that killed it, if one did.
    pub signal: Option<i32>,
    /// When.
    pub at: SystemTime,
}

/// What a viewer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Begin with an empty terminal (all modes reset) and this text: the picture as it was at `after`.
    Picture {
        /// Text whose parsing gives the picture. Never contains a query that the terminal would answer.
        text: Bytes,
        /// The sequence number behind it.
        after: u64,
    },
    /// More output. Whole UTF-8 characters, except where the program's own output is not UTF-8.
    Output {
        /// As the program wrote it.
        bytes: Bytes,
        /// The sequence number behind it.
        after: u64,
    },
    /// The size was changed.
    Resized(Size),
    /// The program has ended and all of its output was told. Nothing follows.
    Ended(Ended),
}
