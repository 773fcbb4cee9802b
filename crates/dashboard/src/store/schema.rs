//! The tables of `dashboard.db`, and how the file is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};
use vault::VaultError;
use vault::durable::{self, Placing};

use super::StoreError;

/// The layout that this program writes, in `PRAGMA user_version`.
const LAYOUT: i64 = 1;

/// How long another process is waited for: `claude-accounts dashboard` writes here too.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// All times are epoch milliseconds. No column holds a secret: hashes and public keys only.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS sign_ins (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        password BLOB NOT NULL,
        created_at INTEGER NOT NULL,
        last_seen_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        fresh_until INTEGER NOT NULL,
        address TEXT NOT NULL,
        agent TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS tokens (
        id TEXT PRIMARY KEY,
        hash BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        scope TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        last_used_at INTEGER
    );
    CREATE TABLE IF NOT EXISTS first_token (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        created_at INTEGER,
        last_used_at INTEGER
    );
    CREATE TABLE IF NOT EXISTS attempts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        source TEXT NOT NULL,
        at INTEGER NOT NULL
    );
    CREATE INDEX IF NOT EXISTS attempts_by_source ON attempts (source, at);
    CREATE TABLE IF NOT EXISTS known_sources (
        source TEXT PRIMARY KEY,
        signed_in_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS passkeys (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        host TEXT NOT NULL,
        credential TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        last_used_at INTEGER
    );
    CREATE TABLE IF NOT EXISTS recovery_codes (hash BLOB PRIMARY KEY);
    CREATE TABLE IF NOT EXISTS totp_steps (
        only INTEGER PRIMARY KEY CHECK (only = 1),
        last_used INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS settings (name TEXT PRIMARY KEY, value TEXT NOT NULL);
    CREATE TABLE IF NOT EXISTS audit (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        at INTEGER NOT NULL,
        action TEXT NOT NULL,
        account TEXT,
        detail TEXT,
        address TEXT,
        who TEXT NOT NULL
    );
";

/// The database in the vault's directory.
pub(super) fn path_in(directory: &Path) -> PathBuf {
    directory.join("dashboard.db")
}

/// Opens the database, or makes it: 0600 from the start, WAL, durable.
pub(super) fn connect(directory: &Path) -> Result<Connection, StoreError> {
    durable::private_directory(directory)?;
    let path = path_in(directory);
    create_file(&path)?;
    let wrap = |source| StoreError::new(&path, source);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    // SQLite's NOFOLLOW refuses links anywhere in the path; only the last part is to be no link.
    let resolved = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let mut connection = Connection::open_with_flags(path_in(&resolved), flags).map_err(wrap)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(wrap)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(wrap)?;
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(wrap)?;
    prepare(&mut connection, &path)?;
    Ok(connection)
}

/// SQLite would make the file with the umask's mode; its WAL takes the mode of the file.
fn create_file(path: &Path) -> Result<(), VaultError> {
    if path.symlink_metadata().is_ok() {
        return durable::open_regular(path, u64::MAX).map(drop);
    }
    match durable::write(path, b"", 0o600, Placing::New) {
        // Another process was first.
        Err(VaultError::File { source, .. })
            if source.kind() == std::io::ErrorKind::AlreadyExists =>
        {
            Ok(())
        }
        written => written,
    }
}

fn prepare(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let wrap = |source| StoreError::new(path, source);
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(wrap)?;
    let found: i64 = transaction
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(wrap)?;
    if found > LAYOUT {
        return Err(StoreError::TooNew(path.to_owned()));
    }
    if found < LAYOUT {
        transaction.execute_batch(TABLES).map_err(wrap)?;
        transaction
            .pragma_update(None, "user_version", LAYOUT)
            .map_err(wrap)?;
    }
    transaction.commit().map_err(wrap)
}
