//! Executes what the server asks, below the published directories.
//!
//! Every file is found by [`Published::find`] and held by a descriptor before anything is done to it; what is opened for
//! use is opened through that descriptor (`/proc/self/fd`), once it is known to be what was asked for and no pipe, socket or
//! device. Only what the system does by name alone (remove, rename) is checked directly before: somebody on the laptop who
//! replaces a file in that moment has the new one removed or renamed, never a file elsewhere.

mod directory;
mod extended;
mod handles;
mod held;
mod locks;
mod make;
mod names;
mod opening;
mod ranges;
mod set;
mod system;
mod transfer;
mod whole;
mod working;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use live::files::{ErrorNumber, Outcome, Place, Reply, Request, Root, Space};
use rustix::fs::fstatvfs;
use rustix::io::Errno;

use crate::attributes::attributes;
use crate::confine::{Confinement, PublishError, Published};
use handles::Handles;
use locks::LockedFiles;

/// How much the server may use.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many files and directories are open at once, and owners of locks, each counted in every file. The process's own limit
    /// (`RLIMIT_NOFILE`) has to be higher by what the rest of it needs.
    pub open: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { open: 4096 }
    }
}

/// A published directory, and what may be done to it.
#[derive(Debug)]
struct Tree {
    root: Root,
    published: Published,
    read_only: bool,
    locked_files: LockedFiles,
}

/// Published directories and the files that are open there. Shared by threads; every call blocks.
#[derive(Debug)]
pub struct Service {
    trees: RwLock<HashMap<Root, Arc<Tree>>>,
    handles: Handles,
}

