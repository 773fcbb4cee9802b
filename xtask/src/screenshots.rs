//! `cargo xtask screenshots`: every screen of the dashboard as a picture, from a throw-away home with made-up accounts.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use crate::Result;
use crate::process;
use crate::workspace::Workspace;

/// Where the README looks for them.
const DEFAULT: &str = "docs/pictures";
/// What a terminal has where Claude Code has its conversation: the stand-in for everything else.
const SHELL: &str = "#!/bin/sh\nif [ \"$1\" = auth ]; then exec /home/me/bin/claude \"$@\"; fi\nPS1='claude> ' exec /bin/bash --norc -i\n";

/// Builds the program, and has the browser take the pictures. As root the home is shown as `/home/me`.
pub(crate) fn run(arguments: &[String]) -> Result<ExitCode> {
    let workspace = Workspace::find()?;
    let directory = workspace
        .root
        .join(arguments.first().map_or(DEFAULT, String::as_str));
    fs::create_dir_all(&directory)?;
    println!("Building …");
    let mut build = process::cargo();
    build.args([
        "build",
        "--quiet",
        "--package",
        "cli",
        "--package",
        "testkit",
        "--bins",
    ]);
    if !build.current_dir(&workspace.root).status()?.success() {
        return Err("the programs could not be built".into());
    }
    let chromium = process::which("chromium").ok_or("install chromium")?;
    let homes = workspace.target.join("screenshots");
    furnish(&workspace, &homes)?;
    // A mount of its own, so that pictures show nothing of this machine.
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private", "sh", "-c"]);
    command.arg("mount --bind \"$1\" /home && shift && cd /home/me && exec \"$@\"");
    command.arg("sh").arg(&homes).arg("node");
    command.arg(workspace.root.join("web/tests/browser/run.mjs"));
    command.arg("screenshots").arg(&directory);
    isolate(&mut command, &workspace, &chromium);
    let succeeded = command.status()?.success();
    fs::remove_dir_all(&homes)?;
    println!("{}", directory.display());
    Ok(if succeeded {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// `/home` with one home.
fn furnish(workspace: &Workspace, homes: &Path) -> Result<()> {
    if homes.exists() {
        fs::remove_dir_all(homes)?;
    }
    let home = homes.join("me");
    for name in ["bin", ".tmp", ".runtime"] {
        fs::create_dir_all(home.join(name))?;
        fs::set_permissions(home.join(name), fs::Permissions::from_mode(0o700))?;
    }
    let bin = home.join("bin");
    fs::copy(
        workspace.target.join("debug/stand-in-claude"),
        bin.join("claude"),
    )?;
    let settings = "{\"supports\": [\"securestorage\", \"config-dir\"]}";
    fs::write(bin.join("claude.stand-in.json"), settings)?;
    fs::write(bin.join("claude-shell"), SHELL)?;
    fs::set_permissions(bin.join("claude-shell"), fs::Permissions::from_mode(0o755))?;
    Ok(())
}

/// Nothing of the caller's environment.
fn isolate(command: &mut Command, workspace: &Workspace, chromium: &Path) {
    let home = PathBuf::from("/home/me");
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
        .env("LANG", "C.UTF-8")
        .env("TZ", "UTC")
        .env("HOME", &home)
        .env("TMPDIR", home.join(".tmp"))
        .env("XDG_RUNTIME_DIR", home.join(".runtime"))
        .env("CLAUDE_ACCOUNTS_KEEPER_LINGER", "1")
        .env("CLAUDE_ACCOUNTS_CLAUDE", home.join("bin/claude-shell"))
        .env(
            "CLAUDE_ACCOUNTS_TEST_PROGRAM",
            workspace.target.join("debug/claude-accounts"),
        )
        .env("CLAUDE_ACCOUNTS_TEST_CHROMIUM", chromium);
}
