//! Links that appear in the moment of use lead nowhere.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test's files are recovered by nobody, and its helpers may panic"
)]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use bytes::Bytes;
use common::hostile::{SECRET, TRUNCATE, everything_below, fill_outside};
use common::*;
use live::files::{Attributes, Handle, Outcome, Reply, Request, Setting};
use publish::Published;
use rustix::fs::{CWD, RenameFlags, renameat_with};

/// How many names are swapped, at least, while requests are made.
const SWAPS: usize = 4_000;

#[test]
fn a_directory_that_becomes_a_link_in_the_moment_of_use() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let outside = fill_outside(&home);
        fs::create_dir(home.at("inside")).unwrap();
        fill_inside(&home, "dir");
        symlink("../outside", home.at("swapped")).unwrap();
        let requests = everything_below("dir");
        let seen = while_swapping(&home, "dir", "swapped", |_| {
            fill_inside(&home, "inside");
            fill_again(&home);
            requests
                .iter()
                .map(|request| look(&home, &outside, &home.service.execute(request.clone())))
                .collect()
        });
        assert!(seen.done > 0 && seen.refused > 0, "{seen:?}");
        assert_eq!(snapshot(&home.outside()), outside);
    }
}

#[test]
fn a_file_that_becomes_a_link_in_the_moment_of_use() {
    for confinement in BOTH {
        let home = Home::new(confinement);
        let outside = fill_outside(&home);
        home.file("file", b"inside");
        symlink("../outside/file", home.at("swapped")).unwrap();
        let at = || place("file");
        let requests = [
            Request::Open(at(), READ),
            Request::Open(at(), TRUNCATE),
            Request::Create {
                place: at(),
                permissions: 0o777,
                opening: TRUNCATE,
                exclusive: false,
            },
            Request::SetAttributes(target("file"), size(3)),
            Request::SetAttributes(target("file"), permissions(0o777)),
            Request::SetExtendedAttribute {
                target: target("file"),
                name: "user.a".into(),
                value: "x".into(),
                how: Setting::CreateOrReplace,
            },
            Request::AddName {
                of: at(),
                place: place("name"),
            },
        ];
        let seen = while_swapping(&home, "file", "swapped", |_| {
            fs::remove_file(home.at("name")).ok();
            requests
                .iter()
                .map(|request| look(&home, &outside, &home.service.execute(request.clone())))
                .collect()
        });
        assert!(seen.done > 0 && seen.refused > 0, "{seen:?}");
        assert_eq!(snapshot(&home.outside()), outside);
    }
}

fn fill_inside(home: &Home, directory: &str) {
    fs::create_dir_all(home.at(directory)).unwrap();
    for name in ["file", "second"] {
        fs::write(home.at(format!("{directory}/{name}")), b"inside").ok();
    }
}

/// What requests have taken away: made in the published directory that has no link in its place.
fn fill_again(home: &Home) {
    let open = Published::open(&home.root()).unwrap();
    // Whichever of both names is the directory just now; through the confined way, so that the test stays inside, too.
    for name in ["dir", "swapped"] {
        let Ok((directory, _)) = open.parent(&path(format!("{name}/x"))) else {
            continue;
        };
        for gone in ["made", "empty"] {
            rustix::fs::unlinkat(&directory, gone, rustix::fs::AtFlags::REMOVEDIR).ok();
        }
        for gone in ["node", "pipe", "new-link", "added", "created"] {
            rustix::fs::unlinkat(&directory, gone, rustix::fs::AtFlags::empty()).ok();
        }
        let mode = rustix::fs::Mode::from_raw_mode(0o700);
        for made in ["empty", "directory"] {
            rustix::fs::mkdirat(&directory, made, mode).ok();
        }
        for made in ["file", "victim"] {
            let kind = rustix::fs::FileType::RegularFile;
            rustix::fs::mknodat(&directory, made, kind, mode, 0).ok();
        }
    }
    for gone in ["added", "taken"] {
        fs::remove_file(home.at(format!("inside/{gone}"))).ok();
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Seen {
    done: usize,
    refused: usize,
}

/// Whether it was done; nothing that is told may be of outside.
fn look(home: &Home, outside: &Snapshot, outcome: &Outcome) -> bool {
    if let Ok(reply) = outcome {
        let (plain, mut told) = reply.clone().split();
        match plain {
            Reply::Attributes(attributes) => told.push(attributes),
            Reply::Opened { handle, attributes } => {
                told.push(attributes);
                use_opened(home, handle);
            }
            _ => {}
        }
        let is_outside = |found: &Attributes| {
            let mut all = outside.iter();
            all.any(|(_, attributes, _)| attributes.identity == found.identity)
        };
        assert!(!told.iter().any(is_outside), "{told:?}");
    }
    outcome.is_ok()
}

fn use_opened(home: &Home, handle: Handle) {
    let (offset, length, restart) = (0, 100, true);
    let read = Request::Read {
        handle,
        offset,
        length,
    };
    if let Ok(Reply::Bytes(bytes)) = home.service.execute(read) {
        assert_ne!(&bytes[..], SECRET, "read from outside");
    }
    // The directory inside is empty.
    let list = Request::ReadDirectory { handle, restart };
    if let Ok(Reply::Entries { entries, .. }) = home.service.execute(list) {
        assert_eq!(entries, [], "listed outside");
    }
    let bytes = Bytes::from_static(b"written");
    let write = Request::Write {
        handle,
        offset,
        bytes,
    };
    home.service.execute(write).ok();
    home.close(handle);
}

/// Calls `ask` again and again while another thread lets two names change places.
fn while_swapping(home: &Home, one: &str, other: &str, ask: impl Fn(usize) -> Vec<bool>) -> Seen {
    let ends = AtomicBool::new(false);
    let mut seen = Seen::default();
    let (one, other) = (home.at(one), home.at(other));
    thread::scope(|scope| {
        let end = End(&ends);
        let swapping = scope.spawn(|| {
            let mut swaps = 0;
            while swaps < SWAPS || !ends.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
                swaps += 1;
            }
            swaps
        });
        for round in 0..400 {
            for is_done in ask(round) {
                *if is_done {
                    &mut seen.done
                } else {
                    &mut seen.refused
                } += 1;
            }
        }
        drop(end);
        assert!(swapping.join().unwrap() >= SWAPS);
    });
    seen
}
