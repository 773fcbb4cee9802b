//! Opening and creating files.

use std::ffi::OsStr;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex};

use live::files::{Access, Attributes, Opening, Place, Reply};
use rustix::fs::{Mode, OFlags, openat};
use rustix::io::Errno;

use super::handles::{OpenFile, Permit, Use};
use super::locks::Locks;
use super::make::make_exact;
use super::names::look;
use super::{Service, Tree};
use crate::attributes::attributes;
use crate::stat::fstat;

/// How often a file may appear and vanish again while it is being created.
const ATTEMPTS: usize = 16;
/// Set-user, set-group: no file of the laptop gets one of these from a server.
const SET_IDENTITY: u16 = 0o6000;

impl Service {
    pub(super) fn open(&self, place: &Place, opening: Opening) -> Result<Reply, Errno> {
        let is_change = opening.access != Access::Read || opening.truncate;
        let tree = match is_change {
            true => self.tree_to_change(place.root)?,
            false => self.tree(place.root)?,
        };
        let permit = self.handles.permit()?;
        let descriptor = tree.hold(place)?.reopen(flags(opening))?;
        self.opened(tree, descriptor, opening.access, permit)
    }

    pub(super) fn create(
        &self,
        place: &Place,
        permissions: u16,
        opening: Opening,
        exclusive: bool,
    ) -> Result<Reply, Errno> {
        let tree = self.tree_to_change(place.root)?;
        if place.path.is_root() {
            return Err(if exclusive {
                Errno::EXIST
            } else {
                Errno::ISDIR
            });
        }
        let permit = self.handles.permit()?;
        for _ in 0..ATTEMPTS {
            match create_new(&tree, place, permissions, opening) {
                Err(Errno::EXIST) if !exclusive => {}
                Err(error) => return Err(error),
                Ok((made, directory)) => {
                    let opened = self.opened(tree, made, opening.access, permit)?;
                    return Ok(in_directory(opened, directory));
                }
            }
            match tree
                .hold(place)
                .and_then(|held| held.reopen(flags(opening)))
            {
                // Either it has vanished, or it is a link, of which the next attempt says that it exists.
                Err(Errno::NOENT) => {}
                found => return self.opened(tree, found?, opening.access, permit),
            }
        }
        Err(Errno::NOENT)
    }

    fn opened(
        &self,
        tree: Arc<Tree>,
        descriptor: OwnedFd,
        access: Access,
        permit: Permit,
    ) -> Result<Reply, Errno> {
        let locks = Mutex::new(Locks::default());
        let usage = Use::File { access, locks };
        self.keep(OpenFile::new(tree, descriptor, usage, permit))
    }

    pub(super) fn keep(&self, file: OpenFile) -> Result<Reply, Errno> {
        let attributes = attributes(&fstat(file.descriptor())?);
        let handle = self.handles.keep(file, |tree| self.is_published(tree))?;
        Ok(Reply::Opened { handle, attributes })
    }
}

/// And what its directory is like after that. `EEXIST` where anything is, also a link.
fn create_new(
    tree: &Tree,
    place: &Place,
    permissions: u16,
    opening: Opening,
) -> Result<(OwnedFd, Option<Attributes>), Errno> {
    let (directory, name) = tree.published.parent(&place.path)?;
    if place.identity.is_some() {
        tree.check_new_name(directory.as_fd(), name, place.identity)?;
        return Err(Errno::EXIST);
    }
    let made = make_file(directory.as_fd(), name, permissions, flags(opening))?;
    Ok((made, look(directory.as_fd())))
}

fn in_directory(opened: Reply, directory: Option<Attributes>) -> Reply {
    match (opened, directory) {
        (Reply::Opened { handle, attributes }, Some(directory)) => Reply::Created {
            handle,
            attributes,
            directory,
        },
        (opened, _) => opened,
    }
}

/// A file that was not there, with exactly these permissions.
pub(super) fn make_file(
    directory: BorrowedFd<'_>,
    name: &OsStr,
    permissions: u16,
    flags: OFlags,
) -> Result<OwnedFd, Errno> {
    let permissions = permissions & 0o7777 & !SET_IDENTITY;
    let flags = flags | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let flags = flags | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mode = Mode::from_raw_mode(permissions.into());
    let descriptor = openat(directory, name, flags, mode)?;
    make_exact(descriptor.as_fd(), permissions)?;
    Ok(descriptor)
}

fn flags(opening: Opening) -> OFlags {
    let mut flags = match opening.access {
        Access::Read => OFlags::RDONLY,
        Access::Write => OFlags::WRONLY,
        Access::ReadWrite => OFlags::RDWR,
    };
    flags.set(OFlags::TRUNC, opening.truncate);
    flags.set(OFlags::APPEND, opening.append);
    flags
}
