//! What can go wrong before the client runs.

use std::io;
use std::path::{Path, PathBuf};

use crate::BlockError;

/// Why a launch, or what prepares one, did not happen. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    /// The client is not where it was looked for.
    #[error("cannot find {}{}", client.display(), searched(looked_in))]
    ClientNotFound {
        /// The name or path that was looked for.
        client: PathBuf,
        /// The directories of `PATH` that were searched; none for a path.
        looked_in: Vec<PathBuf>,
    },
    /// There is something of that name, but it cannot be started.
    #[error("{} is not an executable file", path.display())]
    NotExecutable {
        /// What was found.
        path: PathBuf,
    },
    /// The client that was asked for is this program, which would start itself for ever.
    #[error("{} is this program, not Claude Code", .0.display())]
    Ourselves(PathBuf),
    /// The system refused to start the client.
    #[error("cannot start {}: {source}", program.display())]
    Start {
        /// The client.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The client gave no answer that ends within the time and size allowed.
    #[error("{} does not answer `auth status --json`", .0.display())]
    NoAnswer(PathBuf),
    /// A variable that no environment or shell can hold.
    #[error("the variable {name:?} {problem}")]
    Variable {
        /// Its name, made fit for a terminal.
        name: String,
        /// Completes "the variable NAME …".
        problem: &'static str,
    },
    /// A path that cannot be written into a script.
    #[error("the path {path:?} {problem}")]
    Path {
        /// The path.
        path: PathBuf,
        /// Completes "the path PATH …".
        problem: &'static str,
    },
    /// A shell's file whose marked block somebody changed by hand.
    #[error("{}: {problem}", path.display())]
    Block {
        /// The file.
        path: PathBuf,
        /// What is wrong with its markers.
        problem: BlockError,
    },
    /// The system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: a verb for "cannot …".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file that was refused or could not be written.
    #[error(transparent)]
    Vault(#[from] vault::VaultError),
}

impl LaunchError {
    pub(crate) fn file(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File {
            action,
            path,
            source,
        }
    }
}

fn searched(directories: &[PathBuf]) -> String {
    if directories.is_empty() {
        return String::new();
    }
    let list: Vec<_> = directories
        .iter()
        .map(|directory| directory.display().to_string())
        .collect();
    format!(" in {}", list.join(", "))
}
