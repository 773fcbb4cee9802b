//! Making directories, pipes, sockets, links and names.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd};

use live::files::{Attributes, Kind, Place, Reply};
use rustix::fs::{
    AtFlags, CWD, FileType, Mode, OFlags, chmod, linkat, mkdirat, mknodat, symlinkat,
};
use rustix::io::Errno;

use super::held::path_of;
use super::names::look;
use super::opening::make_file;
use super::{Service, Tree};
use crate::attributes::{attributes, kind, permissions};
use crate::stat::fstat;

/// What a directory may have beyond `rwx`: sticky, and set-group, which says whose the files in it are.
const OF_DIRECTORIES: u16 = 0o3777;
/// What anything else may have: sticky.
const OF_FILES: u16 = 0o1777;
/// Set-group: a directory has it from the one that it is made in.
const INHERITED: u16 = 0o2000;

/// The permissions that a file of this kind may be given by a server.
pub(super) fn allowed(kind: Kind) -> u16 {
    if kind == Kind::Directory {
        OF_DIRECTORIES
    } else {
        OF_FILES
    }
}

impl Service {
    pub(super) fn make_directory(&self, place: &Place, permissions: u16) -> Result<Reply, Errno> {
        let permissions = permissions & allowed(Kind::Directory);
        self.make(
            place,
            Kind::Directory,
            Some(permissions),
            |directory, name| mkdirat(directory, name, mode(permissions)),
        )
    }

    pub(super) fn make_node(
        &self,
        place: &Place,
        kind: Kind,
        permissions: u16,
    ) -> Result<Reply, Errno> {
        let permissions = permissions & allowed(kind);
        let file_type = match kind {
            Kind::File => FileType::RegularFile,
            Kind::Pipe => FileType::Fifo,
            Kind::Socket => FileType::Socket,
            Kind::CharacterDevice | Kind::BlockDevice => return Err(Errno::PERM),
            Kind::Directory | Kind::Link => return Err(Errno::INVAL),
        };
        self.make(
            place,
            kind,
            Some(permissions),
            |directory, name| match kind {
                Kind::File => make_file(directory, name, permissions, OFlags::WRONLY).map(drop),
                _ => mknodat(directory, name, file_type, mode(permissions), 0),
            },
        )
    }

    pub(super) fn make_link(&self, place: &Place, target: &[u8]) -> Result<Reply, Errno> {
        self.make(place, Kind::Link, None, |directory, name| {
            symlinkat(target, directory, name)
        })
    }

    pub(super) fn add_name(&self, of: &Place, place: &Place) -> Result<Reply, Errno> {
        let tree = self.tree_to_change(of.root)?;
        if place.root != of.root {
            self.tree_to_change(place.root)?;
            // What is published no longer would still be there under its other name.
            return Err(Errno::XDEV);
        }
        let held = tree.hold(of)?;
        self.make(place, held.kind(), None, |directory, name| {
            // The path leads to what is held, a link itself too: nothing further is followed.
            linkat(CWD, held.path(), directory, name, AtFlags::SYMLINK_FOLLOW)
        })
    }

    fn make(
        &self,
        place: &Place,
        kind: Kind,
        permissions: Option<u16>,
        call: impl FnOnce(BorrowedFd<'_>, &OsStr) -> Result<(), Errno>,
    ) -> Result<Reply, Errno> {
        let tree = self.tree_to_change(place.root)?;
        if place.path.is_root() {
            return Err(Errno::EXIST);
        }
        let (directory, name) = tree.published.parent(&place.path)?;
        let directory = directory.as_fd();
        tree.check_new_name(directory, name, place.identity)?;
        call(directory, name)?;
        let attributes = made(&tree, directory, name, kind, permissions)?;
        // It is made, whatever can be told of its directory.
        Ok(match look(directory) {
            Some(directory) => Reply::Made {
                attributes,
                directory,
            },
            None => Reply::Attributes(attributes),
        })
    }
}

/// What was made just now. Should somebody have replaced it already, then it is left alone unless it is of the same kind.
fn made(
    tree: &Tree,
    directory: BorrowedFd<'_>,
    name: &OsStr,
    wanted: Kind,
    permissions: Option<u16>,
) -> Result<Attributes, Errno> {
    let descriptor = tree.published.find_in(directory, name)?;
    if kind(&fstat(&descriptor)?) != wanted {
        return Err(Errno::STALE);
    }
    if let Some(permissions) = permissions {
        make_exact(descriptor.as_fd(), permissions)?;
    }
    Ok(attributes(&fstat(&descriptor)?))
}

/// Gives back what the process's umask took away.
pub(super) fn make_exact(descriptor: BorrowedFd<'_>, wanted: u16) -> Result<(), Errno> {
    let stat = fstat(descriptor)?;
    let present = permissions(&stat);
    let inherited = if kind(&stat) == Kind::Directory {
        present & INHERITED
    } else {
        0
    };
    let wanted = wanted | inherited;
    if present != wanted {
        // A file system that has no such permissions refuses; what was made is there all the same.
        chmod(path_of(descriptor), mode(wanted)).ok();
    }
    Ok(())
}

/// As the system takes it.
pub(super) fn mode(permissions: u16) -> Mode {
    Mode::from_raw_mode(permissions.into())
}
