//! Advisory locks of records, one owner apart from the other.
//!
//! A lock of POSIX (`fcntl(2)`) belongs to a process, here an owner, and to a file, by whichever handle it is asked for. The
//! system's (`F_OFD_SETLK`) belong to an open file description: each owner has one of its own for each file of a tree, while
//! it has locks there. In two trees a file is two, and an owner may be in its own way.
//!
//! Closing a handle does not give back what the owner has locked by others of the same file, which POSIX does: who wants that
//! gives back all first. When the last is closed by which an owner has set a lock, its locks go.

use std::collections::{HashMap, HashSet};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::files::{Access, Handle, Identity, Lock, LockKind, Reply};
use rustix::fs::OFlags;
use rustix::io::Errno;

use super::handles::{OpenFile, Permit, Room};
use super::held::reopen;
use super::ranges::Records;
use super::{Service, Tree, system};
use crate::attributes::identity;
use crate::stat::fstat;

/// How many ranges one owner may have locked in one file: each takes memory of the laptop's kernel. Twice as many where
/// giving back a part makes two of one.
const LARGEST_COUNT: usize = 4096;
/// How many ranges an owner may lock for each of its permits, so that all owners together have no more than that many times
/// [`super::Limits::open`]. Twice as many, as above.
const RANGES_OF_PERMIT: usize = 16;
/// How many ranges one lock adds at most: it is one itself, and lies within one that becomes two.
const MOST_ADDED: usize = 2;
/// Where a file's end is, wherever that is.
const END: u64 = i64::MAX as u64;

/// The files of a tree that are open by handles which have been asked about locks.
#[derive(Debug, Default)]
pub(super) struct LockedFiles(Mutex<HashMap<Identity, LockedFile>>);

#[derive(Debug, Default)]
struct LockedFile {
    /// By how many it is open; with the last it leaves the table.
    handles: usize,
    owners: Arc<Mutex<Owners>>,
}

/// Who has locks in one file of one tree. Each has permits: there are never more owners than [`super::Limits::open`].
type Owners = HashMap<u64, Owner>;

/// One who has locks there. They are given back when this is dropped.
#[derive(Debug)]
struct Owner {
    descriptor: OwnedFd,
    access: Access,
    records: Records,
    /// Those by which it has set locks.
    handles: HashSet<Handle>,
    /// One for the descriptor, and more where there are many ranges.
    permits: Vec<Permit>,
}

/// The locks of the file of one handle, once it has been asked about them.
#[derive(Debug, Default)]
pub(super) struct Locks(Option<Membership>);

/// Keeps the file in its tree's table. Its identity is nobody else's: the file is open.
#[derive(Debug)]
struct Membership {
    tree: Arc<Tree>,
    identity: Identity,
    owners: Arc<Mutex<Owners>>,
}

/// By what a lock is asked for.
struct Asking<'file> {
    handle: Handle,
    file: BorrowedFd<'file>,
    access: Access,
    room: &'file Arc<Room>,
}

impl Service {
    /// Whose lock is in the way is not told (`owner` is 0): it may be that of any program on the laptop.
    pub(super) fn test_lock(&self, handle: Handle, lock: Lock) -> Result<Reply, Errno> {
        if lock.kind == LockKind::Unlock {
            return Err(Errno::INVAL);
        }
        check_range(lock)?;
        let file = self.handles.get(handle)?;
        let (descriptor, _, locks) = file.file()?;
        let mut locks = locks.lock().unwrap_or_else(PoisonError::into_inner);
        let owners = locks.owners(&file)?;
        // Without locks of its own, all are others': nobody's are set by the file's own descriptor.
        let own = owners.get(&lock.owner);
        let own = own.map(|owner| owner.descriptor.as_fd());
        let found = system::test_lock(own.unwrap_or(descriptor), lock)?;
        Ok(Reply::Lock(found))
    }

