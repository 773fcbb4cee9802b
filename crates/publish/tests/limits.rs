//! What cannot be said, and how much may be open.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use common::*;
use live::files::{Opening, Reply, Request, Root, Target};
use live::{PathError, RelativePath};
use publish::{Limits, PublishError};
use rustix::io::Errno;

#[test]
fn paths_that_lead_elsewhere_cannot_be_said() {
    for wrong in [
        "..",
        "../outside",
        "a/../..",
        "/etc/passwd",
        "/",
        "a//b",
        "a/",
        "./a",
        "a\0b",
    ] {
        assert_eq!(
            RelativePath::new(wrong.as_bytes()),
            Err(PathError::Elsewhere),
            "{wrong:?}"
        );
    }
}

#[test]
fn files_are_open_as_many_as_may_be_and_numbers_are_used_once() {
    let home = Home::with(BOTH[0], false, Limits { open: 10 });
    home.file("file", b"contents");
    let create = Request::Create {
        place: place("new"),
        permissions: 0o600,
        opening: WRITE,
        exclusive: true,
    };
    let truncate = Request::Open(
        place("file"),
        Opening {
            truncate: true,
            ..WRITE
        },
    );
    let mut used = HashSet::new();
    for _ in 0..3 {
        let handles: Vec<_> = (0..10)
            .map(|number| match number % 2 {
                0 => home.open("file", READ),
                _ => home.opened(Request::OpenDirectory(place(""))).0,
            })
            .collect();
        assert!(handles.iter().all(|handle| used.insert(*handle)));
        // And what cannot be opened is not made or emptied.
        for request in [
            create.clone(),
            truncate.clone(),
            Request::OpenDirectory(place("")),
        ] {
            home.refused(request, Errno::MFILE);
        }
        assert_eq!(fs::read_dir(home.root()).unwrap().count(), 1);
        assert_eq!(home.agrees("file").size, 8);
        handles.into_iter().for_each(|handle| home.close(handle));
        for _ in 0..20 {
            // What fails takes no room.
            home.refused(Request::Open(place("none"), READ), Errno::NOENT);
        }
    }
}

#[test]
fn the_number_of_a_file_of_an_earlier_process_is_none_of_this_one() {
    let [one, other] = [(); 2].map(|()| Home::new(BOTH[0]));
    let [first, second] = [&one, &other].map(|home| {
        home.file("file", b"contents");
        home.open("file", READ)
    });
    assert_ne!(first, second);
    let read = Request::Read {
        handle: first,
        offset: 0,
        length: 1,
    };
    other.refused(read, Errno::BADF);
}

#[test]
fn directories_are_published_once_and_have_to_be_there() {
    let home = Home::new(BOTH[0]);
    let file = home.file("file", b"");
    let publish = |root, path: &Path| home.service.publish(Root(root), path, false);
    assert!(matches!(
        publish(ROOT.0, &home.outside()),
        Err(PublishError::NumberTaken)
    ));
    for path in [file.as_path(), &home.at("none")] {
        let refused = publish(2, path).unwrap_err();
        assert!(matches!(refused, PublishError::NotOpened(_)));
        assert!(
            !refused.to_string().contains("publish"),
            "no path is told: {refused}"
        );
    }
    // A link in the user's own path is followed once; what it leads to later does not matter.
    let link = home.outside().join("link");
    symlink(home.root(), &link).unwrap();
    publish(2, &link).unwrap();
    fs::remove_file(&link).unwrap();
    symlink("/", &link).unwrap();
    let there = home.ask(Request::Attributes(Target::Place(place_in(
        Root(2),
        "file",
    ))));
    assert_eq!(there, Ok(Reply::Attributes(attributes(&file))));
}
