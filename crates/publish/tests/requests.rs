//! Every request does what it says: names, links, kinds of files. The two ways to be confined do the same.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, symlink};
use std::os::unix::net::UnixListener;

use common::*;
use live::files::{Kind, Place, Renaming, Reply, Request, Root, Setting, Target};
use rustix::io::Errno;

/// Not UTF-8, blanks, a new line, what looks like an option, and the longest name.
fn odd_names() -> Vec<Vec<u8>> {
    let longest = vec![b'n'; 255];
    vec![
        b"\xff\xfe\x80".to_vec(),
        b"new\nline".to_vec(),
        b" blank ".to_vec(),
        b"-rf".to_vec(),
        b"...".to_vec(),
        longest,
    ]
}

#[test]
fn attributes_are_those_of_the_file() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        for name in odd_names() {
            home.file(&name, &name);
            assert_eq!(home.agrees(&name).size, name.len() as u64);
        }
        fs::create_dir_all(home.at("a/b/c")).unwrap();
        home.file("a/b/c/file", b"1234");
        symlink("nowhere", home.at("a/link")).unwrap();
        fs::hard_link(home.at("a/b/c/file"), home.at("second")).unwrap();
        assert_eq!(home.agrees("a/b/c/file").links, 2);
        assert_eq!(
            home.agrees("second").identity,
            home.agrees("a/b/c/file").identity
        );
        assert_eq!(home.agrees("a/link").kind, Kind::Link);
        assert_eq!(home.agrees("a/b/c").kind, Kind::Directory);
        assert_eq!(home.agrees("").kind, Kind::Directory);
        home.refused(Request::Attributes(target("none")), Errno::NOENT);
        home.refused(Request::Attributes(target("second/below")), Errno::NOTDIR);
        let handle = home.open("second", READ);
        assert_eq!(
            home.attributes(Request::Attributes(Target::Handle(handle))),
            home.agrees("second")
        );
    }
}

#[test]
fn names_are_made_renamed_and_removed() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        for name in odd_names() {
            let made = home.attributes(Request::MakeDirectory {
                place: place(&name),
                permissions: 0o751,
            });
            assert_eq!(made, home.agrees(&name));
            home.refused(
                Request::MakeDirectory {
                    place: place(&name),
                    permissions: 0o751,
                },
                Errno::EXIST,
            );
            home.refused(Request::Remove(place(&name)), Errno::ISDIR);
            home.done(Request::RemoveDirectory(place(&name)));
            assert!(!home.at(&name).exists());
            home.refused(Request::RemoveDirectory(place(&name)), Errno::NOENT);
        }
        home.file("file", b"contents");
        home.refused(Request::RemoveDirectory(place("file")), Errno::NOTDIR);
        home.done(Request::Remove(place("file")));
        assert!(!home.at("file").exists());
        fs::create_dir_all(home.at("full/below")).unwrap();
        home.refused(Request::RemoveDirectory(place("full")), Errno::NOTEMPTY);
        for request in [
            Request::Remove(place("")),
            Request::RemoveDirectory(place("")),
        ] {
            home.refused(request, Errno::BUSY);
        }
    }
}

#[test]
fn nodes_and_links_are_made() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let make = |name: &str, kind| Request::MakeNode {
            place: place(name),
            kind,
            permissions: 0o640,
        };
        for (name, kind) in [
            ("file", Kind::File),
            ("pipe", Kind::Pipe),
            ("socket", Kind::Socket),
        ] {
            let made = home.attributes(make(name, kind));
            assert_eq!(
                (made, made.kind, made.permissions),
                (home.agrees(name), kind, 0o640)
            );
            home.refused(make(name, kind), Errno::EXIST);
        }
        assert!(
            fs::symlink_metadata(home.at("pipe"))
                .unwrap()
                .file_type()
                .is_fifo()
        );
        home.refused(make("device", Kind::CharacterDevice), Errno::PERM);
        home.refused(make("device", Kind::BlockDevice), Errno::PERM);
        home.refused(make("device", Kind::Directory), Errno::INVAL);
        assert!(!home.at("device").exists());

        let says = b"../\xff/anywhere";
        let made = home.attributes(Request::MakeLink {
            place: place("link"),
            target: says.to_vec().into(),
        });
        assert_eq!(made, home.agrees("link"));
        assert_eq!(&home.bytes(Request::ReadLink(place("link")))[..], says);
        home.refused(Request::ReadLink(place("file")), Errno::INVAL);
        home.done(Request::Remove(place("link")));
    }
}

