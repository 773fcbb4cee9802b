//! Tells what changes below published directories, by whomever.
//!
//! Written on inotify itself, with one instance for each published directory and one watch for each directory below it.
//! Every event is only a hint to look again at a name: what is told is what was found there after the event, and which
//! watch belongs where is found out by looking, never concluded from the order of events. So nothing is concluded wrongly
//! where directories are renamed, replaced or exchanged faster than it is read of. `notify` (8.2) is not used: it asks for
//! `IN_OPEN`, so that reading makes events; it finds directories by their paths, so that a link put in place of one leads
//! it elsewhere; and after an overflow it does not look for directories that it has missed.
//!
//! Nothing is followed: a link is told as a link, a directory elsewhere that it leads to is not watched.
//!
//! Changes are told some at a time, so late by a moment; who has to know that none is left untold says so: see
//! [`Watcher::drain`].
//!
//! What is told is to be understood so: where there is nothing now, there is nothing below either; where there is another
//! directory now, by its identity, nothing that was known below holds, and what is there is told.
//!
//! Where the kernel has dropped events, anything may have changed; that is told first, then by name what has, see `lost`.
//!
//! What the kernel does not tell, and is therefore told late or not at all:
//! - What is written through a mapping (`mmap(2)`): when its file is closed and unmapped.
//!   Where times do not tell two changes apart (see `ticks`), the second of two that are written so may not be told at all.
//! - What happens to a file with several names (hard links) is told for the name by which it was done. The others have the
//!   same [`live::files::Identity`]; when one is removed, `links` of the others is not told. A name outside of the
//!   published directory tells nothing.
//! - How much room a file takes (`blocks`), where the file system decides that later than it is written.
//! - A file system that is mounted over a directory that is watched already.
//! - What others do in file systems that are not on this computer. There, and wherever not every directory can be watched,
//!   [`Change::Watched`] says so.

mod batch;
mod directories;
mod drain;
mod follow;
mod inotify;
mod local;
mod lost;
mod signal;
mod ticks;
mod visit;

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use live::files::{Change, Root};

use crate::{PublishError, Published};
use follow::Follower;
use inotify::Allowance;
use signal::{Draining, Signal};

/// The most changes that are told at once.
pub const LARGEST_BATCH: usize = 1024;

type Tell = dyn Fn(Vec<Change>) + Send;

/// Tells what changes below published directories, from a thread for each of them, until it is dropped.
pub struct Watcher {
    tell: Arc<Mutex<Box<Tell>>>,
    allowance: Arc<Allowance>,
    running: Mutex<HashMap<Root, Running>>,
}

/// A published directory that is watched; no longer when this is dropped.
struct Running {
    signal: Arc<Signal>,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal.stop();
    }
}

impl Watcher {
    /// `tell` is called with at most [`LARGEST_BATCH`] changes, never by two threads at once. While it runs nothing more is
    /// told, and what changes is kept by the kernel, as far as it has room.
    ///
    /// At most three quarters of the watches that the system allows its user are taken: others need some too.
    ///
    /// # Errors
    /// None at present: what does not work here is told as [`Change::Watched`] of the directory that it does not work for.
    pub fn new(tell: impl Fn(Vec<Change>) + Send + 'static) -> io::Result<Self> {
        // Source of the number: inotify(7). Where it cannot be read the kernel's refusals are what counts.
        let allowed = fs::read_to_string("/proc/sys/fs/inotify/max_user_watches").ok();
        let allowed = allowed.and_then(|allowed| allowed.trim().parse::<usize>().ok());
        let most = allowed.map_or(usize::MAX, |allowed| allowed / 4 * 3);
        Ok(Self::with_most_watches(tell, most))
    }

    /// As [`Watcher::new`], taking at most `most` watches, each for one directory.
    pub fn with_most_watches(tell: impl Fn(Vec<Change>) + Send + 'static, most: usize) -> Self {
        Self {
            tell: Arc::new(Mutex::new(Box::new(tell))),
            allowance: Arc::new(Allowance::new(most)),
            running: Mutex::default(),
        }
    }

    /// Watches `directory` and tells of it as of `root`. Returns at once: [`Change::Watched`] is told when all is set up,
    /// and before it [`Change::Anything`] for what has changed until then.
    ///
    /// When the directory itself is renamed it stays the published one; when it is removed, that is told within seconds.
    ///
    /// # Errors
    /// If it cannot be opened, is in a mount of this product, `root` is watched already, or no thread can be started.
    pub fn add(&self, root: Root, directory: &Path) -> Result<(), PublishError> {
        let mut running = lock(&self.running);
        if running.contains_key(&root) {
            return Err(PublishError::NumberTaken);
        }
        let signal = Arc::new(Signal::new().map_err(PublishError::NotOpened)?);
        let teller = Teller {
            tell: Arc::clone(&self.tell),
            signal: Arc::clone(&signal),
        };
        let published = Published::open(directory)?;
        let follower = Follower::new(root, published, Arc::clone(&self.allowance), teller);
        let thread = thread::Builder::new().name("watch".to_owned());
        thread
            .spawn(move || follower.run())
            .map_err(PublishError::NotOpened)?;
        running.insert(root, Running { signal });
        Ok(())
    }

    /// Has everything told that has happened in any of the directories before this is called, and `then` called once that is
    /// told, on any thread: whoever is told of changes, and of `then` behind them, finds nothing as it was before. What is
    /// not watched, or not yet, is told as [`Change::Anything`]; what the kernel tells late, see the head of this module, is
    /// told late all the same. A directory that is removed meanwhile is not waited for.
    ///
    /// Returns at once. `then` waits for `tell` as all changes do, and must not call it.
    pub fn drain(&self, then: impl FnOnce() + Send + 'static) {
        let draining = Draining::new(then);
        for running in lock(&self.running).values() {
            running.signal.drain(&draining);
        }
    }

    /// Nothing is told of `root` once this has returned. It waits for `tell` where that is running: not to be called there.
    pub fn remove(&self, root: Root) {
        // Dropped without the lock: what waits for it may do anything.
        let running = lock(&self.running).remove(&root);
        drop(running);
        drop(lock(&self.tell));
    }
}

impl Drop for Watcher {
    /// Stops as [`Watcher::remove`] does, but waits for nothing.
    fn drop(&mut self) {
        let running = std::mem::take(&mut *lock(&self.running));
        drop(running);
    }
}

/// Tells, unless it has been said that nothing more is to be told.
struct Teller {
    tell: Arc<Mutex<Box<Tell>>>,
    signal: Arc<Signal>,
}

impl Teller {
    fn tell(&self, changes: Vec<Change>) {
        let tell = lock(&self.tell);
        if !self.signal.has_stopped() {
            tell(changes);
        }
    }
}

/// A thread that has panicked with the lock held has not left anything half done that another could see.
fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
