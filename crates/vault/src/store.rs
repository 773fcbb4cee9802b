//! An open vault: the connection, the key, and the one way to write.

use std::cell::{Cell, RefCell};
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use model::Secret;
use rusqlite::{Connection, OpenFlags, Transaction, TransactionBehavior, config::DbConfig};

use crate::durable::{self, Placing};
use crate::key_file::{KEY_FILE_LIMIT, KeyFile};
use crate::sealer::Sealer;
use crate::{
    KeyId, Protection, VaultError, VaultKey, VaultPaths, columns, keyring, schema, settings,
};

/// From this length on, in bytes, a write-ahead log is brought into the database. Reading one of
/// this length takes a tenth of a millisecond.
const LONGEST_LOG: u64 = 256 * 1024;

/// The same for what is written without waiting for the disk ([`Vault::touch`]), in pages of
/// 4 KiB: SQLite starts the log anew.
const AUTOMATIC_PAGES: i64 = 256;

/// Who can be asked for the passphrase that wraps the vault's key.
pub trait Unlock: Send {
    /// The passphrase. Called only if the key is wrapped, once per opened vault, and again if it
    /// was changed meanwhile.
    ///
    /// # Errors
    /// [`VaultError::PassphraseNeeded`] if there is nobody to ask.
    fn passphrase(&mut self) -> Result<Secret, VaultError>;
}

/// Nobody.
pub struct NoPassphrase;

impl Unlock for NoPassphrase {
    fn passphrase(&mut self) -> Result<Secret, VaultError> {
        Err(VaultError::PassphraseNeeded)
    }
}

/// An open vault. What needs no secret (names, bindings) is read without the key.
pub struct Vault {
    paths: VaultPaths,
    connection: Connection,
    unlock: RefCell<Box<dyn Unlock>>,
    sealer: RefCell<Option<Arc<Sealer>>>,
    /// A passphrase once given, for when the key changes under an open vault.
    passphrase: RefCell<Option<Secret>>,
    /// Whether this vault holds the lock on the key: locks of one process block each other.
    holds_key_lock: Cell<bool>,
    /// Whether the last launch was noted, and so can be taken back.
    counted_launch: Cell<bool>,
}

impl Vault {
    /// Opens the vault that is there.
    ///
    /// # Errors
    /// [`VaultError::NoVault`] if none is; else what is wrong with it.
    pub fn open(paths: &VaultPaths, unlock: Box<dyn Unlock>) -> Result<Self, VaultError> {
        if !paths.exists() {
            return Err(VaultError::NoVault(paths.directory().to_owned()));
        }
        Self::open_or_create(paths, unlock)
    }

    /// Opens the vault, or makes an empty one with a new key in a file.
    ///
    /// # Errors
    /// What is wrong with the one that is there, or why none can be made.
    pub fn open_or_create(paths: &VaultPaths, unlock: Box<dyn Unlock>) -> Result<Self, VaultError> {
        durable::private_directory(paths.directory())?;
        let connection = connect(paths)?;
        let vault = Self {
            paths: paths.clone(),
            connection,
            unlock: RefCell::new(unlock),
            sealer: RefCell::new(None),
            passphrase: RefCell::new(None),
            holds_key_lock: Cell::new(false),
            counted_launch: Cell::new(false),
        };
        vault.recover_rescued();
        Ok(vault)
    }

    /// Where it is.
    #[must_use]
    pub fn paths(&self) -> &VaultPaths {
        &self.paths
    }

    /// Where the key is kept.
    ///
    /// # Errors
    /// If there is no key file or it holds no key.
    pub fn protection(&self) -> Result<Protection, VaultError> {
        Ok(self.key_file()?.protection())
    }

    /// Which key it is, without unlocking it.
    ///
    /// # Errors
    /// As [`Vault::protection`].
    pub fn key_id(&self) -> Result<KeyId, VaultError> {
        Ok(self.key_file()?.id())
    }

    /// Obtains the key now, asking for the passphrase if need be.
    ///
    /// # Errors
    /// If the key is missing, wrong, or cannot be unlocked.
    pub fn unlock(&self) -> Result<(), VaultError> {
        self.sealer().map(drop)
    }

    /// Uses a key that was unlocked elsewhere.
    ///
    /// # Errors
    /// [`VaultError::KeyWrong`] if it is not the one in force.
    pub fn unlock_with(&self, key: &VaultKey) -> Result<(), VaultError> {
        let sealer = Arc::new(Sealer::new(key));
        if self.is_outdated(&sealer) {
            return Err(VaultError::KeyWrong(self.paths.key()));
        }
        self.check_sealer(&sealer)?;
        *self.sealer.borrow_mut() = Some(sealer);
        Ok(())
    }

