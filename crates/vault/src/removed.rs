//! An account taken out of the vault, for as long as somebody may want it back.

use std::fmt;

use model::{AccountId, AccountName};
use rusqlite::types::{ToSqlOutput, Value};
use rusqlite::{Connection, OptionalExtension as _, ToSql, params_from_iter};

use crate::accounts::delete_everything;
use crate::import_plan::numbered;
use crate::record::gone;
use crate::{Vault, VaultError, settings};

/// The tables whose rows belong to an account, and the column that says so.
const TABLES: [(&str, &str); 5] = [
    ("accounts", "id"),
    ("generations", "account_id"),
    ("renewals", "account_id"),
    ("bindings", "account_id"),
    ("launches", "account_id"),
];

/// All rows of an account as they were, sealed as they were. Nothing of it is written anywhere.
pub struct RemovedAccount {
    id: AccountId,
    name: String,
    was_default: bool,
    /// Which key sealed it.
    key: Option<String>,
    rows: Vec<RemovedRow>,
}

struct RemovedRow {
    table: &'static str,
    /// Where it stood among its like.
    rowid: i64,
    columns: Vec<(String, Value)>,
}

impl RemovedAccount {
    /// Its identifier.
    #[must_use]
    pub fn id(&self) -> &AccountId {
        &self.id
    }

    /// The name that it had.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes in memory, in bytes, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let of_value = |value: &Value| match value {
            Value::Text(text) => text.len(),
            Value::Blob(bytes) => bytes.len(),
            Value::Null | Value::Integer(_) | Value::Real(_) => 8,
        };
        let columns = self.rows.iter().flat_map(|row| &row.columns);
        columns
            .map(|(name, value)| name.len() + of_value(value) + 56)
            .sum()
    }
}

impl fmt::Debug for RemovedAccount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("RemovedAccount")
            .field("id", &self.id)
            .field("rows", &self.rows.len())
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// Removes an account as [`Vault::remove`] does, and gives back what it was.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if it is gone already; if the database cannot be written.
    pub fn take_out(&self, id: &AccountId) -> Result<RemovedAccount, VaultError> {
        let taken = self.write_plain(|transaction| {
            let removed = read(transaction, id)?;
            if removed.is_some() {
                delete_everything(transaction, id)?;
            }
            Ok(removed)
        })?;
        taken.ok_or_else(|| gone(id))
    }

    /// Puts an account back as it was, with its history, launches, and those of its bindings that
    /// are free; it is the default again if none is. The name that it has now: another one with a
    /// number, where its own is taken.
    ///
    /// # Errors
    /// [`VaultError::KeyWrong`] if the key was rotated since: what was sealed with the key before
    /// it can be opened by nobody. [`VaultError::Changed`] if it is there already.
    pub fn put_back(&self, removed: &RemovedAccount) -> Result<String, VaultError> {
        let wrap = |source| self.database_error(source);
        let transaction = self.begin()?;
        let key = settings::get(&transaction, settings::KEY_ID).map_err(wrap)?;
        if key != removed.key {
            return Err(VaultError::KeyWrong(self.paths().key()));
        }
        let names = self.names()?;
        if names.iter().any(|(id, _)| *id == removed.id) {
            return Err(VaultError::Changed(removed.name.clone()));
        }
        let name = free_name(&removed.name, &names);
        write(&transaction, removed, &name).map_err(wrap)?;
        transaction.commit().map_err(wrap)?;
        self.shorten_log();
        Ok(name)
    }
}

fn read(connection: &Connection, id: &AccountId) -> rusqlite::Result<Option<RemovedAccount>> {
    let statement = "SELECT name FROM accounts WHERE id = ?1";
    let name = connection
        .query_row(statement, [id.as_str()], |row| crate::columns::text(row, 0))
        .optional()?;
    let Some(name) = name else {
        return Ok(None);
    };
    let mut rows = Vec::new();
    for (table, column) in TABLES {
        read_rows(connection, table, column, id, &mut rows)?;
    }
    Ok(Some(RemovedAccount {
        id: id.clone(),
        name,
        was_default: settings::is_default(connection, id)?,
        key: settings::get(connection, settings::KEY_ID)?,
        rows,
    }))
}

