//! What is read ahead: it spares round trips, and is never older than what was told.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use common::{Wish, World, eventually, in_mount, read, write};
use live::files::Request;

const DIRECTORIES: usize = 20;
const FILES: usize = 10;

fn make_tree(world: &World) {
    for directory in 0..DIRECTORIES {
        let directory = format!("top/d{directory}");
        fs::create_dir_all(world.laptop(&directory)).unwrap();
        for file in 0..FILES {
            write(world.laptop(&format!("{directory}/f{file}")), "before");
        }
    }
}

/// All files below, and what is in them. What goes meanwhile is left out.
fn contents(at: &Path, found: &mut BTreeMap<PathBuf, Option<Vec<u8>>>, root: &Path) {
    let Ok(entries) = fs::read_dir(at) else {
        return;
    };
    for entry in entries.filter_map(Result::ok) {
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap().to_owned();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.insert(name, None);
            contents(&path, found, root);
        } else if let Ok(bytes) = fs::read(&path) {
            found.insert(name, Some(bytes));
        }
    }
}

fn all(root: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    contents(root, &mut found, root);
    found
}

#[test]
fn a_tree_is_walked_and_read_in_a_few_round_trips() {
    let name = "a_tree_is_walked_and_read_in_a_few_round_trips";
    in_mount(name, Wish::default(), |world| {
        make_tree(&world);
        let found = all(&world.server(""));
        assert_eq!(found.len(), 1 + DIRECTORIES * (1 + FILES));
        let asked = world.files.waited_for();
        assert!(world.files.total() < 25, "{asked:?}");
    });
}

#[test]
fn names_that_are_asked_for_one_by_one_are_soon_known() {
    let name = "names_that_are_asked_for_one_by_one_are_soon_known";
    in_mount(name, Wish::default(), |world| {
        make_tree(&world);
        let mut asked = 0;
        for directory in 0..DIRECTORIES {
            for file in 0..FILES {
                let path = format!("top/d{directory}/f{file}");
                assert_eq!(fs::metadata(world.server(&path)).unwrap().len(), 6);
                assert!(!world.server(&format!("{path}.none")).exists());
            }
            if directory == 0 {
                eventually("the tree", || world.files.count("ReadTree") > 0);
                asked = world.files.count("Attributes");
            }
        }
        assert!(world.files.count("Attributes") < asked + 50);
    });
}

#[test]
fn a_change_after_it_was_read_ahead_is_seen() {
    let name = "a_change_after_it_was_read_ahead_is_seen";
    in_mount(name, Wish::default(), |world| {
        make_tree(&world);
        // Two directories are listed, and two files read: the others have come with them.
        for directory in ["top", "top/d0"] {
            fs::read_dir(world.server(directory))
                .unwrap()
                .for_each(drop);
        }
        for file in ["top/d0/f0", "top/d0/f1", "top/d0/f2"] {
            assert_eq!(read(world.server(file)), "before");
        }
        assert!(world.files.count("ReadTree") + world.files.count("ReadFiles") >= 2);
        write(world.laptop("top/d0/f5"), "AFTER!");
        write(world.laptop("top/d7/new"), "new");
        fs::remove_file(world.laptop("top/d8/f1")).unwrap();
        fs::rename(world.laptop("top/d9"), world.laptop("top/moved")).unwrap();
        for changed in [
            "top/d0/f5",
            "top/d7/new",
            "top/d8/f1",
            "top/d9",
            "top/moved",
        ] {
            world.tell_of(changed);
        }
        assert_eq!(read(world.server("top/d0/f5")), "AFTER!");
        assert_eq!(read(world.server("top/d7/new")), "new");
        assert!(!world.server("top/d8/f1").exists());
        eventually("the new state", || {
            all(&world.server("")) == all(&world.laptop(""))
        });
    });
}

#[test]
fn what_was_on_its_way_when_a_change_was_told_is_not_kept() {
    let name = "what_was_on_its_way_when_a_change_was_told_is_not_kept";
    in_mount(name, Wish::default(), |world| {
        make_tree(&world);
        fs::read_dir(world.server("top")).unwrap().for_each(drop);
        std::thread::scope(|scope| {
            let is_ahead =
                |request: &Request| matches!(request, Request::ReadTree(_) | Request::ReadFiles(_));
            let holding = world.files.hold(is_ahead);
            let listing = scope.spawn(|| fs::read_dir(world.server("top/d0")).unwrap().count());
            eventually("a held answer", || world.files.held() > 0);
            write(world.laptop("top/d1/new"), "new");
            world.tell_of("top/d1/new");
            // What is done from here counts as well.
            write(world.server("top/d2/own"), "own");
            drop(holding);
            assert_eq!(listing.join().unwrap(), FILES);
        });
        let count = |directory: &str| fs::read_dir(world.server(directory)).unwrap().count();
        assert_eq!((count("top/d1"), count("top/d2")), (FILES + 1, FILES + 1));
    });
}

