//! Lengths, offsets, permissions, owners and kinds that nobody honest asks for.

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};

use bytes::Bytes;
use live::files::{
    Allocation, ErrorNumber, Handle, Kind, LARGEST_TRANSFER, Lock, LockKind, NewAttributes,
    Outcome, Reply, Request, Seeking, Setting, Target,
};
use rustix::io::Errno;

use crate::driver::{HONEST, Laptop, Server, play};
use crate::requests::{READ, READ_WRITE, place};

fn refused(errno: Errno) -> Outcome {
    Err(ErrorNumber(errno.raw_os_error() as u16))
}

async fn open(server: &mut Server, name: &str) -> Handle {
    match server.ask(Request::Open(place(name), READ_WRITE)).await {
        Ok(Reply::Opened { handle, .. }) => handle,
        other => panic!("{other:?}"),
    }
}

#[test]
fn offsets_and_lengths_without_bounds() {
    play(async {
        let laptop = Laptop::new();
        let file = fs::File::create(laptop.project().join("large")).unwrap();
        file.set_len(64 << 20).unwrap();
        let mut server = laptop.connect().await;
        let handle = open(&mut server, "large").await;
        let length = u32::MAX;
        match server
            .ask(Request::Read {
                handle,
                offset: 0,
                length,
            })
            .await
        {
            Ok(Reply::Bytes(bytes)) => assert_eq!(bytes.len(), LARGEST_TRANSFER as usize),
            other => panic!("{other:?}"),
        }
        for offset in [u64::MAX, u64::MAX - 1, i64::MAX as u64, 1 << 63] {
            let exabytes = 1 << 60;
            let requests = vec![
                Request::Write {
                    handle,
                    offset,
                    bytes: "x".into(),
                },
                Request::Allocate {
                    handle,
                    offset,
                    length: exabytes,
                    how: Allocation::Allocate,
                },
                Request::Allocate {
                    handle,
                    offset: 0,
                    length: offset,
                    how: Allocation::Allocate,
                },
                Request::Seek {
                    handle,
                    offset,
                    what: Seeking::Data,
                },
                Request::Seek {
                    handle,
                    offset,
                    what: Seeking::Hole,
                },
            ];
            for (at, outcome) in server.ask_all(requests).await.into_iter().enumerate() {
                assert!(outcome.is_err(), "{at}: {outcome:?} at {offset}");
            }
            // Nothing is there, or that is no offset.
            let read = server
                .ask(Request::Read {
                    handle,
                    offset,
                    length,
                })
                .await;
            assert!(matches!(&read, Ok(Reply::Bytes(bytes)) if bytes.is_empty()) || read.is_err());
            let copy = Request::Copy {
                from: handle,
                from_offset: offset,
                to: handle,
                to_offset: offset,
                length: offset,
            };
            let copied = server.ask(copy).await;
            assert!(matches!(copied, Ok(Reply::Count(0)) | Err(_)), "{copied:?}");
            let lock = Lock {
                owner: 1,
                kind: LockKind::Read,
                start: offset,
                end: 0,
            };
            assert_eq!(
                server.ask(Request::SetLock(handle, lock)).await,
                refused(Errno::INVAL)
            );
        }
        // A file may be made to look large; that takes no room.
        let offset = 1 << 40;
        let written = server
            .ask(Request::Write {
                handle,
                offset,
                bytes: "x".into(),
            })
            .await;
        assert!(
            matches!(written, Ok(Reply::Count(1)) | Err(_)),
            "{written:?}"
        );
        let takes = fs::metadata(laptop.project().join("large"))
            .unwrap()
            .blocks()
            * 512;
        assert!(takes < 16 << 20, "{takes}");
        laptop.check().await;
    });
}

