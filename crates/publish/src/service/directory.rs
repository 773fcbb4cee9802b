//! Listing directories.

use std::ffi::OsStr;
use std::mem::MaybeUninit;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::sync::{Arc, Mutex};

use live::files::{Attributes, Entry, Handle, LARGEST_LISTING, Place, Reply};
use rustix::fs::{AtFlags, RawDir, SeekFrom, seek};
use rustix::io::Errno;

use super::handles::{OpenFile, Use};
use super::{Service, Tree};
use crate::attributes::attributes;
use crate::stat::{fstat, statat};

/// What is read from the system at once. All of it is answered, so that the position need not be kept anywhere else.
pub(super) const BUFFER: usize = 8 << 10;
/// The most that is answered for one buffer: an entry takes at least 24 bytes there, and becomes about `ENTRY` ones.
const LARGEST_STEP: usize = BUFFER / 24 * ENTRY;
/// About how long an entry is besides its name.
pub(super) const ENTRY: usize = 120;

impl Service {
    pub(super) fn open_to_list(&self, place: &Place) -> Result<Reply, Errno> {
        let tree = self.tree(place.root)?;
        let permit = self.handles.permit()?;
        let descriptor = tree.hold(place)?.reopen_directory()?;
        let reading = Mutex::default();
        self.keep(OpenFile::new(
            tree,
            descriptor,
            Use::Directory { reading },
            permit,
        ))
    }

    /// Names that vanish meanwhile, that the protocol does not have and whose attributes cannot be told are left out; that
    /// no attributes can be told at all is an error (`EACCES`).
    pub(super) fn read_directory(&self, handle: Handle, restart: bool) -> Result<Reply, Errno> {
        let file = self.handles.get(handle)?;
        let (directory, _reading) = file.directory()?;
        if restart {
            seek(directory, SeekFrom::Start(0))?;
        }
        let look = Look::new(&file.tree, directory)?;
        let mut buffer = [MaybeUninit::uninit(); BUFFER];
        let mut listing = RawDir::new(directory, &mut buffer);
        let (mut entries, mut length) = (Vec::new(), 0);
        while !listing.is_buffer_empty() || length + LARGEST_STEP <= LARGEST_LISTING {
            let Some(entry) = listing.next() else {
                return Ok(Reply::Entries {
                    entries,
                    is_last: true,
                });
            };
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if let Some(attributes) = look.at(name)? {
                length += ENTRY + name.len();
                let name = name.to_vec().into();
                entries.push(Entry { name, attributes });
            }
        }
        Ok(Reply::Entries {
            entries,
            is_last: false,
        })
    }
}

/// How a directory's files are looked at.
pub(super) struct Look<'file> {
    tree: &'file Arc<Tree>,
    directory: BorrowedFd<'file>,
    /// Names may lead to mounts of this product, which are not to be asked.
    is_careful: bool,
}

impl<'file> Look<'file> {
    pub(super) fn new(tree: &'file Arc<Tree>, directory: BorrowedFd<'file>) -> Result<Self, Errno> {
        let is_careful = tree.published.may_have_own_mounts()?;
        Ok(Self {
            tree,
            directory,
            is_careful,
        })
    }

    pub(super) fn at(&self, name: &[u8]) -> Result<Option<Attributes>, Errno> {
        if matches!(name, b"." | b"..") || name.len() > 255 {
            return Ok(None);
        }
        let stat = match self.is_careful {
            false => statat(self.directory, name, AtFlags::SYMLINK_NOFOLLOW),
            true => {
                let found = self
                    .tree
                    .published
                    .find_in(self.directory, OsStr::from_bytes(name));
                found.and_then(fstat)
            }
        };
        match stat {
            Ok(stat) => Ok(Some(attributes(&stat))),
            Err(Errno::ACCESS) => Err(Errno::ACCESS),
            Err(_) => Ok(None),
        }
    }
}
