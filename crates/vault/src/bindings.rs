//! Which account a directory tree is bound to.
//!
//! Kept here and not in the directory: what a repository says must not choose an account.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use model::AccountId;
use rusqlite::params;

use crate::{Vault, VaultError};

/// A directory and the account that is launched in and below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Absolute, links resolved when it was bound.
    pub directory: PathBuf,
    /// The account.
    pub account: AccountId,
}

impl Vault {
    /// All bindings, by directory.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn bindings(&self) -> Result<Vec<Binding>, VaultError> {
        let read = || {
            let statement = "SELECT directory, account_id FROM bindings ORDER BY directory";
            let mut statement = self.connection().prepare_cached(statement)?;
            let rows = statement.query_map([], |row| {
                let bytes: Vec<u8> = row.get(0)?;
                let directory = PathBuf::from(OsString::from_vec(bytes));
                Ok(Binding {
                    directory,
                    account: AccountId::from_stored(row.get::<_, String>(1)?),
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }

    /// Binds a directory, or changes what it is bound to.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn bind(&self, directory: &Path, account: &AccountId) -> Result<(), VaultError> {
        let statement = "INSERT INTO bindings (directory, account_id) VALUES (?1, ?2)
            ON CONFLICT (directory) DO UPDATE SET account_id = excluded.account_id";
        let bytes = directory.as_os_str().as_bytes();
        self.write_plain(|transaction| {
            transaction
                .execute(statement, params![bytes, account.as_str()])
                .map(|_| ())
        })
    }

    /// Ends the binding of exactly this directory; `false` if there was none.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn unbind(&self, directory: &Path) -> Result<bool, VaultError> {
        let bytes = directory.as_os_str().as_bytes();
        self.write_plain(|transaction| {
            transaction
                .execute("DELETE FROM bindings WHERE directory = ?1", params![bytes])
                .map(|rows| rows > 0)
        })
    }
}
