//! How a path leads to a file below a published directory, and to no other.
//!
//! No link is followed, neither on the way nor at its end, and no path has `..` ([`RelativePath`]). What is found is held
//! by a descriptor (`O_PATH`): nothing that is renamed or replaced afterwards makes it another file.
//!
//! Not kept apart: hard links and bind mounts below the directory, which only somebody on the laptop can have made, and a
//! directory that somebody on the laptop moves out of the published one in the moment in which it is used.

use std::ffi::OsStr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use live::RelativePath;
use live::files::{Attributes, Kind};
use rustix::fs::{Mode, OFlags, ResolveFlags, open, openat, openat2};
use rustix::io::Errno;

use crate::attributes::{attributes, kind};
use crate::mounts::{Mounts, mount_of};
use crate::stat::fstat;

/// How often the kernel may say that it could not tell because something was renamed meanwhile (`openat2(2)`, `EAGAIN`).
const ATTEMPTS: usize = 100;

/// Why a directory cannot be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// It cannot be opened, or is no directory.
    #[error("it cannot be opened: {0}")]
    NotOpened(std::io::Error),
    /// It is in a mount of this product: the laptop would wait for itself.
    #[error("it is a directory of another session")]
    OwnMount,
    /// The number is taken.
    #[error("a directory is published under this number already")]
    NumberTaken,
}

impl From<Errno> for PublishError {
    fn from(errno: Errno) -> Self {
        Self::NotOpened(errno.into())
    }
}

/// Who watches over the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Confinement {
    /// The kernel, with `openat2(2)`. Where another file system is below the directory, and where `openat2` is missing,
    /// as by [`Confinement::Steps`].
    Kernel,
    /// This module, with one `openat(2)` for each name.
    Steps,
}

/// A published directory, opened.
#[derive(Debug)]
pub struct Published {
    descriptor: OwnedFd,
    /// The number of the mount that it is in.
    mount: u64,
    mounts: Mounts,
    confinement: Confinement,
}

impl Published {
    /// Opens `directory`. Links in this path are followed: it is the user's.
    ///
    /// # Errors
    /// If it cannot be opened, is no directory, or is in a mount of this product.
    pub fn open(directory: &Path) -> Result<Self, PublishError> {
        Self::open_with(directory, Confinement::Kernel)
    }

