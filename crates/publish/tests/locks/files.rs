//! What takes the place of a lock in a file that is none.

use live::files::{Allocation, Handle, Lock, LockKind, Request, Seeking};
use rustix::io::Errno;

use crate::common::*;
use crate::lock;

#[test]
fn files_and_directories_are_not_confused() {
    let home = Home::new(BOTH[0]);
    home.file("file", b"");
    let file = home.open("file", READ);
    let (directory, _) = home.opened(Request::OpenDirectory(place("")));
    home.refused(
        Request::ReadDirectory {
            handle: file,
            restart: false,
        },
        Errno::NOTDIR,
    );
    let lock = lock(1, LockKind::Read, 0, 0);
    for request in on_files(directory, lock) {
        home.refused(request, Errno::ISDIR);
    }
    home.done(Request::Sync {
        handle: directory,
        data_only: false,
    });
    home.refused(Request::OpenDirectory(place("file")), Errno::NOTDIR);
    let unused = Handle(u64::MAX);
    for request in on_files(unused, lock) {
        home.refused(request, Errno::BADF);
    }
}

fn on_files(handle: Handle, lock: Lock) -> Vec<Request> {
    let (offset, length) = (0, 1);
    vec![
        Request::Read {
            handle,
            offset,
            length: 1,
        },
        Request::Write {
            handle,
            offset,
            bytes: "x".into(),
        },
        Request::Allocate {
            handle,
            offset,
            length,
            how: Allocation::Allocate,
        },
        Request::Seek {
            handle,
            offset,
            what: Seeking::Data,
        },
        Request::Copy {
            from: handle,
            from_offset: 0,
            to: handle,
            to_offset: 9,
            length,
        },
        Request::TestLock(handle, lock),
        Request::SetLock(handle, lock),
    ]
}
