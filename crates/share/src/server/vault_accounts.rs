//! The vault's accounts, as plans need them.

use model::{AuthType, CredentialDocument, Identity, LoginState};
use vault::{Account, NoPassphrase, Vault, VaultError, VaultPaths};

use crate::desired::Provision;
use crate::keeper;

/// One of the vault's accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountFacts {
    /// Its permanent identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Key or login.
    pub auth_type: AuthType,
    /// Whether the login can still be renewed.
    pub alive: bool,
    /// What it has for its users.
    pub provision: Provision,
    /// Whether it is the login that the source user has in his home, or that one is newer.
    pub is_sources: bool,
}

/// Opens the vault that is there.
pub(super) fn open(paths: &VaultPaths) -> Result<Option<Vault>, VaultError> {
    match Vault::open(paths, Box::new(NoPassphrase)) {
        Err(VaultError::NoVault(_)) => Ok(None),
        opened => opened.map(Some),
    }
}

/// All of them. `login` is the source user's own.
pub(super) fn read(
    vault: &Vault,
    login: Option<(&CredentialDocument, &Identity)>,
) -> Result<Vec<AccountFacts>, VaultError> {
    let facts = |account: Account| {
        let is_sources = match login {
            Some((document, identity)) => is_same(vault, &account, document, identity)?,
            None => false,
        };
        Ok(AccountFacts {
            id: account.id.as_str().to_owned(),
            alive: account.state == LoginState::Alive,
            provision: provision(vault, &account),
            auth_type: account.auth_type,
            name: account.name,
            is_sources,
        })
    };
    vault.accounts()?.into_iter().map(facts).collect()
}

/// What an account has for its users; one that cannot be opened has nothing.
pub(super) fn provision(vault: &Vault, account: &Account) -> Provision {
    vault
        .unseal(account)
        .map_or(Provision::Nothing, |unsealed| keeper::provision(&unsealed))
}

/// Whether a login is the account's: its tokens are or were, or it is the same person's.
pub(super) fn is_same(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
    identity: &Identity,
) -> Result<bool, VaultError> {
    if account.auth_type != AuthType::OAuth {
        return Ok(false);
    }
    let Ok(unsealed) = vault.unseal(account) else {
        return Ok(false);
    };
    let is_known = |kept: &CredentialDocument| kept.refresh_token() == document.refresh_token();
    if unsealed.login().is_some_and(is_known) || unsealed.identity.same_login(identity) {
        return Ok(true);
    }
    keeper::was_login(vault, account, document)
}
