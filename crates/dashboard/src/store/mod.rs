//! `dashboard.db`, beside the vault: sign-ins, API tokens, failed attempts, passkeys, audit.
//!
//! It holds no secret: hashes of secrets, and public keys. Everything here may block, but for
//! [`Store::credentials`] and the notes, which are written later.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior};
use thiserror::Error;
use vault::VaultError;

use crate::error::ApiError;

mod attempts;
mod audit;
mod credentials;
mod digest;
mod later;
mod passkeys;
mod schema;
mod second_factors;
mod settings;
mod sign_ins;
mod tokens;

pub(crate) use attempts::{Attempt, Source};
pub(crate) use audit::Entry;
pub(crate) use credentials::{SignInRecord, TokenRecord};
pub(crate) use digest::Digest;
pub(crate) use passkeys::StoredPasskey;
pub(crate) use sign_ins::NewSignIn;
pub(crate) use tokens::NewToken;

/// What went wrong with `dashboard.db`.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Another process is writing.
    #[error("{path} is in use by another process")]
    Busy {
        /// The file.
        path: PathBuf,
    },
    /// SQLite's own failure.
    #[error("{path} cannot be used: {source}")]
    Database {
        /// The file.
        path: PathBuf,
        /// SQLite's words; no value of a row is among them.
        source: rusqlite::Error,
    },
    /// Written by a later version of this program.
    #[error("{0} was made by a newer version of this program")]
    TooNew(PathBuf),
    /// The file or its directory is not what it should be.
    #[error(transparent)]
    File(#[from] VaultError),
}

impl StoreError {
    fn new(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy { path },
            _ => Self::Database { path, source },
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::File(source) => source.into(),
            StoreError::Busy { .. } => Self::new(
                axum::http::StatusCode::SERVICE_UNAVAILABLE,
                error.to_string(),
            )
            .hinted("Try again in a moment."),
            StoreError::Database { .. } | StoreError::TooNew(_) => {
                Self::internal(model::printable(&error.to_string()))
                    .hinted("Look at that file; the accounts are in another one.")
            }
        }
    }
}

/// The database: one connection writes, another one notices what was written, by whomever.
pub(crate) struct Store {
    path: PathBuf,
    writer: Arc<Mutex<Connection>>,
    known: Mutex<credentials::Known>,
    later: Arc<later::Queue>,
}

impl Store {
    /// Opens the database in `directory`, or makes it.
    pub(crate) fn open(directory: &Path) -> Result<Self, StoreError> {
        let writer = Arc::new(Mutex::new(schema::connect(directory)?));
        Ok(Self {
            path: schema::path_in(directory),
            known: Mutex::new(credentials::Known::new(schema::connect(directory)?)),
            later: Arc::new(later::Queue::new(Arc::clone(&writer))),
            writer,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// One durable transaction.
    fn write<T>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        in_transaction(&lock(&self.writer), work).map_err(|source| self.error(source))
    }

    fn read<T>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        work(&lock(&self.writer)).map_err(|source| self.error(source))
    }

    fn error(&self, source: rusqlite::Error) -> StoreError {
        StoreError::new(&self.path, source)
    }
}

fn in_transaction<T>(
    connection: &Connection,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let behavior = TransactionBehavior::Immediate;
    let transaction = Transaction::new_unchecked(connection, behavior)?;
    let value = work(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// A panic in between has rolled its transaction back.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
