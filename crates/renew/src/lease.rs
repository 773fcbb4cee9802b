//! The right to change one login: one process at a time, also across users of a shared vault.

use std::time::Duration;

use model::AccountId;
use vault::{VaultPaths, durable};

use crate::RenewError;
use crate::lock_file::{LockFile, Locked};

/// Longest wait for another process: its request and its waits for the client's locks, and some.
const LEASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Held across a renewal, a capture, a restore. The kernel releases it if its holder dies.
#[must_use]
pub struct Lease {
    _locked: Locked,
}

impl Lease {
    /// Waits for the lease on an account's login.
    ///
    /// # Errors
    /// [`RenewError::LeaseHeld`] after two minutes; or if the lock file cannot be made.
    pub fn acquire(paths: &VaultPaths, id: &AccountId, name: &str) -> Result<Self, RenewError> {
        let locked = open(paths, id)?.lock_within(LEASE_TIMEOUT)?;
        let locked = locked.ok_or_else(|| RenewError::LeaseHeld(name.to_owned()))?;
        Ok(Self { _locked: locked })
    }

    /// Takes the lease if nobody has it.
    ///
    /// # Errors
    /// If the lock file cannot be made.
    pub fn try_acquire(paths: &VaultPaths, id: &AccountId) -> Result<Option<Self>, RenewError> {
        let locked = open(paths, id)?.try_lock()?;
        Ok(locked.map(|locked| Self { _locked: locked }))
    }
}

fn open(paths: &VaultPaths, id: &AccountId) -> Result<LockFile, RenewError> {
    durable::private_directory(&paths.locks())?;
    LockFile::open(paths.locks().join(format!("{}.lock", id.file_name())))
}
