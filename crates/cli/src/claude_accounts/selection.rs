//! Which account is taken where none is named.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use vault::{Account, Vault, VaultError};

use super::context::Context;
use crate::environment::Variable;
use crate::error::{CliError, Kind};

/// Why an account was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    /// This is a session of that account.
    Session,
    /// This directory, here or above, is bound to it.
    Binding(PathBuf),
    /// It is the default.
    Default,
}

impl Reason {
    /// For people: completes "NAME, …".
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Session => format!(
                "the account of this session ({})",
                Variable::SessionAccount.name()
            ),
            Self::Binding(directory) => format!("bound to {}", directory.display()),
            Self::Default => "the default".to_owned(),
        }
    }

    /// For programs.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Session => json!({"reason": "session", "directory": null}),
            Self::Binding(directory) => {
                json!({"reason": "binding", "directory": directory.to_string_lossy()})
            }
            Self::Default => json!({"reason": "default", "directory": null}),
        }
    }
}

/// The account that is taken in `directory`.
///
/// # Errors
/// If none is, or the session's is no longer there.
pub(crate) fn select(
    context: &Context,
    vault: &Vault,
    directory: &Path,
) -> Result<(Account, Reason), CliError> {
    if let Some(name) = context.environment.get(Variable::SessionAccount) {
        let account = context.account(vault, &name.to_string_lossy())?;
        return Ok((account, Reason::Session));
    }
    select_for_launch(vault, directory)
}

/// The account that a launch without a name takes: the session around it does not count.
///
/// # Errors
/// If none is.
pub(crate) fn select_for_launch(
    vault: &Vault,
    directory: &Path,
) -> Result<(Account, Reason), CliError> {
    let mut bindings = vault.bindings()?;
    while let Some(binding) = launch::choose(directory, &bindings).cloned() {
        if let Some(account) = existing(vault, &binding.account)? {
            return Ok((account, Reason::Binding(binding.directory)));
        }
        bindings.retain(|other| other != &binding);
    }
    if let Some(id) = vault.default_account()?
        && let Some(account) = existing(vault, &id)?
    {
        return Ok((account, Reason::Default));
    }
    Err(CliError::new(
        Kind::NotFound,
        "no account is bound to this directory, and there is no default",
        "Name one, or set one: claude-accounts use NAME, claude-accounts default NAME.",
    ))
}

/// Another program may have removed an account without its bindings.
fn existing(vault: &Vault, id: &model::AccountId) -> Result<Option<Account>, CliError> {
    match vault.get(id) {
        Err(VaultError::NotFound { .. }) => Ok(None),
        found => Ok(Some(found?)),
    }
}

/// The directory that this program was started in, links resolved as in a binding.
///
/// # Errors
/// If it no longer exists.
pub(crate) fn current_directory() -> Result<PathBuf, CliError> {
    std::env::current_dir()
        .and_then(|directory| directory.canonicalize())
        .map_err(|error| {
            CliError::new(
                Kind::NotFound,
                format!("the current directory cannot be determined: {error}"),
                "Change to a directory that exists.",
            )
        })
}
