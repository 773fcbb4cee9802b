//! An account for a live session: what `launch` gives a client here, for a client on a server.
//!
//! This is all that `cs` has to do with the vault.

use std::ffi::OsString;
use std::path::PathBuf;

use launch::{ACCOUNT_VARIABLE, Injection, session_environment};
use live_process::BroughtAccount;
use model::{AccountId, LoginState, Secret};
use renew::SessionKind;
use vault::{Credential, Vault, VaultError};

use super::context::Context;
use super::session::{self, Ready};
use super::{GlobalArgs, keeper, services};
use crate::environment::Environment;
use crate::error::{CliError, Kind};

pub(crate) use super::keeper::KeeperArgs;

/// An account, and the vault that it is of.
pub(crate) struct Brought {
    context: Context,
    vault: Vault,
    id: AccountId,
    account: BroughtAccount,
    has_login: bool,
}

/// The account `name`, with a login that is good for a while.
///
/// # Errors
/// As `launch`: if there is no such account, it has no credential, or its login has ended.
pub(crate) fn bring(
    name: &str,
    environment: &Environment,
    is_quiet: bool,
) -> Result<Brought, CliError> {
    let global = GlobalArgs {
        quiet: is_quiet,
        ..GlobalArgs::default()
    };
    let context = Context::new(environment.clone(), &global);
    let vault = context.open_vault()?;
    let account = context.account(&vault, name)?;
    let margin = session::margin(Some(SessionKind::SecureStorage));
    let ready = session::make_ready(&context, &vault, account, margin)?;
    let name = ready.account.name.clone();
    let brought = BroughtAccount::new(name, variables(&ready)?);
    let (account, has_login) = match &ready.unsealed.credential {
        Credential::Login(login) => {
            let runtime = services::runtime(&context)?;
            let id = ready.account.id.clone();
            (brought.with_login(id, runtime, login), true)
        }
        Credential::ApiKey(_) | Credential::None => (brought, false),
    };
    // Neither ssh nor the session's process has any business with it.
    context.prompt.withhold_passphrase();
    Ok(Brought {
        context,
        vault,
        id: ready.account.id,
        account,
        has_login,
    })
}

/// What a launch would add to the environment: a key, and the account's own variables. A login is no part of it.
fn variables(ready: &Ready) -> Result<Vec<(String, Secret)>, CliError> {
    let injection = match &ready.unsealed.credential {
        Credential::ApiKey(key) => Injection::ApiKey(key.clone()),
        Credential::Login(_) | Credential::None => Injection::Nothing,
    };
    let own = &ready.unsealed.environment;
    let all = session_environment(Vec::new(), &injection, own, &ready.account.name)?;
    let text = |text: OsString| text.into_string().map_err(|_| not_text());
    let mut variables = Vec::new();
    for (name, value) in all {
        let (name, value) = (text(name)?, Secret::new(text(value)?));
        // Names an account of the vault of the machine that it is read on.
        if name != ACCOUNT_VARIABLE {
            variables.push((name, value));
        }
    }
    Ok(variables)
}

fn not_text() -> CliError {
    CliError::new(
        Kind::Internal,
        "a variable of the account is not UTF-8",
        "Remove the account and add it again.",
    )
}

impl Brought {
    /// What the session's process is told.
    pub(crate) fn account(&self) -> &BroughtAccount {
        &self.account
    }

    /// Has the login renewed as long as the session lasts, which has begun.
    ///
    /// # Errors
    /// If no keeper can be started.
    pub(crate) fn keep(&self) -> Result<(), CliError> {
        if self.has_login {
            let running = keeper::ensure_running(&self.context, &self.vault);
            running.map_err(|error| {
                error.hinted("Free some memory or processes; nothing is left of the session.")
            })?;
        }
        self.vault.touch(&self.id);
        Ok(())
    }
}

/// Why the login of account `id` is not renewed any more.
pub(crate) enum Over {
    /// The server has refused it for good, for this reason.
    SignInAgain(String),
    /// The account is not in the vault any more.
    Removed,
}

/// Whether, and why, the login of account `id` is not renewed any more. Nobody is asked anything; `None` also where the
/// vault cannot be read.
pub(crate) fn is_over(id: &str, environment: &Environment) -> Option<Over> {
    let global = GlobalArgs {
        no_input: true,
        ..GlobalArgs::default()
    };
    let context = Context::new(environment.clone(), &global);
    let vault = context.open_vault().ok()?;
    match vault.get(&AccountId::from_stored(id)) {
        Ok(account) => match account.state {
            LoginState::SignInAgain { reason } => Some(Over::SignInAgain(reason)),
            LoginState::Alive => None,
        },
        Err(VaultError::NotFound { .. }) => Some(Over::Removed),
        Err(_) => None,
    }
}

/// Is the keeper of the vault in the directory `vault`, or starts one: `cs` can do so where `claude-accounts` is not
/// installed.
///
/// # Errors
/// As `claude-accounts keeper`.
pub(crate) fn run_keeper(
    args: &KeeperArgs,
    vault: PathBuf,
    environment: &Environment,
) -> Result<(), CliError> {
    let global = GlobalArgs {
        vault: Some(vault),
        ..GlobalArgs::default()
    };
    keeper::run(args, &Context::new(environment.clone(), &global))
}
