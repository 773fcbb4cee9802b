//! A file whose name the laptop gives to another while it is being opened here.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, File};
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::time::{Duration, Instant};

use common::{Wish, World, eventually, in_mount, write};
use rustix::fs::{Advice, fadvise};

const AFTER: &str = "after, and longer";

/// Gives the name of a file to another on the laptop. Nobody is told.
fn replace(world: &World) {
    write(world.laptop("b"), AFTER);
    fs::rename(world.laptop("b"), world.laptop("a")).unwrap();
}

/// Opens a file that the kernel has had, so that the laptop is not asked, has the kernel forget what is in it, and gives its
/// name to another on the laptop.
fn opened_and_replaced(world: &World) -> File {
    write(world.laptop("a"), "before");
    assert_eq!(fs::read_to_string(world.server("a")).unwrap(), "before");
    let file = File::open(world.server("a")).unwrap();
    replace(world);
    fadvise(&file, 0, None, Advice::DontNeed).unwrap();
    file
}

/// How many files the laptop has been asked to open.
fn opened(world: &World) -> usize {
    world.files.count("Open")
}

fn all(mut file: &File) -> String {
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn what_was_opened_is_read_whoever_has_its_name() {
    let name = "what_was_opened_is_read_whoever_has_its_name";
    in_mount(name, Wish::default(), |world| {
        write(world.laptop("a"), "before");
        assert_eq!(fs::metadata(world.server("a")).unwrap().len(), 6);
        let file = File::open(world.server("a")).unwrap();
        replace(&world);
        world.tell_of("a");
        eventually("the other", || {
            fs::read_to_string(world.server("a")).is_ok_and(|text| text == AFTER)
        });
        assert_eq!(file.metadata().unwrap().len(), 6);
        assert_eq!(all(&file), "before");
    });
}

#[test]
fn what_has_lost_its_name_is_not_opened_as_what_has_it() {
    let name = "what_has_lost_its_name_is_not_opened_as_what_has_it";
    in_mount(name, Wish::default(), |world| {
        write(world.laptop("a"), "before");
        assert_eq!(fs::metadata(world.server("a")).unwrap().len(), 6);
        replace(&world);
        // Nobody has told: that it is another is found out, and the kernel asks again.
        let file = File::open(world.server("a")).unwrap();
        assert_eq!(file.metadata().unwrap().len(), AFTER.len() as u64);
        assert_eq!(all(&file), AFTER);
    });
}

#[test]
fn what_stays_open_is_open_on_the_laptop() {
    let name = "what_stays_open_is_open_on_the_laptop";
    in_mount(name, Wish::default(), |world| {
        write(world.laptop("a"), "before");
        assert_eq!(fs::read_to_string(world.server("a")).unwrap(), "before");
        let before = opened(&world);
        drop(File::open(world.server("a")).unwrap());
        let files: Vec<_> = (0..3)
            .map(|_| File::open(world.server("a")).unwrap())
            .collect();
        eventually("the laptop to have them open", || {
            opened(&world) >= before + files.len()
        });
        replace(&world);
        world.tell_of("a");
        eventually("the other", || {
            fs::read_to_string(world.server("a")).is_ok_and(|text| text == AFTER)
        });
        for file in files {
            assert_eq!(all(&file), "before");
        }
    });
}

#[test]
fn who_has_just_opened_it_is_told_what_the_other_is_like() {
    let name = "who_has_just_opened_it_is_told_what_the_other_is_like";
    in_mount(name, Wish::default(), |world| {
        let began = Instant::now();
        let file = opened_and_replaced(&world);
        world.tell_of("a");
        // Or it was open on the laptop before it was replaced.
        eventually("what is in it to be as long as it is said to be", || {
            let Ok(metadata) = file.metadata() else {
                return began.elapsed() >= Duration::from_secs(5);
            };
            let text = if metadata.len() == 6 { "before" } else { AFTER };
            let mut bytes = [0; AFTER.len()];
            file.read_at(&mut bytes, 0)
                .is_ok_and(|length| bytes[..length] == *text.as_bytes())
        });
        // It is not known as what it is not: the name leads to the other, as always.
        eventually("the other", || {
            fs::read_to_string(world.server("a")).is_ok_and(|text| text == AFTER)
        });
    });
}

#[test]
fn who_reads_it_without_a_look_is_not_given_a_part_of_the_other() {
    let name = "who_reads_it_without_a_look_is_not_given_a_part_of_the_other";
    in_mount(name, Wish::default(), |world| {
        let mut file = opened_and_replaced(&world);
        // The kernel takes it for as long as the one that was opened. That may be open on the laptop by then.
        let mut text = String::new();
        let read = file.read_to_string(&mut text);
        assert!(read.is_err() || text == "before", "{text:?}");
    });
}
