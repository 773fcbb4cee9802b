//! Every request that there is, in whatever wrong way.

use live::RelativePath;
use live::files::{
    Access, Allocation, Handle, Kind, Lock, LockKind, NewAttributes, NewTime, Opening, Outcome,
    Place, Renaming, Reply, Request, Root, Seeking, Setting, Target, Time,
};

use crate::driver::ROOT;

pub(crate) const READ: Opening = opening(Access::Read);
pub(crate) const READ_WRITE: Opening = opening(Access::ReadWrite);

pub(crate) const fn opening(access: Access) -> Opening {
    Opening {
        access,
        truncate: false,
        append: false,
    }
}

pub(crate) fn place(path: impl AsRef<[u8]>) -> Place {
    place_in(ROOT, path)
}

pub(crate) fn place_in(root: Root, path: impl AsRef<[u8]>) -> Place {
    Place {
        root,
        path: RelativePath::new(path.as_ref()).unwrap(),
        identity: None,
    }
}

/// Which request it is, and whether it changes something. The match has no wildcard: a new request has to be added here, and
/// then to [`on`] too.
pub(crate) fn describe(request: &Request) -> (usize, bool) {
    match request {
        Request::Attributes(_) => (0, false),
        Request::SetAttributes(..) => (1, true),
        Request::ReadLink(_) => (2, false),
        Request::MakeDirectory { .. } => (3, true),
        Request::MakeNode { .. } => (4, true),
        Request::MakeLink { .. } => (5, true),
        Request::AddName { .. } => (6, true),
        Request::Rename { .. } => (7, true),
        Request::Remove(_) => (8, true),
        Request::RemoveDirectory(_) => (9, true),
        Request::Open(_, opening) => (10, *opening != READ),
        Request::Create { .. } => (11, true),
        Request::OpenDirectory(_) => (12, false),
        Request::ReadDirectory { .. } => (13, false),
        Request::Read { .. } => (14, false),
        Request::Write { .. } => (15, true),
        Request::Sync { .. } => (16, false),
        Request::Close(_) => (17, false),
        Request::Space(_) => (18, false),
        Request::ExtendedAttribute { .. } => (19, false),
        Request::ExtendedAttributes(_) => (20, false),
        Request::SetExtendedAttribute { .. } => (21, true),
        Request::RemoveExtendedAttribute { .. } => (22, true),
        Request::Allocate { .. } => (23, true),
        Request::Seek { .. } => (24, false),
        Request::Copy { .. } => (25, true),
        Request::TestLock(..) => (26, false),
        // Those for writing are refused with `EBADF` where nothing can be opened for writing.
        Request::SetLock(..) => (27, false),
        Request::ReadTree(_) => (28, false),
        Request::ReadFiles(_) => (29, false),
        Request::WriteAndSet { .. } => (30, true),
    }
}
/// Nothing was done, and nothing told.
pub(crate) fn is_refusal(outcome: &Outcome) -> bool {
    match outcome {
        Err(_) => true,
        Ok(Reply::Tree(listings)) => listings.is_empty(),
        Ok(Reply::Files(files)) => files.iter().all(Option::is_none),
        Ok(_) => false,
    }
}

/// Whether it is one that is refused wherever it is.
pub(crate) fn makes_device(request: &Request) -> bool {
    matches!(
        request,
        Request::MakeNode {
            kind: Kind::CharacterDevice | Kind::BlockDevice,
            ..
        }
    )
}

/// How many there are.
const KINDS: usize = 31;

/// Every request on a file by its name and by its handle, with `inside` as the other name where there are two. Closing is the
/// last.
pub(crate) fn on(at: &Place, handle: Handle, inside: &Place) -> Vec<Request> {
    let mut all = by_name(at, inside);
    all.extend(on_target(&Target::Place(at.clone())));
    all.extend(on_target(&Target::Handle(handle)));
    all.extend(by_handle(handle));
    let mut met = [false; KINDS];
    all.iter()
        .for_each(|request| met[describe(request).0] = true);
    assert!(met.iter().all(|met| *met), "{met:?}");
    all
}

