//! One command at a time.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use vault::durable;

use crate::{ServerPaths, ShareError};

/// How long another command is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// Held while a command changes the machine; ends with this value or with the process.
#[derive(Debug)]
pub struct CommandLock {
    _file: File,
}

impl CommandLock {
    /// Waits for other commands, up to 30 seconds.
    ///
    /// # Errors
    /// [`ShareError::Busy`] if one is still running then; if the lock cannot be made.
    pub fn take(paths: &ServerPaths) -> Result<Self, ShareError> {
        Self::take_within(paths, PATIENCE)
    }

    fn take_within(paths: &ServerPaths, patience: Duration) -> Result<Self, ShareError> {
        durable::private_directory(&paths.data)?;
        let path = paths.command_lock();
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(ShareError::system(format!("open {}", path.display())))?;
        let deadline = Instant::now() + patience;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => return Err(ShareError::Busy),
                Err(errno) => {
                    let action = format!("lock {}", path.display());
                    return Err(ShareError::System {
                        action,
                        source: errno.into(),
                    });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_command_waits_and_is_then_refused() {
        let directory = tempfile::tempdir().unwrap();
        let paths = ServerPaths {
            data: directory.path().to_owned(),
            ..ServerPaths::documented()
        };
        let first = CommandLock::take(&paths).unwrap();
        let second = CommandLock::take_within(&paths, Duration::from_millis(50));
        assert!(matches!(second, Err(ShareError::Busy)));
        drop(first);
        CommandLock::take_within(&paths, Duration::ZERO).unwrap();
    }
}
