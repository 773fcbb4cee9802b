//! Recovery codes as hashes, and the last time step of which a TOTP code was taken.

use rusqlite::params;

use super::{Digest, Store, StoreError};

impl Store {
    /// Takes a code of this time step: `false` if one of it, or of a later one, was taken before.
    pub(crate) fn take_totp_step(&self, step: i64) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let statement = "INSERT INTO totp_steps (only, last_used) VALUES (1, ?1)
                ON CONFLICT (only) DO UPDATE SET last_used = excluded.last_used
                WHERE last_used < excluded.last_used";
            Ok(transaction.execute(statement, [step])? > 0)
        })
    }

    /// Puts these codes in the place of those that there are.
    pub(crate) fn replace_recovery_codes(&self, codes: &[Digest]) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM recovery_codes", [])?;
            let statement = "INSERT INTO recovery_codes (hash) VALUES (?1)";
            codes.iter().try_for_each(|code| {
                transaction
                    .execute(statement, params![code.as_bytes()])
                    .map(drop)
            })
        })
    }

    /// Takes a code: it counts once.
    pub(crate) fn take_recovery_code(&self, code: &Digest) -> Result<bool, StoreError> {
        self.write(|transaction| {
            let statement = "DELETE FROM recovery_codes WHERE hash = ?1";
            Ok(transaction.execute(statement, params![code.as_bytes()])? > 0)
        })
    }

    /// How many are left.
    pub(crate) fn recovery_codes_left(&self) -> Result<i64, StoreError> {
        self.read(|connection| {
            let statement = "SELECT count(*) FROM recovery_codes";
            connection.query_row(statement, [], |row| row.get(0))
        })
    }

    /// Removes passkeys and recovery codes.
    pub(crate) fn remove_second_factors(&self) -> Result<(), StoreError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM passkeys", [])?;
            transaction
                .execute("DELETE FROM recovery_codes", [])
                .map(drop)
        })
    }
}
