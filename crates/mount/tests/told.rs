//! What is told of the laptop is known: nobody asks for it again, and contents that somebody reads come by themselves.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};

use common::{LIMIT, Wish, World, in_mount};
use testkit::wait_until;

fn read(file: &File) -> String {
    let mut bytes = [0; 8];
    let length = file.read_at(&mut bytes, 0).unwrap();
    String::from_utf8(bytes[..length].to_vec()).unwrap()
}

/// How many requests somebody has waited for.
fn waited_for(world: &World) -> usize {
    world.files.waited_for().values().sum()
}

#[test]
fn who_looks_at_a_changed_file_again_and_again_waits_for_one_answer_each_time_at_most() {
    let name = "who_looks_at_a_changed_file_again_and_again_waits_for_one_answer_each_time_at_most";
    in_mount(name, Wish::default(), |mut world| {
        world.watch();
        fs::write(world.laptop("file"), "0").unwrap();
        wait_until("the file", LIMIT, || {
            fs::read_to_string(world.server("file")).is_ok_and(|text| text == "0")
        });
        let open = File::open(world.server("file")).unwrap();
        assert_eq!(read(&open), "0");
        const ROUNDS: usize = 50;
        let before = waited_for(&world);
        for round in 1..=ROUNDS {
            let text = round.to_string();
            fs::write(world.laptop("file"), &text).unwrap();
            // What is shown first may be an empty file: it is truncated first.
            wait_until("the change by name", LIMIT, || {
                fs::read_to_string(world.server("file")).unwrap() == text
            });
            wait_until("the change through what is open", LIMIT, || {
                read(&open) == text
            });
            assert_eq!(
                fs::metadata(world.server("file")).unwrap().size(),
                text.len() as u64
            );
        }
        let asked = waited_for(&world) - before;
        // By name what comes by itself is waited for, which is no request; both changes of a write may be told.
        assert!(
            asked <= 3 * ROUNDS,
            "{asked} in {ROUNDS} rounds: {:?}",
            world.files.waited_for()
        );
    });
}

#[test]
fn what_is_written_from_here_shows_whatever_is_told_meanwhile() {
    let name = "what_is_written_from_here_shows_whatever_is_told_meanwhile";
    in_mount(name, Wish::default(), |mut world| {
        world.watch();
        fs::write(world.laptop("file"), "").unwrap();
        wait_until("the file", LIMIT, || world.server("file").exists());
        for round in 0..500_usize {
            // Of many lengths, so that what is old shows in the size too.
            let here = "h".repeat(1 + round % 7);
            fs::write(world.laptop("file"), &here).unwrap();
            let there = "t".repeat(1 + (round * 3) % 11);
            fs::write(world.server("file"), &there).unwrap();
            assert_eq!(
                fs::metadata(world.server("file")).unwrap().size(),
                there.len() as u64
            );
            assert_eq!(fs::read_to_string(world.server("file")).unwrap(), there);
        }
    });
}
