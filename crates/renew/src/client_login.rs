//! The login in the user's own `~/.claude/.credentials.json`.

use std::path::{Path, PathBuf};

use model::{
    AccountId, CredentialDocument, DOCUMENT_LIMIT, DocumentError, Identity, LoginState, Secret,
};
use serde_json::Value;
use vault::{Account, Generation, Vault, VaultError, durable};

use crate::RenewError;

/// Largest `.claude.json` that is read, in bytes: it holds a history for every project.
const CLAUDE_JSON_LIMIT: u64 = 64 * 1024 * 1024;

/// The user's own files of the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientFiles {
    /// `~/.claude`, or what `CLAUDE_CONFIG_DIR` names.
    pub directory: PathBuf,
    /// `~/.claude.json`, or `.claude.json` in what `CLAUDE_CONFIG_DIR` names.
    pub claude_json: PathBuf,
}

/// What the credential file holds.
#[derive(Debug)]
pub enum ClientLogin {
    /// There is no file.
    Absent,
    /// There is one, without a usable login.
    Unusable(DocumentError),
    /// A login.
    Login(CredentialDocument),
}

impl ClientFiles {
    /// `.credentials.json` in the directory.
    #[must_use]
    pub fn credentials(&self) -> PathBuf {
        self.directory.join(".credentials.json")
    }

    /// Reads the credential file.
    ///
    /// # Errors
    /// If it is a link, a FIFO, too large, somebody else's, or cannot be read.
    pub fn read_login(&self) -> Result<ClientLogin, VaultError> {
        read_login(&self.credentials())
    }

    /// Whose login the client last wrote down as the user's; unknown if it did not.
    #[must_use]
    pub fn identity(&self) -> Identity {
        let bytes = durable::read_regular(&self.claude_json, CLAUDE_JSON_LIMIT)
            .ok()
            .flatten()
            .unwrap_or_default();
        let value: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        value
            .get("oauthAccount")
            .map(Identity::from_oauth_account)
            .unwrap_or_default()
    }

    /// Replaces the login in the credential file; other keys in it stay. The caller holds the
    /// client's locks.
    pub(crate) fn write_login(
        &self,
        present: &CredentialDocument,
        login: &CredentialDocument,
    ) -> Result<(), RenewError> {
        let bytes = zeroize::Zeroizing::new(present.with_login_of(login).to_bytes());
        durable::write(
            &self.credentials(),
            &bytes,
            0o600,
            durable::Placing::Replace,
        )?;
        Ok(())
    }
}

/// Reads a credential file anywhere.
///
/// # Errors
/// If it is a link, a FIFO, too large, somebody else's, or cannot be read.
pub fn read_login(path: &Path) -> Result<ClientLogin, VaultError> {
    let Some(bytes) = durable::read_regular(path, DOCUMENT_LIMIT as u64)? else {
        return Ok(ClientLogin::Absent);
    };
    let bytes = zeroize::Zeroizing::new(bytes);
    Ok(CredentialDocument::parse(&bytes).map_or_else(ClientLogin::Unusable, ClientLogin::Login))
}

/// How the login in the user's file stands to the account's.
#[derive(Debug)]
pub(crate) enum Relation {
    /// No file, none that can be used, or another login: never touched.
    Unrelated,
    /// The same tokens.
    Equal(CredentialDocument),
    /// The same login, renewed by the client since.
    FileNewer(CredentialDocument),
    /// The same login, an earlier generation.
    FileOlder(CredentialDocument),
}

/// Compares. The same login is one whose tokens are in the account's history; or, for an account
/// whose tokens the file once held, one of the same known identity that ends later, since that is
/// what a renewal by the client looks like. What cannot be shown to be the same is not.
pub(crate) fn relation(
    files: &ClientFiles,
    vault: &Vault,
    account: &Account,
) -> Result<Relation, RenewError> {
    // What cannot be read as a login of the user's is none of ours to judge or to touch.
    let Ok(ClientLogin::Login(document)) = files.read_login() else {
        return Ok(Relation::Unrelated);
    };
    let history = vault.history(account)?;
    if let Some(generation) = history
        .iter()
        .find(|generation| holds(generation, &document))
    {
        vault.link_client_file(&account.id)?;
        return Ok(if generation.present {
            Relation::Equal(document)
        } else {
            Relation::FileOlder(document)
        });
    }
    if holds_tokens(&vault.unseal(account)?.credential, &document) {
        vault.link_client_file(&account.id)?;
        return Ok(Relation::Equal(document));
    }
    if renewed_by_client(files, vault, account, &document)? {
        return Ok(Relation::FileNewer(document));
    }
    Ok(Relation::Unrelated)
}

fn renewed_by_client(
    files: &ClientFiles,
    vault: &Vault,
    account: &Account,
    document: &CredentialDocument,
) -> Result<bool, RenewError> {
    if vault.linked_client_file()?.as_ref() != Some::<&AccountId>(&account.id) {
        return Ok(false);
    }
    if !vault
        .unseal(account)?
        .identity
        .same_login(&files.identity())
    {
        return Ok(false);
    }
    let refused = account.state != LoginState::Alive;
    Ok(refused || document.expires_at() > account.expires_at)
}

fn holds(generation: &Generation, document: &CredentialDocument) -> bool {
    generation
        .document
        .as_ref()
        .is_some_and(|kept| same_tokens(kept, document))
}

fn holds_tokens(credential: &vault::Credential, document: &CredentialDocument) -> bool {
    matches!(credential, vault::Credential::Login(login) if same_tokens(login, document))
}

fn same_tokens(left: &CredentialDocument, right: &CredentialDocument) -> bool {
    let same = |left: Secret, right: Secret| !left.is_empty() && left == right;
    same(left.refresh_token(), right.refresh_token())
        || same(left.access_token(), right.access_token())
}
