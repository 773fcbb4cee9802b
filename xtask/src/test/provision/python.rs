//! Python packages: independent witnesses of what the product writes and answers.

use std::path::Path;

use super::{Provisions, failure};
use crate::process::{self, Echo};
use crate::test::environment;
use crate::workspace::Workspace;

/// A package as pip knows it, and what importing it takes.
const PACKAGES: [(&str, &str); 3] = [
    // It reads what the vault seals.
    (CRYPTOGRAPHY, "cryptography.fernet"),
    // It calls the dashboard's API as its description says.
    ("schemathesis", "schemathesis"),
    // It is a client of the dashboard's events that is not ours.
    ("python-socketio[client]", "socketio, requests, websocket"),
];

/// Debian has this one too.
const CRYPTOGRAPHY: &str = "cryptography";

/// Gets by pip, into target/, what the first Python in PATH still lacks.
pub(super) fn packages(workspace: &Workspace, provisions: &mut Provisions) {
    let directory = workspace.target.join("python");
    let lacking = |path| {
        PACKAGES
            .into_iter()
            .filter(move |(_, modules)| !has(workspace, modules, path))
    };
    if lacking(None).next().is_none() {
        return;
    }
    let wanted: Vec<&str> = lacking(Some(&directory)).map(|(name, _)| name).collect();
    if !wanted.is_empty() {
        let list = wanted.join(" ");
        println!("installing into {}: {list}", directory.display());
        let arguments = ["-m", "pip", "install", "--quiet", "--upgrade", "--target"];
        let mut pip = workspace.command("python3", &arguments);
        let finished = process::run(
            pip.arg(&directory).args(&wanted),
            &workspace.log("pip"),
            Echo::Silent,
        );
        for (name, _) in lacking(Some(&directory)) {
            provisions.missing.insert(name, failure("pip", &finished));
        }
    }
    provisions.python_path = Some(directory);
}

/// Whether Python has what reads the vault's seals, without pip.
pub(super) fn has_cryptography(workspace: &Workspace) -> bool {
    has(workspace, "cryptography.fernet", None)
}

/// Whether the tests' Python has the modules. Asked in the tests' environment: the caller's may have more.
fn has(workspace: &Workspace, modules: &str, path: Option<&Path>) -> bool {
    let mut python = workspace.command("python3", &["-c", &format!("import {modules}")]);
    environment::isolate(&mut python, workspace);
    if let Some(path) = path {
        python.env("PYTHONPATH", path);
    }
    process::succeeds(&mut python)
}
