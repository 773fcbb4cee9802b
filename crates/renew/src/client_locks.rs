//! The client's own locks, held as the client holds them.
//!
//! Measured (`CLAUDE_CODE_FACTS`): directories made with `mkdir`, touched while held, stale 60 s
//! after the last touch; first `<dir>/.oauth_refresh.lock`, then `<dir>.lock`, and
//! `<dir>/.storage-write.lock` around a write.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use rustix::fs::{Timestamps, UTIME_NOW, futimens};

use crate::RenewError;

/// Not touched for this long, a lock has no holder any more.
pub const STALE_AFTER: Duration = Duration::from_secs(60);

const TOUCH_EVERY: Duration = Duration::from_secs(5);

/// Longest wait for the client, which takes seconds; a stale lock is over before that.
const PATIENCE: Duration = Duration::from_secs(75);

/// The names of the client's locks for a credential directory, in the order of taking them.
#[must_use]
pub fn client_lock_paths(directory: &Path) -> [PathBuf; 3] {
    // Without a slash at its end, which would put the second lock inside.
    let directory: PathBuf = directory.components().collect();
    let mut beside = directory.as_os_str().to_owned();
    beside.push(".lock");
    [
        directory.join(".oauth_refresh.lock"),
        PathBuf::from(beside),
        directory.join(".storage-write.lock"),
    ]
}

/// The locks that keep the client from renewing. Released when dropped; if this process is killed
/// they are stale after a minute, as the client's own would be.
#[must_use]
pub(crate) struct ClientLocks {
    directory: PathBuf,
    /// Dropped in this order, the reverse of taking them.
    _beside: HeldLock,
    _refresh: HeldLock,
}

impl ClientLocks {
    /// Takes the two locks of a renewal.
    pub(crate) fn for_renewal(directory: &Path) -> Result<Self, RenewError> {
        let [refresh, beside, _] = client_lock_paths(directory);
        let refresh = HeldLock::acquire(refresh)?;
        let beside = HeldLock::acquire(beside)?;
        Ok(Self {
            directory: directory.to_owned(),
            _beside: beside,
            _refresh: refresh,
        })
    }

    /// Takes the lock of a write as well, for as long as `write` runs.
    pub(crate) fn while_writing<T>(
        &self,
        write: impl FnOnce() -> Result<T, RenewError>,
    ) -> Result<T, RenewError> {
        let [_, _, storage] = client_lock_paths(&self.directory);
        let _lock = HeldLock::acquire(storage)?;
        write()
    }
}

struct HeldLock {
    path: PathBuf,
    /// Open, so that the directory is told from another one that took its place.
    directory: Arc<File>,
    stop: Option<Sender<()>>,
    toucher: Option<JoinHandle<()>>,
}

