//! The account that a session brings along: from the vault of this machine, and how it is with it.

use live_process::local::{AccountState, AccountStatus, Status};
use serde_json::{Value, json};

use super::context::Context;
use crate::claude_accounts::brought::{self, Brought, Over};
use crate::error::{CliError, Kind};

/// The account `name`, from the vault.
///
/// # Errors
/// As `claude-accounts launch`.
pub(crate) fn bring(name: &str, context: &Context) -> Result<Brought, CliError> {
    brought::bring(name, &context.environment, context.output.is_quiet())
}

/// Why the session is to have none, and so is not to be; `None` if it has the account, or may yet.
pub(crate) fn failure(status: &Status) -> Option<CliError> {
    let account = status.account.as_ref()?;
    let AccountState::Failed(failure) = &account.state else {
        return None;
    };
    let message = format!(
        "the account {} cannot be brought to {}: {}",
        model::printable(&account.name),
        model::printable(&status.server),
        model::printable(&failure.message)
    );
    let hint = match failure.hint.as_str() {
        "" => "Start the session without --account, and sign in there.".to_owned(),
        hint => model::printable(hint),
    };
    Some(CliError::new(Kind::Server, message, hint))
}

/// Whether the server has it, or it is known that it cannot.
pub(crate) fn is_decided(status: &Status) -> bool {
    let account = status.account.as_ref();
    account.is_none_or(|account| account.state != AccountState::Asked)
}

/// How it is with a session's account, in words and for programs.
pub(crate) struct Told {
    name: String,
    state: &'static str,
    reason: Option<String>,
}

/// As the session's process knows it.
pub(crate) fn told(account: &AccountStatus) -> Told {
    let (state, reason) = match &account.state {
        AccountState::Asked => ("pending", None),
        AccountState::There => ("ok", None),
        AccountState::SignedIn => ("signed_in", None),
        AccountState::Failed(failure) => ("failed", Some(failure.message.clone())),
    };
    Told {
        name: account.name.clone(),
        state,
        reason,
    }
}

/// The same, with what the vault knows of its login.
pub(crate) fn told_with_vault(account: &AccountStatus, context: &Context) -> Told {
    let login = account.login.as_deref();
    let over = login.and_then(|id| brought::is_over(id, &context.environment));
    let (state, reason) = match over {
        None => return told(account),
        Some(Over::SignInAgain(reason)) => ("sign_in_again", Some(reason)),
        Some(Over::Removed) => ("removed", None),
    };
    Told {
        name: account.name.clone(),
        state,
        reason,
    }
}

impl Told {
    pub(crate) fn words(&self) -> String {
        let name = &self.name;
        let reason = self.reason.as_deref().unwrap_or_default();
        let text = match self.state {
            "pending" => format!("{name} (the server does not have it yet)"),
            "signed_in" => {
                format!("{name} (the session keeps a login that was signed in to there)")
            }
            "failed" => format!("{name} (not on the server: {reason})"),
            "sign_in_again" => {
                format!("{name} (sign in again: claude-accounts login {name}; {reason})")
            }
            "removed" => format!("{name} (removed from the vault: not renewed any more)"),
            _ => name.clone(),
        };
        model::printable(&text)
    }

    pub(crate) fn json(&self) -> Value {
        json!({"name": self.name, "state": self.state, "reason": self.reason})
    }
}
