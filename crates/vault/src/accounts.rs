//! Accounts: added, found, listed, renamed, removed, used.

use model::{AccountId, AccountName, AuthType, CredentialDocument, Identity, Secret};
use rusqlite::{Connection, params};
use serde_json::{Map, Value};

use crate::columns::text;
use crate::login::NewLogin;
use crate::logins;
use crate::record::{gone, select};
use crate::sealer::Sealer;
use crate::{Account, Cause, Vault, VaultError, settings};

/// An account to be added, or to take another one's place.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its name.
    pub name: AccountName,
    /// Key or login.
    pub auth_type: AuthType,
    /// The key; empty for a login.
    pub api_key: Secret,
    /// The login, if there is one already.
    pub login: Option<CredentialDocument>,
    /// Whose login it is.
    pub identity: Identity,
    /// Variables that go with it.
    pub environment: Vec<(String, Secret)>,
    /// How its login came here.
    pub cause: Cause,
}

impl NewAccount {
    /// An account without credential.
    #[must_use]
    pub fn empty(name: AccountName, auth_type: AuthType) -> Self {
        Self {
            name,
            auth_type,
            api_key: Secret::new(""),
            login: None,
            identity: Identity::default(),
            environment: Vec::new(),
            cause: Cause::Captured,
        }
    }
}