#[test]
fn hard_links_are_names_of_the_same_file() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        home.file("file", b"contents");
        symlink("file", home.at("link")).unwrap();
        fs::create_dir(home.at("directory")).unwrap();
        let add = |of: &str, name: &str| Request::AddName {
            of: place(of),
            place: place(name),
        };
        let made = home.attributes(add("file", "directory/second"));
        assert_eq!((made, made.links), (home.agrees("file"), 2));
        home.refused(add("file", "directory/second"), Errno::EXIST);
        home.refused(add("directory", "third"), Errno::PERM);
        // The link gets the name, not what it leads to.
        assert_eq!(home.attributes(add("link", "same-link")).kind, Kind::Link);
        assert_eq!(
            home.agrees("same-link").identity,
            home.agrees("link").identity
        );
        assert_eq!(home.agrees("file").links, 2);
    }
}

#[test]
fn renaming_replaces_keeps_or_exchanges() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let rename = |from: &str, to: &str, how| Request::Rename {
            from: place(from),
            to: place(to),
            how,
        };
        home.file("one", b"1");
        home.file("two", b"2");
        home.refused(rename("one", "two", Renaming::NoReplace), Errno::EXIST);
        home.done(rename("one", "two", Renaming::Exchange));
        assert_eq!(fs::read(home.at("one")).unwrap(), b"2");
        home.refused(rename("one", "none", Renaming::Exchange), Errno::NOENT);
        fs::create_dir_all(home.at("from/below")).unwrap();
        home.done(rename("one", "from/below/three", Renaming::NoReplace));
        home.done(rename("two", "from/below/three", Renaming::Replace));
        assert_eq!(fs::read(home.at("from/below/three")).unwrap(), b"1");
        home.done(rename("from", "to", Renaming::Replace));
        assert_eq!(fs::read(home.at("to/below/three")).unwrap(), b"1");
        home.refused(
            rename("to", "to/below/itself", Renaming::Replace),
            Errno::INVAL,
        );
        home.refused(rename("", "to/root", Renaming::Replace), Errno::BUSY);
        home.refused(rename("to", "", Renaming::Replace), Errno::BUSY);
    }
}

#[test]
fn nothing_leads_from_one_published_directory_to_the_other() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let second = tempfile::tempdir().unwrap();
        let publish = |root, read_only| {
            let service = &home.service;
            service
                .publish_with(root, second.path(), read_only, confinement)
                .unwrap();
        };
        publish(Root(2), false);
        publish(Root(4), true);
        home.file("file", b"contents");
        put(&second.path().join("other"), b"other");
        let before = (snapshot(&home.root()), snapshot(second.path()));
        for (root, errno) in [
            (Root(2), Errno::XDEV),
            (Root(3), Errno::NODEV),
            (Root(4), Errno::ROFS),
        ] {
            let [here, there] = [place("file"), place_in(root, "other")];
            let new = place_in(root, "new");
            for how in [Renaming::Replace, Renaming::NoReplace, Renaming::Exchange] {
                let rename = |from: &Place, to: &Place| {
                    let (from, to) = (from.clone(), to.clone());
                    home.refused(Request::Rename { from, to, how }, errno);
                };
                rename(&here, &new);
                rename(&here, &there);
                rename(&there, &here);
            }
            let add = |of: &Place, place: &Place| {
                let (of, place) = (of.clone(), place.clone());
                home.refused(Request::AddName { of, place }, errno);
            };
            add(&here, &new);
            add(&there, &place("new"));
        }
        assert!(before == (snapshot(&home.root()), snapshot(second.path())));
    }
}

#[test]
fn space_is_that_of_the_file_system() {
    let home = Home::new(BOTH[0]);
    let system = rustix::fs::statvfs(home.root()).unwrap();
    let Ok(Reply::Space(space)) = home.ask(Request::Space(place(""))) else {
        panic!("no space");
    };
    assert_eq!(u64::from(space.block_size), system.f_frsize);
    assert_eq!(
        (space.blocks, space.files),
        (system.f_blocks, system.f_files)
    );
    assert_eq!(space.longest_name, 255);
}

