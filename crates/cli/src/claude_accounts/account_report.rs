//! What is told about an account: one form for `list` and `status`, for people and for programs.

pub(crate) use launch::readiness::State;
use launch::readiness::{Held, Readiness, judge};
use model::{CredentialDocument, Identity, Timestamp};
use serde_json::{Value, json};
use vault::{Account, Binding, Unsealed, Vault, VaultError};

use crate::error::CliError;
use crate::table::NOTHING;
use crate::time;

/// All that is told about one account. Holds no secret but masked.
#[derive(Clone, Debug)]
pub(crate) struct AccountReport {
    pub(crate) account: Account,
    pub(crate) masked: String,
    pub(crate) plan: Option<String>,
    pub(crate) identity: Identity,
    /// Names of the variables that go with it.
    pub(crate) variables: Vec<String>,
    pub(crate) state: State,
    /// Why it is in that state; empty for [`State::Ok`].
    pub(crate) reason: String,
    pub(crate) is_default: bool,
    /// Directories bound to it.
    pub(crate) bindings: Vec<String>,
    pub(crate) now: Timestamp,
}

/// What is asked once for all accounts.
pub(crate) struct Surroundings {
    default: Option<model::AccountId>,
    bindings: Vec<Binding>,
    now: Timestamp,
}

impl Surroundings {
    pub(crate) fn read(vault: &Vault) -> Result<Self, VaultError> {
        Ok(Self {
            default: vault.default_account()?,
            bindings: vault.bindings()?,
            now: time::now(),
        })
    }
}

impl AccountReport {
    /// Opens one account. A damaged record is a state, not a failure.
    ///
    /// # Errors
    /// If the key is not to be had.
    pub(crate) fn make(
        vault: &Vault,
        account: Account,
        around: &Surroundings,
    ) -> Result<Self, CliError> {
        let (unsealed, held) = match vault.unseal(&account) {
            Ok(unsealed) => {
                let held = Held::of(&unsealed);
                (Some(unsealed), held)
            }
            Err(VaultError::Damaged { part, .. }) => (None, Held::Damaged(part)),
            Err(error) => return Err(error.into()),
        };
        let Readiness { state, reason } = judge(held, &account.login_facts(), around.now);
        let bound = around
            .bindings
            .iter()
            .filter(|binding| binding.account == account.id);
        let login = unsealed.as_ref().and_then(Unsealed::login);
        Ok(Self {
            masked: unsealed.as_ref().map(Unsealed::masked).unwrap_or_default(),
            plan: login.and_then(CredentialDocument::plan),
            identity: unsealed
                .as_ref()
                .map(|opened| opened.identity.clone())
                .unwrap_or_default(),
            variables: unsealed.map(variable_names).unwrap_or_default(),
            state,
            reason,
            is_default: around.default.as_ref() == Some(&account.id),
            bindings: bound
                .map(|binding| binding.directory.display().to_string())
                .collect(),
            now: around.now,
            account,
        })
    }

    /// The name, with `*` behind the default one.
    pub(crate) fn starred_name(&self) -> String {
        let star = if self.is_default { " *" } else { "" };
        format!("{}{star}", self.account.name)
    }

    /// How long the credential is good, or why it is not.
    pub(crate) fn time_left(&self) -> String {
        match (self.state, self.account.expires_at) {
            (State::Ok, Some(at)) if self.is_login() => time::duration(self.now.until(at)),
            (State::Ok, _) => NOTHING.to_owned(),
            (state, _) => state.words().to_owned(),
        }
    }

    pub(crate) fn last_used(&self) -> String {
        match self.account.last_used.as_deref() {
            None => "never".to_owned(),
            Some(stored) => match time::parse_stored(stored) {
                Some(moment) => time::age(moment, self.now),
                None => stored.to_owned(),
            },
        }
    }

    pub(crate) fn type_words(&self) -> &'static str {
        match self.account.auth_type {
            model::AuthType::ApiKey => "API key",
            model::AuthType::OAuth => "OAuth",
        }
    }

    fn is_login(&self) -> bool {
        self.account.auth_type == model::AuthType::OAuth
    }

    /// The object of `list --json`.
    pub(crate) fn to_json(&self) -> Value {
        let account = &self.account;
        let expires_at = account
            .expires_at
            .filter(|_| self.is_login())
            .map(Timestamp::as_millis);
        let left = expires_at.map(|at| at.saturating_sub(self.now.as_millis()).div_euclid(1_000));
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let moment = |stored: &str| time::parse_stored(stored).and_then(time::rfc3339);
        json!({
            "name": account.name,
            "auth_type": account.auth_type.as_str(),
            "masked": text(&self.masked),
            "plan": self.plan,
            "email": self.identity.email,
            "organization": self.identity.organization,
            "expires_at": expires_at,
            "expires_in_seconds": left,
            "state": self.state.as_str(),
            "reason": text(&self.reason),
            "last_used": account.last_used.as_deref().and_then(moment),
            "created_at": moment(&account.created_at),
            "default": self.is_default,
            "generation": account.generation,
            "bindings": self.bindings,
        })
    }
}

fn variable_names(unsealed: Unsealed) -> Vec<String> {
    unsealed
        .environment
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}
