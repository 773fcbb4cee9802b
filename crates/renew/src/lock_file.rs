//! A file that one process at a time has locked. The kernel releases it if that process dies.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::RenewError;

/// A lock file that is open, and not locked yet.
pub(crate) struct LockFile {
    path: PathBuf,
    file: File,
}

/// A lock that is held until this is dropped. Not inherited by what the process executes.
pub(crate) struct Locked {
    _file: File,
}

impl LockFile {
    pub(crate) fn open(path: PathBuf) -> Result<Self, RenewError> {
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

    /// Waits for the lock, at most `limit`.
    pub(crate) fn lock_within(self, limit: Duration) -> Result<Option<Locked>, RenewError> {
        const LONGEST_PAUSE: Duration = Duration::from_millis(25);
        let deadline = Instant::now() + limit;
        let mut pause = Duration::from_millis(1);
        while !self.is_locked_now()? {
            if Instant::now() >= deadline {
                return Ok(None);
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        Ok(Some(Locked { _file: self.file }))
    }

    /// Takes the lock if nobody has it.
    pub(crate) fn try_lock(self) -> Result<Option<Locked>, RenewError> {
        Ok(self.is_locked_now()?.then_some(Locked { _file: self.file }))
    }

    fn is_locked_now(&self) -> Result<bool, RenewError> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(false),
            Err(errno) => Err(RenewError::file("lock", &self.path, errno.into())),
        }
    }
}
