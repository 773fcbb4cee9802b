//! Everything that is said of files.

use bytes::Bytes;
use live::RelativePath;
use live::files::{
    Access, Allocation, Attributes, Change, Contents, Entry, ErrorNumber, Handle, Identity, Kind,
    Listing, Lock, LockKind, NewAttributes, NewTime, Opening, Outcome, Place, Renaming, Reply,
    Request, Root, Seeking, Setting, Space, Target, Time,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

pub(crate) fn path() -> impl Strategy<Value = RelativePath> {
    let name = vec(any::<u8>(), 1..40);
    vec(name, 0..5).prop_map(|names| RelativePath::new(&names.join(&b'/')).unwrap_or_default())
}

fn bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..300).prop_map(Bytes::from)
}

fn root() -> impl Strategy<Value = Root> {
    any::<u32>().prop_map(Root)
}

fn identity() -> impl Strategy<Value = Identity> {
    (any::<(u64, u64)>(), time()).prop_map(|((device, inode), born)| Identity {
        device,
        inode,
        born,
    })
}

fn place() -> impl Strategy<Value = Place> {
    (root(), path(), option::of(identity())).prop_map(|(root, path, identity)| Place {
        root,
        path,
        identity,
    })
}

fn handle() -> impl Strategy<Value = Handle> {
    any::<u64>().prop_map(Handle)
}