#[test]
fn a_large_file_is_read_ahead_and_seen_to_change() {
    let name = "a_large_file_is_read_ahead_and_seen_to_change";
    in_mount(name, Wish::default(), |world| {
        let bytes = |seed: u8| -> Vec<u8> {
            (0..9_000_000_u32)
                .map(|at| (at / 1000) as u8 ^ seed)
                .collect()
        };
        fs::write(world.laptop("a"), bytes(0)).unwrap();
        assert!(fs::read(world.server("a")).unwrap() == bytes(0));
        assert!(world.files.count("Read") < 40, "{:?}", world.files.counts());
        let mut file = File::open(world.server("a")).unwrap();
        let mut first = vec![0; 3_000_000];
        file.read_exact(&mut first).unwrap();
        let mut changed = File::options().write(true).open(world.laptop("a")).unwrap();
        changed.write_all(&bytes(1)).unwrap();
        world.tell_of("a");
        eventually("the new contents", || {
            fs::read(world.server("a")).unwrap() == bytes(1)
        });
    });
}

#[test]
fn what_is_written_on_and_on_is_there_when_it_is_closed() {
    let wish = Wish {
        delay: Duration::from_millis(3),
        ..Wish::default()
    };
    in_mount(
        "what_is_written_on_and_on_is_there_when_it_is_closed",
        wish,
        |mut world| {
            world.watch();
            let mut written = Vec::new();
            let mut file = File::create(world.server("a")).unwrap();
            for number in 0..300_u32 {
                let piece = vec![number as u8; 1 + (number as usize * 337) % 9000];
                file.write_all(&piece).unwrap();
                written.extend(piece);
                // Whoever looks sees all of it.
                if number % 50 == 49 {
                    assert_eq!(file.metadata().unwrap().len(), written.len() as u64);
                    assert!(fs::read(world.server("a")).unwrap() == written);
                    assert_eq!(fs::read_dir(world.server("")).unwrap().count(), 1);
                }
            }
            drop(file);
            assert!(fs::read(world.laptop("a")).unwrap() == written);
        },
    );
}

#[test]
fn what_could_not_be_written_is_told() {
    in_mount(
        "what_could_not_be_written_is_told",
        Wish::default(),
        |world| {
            let mut file = File::create(world.server("a")).unwrap();
            for _ in 0..10 {
                file.write_all(&[1; 1000]).unwrap();
            }
            file.sync_all().unwrap();
            // The laptop does not know of it any more.
            world.files.service().withdraw(common::ROOT);
            let wrote = (0..10).try_for_each(|_| file.write_all(&[1; 1000]));
            assert!(wrote.and_then(|()| file.sync_all()).is_err());
        },
    );
}

/// Random changes on the laptop and from here while everything is read again and again: nothing old stays.
#[test]
fn both_sides_change_a_tree_that_is_read_all_the_time() {
    let wish = Wish {
        delay: Duration::from_millis(1),
        ..Wish::default()
    };
    in_mount(
        "both_sides_change_a_tree_that_is_read_all_the_time",
        wish,
        |mut world| {
            make_tree(&world);
            world.watch();
            let is_over = AtomicBool::new(false);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        all(&world.server(""));
                    }
                });
                let mut random = 88_172_645_463_325_252_u64;
                for round in 0..8 {
                    for step in 0..40 {
                        random ^= random << 13;
                        random ^= random >> 7;
                        random ^= random << 17;
                        change(&world, random, round * 40 + step);
                    }
                    eventually("the same on both sides", || {
                        all(&world.server("")) == all(&world.laptop(""))
                    });
                }
                is_over.store(true, Ordering::Relaxed);
            });
        },
    );
}

/// What cannot be done is not.
fn change(world: &World, random: u64, number: u64) {
    let side = |name: &str| match random & 1 {
        0 => world.laptop(name),
        _ => world.server(name),
    };
    let directory = random / 2 % DIRECTORIES as u64;
    let other = random / 64 % DIRECTORIES as u64;
    let file = format!("top/d{directory}/f{}", random / 4096 % FILES as u64);
    match random / 65536 % 6 {
        0 | 1 => drop(fs::write(side(&file), format!("written {number}"))),
        2 => drop(fs::remove_file(side(&file))),
        3 => {
            let to = format!("top/d{other}/f{}", number % 12);
            drop(fs::rename(side(&file), side(&to)));
        }
        4 => {
            let (from, to) = (
                format!("top/d{directory}"),
                format!("top/d{other}/d{number}"),
            );
            drop(fs::rename(side(&from), side(&to)));
        }
        _ => drop(fs::create_dir_all(side(&format!("top/d{directory}")))),
    }
}
