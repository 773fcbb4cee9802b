//! The tables, and how a database of the Python program gets ours.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, Transaction, TransactionBehavior};

use crate::VaultError;

/// How long a process waits for another one's transaction. They take milliseconds; a disk that
/// syncs slowly may stretch them.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(20);

/// The layout that this program writes, in `PRAGMA user_version`. The Python program leaves 0.
pub(crate) const LAYOUT: i64 = 2;

/// The Python program's tables, as it makes them: a database of ours opens there.
const SHARED_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS accounts (
        id TEXT PRIMARY KEY,
        name TEXT UNIQUE NOT NULL,
        auth_type TEXT NOT NULL CHECK (auth_type IN ('api_key', 'oauth')),
        api_key_enc TEXT NOT NULL DEFAULT '',
        access_token_enc TEXT NOT NULL DEFAULT '',
        refresh_token_enc TEXT NOT NULL DEFAULT '',
        expires_at INTEGER NOT NULL DEFAULT 0,
        created_at TEXT NOT NULL DEFAULT (datetime('now')),
        last_used TEXT
    );
    CREATE TABLE IF NOT EXISTS settings (key TEXT PRIMARY KEY, value TEXT);
";

/// Our additions to `accounts`, each with a default, so that the Python program's statements,
/// which name their columns, go on working. Times are epoch milliseconds, 0 for none.
const COLUMNS: [(&str, &str); 10] = [
    // The credential document without its tokens and expiry, which have columns above.
    ("document_enc", "TEXT NOT NULL DEFAULT ''"),
    ("identity_enc", "TEXT NOT NULL DEFAULT ''"),
    ("environment_enc", "TEXT NOT NULL DEFAULT ''"),
    ("generation", "INTEGER NOT NULL DEFAULT 0"),
    ("obtained_at", "INTEGER NOT NULL DEFAULT 0"),
    // Lifetime of the access token when it was issued; 0 where we did not see it issued.
    ("lifetime", "INTEGER NOT NULL DEFAULT 0"),
    // Why it must be signed in again; counts only while `expires_at` is still `refused_expiry`,
    // so that a sign-in by the Python program ends it.
    ("refused_reason", "TEXT NOT NULL DEFAULT ''"),
    ("refused_expiry", "INTEGER NOT NULL DEFAULT 0"),
    ("renewed_at", "INTEGER NOT NULL DEFAULT 0"),
    // JSON of `login::Attempt`: the failures since the last success.
    ("attempt", "TEXT NOT NULL DEFAULT ''"),
];

const OUR_TABLES: &str = "
    CREATE TABLE IF NOT EXISTS generations (
        account_id TEXT NOT NULL,
        generation INTEGER NOT NULL,
        access_token_enc TEXT NOT NULL,
        refresh_token_enc TEXT NOT NULL,
        expires_at INTEGER NOT NULL,
        document_enc TEXT NOT NULL,
        recorded_at INTEGER NOT NULL,
        cause TEXT NOT NULL,
        PRIMARY KEY (account_id, generation)
    );
    CREATE TABLE IF NOT EXISTS renewals (
        account_id TEXT PRIMARY KEY,
        generation INTEGER NOT NULL,
        started_at INTEGER NOT NULL
    );
    CREATE TABLE IF NOT EXISTS bindings (
        directory BLOB PRIMARY KEY,
        account_id TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS sealed_settings (
        name TEXT PRIMARY KEY,
        value_enc TEXT NOT NULL
    );
    CREATE TABLE IF NOT EXISTS launches (
        day TEXT NOT NULL,
        account_id TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (day, account_id)
    );
";

/// Brings a database to [`LAYOUT`], or finds it there. One transaction: all or nothing.
///
/// Where several processes make or recover it at the same moment, SQLite tells some of them at once
/// that it is busy, whatever the timeout: each would wait for another. They try again.
pub(crate) fn prepare(connection: &mut Connection, path: &Path) -> Result<(), VaultError> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match prepare_once(connection, path) {
            Err(VaultError::Busy(_)) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(5));
            }
            prepared => return prepared,
        }
    }
}

fn prepare_once(connection: &mut Connection, path: &Path) -> Result<(), VaultError> {
    let wrap = |source| VaultError::database(path, source);
    let found = layout(connection).map_err(wrap)?;
    // Many programs count their layouts from 1: the number alone proves nothing.
    let is_blank = is_blank(connection, path)?;
    if found == LAYOUT && !is_blank {
        return Ok(());
    }
    if !(0..=LAYOUT).contains(&found) {
        return Err(VaultError::TooNew {
            path: path.to_owned(),
            found,
            known: LAYOUT,
        });
    }
    connection
        .pragma_update(None, "journal_mode", "WAL")
        .map_err(wrap)?;
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(wrap)?;
    // Another process may have done it while we waited.
    if is_blank || layout(&transaction).map_err(wrap)? != LAYOUT {
        migrate(&transaction).map_err(wrap)?;
    }
    transaction.commit().map_err(wrap)
}

fn layout(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(SHARED_TABLES)?;
    let existing = columns(connection, "accounts")?;
    for (name, definition) in COLUMNS {
        if !existing.iter().any(|column| column == name) {
            connection.execute_batch(&format!(
                "ALTER TABLE accounts ADD COLUMN {name} {definition}"
            ))?;
        }
    }
    connection.execute_batch(OUR_TABLES)?;
    connection.pragma_update(None, "user_version", LAYOUT)
}

/// Writes a page without changing it.
pub(crate) fn rewrite_layout(connection: &Transaction<'_>) -> rusqlite::Result<()> {
    connection.pragma_update(None, "user_version", LAYOUT)
}

/// Whether a database has no tables yet. One with tables, but without the Python program's, is
/// somebody else's.
fn is_blank(connection: &Connection, path: &Path) -> Result<bool, VaultError> {
    let wrap = |source| VaultError::database(path, source);
    let tables: i64 = connection
        .query_row(
            "SELECT count(*) FROM sqlite_master WHERE type = 'table'",
            [],
            |row| row.get(0),
        )
        .map_err(wrap)?;
    if tables == 0 {
        return Ok(true);
    }
    let existing = columns(connection, "accounts").map_err(wrap)?;
    let needed = [
        "id",
        "name",
        "auth_type",
        "api_key_enc",
        "access_token_enc",
        "refresh_token_enc",
        "expires_at",
        "created_at",
        "last_used",
    ];
    match needed
        .iter()
        .find(|column| !existing.iter().any(|found| found == *column))
    {
        Some(missing) => {
            let missing = format!("accounts.{missing}");
            Err(VaultError::Foreign {
                path: path.to_owned(),
                missing,
            })
        }
        None => Ok(false),
    }
}

fn columns(connection: &Connection, table: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare("SELECT name FROM pragma_table_info(?1)")?;
    let names = statement.query_map([table], |row| row.get(0))?;
    names.collect()
}
