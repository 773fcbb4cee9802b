//! Directories, in parts.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use common::*;
use live::files::{LARGEST_LISTING, Reply, Request};
use live::message::{Message as _, ToServer};
use rustix::io::Errno;

#[test]
fn a_directory_is_listed_as_it_is() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        fs::create_dir_all(home.at("directory/below")).unwrap();
        home.file("directory/file", b"1234");
        home.file(b"directory/\xff\xfe", b"1234");
        symlink("nowhere", home.at("directory/link")).unwrap();
        let listed = home.list("directory");
        assert_eq!(listed.len(), 4);
        for entry in &listed {
            let path = [b"directory/".as_slice(), &entry.name].concat();
            assert_eq!(entry.attributes, home.agrees(path), "{:?}", entry.name);
        }
        assert!(home.list("directory/below").is_empty());
        assert_eq!(home.list("").len(), 1);
        symlink("directory", home.at("link")).unwrap();
        home.refused(Request::OpenDirectory(place("link")), Errno::NOENT);
    }
}

#[test]
fn a_large_directory_comes_in_parts() {
    const COUNT: usize = 20_000;
    let home = Home::new(BOTH[0]);
    let mut expected = BTreeSet::new();
    for number in 0..COUNT {
        let name = format!("{number:0>width$}", width = 5 + number % 200);
        home.file(&name, b"");
        expected.insert(name.into_bytes());
    }
    let (handle, _) = home.opened(Request::OpenDirectory(place("")));
    for restart in [false, true] {
        let mut found = BTreeSet::new();
        let mut parts = 0;
        let mut restart = restart;
        loop {
            let (entries, is_last) = home.part(handle, restart);
            restart = false;
            parts += 1;
            let reply = Reply::Entries {
                entries: entries.clone(),
                is_last,
            };
            let size = ToServer::File(u64::MAX, Ok(reply)).encode().len();
            assert!(size <= LARGEST_LISTING, "{size}");
            assert!(is_last || entries.len() > 200, "{}", entries.len());
            for entry in entries {
                assert!(found.insert(entry.name.to_vec()), "twice: {:?}", entry.name);
            }
            if is_last {
                break;
            }
        }
        assert!(found == expected);
        assert!(parts > 5);
        // Nothing more comes after the end.
        assert_eq!(home.part(handle, false), (Vec::new(), true));
    }
    // In the middle, from the beginning again.
    let first = home.part(handle, true).0;
    home.part(handle, false);
    let names = |entries: Vec<live::files::Entry>| -> Vec<_> {
        entries.into_iter().map(|entry| entry.name).collect()
    };
    assert_eq!(names(home.part(handle, true).0), names(first));
}

#[test]
fn names_may_come_and_go_meanwhile() {
    let home = Home::new(BOTH[0]);
    for number in 0..2_000 {
        home.file(format!("stays-{number}"), b"");
    }
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        let end = End(&ends);
        scope.spawn(|| {
            while !ends.load(Ordering::Relaxed) {
                for number in 0..200 {
                    fs::write(home.at(format!("goes-{number}")), b"").unwrap();
                }
                for number in 0..200 {
                    fs::remove_file(home.at(format!("goes-{number}"))).unwrap();
                }
            }
        });
        for _ in 0..100 {
            let listed = home.list("");
            let mut stays = BTreeMap::<_, usize>::new();
            for entry in &listed {
                if entry.name.starts_with(b"stays-") {
                    *stays.entry(&entry.name[..]).or_default() += 1;
                }
            }
            assert_eq!(stays.len(), 2_000);
            assert!(stays.values().all(|count| *count == 1));
        }
        drop(end);
    });
}

#[test]
fn a_directory_that_is_gone_is_empty() {
    let home = Home::new(BOTH[0]);
    fs::create_dir(home.at("directory")).unwrap();
    home.file("directory/file", b"");
    let (handle, _) = home.opened(Request::OpenDirectory(place("directory")));
    fs::remove_dir_all(home.at("directory")).unwrap();
    match home.ask(Request::ReadDirectory {
        handle,
        restart: false,
    }) {
        Ok(Reply::Entries { entries, .. }) => assert!(entries.is_empty()),
        outcome => assert_eq!(outcome, Err(errno(Errno::NOENT))),
    }
}
