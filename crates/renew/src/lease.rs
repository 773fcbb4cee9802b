//! The right to change one login: one process at a time, also across users of a shared vault.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use model::AccountId;
use rustix::fs::FlockOperation;
use rustix::io::Errno;
use vault::{VaultPaths, durable};

use crate::RenewError;

/// Longest wait for another process: its request and its waits for the client's locks, and some.
const LEASE_TIMEOUT: Duration = Duration::from_secs(120);

/// Held across a renewal, a capture, a restore. The kernel releases it if its holder dies.
#[must_use]
pub struct Lease {
    /// Closed, and thereby unlocked, with the lease; not inherited by what the process executes.
    _file: File,
}

impl Lease {
    /// Waits for the lease on an account's login.
    ///
    /// # Errors
    /// [`RenewError::LeaseHeld`] after two minutes; or if the lock file cannot be made.
    pub fn acquire(paths: &VaultPaths, id: &AccountId, name: &str) -> Result<Self, RenewError> {
        let lock = LockFile::open(paths, id)?;
        let deadline = Instant::now() + LEASE_TIMEOUT;
        let mut pause = Duration::from_millis(1);
        while !lock.try_lock()? {
            if Instant::now() >= deadline {
                return Err(RenewError::LeaseHeld(name.to_owned()));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(25));
        }
        Ok(Self { _file: lock.file })
    }

    /// Takes the lease if nobody has it.
    ///
    /// # Errors
    /// If the lock file cannot be made.
    pub fn try_acquire(paths: &VaultPaths, id: &AccountId) -> Result<Option<Self>, RenewError> {
        let lock = LockFile::open(paths, id)?;
        Ok(lock.try_lock()?.then_some(Self { _file: lock.file }))
    }
}

struct LockFile {
    path: PathBuf,
    file: File,
}

impl LockFile {
    fn open(paths: &VaultPaths, id: &AccountId) -> Result<Self, RenewError> {
        durable::private_directory(&paths.locks())?;
        let path = paths.locks().join(format!("{}.lock", id.file_name()));
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        match opened {
            Ok(file) => Ok(Self { path, file }),
            Err(source) => Err(RenewError::file("open", &path, source)),
        }
    }

    fn try_lock(&self) -> Result<bool, RenewError> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(errno) => Err(RenewError::file("lock", &self.path, errno.into())),
        }
    }
}
