//! What was done through the mount is on the laptop once it has settled, and what the laptop has told is seen once the
//! kernel has caught up: with no waiting after that.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::mapping::MappingProcess;
use common::{Wish, World, eventually, in_mount, read, write};
use live::files::Request;

const ROUNDS: usize = 1000;

fn slow(milliseconds: u64) -> Wish {
    let delay = Duration::from_millis(milliseconds);
    Wish {
        delay,
        ..Wish::default()
    }
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// Ends the other thread, also after a panic.
struct End<'flag>(&'flag AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn tell(world: &World, changed: &[&str]) {
    let changes: Vec<_> = changed.iter().map(|name| world.change_of(name)).collect();
    world.mounted().changed(&changes);
    world.mounted().caught_up();
}

fn check_that_the_kernel_catches_up(world: &World, rounds: usize) {
    fs::create_dir_all(world.laptop("d")).unwrap();
    write(world.laptop("d/a"), "before");
    write(world.laptop("d/old"), "x");
    tell(world, &["", "d", "d/a", "d/old"]);
    let open = File::open(world.server("d/a")).unwrap();
    let laptop = OpenOptions::new()
        .write(true)
        .open(world.laptop("d/a"))
        .unwrap();
    for round in 0..rounds {
        let (new, old) = match round % 2 {
            0 => ("new", "old"),
            _ => ("old", "new"),
        };
        assert!(!world.server("d").join(new).exists(), "round {round}");
        assert_eq!(names(&world.server("d")), ["a", old], "round {round}");
        let contents = format!("{round:06}");
        let length = 6 + round as u64 % 3;
        laptop.write_all_at(contents.as_bytes(), 0).unwrap();
        laptop.set_len(length).unwrap();
        fs::write(world.laptop("d").join(new), &contents).unwrap();
        fs::remove_file(world.laptop("d").join(old)).unwrap();
        tell(world, &["d", "d/a", "d/new", "d/old"]);
        let mut bytes = [0; 6];
        open.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes, contents.as_bytes(), "open, round {round}");
        assert_eq!(open.metadata().unwrap().len(), length, "round {round}");
        assert_eq!(&read(world.server("d/a"))[..6], contents, "round {round}");
        let found = fs::metadata(world.server("d/a")).unwrap();
        let is = fs::metadata(world.laptop("d/a")).unwrap();
        let times = |is: &fs::Metadata| (is.len(), is.mtime(), is.mtime_nsec());
        assert_eq!(times(&found), times(&is), "round {round}");
        assert_eq!(names(&world.server("d")), ["a", new], "round {round}");
        assert_eq!(read(world.server("d").join(new)), contents);
        let gone = fs::metadata(world.server("d").join(old));
        assert!(gone.is_err(), "round {round}");
    }
}

#[test]
fn the_kernel_catches_up() {
    in_mount("the_kernel_catches_up", Wish::default(), |world| {
        check_that_the_kernel_catches_up(&world, ROUNDS);
        let start = Instant::now();
        for _ in 0..ROUNDS {
            world.mounted().caught_up();
            world.mounted().settle();
        }
        println!("nothing to be done: {:?} for {ROUNDS}", start.elapsed());
    });
}

#[test]
fn the_kernel_catches_up_while_others_look() {
    let name = "the_kernel_catches_up_while_others_look";
    in_mount(name, slow(1), |world| {
        let is_over = AtomicBool::new(false);
        thread::scope(|threads| {
            let end = End(&is_over);
            for _ in 0..3 {
                threads.spawn(|| {
                    while !is_over.load(Ordering::Relaxed) {
                        for name in ["d/a", "d/new", "d/old", "d/none"] {
                            drop(fs::read(world.server(name)));
                            drop(fs::metadata(world.server(name)));
                        }
                        drop(fs::read_dir(world.server("d")).map(Iterator::count));
                    }
                });
            }
            check_that_the_kernel_catches_up(&world, ROUNDS / 4);
            drop(end);
        });
    });
}

