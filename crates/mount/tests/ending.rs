//! Lost links, and ends.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use common::{LIMIT, Wish, eventually, in_mount, read, write};
use rustix::process::Signal;
use testkit::Process;

#[test]
fn what_the_kernel_has_is_read_while_the_link_is_lost() {
    in_mount(
        "what_the_kernel_has_is_read_while_the_link_is_lost",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "hello");
            write(world.laptop("b"), "there");
            assert_eq!(read(world.server("a")), "hello");
            std::thread::scope(|scope| {
                let holding = world.files.hold(|_| true);
                let waiting = scope.spawn(|| read(world.server("b")));
                eventually("a held answer", || world.files.held() > 0);
                assert_eq!(read(world.server("a")), "hello");
                drop(holding);
                assert_eq!(waiting.join().unwrap(), "there");
            });
        },
    );
}

#[test]
fn the_end_comes_while_answers_are_held_and_is_an_error_for_who_waits() {
    in_mount(
        "the_end_comes_while_answers_are_held_and_is_an_error_for_who_waits",
        Wish::default(),
        |mut world| {
            write(world.laptop("a"), "hello");
            let mut open = File::options()
                .read(true)
                .append(true)
                .open(world.server("a"))
                .unwrap();
            let files = std::sync::Arc::clone(&world.files);
            let holding = files.hold(|_| true);
            let path = world.server("b");
            let waiting =
                std::thread::spawn(move || fs::metadata(path).unwrap_err().raw_os_error());
            eventually("a held answer", || world.files.held() > 0);
            let begun = Instant::now();
            world.unmount().unwrap();
            assert!(begun.elapsed() < LIMIT, "{:?}", begun.elapsed());
            assert_eq!(waiting.join().unwrap(), Some(5));
            // What is open does not hang either.
            assert!(open.write_all(b"x").is_err());
            assert!(open.read(&mut [0; 9]).is_err());
            // The bare directory is there again.
            assert_eq!(fs::read_dir(world.server("")).unwrap().count(), 0);
            drop(holding);
        },
    );
}

#[test]
fn everything_on_the_laptop_is_closed_at_the_end() {
    in_mount(
        "everything_on_the_laptop_is_closed_at_the_end",
        Wish::default(),
        |mut world| {
            write(world.server("a"), "hello");
            let open = File::options().write(true).open(world.server("a")).unwrap();
            world.unmount().unwrap();
            eventually("every handle is closed", || {
                let counts = world.files.counts();
                let count = |name: &str| counts.get(name).copied().unwrap_or(0);
                count("Open") + count("Create") + count("OpenDirectory") == count("Close")
            });
            drop(open);
        },
    );
}

#[test]
fn a_mount_that_is_dropped_is_gone() {
    in_mount(
        "a_mount_that_is_dropped_is_gone",
        Wish::default(),
        |mut world| {
            write(world.laptop("a"), "");
            assert!(world.server("a").exists());
            let mounts = || {
                read("/proc/self/mountinfo")
                    .matches("fuse.claude-share claude-share:test")
                    .count()
            };
            assert_eq!(mounts(), 1);
            world.mounted = None;
            assert_eq!((mounts(), world.server("a").exists()), (0, false));
        },
    );
}

#[test]
fn who_waits_for_a_lost_link_can_be_killed() {
    in_mount(
        "who_waits_for_a_lost_link_can_be_killed",
        Wish::default(),
        |world| {
            let holding = world.files.hold(|_| true);
            let mut command = Command::new("cat");
            command.arg(world.server("a")).stderr(Stdio::null());
            let mut process = Process::spawn(command);
            eventually("a held answer", || world.files.held() > 0);
            process.signal(Signal::INT);
            assert!(!process.wait(LIMIT).success());
            assert_eq!(world.files.count("Attributes"), 1);
            drop(holding);
        },
    );
}

#[test]
fn answers_that_come_after_the_end_are_ignored() {
    in_mount(
        "answers_that_come_after_the_end_are_ignored",
        Wish {
            delay: Duration::from_millis(50),
            ..Wish::default()
        },
        |mut world| {
            write(world.laptop("a"), "hello");
            let path = world.server("a");
            let reading = std::thread::spawn(move || drop(fs::read(path)));
            eventually("a request", || world.files.total() > 0);
            world.unmount().unwrap();
            reading.join().unwrap();
        },
    );
}
