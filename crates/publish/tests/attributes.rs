//! Attributes are set, but for those that are the laptop's own.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use common::*;
use live::files::{Kind, NewAttributes, NewTime, Request, Setting, Target, Time};
use rustix::io::Errno;

#[test]
fn attributes_are_set() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        home.file("file", b"12345678");
        let set = |name: &str, new| Request::SetAttributes(target(name), new);
        assert_eq!(home.attributes(set("file", size(3))), home.agrees("file"));
        assert_eq!(fs::read(home.at("file")).unwrap(), b"123");
        assert_eq!(home.attributes(set("file", size(1 << 40))).size, 1 << 40);
        assert_eq!(
            home.attributes(set("file", permissions(0o1604)))
                .permissions,
            0o1604
        );
        home.agrees("file");

        let time = |seconds, nanoseconds| Time {
            seconds,
            nanoseconds,
        };
        let times = |accessed, modified| NewAttributes {
            accessed,
            modified,
            ..NewAttributes::default()
        };
        let (old, exact) = (time(-1, 1), time(1_700_000_000, 123_456_789));
        let changed = home.attributes(set(
            "file",
            times(Some(NewTime::At(exact)), Some(NewTime::At(old))),
        ));
        assert_eq!((changed.accessed, changed.modified), (exact, old));
        let changed = home.attributes(set("file", times(None, Some(NewTime::Now))));
        assert_eq!(changed.accessed, exact);
        assert!(changed.modified.seconds > exact.seconds);
        let wrong = NewTime::At(time(0, 1_000_000_000));
        home.refused(set("file", times(Some(wrong), None)), Errno::INVAL);
        // What means "now" or "stays" to the system is no time.
        let omit = NewTime::At(time(0, 0x3fff_fffe));
        home.refused(set("file", times(Some(omit), None)), Errno::INVAL);

        symlink("file", home.at("link")).unwrap();
        let before = home.agrees("file");
        let changed = home.attributes(set("link", times(None, Some(NewTime::At(exact)))));
        assert_eq!((changed.kind, changed.modified), (Kind::Link, exact));
        assert_eq!(home.agrees("file"), before);
        home.refused(set("link", permissions(0o777)), Errno::OPNOTSUPP);
        fs::create_dir(home.at("directory")).unwrap();
        home.refused(set("directory", size(0)), Errno::ISDIR);
        assert_eq!(
            home.attributes(set("directory", permissions(0o3700)))
                .permissions,
            0o3700
        );
    }
}

#[test]
fn attributes_are_set_by_handle() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        home.file("file", b"12345678");
        for opening in [READ, WRITE, READ_WRITE] {
            let handle = Target::Handle(home.open("file", opening));
            let set = |new| home.attributes(Request::SetAttributes(handle.clone(), new));
            assert_eq!(set(size(5)).size, 5);
            assert_eq!(set(permissions(0o600)), home.agrees("file"));
            assert_eq!(set(size(8)).size, 8);
        }
        // Also when it has no name any more.
        let handle = home.open("file", READ_WRITE);
        home.done(Request::Remove(place("file")));
        let new = NewAttributes {
            size: Some(1),
            permissions: Some(0o640),
            modified: Some(NewTime::Now),
            ..NewAttributes::default()
        };
        let set = home.attributes(Request::SetAttributes(Target::Handle(handle), new));
        assert_eq!((set.size, set.permissions, set.links), (1, 0o640, 0));
        assert_eq!(&home.read(handle, 0, 10)[..], b"1");
    }
}

#[test]
fn owners_stay() {
    let home = Home::new(BOTH[0]);
    home.file("file", b"");
    let present = home.agrees("file");
    let set = |user, group| {
        let new = NewAttributes {
            user,
            group,
            size: Some(9),
            ..NewAttributes::default()
        };
        Request::SetAttributes(target("file"), new)
    };
    home.refused(set(Some(present.user + 1), None), Errno::PERM);
    home.refused(set(None, Some(present.group + 1)), Errno::PERM);
    assert_eq!(home.agrees("file"), present);
    let changed = home.attributes(set(Some(present.user), Some(present.group)));
    assert_eq!(
        (changed.size, changed.user, changed.group),
        (9, present.user, present.group)
    );
}

