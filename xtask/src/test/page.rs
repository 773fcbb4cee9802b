//! The dashboard's page, checked and tested by programs that npm has.

use std::path::PathBuf;
use std::process::Command;

use super::checks::succeeded;
use super::provision::Provisions;
use super::report::Verdict;
use crate::Result;
use crate::process::{self, Echo};
use crate::workspace::Workspace;

/// What is missing where npm could not install the page's packages.
pub(crate) const MODULES: &str = "the page's packages";

/// A check: its name, and what it does.
type Check = (&'static str, fn(&Workspace, &Provisions) -> Verdict);

/// What must hold of the page besides its tests in a browser.
pub(crate) const CHECKS: [Check; 3] = [
    ("page: vendored files", |workspace, provisions| {
        check(workspace, provisions, "node", &["vendor.mjs", "--check"])
    }),
    ("page: types and style", |workspace, provisions| {
        check(workspace, provisions, "npm", &["run", "--silent", "check"])
    }),
    ("page: unit tests", |workspace, provisions| {
        // By name: only later versions of node than Debian's find files by pattern.
        let files = unit_tests(workspace);
        let mut arguments = vec!["--test"];
        arguments.extend(files.iter().map(String::as_str));
        check(workspace, provisions, "node", &arguments)
    }),
];

/// Installs what `package-lock.json` names, unless that was done, and says where; `None` where there is no page.
///
/// # Errors
/// Why it could not be installed; `without` says that npm is not there at all.
pub(crate) fn install(
    workspace: &Workspace,
    without: Option<&str>,
) -> std::result::Result<Option<PathBuf>, String> {
    let web = workspace.root.join("web");
    if !web.join("package-lock.json").exists() {
        return Ok(None);
    }
    if let Some(reason) = without {
        return Err(reason.to_owned());
    }
    let modules = web.join("node_modules");
    // npm keeps its own record of what it installed; the lock file it was made from is kept here.
    let stamp = workspace.target.join("page-packages.json");
    let same = || -> Result<bool> {
        let installed = modules.join(".package-lock.json").exists();
        Ok(installed && std::fs::read(&stamp)? == std::fs::read(web.join("package-lock.json"))?)
    };
    if same().unwrap_or(false) {
        return Ok(Some(modules));
    }
    println!("installing the page's packages into {}", modules.display());
    let arguments = [
        "ci",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--fetch-retries=1",
    ];
    let finished = process::run(
        Command::new("npm").args(arguments).current_dir(&web),
        &workspace.log("npm ci"),
        Echo::Silent,
    );
    if !finished.succeeded {
        return Err(format!("npm: {}", finished.reason()));
    }
    let kept = std::fs::copy(web.join("package-lock.json"), &stamp);
    kept.map_err(|error| error.to_string())?;
    Ok(Some(modules))
}

/// Relative to the page's directory.
fn unit_tests(workspace: &Workspace) -> Vec<String> {
    let entries = std::fs::read_dir(workspace.root.join("web/tests"));
    let names = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut files: Vec<String> = names
        .filter(|name| name.ends_with(".test.mjs"))
        .map(|name| format!("tests/{name}"))
        .collect();
    files.sort();
    files
}

fn check(
    workspace: &Workspace,
    provisions: &Provisions,
    program: &str,
    arguments: &[&str],
) -> Verdict {
    if let Some(reason) = provisions.missing(MODULES) {
        return Verdict::Skipped(reason.to_owned());
    }
    if provisions.page_modules().is_none() {
        return Verdict::Passed("no page".to_owned());
    }
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(workspace.root.join("web"));
    succeeded(
        workspace,
        &format!("page {program} {}", arguments[0]),
        &mut command,
    )
}
