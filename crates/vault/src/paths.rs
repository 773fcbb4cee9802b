//! Where the vault's files are.

use std::path::{Path, PathBuf};

/// The vault's directory and the names in it. `accounts.db` and `.key` are those of the Python
/// program whose data opens here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultPaths {
    directory: PathBuf,
}

impl VaultPaths {
    /// A vault in `directory`, usually `~/.claude-accounts`.
    #[must_use]
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The directory, 0700.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The database, 0600.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.directory.join("accounts.db")
    }

    /// SQLite's write-ahead log of the database, 0600.
    pub(crate) fn log(&self) -> PathBuf {
        self.directory.join("accounts.db-wal")
    }

    /// The key, 0600: in the clear, wrapped by a passphrase, or a note that the keyring has it.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.directory.join(".key")
    }

    /// The key that a rotation is about to bring in.
    #[must_use]
    pub fn next_key(&self) -> PathBuf {
        self.directory.join(".key.next")
    }

    /// Held by whoever changes the key or how it is kept.
    #[must_use]
    pub fn key_lock(&self) -> PathBuf {
        self.directory.join(".key.lock")
    }

    /// One lock file per account, held across a renewal.
    #[must_use]
    pub fn locks(&self) -> PathBuf {
        self.directory.join("locks")
    }

    /// Sealed answers of the token server that could not be stored in the database.
    #[must_use]
    pub fn rescue(&self) -> PathBuf {
        self.directory.join("rescue")
    }

    /// Whether there is a vault.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.database().symlink_metadata().is_ok() || self.key().symlink_metadata().is_ok()
    }
}
