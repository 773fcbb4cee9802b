//! What is withdrawn is closed. Alone in its file: descriptors are counted.
#![allow(clippy::unwrap_used, reason = "a test's helpers may panic")]

mod common;

use std::fs;

use common::*;
use live::files::{Lock, LockKind, Request, Root};
use rustix::io::Errno;

#[test]
fn what_is_withdrawn_is_closed() {
    let home = Home::new(BOTH[0]);
    let other = tempfile::tempdir().unwrap();
    put(&other.path().join("file"), b"other");
    home.service.publish(Root(2), other.path(), false).unwrap();
    home.file("file", b"contents");
    let file = home.open("file", READ_WRITE);
    let (directory, _) = home.opened(Request::OpenDirectory(place("")));
    let (stays, _) = home.opened(Request::Open(place_in(Root(2), "file"), READ));
    let lock = Lock {
        owner: 1,
        kind: LockKind::Write,
        start: 0,
        end: 0,
    };
    home.done(Request::SetLock(file, lock));
    let open = descriptors();

    home.service.withdraw(ROOT);
    home.service.withdraw(ROOT);
    // Two handles, the lock's owner, the directory, and what tells of mounts.
    assert_eq!(descriptors(), open - 5);
    home.refused(
        Request::Read {
            handle: file,
            offset: 0,
            length: 1,
        },
        Errno::BADF,
    );
    home.refused(
        Request::ReadDirectory {
            handle: directory,
            restart: true,
        },
        Errno::BADF,
    );
    home.refused(Request::Attributes(target("file")), Errno::NODEV);
    home.refused(
        Request::MakeDirectory {
            place: place("new"),
            permissions: 0o700,
        },
        Errno::NODEV,
    );
    assert_eq!(&home.read(stays, 0, 9)[..], b"other");

    home.service.publish(ROOT, &home.root(), false).unwrap();
    home.refused(Request::Close(file), Errno::BADF);
    let handle = home.open("file", READ_WRITE);
    assert_ne!(handle, file);
    home.done(Request::SetLock(handle, Lock { owner: 2, ..lock }));
}

fn descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}
