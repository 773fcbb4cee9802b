//! Secrets that belong to no account, sealed like them: a second factor's, for instance.

use model::Secret;
use rusqlite::{OptionalExtension as _, params};

use crate::columns::text;
use crate::{Vault, VaultError};

impl Vault {
    /// The secret of this name.
    ///
    /// # Errors
    /// If the key is not to be had, or [`VaultError::Damaged`] if the key does not open it.
    pub fn sealed_setting(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        let Some(sealed) = self.sealed_text(name)? else {
            return Ok(None);
        };
        if let Some(secret) = self.sealer()?.open(&sealed) {
            return Ok(Some(secret));
        }
        // The key may have been rotated since the secret was read, or since the key was.
        self.forget_outdated_sealer();
        let sealed = self.sealed_text(name)?.unwrap_or_default();
        let opened = self.sealer()?.open(&sealed);
        opened.map(Some).ok_or_else(|| VaultError::Damaged {
            name: "the dashboard".to_owned(),
            part: "sealed setting",
        })
    }

    /// Whether there is a secret of this name. Needs no key.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn has_sealed_setting(&self, name: &str) -> Result<bool, VaultError> {
        let statement = "SELECT 1 FROM sealed_settings WHERE name = ?1";
        let exists = || self.connection().prepare_cached(statement)?.exists([name]);
        exists().map_err(|source| self.database_error(source))
    }

    fn sealed_text(&self, name: &str) -> Result<Option<String>, VaultError> {
        let statement = "SELECT value_enc FROM sealed_settings WHERE name = ?1";
        self.connection()
            .query_row(statement, [name], |row| text(row, 0))
            .optional()
            .map_err(|source| self.database_error(source))
    }

    /// Stores it, or removes it, which needs no key.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn set_sealed_setting(&self, name: &str, value: Option<&Secret>) -> Result<(), VaultError> {
        let Some(value) = value else {
            let statement = "DELETE FROM sealed_settings WHERE name = ?1";
            return self
                .write_plain(|transaction| transaction.execute(statement, [name]).map(drop));
        };
        self.write(|transaction, sealer| {
            let statement = "INSERT INTO sealed_settings (name, value_enc) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET value_enc = excluded.value_enc";
            let written = transaction.execute(statement, params![name, sealer.seal_secret(value)]);
            written
                .map(drop)
                .map_err(|source| self.database_error(source))
        })
    }
}
