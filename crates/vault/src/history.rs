//! The last generations of a login.

use model::{AccountId, CredentialDocument, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::clock::now;
use crate::columns::{integer, text};
use crate::login::{Cause, SealedLogin};
use crate::record::{ROTATIONS_AT_ONCE, compose};
use crate::sealer::Sealer;
use crate::{Account, Vault, VaultError};

/// How many generations are kept of each login.
const KEPT: i64 = 10;

/// One generation of a login.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Its number; higher is newer.
    pub number: i64,
    /// When it was stored.
    pub recorded_at: Timestamp,
    /// When its access token ends.
    pub expires_at: Option<Timestamp>,
    /// How it came.
    pub cause: Cause,
    /// Whether it is the present one.
    pub present: bool,
    /// The whole document; `None` if it cannot be opened.
    pub document: Option<CredentialDocument>,
}

impl Vault {
    /// The generations of an account's login, newest first.
    ///
    /// # Errors
    /// If the database cannot be read or the key is not to be had.
    pub fn history(&self, account: &Account) -> Result<Vec<Generation>, VaultError> {
        let mut generations = Vec::new();
        for _attempt in 0..ROTATIONS_AT_ONCE {
            let sealer = self.sealer()?;
            generations = self.read_history(account, &sealer)?;
            let all_open = generations.iter().all(|one| one.document.is_some());
            if all_open || !self.is_outdated(&sealer) {
                break;
            }
            self.forget_sealer();
        }
        Ok(generations)
    }

    fn read_history(
        &self,
        account: &Account,
        sealer: &Sealer,
    ) -> Result<Vec<Generation>, VaultError> {
        let read = || {
            let statement = "SELECT generation, recorded_at, expires_at, cause, access_token_enc, refresh_token_enc,
                document_enc FROM generations WHERE account_id = ?1 ORDER BY generation DESC";
            let mut statement = self.connection().prepare(statement)?;
            let rows = statement.query_map([account.id.as_str()], |row| {
                let number = integer(row, 0)?;
                let expires_at = Timestamp::from_stored_expiry(integer(row, 2)?);
                let open = |column| Ok::<_, rusqlite::Error>(sealer.open(&text(row, column)?));
                let document = match (open(4)?, open(5)?, open(6)?) {
                    (Some(access), Some(refresh), Some(rest)) => {
                        compose(&rest, &access, &refresh, expires_at)
                    }
                    _ => None,
                };
                Ok(Generation {
                    number,
                    recorded_at: Timestamp::from_millis(integer(row, 1)?),
                    expires_at,
                    cause: Cause::from_stored(&text(row, 3)?),
                    present: number == account.generation,
                    document,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
    }
}

pub(crate) fn next_number(connection: &Connection, id: &AccountId) -> rusqlite::Result<i64> {
    // An odd value counts as 0: it must not keep others from being stored.
    let statement = "SELECT max(
        coalesce((SELECT CAST(generation AS INTEGER) FROM accounts WHERE id = ?1), 0),
        coalesce((SELECT max(CAST(generation AS INTEGER)) FROM generations WHERE account_id = ?1), 0)) + 1";
    connection.query_row(statement, [id.as_str()], |row| row.get(0))
}

pub(crate) fn sealed_tokens(
    connection: &Connection,
    id: &AccountId,
    generation: i64,
) -> rusqlite::Result<Option<(String, String)>> {
    let statement = "SELECT access_token_enc, refresh_token_enc FROM generations
        WHERE account_id = ?1 AND generation = ?2";
    let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    connection
        .query_row(statement, params![id.as_str(), generation], read)
        .optional()
}

pub(crate) fn record(
    connection: &Connection,
    id: &AccountId,
    generation: i64,
    sealed: &SealedLogin,
    cause: Cause,
) -> rusqlite::Result<()> {
    let statement =
        "INSERT INTO generations (account_id, generation, access_token_enc, refresh_token_enc,
        expires_at, document_enc, recorded_at, cause) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)";
    let values = params![
        id.as_str(),
        generation,
        sealed.access_token,
        sealed.refresh_token,
        sealed.expires_at,
        sealed.document,
        now().as_millis(),
        cause.as_str()
    ];
    connection.execute(statement, values).map(|_| ())
}

/// Drops all but the newest; `present` always stays.
pub(crate) fn prune(connection: &Connection, id: &AccountId, present: i64) -> rusqlite::Result<()> {
    let statement = "DELETE FROM generations WHERE account_id = ?1 AND generation <> ?2 AND generation NOT IN
        (SELECT generation FROM generations WHERE account_id = ?1 ORDER BY generation DESC LIMIT ?3)";
    connection
        .execute(statement, params![id.as_str(), present, KEPT])
        .map(|_| ())
}
