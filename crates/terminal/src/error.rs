//! What can go wrong.

use std::io;
use std::path::PathBuf;

/// Why a terminal did not start.
#[derive(Debug, thiserror::Error)]
pub enum TerminalError {
    /// The system gave no pseudo-terminal, or none that can be worked with.
    #[error("no pseudo-terminal: {0}")]
    Pseudoterminal(#[source] io::Error),
    /// The program could not be run: it or its directory is not there, or may not be used.
    #[error("{} cannot be run: {source}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The recording could not be begun.
    #[error("{} cannot be written: {source}", path.display())]
    Recording {
        /// Where it was to be.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why input was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InputError {
    /// The program does not read, and as much as may wait is waiting: nothing of this was taken.
    #[error("the program does not read its input")]
    Full,
    /// The program has ended.
    #[error("the program has ended")]
    Ended,
}