    /// As [`Published::open`], with a choice that only tests need.
    ///
    /// # Errors
    /// As [`Published::open`].
    pub fn open_with(directory: &Path, confinement: Confinement) -> Result<Self, PublishError> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = open(directory, flags, Mode::empty())?;
        let mount = mount_of(&descriptor)?;
        let mounts = Mounts::default();
        if !mounts.may_be_entered(mount)? {
            return Err(PublishError::OwnMount);
        }
        let confinement = match ask_kernel(descriptor.as_fd(), OsStr::new("."), OFlags::PATH) {
            // ENOSYS: before Linux 5.6; EPERM: a filter of system calls that does not know it.
            Err(Errno::NOSYS | Errno::PERM) => Confinement::Steps,
            _ => confinement,
        };
        Ok(Self {
            descriptor,
            mount,
            mounts,
            confinement,
        })
    }

    /// The directory itself, opened with `O_PATH`.
    #[must_use]
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// The file at `path`, opened with `O_PATH | O_NOFOLLOW`: of any kind, also a link, and not yet for use.
    ///
    /// # Errors
    /// `ENOENT` also where a link or a mount of this product is on the way, and for a mount of this product itself.
    pub fn find(&self, path: &RelativePath) -> Result<OwnedFd, Errno> {
        self.open_path(path, OFlags::empty())
    }

    /// The directory that `path` is in, opened with `O_PATH`, and its name there: for the calls that take those two.
    ///
    /// # Errors
    /// As [`Published::find`]; `EBUSY` for the published directory itself, which is in none.
    pub fn parent<'path>(
        &self,
        path: &'path RelativePath,
    ) -> Result<(OwnedFd, &'path OsStr), Errno> {
        let (parent, name) = path.split().ok_or(Errno::BUSY)?;
        Ok((self.open_path(&parent, OFlags::DIRECTORY)?, name))
    }

    /// What is called `name` in a directory that [`Published::parent`] has opened, as by [`Published::find`].
    ///
    /// # Errors
    /// As [`Published::find`].
    pub fn find_in(&self, directory: BorrowedFd<'_>, name: &OsStr) -> Result<OwnedFd, Errno> {
        let path = RelativePath::root().join(name).map_err(|_| Errno::INVAL)?;
        self.walk(directory, &path, OFlags::empty())
    }

    /// What the file at `path` is.
    ///
    /// # Errors
    /// As [`Published::find`].
    pub fn attributes(&self, path: &RelativePath) -> Result<Attributes, Errno> {
        Ok(attributes(&fstat(self.find(path)?)?))
    }

    /// Whether there are mounts of this product that a name may lead to.
    pub(crate) fn may_have_own_mounts(&self) -> Result<bool, Errno> {
        self.mounts.has_own()
    }

    fn open_path(&self, path: &RelativePath, flags: OFlags) -> Result<OwnedFd, Errno> {
        if self.confinement == Confinement::Kernel {
            let found = ask_kernel(self.descriptor(), path.as_os_str(), OFlags::PATH | flags);
            match found {
                // Another mount is on the way: is it one that may be entered?
                Err(Errno::XDEV) => {}
                Err(Errno::LOOP) => return Err(Errno::NOENT),
                found => return found,
            }
        }
        self.walk(self.descriptor(), path, flags)
    }

    /// Goes down name by name from `start`, which is the published directory or was reached from there.
    fn walk(
        &self,
        start: BorrowedFd<'_>,
        path: &RelativePath,
        flags: OFlags,
    ) -> Result<OwnedFd, Errno> {
        let open_flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut reached = openat(start, c".", open_flags | OFlags::DIRECTORY, Mode::empty())?;
        let mut mount = if path.is_root() {
            self.mount
        } else {
            mount_of(&reached)?
        };
        let mut names = path.names().peekable();
        while let Some(name) = names.next() {
            reached = openat(&reached, name, open_flags, Mode::empty())?;
            let entered = mount_of(&reached)?;
            if entered != mount && !self.mounts.may_be_entered(entered)? {
                return Err(Errno::NOENT);
            }
            mount = entered;
            let must_be_directory = names.peek().is_some() || flags.contains(OFlags::DIRECTORY);
            if must_be_directory {
                check_directory(&reached)?;
            }
        }
        Ok(reached)
    }
}

fn check_directory(descriptor: &OwnedFd) -> Result<(), Errno> {
    match kind(&fstat(descriptor)?) {
        Kind::Directory => Ok(()),
        Kind::Link => Err(Errno::NOENT),
        _ => Err(Errno::NOTDIR),
    }
}

/// No link at all, nothing above, no other mount.
fn ask_kernel(directory: BorrowedFd<'_>, path: &OsStr, flags: OFlags) -> Result<OwnedFd, Errno> {
    // A link as a directory is told from a file as one (ELOOP, not ENOTDIR) only without O_NOFOLLOW; it is not followed.
    let last = match flags.contains(OFlags::DIRECTORY) {
        true => OFlags::CLOEXEC,
        false => OFlags::CLOEXEC | OFlags::NOFOLLOW,
    };
    let resolve = ResolveFlags::BENEATH
        | ResolveFlags::NO_SYMLINKS
        | ResolveFlags::NO_MAGICLINKS
        | ResolveFlags::NO_XDEV;
    for _ in 0..ATTEMPTS {
        match openat2(directory, path, flags | last, Mode::empty(), resolve) {
            Err(Errno::AGAIN | Errno::INTR) => {}
            result => return result,
        }
    }
    Err(Errno::AGAIN)
}
