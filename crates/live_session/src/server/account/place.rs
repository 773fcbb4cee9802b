//! Where the view may be: in memory, and nobody else's.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fstatfs};
use rustix::process::geteuid;

/// File systems that keep files in memory, by the number that statfs(2) gives them: tmpfs and ramfs.
const IN_MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// Takes away what a session's account has in `places`. A directory that is not the user's alone is left as it is: a link
/// on the way may lead anywhere.
pub fn remove(places: &[PathBuf]) {
    for place in places {
        let above = place.parent().map(open_private);
        if matches!(above, Some(Ok(_))) {
            // Fails if it is not there.
            fs::remove_dir_all(place).ok();
        }
    }
}

/// Makes the directory, of this user alone and in memory; or finds it.
pub(super) fn make(place: &Path) -> io::Result<()> {
    let above = place.parent().unwrap_or(place);
    make_private(above)?;
    let above = open_private(above)?;
    // Before anything is made in it.
    if !is_in_memory(&above)? {
        return Err(io::Error::other("is on a disk"));
    }
    make_private(place)?;
    open_private(place).map(drop)
}

fn make_private(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn open_private(path: &Path) -> io::Result<File> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW;
    let mut options = OpenOptions::new();
    options.read(true).custom_flags(flags.bits().cast_signed());
    let directory = options.open(path)?;
    let facts = directory.metadata()?;
    if facts.uid() != geteuid().as_raw() {
        return Err(io::Error::other("is another user's"));
    }
    if facts.mode() & 0o077 != 0 {
        return Err(io::Error::other(
            "can be entered by others: its mode has to be 0700",
        ));
    }
    Ok(directory)
}

fn is_in_memory(directory: &File) -> io::Result<bool> {
    let kind = fstatfs(directory)?.f_type;
    // Some architectures give it with a sign, or in four bytes.
    let kind = u64::try_from(kind).unwrap_or_default() & 0xffff_ffff;
    Ok(IN_MEMORY.contains(&kind))
}

#[cfg(test)]
pub(super) mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A directory in memory; `None`, and the test noted as skipped, where there is none.
    pub(in super::super) fn memory() -> Option<tempfile::TempDir> {
        let directory = tempfile::Builder::new()
            .permissions(Permissions::from_mode(0o700))
            .tempdir_in("/dev/shm");
        let found = directory
            .ok()
            .filter(|directory| !is_on_disk(directory.path()));
        if found.is_none() {
            testkit::skip("needs a tmpfs at /dev/shm");
        }
        found
    }

    pub(in super::super) fn is_on_disk(directory: &Path) -> bool {
        !is_in_memory(&File::open(directory).unwrap()).unwrap()
    }
}