fn read_rows(
    connection: &Connection,
    table: &'static str,
    column: &str,
    id: &AccountId,
    found: &mut Vec<RemovedRow>,
) -> rusqlite::Result<()> {
    let statement = format!("SELECT rowid AS our_rowid, * FROM {table} WHERE {column} = ?1");
    let mut statement = connection.prepare(&statement)?;
    let names: Vec<String> = statement
        .column_names()
        .skip(1)
        .map(str::to_owned)
        .collect();
    let rows = statement.query_map([id.as_str()], |row| {
        let columns = names.iter().enumerate();
        let columns = columns.map(|(index, name)| Ok((name.clone(), row.get(index + 1)?)));
        Ok(RemovedRow {
            table,
            rowid: row.get(0)?,
            columns: columns.collect::<rusqlite::Result<_>>()?,
        })
    })?;
    for row in rows {
        found.push(row?);
    }
    Ok(())
}

fn write(connection: &Connection, removed: &RemovedAccount, name: &str) -> rusqlite::Result<()> {
    for row in &removed.rows {
        insert(connection, row, name)?;
    }
    let default = settings::get(connection, settings::DEFAULT_ACCOUNT)?;
    if removed.was_default && default.is_none() {
        settings::set_default(connection, &removed.id)?;
    }
    Ok(())
}

/// A directory that is bound to another account by now stays so.
fn insert(connection: &Connection, row: &RemovedRow, name: &str) -> rusqlite::Result<()> {
    let place = match is_free(connection, row)? {
        true => Value::Integer(row.rowid),
        false => Value::Null,
    };
    let mut columns = vec!["rowid".to_owned()];
    let mut values: Vec<Written<'_>> = vec![Written::Value(place)];
    for (column, value) in &row.columns {
        columns.push(format!("\"{}\"", column.replace('"', "\"\"")));
        values.push(match (row.table, column.as_str()) {
            ("accounts", "name") => Written::Text(name),
            _ => Written::Kept(value),
        });
    }
    let marks = vec!["?"; columns.len()].join(", ");
    let statement = format!(
        "INSERT INTO {} ({}) VALUES ({marks}) ON CONFLICT DO NOTHING",
        row.table,
        columns.join(", ")
    );
    connection
        .execute(&statement, params_from_iter(values))
        .map(drop)
}

fn is_free(connection: &Connection, row: &RemovedRow) -> rusqlite::Result<bool> {
    let statement = format!(
        "SELECT NOT EXISTS (SELECT 1 FROM {} WHERE rowid = ?1)",
        row.table
    );
    connection.query_row(&statement, [row.rowid], |found| found.get(0))
}

enum Written<'a> {
    Value(Value),
    Kept(&'a Value),
    Text(&'a str),
}

impl ToSql for Written<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        match self {
            Self::Value(value) => value.to_sql(),
            Self::Kept(value) => value.to_sql(),
            Self::Text(text) => text.to_sql(),
        }
    }
}

