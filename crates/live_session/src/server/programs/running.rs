//! A program, however it runs.

use std::ffi::OsString;
use std::path::PathBuf;

use live::control::Failure;
use live::programs::{Ended, Size, Viewer};
use terminal::Terminal;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::command::Command;
use super::piped::Piped;
use super::telling::Telling;
use super::typed::Typed;
use super::{milliseconds, process, sizes};
use crate::failure;

/// How much of a terminal's output is kept for those who come later, in bytes: twice what a viewer may leave unseen, below
/// which the slow ones would be shown pictures all the time.
const KEPT: usize = 512 << 10;

/// Everything that a program is started with.
pub(super) struct Started {
    pub(super) command: Command,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) directory: PathBuf,
}

/// A program that was started. Clones are the same.
#[derive(Clone)]
pub(super) enum Running {
    Terminal(Terminal),
    Piped(Piped),
}

impl Started {
    pub(super) fn on_terminal(self, size: Size) -> Result<Running, Failure> {
        let start = terminal::Start {
            program: self.command.program,
            name: self.command.name,
            arguments: self.command.arguments,
            environment: self.environment,
            directory: self.directory,
            size: sizes::clamped(size),
            descriptor: None,
            kept: KEPT,
            recording: None,
        };
        let terminal = Terminal::start(start);
        terminal
            .map(Running::Terminal)
            .map_err(|error| not_started(&error.to_string()))
    }

    /// And with what is typed there.
    pub(super) fn on_pipes(
        self,
        viewer: Viewer,
        telling: Telling,
        after: impl FnOnce() + Send + 'static,
    ) -> Result<(Piped, UnboundedSender<Typed>), Failure> {
        let started = process::start(&self.command, self.environment, &self.directory);
        let (process, pipes) = started.map_err(|error| {
            let program = self.command.program.display();
            not_started(&format!("cannot run {program}: {error}"))
        })?;
        let (typing, typed) = unbounded_channel();
        let piped = Piped::run(process, pipes, viewer, typed, telling, after);
        Ok((piped, typing))
    }
}

impl Running {
    /// Has it end, within some seconds.
    pub(super) fn end(&self) {
        match self {
            Self::Terminal(terminal) => terminal.end(),
            Self::Piped(piped) => piped.end(),
        }
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        match self {
            Self::Terminal(terminal) => terminal.ended().map(|ended| Ended {
                code: ended.code,
                signal: ended.signal,
                at: milliseconds(ended.at),
            }),
            Self::Piped(piped) => piped.ended(),
        }
    }

    pub(super) async fn wait(&self) {
        match self {
            Self::Terminal(terminal) => drop(terminal.wait().await),
            Self::Piped(piped) => piped.wait().await,
        }
    }

    pub(super) fn size(&self) -> Option<Size> {
        match self {
            Self::Terminal(terminal) => Some(sizes::told(terminal.size())),
            Self::Piped(_) => None,
        }
    }

    pub(super) fn resize(&self, size: terminal::Size) {
        if let Self::Terminal(terminal) = self {
            terminal.resize(size);
        }
    }
}

fn not_started(message: &str) -> Failure {
    failure(
        message,
        "See whether the user's login shell is there, and whether the server has room for another process.",
    )
}
