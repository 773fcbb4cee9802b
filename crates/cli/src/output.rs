//! Everything that is printed, on standard output or standard error.

use std::ffi::OsStr;
use std::io::{self, ErrorKind, IsTerminal as _, Write as _};

use serde_json::Value;

use crate::environment::{Environment, Variable};
use crate::error::{CliError, Kind, redacted};

/// Width of tables on a terminal that does not tell its own.
const USUAL_WIDTH: usize = 80;

/// How and where this program prints.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    quiet: bool,
    color: bool,
    width: Option<usize>,
}

impl Output {
    pub(crate) fn new(environment: &Environment, quiet: bool) -> Self {
        Self {
            quiet,
            color: environment.get(Variable::NoColor).is_none() && io::stderr().is_terminal(),
            width: width(environment.get(Variable::Columns)),
        }
    }

    /// The width that tables are fitted to; `None` where nobody looks at them.
    pub(crate) fn width(&self) -> Option<usize> {
        self.width
    }

    /// Whether only what was asked for is to be printed.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// What was asked for, as it is.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> Result<(), CliError> {
        let mut stdout = io::stdout().lock();
        let written = stdout.write_all(bytes).and_then(|()| stdout.flush());
        written.map_err(|error| output_failure(&error))
    }

    /// What was asked for, with a line break at its end.
    pub(crate) fn text(&self, text: &str) -> Result<(), CliError> {
        let line_break = if text.is_empty() || text.ends_with('\n') {
            ""
        } else {
            "\n"
        };
        self.bytes(format!("{text}{line_break}").as_bytes())
    }

    /// What was asked for, for programs.
    pub(crate) fn json(&self, value: &Value) -> Result<(), CliError> {
        self.text(&format!("{value:#}"))
    }

    /// What was done; not with `--quiet`.
    pub(crate) fn note(&self, text: &str) -> Result<(), CliError> {
        if self.quiet {
            return Ok(());
        }
        self.text(text)
    }

    /// What a server command does, as it does it; not with `--quiet`.
    pub(crate) fn say(&self, text: &str) -> Result<(), CliError> {
        self.note(&format!("[claude-share] {text}"))
    }

    /// Something to be known that is no failure, on standard error; not with `--quiet`.
    pub(crate) fn warning(&self, text: &str) {
        if !self.quiet {
            self.complain("warning", "33", text);
        }
    }

    /// What to do next, on standard error; not with `--quiet`.
    pub(crate) fn hint(&self, text: &str) {
        if !self.quiet {
            self.complain("hint", "36", text);
        }
    }

    /// A failure and what to do about it.
    pub(crate) fn failure(&self, error: &CliError) {
        self.complain("error", "31", &error.message);
        if !error.hint.is_empty() {
            self.complain("hint", "36", &error.hint);
        }
    }

    /// Where even this cannot be printed, the exit code has to say it.
    fn complain(&self, word: &str, color: &str, text: &str) {
        let text = model::printable(&redacted(text));
        let line = if self.color {
            format!("\x1b[1;{color}m{word}:\x1b[0m {text}\n")
        } else {
            format!("{word}: {text}\n")
        };
        drop(io::stderr().write_all(line.as_bytes()));
    }
}

fn output_failure(error: &io::Error) -> CliError {
    match error.kind() {
        // `claude-accounts list | head -1`: nobody wants to hear of it.
        ErrorKind::BrokenPipe => CliError::new(Kind::ReaderGone, "", ""),
        _ => CliError::new(
            Kind::Storage,
            format!("cannot write to standard output: {error}"),
            "Check where the output goes.",
        ),
    }
}

fn width(columns: Option<&OsStr>) -> Option<usize> {
    let told = columns
        .and_then(OsStr::to_str)
        .and_then(|text| text.parse().ok());
    if let Some(width) = told.filter(|&width| width > 0) {
        return Some(width);
    }
    if !io::stdout().is_terminal() {
        return None;
    }
    let size = rustix::termios::tcgetwinsize(io::stdout());
    let width = size.map_or(0, |size| usize::from(size.ws_col));
    Some(if width == 0 { USUAL_WIDTH } else { width })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_has_gone_is_no_failure_to_speak_of() {
        let gone = output_failure(&ErrorKind::BrokenPipe.into());
        assert_eq!((gone.kind, gone.message.as_str()), (Kind::ReaderGone, ""));
        assert_eq!(
            output_failure(&ErrorKind::StorageFull.into()).kind,
            Kind::Storage
        );
    }

    #[test]
    fn the_width_that_was_told_counts() {
        assert_eq!(width(Some(OsStr::new("40"))), Some(40));
        assert_ne!(width(Some(OsStr::new("0"))), Some(0));
    }
}
