//! The source user's login: into the vault, a view in its place, and back.

use std::collections::BTreeMap;

use model::{AccountName, AuthType, CredentialDocument, Identity, LoginState};
use renew::Lease;
use vault::{Account, Cause, NewAccount, NewLogin, NoPassphrase, Vault};

use super::machine::Machine;
use super::{homes, shared_tree, vault_accounts};
use crate::ShareError;
use crate::claude_json::{Common, merge};
use crate::desired::Provision;
use crate::home::{CredentialsWish, HomeReport, Item, Owner, Task, fingerprint};
use crate::settings::Settings;

/// How often a client that renews at the same moment is given way to.
const ATTEMPTS: usize = 5;

/// What has been taken into the vault.
pub(super) struct Taken {
    /// Whether the account was made for it.
    pub(super) added: bool,
}

/// Takes the login, as it is now, into the vault: it is on the disk when this returns.
pub(super) fn take(
    machine: &Machine<'_>,
    settings: &Settings,
    owner: &Owner,
    name: &str,
) -> Result<Taken, ShareError> {
    let report = look(machine, settings, owner)?;
    let told = report.claude_json.unwrap_or_default();
    let oauth = told.get("oauthAccount").cloned();
    let identity = oauth
        .as_ref()
        .map(Identity::from_oauth_account)
        .unwrap_or_default();
    let own = report
        .own_login
        .and_then(|login| CredentialDocument::parse(login.as_bytes()).ok());
    let shared = shared_tree::read(
        &settings.shared_directory,
        Item::Credentials,
        owner.shared_gid,
    )
    .and_then(|bytes| CredentialDocument::parse(&bytes).ok())
    .filter(|document| !document.refresh_token().is_empty());
    let newer = |one: &CredentialDocument, other: &CredentialDocument| {
        one.expires_at() > other.expires_at()
    };
    let document = match (own, shared) {
        (Some(own), Some(shared)) if newer(&shared, &own) => shared,
        (Some(own), _) => own,
        (None, Some(shared)) => shared,
        (None, None) => return Err(home_error(owner, "it holds no login any more")),
    };
    let vault = Vault::open_or_create(&machine.paths.vault(), Box::new(NoPassphrase))?;
    let (id, added) = match vault.find(name) {
        Ok(account) => (adopt(&vault, &account, &document, &identity)?, false),
        Err(vault::VaultError::NotFound { .. }) => (add(&vault, name, document, identity)?, true),
        Err(error) => return Err(error.into()),
    };
    let mut common = Common::load(&machine.paths.claude_json())?;
    // As if the source user were one of them: what he has is what all begin with.
    let seen = merge(&mut common, &owner.name, None, false, &told);
    drop(seen);
    common.remove_user(&owner.name);
    if let Some(oauth) = oauth {
        common.set_account(&id, oauth);
    }
    common.store(&machine.paths.claude_json())?;
    Ok(Taken { added })
}

fn add(
    vault: &Vault,
    name: &str,
    document: CredentialDocument,
    identity: Identity,
) -> Result<String, ShareError> {
    let name = AccountName::parse(name).map_err(|error| ShareError::Name(error.to_string()))?;
    let mut account = NewAccount::empty(name, AuthType::OAuth);
    account.login = Some(document);
    account.identity = identity;
    account.cause = Cause::Captured;
    Ok(vault.add(&account)?.as_str().to_owned())
}

/// Makes it the account's present login, if the account has no later one that can be renewed.
fn adopt(
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
    identity: &Identity,
) -> Result<String, ShareError> {
    let busy = || vault::VaultError::Busy(vault.paths().directory().to_owned());
    let has_login = vault.unseal(account)?.login().is_some();
    if has_login && !vault_accounts::is_same(vault, account, document, identity)? {
        return Err(ShareError::Name(format!(
            "the account {} of the vault has another login",
            model::printable(&account.name)
        )));
    }
    let lease = Lease::try_acquire(vault.paths(), &account.id)
        .ok()
        .flatten()
        .ok_or_else(busy)?;
    let present = vault.get(&account.id)?;
    let unsealed = vault.unseal(&present)?;
    let is_present = unsealed
        .login()
        .is_some_and(|kept| kept.refresh_token() == document.refresh_token());
    let is_better = unsealed.login().is_none()
        || present.state != LoginState::Alive
        || document.expires_at() > present.expires_at;
    if !is_present && is_better {
        let login = NewLogin {
            document: document.clone(),
            identity: identity.clone(),
            lifetime: None,
            cause: Cause::Captured,
        };
        vault.store_login(&account.id, &login)?;
    }
    drop(lease);
    Ok(account.id.as_str().to_owned())
}

