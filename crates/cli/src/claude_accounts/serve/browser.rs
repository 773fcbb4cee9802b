//! Opening the browser.

use std::os::unix::process::CommandExt as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;

use super::terminal_environment::terminal_environment;
use crate::claude_accounts::context::Context;
use crate::environment::Variable;

/// Opens `url`, where there is a desktop and a program that opens things on it. Nobody waits for
/// it, and nothing is said if there is none: the address is printed anyway.
pub(super) fn open(context: &Context, url: &str) {
    let Some(opener) = opener(context) else {
        return;
    };
    let started = Command::new(opener)
        .arg(url)
        .env_clear()
        .envs(terminal_environment(context.environment.inherited()))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C is meant for the dashboard.
        .process_group(0)
        .spawn();
    if let Ok(mut child) = started {
        // Somebody has to ask how it ended; what the answer is does not matter.
        drop(
            thread::Builder::new()
                .name("browser".to_owned())
                .spawn(move || drop(child.wait())),
        );
    }
}

fn opener(context: &Context) -> Option<PathBuf> {
    let has_desktop = [Variable::Display, Variable::WaylandDisplay]
        .into_iter()
        .any(|variable| context.environment.get(variable).is_some());
    let name = match (cfg!(target_os = "macos"), has_desktop) {
        (true, _) => "open",
        (false, true) => "xdg-open",
        (false, false) => return None,
    };
    let path = context.environment.get(Variable::Path)?;
    std::env::split_paths(path)
        .filter(|directory| directory.is_absolute())
        .map(|directory| directory.join(name))
        .find(|program| rustix::fs::access(program, rustix::fs::Access::EXEC_OK).is_ok())
}
