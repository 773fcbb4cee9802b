//! `cargo xtask demo`: builds, and shows the main job from end to end.

use std::process::{Command, ExitCode};

use crate::Result;
use crate::process;
use crate::workspace::Workspace;

/// Builds the program and the stand-ins, and runs the demonstration.
pub(crate) fn run() -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    println!("Building …");
    let built = process::cargo()
        .args([
            "build",
            "--quiet",
            "--package",
            "cli",
            "--package",
            "testkit",
            "--bins",
        ])
        .current_dir(&workspace.root)
        .status()
        .map_err(|error| format!("cargo could not be started: {error}"))?;
    if !built.success() {
        return Err("the programs could not be built".into());
    }
    let status = Command::new(workspace.target.join("debug/demo"))
        .current_dir(&workspace.root)
        .status()
        .map_err(|error| format!("the demonstration could not be started: {error}"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
