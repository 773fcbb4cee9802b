//! Programs of the system, started with an environment that was passed in.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use model::printable;

use crate::ClientError;

/// What to start and with what environment.
#[derive(Clone, Debug)]
pub struct Tools {
    /// `ssh`, by its whole path or as `PATH` has it.
    pub ssh: PathBuf,
    /// `ssh-keygen`, the same way.
    pub ssh_keygen: PathBuf,
    /// The whole environment of both. `ssh` needs `HOME` and `PATH`, and `SSH_AUTH_SOCK` for keys in an agent.
    pub environment: Vec<(OsString, OsString)>,
}

impl Tools {
    /// A command with the environment and nothing on its standard input.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let variables = self.environment.iter().map(|(name, value)| (name, value));
        command.env_clear().envs(variables).stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and gives what it printed.
    pub(crate) fn output(&self, mut command: Command) -> Result<Vec<u8>, ClientError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let failed = |problem: String| ClientError::Program {
            program: program.clone(),
            problem,
        };
        let ran = command
            .output()
            .map_err(|error| failed(format!("cannot be started: {error}")))?;
        if ran.status.success() {
            return Ok(ran.stdout);
        }
        Err(failed(
            last_line(&ran.stderr).unwrap_or_else(|| ran.status.to_string()),
        ))
    }
}

/// The last line with something in it, fit for a terminal.
pub(crate) fn last_line(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let line = text
        .lines()
        .rev()
        .map(str::trim)
        .find(|line| !line.is_empty())?;
    Some(printable(line))
}