fn target() -> impl Strategy<Value = Target> {
    prop_oneof![
        place().prop_map(Target::Place),
        handle().prop_map(Target::Handle)
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    select(vec![
        Kind::File,
        Kind::Directory,
        Kind::Link,
        Kind::Pipe,
        Kind::Socket,
        Kind::CharacterDevice,
        Kind::BlockDevice,
    ])
}

fn time() -> impl Strategy<Value = Time> {
    any::<(i64, u32)>().prop_map(|(seconds, nanoseconds)| Time {
        seconds,
        nanoseconds,
    })
}

fn new_time() -> impl Strategy<Value = NewTime> {
    prop_oneof![Just(NewTime::Now), time().prop_map(NewTime::At)]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    let numbers = any::<(u16, u32, u32, u32, u64, u64, u64)>();
    (identity(), kind(), numbers, [time(), time(), time()]).prop_map(
        |(identity, kind, numbers, [accessed, modified, changed])| {
            let (permissions, links, user, group, device_number, size, blocks) = numbers;
            Attributes {
                identity,
                kind,
                permissions,
                links,
                user,
                group,
                device_number,
                size,
                blocks,
                accessed,
                modified,
                changed,
            }
        },
    )
}

fn new_attributes() -> impl Strategy<Value = NewAttributes> {
    let numbers = any::<(Option<u16>, Option<u32>, Option<u32>, Option<u64>)>();
    (numbers, option::of(new_time()), option::of(new_time())).prop_map(
        |(numbers, accessed, modified)| {
            let (permissions, user, group, size) = numbers;
            NewAttributes {
                permissions,
                user,
                group,
                size,
                accessed,
                modified,
            }
        },
    )
}

fn opening() -> impl Strategy<Value = Opening> {
    let access = select(vec![Access::Read, Access::Write, Access::ReadWrite]);
    (access, any::<bool>(), any::<bool>()).prop_map(|(access, truncate, append)| Opening {
        access,
        truncate,
        append,
    })
}

fn allocation() -> impl Strategy<Value = Allocation> {
    select(vec![
        Allocation::Allocate,
        Allocation::KeepSize,
        Allocation::PunchHole,
        Allocation::Zero { keep_size: false },
        Allocation::Zero { keep_size: true },
    ])
}

fn lock() -> impl Strategy<Value = Lock> {
    let kind = select(vec![LockKind::Read, LockKind::Write, LockKind::Unlock]);
    (kind, any::<(u64, u64, u64)>()).prop_map(|(kind, (owner, start, end))| Lock {
        owner,
        kind,
        start,
        end,
    })
}

pub(crate) fn request() -> impl Strategy<Value = Request> {
    prop_oneof![5 => of_places(), 3 => of_handles(), 2 => of_extended_attributes()]
}

fn of_places() -> BoxedStrategy<Request> {
    let renaming = select(vec![
        Renaming::Replace,
        Renaming::NoReplace,
        Renaming::Exchange,
    ]);
    prop_oneof![
        target().prop_map(Request::Attributes),
        (target(), new_attributes()).prop_map(|(target, new)| Request::SetAttributes(target, new)),
        place().prop_map(Request::ReadLink),
        (place(), any::<u16>())
            .prop_map(|(place, permissions)| Request::MakeDirectory { place, permissions }),
        (place(), kind(), any::<u16>()).prop_map(|(place, kind, permissions)| Request::MakeNode {
            place,
            kind,
            permissions
        }),
        (place(), bytes()).prop_map(|(place, target)| Request::MakeLink { place, target }),
        (place(), place()).prop_map(|(of, place)| Request::AddName { of, place }),
        (place(), place(), renaming).prop_map(|(from, to, how)| Request::Rename { from, to, how }),
        place().prop_map(Request::Remove),
        place().prop_map(Request::RemoveDirectory),
        (place(), opening()).prop_map(|(place, opening)| Request::Open(place, opening)),
        (place(), any::<u16>(), opening(), any::<bool>()).prop_map(
            |(place, permissions, opening, exclusive)| {
                Request::Create {
                    place,
                    permissions,
                    opening,
                    exclusive,
                }
            }
        ),
        place().prop_map(Request::OpenDirectory),
        place().prop_map(Request::Space),
        vec(place(), 0..5).prop_map(Request::ReadTree),
        vec(place(), 0..5).prop_map(Request::ReadFiles),
    ]
    .boxed()
}

fn of_handles() -> BoxedStrategy<Request> {
    let seeking = select(vec![Seeking::Data, Seeking::Hole]);
    prop_oneof![
        (handle(), any::<bool>())
            .prop_map(|(handle, restart)| Request::ReadDirectory { handle, restart }),
        (handle(), any::<u64>(), any::<u32>()).prop_map(|(handle, offset, length)| Request::Read {
            handle,
            offset,
            length
        }),
        (handle(), any::<u64>(), bytes()).prop_map(|(handle, offset, bytes)| Request::Write {
            handle,
            offset,
            bytes
        }),
        (handle(), any::<u64>(), bytes(), new_attributes()).prop_map(
            |(handle, offset, bytes, new)| Request::WriteAndSet {
                handle,
                offset,
                bytes,
                new,
            }
        ),
        (handle(), any::<bool>())
            .prop_map(|(handle, data_only)| Request::Sync { handle, data_only }),
        handle().prop_map(Request::Close),
        (handle(), any::<(u64, u64)>(), allocation()).prop_map(
            |(handle, (offset, length), how)| Request::Allocate {
                handle,
                offset,
                length,
                how
            }
        ),
        (handle(), any::<u64>(), seeking).prop_map(|(handle, offset, what)| Request::Seek {
            handle,
            offset,
            what
        }),
        (handle(), handle(), any::<(u64, u64, u64)>()).prop_map(
            |(from, to, (from_offset, to_offset, length))| {
                Request::Copy {
                    from,
                    from_offset,
                    to,
                    to_offset,
                    length,
                }
            }
        ),
        (handle(), lock()).prop_map(|(handle, lock)| Request::TestLock(handle, lock)),
        (handle(), lock()).prop_map(|(handle, lock)| Request::SetLock(handle, lock)),
    ]
    .boxed()
}

fn of_extended_attributes() -> BoxedStrategy<Request> {
    let setting = select(vec![
        Setting::CreateOrReplace,
        Setting::Create,
        Setting::Replace,
    ]);
    prop_oneof![
        (target(), bytes()).prop_map(|(target, name)| Request::ExtendedAttribute { target, name }),
        target().prop_map(Request::ExtendedAttributes),
        (target(), bytes(), bytes(), setting).prop_map(|(target, name, value, how)| {
            Request::SetExtendedAttribute {
                target,
                name,
                value,
                how,
            }
        }),
        (target(), bytes())
            .prop_map(|(target, name)| Request::RemoveExtendedAttribute { target, name }),
    ]
    .boxed()
}

fn space() -> impl Strategy<Value = Space> {
    any::<(u32, u64, u64, u64, u64, u64, u32)>().prop_map(
        |(block_size, blocks, blocks_free, blocks_available, files, files_free, longest_name)| {
            Space {
                block_size,
                blocks,
                blocks_free,
                blocks_available,
                files,
                files_free,
                longest_name,
            }
        },
    )
}

fn listing() -> impl Strategy<Value = Listing> {
    let entry = (bytes(), attributes()).prop_map(|(name, attributes)| Entry { name, attributes });
    (path(), identity(), vec(entry, 0..5)).prop_map(|(path, identity, entries)| Listing {
        path,
        identity,
        entries,
    })
}

fn contents() -> impl Strategy<Value = Contents> {
    (attributes(), bytes()).prop_map(|(attributes, bytes)| Contents { attributes, bytes })
}

fn reply() -> impl Strategy<Value = Reply> {
    let entry = (bytes(), attributes()).prop_map(|(name, attributes)| Entry { name, attributes });
    prop_oneof![
        Just(Reply::Done),
        attributes().prop_map(Reply::Attributes),
        (handle(), attributes())
            .prop_map(|(handle, attributes)| Reply::Opened { handle, attributes }),
        (attributes(), attributes()).prop_map(|(attributes, directory)| Reply::Made {
            attributes,
            directory,
        }),
        (handle(), attributes(), attributes()).prop_map(|(handle, attributes, directory)| {
            Reply::Created {
                handle,
                attributes,
                directory,
            }
        }),
        attributes().prop_map(|directory| Reply::Removed { directory }),
        [attributes(), attributes()].prop_map(|directories| Reply::Renamed { directories }),
        bytes().prop_map(Reply::Bytes),
        any::<u64>().prop_map(Reply::Count),
        any::<u64>().prop_map(Reply::Offset),
        (vec(entry, 0..10), any::<bool>())
            .prop_map(|(entries, is_last)| Reply::Entries { entries, is_last }),
        space().prop_map(Reply::Space),
        lock().prop_map(Reply::Lock),
        vec(listing(), 0..4).prop_map(Reply::Tree),
        vec(option::of(contents()), 0..4).prop_map(Reply::Files),
    ]
}

pub(crate) fn outcome() -> impl Strategy<Value = Outcome> {
    prop_oneof![
        9 => reply().prop_map(Ok),
        1 => any::<u16>().prop_map(|number| Err(ErrorNumber(number))),
    ]
}

pub(crate) fn change() -> impl Strategy<Value = Change> {
    prop_oneof![
        (root(), path(), option::of(attributes())).prop_map(|(root, path, attributes)| {
            Change::At {
                root,
                path,
                attributes,
            }
        }),
        (root(), path()).prop_map(|(root, path)| Change::Anything { root, path }),
        (root(), any::<bool>()).prop_map(|(root, all)| Change::Watched { root, all }),
    ]
}