    pub(super) fn set_lock(&self, handle: Handle, lock: Lock) -> Result<Reply, Errno> {
        check_range(lock)?;
        let file = self.handles.get(handle)?;
        let (descriptor, access, locks) = file.file()?;
        let mut locks = locks.lock().unwrap_or_else(PoisonError::into_inner);
        let mut owners = locks.owners(&file)?;
        if lock.kind == LockKind::Unlock {
            unlock(&mut owners, &self.handles.room, lock)?;
            return Ok(Reply::Done);
        }
        if !permits(access, lock.kind) {
            return Err(Errno::BADF);
        }
        let asking = Asking {
            handle,
            file: descriptor,
            access,
            room: &self.handles.room,
        };
        if let Some(owner) = owners.get_mut(&lock.owner) {
            owner.lock(&asking, lock)?;
        } else {
            let mut owner = Owner::new(&asking)?;
            owner.lock(&asking, lock)?;
            owners.insert(lock.owner, owner);
        }
        Ok(Reply::Done)
    }
}

impl Locks {
    /// Called with the file's own lock held: once it is closed there is no coming back to the table.
    fn owners(&mut self, file: &OpenFile) -> Result<MutexGuard<'_, Owners>, Errno> {
        if file.is_closed() {
            return Err(Errno::BADF);
        }
        let membership = match self.0.take() {
            Some(membership) => membership,
            None => Membership::new(file)?,
        };
        Ok(locked(&self.0.insert(membership).owners))
    }

    /// Of those whose last handle this is, the locks are given back.
    pub(super) fn close(&mut self, handle: Handle) {
        if let Some(membership) = self.0.take() {
            locked(&membership.owners).retain(|_, owner| {
                owner.handles.remove(&handle);
                !owner.handles.is_empty()
            });
        }
    }
}

impl Membership {
    fn new(file: &OpenFile) -> Result<Self, Errno> {
        let identity = identity(&fstat(file.descriptor())?);
        let tree = Arc::clone(&file.tree);
        let owners = {
            let mut files = locked(&tree.locked_files.0);
            let entry = files.entry(identity).or_default();
            entry.handles += 1;
            Arc::clone(&entry.owners)
        };
        Ok(Self {
            tree,
            identity,
            owners,
        })
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        let mut files = locked(&self.tree.locked_files.0);
        if let Some(file) = files.get_mut(&self.identity) {
            file.handles -= 1;
            if file.handles == 0 {
                files.remove(&self.identity);
            }
        }
    }
}

impl Owner {
    /// Opened for both where it is to be written and may be read: then it never has to be changed. Where it is only read it
    /// is not opened for writing before that is needed, which programs on the laptop would see (`IN_CLOSE_WRITE`,
    /// `ETXTBSY`), and [`Owner::widen`] can always follow. A file that may not be opened again as it is open, such as one
    /// made with no permission to write, cannot be locked.
    fn new(asking: &Asking<'_>) -> Result<Self, Errno> {
        let permit = asking.room.take().ok_or(Errno::NOLCK)?;
        let as_it_is = match asking.access {
            Access::Read => reopen(asking.file, OFlags::RDONLY),
            Access::Write | Access::ReadWrite => reopen(asking.file, OFlags::RDWR),
        };
        let (descriptor, access) = match (as_it_is, asking.access) {
            (Ok(descriptor), Access::Read) => (descriptor, Access::Read),
            (Ok(descriptor), _) => (descriptor, Access::ReadWrite),
            (Err(_), Access::Write) => (reopen(asking.file, OFlags::WRONLY)?, Access::Write),
            (Err(errno), _) => return Err(errno),
        };
        Ok(Self {
            descriptor,
            access,
            records: Records::default(),
            handles: HashSet::new(),
            permits: vec![permit],
        })
    }

    /// For reading or writing.
    fn lock(&mut self, asking: &Asking<'_>, lock: Lock) -> Result<(), Errno> {
        if self.records.count() >= LARGEST_COUNT {
            return Err(Errno::NOLCK);
        }
        if !permits(self.access, lock.kind) {
            self.widen(asking)?;
        }
        self.set(asking.room, lock)?;
        self.handles.insert(asking.handle);
        Ok(())
    }