#[test]
fn no_file_gets_another_users_rights() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        for (name, kind) in [("file", Kind::File), ("pipe", Kind::Pipe)] {
            let made = home.attributes(Request::MakeNode {
                place: place(name),
                kind,
                permissions: 0o7755,
            });
            assert_eq!(made.permissions, 0o1755);
            for added in [0o4755, 0o2755] {
                home.refused(
                    Request::SetAttributes(target(name), permissions(added)),
                    Errno::PERM,
                );
            }
            assert_eq!(home.agrees(name).permissions, 0o1755);
        }
        let (handle, made) = home.opened(Request::Create {
            place: place("created"),
            permissions: 0o6711,
            opening: READ_WRITE,
            exclusive: true,
        });
        assert_eq!(made.permissions, 0o711);
        home.refused(
            Request::SetAttributes(Target::Handle(handle), permissions(0o4711)),
            Errno::PERM,
        );
        assert_eq!(home.agrees("created").permissions, 0o711);
        // What the user has made so stays so, and may be taken away.
        fs::set_permissions(home.at("file"), fs::Permissions::from_mode(0o4755)).unwrap();
        let kept = home.attributes(Request::SetAttributes(target("file"), permissions(0o4700)));
        assert_eq!(kept.permissions, 0o4700);
        let gone = home.attributes(Request::SetAttributes(target("file"), permissions(0o700)));
        assert_eq!(gone.permissions, 0o700);

        let made = home.attributes(Request::MakeDirectory {
            place: place("directory"),
            permissions: 0o7770,
        });
        assert_eq!(made.permissions, 0o3770);
        let below = home.attributes(Request::MakeDirectory {
            place: place("directory/below"),
            permissions: 0o750,
        });
        assert_eq!(below.permissions, 0o2750, "set-group is inherited");
        home.refused(
            Request::SetAttributes(target("directory"), permissions(0o4770)),
            Errno::PERM,
        );
    }
}

#[test]
fn extended_attributes_of_the_user() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        if !has_extended_attributes(&home.root()) {
            return;
        }
        home.file("file", b"");
        let handle = home.open("file", READ);
        for target in [target("file"), Target::Handle(handle)] {
            check_extended_attributes(&home, &target);
        }
        symlink("file", home.at("link")).unwrap();
        assert!(
            home.ask(set_extended(
                &target("link"),
                "user.a",
                b"",
                Setting::Create
            ))
            .is_err()
        );
    }
}

fn check_extended_attributes(home: &Home, target: &Target) {
    let set = |name: &str, value: &[u8], how| set_extended(target, name, value, how);
    let get = |name: &str| Request::ExtendedAttribute {
        target: target.clone(),
        name: name.to_owned().into(),
    };
    home.refused(set("user.a", b"", Setting::Replace), Errno::NODATA);
    home.done(set("user.a", b"\0value\xff", Setting::Create));
    home.refused(set("user.a", b"", Setting::Create), Errno::EXIST);
    home.done(set("user.\u{fc}", b"", Setting::CreateOrReplace));
    assert_eq!(&home.bytes(get("user.a"))[..], b"\0value\xff");
    assert_eq!(&home.bytes(get("user.\u{fc}"))[..], b"");
    home.refused(get("user.none"), Errno::NODATA);
    let listed = home.bytes(Request::ExtendedAttributes(target.clone()));
    let mut names: Vec<_> = listed.split_inclusive(|&byte| byte == 0).collect();
    names.sort_unstable();
    assert_eq!(names, ["user.a\0".as_bytes(), "user.\u{fc}\0".as_bytes()]);
    for name in [
        "trusted.a",
        "security.a",
        "system.posix_acl_access",
        "USER.a",
        "",
        "user",
    ] {
        home.refused(set(name, b"", Setting::CreateOrReplace), Errno::PERM);
        let name = name.to_owned().into();
        let target = target.clone();
        home.refused(
            Request::RemoveExtendedAttribute { target, name },
            Errno::PERM,
        );
    }
    for name in ["user.a", "user.\u{fc}"] {
        let name = name.to_owned().into();
        let target = target.clone();
        home.done(Request::RemoveExtendedAttribute { target, name });
    }
    assert!(
        home.bytes(Request::ExtendedAttributes(target.clone()))
            .is_empty()
    );
}