#[test]
fn a_file_of_another_kind_is_not_opened() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let mode = rustix::fs::Mode::from_raw_mode(0o666);
        let make = |name: &str, kind, device| {
            rustix::fs::mknodat(rustix::fs::CWD, home.at(name), kind, mode, device)
        };
        make("pipe", rustix::fs::FileType::Fifo, 0).unwrap();
        let _listener = UnixListener::bind(home.at("socket")).unwrap();
        let mut names = vec!["pipe", "socket"];
        // As /dev/zero is.
        let zero = rustix::fs::makedev(1, 5);
        match make("device", rustix::fs::FileType::CharacterDevice, zero) {
            Ok(()) => names.push("device"),
            Err(error) => testkit::skip(format!("no device can be made: {error}")),
        }
        for name in names {
            let before = home.agrees(name);
            for opening in [READ, WRITE, READ_WRITE] {
                home.refused(Request::Open(place(name), opening), Errno::NXIO);
                let create = |exclusive| Request::Create {
                    place: place(name),
                    permissions: 0o600,
                    opening,
                    exclusive,
                };
                home.refused(create(false), Errno::NXIO);
                home.refused(create(true), Errno::EXIST);
            }
            home.refused(Request::OpenDirectory(place(name)), Errno::NOTDIR);
            home.refused(Request::SetAttributes(target(name), size(0)), Errno::NXIO);
            assert_eq!(home.agrees(name), before);
            home.ask(Request::ExtendedAttributes(target(name))).ok();
            home.ask(Request::Space(place(name))).unwrap();
            home.attributes(Request::SetAttributes(target(name), permissions(0o600)));
            home.done(Request::Remove(place(name)));
        }
        fs::create_dir(home.at("directory")).unwrap();
        home.refused(Request::Open(place("directory"), READ), Errno::ISDIR);
    }
}

#[test]
fn a_name_that_leads_to_another_file_is_stale_and_nothing_is_done() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        home.file("file", b"contents");
        fs::create_dir(home.at("directory")).unwrap();
        symlink("file", home.at("link")).unwrap();
        let other = Some(home.agrees("").identity);
        let stale = |name: &str| {
            let mut place = place(name);
            place.identity = other;
            place
        };
        let before = snapshot(&home.root());
        let requests = [
            Request::Attributes(Target::Place(stale("file"))),
            Request::SetAttributes(Target::Place(stale("file")), size(0)),
            Request::ReadLink(stale("link")),
            Request::AddName {
                of: stale("file"),
                place: place("new"),
            },
            Request::AddName {
                of: place("file"),
                place: stale("new"),
            },
            Request::MakeDirectory {
                place: stale("new"),
                permissions: 0o700,
            },
            Request::MakeNode {
                place: stale("file"),
                kind: Kind::File,
                permissions: 0o700,
            },
            Request::MakeLink {
                place: stale("new"),
                target: "x".into(),
            },
            Request::Rename {
                from: stale("file"),
                to: place("new"),
                how: Renaming::Replace,
            },
            Request::Rename {
                from: place("file"),
                to: stale("link"),
                how: Renaming::Replace,
            },
            Request::Rename {
                from: place("file"),
                to: stale("new"),
                how: Renaming::Replace,
            },
            Request::Remove(stale("file")),
            Request::RemoveDirectory(stale("directory")),
            Request::Open(
                stale("file"),
                live::files::Opening {
                    truncate: true,
                    ..WRITE
                },
            ),
            Request::Create {
                place: stale("file"),
                permissions: 0o600,
                opening: WRITE,
                exclusive: false,
            },
            Request::Create {
                place: stale("new"),
                permissions: 0o600,
                opening: WRITE,
                exclusive: false,
            },
            Request::OpenDirectory(stale("directory")),
            Request::Space(stale("file")),
            Request::ExtendedAttribute {
                target: Target::Place(stale("file")),
                name: "user.a".into(),
            },
            Request::ExtendedAttributes(Target::Place(stale("file"))),
            set_extended(
                &Target::Place(stale("file")),
                "user.a",
                b"",
                Setting::Create,
            ),
            Request::RemoveExtendedAttribute {
                target: Target::Place(stale("file")),
                name: "user.a".into(),
            },
        ];
        for request in requests {
            home.refused(request, Errno::STALE);
        }
        assert_eq!(snapshot(&home.root()), before);
        // The right one is no obstacle.
        let mut right = place("file");
        right.identity = Some(home.agrees("file").identity);
        home.attributes(Request::SetAttributes(
            Target::Place(right.clone()),
            size(1),
        ));
        home.done(Request::Remove(right));
    }
}
