//! `cargo xtask bench`: hands over to `bench/run`, which knows what is compared and how.

mod report;

use std::process::{Command, ExitCode};

use crate::Result;
use crate::workspace::Workspace;

/// Writes the table of the README from what was measured, instead of only measuring.
const REPORT: &str = "--report";

/// Runs `bench/run` with `arguments` and returns its exit status. With `--report` the README's table follows; without
/// any part named beside it, from what was measured before.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let parts: Vec<&String> = arguments.iter().filter(|word| *word != REPORT).collect();
    let reports = parts.len() < arguments.len();
    if !reports || !parts.is_empty() {
        let measured = measure(&workspace, &parts)?;
        if measured != ExitCode::SUCCESS {
            return Ok(measured);
        }
    }
    if reports {
        report::write(&workspace)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn measure(workspace: &Workspace, parts: &[&String]) -> Result<ExitCode> {
    let script = workspace.root.join("bench/run");
    if !script.exists() {
        return Err("bench: not built yet: there is no bench/run".into());
    }
    let status = Command::new(&script)
        .args(parts)
        .current_dir(&workspace.root)
        .status()
        .map_err(|error| format!("bench/run could not be started: {error}"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
