//! Directories that programs of the laptop work in, because the server has asked for that.

use std::os::fd::OwnedFd;

use live::RelativePath;
use live::files::{ErrorNumber, Place, Root};
use rustix::io::Errno;

use super::{Service, numbered};

impl Service {
    /// Opens a directory for a program to work in: by `/proc/self/fd`, so that it is this one whatever has its name by then.
    /// No link is followed; the descriptor is closed when a program is started.
    ///
    /// # Errors
    /// `ENODEV` if nothing is published as `root`, `EROFS` if nothing may be changed there, `ENOENT` or `ENOTDIR` if `path` is
    /// no directory of it, and the system's.
    pub fn open_directory(&self, root: Root, path: &RelativePath) -> Result<OwnedFd, ErrorNumber> {
        self.open_to_work(root, path).map_err(numbered)
    }

    fn open_to_work(&self, root: Root, path: &RelativePath) -> Result<OwnedFd, Errno> {
        let (path, identity) = (path.clone(), None);
        let place = Place {
            root,
            path,
            identity,
        };
        self.tree_to_change(root)?.hold(&place)?.reopen_directory()
    }
}
