//! The directories that are mounted on: made, found again after an agent that crashed, and cleaned up.
//!
//! Nothing is ever removed but empty directories, and nothing unmounted but mounts of this kind whose process is gone.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use live::control::Failure;

use super::mounts::failure;

/// Of a mount point without its mount: nothing lands there when the mount is lost. Root's processes are not kept out.
const BARE: u32 = 0o500;
/// Of one that is about to be mounted on: `fusermount3` mounts only where its user may write.
const OPEN: u32 = 0o700;
/// How many dead mounts may lie over one another.
const MOST_DEAD: usize = 16;

/// A mount point by its descriptor, which is still that directory's when something is mounted on it.
pub(super) struct Point(File);

impl Point {
    /// Lets nobody write to the directory itself any more.
    pub(super) fn close(self) -> io::Result<()> {
        self.0.set_permissions(Permissions::from_mode(BARE))
    }
}

/// Makes `point`. What a crashed agent left there is taken away first.
pub(super) fn make(point: &Path) -> Result<Point, Failure> {
    clear(point)?;
    // Another session's end takes what is above along, if that is empty.
    let above = point.parent().map_or(Ok(()), |above| {
        DirBuilder::new().recursive(true).mode(OPEN).create(above)
    });
    let made = above.and_then(|()| DirBuilder::new().mode(OPEN).create(point));
    let opened = made.and_then(|()| File::open(point));
    opened
        .map(Point)
        .map_err(|error| told("make", point, &error))
}

/// Takes away what an agent that is gone left: the mount point of the main directory, those of all others, and the
/// directory that these are in.
///
/// # Errors
/// If there is something else, which is left alone, or the system refuses. What could be taken away is.
pub fn clean(main: &Path, mounts: &Path) -> Result<(), Failure> {
    let mut cleared = clear(main);
    let entries = match fs::read_dir(mounts) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return cleared,
        Err(error) => return cleared.and(Err(told("read", mounts, &error))),
    };
    for entry in entries {
        let entry = entry.map_err(|error| told("read", mounts, &error));
        cleared = cleared.and(entry.and_then(|entry| clear(&entry.path())));
    }
    cleared.and_then(|()| clear(mounts))
}

/// Has nothing at `point`.
fn clear(point: &Path) -> Result<(), Failure> {
    for _ in 0..MOST_DEAD {
        match mount::detach_dead(point) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(told("unmount what is left at", point, &error)),
        }
    }
    match fs::remove_dir(point) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(occupied(point, &error)),
        _ => Ok(()),
    }
}

fn occupied(point: &Path, error: &io::Error) -> Failure {
    let what = match error.kind() {
        io::ErrorKind::DirectoryNotEmpty => "there are files in it",
        io::ErrorKind::NotADirectory => "it is no directory",
        io::ErrorKind::ResourceBusy => "something else is mounted there",
        _ => return told("remove", point, error),
    };
    failure(
        &format!("cannot mount at {}: {what}", point.display()),
        "Look what it is, and move it elsewhere: it is none of a session's, and left alone.",
    )
}

fn told(what: &str, path: &Path, error: &io::Error) -> Failure {
    failure(&format!("cannot {what} {}: {error}", path.display()), "")
}
