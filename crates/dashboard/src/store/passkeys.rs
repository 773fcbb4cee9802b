//! Passkeys: public keys, and what is known of them.

use rusqlite::params;
use vault::columns::{integer, text};

use super::{Store, StoreError};

/// So many can be kept.
const MOST: i64 = 50;

/// A passkey as it is stored.
#[derive(Clone, Debug)]
pub(crate) struct StoredPasskey {
    pub(crate) id: String,
    pub(crate) name: String,
    /// The host name that it was made for, and works for.
    pub(crate) host: String,
    /// JSON of the public key and its counter.
    pub(crate) credential: String,
    pub(crate) created_at: i64,
    pub(crate) last_used_at: Option<i64>,
}

impl Store {
    /// All, oldest first.
    pub(crate) fn passkeys(&self) -> Result<Vec<StoredPasskey>, StoreError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, name, host, credential, created_at, last_used_at FROM passkeys
                 ORDER BY created_at, id",
            )?;
            let rows = statement.query_map([], |row| {
                Ok(StoredPasskey {
                    id: text(row, 0)?,
                    name: text(row, 1)?,
                    host: text(row, 2)?,
                    credential: text(row, 3)?,
                    created_at: integer(row, 4)?,
                    last_used_at: Some(integer(row, 5)?).filter(|at| *at > 0),
                })
            })?;
            rows.collect()
        })
    }

    /// Stores one. `false` if there are too many already.
    pub(crate) fn add_passkey(&self, new: &StoredPasskey) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let count: i64 =
                transaction.query_row("SELECT count(*) FROM passkeys", [], |row| row.get(0))?;
            if count >= MOST {
                return Ok(false);
            }
            let statement = "INSERT INTO passkeys (id, name, host, credential, created_at)
                VALUES (?1, ?2, ?3, ?4, ?5)";
            let values = params![new.id, new.name, new.host, new.credential, new.created_at];
            transaction.execute(statement, values)?;
            Ok(true)
        })
    }

    /// It was used: its counter may have moved. `false` if it was removed meanwhile.
    pub(crate) fn passkey_used(
        &self,
        id: &str,
        credential: &str,
        at: i64,
    ) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let statement = "UPDATE passkeys SET credential = ?2, last_used_at = ?3
                WHERE CAST(id AS TEXT) = ?1";
            Ok(transaction.execute(statement, params![id, credential, at])? > 0)
        })
    }

    /// Removes one; its name, if there was one.
    pub(crate) fn remove_passkey(&self, id: &str) -> Result<Option<String>, StoreError> {
        self.write(|transaction| {
            let statement = "DELETE FROM passkeys WHERE CAST(id AS TEXT) = ?1 RETURNING name";
            let mut statement = transaction.prepare_cached(statement)?;
            let mut names = statement.query_map([id], |row| text(row, 0))?;
            names.next().transpose()
        })
    }
}
