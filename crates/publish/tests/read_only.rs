//! Where only reading is allowed, every request that would change something is refused.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;

use common::*;
use live::files::{
    Allocation, Handle, Kind, Lock, LockKind, NewAttributes, Opening, Renaming, Request, Root,
    Seeking, Setting, Target,
};
use publish::Limits;
use rustix::io::Errno;

/// Every request, and whether it changes something. The match has no wildcard: a new one has to be added here.
fn is_change(request: &Request) -> bool {
    match request {
        Request::SetAttributes(..)
        | Request::MakeDirectory { .. }
        | Request::MakeNode { .. }
        | Request::MakeLink { .. }
        | Request::AddName { .. }
        | Request::Rename { .. }
        | Request::Remove(_)
        | Request::RemoveDirectory(_)
        | Request::Create { .. }
        | Request::Write { .. }
        | Request::WriteAndSet { .. }
        | Request::SetExtendedAttribute { .. }
        | Request::RemoveExtendedAttribute { .. }
        | Request::Allocate { .. }
        | Request::Copy { .. } => true,
        Request::Open(_, opening) => opening.truncate || *opening != READ,
        Request::Attributes(_)
        | Request::ReadLink(_)
        | Request::OpenDirectory(_)
        | Request::ReadDirectory { .. }
        | Request::Read { .. }
        | Request::Sync { .. }
        | Request::Close(_)
        | Request::Space(_)
        | Request::ExtendedAttribute { .. }
        | Request::ExtendedAttributes(_)
        | Request::Seek { .. }
        | Request::TestLock(..)
        | Request::SetLock(..)
        | Request::ReadTree(_)
        | Request::ReadFiles(_) => false,
    }
}

fn one_of_each(file: Handle, directory: Handle, other_root: Root) -> Vec<Request> {
    let (handle, offset, length) = (file, 0, 1);
    let lock = Lock {
        owner: 1,
        kind: LockKind::Read,
        start: 0,
        end: 0,
    };
    let mut requests = vec![
        Request::ReadLink(place("link")),
        Request::MakeDirectory {
            place: place("new"),
            permissions: 0o700,
        },
        Request::MakeLink {
            place: place("new"),
            target: "x".into(),
        },
        Request::AddName {
            of: place("file"),
            place: place("new"),
        },
        Request::AddName {
            of: place("file"),
            place: place_in(other_root, "new"),
        },
        Request::AddName {
            of: place_in(other_root, "file"),
            place: place("new"),
        },
        Request::Remove(place("file")),
        Request::Remove(place("none")),
        Request::RemoveDirectory(place("directory")),
        Request::OpenDirectory(place("directory")),
        Request::ReadDirectory {
            handle: directory,
            restart: false,
        },
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
        Request::Write {
            handle,
            offset,
            bytes: "".into(),
        },
        Request::WriteAndSet {
            handle,
            offset,
            bytes: "x".into(),
            new: NewAttributes::default(),
        },
        Request::Sync {
            handle,
            data_only: true,
        },
        Request::Space(place("file")),
        Request::Seek {
            handle,
            offset,
            what: Seeking::Hole,
        },
        Request::Copy {
            from: handle,
            from_offset: 0,
            to: handle,
            to_offset: 2,
            length,
        },
        Request::TestLock(handle, lock),
        Request::SetLock(handle, lock),
    ];
    for kind in [Kind::File, Kind::Pipe, Kind::Socket] {
        requests.push(Request::MakeNode {
            place: place("new"),
            kind,
            permissions: 0o700,
        });
    }
    for how in [Renaming::Replace, Renaming::NoReplace, Renaming::Exchange] {
        let rename = |from, to| Request::Rename { from, to, how };
        requests.push(rename(place("file"), place("new")));
        requests.push(rename(place("file"), place_in(other_root, "new")));
        requests.push(rename(place_in(other_root, "file"), place("new")));
    }
    for opening in [READ, WRITE, READ_WRITE] {
        for truncate in [false, true] {
            let opening = Opening {
                truncate,
                ..opening
            };
            requests.push(Request::Open(place("file"), opening));
            for (name, exclusive) in [("file", false), ("new", false), ("new", true)] {
                requests.push(Request::Create {
                    place: place(name),
                    permissions: 0o600,
                    opening,
                    exclusive,
                });
            }
        }
    }
    for how in [
        Allocation::Allocate,
        Allocation::KeepSize,
        Allocation::PunchHole,
        Allocation::Zero { keep_size: true },
    ] {
        requests.push(Request::Allocate {
            handle,
            offset,
            length,
            how,
        });
    }
    for target in [target("file"), target("directory"), Target::Handle(file)] {
        requests.extend(on_target(&target));
    }
    requests
}

fn on_target(target: &Target) -> Vec<Request> {
    let target = || target.clone();
    let now = NewAttributes {
        modified: Some(live::files::NewTime::Now),
        ..NewAttributes::default()
    };
    let mut requests = vec![
        Request::Attributes(target()),
        Request::ExtendedAttribute {
            target: target(),
            name: "user.present".into(),
        },
        Request::ExtendedAttributes(target()),
        Request::RemoveExtendedAttribute {
            target: target(),
            name: "user.present".into(),
        },
    ];
    for new in [permissions(0o600), size(1), now, NewAttributes::default()] {
        requests.push(Request::SetAttributes(target(), new));
    }
    for how in [Setting::Create, Setting::Replace, Setting::CreateOrReplace] {
        let (name, value) = ("user.a".into(), "x".into());
        requests.push(Request::SetExtendedAttribute {
            target: target(),
            name,
            value,
            how,
        });
    }
    requests
}

#[test]
fn nothing_changes_where_only_reading_is_allowed() {
    for confinement in BOTH {
        let home = Home::with(confinement, true, Limits::default());
        home.file("file", b"contents");
        fs::create_dir(home.at("directory")).unwrap();
        symlink("file", home.at("link")).unwrap();
        let writable = tempfile::tempdir().unwrap();
        put(&writable.path().join("file"), b"other");
        home.service
            .publish_with(Root(2), writable.path(), false, confinement)
            .unwrap();
        let has_extended = has_extended_attributes(&home.root());
        if has_extended {
            let flags = rustix::fs::XattrFlags::empty();
            for name in ["file", "directory"] {
                rustix::fs::setxattr(home.at(name), "user.present", b"x", flags).unwrap();
            }
        }
        let file = home.open("file", READ);
        let (directory, _) = home.opened(Request::OpenDirectory(place("directory")));
        let before = (snapshot(&home.root()), snapshot(writable.path()));
        for request in one_of_each(file, directory, Root(2)) {
            let outcome = home.ask(request.clone());
            if is_change(&request) {
                assert_eq!(outcome, Err(errno(Errno::ROFS)), "{request:?}");
            } else if has_extended || !format!("{request:?}").contains("Extended") {
                assert!(outcome.is_ok(), "{request:?}: {outcome:?}");
            }
            assert!(
                (snapshot(&home.root()), snapshot(writable.path())) == before,
                "{request:?}"
            );
        }
        // Copying from there is reading.
        let (to, _) = home.opened(Request::Open(place_in(Root(2), "file"), READ_WRITE));
        let copy = Request::Copy {
            from: file,
            from_offset: 0,
            to,
            to_offset: 0,
            length: 4,
        };
        assert_ne!(home.ask(copy), Err(errno(Errno::ROFS)));
    }
}
