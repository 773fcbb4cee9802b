//! A JSON file of settings: read whole, written whole and durably, changed by one process at a time.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vault::durable::{self, Placing};

use crate::{ClientError, ClientPaths};

/// Largest file that is read, in bytes.
const LIMIT: u64 = 4 * 1024 * 1024;

/// How long another process is waited for: it holds the lock for one write.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the file holds; `None` if there is none.
pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>, ClientError> {
    let Some(bytes) = durable::read_regular(path, LIMIT)? else {
        return Ok(None);
    };
    let read = serde_json::from_slice(&bytes);
    read.map(Some).map_err(|error| ClientError::Settings {
        path: path.to_owned(),
        problem: error.to_string(),
    })
}

/// It is on the disk when this returns, for its owner alone.
pub(crate) fn write<T: Serialize>(
    paths: &ClientPaths,
    path: &Path,
    value: &T,
) -> Result<(), ClientError> {
    durable::private_directory(&paths.directory())?;
    let mut bytes = serde_json::to_vec_pretty(value).map_err(|error| ClientError::Settings {
        path: path.to_owned(),
        problem: error.to_string(),
    })?;
    bytes.push(b'\n');
    Ok(durable::write(path, &bytes, 0o600, Placing::Replace)?)
}

/// Held from reading to writing, so that no change of another process is lost.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(paths: &ClientPaths) -> Result<Self, ClientError> {
        durable::private_directory(&paths.directory())?;
        let path: PathBuf = paths.lock();
        let opened = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let file = opened.map_err(ClientError::system(format!("open {}", path.display())))?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::WOULDBLOCK | Errno::INTR) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(10));
                }
                Err(Errno::WOULDBLOCK | Errno::INTR) => {
                    return Err(ClientError::Busy(paths.directory()));
                }
                Err(errno) => {
                    let action = format!("lock {}", path.display());
                    return Err(ClientError::system(action)(errno.into()));
                }
            }
        }
    }
}
