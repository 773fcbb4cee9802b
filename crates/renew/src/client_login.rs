//! The login in the user's own `~/.claude/.credentials.json`.

use std::path::{Path, PathBuf};

use model::{
    AccountId, CredentialDocument, DOCUMENT_LIMIT, DocumentError, Identity, LoginState, Secret,
};
use serde_json::Value;
use vault::{Account, Cause, Generation, Vault, VaultError, durable};

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

    /// The document around a login that the client has blanked; `None` if it is not blank.
    fn read_blanked(&self) -> Result<Option<CredentialDocument>, VaultError> {
        let Some(bytes) = durable::read_regular(&self.credentials(), DOCUMENT_LIMIT as u64)? else {
            return Ok(None);
        };
        match CredentialDocument::parse(&bytes) {
            Err(DocumentError::Blanked) => Ok(CredentialDocument::parse_any(&bytes).ok()),
            _ => Ok(None),
        }
    }

    /// Whose login the client last wrote down as the user's; unknown if it did not.
    #[must_use]
    pub fn identity(&self) -> Identity {
        identity_in(&self.claude_json)
    }

    /// Replaces the login in the credential file, if it still is `expected`; other keys in it stay
    /// as they are by now. The caller holds the client's locks, which a sign-in does not wait for.
    pub(crate) fn replace_login(
        &self,
        expected: &CredentialDocument,
        login: &CredentialDocument,
    ) -> Result<(), RenewError> {
        match self.read_login() {
            Ok(ClientLogin::Login(present)) if kinship(&present, expected) == Kinship::Same => {
                self.write_login(&present, login)
            }
            _ => Ok(()),
        }
    }

    /// Puts a login where the client has left blank tokens; `false` if there is anything else by
    /// now. The caller holds the client's locks.
    pub(crate) fn fill_blank(&self, login: &CredentialDocument) -> Result<bool, RenewError> {
        let Some(present) = self.read_blanked()? else {
            return Ok(false);
        };
        self.write_login(&present, login).map(|()| true)
    }

    fn write_login(
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

/// Whose login a `.claude.json` says was signed in to. The client keeps a link that stands for it,
/// so it is followed here; there is no secret in it that we read.
pub(crate) fn identity_in(claude_json: &Path) -> Identity {
    let read = |path: PathBuf| {
        durable::read_regular(&path, CLAUDE_JSON_LIMIT)
            .ok()
            .flatten()
    };
    let bytes = std::fs::canonicalize(claude_json).ok().and_then(read);
    let value: Value = serde_json::from_slice(&bytes.unwrap_or_default()).unwrap_or_default();
    value
        .get("oauthAccount")
        .map(Identity::from_oauth_account)
        .unwrap_or_default()
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

/// Compares. The same login is one whose tokens the account's present ones were renewed from, or
/// that shares one with them; or, for an account whose tokens the file once held, one of the same
/// known identity that ends later, since that is what a renewal by the client looks like. What
/// cannot be shown to be the same is not: an account's history may hold another login too.
pub(crate) fn relation(
    files: &ClientFiles,
    vault: &Vault,
    account: &Account,
) -> Result<Relation, RenewError> {
    // What cannot be read as a login of the user's is none of ours to judge or to touch; and one
    // without a refresh token is somebody's view, which the client never renews.
    let document = match files.read_login() {
        Ok(ClientLogin::Login(document)) if !document.refresh_token().is_empty() => document,
        _ => return Ok(Relation::Unrelated),
    };
    let unsealed = vault.unseal(account)?;
    let Some(present) = unsealed.login() else {
        return Ok(Relation::Unrelated);
    };
    let found = match kinship(&document, present) {
        Kinship::Same => Relation::Equal(document),
        // The server did not hand out another refresh token, or not another access token.
        Kinship::SharesOne if document.expires_at() > present.expires_at() => {
            Relation::FileNewer(document)
        }
        Kinship::SharesOne => Relation::FileOlder(document),
        Kinship::None if is_forebear(&document, present, vault, account)? => {
            Relation::FileOlder(document)
        }
        Kinship::None if renewed_by_client(files, vault, account, &document)? => {
            return Ok(Relation::FileNewer(document));
        }
        Kinship::None => return Ok(Relation::Unrelated),
    };
    vault.link_client_file(&account.id)?;
    Ok(found)
}

/// Whether the account's present tokens were renewed, once or more, from those of `document`.
fn is_forebear(
    document: &CredentialDocument,
    present: &CredentialDocument,
    vault: &Vault,
    account: &Account,
) -> Result<bool, RenewError> {
    let history = vault.history(account)?;
    let line = history
        .iter()
        .filter(|generation| generation.cause != Cause::KeptAside)
        .skip_while(|generation| !generation.present);
    let mut child: Option<&Generation> = None;
    for generation in line {
        let Some(kept) = &generation.document else {
            return Ok(false);
        };
        match child {
            // Another program has written tokens of its own since the last generation of ours.
            None if kinship(kept, present) != Kinship::Same => return Ok(false),
            Some(child) if !matches!(child.cause, Cause::Renewed | Cause::Adopted) => {
                return Ok(false);
            }
            _ if kinship(kept, document) != Kinship::None => return Ok(true),
            _ => child = Some(generation),
        }
    }
    Ok(false)
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

/// What two documents have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kinship {
    /// Both tokens.
    Same,
    /// One of them.
    SharesOne,
    None,
}

fn kinship(left: &CredentialDocument, right: &CredentialDocument) -> Kinship {
    let same = |left: Secret, right: Secret| !left.is_empty() && left == right;
    let refresh = same(left.refresh_token(), right.refresh_token());
    let access = same(left.access_token(), right.access_token());
    match (refresh, access) {
        (true, true) => Kinship::Same,
        (false, false) => Kinship::None,
        _ => Kinship::SharesOne,
    }
}