/// Puts a view in the place of the login. Only what the vault has is replaced: if a client has
/// renewed since, that goes into the vault first.
pub(super) fn set_up_source(
    machine: &Machine<'_>,
    settings: &Settings,
    owner: &Owner,
    account_id: &str,
    reclaim_any: bool,
) -> Result<HomeReport, ShareError> {
    let vault = Vault::open(&machine.paths.vault(), Box::new(NoPassphrase))?;
    for _attempt in 0..ATTEMPTS {
        let account = vault.get(&model::AccountId::from_stored(account_id.to_owned()))?;
        let found = look(machine, settings, owner)?;
        let mut reclaim = None;
        if let Some(login) = &found.own_login {
            let told = found.claude_json.clone().unwrap_or_default();
            let identity = told
                .get("oauthAccount")
                .map(Identity::from_oauth_account)
                .unwrap_or_default();
            let document = CredentialDocument::parse(login.as_bytes()).ok();
            let same = match &document {
                Some(document) => vault_accounts::is_same(&vault, &account, document, &identity)?,
                None => false,
            };
            if let (true, Some(document)) = (same, &document) {
                adopt(&vault, &account, document, &identity)?;
                reclaim = Some(fingerprint(login.as_bytes()));
            }
        }
        let provision = vault_accounts::provision(&vault, &vault.get(&account.id)?);
        let wish = homes::source_wish(settings, &provision);
        let task = Task::Mend {
            reclaim,
            reclaim_any,
        };
        let request = homes::request(owner, &settings.shared_directory, wish, task, machine.stamp);
        let report = machine.processes.ask(owner, &request)?;
        let present = vault_accounts::provision(&vault, &vault.get(&account.id)?);
        let is_done = !homes::has_own_login(&report) || found.own_login.is_none();
        // A renewal may have come while the home was worked on.
        if is_done && present == provision {
            return Ok(report);
        }
    }
    Err(home_error(owner, "its login keeps changing"))
}

/// Gives the source user his whole login, as new as the vault has it.
pub(super) fn give_back(
    machine: &Machine<'_>,
    settings: &Settings,
    owner: &Owner,
    account_id: &str,
) -> Result<HomeReport, ShareError> {
    let vault = Vault::open(&machine.paths.vault(), Box::new(NoPassphrase))?;
    let account = vault.get(&model::AccountId::from_stored(account_id.to_owned()))?;
    let login = vault
        .unseal(&account)?
        .login()
        .map(CredentialDocument::to_bytes);
    let login = login.map(|bytes| String::from_utf8(bytes).expect("JSON is UTF-8"));
    let had_login = login.is_some();
    let wish = homes::source_wish(settings, &Provision::Nothing);
    let task = Task::TakeBack {
        originals: BTreeMap::new(),
        login,
    };
    let request = homes::request(owner, &settings.shared_directory, wish, task, machine.stamp);
    let report = machine.processes.ask(owner, &request)?;
    // What comes next may delete the vault's, so nothing is taken on trust here.
    let is_back = look(machine, settings, owner)?.own_login.is_some();
    match is_back || !had_login {
        true => Ok(report),
        false => Err(home_error(
            owner,
            "the login could not be put there; the vault still has it",
        )),
    }
}

fn look(
    machine: &Machine<'_>,
    settings: &Settings,
    owner: &Owner,
) -> Result<HomeReport, ShareError> {
    let mut wish = homes::no_wish();
    wish.credentials = CredentialsWish::Leave;
    let request = homes::request(
        owner,
        &settings.shared_directory,
        wish,
        Task::Look,
        machine.stamp,
    );
    machine.processes.ask(owner, &request)
}

fn home_error(owner: &Owner, problem: &str) -> ShareError {
    ShareError::Home {
        user: owner.name.clone(),
        problem: problem.to_owned(),
    }
}
