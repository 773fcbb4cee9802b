//! What the dashboard is given of this user's environment.

use std::sync::{Arc, Mutex, PoisonError};

use dashboard::{Directories, Options};
use vault::VaultKey;

use super::plan::Plan;
use super::terminal_environment::terminal_environment;
use crate::claude_accounts::aliases::login_shell;
use crate::claude_accounts::context::Context;
use crate::claude_accounts::{install, services};
use crate::error::CliError;
use crate::program;

/// # Errors
/// If no home is known, or a variable is set to what cannot be used.
pub(super) fn options(
    context: &Context,
    plan: &Plan,
    key: Option<VaultKey>,
) -> Result<Options, CliError> {
    let runtime = services::runtime(context)?;
    let follower = Mutex::new(context.clone());
    let (home, config_home, zsh_directory) = install::Directories::of(context)?.into_parts();
    Ok(Options {
        vault: context.paths()?,
        key,
        program: program::own_path()?,
        directories: Directories {
            home,
            config_home,
            zsh_directory,
            login_shell: login_shell(context),
        },
        client_files: services::client_files(context, &runtime)?,
        // It may be installed later; then terminals say what is missing.
        client: services::client(context, None).ok(),
        runtime,
        renewer: Arc::new(services::renewer(context)?),
        terminal_environment: terminal_environment(context.environment.inherited()),
        accounts_changed: Arc::new(move || {
            install::follow(&follower.lock().unwrap_or_else(PoisonError::into_inner));
        }),
        network: plan.network(),
    })
}
