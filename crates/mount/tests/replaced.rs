//! A file whose name the laptop gives to another while it is being opened here.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, File};
use std::io::Read as _;
use std::time::{Duration, Instant};

use common::{Wish, World, eventually, in_mount, write};

const AFTER: &str = "after, and longer";

/// Opens a file that is known, so that the laptop is not asked, and gives its name to another there.
fn opened_and_replaced(world: &World) -> File {
    write(world.laptop("a"), "before");
    assert_eq!(fs::metadata(world.server("a")).unwrap().len(), 6);
    let file = File::open(world.server("a")).unwrap();
    write(world.laptop("b"), AFTER);
    fs::rename(world.laptop("b"), world.laptop("a")).unwrap();
    file
}

#[test]
fn who_has_just_opened_it_is_told_what_the_other_is_like() {
    let name = "who_has_just_opened_it_is_told_what_the_other_is_like";
    in_mount(name, Wish::default(), |world| {
        let began = Instant::now();
        let mut file = opened_and_replaced(&world);
        world.tell_of("a");
        eventually("what it is like", || match file.metadata() {
            Ok(metadata) => metadata.len() == AFTER.len() as u64,
            Err(_) => began.elapsed() >= Duration::from_secs(5),
        });
        if file.metadata().is_ok() {
            let mut text = String::new();
            file.read_to_string(&mut text).unwrap();
            assert_eq!(text, AFTER);
            // It is not known as what it is not: the name leads to the other, as always.
            assert_eq!(fs::read_to_string(world.server("a")).unwrap(), AFTER);
        }
    });
}

#[test]
fn who_reads_it_without_a_look_is_not_given_a_part_of_the_other() {
    let name = "who_reads_it_without_a_look_is_not_given_a_part_of_the_other";
    in_mount(name, Wish::default(), |world| {
        let mut file = opened_and_replaced(&world);
        // The kernel takes it for as long as the one that was opened.
        let mut text = String::new();
        assert!(file.read_to_string(&mut text).is_err(), "{text:?}");
    });
}