/// The name, or with a number the first that nobody has.
fn free_name(name: &str, names: &[(AccountId, String)]) -> String {
    let taken = |wanted: &str| {
        names
            .iter()
            .any(|(_, stored)| AccountName::same(stored, wanted))
    };
    if !taken(name) {
        return name.to_owned();
    }
    // Another program may have stored a name that is none of ours.
    let with = |number: u64| match AccountName::parse(name) {
        Ok(parsed) => numbered(&parsed, number).as_str().to_owned(),
        Err(_) => format!("{name}-{number}"),
    };
    let free = (2..).map(with).find(|wanted| !taken(wanted));
    free.expect("there are more numbers than names")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use model::{AuthType, CredentialDocument, Secret};
    use tempfile::TempDir;

    use super::*;
    use crate::{NewAccount, NoPassphrase, VaultPaths};

    fn vault(directory: &TempDir) -> Vault {
        let paths = VaultPaths::new(directory.path().join("vault"));
        Vault::open_or_create(&paths, Box::new(NoPassphrase)).unwrap()
    }

    fn add(vault: &Vault, name: &str) -> AccountId {
        let access = Secret::new("sk-ant-oat01-FAKEa");
        let document = CredentialDocument::from_tokens(&access, &Secret::new(""), None);
        let account = NewAccount {
            login: Some(document),
            ..NewAccount::empty(AccountName::parse(name).unwrap(), AuthType::OAuth)
        };
        vault.add(&account).unwrap()
    }

    fn dump(vault: &Vault) -> Vec<String> {
        let mut lines = Vec::new();
        for table in [
            "accounts",
            "generations",
            "bindings",
            "launches",
            "settings",
        ] {
            let statement = format!("SELECT * FROM {table} ORDER BY rowid");
            let mut statement = vault.connection().prepare(&statement).unwrap();
            let width = statement.column_count();
            let rows = statement.query_map([], |row| {
                let values = (0..width).map(|index| row.get::<_, Value>(index));
                values.collect::<rusqlite::Result<Vec<_>>>()
            });
            lines.extend(
                rows.unwrap()
                    .map(|row| format!("{table} {:?}", row.unwrap())),
            );
        }
        lines.sort();
        lines
    }

    #[test]
    fn what_is_put_back_is_what_was_taken_out() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        add(&vault, "first");
        let id = add(&vault, "work");
        add(&vault, "last");
        vault.bind(Path::new("/srv/work"), &id).unwrap();
        vault.set_default_account(Some(&id)).unwrap();
        vault.touch(&id);
        let before = dump(&vault);
        let removed = vault.take_out(&id).unwrap();
        assert!(removed.size() > 100);
        assert!(vault.bindings().unwrap().is_empty());
        assert!(vault.default_account().unwrap().is_none());
        assert!(matches!(
            vault.take_out(&id),
            Err(VaultError::NotFound { .. })
        ));
        assert!(!dump(&vault).iter().any(|line| line.contains(id.as_str())));
        assert_eq!(vault.put_back(&removed).unwrap(), "work");
        assert_eq!(dump(&vault), before);
        let names: Vec<String> = vault
            .names()
            .unwrap()
            .into_iter()
            .map(|(_, name)| name)
            .collect();
        assert_eq!(names, ["first", "work", "last"]);
        assert!(matches!(
            vault.put_back(&removed),
            Err(VaultError::Changed(_))
        ));
    }

    #[test]
    fn what_was_taken_meanwhile_stays_taken() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        let id = add(&vault, "work");
        vault.bind(Path::new("/srv/work"), &id).unwrap();
        vault.set_default_account(Some(&id)).unwrap();
        let removed = vault.take_out(&id).unwrap();
        let other = add(&vault, "WORK");
        vault.bind(Path::new("/srv/work"), &other).unwrap();
        vault.set_default_account(Some(&other)).unwrap();
        assert_eq!(vault.put_back(&removed).unwrap(), "work-2");
        assert_eq!(vault.bindings().unwrap()[0].account, other);
        assert_eq!(vault.default_account().unwrap(), Some(other));
        assert_eq!(vault.history(&vault.get(&id).unwrap()).unwrap().len(), 1);
    }

    #[test]
    fn what_another_key_sealed_does_not_come_back() {
        let directory = tempfile::tempdir().unwrap();
        let vault = vault(&directory);
        let id = add(&vault, "work");
        let removed = vault.take_out(&id).unwrap();
        vault.rotate_key().unwrap();
        assert!(matches!(
            vault.put_back(&removed),
            Err(VaultError::KeyWrong(_))
        ));
        assert!(vault.names().unwrap().is_empty());
        assert!(!format!("{removed:?}").contains("gAAAA"));
    }
}
