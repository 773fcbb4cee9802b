//! Reading links, renaming and removing: what the system does by name.

use std::os::fd::{AsFd as _, BorrowedFd};

use live::files::{Attributes, Kind, Place, Renaming, Reply};
use rustix::fs::{AtFlags, RenameFlags, readlinkat, renameat, renameat_with, unlinkat};
use rustix::io::Errno;

use super::Service;
use crate::attributes::attributes;
use crate::stat::fstat;

impl Service {
    pub(super) fn read_link(&self, place: &Place) -> Result<Reply, Errno> {
        let held = self.hold_place(place)?;
        if held.kind() != Kind::Link {
            return Err(Errno::INVAL);
        }
        let text = readlinkat(held.descriptor(), c"", Vec::new())?;
        Ok(Reply::Bytes(text.into_bytes().into()))
    }

    /// Not between two published directories, which are two mounts on the server: `EXDEV`, as from the kernel there.
    pub(super) fn rename(&self, from: &Place, to: &Place, how: Renaming) -> Result<Reply, Errno> {
        let tree = self.tree_to_change(from.root)?;
        if to.root != from.root {
            self.tree_to_change(to.root)?;
            return Err(Errno::XDEV);
        }
        let (from_directory, from_name) = tree.published.parent(&from.path)?;
        let (to_directory, to_name) = tree.published.parent(&to.path)?;
        tree.check_name(from_directory.as_fd(), from_name, from.identity)?;
        tree.check_new_name(to_directory.as_fd(), to_name, to.identity)?;
        let (from, to) = (&from_directory, &to_directory);
        match how {
            Renaming::Replace => renameat(from, from_name, to, to_name)?,
            Renaming::NoReplace => {
                renameat_with(from, from_name, to, to_name, RenameFlags::NOREPLACE)?;
            }
            Renaming::Exchange => {
                renameat_with(from, from_name, to, to_name, RenameFlags::EXCHANGE)?;
            }
        }
        // It is done, whatever can be told of it.
        Ok(match (look(from.as_fd()), look(to.as_fd())) {
            (Some(from), Some(to)) => Reply::Renamed {
                directories: [from, to],
            },
            _ => Reply::Done,
        })
    }

    pub(super) fn remove(&self, place: &Place) -> Result<Reply, Errno> {
        self.unlink(place, AtFlags::empty())
    }

    pub(super) fn remove_directory(&self, place: &Place) -> Result<Reply, Errno> {
        self.unlink(place, AtFlags::REMOVEDIR)
    }

    fn unlink(&self, place: &Place, flags: AtFlags) -> Result<Reply, Errno> {
        let tree = self.tree_to_change(place.root)?;
        let (directory, name) = tree.published.parent(&place.path)?;
        tree.check_name(directory.as_fd(), name, place.identity)?;
        unlinkat(&directory, name, flags)?;
        let directory = look(directory.as_fd());
        Ok(directory.map_or(Reply::Done, |directory| Reply::Removed { directory }))
    }
}

/// What a directory is like after something was done in it.
pub(super) fn look(directory: BorrowedFd<'_>) -> Option<Attributes> {
    fstat(directory).ok().map(|stat| attributes(&stat))
}