impl Service {
    /// Nothing is published yet.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self {
            trees: RwLock::default(),
            handles: Handles::new(limits.open),
        }
    }

    /// Publishes `directory` under `root`. Links in its path are followed: it is the user's.
    ///
    /// # Errors
    /// If it cannot be opened or is no directory, is in a mount of this product, or the number is taken.
    pub fn publish(
        &self,
        root: Root,
        directory: &Path,
        read_only: bool,
    ) -> Result<(), PublishError> {
        self.publish_with(root, directory, read_only, Confinement::Kernel)
    }

    /// As [`Service::publish`], with a choice that only tests need.
    ///
    /// # Errors
    /// As [`Service::publish`].
    pub fn publish_with(
        &self,
        root: Root,
        directory: &Path,
        read_only: bool,
        confinement: Confinement,
    ) -> Result<(), PublishError> {
        let published = Published::open_with(directory, confinement)?;
        let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
        if trees.contains_key(&root) {
            return Err(PublishError::NumberTaken);
        }
        trees.insert(
            root,
            Arc::new(Tree {
                root,
                published,
                read_only,
                locked_files: LockedFiles::default(),
            }),
        );
        Ok(())
    }

    /// Ends the publication: what is open there is closed. A request that is under way in another thread is finished.
    pub fn withdraw(&self, root: Root) {
        // Never both locks at once: `Handles::keep` takes them in the other order.
        let withdrawn = {
            let mut trees = self.trees.write().unwrap_or_else(PoisonError::into_inner);
            trees.remove(&root)
        };
        if let Some(tree) = withdrawn {
            self.handles.close_all(&tree);
        }
    }

    /// Does what is asked, or says why not. A directory that is not published is answered with `ENODEV`, a handle that is
    /// not open with `EBADF`, a change where only reading is allowed with `EROFS`.
    ///
    /// # Errors
    /// The system's, and those of [`crate::service`].
    pub fn execute(&self, request: Request) -> Outcome {
        self.dispatch(request).map_err(numbered)
    }

    fn dispatch(&self, request: Request) -> Result<Reply, Errno> {
        use Request as R;
        match request {
            R::Attributes(target) => Ok(Reply::Attributes(attributes(self.hold(&target)?.stat()))),
            R::SetAttributes(target, new) => self.set_attributes(&target, &new),
            R::ReadLink(place) => self.read_link(&place),
            R::MakeDirectory { place, permissions } => self.make_directory(&place, permissions),
            R::MakeNode {
                place,
                kind,
                permissions,
            } => self.make_node(&place, kind, permissions),
            R::MakeLink { place, target } => self.make_link(&place, &target),
            R::AddName { of, place } => self.add_name(&of, &place),
            R::Rename { from, to, how } => self.rename(&from, &to, how),
            R::Remove(place) => self.remove(&place),
            R::RemoveDirectory(place) => self.remove_directory(&place),
            R::Open(place, opening) => self.open(&place, opening),
            R::Create {
                place,
                permissions,
                opening,
                exclusive,
            } => self.create(&place, permissions, opening, exclusive),
            R::OpenDirectory(place) => self.open_to_list(&place),
            R::ReadDirectory { handle, restart } => self.read_directory(handle, restart),
            R::Read {
                handle,
                offset,
                length,
            } => self.read(handle, offset, length),
            R::Write {
                handle,
                offset,
                bytes,
            } => self.write(handle, offset, &bytes),
            R::WriteAndSet {
                handle,
                offset,
                bytes,
                new,
            } => self.write_and_set(handle, offset, &bytes, &new),
            R::Sync { handle, data_only } => self.sync(handle, data_only),
            R::Close(handle) => self.handles.close(handle),
            R::Space(place) => self.space(&place),
            R::ExtendedAttribute { target, name } => self.extended_attribute(&target, &name),
            R::ExtendedAttributes(target) => self.extended_attributes(&target),
            R::SetExtendedAttribute {
                target,
                name,
                value,
                how,
            } => self.set_extended_attribute(&target, &name, &value, how),
            R::RemoveExtendedAttribute { target, name } => {
                self.remove_extended_attribute(&target, &name)
            }
            R::Allocate {
                handle,
                offset,
                length,
                how,
            } => self.allocate(handle, offset, length, how),
            R::Seek {
                handle,
                offset,
                what,
            } => self.seek(handle, offset, what),
            R::Copy {
                from,
                from_offset,
                to,
                to_offset,
                length,
            } => self.copy((from, from_offset), (to, to_offset), length),
            R::TestLock(handle, lock) => self.test_lock(handle, lock),
            R::SetLock(handle, lock) => self.set_lock(handle, lock),
            R::ReadTree(places) => self.read_tree(places),
            R::ReadFiles(places) => self.read_files(&places),
        }
    }

    fn space(&self, place: &Place) -> Result<Reply, Errno> {
        let found = fstatvfs(self.hold_place(place)?.descriptor())?;
        let narrow = |number| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Reply::Space(Space {
            block_size: narrow(found.f_frsize),
            blocks: found.f_blocks,
            blocks_free: found.f_bfree,
            blocks_available: found.f_bavail,
            files: found.f_files,
            files_free: found.f_ffree,
            longest_name: narrow(found.f_namemax),
        }))
    }

    fn tree(&self, root: Root) -> Result<Arc<Tree>, Errno> {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner);
        trees.get(&root).cloned().ok_or(Errno::NODEV)
    }

    /// For every request that changes something by name.
    fn tree_to_change(&self, root: Root) -> Result<Arc<Tree>, Errno> {
        let tree = self.tree(root)?;
        tree.check_change()?;
        Ok(tree)
    }

    /// Whether it is still published. Asked with the table of handles locked, so that none is left behind.
    fn is_published(&self, tree: &Arc<Tree>) -> bool {
        let trees = self.trees.read().unwrap_or_else(PoisonError::into_inner);
        trees
            .get(&tree.root)
            .is_some_and(|present| Arc::ptr_eq(present, tree))
    }
}

impl Tree {
    fn check_change(&self) -> Result<(), Errno> {
        if self.read_only {
            Err(Errno::ROFS)
        } else {
            Ok(())
        }
    }
}

fn numbered(errno: Errno) -> ErrorNumber {
    ErrorNumber(u16::try_from(errno.raw_os_error()).unwrap_or(u16::MAX))
}
