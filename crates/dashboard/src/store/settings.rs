//! What somebody has set, by name.

use rusqlite::{OptionalExtension as _, params};
use vault::columns::text;

use super::{Store, StoreError};

impl Store {
    /// What this is set to; `None` if nobody has set it.
    pub(crate) fn setting(&self, name: &str) -> Result<Option<String>, StoreError> {
        self.read(|connection| {
            let statement = "SELECT value FROM settings WHERE name = ?1";
            connection
                .query_row(statement, [name], |row| text(row, 0))
                .optional()
        })
    }

    /// Sets it.
    pub(crate) fn set_setting(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.write(|transaction| {
            let statement = "INSERT INTO settings (name, value) VALUES (?1, ?2)
                ON CONFLICT (name) DO UPDATE SET value = excluded.value";
            transaction
                .execute(statement, params![name, value])
                .map(drop)
        })
    }
}
