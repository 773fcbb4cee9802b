//! Which account a directory tree is bound to.
//!
//! Kept here and not in the directory: what a repository says must not choose an account.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use model::AccountId;
use rusqlite::params;

use crate::columns::{bytes, text};
use crate::{Vault, VaultError};

/// A directory and the account that is launched in and below it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Absolute, links resolved when it was bound.
    pub directory: PathBuf,
    /// The account.
    pub account: AccountId,
}

/// Another program may have stored the directory as a text.
const REMOVE: &str = "DELETE FROM bindings WHERE CAST(directory AS BLOB) = ?1";

impl Vault {
    /// All bindings, by directory.
    ///
    /// # Errors
    /// If the database cannot be read. A record that names no directory is left out.
    pub fn bindings(&self) -> Result<Vec<Binding>, VaultError> {
        let read = || {
            let statement = "SELECT directory, account_id FROM bindings
                ORDER BY CAST(directory AS BLOB)";
            let mut statement = self.connection().prepare_cached(statement)?;
            let rows = statement.query_map([], |row| {
                let account = AccountId::from_stored(text(row, 1)?);
                let directory = bytes(row, 0)?.map(OsString::from_vec);
                Ok(directory.map(|directory| Binding {
                    directory: PathBuf::from(directory),
                    account,
                }))
            })?;
            rows.filter_map(Result::transpose)
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }

    /// Binds a directory, or changes what it is bound to.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn bind(&self, directory: &Path, account: &AccountId) -> Result<(), VaultError> {
        let statement = "INSERT INTO bindings (directory, account_id) VALUES (?1, ?2)";
        let bytes = directory.as_os_str().as_bytes();
        self.write_plain(|transaction| {
            transaction.execute(REMOVE, params![bytes])?;
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
            let removed = transaction.execute(REMOVE, params![bytes])?;
            Ok(removed > 0)
        })
    }
}