#[test]
fn what_was_written_made_and_removed_is_on_the_laptop() {
    let name = "what_was_written_made_and_removed_is_on_the_laptop";
    in_mount(name, Wish::default(), |world| {
        let mut appended = String::new();
        for round in 0..ROUNDS {
            let contents = format!("round {round}");
            // Open, so that what is written first is held.
            let mut file = File::create(world.server("held")).unwrap();
            file.write_all(contents.as_bytes()).unwrap();
            fs::create_dir(world.server(&format!("{round}"))).unwrap();
            let mut log = OpenOptions::new()
                .create(true)
                .append(true)
                .open(world.server("log"))
                .unwrap();
            log.write_all(b"line\n").unwrap();
            appended.push_str("line\n");
            if round > 0 {
                fs::remove_dir(world.server(&format!("{}", round - 1))).unwrap();
            }
            world.mounted().settle();
            assert_eq!(read(world.laptop("held")), contents);
            assert_eq!(read(world.laptop("log")).len(), appended.len());
            let mut expected = vec![format!("{round}"), "held".to_owned(), "log".to_owned()];
            expected.sort();
            assert_eq!(names(&world.laptop("")), expected);
        }
    });
}

#[test]
fn what_is_written_far_ahead_is_waited_for() {
    let name = "what_is_written_far_ahead_is_waited_for";
    in_mount(name, slow(20), |world| {
        for round in 0..10_u8 {
            let mut file = File::create(world.server("large")).unwrap();
            let piece = vec![round; 100_000];
            for _ in 0..40 {
                file.write_all(&piece).unwrap();
            }
            let permissions = Permissions::from_mode(0o600 | u32::from(round));
            file.set_permissions(permissions).unwrap();
            world.mounted().settle();
            let laptop = fs::read(world.laptop("large")).unwrap();
            assert_eq!(laptop.len(), 4_000_000, "round {round}");
            assert!(laptop.iter().all(|byte| *byte == round), "round {round}");
            let mode = fs::metadata(world.laptop("large")).unwrap().mode();
            assert_eq!(mode & 0o777, 0o600 | u32::from(round), "round {round}");
        }
    });
}

#[test]
fn somebody_who_goes_on_writing_is_not_waited_for() {
    let name = "somebody_who_goes_on_writing_is_not_waited_for";
    in_mount(name, slow(5), |world| {
        let is_over = AtomicBool::new(false);
        thread::scope(|threads| {
            let end = End(&is_over);
            for number in 0..2 {
                let path = world.server(&format!("endless{number}"));
                let is_over = &is_over;
                threads.spawn(move || {
                    let mut file = File::create(path).unwrap();
                    while !is_over.load(Ordering::Relaxed) {
                        file.write_all(&[0; 4096]).unwrap();
                    }
                });
            }
            for round in 0..50 {
                let mut file = File::create(world.server("file")).unwrap();
                write!(file, "{round}").unwrap();
                world.mounted().settle();
                assert_eq!(read(world.laptop("file")), round.to_string());
            }
            drop(end);
        });
    });
}

#[test]
fn what_is_not_answered_is_waited_for_and_nothing_else() {
    let name = "what_is_not_answered_is_waited_for_and_nothing_else";
    in_mount(name, Wish::default(), |world| {
        let is_write = |request: &Request| {
            matches!(request, Request::Write { .. } | Request::WriteAndSet { .. })
        };
        let holding = world.files.hold(is_write);
        let mut file = File::create(world.server("file")).unwrap();
        file.write_all(b"contents").unwrap();
        eventually("a write", || world.files.held() == 1);
        thread::scope(|threads| {
            let settling = threads.spawn(|| world.mounted().settle());
            thread::sleep(Duration::from_millis(50));
            assert!(!settling.is_finished());
            // What comes after that, and what only reads, is not waited for.
            fs::create_dir(world.server("later")).unwrap();
            let mut later = File::create(world.server("later/file")).unwrap();
            later.write_all(b"later").unwrap();
            eventually("another write", || world.files.held() == 2);
            drop(holding);
            settling.join().unwrap();
        });
        assert_eq!(read(world.laptop("file")), "contents");
    });
}

#[test]
fn a_write_that_failed_is_told_to_who_wrote() {
    in_mount(
        "a_write_that_failed_is_told_to_who_wrote",
        slow(1),
        |world| {
            // There is no room for more than that: the laptop refuses.
            let mut file = File::create(world.server("file")).unwrap();
            file.write_all(b"contents").unwrap();
            world.mounted().settle();
            world.files.service().withdraw(common::ROOT);
            let mut written = file.write_all(b", and more");
            world.mounted().settle();
            if written.is_ok() {
                written = file.sync_all();
            }
            assert!(written.is_err());
        },
    );
}