#[test]
fn no_rights_owners_devices_or_attributes_of_the_system() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        let at = || place("honest");
        let target = || Target::Place(at());
        for permissions in [0o4755, 0o2755, 0o6777, u16::MAX] {
            let new = NewAttributes {
                permissions: Some(permissions),
                ..NewAttributes::default()
            };
            let set = server.ask(Request::SetAttributes(target(), new)).await;
            assert_eq!(set, refused(Errno::PERM));
            for (name, opening) in [("made", READ_WRITE), ("made-2", READ)] {
                let place = place(name);
                let create = Request::Create {
                    place,
                    permissions,
                    opening,
                    exclusive: false,
                };
                server.ask(create).await.unwrap();
                let mode = fs::metadata(laptop.project().join(name)).unwrap().mode();
                assert_eq!(mode & 0o6000, 0, "{mode:o}");
                fs::remove_file(laptop.project().join(name)).unwrap();
            }
        }
        for owner in [
            NewAttributes {
                user: Some(4242),
                ..NewAttributes::default()
            },
            NewAttributes {
                group: Some(4242),
                ..NewAttributes::default()
            },
        ] {
            assert_eq!(
                server.ask(Request::SetAttributes(target(), owner)).await,
                refused(Errno::PERM)
            );
        }
        for kind in [Kind::CharacterDevice, Kind::BlockDevice] {
            let node = Request::MakeNode {
                place: place("node"),
                kind,
                permissions: 0o666,
            };
            assert_eq!(server.ask(node).await, refused(Errno::PERM));
        }
        let names = [
            "security.capability",
            "security.ima",
            "trusted.x",
            "system.posix_acl_access",
            "userx",
            "",
        ];
        for name in names {
            let (value, how) = (Bytes::from(vec![1; 20]), Setting::CreateOrReplace);
            let set = Request::SetExtendedAttribute {
                target: target(),
                name: name.into(),
                value,
                how,
            };
            assert_eq!(server.ask(set).await, refused(Errno::PERM), "{name}");
            let remove = Request::RemoveExtendedAttribute {
                target: target(),
                name: name.into(),
            };
            assert_eq!(server.ask(remove).await, refused(Errno::PERM), "{name}");
        }
        let huge = Bytes::from(vec![b'x'; 1 << 20]);
        let how = Setting::CreateOrReplace;
        let requests = vec![
            Request::SetExtendedAttribute {
                target: target(),
                name: "user.x".into(),
                value: huge.clone(),
                how,
            },
            Request::SetExtendedAttribute {
                target: target(),
                name: "user.\0".into(),
                value: "x".into(),
                how,
            },
            Request::ExtendedAttribute {
                target: target(),
                name: huge.clone(),
            },
            Request::MakeLink {
                place: place("link"),
                target: huge,
            },
            Request::MakeLink {
                place: place("link"),
                target: "a\0b".into(),
            },
        ];
        for outcome in server.ask_all(requests).await {
            assert!(outcome.is_err(), "{outcome:?}");
        }
        assert_eq!(fs::read(laptop.project().join("honest")).unwrap(), HONEST);
        laptop.check().await;
    });
}

/// More than there are threads: one that waited for each would leave none.
#[test]
fn pipes_and_sockets_hold_up_nobody() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        for (name, kind) in [("pipe", Kind::Pipe), ("socket", Kind::Socket)] {
            let made = Request::MakeNode {
                place: place(name),
                kind,
                permissions: 0o666,
            };
            server.ask(made).await.unwrap();
            let requests = (0..100).map(|number| match number % 3 {
                0 => Request::Open(place(name), READ),
                1 => Request::Open(place(name), READ_WRITE),
                _ => Request::Create {
                    place: place(name),
                    permissions: 0o600,
                    opening: READ_WRITE,
                    exclusive: false,
                },
            });
            for outcome in server.ask_all(requests.collect()).await {
                assert_eq!(outcome, refused(Errno::NXIO));
            }
        }
        let pipe = fs::symlink_metadata(laptop.project().join("pipe")).unwrap();
        assert!(pipe.file_type().is_fifo());
        laptop.check().await;
    });
}
