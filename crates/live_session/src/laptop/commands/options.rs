//! What decides which commands run, and how.

use std::ffi::OsString;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use live::Bytes;
use proxy::Names;
use runner::{Limits, Sandbox};

/// How commands of the server run on this laptop.
pub struct CommandOptions {
    /// Which do.
    pub names: Names,
    /// The laptop's own environment, all of it: what commands get of it is decided here.
    pub environment: Vec<(OsString, OsString)>,
    /// The program that is a runner, with its arguments: see [`runner::run`].
    pub runner: (PathBuf, Vec<OsString>),
    /// What a command may use up.
    pub limits: Limits,
    /// What a command may touch; `None`: all that the user may. Which published directories that are, is filled in for
    /// each command.
    pub sandbox: Option<Sandbox>,
    /// The laptop's paths of published directories are the server's in what commands output.
    pub map_output: bool,
    /// After how long without connection all commands are ended.
    pub patience: Duration,
    /// Who is asked before a command runs; `None`: nobody.
    pub approval: Option<Arc<dyn Approval>>,
    /// Who is told what has run.
    pub log: Arc<dyn CommandLog>,
}

/// Whether a command may run, as soon as that is known.
pub type Approved = Pin<Box<dyn Future<Output = bool> + Send>>;

/// Lets commands run, or not.
pub trait Approval: Send + Sync {
    /// Asks about one. Dropping the answer takes the question back.
    fn ask(&self, line: CommandLine) -> Approved;
}

/// A command that is to run. Its words are the server's: make them printable before they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandLine {
    /// Its name.
    pub name: String,
    /// Its arguments, as the program on the laptop would be given them.
    pub arguments: Vec<Bytes>,
    /// Where, on the laptop.
    pub directory: PathBuf,
}

/// Is told what has run.
pub trait CommandLog: Send + Sync {
    /// A command has ended, or was refused. Must not block.
    fn ended(&self, record: Record);
}

/// What has become of a command. Its words are the server's: make them printable before they are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What was run, or was to be. Of its arguments, the first [`LONGEST_WORDS`] bytes.
    pub line: CommandLine,
    /// When it was asked for.
    pub began: SystemTime,
    /// How long that was ago when it had ended.
    pub took: Duration,
    /// How it has ended.
    pub outcome: Outcome,
    /// How much of its input was written to it, in bytes.
    pub input: u64,
    /// How much it has output, in bytes.
    pub output: u64,
}

/// How much of its arguments a [`Record`] says, in bytes.
pub const LONGEST_WORDS: usize = 64 << 10;

/// How a command has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has run.
    Ended {
        /// Its exit status, if it exited.
        code: Option<i32>,
        /// The signal that killed it, by its number on Linux, if one did.
        signal: Option<i32>,
    },
    /// It has not, and why.
    Refused(String),
}

impl Record {
    pub(super) fn refused(
        line: CommandLine,
        began: SystemTime,
        took: Duration,
        why: String,
    ) -> Self {
        Self {
            line: line.cut(),
            began,
            took,
            outcome: Outcome::Refused(why),
            input: 0,
            output: 0,
        }
    }
}

impl CommandLine {
    /// With no more words than are kept.
    pub(super) fn cut(mut self) -> Self {
        let mut left = LONGEST_WORDS;
        self.arguments.retain(|word| {
            let length = word.len() + size_of::<Bytes>();
            let fits = length <= left;
            left = if fits { left - length } else { 0 };
            fits
        });
        self
    }
}
