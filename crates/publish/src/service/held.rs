//! Files that a request names, held so that they stay the same until it is done.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, AsRawFd as _, BorrowedFd, OwnedFd};
use std::sync::Arc;

use live::files::{Identity, Kind, Place, Target};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use super::handles::OpenFile;
use super::{Service, Tree};
use crate::attributes::{identity, kind};
use crate::stat::{Stat, fstat};

/// A file that was, when it was found, what the request says that it is. Found by name it is opened with `O_PATH` only.
pub(super) struct Held {
    source: Source,
    stat: Stat,
}

enum Source {
    Place(OwnedFd),
    Handle(Arc<OpenFile>),
}

impl Held {
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        match &self.source {
            Source::Place(descriptor) => descriptor.as_fd(),
            Source::Handle(file) => file.descriptor(),
        }
    }

    /// As it was when it was found.
    pub(super) fn stat(&self) -> &Stat {
        &self.stat
    }

    pub(super) fn kind(&self) -> Kind {
        kind(&self.stat)
    }

    /// The open file, if it was named by that.
    pub(super) fn open_file(&self) -> Option<&OpenFile> {
        match &self.source {
            Source::Place(_) => None,
            Source::Handle(file) => Some(file),
        }
    }

    /// A path that leads to this file, whatever its names are now; to a link itself, if it is one.
    pub(super) fn path(&self) -> String {
        path_of(self.descriptor())
    }

    /// Opened for use. Only regular files are: a pipe could block, a device could do anything.
    pub(super) fn reopen(&self, flags: OFlags) -> Result<OwnedFd, Errno> {
        match self.kind() {
            Kind::File => reopen(self.descriptor(), flags),
            Kind::Directory => Err(Errno::ISDIR),
            Kind::Link => Err(Errno::NOENT),
            Kind::Pipe | Kind::Socket | Kind::CharacterDevice | Kind::BlockDevice => {
                Err(Errno::NXIO)
            }
        }
    }

    /// Opened for listing.
    pub(super) fn reopen_directory(&self) -> Result<OwnedFd, Errno> {
        match self.kind() {
            Kind::Directory => reopen(self.descriptor(), OFlags::RDONLY | OFlags::DIRECTORY),
            Kind::Link => Err(Errno::NOENT),
            _ => Err(Errno::NOTDIR),
        }
    }
}

impl Service {
    pub(super) fn hold(&self, target: &Target) -> Result<Held, Errno> {
        match target {
            Target::Place(place) => self.hold_place(place),
            Target::Handle(handle) => hold_open(self.handles.get(*handle)?),
        }
    }

    pub(super) fn hold_to_change(&self, target: &Target) -> Result<Held, Errno> {
        match target {
            Target::Place(place) => self.tree_to_change(place.root)?.hold(place),
            Target::Handle(handle) => hold_open(self.handles.get_to_change(*handle)?),
        }
    }

    pub(super) fn hold_place(&self, place: &Place) -> Result<Held, Errno> {
        self.tree(place.root)?.hold(place)
    }
}

fn hold_open(file: Arc<OpenFile>) -> Result<Held, Errno> {
    let stat = fstat(file.descriptor())?;
    let source = Source::Handle(file);
    Ok(Held { source, stat })
}

impl Tree {
    /// The file at `place`; `ESTALE` if it is another than it has to be.
    pub(super) fn hold(&self, place: &Place) -> Result<Held, Errno> {
        let descriptor = self.published.find(&place.path)?;
        let stat = fstat(&descriptor)?;
        check(&stat, place.identity)?;
        let source = Source::Place(descriptor);
        Ok(Held { source, stat })
    }

    /// Checks what is called `name`, for calls that take nothing but a name.
    pub(super) fn check_name(
        &self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        wanted: Option<Identity>,
    ) -> Result<(), Errno> {
        if wanted.is_none() {
            return Ok(());
        }
        let stat = fstat(self.published.find_in(directory, name)?)?;
        check(&stat, wanted)
    }

    /// As [`Tree::check_name`] where a name is to be made: what has to be there and is not has become another, too.
    pub(super) fn check_new_name(
        &self,
        directory: BorrowedFd<'_>,
        name: &OsStr,
        wanted: Option<Identity>,
    ) -> Result<(), Errno> {
        match self.check_name(directory, name, wanted) {
            Err(Errno::NOENT) => Err(Errno::STALE),
            result => result,
        }
    }
}

fn check(stat: &Stat, wanted: Option<Identity>) -> Result<(), Errno> {
    match wanted {
        Some(wanted) if wanted != identity(stat) => Err(Errno::STALE),
        _ => Ok(()),
    }
}

/// See [`Held::path`]. Valid while the descriptor is.
pub(super) fn path_of(descriptor: BorrowedFd<'_>) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

/// Another open file description of the same file. The caller knows that it is a regular file or a directory.
pub(super) fn reopen(descriptor: BorrowedFd<'_>, flags: OFlags) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let path = path_of(descriptor);
    if flags.contains(OFlags::WRONLY) {
        return open(&path, flags, Mode::empty());
    }
    // What the server reads is not to be seen in the laptop's times; only a file's owner may ask for that.
    match open(&path, flags | OFlags::NOATIME, Mode::empty()) {
        Err(Errno::PERM) => open(&path, flags, Mode::empty()),
        result => result,
    }
}
