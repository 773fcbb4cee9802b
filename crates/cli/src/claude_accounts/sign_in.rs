//! Signing in with the client in a private directory, so that the user's own login stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use launch::{Injection, session_environment};
use renew::{ClientFiles, ClientLogin, RuntimeDirectory};
use vault::{Cause, durable};

use super::context::Context;
use super::found_login::FoundLogin;
use super::services;
use crate::error::{CliError, Kind};

/// Runs `claude auth login` and takes what it wrote.
///
/// # Errors
/// If the client fails, or is left without a sign-in.
pub(crate) fn sign_in(context: &Context, client: &Path) -> Result<FoundLogin, CliError> {
    let directory = PrivateDirectory::make(&services::runtime(context)?)?;
    run_client(context, client, &directory)?;
    let files = ClientFiles {
        directory: directory.path.clone(),
        claude_json: directory.path.join(".claude.json"),
    };
    match files.read_login()? {
        ClientLogin::Login(document) => Ok(FoundLogin {
            document,
            identity: files.identity(),
            cause: Cause::SignedIn,
            in_client_file: false,
        }),
        ClientLogin::Absent | ClientLogin::Unusable(_) => Err(CliError::new(
            Kind::Stopped,
            "the client ended without a sign-in",
            "Try again. Nothing was changed, and your own login is as it was.",
        )),
    }
}

fn run_client(
    context: &Context,
    client: &Path,
    directory: &PrivateDirectory,
) -> Result<(), CliError> {
    let injection = Injection::ConfigDirectory(directory.path.clone());
    let mut environment =
        session_environment(context.environment.inherited(), &injection, &[], "")?;
    environment.retain(|(name, _)| name != launch::ACCOUNT_VARIABLE);
    // Ctrl-C is for the client; we stay to wipe what it leaves.
    let ignored = Arc::new(AtomicBool::new(false));
    let handlers = [
        signal_hook::consts::SIGINT,
        signal_hook::consts::SIGTERM,
        signal_hook::consts::SIGHUP,
    ]
    .map(|signal| signal_hook::flag::register(signal, Arc::clone(&ignored)));
    context.prompt.withhold_passphrase();
    let status = Command::new(client)
        .args(["auth", "login"])
        .env_clear()
        .envs(environment)
        .status();
    for handler in handlers.into_iter().flatten() {
        signal_hook::low_level::unregister(handler);
    }
    let failed = |error| {
        CliError::new(
            Kind::CannotExecute,
            format!("cannot start {}: {error}", client.display()),
            "Check that it is Claude Code.",
        )
    };
    status.map(drop).map_err(failed)
}

/// A directory that is wiped when dropped; one that a killed process left is wiped by the next.
struct PrivateDirectory {
    path: PathBuf,
}

impl PrivateDirectory {
    fn make(runtime: &RuntimeDirectory) -> Result<Self, CliError> {
        let parent = runtime.path().join("sign-in");
        durable::private_directory(&parent)?;
        wipe_orphans(&parent);
        let path = parent.join(std::process::id().to_string());
        drop(fs::remove_dir_all(&path));
        durable::private_directory(&path)?;
        Ok(Self { path })
    }
}

impl Drop for PrivateDirectory {
    fn drop(&mut self) {
        // What is left is 0700, and wiped by the next sign-in.
        drop(fs::remove_dir_all(&self.path));
    }
}

fn wipe_orphans(parent: &Path) {
    let entries = fs::read_dir(parent)
        .into_iter()
        .flatten()
        .filter_map(Result::ok);
    for entry in entries {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            drop(fs::remove_dir_all(entry.path()));
        }
    }
}
