//! Files that sessions were recorded to, in `recordings` beside the vault (0700, each 0600).
//!
//! What a session shows may hold secrets, so nothing is recorded unless it is asked for. A
//! recording goes with its session when somebody deletes that, and by itself after 30 days.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use vault::durable;

use crate::error::ApiError;

/// How long a recording is kept after its last line was written.
const KEPT_FOR: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How often it is looked for those whose time is over.
pub(super) const INTERVAL: Duration = Duration::from_secs(60 * 60);
/// Length of a session's identifier.
const ID_LENGTH: usize = 32;

/// See the head of this file.
#[derive(Clone, Debug)]
pub(crate) struct Recordings {
    directory: PathBuf,
}

impl Recordings {
    pub(super) fn new(vault: &Path) -> Self {
        Self {
            directory: vault.join("recordings"),
        }
    }

    /// Where a session's is; `None` for what cannot be a session's identifier.
    pub(super) fn path(&self, session: &str) -> Option<PathBuf> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_id = session.len() == ID_LENGTH && session.bytes().all(is_digit);
        is_id.then(|| self.directory.join(format!("{session}.cast")))
    }

    /// Makes the directory.
    ///
    /// # Errors
    /// If it cannot be made.
    pub(super) fn prepare(&self) -> Result<(), ApiError> {
        durable::private_directory(&self.directory)?;
        Ok(())
    }

    /// Removes a session's. Whether there was one.
    pub(super) fn remove(&self, session: &str) -> bool {
        self.path(session)
            .is_some_and(|path| fs::remove_file(path).is_ok())
    }

    /// Removes those whose time is over. One that cannot be removed is tried again the next time.
    pub(super) fn remove_old(&self) {
        let entries = fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten();
        let is_old = |path: &Path| {
            let modified = fs::symlink_metadata(path).and_then(|metadata| metadata.modified());
            modified.is_ok_and(|at| {
                SystemTime::now()
                    .duration_since(at)
                    .is_ok_and(|age| age > KEPT_FOR)
            })
        };
        for path in entries.map(|entry| entry.path()) {
            if path
                .extension()
                .is_some_and(|extension| extension == "cast")
                && is_old(&path)
            {
                drop(fs::remove_file(path));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_identifiers_name_files_and_the_old_ones_go() {
        let vault = tempfile::tempdir().unwrap();
        let recordings = Recordings::new(vault.path());
        recordings.prepare().unwrap();
        let [old, new] = ["a", "0"].map(|digit| digit.repeat(ID_LENGTH));
        for id in [&old, &new] {
            fs::File::create(recordings.path(id).unwrap()).unwrap();
        }
        let file = fs::File::options()
            .append(true)
            .open(recordings.path(&old).unwrap())
            .unwrap();
        file.set_modified(SystemTime::now() - KEPT_FOR - Duration::from_secs(60))
            .unwrap();
        recordings.remove_old();
        assert!(
            !recordings.path(&old).unwrap().exists() && recordings.path(&new).unwrap().exists()
        );
        assert!(recordings.remove(&new) && !recordings.remove(&new));
        for wrong in [
            "",
            "../../etc/passwd",
            &"A".repeat(ID_LENGTH),
            &"a".repeat(31),
        ] {
            assert_eq!(recordings.path(wrong), None);
        }
    }
}