#[test]
fn a_program_that_was_written_can_be_run() {
    in_mount("a_program_that_was_written_can_be_run", slow(3), |world| {
        for round in 0..150 {
            let mut file = File::create(world.server("program")).unwrap();
            file.write_all(b"#!/bin/sh\nexit 0\n").unwrap();
            file.set_permissions(Permissions::from_mode(0o755)).unwrap();
            // Something else stays open.
            let _open = File::create(world.server("open")).unwrap();
            drop(file);
            world.mounted().settle();
            let ran = Command::new(world.laptop("program")).status();
            assert!(ran.unwrap().success(), "round {round}");
        }
    });
}

#[test]
fn what_was_written_to_mapped_memory_is_on_the_laptop() {
    let name = "what_was_written_to_mapped_memory_is_on_the_laptop";
    in_mount(name, slow(2), |world| {
        write(world.laptop("a"), &"x".repeat(10_000));
        let mut map = MappingProcess::start("a_process_that_maps_a_file", &world.server("a"));
        for round in 0..200_usize {
            let (one, other) = (round * 7 % 4000, 4096 + round * 11 % 5000);
            let byte = b'a' + u8::try_from(round % 26).unwrap();
            map.write(one, byte);
            map.write(other, byte);
            world.mounted().settle();
            let laptop = fs::read(world.laptop("a")).unwrap();
            assert_eq!((laptop[one], laptop[other]), (byte, byte), "round {round}");
        }
    });
}

/// Not a test: see [`MappingProcess`].
#[test]
#[ignore = "started by another test"]
fn a_process_that_maps_a_file() {
    common::mapping::serve();
}

#[test]
fn an_end_ends_the_waiting() {
    in_mount("an_end_ends_the_waiting", Wish::default(), |mut world| {
        let files = Arc::clone(&world.files);
        let is_held =
            |request: &Request| matches!(request, Request::WriteAndSet { .. } | Request::Close(_));
        let holding = files.hold(is_held);
        let mut file = File::create(world.server("file")).unwrap();
        file.write_all(b"contents").unwrap();
        eventually("a held answer", || world.files.held() > 0);
        let (settling, catching_up) = (world.mounted().settling(), world.mounted().catching_up());
        let (settling, catching_up) = (thread::spawn(settling), thread::spawn(catching_up));
        drop(world.unmount());
        eventually("the end", || {
            settling.is_finished() && catching_up.is_finished()
        });
        drop(file);
        drop(holding);
    });
}

#[test]
fn both_sides_take_turns() {
    in_mount("both_sides_take_turns", slow(1), |mut world| {
        fs::create_dir(world.laptop("d")).unwrap();
        write(world.laptop("d/file"), "before");
        world.watch();
        let open = File::open(world.server("d/file")).unwrap();
        for round in 0..ROUNDS {
            let contents = format!("server {round:06}");
            write(world.server("d/file"), &contents);
            write(world.server(&format!("d/{round}")), "made by the server");
            world.mounted().settle();
            assert_eq!(read(world.laptop("d/file")), contents, "round {round}");
            assert!(world.laptop(&format!("d/{round}")).exists());
            let contents = format!("laptop {round:06}");
            write(world.laptop("d/file"), &contents);
            fs::remove_file(world.laptop(&format!("d/{round}"))).unwrap();
            fs::create_dir_all(world.laptop("new/deep/er")).unwrap();
            write(world.laptop("new/deep/er/file"), &contents);
            world.drain();
            world.mounted().caught_up();
            let mut bytes = [0; 13];
            open.read_exact_at(&mut bytes, 0).unwrap();
            assert_eq!(bytes, contents.as_bytes(), "round {round}");
            assert_eq!(read(world.server("d/file")), contents, "round {round}");
            assert_eq!(names(&world.server("d")), ["file"], "round {round}");
            assert!(!world.server(&format!("d/{round}")).exists());
            assert_eq!(read(world.server("new/deep/er/file")), contents);
            fs::remove_dir_all(world.server("new")).unwrap();
            world.mounted().settle();
            assert!(!world.laptop("new").exists());
        }
    });
}
