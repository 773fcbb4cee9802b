//! How often each account was launched, by day.

use std::time::Duration;

use model::AccountId;
use rusqlite::{Connection, params};

use crate::columns::{integer, text};
use crate::store::make_durable;
use crate::{Account, Vault, VaultError};

/// Days that are kept: a year, and some for whoever looks back at one.
const KEPT_DAYS: u32 = 400;

/// A launch does not wait longer than this for whoever is writing: it goes uncounted.
const PATIENCE: Duration = Duration::from_millis(50);

/// The launches of one account on one day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayOfLaunches {
    /// `YYYY-MM-DD`, in UTC.
    pub day: String,
    /// The account; it may be gone.
    pub account: AccountId,
    /// How many; at least 1.
    pub count: u64,
}

impl Vault {
    /// Notes that the account was launched now. Not durable: a power failure may lose the note,
    /// and a launch does not wait for the disk. A vault that cannot be written is left as it is.
    pub fn touch(&self, id: &AccountId) {
        let note = || -> rusqlite::Result<()> {
            let connection = self.connection();
            connection.busy_timeout(PATIENCE)?;
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            let transaction = rusqlite::Transaction::new_unchecked(
                connection,
                rusqlite::TransactionBehavior::Immediate,
            )?;
            count_launch(&transaction, id)?;
            transaction.commit()
        };
        self.set_counted_launch(note().is_ok());
        // What is written after it is durable again.
        drop(make_durable(self.connection()));
    }

    /// Takes [`Vault::touch`] back: `before` is the account as it was read before that.
    pub fn restore_last_used(&self, before: &Account) {
        if !self.counted_launch() {
            return;
        }
        self.set_counted_launch(false);
        drop(self.write_plain(|transaction| {
            let id = before.id.as_str();
            transaction.execute(
                "UPDATE accounts SET last_used = ?2 WHERE id = ?1",
                params![id, before.last_used],
            )?;
            transaction.execute(
                "UPDATE launches SET count = count - 1 WHERE account_id = ?1
                 AND day = (SELECT max(day) FROM launches WHERE account_id = ?1)",
                [id],
            )?;
            transaction.execute(
                "DELETE FROM launches WHERE account_id = ?1 AND count <= 0",
                [id],
            )
        }));
    }

    /// The launches from `day` (`YYYY-MM-DD`, UTC) on, by day.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn launches_since(&self, day: &str) -> Result<Vec<DayOfLaunches>, VaultError> {
        let read = || {
            let statement = "SELECT day, account_id, count FROM launches
                WHERE day >= ?1 AND count > 0 ORDER BY day, account_id";
            let mut statement = self.connection().prepare_cached(statement)?;
            let rows = statement.query_map([day], |row| {
                Ok(DayOfLaunches {
                    day: text(row, 0)?,
                    account: AccountId::from_stored(text(row, 1)?),
                    count: u64::try_from(integer(row, 2)?).unwrap_or(0),
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }
}

fn count_launch(connection: &Connection, id: &AccountId) -> rusqlite::Result<()> {
    let touched = connection.execute(
        "UPDATE accounts SET last_used = datetime('now') WHERE id = ?1",
        [id.as_str()],
    )?;
    if touched == 0 {
        // Removed in the meantime: nothing of it may come back.
        return Ok(());
    }
    connection.execute(
        "INSERT INTO launches (day, account_id, count) VALUES (date('now'), ?1, 1)
         ON CONFLICT (day, account_id) DO UPDATE SET count = count + 1",
        [id.as_str()],
    )?;
    let statement = "DELETE FROM launches WHERE day < date('now', ?1)";
    connection
        .execute(statement, [format!("-{KEPT_DAYS} days")])
        .map(drop)
}

#[cfg(test)]
mod tests {
    use model::{AccountName, AuthType};
    use tempfile::TempDir;

    use super::*;
    use crate::{NewAccount, NoPassphrase, VaultPaths};

    fn vault(directory: &TempDir) -> Vault {
        let paths = VaultPaths::new(directory.path().join("vault"));
        Vault::open_or_create(&paths, Box::new(NoPassphrase)).unwrap()
    }

    fn add(vault: &Vault, name: &str) -> AccountId {
        let name = AccountName::parse(name).unwrap();
        vault
            .add(&NewAccount::empty(name, AuthType::OAuth))
            .unwrap()
    }

    fn counts(vault: &Vault) -> Vec<u64> {
        let days = vault.launches_since("0000-00-00").unwrap();
        days.into_iter().map(|day| day.count).collect()
    }

    #[test]
    fn each_launch_counts_once_and_one_that_failed_not_at_all() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        let id = add(&vault, "work");
        vault.touch(&id);
        vault.touch(&id);
        assert_eq!(counts(&vault), [2]);
        let before = vault.get(&id).unwrap();
        vault.touch(&id);
        vault.restore_last_used(&before);
        // Taken back once, not twice.
        vault.restore_last_used(&before);
        assert_eq!(counts(&vault), [2]);
        let fresh = add(&vault, "fresh");
        let before = vault.get(&fresh).unwrap();
        vault.touch(&fresh);
        vault.restore_last_used(&before);
        assert_eq!(counts(&vault), [2]);
        assert_eq!(vault.get(&fresh).unwrap().last_used, None);
    }

    #[test]
    fn a_launch_that_could_not_be_noted_takes_nothing_back() {
        let directory = tempfile::tempdir().unwrap();
        let (vault, other) = (vault(&directory), vault(&directory));
        let id = add(&vault, "work");
        vault.touch(&id);
        let before = vault.get(&id).unwrap();
        let blocking = other.begin().unwrap();
        vault.touch(&id);
        drop(blocking);
        vault.restore_last_used(&before);
        assert_eq!(counts(&vault), [1]);
    }

    #[test]
    fn what_is_older_than_a_year_and_some_goes() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        let id = add(&vault, "work");
        let insert = "INSERT INTO launches VALUES (date('now', ?1), ?2, 7)";
        for age in ["-401 days", "-399 days"] {
            let values = params![age, id.as_str()];
            vault.connection().execute(insert, values).unwrap();
        }
        vault.touch(&id);
        assert_eq!(counts(&vault), [7, 1]);
        vault.touch(&AccountId::from_stored("acc_gone"));
        assert_eq!(counts(&vault), [7, 1]);
    }
}
