//! Files that survive a crash, made private from the start.
//!
//! Nothing here changes a mode after the fact: a file is created with the mode it is to have, so
//! there is no moment at which others can open it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::VaultError;

/// Makes a directory (and those above it) 0700, or finds one that is ours.
///
/// # Errors
/// If it cannot be made, or belongs to another user.
pub fn private_directory(path: &Path) -> Result<(), VaultError> {
    if !path.is_dir() {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(|source| VaultError::file("create the directory", path, source))?;
        sync_directory_of(path)?;
    }
    let metadata =
        fs::metadata(path).map_err(|source| VaultError::file("look at", path, source))?;
    refuse_foreign_owner(path, metadata.uid())
}

/// Opens a regular file of ours or of root for reading: follows no link at its end, does not wait
/// on a FIFO.
///
/// # Errors
/// If it is anything else, larger than `limit` bytes, or cannot be opened.
pub fn open_regular(path: &Path, limit: u64) -> Result<File, VaultError> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC)
        .bits()
        .cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|source| match source.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => {
            unsuitable(path, "is a symbolic link; give the file that it points to")
        }
        _ => VaultError::file("open", path, source),
    })?;
    let metadata = file
        .metadata()
        .map_err(|source| VaultError::file("look at", path, source))?;
    if !metadata.is_file() {
        return Err(unsuitable(path, "is not a regular file"));
    }
    if metadata.len() > limit {
        let problem = format!(
            "has {} bytes, and {limit} is the most that is read",
            metadata.len()
        );
        return Err(unsuitable(path, problem));
    }
    refuse_foreign_owner(path, metadata.uid())?;
    Ok(file)
}

/// Reads such a file whole; `None` if there is none.
///
/// # Errors
/// As [`open_regular`], or if it cannot be read.
pub fn read_regular(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, VaultError> {
    let file = match open_regular(path, limit) {
        Err(VaultError::File { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        opened => opened?,
    };
    let mut bytes = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut bytes);
    read.map_err(|source| VaultError::file("read", path, source))?;
    // It may have grown since it was looked at.
    if bytes.len() as u64 > limit {
        return Err(unsuitable(path, format!("has more than {limit} bytes")));
    }
    Ok(Some(bytes))
}

/// How a new file comes to stand at its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placing {
    /// In place of what is there.
    Replace,
    /// Only if nothing is there: of several processes one wins and the others get `AlreadyExists`.
    New,
}

/// Writes a file with `mode` that is either whole or not there, also after a power failure.
///
/// # Errors
/// The system's; then nothing has changed at `path`.
pub fn write(path: &Path, bytes: &[u8], mode: u32, placing: Placing) -> Result<(), VaultError> {
    let written = write_beside(path, bytes, mode, true).and_then(|temporary| match placing {
        Placing::Replace => fs::rename(&temporary, path).inspect_err(|_| discard(&temporary)),
        Placing::New => {
            let linked = fs::hard_link(&temporary, path);
            discard(&temporary);
            linked
        }
    });
    written.map_err(|source| VaultError::file("write", path, source))?;
    sync_directory_of(path)
}

/// The same without waiting for the disk: for files that a restart may lose, such as views.
///
/// # Errors
/// The system's; then nothing has changed at `path`.
pub fn replace_volatile(path: &Path, bytes: &[u8], mode: u32) -> Result<(), VaultError> {
    write_beside(path, bytes, mode, false)
        .and_then(|temporary| fs::rename(&temporary, path).inspect_err(|_| discard(&temporary)))
        .map_err(|source| VaultError::file("write", path, source))
}

/// Waits until the entries of the directory that holds `path` are on the disk.
///
/// # Errors
/// The system's.
pub fn sync_directory_of(path: &Path) -> Result<(), VaultError> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    let directory = directory.unwrap_or_else(|| Path::new("."));
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(|source| VaultError::file("write", directory, source))
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32, sync: bool) -> io::Result<PathBuf> {
    let temporary = temporary_beside(path)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&temporary)?;
    let written = file
        .write_all(bytes)
        .and_then(|()| if sync { file.sync_all() } else { Ok(()) });
    written.inspect_err(|_| discard(&temporary))?;
    Ok(temporary)
}

/// Removes what killed writers of `path` left beside it. The caller sees to it that nobody is
/// writing there now. What cannot be removed stays.
pub fn remove_leftovers(path: &Path) {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return;
    };
    let prefix = format!(".{}.", name.to_string_lossy());
    let Ok(listing) = fs::read_dir(directory) else {
        return;
    };
    for entry in listing.filter_map(Result::ok) {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with(&prefix) && name.ends_with(".tmp") {
            discard(&entry.path());
        }
    }
}

fn temporary_beside(path: &Path) -> io::Result<PathBuf> {
    let random =
        getrandom::u64().map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(format!(".{random:016x}.tmp"));
    Ok(path.with_file_name(name))
}

/// What could not be removed is a stray temporary file, 0600 and in our directory: no harm.
fn discard(temporary: &Path) {
    drop(fs::remove_file(temporary));
}

fn refuse_foreign_owner(path: &Path, owner: u32) -> Result<(), VaultError> {
    let us = rustix::process::geteuid().as_raw();
    if owner == us || owner == 0 {
        return Ok(());
    }
    Err(unsuitable(
        path,
        format!("belongs to another user (uid {owner}, not {us})"),
    ))
}

fn unsuitable(path: &Path, problem: impl Into<String>) -> VaultError {
    VaultError::Unsuitable {
        path: path.to_owned(),
        problem: problem.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_new_file_is_private_and_the_second_writer_loses() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("file");
        write(&path, b"one", 0o600, Placing::New).unwrap();
        assert!(write(&path, b"two", 0o600, Placing::New).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"one");
        write(&path, b"three", 0o600, Placing::Replace).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn links_fifos_directories_and_giants_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let at = |name: &str| directory.path().join(name);
        symlink("/etc/passwd", at("link")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("fifo"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        fs::create_dir(at("directory")).unwrap();
        File::create(at("giant"))
            .unwrap()
            .set_len(100 << 20)
            .unwrap();
        for name in ["link", "fifo", "directory", "giant"] {
            let error = read_regular(&at(name), 1024).unwrap_err();
            assert!(
                matches!(error, VaultError::Unsuitable { .. }),
                "{name}: {error}"
            );
        }
        assert!(read_regular(&at("nothing"), 1024).unwrap().is_none());
    }
}