fn by_name(at: &Place, inside: &Place) -> Vec<Request> {
    let (place, permissions) = (|| at.clone(), 0o777);
    let mut all = vec![
        Request::ReadLink(place()),
        Request::MakeDirectory {
            place: place(),
            permissions,
        },
        Request::MakeLink {
            place: place(),
            target: "x".into(),
        },
        Request::AddName {
            of: place(),
            place: inside.clone(),
        },
        Request::AddName {
            of: inside.clone(),
            place: place(),
        },
        Request::RemoveDirectory(place()),
        Request::OpenDirectory(place()),
        Request::Space(place()),
    ];
    for kind in [
        Kind::File,
        Kind::Pipe,
        Kind::Socket,
        Kind::CharacterDevice,
        Kind::BlockDevice,
    ] {
        all.push(Request::MakeNode {
            place: place(),
            kind,
            permissions,
        });
    }
    for access in [Access::Read, Access::Write, Access::ReadWrite] {
        for truncate in [false, true] {
            let opening = Opening {
                truncate,
                ..opening(access)
            };
            all.push(Request::Open(place(), opening));
            for exclusive in [false, true] {
                all.push(Request::Create {
                    place: place(),
                    permissions,
                    opening,
                    exclusive,
                });
            }
        }
    }
    for how in [Renaming::Replace, Renaming::NoReplace, Renaming::Exchange] {
        all.push(Request::Rename {
            from: place(),
            to: inside.clone(),
            how,
        });
        all.push(Request::Rename {
            from: inside.clone(),
            to: place(),
            how,
        });
    }
    all.extend([
        Request::ReadTree(vec![place()]),
        Request::ReadFiles(vec![place()]),
        Request::Remove(place()),
    ]);
    all
}

fn on_target(target: &Target) -> Vec<Request> {
    let target = || target.clone();
    let new = NewAttributes {
        permissions: Some(0o777),
        size: Some(1),
        accessed: Some(NewTime::Now),
        modified: Some(NewTime::At(Time {
            seconds: 1,
            nanoseconds: 1,
        })),
        ..NewAttributes::default()
    };
    let owner = NewAttributes {
        user: Some(12_345),
        ..NewAttributes::default()
    };
    let mut all = vec![
        Request::Attributes(target()),
        Request::SetAttributes(target(), new),
        Request::SetAttributes(target(), owner),
        Request::ExtendedAttributes(target()),
    ];
    for name in [
        "user.mark",
        "security.capability",
        "trusted.x",
        "system.posix_acl_access",
    ] {
        let (name, value) = (|| name.into(), "x".into());
        let how = Setting::CreateOrReplace;
        all.extend([
            Request::ExtendedAttribute {
                target: target(),
                name: name(),
            },
            Request::SetExtendedAttribute {
                target: target(),
                name: name(),
                value,
                how,
            },
            Request::RemoveExtendedAttribute {
                target: target(),
                name: name(),
            },
        ]);
    }
    all
}

fn by_handle(handle: Handle) -> Vec<Request> {
    let (offset, length) = (0, 10);
    let mut all = vec![
        Request::ReadDirectory {
            handle,
            restart: true,
        },
        Request::Read {
            handle,
            offset,
            length: 1000,
        },
        Request::Write {
            handle,
            offset,
            bytes: "x".into(),
        },
        Request::WriteAndSet {
            handle,
            offset,
            bytes: "x".into(),
            new: NewAttributes {
                permissions: Some(0o4777),
                ..NewAttributes::default()
            },
        },
        Request::Sync {
            handle,
            data_only: false,
        },
        Request::Copy {
            from: handle,
            from_offset: 0,
            to: handle,
            to_offset: 100,
            length,
        },
        Request::Seek {
            handle,
            offset,
            what: Seeking::Data,
        },
    ];
    for how in [
        Allocation::Allocate,
        Allocation::PunchHole,
        Allocation::Zero { keep_size: false },
    ] {
        all.push(Request::Allocate {
            handle,
            offset,
            length,
            how,
        });
    }
    for kind in [LockKind::Read, LockKind::Write] {
        let lock = Lock {
            owner: 1,
            kind,
            start: 0,
            end: 9,
        };
        all.extend([
            Request::TestLock(handle, lock),
            Request::SetLock(handle, lock),
        ]);
    }
    all.push(Request::Close(handle));
    all
}
