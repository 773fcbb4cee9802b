//! `cargo xtask bench`: hands over to `bench/run`, which knows what is compared and how.

use std::process::{Command, ExitCode};

use crate::Result;
use crate::workspace::Workspace;

/// Runs `bench/run` with `arguments` and returns its exit status.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let script = workspace.root.join("bench/run");
    if !script.exists() {
        return Err("bench: not built yet: there is no bench/run".into());
    }
    let status = Command::new(&script)
        .args(arguments)
        .current_dir(&workspace.root)
        .status()
        .map_err(|error| format!("bench/run could not be started: {error}"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