impl HeldLock {
    fn acquire(path: PathBuf) -> Result<Self, RenewError> {
        let deadline = Instant::now() + PATIENCE;
        let mut watch = StaleWatch::default();
        let mut pause = Duration::from_millis(2);
        loop {
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Self::keep_fresh(path),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(RenewError::file("make the lock", &path, error)),
            }
            if watch.is_stale(&path) {
                remove_stale(&path)?;
                continue;
            }
            if Instant::now() >= deadline {
                return Err(RenewError::ClientLockHeld(path));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    fn keep_fresh(path: PathBuf) -> Result<Self, RenewError> {
        let opened = File::open(&path).inspect_err(|_| drop(fs::remove_dir(&path)));
        let opened = opened.map_err(|source| RenewError::file("open the lock", &path, source));
        let directory = Arc::new(opened?);
        let (stop, stopped) = mpsc::channel();
        let touched = Arc::clone(&directory);
        let toucher = std::thread::spawn(move || {
            while stopped.recv_timeout(TOUCH_EVERY) == Err(RecvTimeoutError::Timeout) {
                touch(&touched);
            }
        });
        Ok(Self {
            path,
            directory,
            stop: Some(stop),
            toucher: Some(toucher),
        })
    }

    /// Not so once somebody has taken it for stale, as after a sleep of the machine.
    fn is_still_ours(&self) -> bool {
        let (Ok(ours), Ok(there)) = (self.directory.metadata(), fs::symlink_metadata(&self.path))
        else {
            return false;
        };
        (ours.dev(), ours.ino()) == (there.dev(), there.ino())
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(toucher) = self.toucher.take() {
            drop(toucher.join());
        }
        if self.is_still_ours() {
            // If it cannot be removed it is stale in a minute.
            drop(fs::remove_dir(&self.path));
        }
    }
}

/// Tells a lock whose holder has died from one that is held.
///
/// By its age where the clock allows; and, for a lock dated in the future by a clock that was set
/// back since, by its not being touched for as long by our own watch.
#[derive(Default)]
struct StaleWatch {
    seen: Option<(SystemTime, Instant)>,
}

impl StaleWatch {
    fn is_stale(&mut self, path: &Path) -> bool {
        match fs::symlink_metadata(path).and_then(|metadata| metadata.modified()) {
            Ok(touched) => self.judge(touched, SystemTime::now(), Instant::now()),
            Err(_) => {
                self.seen = None;
                false
            }
        }
    }

    fn judge(&mut self, touched: SystemTime, now: SystemTime, at: Instant) -> bool {
        let aged = now
            .duration_since(touched)
            .is_ok_and(|age| age > STALE_AFTER);
        match self.seen {
            Some((before, since)) if before == touched => {
                aged || at.saturating_duration_since(since) > STALE_AFTER
            }
            _ => {
                self.seen = Some((touched, at));
                aged
            }
        }
    }
}

/// Only an empty directory goes: what is anything else was not made by the client.
fn remove_stale(path: &Path) -> Result<(), RenewError> {
    match fs::remove_dir(path) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(RenewError::file("remove the stale lock", path, error)),
    }
}

fn touch(lock: &File) {
    let now = rustix::fs::Timespec {
        tv_sec: 0,
        tv_nsec: UTIME_NOW,
    };
    let times = Timestamps {
        last_access: now,
        last_modification: now,
    };
    // A lock that was taken from us shows when the file is read again before it is written.
    futimens(lock, &times).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_are_where_the_client_looks_and_gone_afterwards() {
        let home = tempfile::tempdir().unwrap();
        let directory = home.path().join(".claude");
        fs::create_dir(&directory).unwrap();
        let locks = ClientLocks::for_renewal(&directory).unwrap();
        assert!(directory.join(".oauth_refresh.lock").is_dir());
        assert!(home.path().join(".claude.lock").is_dir());
        locks
            .while_writing(|| {
                assert!(directory.join(".storage-write.lock").is_dir());
                Ok(())
            })
            .unwrap();
        drop(locks);
        assert!(
            client_lock_paths(&directory)
                .iter()
                .all(|path| !path.exists())
        );
    }

    #[test]
    fn an_orphan_of_a_killed_client_is_taken_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".oauth_refresh.lock");
        fs::create_dir(&path).unwrap();
        let hour_ago = rustix::fs::Timespec {
            tv_sec: 1_000_000_000,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: hour_ago,
            last_modification: hour_ago,
        };
        futimens(File::open(&path).unwrap(), &times).unwrap();
        drop(HeldLock::acquire(path).unwrap());
    }

    #[test]
    fn a_lock_from_the_future_is_over_once_nobody_touches_it() {
        let (now, start) = (SystemTime::now(), Instant::now());
        let (second, year) = (Duration::from_secs(1), Duration::from_secs(31_536_000));
        let mut watch = StaleWatch::default();
        assert!(!watch.judge(now + year, now, start));
        assert!(!watch.judge(now + year, now, start + STALE_AFTER));
        assert!(watch.judge(now + year, now, start + STALE_AFTER + second));
        // Its holder lives.
        let touched = now + year + second;
        assert!(!watch.judge(touched, now, start + STALE_AFTER + second));
        assert!(!watch.judge(touched, now, start + STALE_AFTER * 2));
        assert!(watch.judge(now - STALE_AFTER - second, now, start));
        assert!(!watch.judge(now - STALE_AFTER, now, start));
    }

    #[test]
    fn a_lock_that_was_taken_over_is_left_to_its_new_holder() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join(".oauth_refresh.lock");
        let ours = HeldLock::acquire(path.clone()).unwrap();
        fs::remove_dir(&path).unwrap();
        fs::create_dir(&path).unwrap();
        drop(ours);
        assert!(path.is_dir());
    }

    #[test]
    fn a_slash_at_the_end_of_the_directory_changes_nothing() {
        assert_eq!(
            client_lock_paths(Path::new("/home/u/.claude/")),
            client_lock_paths(Path::new("/home/u/.claude"))
        );
    }
}
