//! The right to change one login: one process at a time, also across users of a shared vault.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
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
        durable::private_directory(&paths.locks())?;
        let path = paths.locks().join(format!("{}.lock", id.file_name()));
        let opened = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(|source| RenewError::file("open", &path, source))?;
        let deadline = Instant::now() + LEASE_TIMEOUT;
        let mut pause = Duration::from_millis(1);
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => {}
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    return Err(RenewError::LeaseHeld(name.to_owned()));
                }
                Err(errno) => return Err(RenewError::file("lock", &path, errno.into())),
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(25));
        }
    }
}
