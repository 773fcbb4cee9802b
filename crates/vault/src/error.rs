//! What can go wrong with a vault.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

/// Why the vault did not do what was asked. No variant holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// There is no vault yet.
    #[error("there is no vault in {}", .0.display())]
    NoVault(PathBuf),
    /// The system refused a file operation.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// What was tried: a verb for "cannot …".
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file is not what it has to be: not a regular file, too large, somebody else's.
    #[error("{} {problem}", path.display())]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it: completes "FILE …".
        problem: String,
    },
    /// No space, or over quota. What was there before is still there.
    #[error("the disk is full: nothing was changed in {}", .0.display())]
    Full(PathBuf),
    /// The file system or the file does not allow writing.
    #[error("{} cannot be written", .0.display())]
    ReadOnly(PathBuf),
    /// Damaged, cut short, or no SQLite file at all.
    #[error("{} is damaged or not a SQLite database", .0.display())]
    Corrupt(PathBuf),
    /// A SQLite database of something else.
    #[error("{} is a database of another program ({missing} is missing)", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// The table or column that every vault has.
        missing: String,
    },
    /// Written by a later version of this program.
    #[error("{} was written by a newer version (layout {found}, this program knows {known})", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its layout.
        found: i64,
        /// The latest layout known here.
        known: i64,
    },
    /// Another process held the database for too long.
    #[error("another process holds {} locked", .0.display())]
    Busy(PathBuf),
    /// There are sealed records and no key.
    #[error("the key {} is missing, and the accounts are sealed with it", .0.display())]
    KeyMissing(PathBuf),
    /// The key file holds no key in a known form.
    #[error("{} holds no key", .0.display())]
    KeyMalformed(PathBuf),
    /// The key is not the one that sealed the records.
    #[error("the key {} does not open these accounts", .0.display())]
    KeyWrong(PathBuf),
    /// The key is wrapped by a passphrase, and nobody can be asked for it.
    #[error("the vault's key is protected by a passphrase, and none was given")]
    PassphraseNeeded,
    /// The passphrase does not open the key.
    #[error("that passphrase does not open the vault's key")]
    PassphraseWrong,
    /// The OS keyring cannot be reached, or does not have the key.
    #[error("the OS keyring: {0}")]
    Keyring(String),
    /// No such account.
    #[error("there is no account named {name:?}")]
    NotFound {
        /// What was asked for.
        name: String,
        /// A name that was perhaps meant.
        similar: Option<String>,
    },
    /// The name is taken.
    #[error("there is already an account named {0:?}")]
    Exists(String),
    /// One record cannot be opened; the others can.
    #[error("the record of {name:?} is damaged: its {part} cannot be opened with the vault's key")]
    Damaged {
        /// The account.
        name: String,
        /// Which part of it.
        part: &'static str,
    },
    /// No such generation.
    #[error("{name:?} has no generation {generation}")]
    NoGeneration {
        /// The account.
        name: String,
        /// The number asked for.
        generation: i64,
    },
    /// Somebody else changed the account in between.
    #[error("{0:?} was changed by another process in the meantime")]
    Changed(String),
    /// A key for a login, or tokens for an account with a key.
    #[error("{0:?} is an account of the other kind: key or login")]
    OtherKind(String),
    /// An encrypted export that cannot be made or opened.
    #[error("the encrypted file: {0}")]
    Age(String),
    /// No random numbers to be had from the system.
    #[error("the system gives no random numbers")]
    Random,
    /// Anything else that SQLite says.
    #[error("the database {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// What SQLite said; statements and values are not part of it.
        source: rusqlite::Error,
    },
}

impl VaultError {
    pub(crate) fn file(action: &'static str, path: &Path, source: io::Error) -> Self {
        let path = path.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            _ => Self::File {
                action,
                path,
                source,
            },
        }
    }

    pub(crate) fn database(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DiskFull) => Self::Full(path),
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => Self::ReadOnly(path),
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Self::Corrupt(path),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Self::Busy(path),
            Some(ErrorCode::CannotOpen) => Self::ReadOnly(path),
            _ => Self::Database { path, source },
        }
    }
}
