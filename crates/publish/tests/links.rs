//! Links lead nowhere.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::hostile::{SECRET, TRUNCATE, everything_below, fill_outside};
use common::*;
use live::files::{Kind, Renaming, Request, Setting};
use publish::Published;
use rustix::io::Errno;

#[test]
fn a_link_on_the_way_is_not_gone_through() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let outside = fill_outside(&home);
        fs::create_dir_all(home.at("inside/below")).unwrap();
        home.file("inside/file", b"inside");
        home.file("inside/second", b"inside");
        let leads = [
            ("absolute", home.outside()),
            ("relative", "../outside".into()),
            ("up", "..".into()),
            ("down", "inside".into()),
            ("same", ".".into()),
            ("root", "/".into()),
            ("working", "/proc/self/cwd".into()),
            ("descriptors", "/proc/self/fd".into()),
        ];
        for (name, to) in &leads {
            symlink(to, home.at(name)).unwrap();
        }
        let before = snapshot(&home.root());
        for (name, _) in &leads {
            for request in everything_below(name) {
                home.refused(request, Errno::NOENT);
            }
            home.refused(
                Request::Attributes(target(format!("{name}/outside/file"))),
                Errno::NOENT,
            );
            home.refused(Request::OpenDirectory(place(name)), Errno::NOENT);
        }
        assert_eq!(snapshot(&home.root()), before);
        assert_eq!(snapshot(&home.outside()), outside);
    }
}

#[test]
fn a_link_at_the_end_is_a_link_and_nothing_else() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let outside = fill_outside(&home);
        home.file("inside", SECRET);
        let to_outside = home.outside().join("file");
        for (name, to) in [
            ("absolute", to_outside.as_path()),
            ("relative", Path::new("../outside/file")),
            ("near", Path::new("inside")),
            ("dangling", Path::new("../outside/new")),
            ("itself", Path::new("itself")),
        ] {
            symlink(to, home.at(name)).unwrap();
            let says = home.bytes(Request::ReadLink(place(name)));
            assert_eq!(&says[..], to.as_os_str().as_encoded_bytes());
            assert_eq!(home.agrees(name).kind, Kind::Link);
            let before = snapshot(&home.root());
            for opening in [READ, WRITE, READ_WRITE, TRUNCATE] {
                home.refused(Request::Open(place(name), opening), Errno::NOENT);
                let create = |exclusive| Request::Create {
                    place: place(name),
                    permissions: 0o777,
                    opening,
                    exclusive,
                };
                home.refused(create(false), Errno::NOENT);
                home.refused(create(true), Errno::EXIST);
            }
            home.refused(Request::SetAttributes(target(name), size(0)), Errno::NOENT);
            home.refused(
                Request::SetAttributes(target(name), permissions(0o777)),
                Errno::OPNOTSUPP,
            );
            let kind = Kind::File;
            home.refused(
                Request::MakeNode {
                    place: place(name),
                    kind,
                    permissions: 0o777,
                },
                Errno::EXIST,
            );
            home.refused(
                Request::MakeDirectory {
                    place: place(name),
                    permissions: 0o777,
                },
                Errno::EXIST,
            );
            home.refused(Request::OpenDirectory(place(name)), Errno::NOENT);
            home.refused(Request::RemoveDirectory(place(name)), Errno::NOTDIR);
            let set = Request::SetExtendedAttribute {
                target: target(name),
                name: "user.a".into(),
                value: "x".into(),
                how: Setting::CreateOrReplace,
            };
            home.ask(set).unwrap_err();
            assert_eq!(snapshot(&home.root()), before);
            // What concerns the link itself.
            home.done(Request::Rename {
                from: place(name),
                to: place("moved"),
                how: Renaming::Replace,
            });
            home.done(Request::Remove(place("moved")));
        }
        assert_eq!(snapshot(&home.outside()), outside);
    }
}

#[test]
fn magic_links_lead_nowhere() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let outside = fill_outside(&home);
        let held = fs::File::open(home.outside().join("file")).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&held);
        symlink(format!("/proc/self/fd/{number}"), home.at("link")).unwrap();
        for opening in [READ, TRUNCATE] {
            home.refused(Request::Open(place("link"), opening), Errno::NOENT);
        }
        // Even where the links of /proc themselves are published.
        let proc = live::files::Root(2);
        let service = &home.service;
        service
            .publish_with(proc, Path::new("/proc/self"), false, confinement)
            .unwrap();
        let magic = |path: String| place_in(proc, path);
        let link = magic(format!("fd/{number}"));
        assert!(
            home.bytes(Request::ReadLink(link.clone()))
                .ends_with(b"outside/file")
        );
        for opening in [READ, TRUNCATE] {
            home.refused(Request::Open(link.clone(), opening), Errno::NOENT);
        }
        home.refused(
            Request::SetAttributes(live::files::Target::Place(link), size(0)),
            Errno::NOENT,
        );
        home.refused(
            Request::OpenDirectory(magic("cwd".to_owned())),
            Errno::NOENT,
        );
        for way in ["cwd", "root"] {
            let below = format!(
                "{way}/{}",
                if way == "root" {
                    "etc/passwd"
                } else {
                    "Cargo.toml"
                }
            );
            home.refused(Request::Open(magic(below), READ), Errno::NOENT);
        }
        assert_eq!(snapshot(&home.outside()), outside);
    }
}

#[test]
fn a_published_path_is_found_by_either_way_alike() {
    let home = Home::new(BOTH[0]);
    fs::create_dir_all(home.at("a/b")).unwrap();
    home.file("a/file", b"");
    symlink("a", home.at("link")).unwrap();
    let [kernel, steps] = BOTH.map(|way| Published::open_with(&home.root(), way).unwrap());
    let long = "n".repeat(255);
    for path in [
        "", "a", "a/b", "a/file", "a/file/x", "a/none", "a/none/x", "link", "link/b", "link/b/x",
        &long,
    ] {
        let path = common::path(path);
        assert_eq!(
            kernel.attributes(&path),
            steps.attributes(&path),
            "{path:?}"
        );
        let parent = |published: &Published| {
            let (descriptor, name) = published.parent(&path)?;
            Ok::<_, Errno>((rustix::fs::fstat(descriptor)?.st_ino, name.to_owned()))
        };
        assert_eq!(parent(&kernel), parent(&steps), "{path:?}");
    }
}