impl Vault {
    /// All accounts, oldest first.
    ///
    /// # Errors
    /// If the database cannot be read. One odd record is no error.
    pub fn accounts(&self) -> Result<Vec<Account>, VaultError> {
        let read = || {
            let statement = format!(
                "SELECT {} FROM accounts ORDER BY created_at, rowid",
                Account::columns()
            );
            let mut statement = self.connection().prepare(&statement)?;
            statement
                .query_map([], Account::from_row)?
                .collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }

    /// The account that a person means by `name`: exactly that one, else without regard to case.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], with a name that is like it.
    pub fn find(&self, name: &str) -> Result<Account, VaultError> {
        let wrap = |source| self.database_error(source);
        if let Some(account) = select(self.connection(), "name = ?1", name).map_err(wrap)? {
            return Ok(account);
        }
        let names = self.names()?;
        let Some((id, _)) = names
            .iter()
            .find(|(_, stored)| AccountName::same(stored, name))
        else {
            let similar = names
                .into_iter()
                .map(|(_, stored)| stored)
                .find(|stored| is_similar(stored, name));
            return Err(VaultError::NotFound {
                name: name.to_owned(),
                similar,
            });
        };
        self.get(id)
    }

    /// The account with this identifier.
    ///
    /// # Errors
    /// [`VaultError::NotFound`].
    pub fn get(&self, id: &AccountId) -> Result<Account, VaultError> {
        let found = select(self.connection(), "id = ?1", id.as_str())
            .map_err(|source| self.database_error(source))?;
        found.ok_or_else(|| gone(id))
    }

    /// All names with their identifiers, without the rest: for what must be quick.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn names(&self) -> Result<Vec<(AccountId, String)>, VaultError> {
        let read = || {
            let mut statement = self
                .connection()
                .prepare_cached("SELECT id, name FROM accounts ORDER BY created_at, rowid")?;
            let rows = statement.query_map([], |row| {
                Ok((AccountId::from_stored(text(row, 0)?), text(row, 1)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`VaultError::Exists`] if the name is taken, also in other case.
    pub fn add(&self, account: &NewAccount) -> Result<AccountId, VaultError> {
        self.write(|transaction, sealer| {
            refuse_taken(transaction, account.name.as_str(), None)
                .map_err(|error| self.taken(error))?;
            self.insert(transaction, sealer, account)
        })
    }

    pub(crate) fn insert(
        &self,
        connection: &Connection,
        sealer: &Sealer,
        account: &NewAccount,
    ) -> Result<AccountId, VaultError> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| VaultError::Random)?;
        let id = AccountId::from_random(random);
        let wrap = |source| self.database_error(source);
        let statement = "INSERT INTO accounts (id, name, auth_type) VALUES (?1, ?2, ?3)";
        connection
            .execute(
                statement,
                params![
                    id.as_str(),
                    account.name.as_str(),
                    account.auth_type.as_str()
                ],
            )
            .map_err(wrap)?;
        self.fill(connection, sealer, &id, account)?;
        Ok(id)
    }

    /// Writes everything of `account` but its name over the record `id`; its login becomes a new
    /// generation, so the one before can be restored.
    pub(crate) fn fill(
        &self,
        connection: &Connection,
        sealer: &Sealer,
        id: &AccountId,
        account: &NewAccount,
    ) -> Result<(), VaultError> {
        let wrap = |source| self.database_error(source);
        let statement = "UPDATE accounts SET auth_type = ?2, api_key_enc = ?3, environment_enc = ?4 WHERE id = ?1";
        let environment = sealer.seal(&environment_json(&account.environment));
        let values = params![
            id.as_str(),
            account.auth_type.as_str(),
            sealer.seal_secret(&account.api_key),
            environment
        ];
        connection.execute(statement, values).map_err(wrap)?;
        if let Some(document) = &account.login {
            let login = NewLogin {
                document: document.clone(),
                identity: account.identity.clone(),
                lifetime: None,
                cause: account.cause,
            };
            logins::store(connection, sealer, id, &login).map_err(wrap)?;
        }
        Ok(())
    }

    /// Replaces the variables that go with an account.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the account is gone; if the database cannot be written.
    pub fn set_environment(
        &self,
        id: &AccountId,
        environment: &[(String, Secret)],
    ) -> Result<(), VaultError> {
        self.write(|transaction, sealer| {
            let sealed = sealer.seal(&environment_json(environment));
            let statement = "UPDATE accounts SET environment_enc = ?2 WHERE id = ?1";
            let changed = transaction
                .execute(statement, params![id.as_str(), sealed])
                .map_err(|source| self.database_error(source))?;
            match changed {
                0 => Err(gone(id)),
                _ => Ok(()),
            }
        })
    }

    /// Gives an account another name; everything that belongs to it goes along.
    ///
    /// # Errors
    /// [`VaultError::Exists`] if the name is taken by another one, [`VaultError::NotFound`] if the
    /// account is gone.
    pub fn rename(&self, id: &AccountId, name: &AccountName) -> Result<(), VaultError> {
        let transaction = self.begin()?;
        refuse_taken(&transaction, name.as_str(), Some(id)).map_err(|error| self.taken(error))?;
        let renamed = transaction.execute(
            "UPDATE accounts SET name = ?2 WHERE id = ?1",
            [id.as_str(), name.as_str()],
        );
        if renamed.map_err(|source| self.database_error(source))? == 0 {
            return Err(gone(id));
        }
        transaction
            .commit()
            .map_err(|source| self.database_error(source))
    }

    /// Removes an account with its history, bindings, launches and default. Nothing is revoked at the vendor.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub fn remove(&self, id: &AccountId) -> Result<(), VaultError> {
        self.write_plain(|transaction| delete_everything(transaction, id))
    }

    pub(crate) fn taken(&self, error: TakenError) -> VaultError {
        match error {
            TakenError::Taken(name) => VaultError::Exists(name),
            TakenError::Database(source) => self.database_error(source),
        }
    }
}

pub(crate) fn delete_everything(connection: &Connection, id: &AccountId) -> rusqlite::Result<()> {
    for table in ["generations", "renewals", "bindings", "launches"] {
        let statement = format!("DELETE FROM {table} WHERE account_id = ?1");
        connection.execute(&statement, [id.as_str()])?;
    }
    settings::forget_account(connection, id)?;
    connection
        .execute("DELETE FROM accounts WHERE id = ?1", [id.as_str()])
        .map(drop)
}

pub(crate) enum TakenError {
    Taken(String),
    Database(rusqlite::Error),
}

pub(crate) fn refuse_taken(
    connection: &Connection,
    name: &str,
    but: Option<&AccountId>,
) -> Result<(), TakenError> {
    let read = || {
        let mut statement = connection.prepare("SELECT id, name FROM accounts")?;
        let rows = statement.query_map([], |row| Ok((text(row, 0)?, text(row, 1)?)))?;
        rows.collect::<rusqlite::Result<Vec<_>>>()
    };
    let taken = read().map_err(TakenError::Database)?;
    let other = taken.into_iter().find(|(id, stored)| {
        AccountName::same(stored, name) && but.is_none_or(|but| but.as_str() != id)
    });
    other.map_or(Ok(()), |(_, stored)| Err(TakenError::Taken(stored)))
}

pub(crate) fn environment_json(environment: &[(String, Secret)]) -> String {
    if environment.is_empty() {
        return String::new();
    }
    let object: Map<String, Value> = environment
        .iter()
        .map(|(name, value)| (name.clone(), Value::from(value.expose())))
        .collect();
    Value::Object(object).to_string()
}

/// Alike enough to ask "did you mean": one contains the other, or one letter differs.
fn is_similar(stored: &str, asked: &str) -> bool {
    let (stored, asked) = (stored.to_lowercase(), asked.to_lowercase());
    if asked.chars().count() >= 3 && (stored.contains(&asked) || asked.contains(&stored)) {
        return true;
    }
    let same_length = stored.chars().count() == asked.chars().count();
    let differing = stored
        .chars()
        .zip(asked.chars())
        .filter(|(left, right)| left != right)
        .count();
    same_length && (1..=2).contains(&differing) && stored.chars().count() > 3
}
