//! Changing the key, and where it is kept.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;

use model::Secret;
use rusqlite::{Transaction, params};
use rustix::fs::FlockOperation;

use crate::durable::{self, Placing};
use crate::key_file::{KEY_FILE_LIMIT, KeyFile, WrappedKey};
use crate::sealer::Sealer;
use crate::{Protection, Vault, VaultError, VaultKey, keyring, settings};

/// Every sealed column there is.
const SEALED: [(&str, &[&str]); 2] = [
    (
        "accounts",
        &[
            "api_key_enc",
            "access_token_enc",
            "refresh_token_enc",
            "document_enc",
            "identity_enc",
            "environment_enc",
        ],
    ),
    (
        "generations",
        &["access_token_enc", "refresh_token_enc", "document_enc"],
    ),
];

impl Vault {
    /// Keeps the same key in another way. `passphrase` is needed for [`Protection::Passphrase`].
    ///
    /// # Errors
    /// If the present key cannot be unlocked or the new place does not take it; then nothing has
    /// changed.
    pub fn protect(
        &self,
        protection: Protection,
        passphrase: Option<&Secret>,
    ) -> Result<(), VaultError> {
        let _lock = self.lock_key()?;
        self.sealer()?;
        let before = self.key_file()?;
        let key = self.expose_key()?;
        let after = keep(&key, protection, passphrase)?;
        durable::write(
            &self.paths().key(),
            &after.to_bytes(),
            0o600,
            Placing::Replace,
        )?;
        self.forget_passphrase();
        if before.protection() == Protection::Keyring && protection != Protection::Keyring {
            // What remains there is a copy that nobody looks for.
            drop(keyring::forget(&key.id()));
        }
        Ok(())
    }

    /// Makes a new key and seals every record with it, in one transaction. The key stays where it
    /// is kept; a passphrase that wraps it is asked for.
    ///
    /// A crash leaves either key in force, never both: the database says which one, and the next
    /// one to open the vault puts that one in place.
    ///
    /// # Errors
    /// If the present key cannot be unlocked, or nothing can be written; then nothing has changed.
    pub fn rotate_key(&self) -> Result<(), VaultError> {
        let _lock = self.lock_key()?;
        let old = self.sealer()?;
        let old_file = self.key_file()?;
        let key = VaultKey::generate()?;
        let passphrase = self.known_passphrase();
        let next = keep(&key, old_file.protection(), passphrase.as_ref())?;
        durable::write(
            &self.paths().next_key(),
            &next.to_bytes(),
            0o600,
            Placing::Replace,
        )?;
        let resealed = self.reseal_all(&old, &Sealer::new(&key));
        resealed.inspect_err(|_| drop(fs::remove_file(self.paths().next_key())))?;
        self.put_next_key_in_place()?;
        self.forget_sealer();
        if old_file.protection() == Protection::Keyring {
            drop(keyring::forget(&old_file.id()));
        }
        self.sealer().map(drop)
    }

    /// After a rotation that was cut off: the database tells which key is in force.
    pub(crate) fn finish_rotation(&self) -> Result<(), VaultError> {
        let next = self.paths().next_key();
        if self.holds_key_lock() || next.symlink_metadata().is_err() {
            return Ok(());
        }
        // Waits for a rotation that is still going on.
        let _lock = self.lock_key()?;
        let Some(bytes) = durable::read_regular(&next, KEY_FILE_LIMIT)? else {
            return Ok(());
        };
        let recorded = settings::get(self.connection(), settings::KEY_ID)
            .map_err(|source| self.database_error(source))?;
        let in_force = KeyFile::parse(&bytes)
            .is_some_and(|file| recorded.as_deref() == Some(file.id().as_str()));
        if in_force {
            return self.put_next_key_in_place();
        }
        fs::remove_file(&next).map_err(|source| VaultError::file("remove", &next, source))
    }

    fn put_next_key_in_place(&self) -> Result<(), VaultError> {
        let (next, key) = (self.paths().next_key(), self.paths().key());
        fs::rename(&next, &key).map_err(|source| VaultError::file("rename", &next, source))?;
        durable::sync_directory_of(&key)
    }

    fn reseal_all(&self, old: &Sealer, new: &Sealer) -> Result<(), VaultError> {
        let transaction = self.begin()?;
        for (table, columns) in SEALED {
            for column in columns {
                self.reseal_column(&transaction, table, column, old, new)?;
            }
        }
        settings::set(&transaction, settings::KEY_ID, new.id().as_str())
            .map_err(|source| self.database_error(source))?;
        transaction
            .commit()
            .map_err(|source| self.database_error(source))
    }

    /// A value that the old key does not open stays as it is: it is as lost as before, and it must
    /// not hold up the others.
    fn reseal_column(
        &self,
        transaction: &Transaction<'_>,
        table: &str,
        column: &str,
        old: &Sealer,
        new: &Sealer,
    ) -> Result<(), VaultError> {
        let reseal = || -> rusqlite::Result<()> {
            let mut read = transaction.prepare(&format!(
                "SELECT rowid, {column} FROM {table} WHERE {column} <> ''"
            ))?;
            let mut write = transaction.prepare(&format!(
                "UPDATE {table} SET {column} = ?2 WHERE rowid = ?1"
            ))?;
            let sealed = read.query_map([], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
            })?;
            for row in sealed.collect::<rusqlite::Result<Vec<_>>>()? {
                if let Some(secret) = old.open(&row.1) {
                    write.execute(params![row.0, new.seal_secret(&secret)])?;
                }
            }
            Ok(())
        };
        reseal().map_err(|source| self.database_error(source))
    }

    fn lock_key(&self) -> Result<KeyLock<'_>, VaultError> {
        let path = self.paths().key_lock();
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(|source| VaultError::file("open", &path, source))?;
        rustix::fs::flock(&file, FlockOperation::LockExclusive)
            .map_err(|errno| VaultError::file("lock", &path, errno.into()))?;
        self.set_holds_key_lock(true);
        Ok(KeyLock {
            vault: self,
            _file: file,
        })
    }
}

/// Released by the kernel if the holder dies.
struct KeyLock<'vault> {
    vault: &'vault Vault,
    _file: File,
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        self.vault.set_holds_key_lock(false);
    }
}

fn keep(
    key: &VaultKey,
    protection: Protection,
    passphrase: Option<&Secret>,
) -> Result<KeyFile, VaultError> {
    match protection {
        Protection::File => Ok(KeyFile::Plain(key.clone())),
        Protection::Passphrase => {
            let passphrase = passphrase.ok_or(VaultError::PassphraseNeeded)?;
            WrappedKey::wrap(key, passphrase).map(KeyFile::Wrapped)
        }
        Protection::Keyring => {
            keyring::store(key)?;
            Ok(KeyFile::InKeyring(key.id()))
        }
    }
}
