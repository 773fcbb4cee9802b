//! The vault's accounts, as the users of this server need them.

use std::collections::{BTreeMap, BTreeSet};

use model::{AccountId, AuthType, CredentialDocument, Secret};
use vault::{Account, Credential, NoPassphrase, Unsealed, Vault, VaultError, VaultPaths};

use crate::desired::Provision;
use crate::home::CredentialsWish;

/// The accounts in use. None of their secrets is kept here but the views.
pub(super) struct Accounts {
    vault: Vault,
    known: BTreeMap<String, Known>,
}

struct Known {
    /// The account as it was read, if it is a login.
    login: Option<Account>,
    name: String,
    provision: Provision,
}

impl Accounts {
    pub(super) fn open(paths: &VaultPaths) -> Result<Self, VaultError> {
        let vault = Vault::open(paths, Box::new(NoPassphrase))?;
        vault.unlock()?;
        Ok(Self {
            vault,
            known: BTreeMap::new(),
        })
    }

    pub(super) fn vault(&self) -> &Vault {
        &self.vault
    }

    /// Reads the accounts anew; gives those whose users get something else than before, and what
    /// went wrong. Users of an account with an unproven login keep what they have.
    pub(super) fn refresh(
        &mut self,
        used: &BTreeSet<String>,
        is_unproven: impl Fn(&str) -> bool,
    ) -> (Vec<String>, Vec<String>) {
        let (mut changed, mut problems) = (Vec::new(), Vec::new());
        self.known.retain(|id, _| used.contains(id));
        for id in used {
            let read = self.read(id);
            let mut known = read.unwrap_or_else(|error| {
                // What is in the homes stays: it may work for hours.
                problems.push(error.to_string());
                Known {
                    login: None,
                    name: id.clone(),
                    provision: Provision::Nothing,
                }
            });
            let before = self.known.get(id);
            if is_unproven(id) {
                // A keeper that has just begun knows none before: then homes stay as they are.
                let proven = before.map(|before| before.provision.clone());
                known.provision = proven.unwrap_or(Provision::Nothing);
            }
            if before.is_none_or(|before| before.provision != known.provision) {
                changed.push(id.clone());
            }
            self.known.insert(id.clone(), known);
        }
        (changed, problems)
    }

    fn read(&self, id: &str) -> Result<Known, VaultError> {
        let account = self.get(id)?;
        let unsealed = self.vault.unseal(&account)?;
        Ok(Known {
            name: account.name.clone(),
            provision: provision(&unsealed),
            login: (account.auth_type == AuthType::OAuth).then_some(account),
        })
    }

    pub(super) fn get(&self, id: &str) -> Result<Account, VaultError> {
        self.vault.get(&AccountId::from_stored(id.to_owned()))
    }

    /// Those that are logins, for renewing.
    pub(super) fn logins(&self) -> impl Iterator<Item = &Account> {
        self.known.values().filter_map(|known| known.login.as_ref())
    }

    pub(super) fn provision(&self, id: &str) -> &Provision {
        self.known
            .get(id)
            .map_or(&Provision::Nothing, |known| &known.provision)
    }

    /// The name that people know it by.
    pub(super) fn name(&self, id: &str) -> String {
        let known = self.known.get(id).map(|known| known.name.as_str());
        model::printable(known.unwrap_or(id))
    }

    /// The whole login, for the shared file of `link` mode.
    pub(super) fn login(&self, id: &str) -> Option<CredentialDocument> {
        let account = self.get(id).ok()?;
        self.vault.unseal(&account).ok()?.login().cloned()
    }

    /// The key, read anew: taken away, it is gone at once.
    pub(super) fn key(&self, id: &str) -> Option<Secret> {
        let account = self.get(id).ok()?;
        match self.vault.unseal(&account).ok()?.credential {
            Credential::ApiKey(key) => Some(key),
            Credential::None | Credential::Login(_) => None,
        }
    }
}

/// What an account has for its users.
#[must_use]
pub fn provision(unsealed: &Unsealed) -> Provision {
    match &unsealed.credential {
        Credential::None => Provision::Nothing,
        Credential::ApiKey(_) => Provision::Key,
        Credential::Login(document) if document.access_token().is_empty() => Provision::Nothing,
        Credential::Login(document) => {
            let view = String::from_utf8(document.view().to_bytes());
            Provision::Login(CredentialsWish::View(view.expect("JSON is UTF-8")))
        }
    }
}

/// Whether the account's history has this login.
pub(crate) fn was_login(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
) -> Result<bool, VaultError> {
    let is_known = |kept: &CredentialDocument| kept.refresh_token() == document.refresh_token();
    let history = vault.history(account)?;
    Ok(history
        .iter()
        .any(|one| one.document.as_ref().is_some_and(is_known)))
}