    /// The key itself, to hand it to a keeper of the same user over a pipe.
    ///
    /// # Errors
    /// As [`Vault::unlock`].
    pub fn expose_key(&self) -> Result<VaultKey, VaultError> {
        self.sealer()?;
        self.unlocked_key(&self.key_file_in_force()?)
    }

    /// A number that is another one whenever anybody but this opened vault has changed the
    /// database since it was last asked (SQLite's `data_version`). Takes microseconds.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn data_version(&self) -> Result<i64, VaultError> {
        let read = || {
            let mut statement = self.connection.prepare_cached("PRAGMA data_version")?;
            statement.query_row([], |row| row.get(0))
        };
        read().map_err(|source| self.database_error(source))
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    pub(crate) fn database_error(&self, source: rusqlite::Error) -> VaultError {
        VaultError::database(&self.paths.database(), source)
    }

    /// The sealer of the key that is in force, unlocked at its first use.
    pub(crate) fn sealer(&self) -> Result<Arc<Sealer>, VaultError> {
        if let Some(sealer) = self.sealer.borrow().as_ref() {
            return Ok(Arc::clone(sealer));
        }
        let key_file = self.key_file_in_force()?;
        let sealer = Arc::new(Sealer::new(&self.unlocked_key(&key_file)?));
        self.check_sealer(&sealer)?;
        *self.sealer.borrow_mut() = Some(Arc::clone(&sealer));
        Ok(sealer)
    }

    pub(crate) fn set_sealer(&self, sealer: Sealer) {
        *self.sealer.borrow_mut() = Some(Arc::new(sealer));
    }

    /// Forgets the unlocked key: the next use reads the key file again.
    pub(crate) fn forget_sealer(&self) {
        *self.sealer.borrow_mut() = None;
    }

    /// One durable transaction that seals. If another process rotated the key in between, it is
    /// done again with the new key, so no record is ever sealed with an old one.
    pub(crate) fn write<T>(
        &self,
        work: impl Fn(&Transaction<'_>, &Sealer) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        if let Some(value) = self.try_write(&*self.sealer()?, &work)? {
            return Ok(value);
        }
        // Rotations may follow one another; with the lock on the key there is none.
        let _lock = self.lock_key()?;
        self.forget_sealer();
        let written = self.try_write(&*self.sealer()?, &work)?;
        written.ok_or_else(|| VaultError::KeyWrong(self.paths.key()))
    }

