//! Logins: stored, marked, and the journal of renewals.
//!
//! Whoever changes a login holds its lease (crate `renew`); the transactions here keep the
//! database whole, not the tokens unspent.

use model::{AccountId, Identity, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::clock::now;
use crate::columns::stored_moment;
use crate::history;
use crate::login::{Attempt, Cause, NewLogin, SealedLogin};
use crate::record::{gone, select};
use crate::sealer::Sealer;
use crate::{Account, Vault, VaultError};

/// A renewal that was begun, and of whose end nothing is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRenewal {
    /// The generation whose refresh token was to be spent.
    pub generation: i64,
    /// When.
    pub started_at: Timestamp,
}

impl Vault {
    /// Makes `login` the account's present one: a new generation, on the disk when this returns.
    /// Ends the journal of a renewal, earlier failures and a refusal.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the account is gone; if it cannot be stored. Then nothing has
    /// changed.
    pub fn store_login(&self, id: &AccountId, login: &NewLogin) -> Result<i64, VaultError> {
        self.write(|transaction, sealer| {
            store(transaction, sealer, id, login).map_err(|source| self.login_error(id, source))
        })
    }

    pub(crate) fn login_error(&self, id: &AccountId, source: rusqlite::Error) -> VaultError {
        match source {
            rusqlite::Error::QueryReturnedNoRows => gone(id),
            source => self.database_error(source),
        }
    }

    /// Keeps a login in the history without making it the present one.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the account is gone; if it cannot be stored.
    pub fn store_aside(&self, id: &AccountId, login: &NewLogin) -> Result<i64, VaultError> {
        self.write(|transaction, sealer| {
            let record = || {
                if select(transaction, "id = ?1", id.as_str())?.is_none() {
                    return Err(rusqlite::Error::QueryReturnedNoRows);
                }
                let generation = history::next_number(transaction, id)?;
                history::record(
                    transaction,
                    id,
                    generation,
                    &SealedLogin::seal(sealer, login),
                    login.cause,
                )?;
                Ok(generation)
            };
            record().map_err(|source| self.login_error(id, source))
        })
    }

    /// Makes an earlier generation the present one, as a new generation.
    ///
    /// # Errors
    /// [`VaultError::NoGeneration`] if it is not kept (any more) or cannot be opened.
    pub fn restore(&self, account: &Account, number: i64) -> Result<i64, VaultError> {
        let missing = || VaultError::NoGeneration {
            name: account.name.clone(),
            generation: number,
        };
        let found = self
            .history(account)?
            .into_iter()
            .find(|generation| generation.number == number);
        let document = found
            .and_then(|generation| generation.document)
            .ok_or_else(missing)?;
        let login = NewLogin {
            document,
            identity: Identity::default(),
            lifetime: None,
            cause: Cause::Restored,
        };
        self.write(|transaction, sealer| {
            store(transaction, sealer, &account.id, &login)
                .map_err(|source| self.login_error(&account.id, source))
        })
    }

    /// Notes durably that the refresh token of the present generation is about to be spent. That
    /// it can be noted proves that the vault can be written.
    ///
    /// # Errors
    /// If it cannot be written, or [`VaultError::NotFound`] if the account is gone: then the token
    /// must not be spent.
    pub fn begin_renewal(&self, id: &AccountId, generation: i64) -> Result<(), VaultError> {
        let statement = "INSERT INTO renewals (account_id, generation, started_at)
            SELECT id, ?2, ?3 FROM accounts WHERE id = ?1
            ON CONFLICT (account_id) DO UPDATE SET generation = excluded.generation, started_at = excluded.started_at";
        self.write_plain(|transaction| {
            let values = params![id.as_str(), generation, now().as_millis()];
            transaction.execute(statement, values)
        })
        .and_then(|noted| match noted {
            0 => Err(gone(id)),
            _ => Ok(()),
        })
    }

    /// A renewal of this account that was begun and never ended.
    ///
    /// # Errors
    /// If the database cannot be read.
    pub fn pending_renewal(&self, id: &AccountId) -> Result<Option<PendingRenewal>, VaultError> {
        let read = || {
            let statement = "SELECT generation, started_at FROM renewals WHERE account_id = ?1";
            let mut statement = self.connection().prepare_cached(statement)?;
            let row = statement.query_row([id.as_str()], |row| {
                let started_at = Timestamp::from_millis(row.get(1)?);
                Ok(PendingRenewal {
                    generation: row.get(0)?,
                    started_at,
                })
            });
            row.optional()
        };
        read().map_err(|source| self.database_error(source))
    }

