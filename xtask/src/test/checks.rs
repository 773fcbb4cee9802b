//! What must hold of the source besides its tests, each a line with its time.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::options::Options;
use super::provision::Provisions;
use super::report::{Report, Verdict};
use super::{layers, page, traces};
use crate::Result;
use crate::docs;
use crate::process::{self, Echo};
use crate::workspace::Workspace;

/// Runs every check, the fast ones first.
pub(crate) fn run(
    workspace: &Workspace,
    options: &Options,
    provisions: &Provisions,
    report: &mut Report,
) {
    let mut check = |name: &str, work: &dyn Fn() -> Verdict| {
        let (verdict, elapsed) = process::timed(work);
        report.add(name, verdict, elapsed);
    };
    let cargo = |name: &str, arguments: &[&str]| {
        succeeded(workspace, name, &mut workspace.cargo(arguments))
    };
    check("format", &|| cargo("format", &["fmt", "--all", "--check"]));
    check("layers", &|| settled(layers::check(workspace)));
    check("traces", &|| settled(traces::check(workspace)));
    check("shellcheck", &|| settled(shellcheck(workspace, provisions)));
    for (name, work) in page::CHECKS {
        check(name, &|| work(workspace, provisions));
    }
    check("clippy", &|| {
        cargo(
            "clippy",
            &[
                "clippy",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ],
        )
    });
    check("documentation", &|| documentation(workspace));
    if !options.quick {
        check("book", &|| settled(book(workspace, provisions)));
        check("dependencies", &|| dependencies(workspace, provisions));
        check("unused dependencies", &|| unused(workspace, provisions));
        check("advisories", &|| advisories(workspace, provisions));
    }
}

/// A check that could not come to a verdict has failed.
fn settled(verdict: Result<Verdict>) -> Verdict {
    verdict.unwrap_or_else(|error| Verdict::Failed(error.to_string()))
}

pub(super) fn succeeded(workspace: &Workspace, name: &str, command: &mut Command) -> Verdict {
    let finished = process::run(command, &workspace.log(name), Echo::Silent);
    if finished.succeeded {
        Verdict::Passed(String::new())
    } else {
        Verdict::Failed(finished.output)
    }
}

fn documentation(workspace: &Workspace) -> Verdict {
    let mut command = workspace.cargo(&["doc", "--workspace", "--no-deps"]);
    succeeded(
        workspace,
        "documentation",
        command.env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// Whether the book can be built, its links lead somewhere, and its generated pages are current.
fn book(workspace: &Workspace, provisions: &Provisions) -> Result<Verdict> {
    match provisions.mdbook() {
        Ok(mdbook) => Ok(Verdict::from_complaints(&docs::check(workspace, mdbook)?)),
        Err(reason) => Ok(Verdict::Skipped(reason)),
    }
}

/// What cargo-deny says without a network: bans, licences and sources.
fn dependencies(workspace: &Workspace, provisions: &Provisions) -> Verdict {
    if let Some(reason) = provisions.missing("cargo-deny") {
        return Verdict::Skipped(reason.to_owned());
    }
    let mut command = workspace.cargo(&["deny", "check", "bans", "licenses", "sources"]);
    succeeded(workspace, "dependencies", &mut command)
}

/// Dependencies that no source file names.
fn unused(workspace: &Workspace, provisions: &Provisions) -> Verdict {
    if let Some(reason) = provisions.missing("cargo-machete") {
        return Verdict::Skipped(reason.to_owned());
    }
    let mut command = workspace.cargo(&["machete", "--skip-target-dir"]);
    // By this it tells whether cargo started it, and with it there, takes its own name for a directory.
    command.env_remove("CARGO_PKG_NAME");
    succeeded(workspace, "unused dependencies", &mut command)
}

/// Whether a dependency has a published weakness. Without today's database nothing is known, so that is no pass.
fn advisories(workspace: &Workspace, provisions: &Provisions) -> Verdict {
    if let Some(reason) = provisions.missing("cargo-deny") {
        return Verdict::Skipped(reason.to_owned());
    }
    let mut fetch = workspace.cargo(&["deny", "fetch", "db"]);
    let fetched = process::run(
        &mut fetch,
        &workspace.log("advisory database"),
        Echo::Silent,
    );
    if !fetched.succeeded {
        return Verdict::Skipped(format!("no database of advisories: {}", fetched.reason()));
    }
    succeeded(
        workspace,
        "advisories",
        &mut workspace.cargo(&["deny", "check", "advisories"]),
    )
}

fn shellcheck(workspace: &Workspace, provisions: &Provisions) -> Result<Verdict> {
    if let Some(reason) = provisions.missing("shellcheck") {
        return Ok(Verdict::Skipped(reason.to_owned()));
    }
    let Some(files) = workspace.files()? else {
        return Ok(Verdict::Skipped("not a git work tree".to_owned()));
    };
    let mut scripts: Vec<PathBuf> = Vec::new();
    for file in files {
        if is_shell_script(&file, &std::fs::read(workspace.root.join(&file))?) {
            scripts.push(file);
        }
    }
    if scripts.is_empty() {
        return Ok(Verdict::Passed("no shell scripts".to_owned()));
    }
    let mut command = workspace.command("shellcheck", &["--"]);
    Ok(
        match succeeded(workspace, "shellcheck", command.args(&scripts)) {
            Verdict::Passed(_) => Verdict::Passed(format!("{} scripts", scripts.len())),
            other => other,
        },
    )
}

/// Whether a file is a shell script by its name or by its first line.
fn is_shell_script(file: &Path, contents: &[u8]) -> bool {
    if file.extension().is_some_and(|extension| extension == "sh") {
        return true;
    }
    let first = contents
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let Some(interpreter) = first.strip_prefix(b"#!") else {
        return false;
    };
    let line = String::from_utf8_lossy(interpreter).into_owned();
    let mut words = line
        .split_whitespace()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    words.any(|word| matches!(word, "sh" | "bash" | "dash"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shell_scripts_are_known_by_name_or_first_line() {
        let is_script =
            |file: &str, contents: &str| is_shell_script(Path::new(file), contents.as_bytes());
        assert!(is_script("install.sh", ""));
        assert!(is_script("run", "#!/usr/bin/env bash\nexit\n"));
        assert!(is_script("run", "#! /bin/sh -e\n"));
        assert!(!is_script("run", "#!/usr/bin/env python3\n"));
        assert!(!is_script("notes.md", "Write `#!/bin/sh` first\n"));
    }
}
