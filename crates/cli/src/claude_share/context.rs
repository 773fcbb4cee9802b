//! What every verb works with.

use std::path::{Path, PathBuf};

use share::{ServerPaths, ServerState};

use super::GlobalArgs;
use crate::environment::Environment;
use crate::error::{CliError, Kind};
use crate::output::Output;
use crate::program;
use crate::prompt::Prompt;

/// The environment, the output, the questions, and where the server's files are.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) output: Output,
    pub(crate) prompt: Prompt,
    pub(crate) paths: ServerPaths,
}

impl Context {
    /// Touches nothing: files are looked at when a verb asks for them.
    pub(crate) fn new(environment: Environment, global: &GlobalArgs) -> Self {
        Self {
            output: Output::new(&environment, global.quiet),
            prompt: Prompt::new(&environment, global.no_input),
            paths: ServerPaths::documented(),
            environment,
        }
    }

    /// This program, to be started anew by this process: also if another one has taken its place
    /// on the disk meanwhile.
    pub(crate) fn itself(&self) -> &'static Path {
        Path::new("/proc/self/exe")
    }

    /// This program by the path that it has tomorrow too, for what others are to start: users'
    /// settings, the keeper's unit.
    ///
    /// # Errors
    /// If the system does not tell, or the program is not there any more.
    pub(crate) fn program(&self) -> Result<PathBuf, CliError> {
        let path = program::own_path()?;
        std::fs::canonicalize(&path).map_err(|error| {
            CliError::new(
                Kind::Storage,
                format!(
                    "this program is not at {} any more: {error}",
                    path.display()
                ),
                "Start it again from where it is now.",
            )
        })
    }

    /// Refuses everybody but root.
    ///
    /// # Errors
    /// If somebody else has started this program.
    pub(crate) fn require_root(&self) -> Result<(), CliError> {
        if rustix::process::geteuid().is_root() {
            return Ok(());
        }
        Err(CliError::new(
            Kind::Storage,
            "this takes root: it is about all users of the server",
            "Put sudo before it.",
        ))
    }

    /// What has been set up.
    ///
    /// # Errors
    /// If nothing has, or it cannot be read.
    pub(crate) fn state(&self) -> Result<ServerState, CliError> {
        ServerState::load(&self.paths.state())?.ok_or_else(|| {
            CliError::new(
                Kind::NotFound,
                "nothing is set up on this server yet",
                "Set it up: sudo claude-share server init",
            )
        })
    }
}