    /// `None` if the key is not the one in force; then nothing is written.
    fn try_write<T>(
        &self,
        sealer: &Sealer,
        work: impl Fn(&Transaction<'_>, &Sealer) -> Result<T, VaultError>,
    ) -> Result<Option<T>, VaultError> {
        let transaction = self.begin()?;
        if !self.adopt_key(&transaction, sealer)? {
            return Ok(None);
        }
        let value = work(&transaction, sealer)?;
        transaction
            .commit()
            .map_err(|source| self.database_error(source))?;
        self.shorten_log();
        Ok(Some(value))
    }

    /// One durable transaction that seals nothing.
    pub(crate) fn write_plain<T>(
        &self,
        work: impl Fn(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, VaultError> {
        let transaction = self.begin()?;
        let value = work(&transaction).map_err(|source| self.database_error(source))?;
        transaction
            .commit()
            .map_err(|source| self.database_error(source))?;
        self.shorten_log();
        Ok(value)
    }

    /// Brings a long write-ahead log into the database: as long as nobody keeps the vault open,
    /// whoever opens it has to read all of the log first. Others are not waited for; what cannot
    /// be done now is done after a later transaction.
    pub(crate) fn shorten_log(&self) {
        let length = fs::metadata(self.paths.log()).map_or(0, |log| log.len());
        if length < LONGEST_LOG {
            return;
        }
        let shorten = || -> rusqlite::Result<()> {
            self.connection.busy_timeout(Duration::ZERO)?;
            let statement = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.connection.query_row(statement, [], |_| Ok(()))
        };
        drop(shorten());
        drop(self.connection.busy_timeout(schema::BUSY_TIMEOUT));
    }

    pub(crate) fn begin(&self) -> Result<Transaction<'_>, VaultError> {
        Transaction::new_unchecked(&self.connection, TransactionBehavior::Immediate)
            .map_err(|source| self.database_error(source))
    }

    /// Whether this sealer's key is the one in force; where none is on record it becomes it.
    fn adopt_key(
        &self,
        transaction: &Transaction<'_>,
        sealer: &Sealer,
    ) -> Result<bool, VaultError> {
        let recorded = settings::get(transaction, settings::KEY_ID)
            .map_err(|source| self.database_error(source))?;
        match recorded {
            Some(id) => Ok(id == sealer.id().as_str()),
            None => {
                let set = settings::set(transaction, settings::KEY_ID, sealer.id().as_str());
                set.map_err(|source| self.database_error(source))?;
                Ok(true)
            }
        }
    }

    /// The key file. Finishes a rotation that was cut off, and makes a key where there is none and
    /// nothing was sealed yet.
    pub(crate) fn key_file(&self) -> Result<KeyFile, VaultError> {
        self.finish_rotation()?;
        if let Some(key_file) = self.read_key_file()? {
            return Ok(key_file);
        }
        if self.holds_sealed_records()? {
            // Whoever sealed them may have made the key since we looked for it.
            let found = self.read_key_file()?;
            return found.ok_or_else(|| VaultError::KeyMissing(self.paths.key()));
        }
        self.make_key()
    }

    fn read_key_file(&self) -> Result<Option<KeyFile>, VaultError> {
        let path = self.paths.key();
        let bytes = durable::read_regular(&path, KEY_FILE_LIMIT)?;
        bytes
            .map(|bytes| KeyFile::parse(&bytes).ok_or(VaultError::KeyMalformed(path)))
            .transpose()
    }

    fn make_key(&self) -> Result<KeyFile, VaultError> {
        let _lock = match self.holds_key_lock() {
            true => None,
            false => Some(self.lock_key()?),
        };
        if let Some(key_file) = self.read_key_file()? {
            return Ok(key_file);
        }
        let path = self.paths.key();
        let key_file = KeyFile::Plain(VaultKey::generate()?);
        match durable::write(&path, &key_file.to_bytes(), 0o600, Placing::New) {
            Ok(()) => Ok(key_file),
            // The Python program, which knows no lock, was first: its key counts.
            Err(VaultError::File { source, .. })
                if source.kind() == std::io::ErrorKind::AlreadyExists =>
            {
                let found = self.read_key_file()?;
                found.ok_or(VaultError::KeyMissing(path))
            }
            Err(error) => Err(error),
        }
    }

    pub(crate) fn unlocked_key(&self, key_file: &KeyFile) -> Result<VaultKey, VaultError> {
        match key_file {
            KeyFile::Plain(key) => Ok(key.clone()),
            KeyFile::InKeyring(id) => keyring::load(id),
            KeyFile::Wrapped(wrapped) => {
                let known = self.known_passphrase();
                if let Some(key) = known.and_then(|known| wrapped.unwrap(&known).ok()) {
                    return Ok(key);
                }
                let passphrase = self.unlock.borrow_mut().passphrase()?;
                let key = wrapped.unwrap(&passphrase)?;
                self.set_passphrase(Some(&passphrase));
                Ok(key)
            }
        }
    }

    /// The key file whose key is in force. Compares identifiers: a wrong key is told before
    /// anybody is asked for a passphrase.
    pub(crate) fn key_file_in_force(&self) -> Result<KeyFile, VaultError> {
        let key_file = self.key_file()?;
        if self.is_in_force(&key_file)? {
            return Ok(key_file);
        }
        // A rotation may have ended between the two looks; with the lock on the key there is none.
        let _lock = match self.holds_key_lock() {
            true => None,
            // Where the lock cannot be made, no key can be rotated either.
            false => self.lock_key().ok(),
        };
        let key_file = self.key_file()?;
        match self.is_in_force(&key_file)? {
            true => Ok(key_file),
            false => Err(VaultError::KeyWrong(self.paths.key())),
        }
    }

    /// Whether this file's key is the one on record, or none is on record.
    fn is_in_force(&self, key_file: &KeyFile) -> Result<bool, VaultError> {
        let recorded = settings::get(&self.connection, settings::KEY_ID)
            .map_err(|source| self.database_error(source))?;
        Ok(recorded.is_none_or(|id| id == key_file.id().as_str()))
    }

    /// Whether another process has rotated the key since `sealer` was made.
    pub(crate) fn is_outdated(&self, sealer: &Sealer) -> bool {
        let recorded = settings::get(&self.connection, settings::KEY_ID);
        matches!(recorded, Ok(Some(id)) if id != sealer.id().as_str())
    }

    /// Forgets the unlocked key if it is not the one in force any more.
    pub(crate) fn forget_outdated_sealer(&self) {
        let cached = self.sealer.borrow().clone();
        if cached.is_some_and(|sealer| self.is_outdated(&sealer)) {
            self.forget_sealer();
        }
    }

    pub(crate) fn known_passphrase(&self) -> Option<Secret> {
        self.passphrase.borrow().clone()
    }

    pub(crate) fn set_passphrase(&self, passphrase: Option<&Secret>) {
        *self.passphrase.borrow_mut() = passphrase.cloned();
    }

    pub(crate) fn holds_key_lock(&self) -> bool {
        self.holds_key_lock.get()
    }

    pub(crate) fn set_holds_key_lock(&self, holds: bool) {
        self.holds_key_lock.set(holds);
    }

    pub(crate) fn counted_launch(&self) -> bool {
        self.counted_launch.get()
    }

    pub(crate) fn set_counted_launch(&self, counted: bool) {
        self.counted_launch.set(counted);
    }

    /// A database of the Python program names no key: then one sealed value must open.
    pub(crate) fn check_sealer(&self, sealer: &Sealer) -> Result<(), VaultError> {
        let recorded = settings::get(&self.connection, settings::KEY_ID)
            .map_err(|source| self.database_error(source))?;
        if recorded.is_some() {
            return Ok(());
        }
        let samples = self.sealed_samples()?;
        if samples.is_empty() || samples.iter().any(|sample| sealer.open(sample).is_some()) {
            return Ok(());
        }
        Err(VaultError::KeyWrong(self.paths.key()))
    }

    fn holds_sealed_records(&self) -> Result<bool, VaultError> {
        let recorded = settings::get(&self.connection, settings::KEY_ID)
            .map_err(|source| self.database_error(source))?;
        Ok(recorded.is_some() || !self.sealed_samples()?.is_empty())
    }

    /// A few sealed values, newest first: one damaged record must not make a right key look wrong.
    fn sealed_samples(&self) -> Result<Vec<String>, VaultError> {
        let read = || {
            let statement = "SELECT max(api_key_enc, access_token_enc, refresh_token_enc) AS sealed
                FROM accounts WHERE sealed <> '' ORDER BY rowid DESC LIMIT 8";
            let mut statement = self.connection.prepare(statement)?;
            statement
                .query_map([], |row| columns::text(row, 0))?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }
}

fn connect(paths: &VaultPaths) -> Result<Connection, VaultError> {
    let path = paths.database();
    let wrap = |source| VaultError::database(&path, source);
    create_database_file(paths)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(resolved(paths), flags).map_err(wrap)?;
    make_durable(&connection).map_err(wrap)?;
    connection
        .pragma_update(None, "wal_autocheckpoint", AUTOMATIC_PAGES)
        .map_err(wrap)?;
    // Whoever only reads must not wait for the disk when it leaves.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        .map_err(wrap)?;
    schema::prepare(&mut connection, &path)?;
    Ok(connection)
}

/// Every transaction is on the disk when it is committed, and waits for its turn.
pub(crate) fn make_durable(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(schema::BUSY_TIMEOUT)?;
    connection.pragma_update(None, "synchronous", "FULL")
}

/// SQLite's NOFOLLOW refuses links anywhere in the path; only the last part is to be no link.
fn resolved(paths: &VaultPaths) -> std::path::PathBuf {
    let directory =
        fs::canonicalize(paths.directory()).unwrap_or_else(|_| paths.directory().to_owned());
    VaultPaths::new(directory).database()
}

/// SQLite would make the file with the umask's mode; its WAL takes the mode of the file.
fn create_database_file(paths: &VaultPaths) -> Result<(), VaultError> {
    let path = paths.database();
    // The key is made when the tables are there. Looked at first: then no other process that makes
    // a vault at this moment can make a good file look cut off.
    let has_key = paths.key().symlink_metadata().is_ok();
    if let Ok(metadata) = path.symlink_metadata() {
        // To SQLite a file of one byte is an empty one too.
        if has_key && metadata.is_file() && metadata.len() <= 1 {
            return Err(VaultError::Corrupt(path));
        }
        return durable::open_regular(&path, u64::MAX).map(drop);
    }
    match durable::write(&path, b"", 0o600, Placing::New) {
        Err(VaultError::File { source, .. })
            if source.kind() == std::io::ErrorKind::AlreadyExists =>
        {
            Ok(())
        }
        written => written,
    }
}