    /// Marks the present login as refused for good. Every generation stays.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn mark_refused(&self, id: &AccountId, reason: &str) -> Result<(), VaultError> {
        self.write_plain(|transaction| {
            let statement =
                "UPDATE accounts SET refused_reason = ?2, refused_expiry = expires_at, attempt = ''
                WHERE id = ?1";
            transaction.execute(statement, [id.as_str(), reason])?;
            end_journal(transaction, id)
        })
    }

    /// Notes a failure that may pass. `answered`: whether the server said no, so that the token is
    /// known to be unspent and the journal ends.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn mark_failed(
        &self,
        id: &AccountId,
        attempt: &Attempt,
        answered: bool,
    ) -> Result<(), VaultError> {
        self.write_plain(|transaction| {
            let statement = "UPDATE accounts SET attempt = ?2 WHERE id = ?1";
            transaction.execute(statement, [id.as_str(), &attempt.to_stored()])?;
            if answered {
                end_journal(transaction, id)
            } else {
                Ok(())
            }
        })
    }
}

pub(crate) fn store(
    connection: &Connection,
    sealer: &Sealer,
    id: &AccountId,
    login: &NewLogin,
) -> rusqlite::Result<i64> {
    keep_what_others_wrote(connection, id)?;
    let generation = history::next_number(connection, id)?;
    let sealed = SealedLogin::seal(sealer, login);
    let statement = "UPDATE accounts SET auth_type = 'oauth', access_token_enc = ?2, refresh_token_enc = ?3,
        document_enc = ?4, expires_at = ?5, generation = ?6, obtained_at = ?7, lifetime = ?8,
        renewed_at = CASE WHEN ?9 THEN ?7 ELSE renewed_at END, refused_reason = '', refused_expiry = 0, attempt = ''
        WHERE id = ?1";
    let lifetime = login.lifetime.map_or(0, |lifetime| {
        i64::try_from(lifetime.as_millis()).unwrap_or(0)
    });
    let renewed = login.cause == Cause::Renewed;
    let changed = connection.execute(
        statement,
        params![
            id.as_str(),
            sealed.access_token,
            sealed.refresh_token,
            sealed.document,
            sealed.expires_at,
            generation,
            now().as_millis(),
            lifetime,
            renewed
        ],
    )?;
    if changed == 0 {
        // Removed in the meantime: nothing of it may come back.
        return Err(rusqlite::Error::QueryReturnedNoRows);
    }
    if !login.identity.is_unknown() || login.cause.may_bring_another_login() {
        let identity = match login.identity.is_unknown() {
            true => String::new(),
            false => sealer.seal(&login.identity.to_oauth_account().to_string()),
        };
        connection.execute(
            "UPDATE accounts SET identity_enc = ?2 WHERE id = ?1",
            [id.as_str(), &identity],
        )?;
    }
    history::record(connection, id, generation, &sealed, login.cause)?;
    history::prune(connection, id, generation)?;
    end_journal(connection, id)?;
    Ok(generation)
}

/// The Python program writes tokens without counting generations. Before its login is written
/// over, it goes into the history.
fn keep_what_others_wrote(connection: &Connection, id: &AccountId) -> rusqlite::Result<()> {
    let Some(account) = select(connection, "id = ?1", id.as_str())? else {
        return Ok(());
    };
    let [access_token, refresh_token, document] = account.sealed_login().map(str::to_owned);
    if access_token.is_empty() && refresh_token.is_empty() {
        return Ok(());
    }
    let recorded = history::sealed_tokens(connection, id, account.generation)?;
    if recorded.is_some_and(|(access, refresh)| account.has_sealed_tokens(&access, &refresh)) {
        return Ok(());
    }
    let expires_at = stored_moment(account.expires_at);
    let sealed = SealedLogin {
        access_token,
        refresh_token,
        document,
        expires_at,
    };
    let generation = history::next_number(connection, id)?;
    history::record(connection, id, generation, &sealed, Cause::AnotherProgram)
}

fn end_journal(connection: &Connection, id: &AccountId) -> rusqlite::Result<()> {
    connection
        .execute("DELETE FROM renewals WHERE account_id = ?1", [id.as_str()])
        .map(|_| ())
}
