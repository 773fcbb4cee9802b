//! What is published for reading only is not changed, whatever is asked: the laptop refuses it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use live::files::{ErrorNumber, Handle, Reply, Request, Root};
use publish::Limits;
use rustix::io::Errno;

use crate::driver::{Laptop, play};
use crate::requests::{READ, describe, makes_device, on, place, place_in};

/// Everything that `stat` tells of what is there, of names, times and modes. Reading a link sets its time of access, which no program
/// can prevent.
fn everything(project: &Path) -> Vec<(String, [i64; 7], u32, u64)> {
    let mut all: Vec<_> = fs::read_dir(project)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let found = fs::symlink_metadata(&path).unwrap();
            let accessed = if found.is_symlink() {
                (0, 0)
            } else {
                (found.atime(), found.atime_nsec())
            };
            let times = [
                accessed.0,
                accessed.1,
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
                found.nlink() as i64,
            ];
            (
                path.display().to_string(),
                times,
                found.mode(),
                found.size(),
            )
        })
        .collect();
    all.sort();
    all
}

fn contents(project: &Path) -> Vec<Vec<u8>> {
    ["honest", "file"]
        .map(|name| fs::read(project.join(name)).unwrap())
        .to_vec()
}

#[test]
fn every_request_that_would_change_something_is_refused() {
    play(async {
        let laptop = Laptop::with(Limits { open: 64 }, true, |project| {
            fs::write(project.join("file"), b"file").unwrap();
            fs::create_dir(project.join("directory")).unwrap();
            symlink("file", project.join("link")).unwrap();
        });
        let project = laptop.project();
        let writable = tempfile::tempdir().unwrap();
        fs::write(writable.path().join("inside"), b"inside").unwrap();
        drop(
            laptop
                .publisher
                .publish(Root(8), writable.path(), "second", false)
                .unwrap(),
        );
        let mut server = laptop.connect().await;
        let rofs = Err(ErrorNumber(Errno::ROFS.raw_os_error() as u16));
        // Contents first: looking at them sets times of access.
        let text = contents(&project);
        // The watcher looks there, too, at a time of its own.
        assert_eq!(fs::read_dir(project.join("directory")).unwrap().count(), 0);
        let before = everything(&project);
        for name in ["file", "directory", "link", "new", "new/below"] {
            for inside in [place("honest"), place("none"), place_in(Root(8), "inside")] {
                let handle = match server.ask(Request::Open(place("file"), READ)).await {
                    Ok(Reply::Opened { handle, .. }) => handle,
                    other => panic!("{other:?}"),
                };
                for request in on(&place(name), handle, &inside) {
                    let outcome = server.ask(request.clone()).await;
                    if makes_device(&request) {
                        assert!(outcome.is_err(), "{request:?}");
                    } else if describe(&request).1 {
                        assert_eq!(outcome, rofs, "{request:?}");
                    }
                    if let Ok(Reply::Opened { handle, .. }) = outcome {
                        server.ask(Request::Close(handle)).await.unwrap();
                    }
                    assert_eq!(everything(&project), before, "{request:?}");
                }
            }
        }
        assert_eq!(contents(&project), text);
        let inside = fs::read(writable.path().join("inside")).unwrap();
        assert_eq!(inside, b"inside");
        laptop.check().await;
    });
}

/// Locks change no file. One for reading can be had where reading can, and keeps programs of the laptop from locking for
/// writing until it is given back, its file is closed, or the directory is withdrawn.
#[test]
fn a_lock_for_reading_ends_with_the_publication() {
    use live::files::{Lock, LockKind};
    use std::os::fd::AsFd as _;

    play(async {
        let laptop = Laptop::with(Limits { open: 64 }, true, |_| {});
        let mut server = laptop.connect().await;
        let Ok(Reply::Opened { handle, .. }) =
            server.ask(Request::Open(place("honest"), READ)).await
        else {
            panic!("no handle");
        };
        let lock = |kind| Lock {
            owner: 1,
            kind,
            start: 0,
            end: 9,
        };
        let set = |kind| Request::SetLock(handle, lock(kind));
        let refused = server.ask(set(LockKind::Write)).await;
        assert_eq!(refused, Err(ErrorNumber(Errno::BADF.raw_os_error() as u16)));
        assert_eq!(server.ask(set(LockKind::Read)).await, Ok(Reply::Done));
        laptop.publisher.withdraw(crate::driver::ROOT);
        let file = fs::File::options()
            .write(true)
            .open(laptop.project().join("honest"))
            .unwrap();
        let locked = rustix::fs::fcntl_lock(
            file.as_fd(),
            rustix::fs::FlockOperation::NonBlockingLockExclusive,
        );
        assert_eq!(locked, Ok(()));
        let gone = server
            .ask(Request::Attributes(live::files::Target::Handle(Handle(1))))
            .await;
        assert!(gone.is_err());
        laptop.outside.check();
    });
}
