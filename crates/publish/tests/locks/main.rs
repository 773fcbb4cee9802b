//! Locks of records, and what takes the place of them in a file that is none.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

#[path = "../common/mod.rs"]
mod common;
mod files;
mod limits;
mod model;
mod owners;
mod programs;
/// The locks of the test are set as those of the service are; those of another program are set by Python.
#[path = "../../src/service/system.rs"]
mod system;

use std::fs::File;
use std::os::fd::AsFd as _;
use std::path::Path;

use common::*;
use live::files::{Handle, Lock, LockKind, Outcome, Reply, Request};
use rustix::io::Errno;

pub(crate) fn lock(owner: u64, kind: LockKind, start: u64, end: u64) -> Lock {
    Lock {
        owner,
        kind,
        start,
        end,
    }
}

pub(crate) const END: u64 = i64::MAX as u64;
pub(crate) const DONE: Outcome = Ok(Reply::Done);

impl Home {
    pub(crate) fn lock(&self, handle: Handle, lock: Lock) -> Outcome {
        self.service.execute(Request::SetLock(handle, lock))
    }

    /// The kind of a lock that is in the way; to unlock, if none is.
    pub(crate) fn in_the_way(&self, handle: Handle, lock: Lock) -> LockKind {
        match self.service.execute(Request::TestLock(handle, lock)) {
            Ok(Reply::Lock(found)) => found.kind,
            other => panic!("{lock:?}: {other:?}"),
        }
    }
}

/// An open file description that the service knows nothing of.
pub(crate) struct Other(File);

impl Other {
    pub(crate) fn open(path: &Path) -> Self {
        let mut options = File::options();
        Self(options.read(true).write(true).open(path).unwrap())
    }

    pub(crate) fn set(&self, kind: LockKind, start: u64, end: u64) -> Result<(), Errno> {
        system::set_lock(self.0.as_fd(), lock(0, kind, start, end))
    }

    /// What the service has locked there for any owner.
    pub(crate) fn sees(&self, start: u64, end: u64) -> LockKind {
        let wanted = lock(0, LockKind::Write, start, end);
        system::test_lock(self.0.as_fd(), wanted).unwrap().kind
    }
}

/// How many descriptors of this test lead to the file.
pub(crate) fn descriptors(path: &Path) -> usize {
    let all = std::fs::read_dir("/proc/self/fd").unwrap();
    let links = all.map(|entry| std::fs::read_link(entry.unwrap().path()));
    links
        .filter(|link| link.as_deref().ok() == Some(path))
        .count()
}
