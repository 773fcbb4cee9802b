//! The table `settings`. The Python program's keys in it are left alone.

use model::AccountId;
use rusqlite::{Connection, OptionalExtension as _};

use crate::{Vault, VaultError};

/// Which key sealed the records.
pub(crate) const KEY_ID: &str = "key_id";
/// The Python program's: what a dashboard's password is checked with.
const PASSWORD_HASH: &str = "password_hash";
/// The Python program's: SHA-256, in hexadecimal digits, of the API token.
const API_TOKEN_HASH: &str = "api_token_hash";
pub(crate) const DEFAULT_ACCOUNT: &str = "default_account";
/// The account whose tokens the user's own credential file was last seen to hold.
const CLIENT_FILE_ACCOUNT: &str = "client_file_account";

pub(crate) fn get(connection: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    let mut statement = connection.prepare_cached("SELECT value FROM settings WHERE key = ?1")?;
    statement
        .query_row([key], |row| row.get(0))
        .optional()
        .map(Option::flatten)
}

pub(crate) fn set(connection: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    let statement = "INSERT INTO settings (key, value) VALUES (?1, ?2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    connection.execute(statement, [key, value]).map(|_| ())
}

pub(crate) fn set_default(connection: &Connection, id: &AccountId) -> rusqlite::Result<()> {
    set(connection, DEFAULT_ACCOUNT, id.as_str())
}

pub(crate) fn is_default(connection: &Connection, id: &AccountId) -> rusqlite::Result<bool> {
    let default = get(connection, DEFAULT_ACCOUNT)?;
    Ok(default.as_deref() == Some(id.as_str()))
}

pub(crate) fn forget_account(connection: &Connection, id: &AccountId) -> rusqlite::Result<()> {
    let statement = "DELETE FROM settings WHERE key = ?1 AND value = ?2";
    connection
        .execute(statement, [DEFAULT_ACCOUNT, id.as_str()])
        .map(|_| ())
}

impl Vault {
    /// The account that is taken where no directory is bound.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn default_account(&self) -> Result<Option<AccountId>, VaultError> {
        let id = get(self.connection(), DEFAULT_ACCOUNT)
            .map_err(|source| self.database_error(source))?;
        Ok(id.map(AccountId::from_stored))
    }

    /// Sets it, or clears it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn set_default_account(&self, id: Option<&AccountId>) -> Result<(), VaultError> {
        self.write_plain(|transaction| match id {
            Some(id) => set_default(transaction, id),
            None => transaction
                .execute("DELETE FROM settings WHERE key = ?1", [DEFAULT_ACCOUNT])
                .map(|_| ()),
        })
    }

    /// The account whose tokens the user's own credential file was last seen to hold.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn linked_client_file(&self) -> Result<Option<AccountId>, VaultError> {
        let id = get(self.connection(), CLIENT_FILE_ACCOUNT)
            .map_err(|source| self.database_error(source))?;
        Ok(id.map(AccountId::from_stored))
    }

    /// Notes that the user's own credential file holds this account's tokens.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn link_client_file(&self, id: &AccountId) -> Result<(), VaultError> {
        if self.linked_client_file()?.as_ref() == Some(id) {
            return Ok(());
        }
        self.write_plain(|transaction| set(transaction, CLIENT_FILE_ACCOUNT, id.as_str()))
    }

    /// What the dashboard's password is checked with; `None` before the first set-up.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn password_hash(&self) -> Result<Option<String>, VaultError> {
        self.setting(PASSWORD_HASH)
    }

    /// Puts `after` in the place of `before`. `false` if something else was there: of several that
    /// set up or change at once, one succeeds.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn replace_password_hash(
        &self,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<bool, VaultError> {
        self.replace_setting(PASSWORD_HASH, before, after)
    }

    /// SHA-256, in hexadecimal digits, of the API token that belongs to the password.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn api_token_hash(&self) -> Result<Option<String>, VaultError> {
        self.setting(API_TOKEN_HASH)
    }

    /// As [`Vault::replace_password_hash`].
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn replace_api_token_hash(
        &self,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<bool, VaultError> {
        self.replace_setting(API_TOKEN_HASH, before, after)
    }

    /// Set to nothing counts as not set.
    fn setting(&self, key: &str) -> Result<Option<String>, VaultError> {
        let value = get(self.connection(), key).map_err(|source| self.database_error(source))?;
        Ok(value.filter(|value| !value.is_empty()))
    }

    fn replace_setting(
        &self,
        key: &str,
        before: Option<&str>,
        after: Option<&str>,
    ) -> Result<bool, VaultError> {
        self.write_plain(|transaction| {
            let found = get(transaction, key)?.filter(|value| !value.is_empty());
            if found.as_deref() != before {
                return Ok(false);
            }
            match after {
                Some(value) => set(transaction, key, value)?,
                None => drop(transaction.execute("DELETE FROM settings WHERE key = ?1", [key])?),
            }
            Ok(true)
        })
    }
}
