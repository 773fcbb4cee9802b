//! What every verb works with.

use std::ffi::OsString;
use std::future::Future;
use std::path::{Path, PathBuf};

use client::ClientPaths;

use super::GlobalArgs;
use crate::environment::{Environment, Variable};
use crate::error::{CliError, Kind};
use crate::output::Output;

/// What programs on the server are told of this terminal and its user.
const TOLD: [Variable; 5] = [
    Variable::Terminal,
    Variable::TerminalColors,
    Variable::Language,
    Variable::LanguageOfAll,
    Variable::LanguageOfCharacters,
];

/// The environment and the output.
#[derive(Debug)]
pub(crate) struct Context {
    pub(crate) environment: Environment,
    pub(crate) output: Output,
}

impl Context {
    /// Touches nothing: files are looked at when a verb asks for them.
    pub(crate) fn new(environment: Environment, global: &GlobalArgs) -> Self {
        Self {
            output: Output::new(&environment, global.quiet),
            environment,
        }
    }

    /// Where the user's settings and sessions are.
    ///
    /// # Errors
    /// If there is no home directory.
    pub(crate) fn paths(&self) -> Result<ClientPaths, CliError> {
        let home = self.environment.get(Variable::Home).map(PathBuf::from);
        let home = home.filter(|home| home.is_absolute()).ok_or_else(|| {
            CliError::new(
                Kind::Usage,
                "there is no home directory",
                "Set the variable HOME to its whole path.",
            )
        })?;
        Ok(ClientPaths::new(home))
    }

    /// The environment that programs on the server get on top of their own.
    pub(crate) fn told(&self) -> Vec<(&'static str, OsString)> {
        let told = TOLD.iter().filter_map(|variable| {
            let value = self.environment.get(*variable)?;
            Some((variable.name(), value.to_owned()))
        });
        told.collect()
    }

    /// Does `work` on this thread. What it leaves undone, as a read from a terminal, ends with the process.
    ///
    /// # Errors
    /// As `work`; if the system gives no means to wait.
    pub(crate) fn wait_for<T>(
        &self,
        work: impl Future<Output = Result<T, CliError>>,
    ) -> Result<T, CliError> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| {
                CliError::new(
                    Kind::Internal,
                    format!("no events can be waited for: {error}"),
                    "Check the limits of this system, of open files above all.",
                )
            })?;
        let done = runtime.block_on(work);
        runtime.shutdown_background();
        done
    }
}

/// The whole path of a directory of this machine, links resolved: what is published is the directory itself.
///
/// # Errors
/// If there is none, or it is something else.
pub(crate) fn directory(given: &Path) -> Result<PathBuf, CliError> {
    let refused = |problem: String| {
        let message = format!("{}: {problem}", given.display());
        CliError::new(Kind::Input, message, "Name a directory of this machine.")
    };
    let path = std::fs::canonicalize(given).map_err(|error| refused(error.to_string()))?;
    match path.is_dir() {
        true => Ok(path),
        false => Err(refused("that is no directory".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_published_is_a_directory_by_its_whole_path() {
        let home = tempfile::tempdir().unwrap();
        let inside = home.path().join("project");
        std::fs::create_dir(&inside).unwrap();
        let link = home.path().join("link");
        std::os::unix::fs::symlink(&inside, &link).unwrap();
        let inside = inside.canonicalize().unwrap();
        assert_eq!(directory(&link).unwrap(), inside);
        std::fs::File::create(inside.join("file")).unwrap();
        for wrong in [inside.join("file"), inside.join("none")] {
            assert_eq!(directory(&wrong).unwrap_err().kind, Kind::Input);
        }
    }
}
