//! The last generations of a login.

use model::{AccountId, CredentialDocument, Identity, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, params};

use crate::logins::{self, NewLogin, SealedLogin};
use crate::record::{ROTATIONS_AT_ONCE, compose};
use crate::sealer::Sealer;
use crate::{Account, Vault, VaultError};

/// How many generations are kept of each login.
const KEPT: i64 = 10;

/// How a login came to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Taken from a credential file.
    Captured,
    /// Signed in to for this account.
    SignedIn,
    /// Renewed at the token endpoint by us.
    Renewed,
    /// Renewed by the client; found in the user's own credential file.
    Adopted,
    /// Found in a session's view, where somebody had signed in.
    SignedInInSession,
    /// Found there too, and not made the present one: it was not shown to be the same person's.
    KeptAside,
    /// From an import.
    Imported,
    /// An earlier generation made present again.
    Restored,
    /// Written into the database by another program.
    AnotherProgram,
}

impl Cause {
    const ALL: [(Self, &'static str); 9] = [
        (Self::Captured, "captured"),
        (Self::SignedIn, "signed in"),
        (Self::Renewed, "renewed"),
        (Self::Adopted, "adopted"),
        (Self::SignedInInSession, "signed in in a session"),
        (Self::KeptAside, "kept aside"),
        (Self::Imported, "imported"),
        (Self::Restored, "restored"),
        (Self::AnotherProgram, "another program"),
    ];

    /// As stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(cause, _)| *cause == self)
            .map_or("", |(_, text)| text)
    }

    /// Whether the login may be another one than before, and not the same one with new tokens.
    pub(crate) fn may_bring_another_login(self) -> bool {
        match self {
            Self::Captured
            | Self::SignedIn
            | Self::SignedInInSession
            | Self::KeptAside
            | Self::Imported => true,
            Self::Renewed | Self::Adopted | Self::Restored | Self::AnotherProgram => false,
        }
    }

    fn from_stored(text: &str) -> Self {
        Self::ALL
            .iter()
            .find(|(_, stored)| *stored == text)
            .map_or(Self::AnotherProgram, |(cause, _)| *cause)
    }
}

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
                let number = row.get(0)?;
                let expires_at = Timestamp::from_stored_expiry(row.get(2)?);
                let open =
                    |column| Ok::<_, rusqlite::Error>(sealer.open(&row.get::<_, String>(column)?));
                let document = match (open(4)?, open(5)?, open(6)?) {
                    (Some(access), Some(refresh), Some(rest)) => {
                        compose(&rest, &access, &refresh, expires_at)
                    }
                    _ => None,
                };
                Ok(Generation {
                    number,
                    recorded_at: Timestamp::from_millis(row.get(1)?),
                    expires_at,
                    cause: Cause::from_stored(&row.get::<_, String>(3)?),
                    present: number == account.generation,
                    document,
                })
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        };
        read().map_err(|source| self.database_error(source))
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
            logins::store(transaction, sealer, &account.id, &login)
                .map_err(|source| self.login_error(&account.id, source))
        })
    }
}

pub(crate) fn next_number(connection: &Connection, id: &AccountId) -> rusqlite::Result<i64> {
    let statement = "SELECT max(
        coalesce((SELECT generation FROM accounts WHERE id = ?1), 0),
        coalesce((SELECT max(generation) FROM generations WHERE account_id = ?1), 0)) + 1";
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
        crate::store::now().as_millis(),
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
