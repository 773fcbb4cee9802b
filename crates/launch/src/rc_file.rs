//! A shell's file that belongs to the user: read and replaced, never harmed.

use std::fs::{self, Metadata, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{Gid, Uid, fchown};
use vault::durable;

use crate::LaunchError;

/// In bytes. Nobody wrote a larger one by hand.
const LIMIT: u64 = 16 * 1024 * 1024;

/// A file as it was found.
pub(crate) struct RcFile {
    /// Where it really is: dotfile managers put links in the home.
    target: PathBuf,
    metadata: Metadata,
    /// What is in it.
    pub(crate) bytes: Vec<u8>,
}

impl RcFile {
    /// Reads the file that `path` is or links to; `None` if there is none.
    ///
    /// # Errors
    /// If it is a link to nothing, no regular file, another user's, or cannot be read.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, LaunchError> {
        match path.symlink_metadata() {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            looked => looked.map_err(LaunchError::file("look at", path))?,
        };
        let target = fs::canonicalize(path).map_err(LaunchError::file("follow", path))?;
        let metadata = fs::metadata(&target).map_err(LaunchError::file("look at", &target))?;
        let bytes = durable::read_regular(&target, LIMIT)?.unwrap_or_default();
        Ok(Some(Self {
            target,
            metadata,
            bytes,
        }))
    }

    /// Replaces the contents at once; a crash leaves the old file or the new one. Mode, owner
    /// and group stay. Access lists, extended attributes and other hard links do not: few have
    /// them here. Nor is somebody else's change since [`RcFile::read`] noticed.
    ///
    /// # Errors
    /// The system's; then the file is as it was.
    pub(crate) fn replace(&self, bytes: &[u8]) -> Result<(), LaunchError> {
        let directory = self.target.parent().unwrap_or(Path::new("/"));
        let written = || {
            let mut temporary = tempfile::Builder::new()
                .prefix(".claude-accounts-")
                .tempfile_in(directory)?;
            let file = temporary.as_file_mut();
            let made = file.metadata()?;
            if (made.uid(), made.gid()) != (self.metadata.uid(), self.metadata.gid()) {
                let (uid, gid) = (self.metadata.uid(), self.metadata.gid());
                fchown(&*file, Some(Uid::from_raw(uid)), Some(Gid::from_raw(gid)))?;
            }
            file.write_all(bytes)?;
            file.set_permissions(Permissions::from_mode(self.metadata.mode() & 0o7777))?;
            file.sync_all()?;
            temporary.persist(&self.target)?;
            Ok(())
        };
        written().map_err(LaunchError::file("write", &self.target))?;
        durable::sync_directory_of(&self.target)?;
        Ok(())
    }
}
