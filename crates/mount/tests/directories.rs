//! Directories that are large, change while they are listed, or have names that are no text.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use common::{Wish, in_mount, write};
use rustix::fs::{Dir, Mode, OFlags, SeekFrom};

fn list(path: &Path) -> BTreeSet<OsString> {
    fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect()
}

#[test]
fn a_large_directory_is_listed_whole() {
    in_mount(
        "a_large_directory_is_listed_whole",
        Wish::default(),
        |world| {
            let mut made = BTreeSet::new();
            for number in 0..20_000 {
                let name = format!("a file with a name of some length {number}");
                drop(File::create(world.laptop(&name)).unwrap());
                made.insert(OsString::from(name));
            }
            assert!(list(&world.server("")) == made);
            // The kernel has the list. It may drop some of it when it needs room.
            common::eventually("a list that nobody is asked for", || {
                let before = world.files.waited_for();
                assert!(list(&world.server("")) == made);
                world.files.waited_for() == before
            });
            let before = world.files.waited_for();
            // Their attributes came with the names.
            for name in made.iter().step_by(97) {
                fs::metadata(world.server("").join(name)).unwrap();
            }
            assert_eq!(world.files.waited_for(), before);
        },
    );
}

#[test]
fn names_need_not_be_text() {
    in_mount("names_need_not_be_text", Wish::default(), |world| {
        let names: [&[u8]; 4] = [b"\xff\xfe", b"new\nline", b" ", &[b'x'; 255]];
        for name in names {
            write(world.server("").join(OsStr::from_bytes(name)), "");
        }
        let made = names
            .iter()
            .map(|name| OsStr::from_bytes(name).to_owned())
            .collect();
        assert_eq!(
            (list(&world.server("")), list(&world.laptop(""))),
            (BTreeSet::clone(&made), made)
        );
        let too_long = fs::write(world.server(&"x".repeat(256)), "").unwrap_err();
        assert_eq!(too_long.raw_os_error(), Some(36));
    });
}

#[test]
fn a_list_is_read_again_from_any_place() {
    let wish = Wish {
        watched: false,
        ..Wish::default()
    };
    in_mount("a_list_is_read_again_from_any_place", wish, |world| {
        for number in 0..3000 {
            write(world.laptop(&format!("file {number}")), "");
        }
        let open = || {
            rustix::fs::open(
                world.server(""),
                OFlags::RDONLY | OFlags::DIRECTORY,
                Mode::empty(),
            )
            .unwrap()
        };
        let directory = open();
        let mut entries: Vec<(i64, Vec<u8>)> = Vec::new();
        let mut dir = Dir::read_from(&directory).unwrap();
        while let Some(entry) = dir.read() {
            let entry = entry.unwrap();
            entries.push((entry.offset(), entry.file_name().to_bytes().to_vec()));
        }
        assert_eq!(entries.len(), 3002);
        for at in [0, 1, 2, 500, 2999, 10] {
            let (offset, _) = entries[at];
            let directory = open();
            rustix::fs::seek(&directory, SeekFrom::Start(offset.cast_unsigned())).unwrap();
            let mut dir = Dir::new(directory).unwrap();
            let next = dir.read().unwrap().unwrap();
            assert_eq!(next.file_name().to_bytes(), entries[at + 1].1);
        }
        // From the beginning, what was made since is there.
        let mut dir = Dir::new(directory).unwrap();
        write(world.laptop("one more"), "");
        dir.rewind();
        assert_eq!(dir.count(), 3003);
    });
}

#[test]
fn a_directory_that_changes_while_it_is_listed_has_what_stays() {
    in_mount(
        "a_directory_that_changes_while_it_is_listed_has_what_stays",
        Wish::default(),
        |world| {
            for number in 0..3000 {
                write(
                    world.server(&format!(
                        "{} {number}",
                        if number % 2 == 0 { "stays" } else { "goes" }
                    )),
                    "",
                );
            }
            let mut stays = BTreeSet::new();
            for entry in fs::read_dir(world.server("")).unwrap() {
                let name = entry.unwrap().file_name();
                let name = name.to_str().unwrap();
                if name.starts_with("goes") {
                    fs::remove_file(world.server(name)).unwrap();
                } else if name.starts_with("stays") {
                    assert!(stays.insert(name.to_owned()), "{name} is listed twice");
                    write(world.server(&format!("new {name}")), "");
                }
            }
            assert_eq!(stays.len(), 1500);
            assert_eq!(list(&world.server("")).len(), 3000);
            assert_eq!(list(&world.server("")), list(&world.laptop("")));
        },
    );
}
