//! What is open.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::files::{Access, Handle, Reply};
use rustix::io::Errno;

use super::Tree;
use super::locks::Locks;

/// How many descriptors the server may still have.
#[derive(Debug)]
pub(super) struct Room(AtomicUsize);

/// One descriptor of those; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<Room>);

impl Room {
    /// One less, or none if there is none left.
    pub(super) fn take(self: &Arc<Self>) -> Option<Permit> {
        let less = |left: usize| left.checked_sub(1);
        let taken = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, less);
        taken.is_ok().then(|| Permit(Arc::clone(self)))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// What is open, and what it is open for.
#[derive(Debug)]
pub(super) enum Use {
    /// A regular file.
    File { access: Access, locks: Mutex<Locks> },
    /// A directory. Its position is the descriptor's: one reads at a time.
    Directory { reading: Mutex<()> },
}

/// An open file or directory.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) tree: Arc<Tree>,
    pub(super) usage: Use,
    descriptor: OwnedFd,
    /// Set once; a request that has it in hand by then goes on, but sets no lock any more.
    closed: AtomicBool,
    _permit: Permit,
}

impl OpenFile {
    pub(super) fn new(tree: Arc<Tree>, descriptor: OwnedFd, usage: Use, permit: Permit) -> Self {
        Self {
            tree,
            usage,
            descriptor,
            closed: AtomicBool::new(false),
            _permit: permit,
        }
    }

    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// A file, not a directory.
    pub(super) fn file(&self) -> Result<(BorrowedFd<'_>, Access, &Mutex<Locks>), Errno> {
        match &self.usage {
            Use::File { access, locks } => Ok((self.descriptor(), *access, locks)),
            Use::Directory { .. } => Err(Errno::ISDIR),
        }
    }

    /// A directory, locked for reading it.
    pub(super) fn directory(&self) -> Result<(BorrowedFd<'_>, MutexGuard<'_, ()>), Errno> {
        let Use::Directory { reading } = &self.usage else {
            return Err(Errno::NOTDIR);
        };
        Ok((
            self.descriptor(),
            reading.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn close(&self, handle: Handle) {
        self.closed.store(true, Ordering::Release);
        if let Use::File { locks, .. } = &self.usage {
            let mut locks = locks.lock().unwrap_or_else(PoisonError::into_inner);
            locks.close(handle);
        }
    }
}

/// The table of what is open. Numbers are never used again.
#[derive(Debug)]
pub(super) struct Handles {
    pub(super) room: Arc<Room>,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    /// The number of the last one.
    last: u64,
    open: HashMap<Handle, Arc<OpenFile>>,
}

impl Handles {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            room: Arc::new(Room(AtomicUsize::new(limit))),
            table: Mutex::new(Table {
                last: first_number(),
                open: HashMap::new(),
            }),
        }
    }

    /// To be asked for before a file is opened, so that nothing is done for one that cannot be kept.
    pub(super) fn permit(&self) -> Result<Permit, Errno> {
        self.room.take().ok_or(Errno::MFILE)
    }

    /// Keeps it; `may_stay` is asked with the table locked.
    pub(super) fn keep(
        &self,
        file: OpenFile,
        may_stay: impl FnOnce(&Arc<Tree>) -> bool,
    ) -> Result<Handle, Errno> {
        let mut table = self.table();
        if !may_stay(&file.tree) {
            return Err(Errno::NODEV);
        }
        table.last = table.last.checked_add(1).ok_or(Errno::MFILE)?;
        let handle = Handle(table.last);
        table.open.insert(handle, Arc::new(file));
        Ok(handle)
    }

    pub(super) fn get(&self, handle: Handle) -> Result<Arc<OpenFile>, Errno> {
        self.table().open.get(&handle).cloned().ok_or(Errno::BADF)
    }

    /// As [`Handles::get`], for a request that changes the file.
    pub(super) fn get_to_change(&self, handle: Handle) -> Result<Arc<OpenFile>, Errno> {
        let file = self.get(handle)?;
        file.tree.check_change()?;
        Ok(file)
    }

    pub(super) fn close(&self, handle: Handle) -> Result<Reply, Errno> {
        let file = self.table().open.remove(&handle).ok_or(Errno::BADF)?;
        file.close(handle);
        Ok(Reply::Done)
    }

    /// Closes what is open in `tree`, which is not published any more.
    pub(super) fn close_all(&self, tree: &Arc<Tree>) {
        let of_tree = |_: &Handle, file: &mut Arc<OpenFile>| Arc::ptr_eq(&file.tree, tree);
        let closed: Vec<_> = self.table().open.extract_if(of_tree).collect();
        for (handle, file) in closed {
            file.close(handle);
        }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Another one in every process: a request that was meant for a file of an earlier process must not find one of this.
fn first_number() -> u64 {
    // Half of what there is lies behind it.
    RandomState::new().hash_one(()) >> 1
}