    /// Moves to a descriptor that is open for both, and never leaves a moment in which another could take what is locked
    /// here: `ENOLCK` where that cannot be, and all is as it was. Locks for reading can be moved, since those of two
    /// descriptors may overlap. Those for writing cannot: they stay on a descriptor that is open only for writing, of a
    /// file that could not be read when the first was set.
    fn widen(&mut self, asking: &Asking<'_>) -> Result<(), Errno> {
        let _second = asking.room.take().ok_or(Errno::NOLCK)?;
        let descriptor = reopen(asking.file, OFlags::RDWR).map_err(|_| Errno::NOLCK)?;
        for record in self.records.all() {
            system::set_lock(descriptor.as_fd(), record).map_err(|_| Errno::NOLCK)?;
        }
        self.descriptor = descriptor;
        self.access = Access::ReadWrite;
        Ok(())
    }

    fn set(&mut self, room: &Arc<Room>, lock: Lock) -> Result<(), Errno> {
        let ranges_of_permit = match lock.kind {
            LockKind::Read | LockKind::Write => RANGES_OF_PERMIT,
            LockKind::Unlock => 2 * RANGES_OF_PERMIT,
        };
        // How many are added is not known before the kernel has done it.
        if self.permits.len() * ranges_of_permit < self.records.count() + MOST_ADDED {
            self.permits.push(room.take().ok_or(Errno::NOLCK)?);
        }
        let done = system::set_lock(self.descriptor.as_fd(), lock);
        if done.is_ok() {
            self.records.set(lock);
        }
        let needed = self.records.count().div_ceil(RANGES_OF_PERMIT).max(1);
        self.permits.truncate(needed);
        done
    }
}

/// By whichever handle it was locked.
fn unlock(owners: &mut Owners, room: &Arc<Room>, lock: Lock) -> Result<(), Errno> {
    let Some(owner) = owners.get_mut(&lock.owner) else {
        return Ok(());
    };
    if lock.start == 0 && lock.end == END {
        owners.remove(&lock.owner);
        return Ok(());
    }
    if owner.records.count() >= 2 * LARGEST_COUNT {
        return Err(Errno::NOLCK);
    }
    owner.set(room, lock)?;
    if owner.records.count() == 0 {
        owners.remove(&lock.owner);
    }
    Ok(())
}

/// `fcntl(2)`: who reads may lock for reading, who writes for writing.
fn permits(access: Access, kind: LockKind) -> bool {
    match kind {
        LockKind::Read => access != Access::Write,
        LockKind::Write => access != Access::Read,
        LockKind::Unlock => true,
    }
}

fn check_range(lock: Lock) -> Result<(), Errno> {
    if lock.start <= lock.end && lock.end <= END {
        Ok(())
    } else {
        Err(Errno::INVAL)
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::handles::Handles;
    use super::*;

    const LOCK: Lock = Lock {
        owner: 1,
        kind: LockKind::Write,
        start: 0,
        end: 9,
    };

    /// A file that may be written and not read, which there is for everybody but root.
    #[test]
    fn locks_for_writing_are_not_moved_and_not_lost() -> std::io::Result<()> {
        let file = tempfile::tempfile()?;
        let handles = Handles::new(2);
        let asking = Asking {
            handle: Handle(1),
            file: file.as_fd(),
            access: Access::ReadWrite,
            room: &handles.room,
        };
        let mut owner = Owner::new(&asking)?;
        owner.descriptor = reopen(file.as_fd(), OFlags::WRONLY)?;
        owner.access = Access::Write;
        owner.lock(&asking, LOCK)?;
        let read = |start, end| Lock {
            kind: LockKind::Read,
            start,
            end,
            ..LOCK
        };
        for lock in [read(20, 29), read(5, 5), read(0, 9)] {
            assert_eq!(owner.lock(&asking, lock), Err(Errno::NOLCK));
            let found = system::test_lock(file.as_fd(), LOCK)?;
            assert_eq!(found, Lock { owner: 0, ..LOCK });
            assert_eq!(owner.access, Access::Write);
        }
        assert_eq!(owner.records.all().count(), 1);
        drop((handles.permit(), owner));
        let permits = [handles.permit(), handles.permit()];
        assert!(permits.iter().all(Result::is_ok));
        Ok(())
    }
}
