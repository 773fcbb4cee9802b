//! The libraries as this user's environment sets them up: where the client's files are, where
//! sessions meet, who renews.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use launch::{ClientIdentity, SupportCache, ViewSupport, find_client, probe};
use renew::{ClientFiles, Renewer, RuntimeDirectory};
use vault::VaultPaths;

use super::context::Context;
use crate::environment::Variable;
use crate::error::CliError;
use crate::program;

/// The user's own files of the client: `~/.claude`, or what `CLAUDE_CONFIG_DIR` names.
///
/// # Errors
/// If no home is known.
pub(crate) fn client_files(
    context: &Context,
    runtime: &RuntimeDirectory,
) -> Result<ClientFiles, CliError> {
    let named = context
        .environment
        .get(Variable::ConfigDirectory)
        .map(PathBuf::from);
    // Inside a session that was given a directory of links, the variable names that directory.
    match named.filter(|path| path.is_absolute() && !path.starts_with(runtime.path())) {
        Some(directory) => Ok(ClientFiles {
            claude_json: directory.join(".claude.json"),
            directory,
        }),
        None => {
            let home = context.home()?;
            Ok(ClientFiles {
                directory: home.join(".claude"),
                claude_json: home.join(".claude.json"),
            })
        }
    }
}

/// Where this vault's sessions and its keeper meet.
///
/// # Errors
/// If nobody says where the vault is.
pub(crate) fn runtime(context: &Context) -> Result<RuntimeDirectory, CliError> {
    let paths = context.paths()?;
    Ok(runtime_of(context, &paths))
}

fn runtime_of(context: &Context, paths: &VaultPaths) -> RuntimeDirectory {
    let base = context
        .environment
        .get(Variable::RuntimeDirectory)
        .map(Path::new);
    RuntimeDirectory::locate(base, paths)
}

/// Who makes the requests. Costs milliseconds: only for whoever will make one.
///
/// # Errors
/// If `CLAUDE_ACCOUNTS_TOKEN_URL` is no address that tokens may be sent to.
pub(crate) fn renewer(context: &Context) -> Result<Renewer, CliError> {
    let runtime = runtime(context)?;
    let files = client_files(context, &runtime)?;
    let url = program::token_url(&context.environment)?;
    Ok(Renewer::new(url, Some(files), runtime))
}

/// The client to launch: what the command line names, then `CLAUDE_ACCOUNTS_CLAUDE`, then `claude`
/// in `PATH`.
///
/// # Errors
/// If it is not there or cannot be executed.
pub(crate) fn client(context: &Context, named: Option<&Path>) -> Result<PathBuf, CliError> {
    let variable = context.environment.get(Variable::Client).map(Path::new);
    let directory = std::env::current_dir().unwrap_or_default();
    let ourselves = program::own_path().ok();
    let search_path = context.environment.get(Variable::Path);
    Ok(find_client(
        named.or(variable),
        search_path,
        &directory,
        ourselves.as_deref(),
    )?)
}

/// By which variable this client takes a view: remembered, or asked now.
///
/// # Errors
/// If the client is gone. A client that does not answer is no error.
pub(crate) fn view_support(context: &Context, client: &Path) -> Result<ViewSupport, CliError> {
    let paths = context.paths()?;
    let cache = SupportCache::new(paths.directory());
    let identity = ClientIdentity::of(client)?;
    if let Some(known) = cache.lookup(&identity) {
        return Ok(known);
    }
    let scratch = runtime_of(context, &paths).path().join("probe");
    match probe(client, &scratch, context.environment.get(Variable::Path)) {
        Ok(support) => {
            // On a full or read-only disk the client is asked again next time.
            drop(cache.remember(&identity, support));
            Ok(support)
        }
        Err(error) => {
            context.output.warning(&format!(
                "{error}; the token goes into the environment instead"
            ));
            Ok(ViewSupport::Neither)
        }
    }
}

/// The variables that a process of ours in the background needs, and no others.
pub(crate) fn background_environment(context: &Context) -> Vec<(OsString, OsString)> {
    let ours = [
        Variable::Home,
        Variable::Path,
        Variable::RuntimeDirectory,
        Variable::ConfigDirectory,
        Variable::TokenUrl,
        Variable::KeeperLinger,
        Variable::TimeZone,
    ];
    program::background_environment(&context.environment, &ours)
}
