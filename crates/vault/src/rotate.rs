//! Changing the key, and where it is kept.

use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;

use model::Secret;
use rusqlite::{Transaction, params};
use rustix::fs::FlockOperation;

use crate::durable::{self, Placing};
use crate::key_file::{KEY_FILE_LIMIT, KeyFile, WrappedKey};
use crate::sealer::Sealer;
use crate::{Protection, Vault, VaultError, VaultKey, columns, keyring, schema, settings};

/// Every sealed column there is.
const SEALED: [(&str, &[&str]); 3] = [
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
    ("sealed_settings", &["value_enc"]),
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
        // Asks before it locks: nobody waits for somebody who types.
        self.sealer()?;
        let _lock = self.lock_key()?;
        self.undo_rotation()?;
        let before = self.key_file_in_force()?;
        let key = self.unlocked_key(&before)?;
        let was_in_keyring = before.protection() == Protection::Keyring;
        let after = keep(&key, protection, passphrase)?;
        let path = self.paths().key();
        durable::write(&path, &after.to_bytes(), 0o600, Placing::Replace).inspect_err(|_| {
            if !was_in_keyring {
                forget_in_keyring(&after);
            }
        })?;
        self.set_passphrase(passphrase.filter(|_| protection == Protection::Passphrase));
        if protection != Protection::Keyring {
            // What remains there is a copy that nobody looks for.
            forget_in_keyring(&before);
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
        self.sealer()?;
        let _lock = self.lock_key()?;
        self.undo_rotation()?;
        self.recover_rescued();
        // Anew, under the lock: both the key and the passphrase may have been changed since.
        let old_file = self.key_file_in_force()?;
        let old = Sealer::new(&self.unlocked_key(&old_file)?);
        self.check_sealer(&old)?;
        let key = VaultKey::generate()?;
        let passphrase = self.known_passphrase();
        let next = keep(&key, old_file.protection(), passphrase.as_ref())?;
        let path = self.paths().next_key();
        durable::write(&path, &next.to_bytes(), 0o600, Placing::Replace)
            .inspect_err(|_| forget_in_keyring(&next))?;
        let new = Sealer::new(&key);
        let resealed = self.reseal_all(&old, &new);
        resealed.inspect_err(|_| drop(self.undo_rotation()))?;
        self.set_sealer(new);
        self.put_next_key_in_place()?;
        self.shorten_log();
        Ok(())
    }

    /// After a rotation that was cut off: the database tells which key is in force.
    pub(crate) fn finish_rotation(&self) -> Result<(), VaultError> {
        if self.holds_key_lock() || self.paths().next_key().symlink_metadata().is_err() {
            return Ok(());
        }
        // Waits for a rotation that is still going on.
        let _lock = self.lock_key()?;
        // A vault that cannot be written now can still be read: it is undone another time.
        drop(self.undo_rotation());
        Ok(())
    }

    /// Puts the next key in place if the database says that it is in force. The caller holds the
    /// lock.
    fn complete_rotation(&self) -> Result<(), VaultError> {
        let Some(next) = self.next_key_file()? else {
            return Ok(());
        };
        let recorded = settings::get(self.connection(), settings::KEY_ID)
            .map_err(|source| self.database_error(source))?;
        match next.id().as_str() == recorded.as_deref().unwrap_or_default() {
            true => self.put_next_key_in_place(),
            false => Ok(()),
        }
    }

    /// Removes a next key that is not in force. The caller holds the lock.
    ///
    /// Whoever rotated may have been killed with all its pages in the write-ahead log, but before
    /// it told the others of them. They do not count as long as one of those others has the
    /// database open; to the first one who opens it afterwards they would be the truth, sealed
    /// with a key that is gone. So they are written over before that key goes.
    fn undo_rotation(&self) -> Result<(), VaultError> {
        let path = self.paths().next_key();
        if path.symlink_metadata().is_err() {
            return Ok(());
        }
        let next = self.next_key_file()?;
        self.write_plain(schema::rewrite_layout)?;
        fs::remove_file(&path).map_err(|source| VaultError::file("remove", &path, source))?;
        if let Some(next) = next {
            forget_in_keyring(&next);
        }
        Ok(())
    }

    /// The key that a rotation was to bring in; `None` also for a file that holds none.
    fn next_key_file(&self) -> Result<Option<KeyFile>, VaultError> {
        let bytes = durable::read_regular(&self.paths().next_key(), KEY_FILE_LIMIT)?;
        Ok(bytes.and_then(|bytes| KeyFile::parse(&bytes)))
    }

    fn put_next_key_in_place(&self) -> Result<(), VaultError> {
        let (next, key) = (self.paths().next_key(), self.paths().key());
        let replaced = durable::read_regular(&key, KEY_FILE_LIMIT);
        fs::rename(&next, &key).map_err(|source| VaultError::file("rename", &next, source))?;
        durable::sync_directory_of(&key)?;
        if let Some(replaced) = replaced
            .ok()
            .flatten()
            .and_then(|bytes| KeyFile::parse(&bytes))
        {
            forget_in_keyring(&replaced);
        }
        Ok(())
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
                Ok((row.get::<_, i64>(0)?, columns::text(row, 1)?))
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

    /// The lock on the key and how it is kept, with what killed holders left undone done. Taken
    /// before the database is locked, never after.
    pub(crate) fn lock_key(&self) -> Result<KeyLock<'_>, VaultError> {
        let path = self.paths().key_lock();
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(|source| VaultError::file("open", &path, source))?;
        rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))
            .map_err(|errno| VaultError::file("lock", &path, errno.into()))?;
        self.set_holds_key_lock(true);
        let lock = KeyLock {
            vault: self,
            _file: file,
        };
        // A key in the clear must not stay beside one that is wrapped.
        durable::remove_leftovers(&self.paths().key());
        self.complete_rotation()?;
        Ok(lock)
    }
}

/// Released by the kernel if the holder dies.
pub(crate) struct KeyLock<'vault> {
    vault: &'vault Vault,
    _file: File,
}

impl Drop for KeyLock<'_> {
    fn drop(&mut self) {
        self.vault.set_holds_key_lock(false);
    }
}

/// Removes a key from the keyring, if that is where this file keeps it. A failure leaves a key
/// there that seals nothing.
fn forget_in_keyring(file: &KeyFile) {
    if let KeyFile::InKeyring(id) = file {
        drop(keyring::forget(id));
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
