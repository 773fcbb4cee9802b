//! One inotify instance: what is asked of the kernel and how its events are read.

use std::ffi::{OsStr, OsString};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use super::directories::Watch;

/// What names appear, vanish or lead to another file.
const NAMES: ReadFlags = ReadFlags::CREATE.union(ReadFlags::DELETE).union(MOVES);
const MOVES: ReadFlags = ReadFlags::MOVED_FROM.union(ReadFlags::MOVED_TO);

/// Nothing that reading does. Closing after writing is told, since it is all that tells of what was written to a mapping.
/// Files that have no name any more tell nothing: nobody could ask for them by it.
const ASKED: WatchFlags = WatchFlags::ATTRIB
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::CLOSE_WRITE)
    .union(WatchFlags::CREATE)
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVE)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::EXCL_UNLINK)
    .union(WatchFlags::ONLYDIR);

/// How much is read at once, in bytes.
const BUFFER: usize = 64 << 10;

/// How many watches all instances of one watcher have together, and may have.
pub(super) struct Allowance {
    taken: AtomicUsize,
    most: usize,
}

impl Allowance {
    pub(super) fn new(most: usize) -> Self {
        Self {
            taken: AtomicUsize::new(0),
            most,
        }
    }

    fn take(&self) -> Result<(), Errno> {
        let more = |taken: usize| (taken < self.most).then_some(taken + 1);
        let taken = self
            .taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        taken.map(drop).map_err(|_| Errno::NOSPC)
    }

    fn give_back(&self, count: usize) {
        self.taken.fetch_sub(count, Ordering::Relaxed);
    }
}

/// An event.
pub(super) struct Event {
    pub(super) watch: Watch,
    /// In the directory; `None` if it is of the directory itself.
    pub(super) name: Option<OsString>,
    what: ReadFlags,
}

impl Event {
    /// Events were lost.
    pub(super) fn is_overflow(&self) -> bool {
        self.what.contains(ReadFlags::QUEUE_OVERFLOW)
    }

    /// The watch is no more: its directory is gone, or unmounted.
    pub(super) fn is_end(&self) -> bool {
        self.what.contains(ReadFlags::IGNORED)
    }

    /// The directory itself may have another time and number of links.
    pub(super) fn is_of_names(&self) -> bool {
        self.what.intersects(NAMES)
    }

    /// It was renamed, from this name or to it.
    pub(super) fn is_move(&self) -> bool {
        self.what.intersects(MOVES)
    }

    /// Its contents were written, or it was truncated.
    pub(super) fn is_written(&self) -> bool {
        self.what.contains(ReadFlags::MODIFY)
    }

    /// What has the name may be another directory than before, or one that can be opened only now.
    pub(super) fn is_of_directory(&self) -> bool {
        self.what.contains(ReadFlags::ISDIR) && self.what.intersects(NAMES.union(ReadFlags::ATTRIB))
    }
}

/// An inotify instance.
pub(super) struct Inotify {
    descriptor: OwnedFd,
    allowance: Arc<Allowance>,
    /// How many watches it has.
    watches: usize,
}

impl Inotify {
    pub(super) fn new(allowance: Arc<Allowance>) -> Result<Self, Errno> {
        Ok(Self {
            descriptor: inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?,
            allowance,
            watches: 0,
        })
    }

    /// Readable when there are events.
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }

    /// Watches exactly the directory that was opened; the same one has the same watch, by whatever path it was found.
    /// `is_known` tells whether that is one that there is already.
    ///
    /// # Errors
    /// `ENOSPC` if there are too many; `EACCES` if it may not be read.
    pub(super) fn add(
        &mut self,
        directory: &OwnedFd,
        is_known: impl Fn(Watch) -> bool,
    ) -> Result<Watch, Errno> {
        let path = format!("/proc/self/fd/{}", directory.as_raw_fd());
        let is_allowed = self.allowance.take();
        if is_allowed.is_err() && self.watches == 0 {
            return Err(Errno::NOSPC);
        }
        let added = inotify::add_watch(&self.descriptor, path.as_str(), ASKED);
        let is_new = matches!(added, Ok(watch) if !is_known(watch));
        match (is_allowed, is_new) {
            (Ok(()), true) => self.watches += 1,
            (Ok(()), false) => self.allowance.give_back(1),
            (Err(errno), true) => {
                inotify::remove_watch(&self.descriptor, added?).ok();
                return Err(errno);
            }
            (Err(_), false) => {}
        }
        added
    }

    /// Does not watch that directory any more.
    pub(super) fn remove(&mut self, watch: Watch) {
        // Fails where the kernel has removed it already, with the directory.
        inotify::remove_watch(&self.descriptor, watch).ok();
        self.forget();
    }

    /// To be called once for a watch that the kernel has removed.
    pub(super) fn forget(&mut self) {
        self.watches = self.watches.saturating_sub(1);
        self.allowance.give_back(1);
    }

    /// About `most` events that are there, in their order.
    ///
    /// # Errors
    /// Those of `read(2)`, but not that there are none.
    pub(super) fn read(&self, most: usize) -> Result<Vec<Event>, Errno> {
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        let mut reader = Reader::new(&self.descriptor, &mut buffer);
        let mut events = Vec::new();
        while events.len() < most || !reader.is_buffer_empty() {
            match reader.next() {
                Ok(event) => events.push(Event {
                    watch: event.wd(),
                    name: event
                        .file_name()
                        .map(|name| OsStr::from_bytes(name.to_bytes()).to_owned()),
                    what: event.events(),
                }),
                Err(Errno::AGAIN) => break,
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        Ok(events)
    }
}

impl Drop for Inotify {
    fn drop(&mut self) {
        self.allowance.give_back(self.watches);
    }
}
