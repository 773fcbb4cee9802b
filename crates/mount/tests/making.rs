//! Making files and removing them: how often somebody waits for the laptop, and what becomes of errors that nobody waited
//! for.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

mod common;

use std::collections::HashMap;
use std::fs::{self, File, FileTimes, OpenOptions, Permissions};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::system::close;
use common::{LIMIT, Wish, World, in_mount};
use live::files::Request;
use testkit::wait_until;

const FILES: usize = 200;
const DIRECTORIES: usize = 10;

/// Small files in directories, as an archive beside the mount.
fn make_archive(world: &World) {
    for number in 0..FILES {
        let directory = world.beside(&format!("small/d{}", number % DIRECTORIES));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join(format!("file{number}"));
        fs::write(&path, format!("{number}\n").repeat(100)).unwrap();
        let mode = [0o644, 0o755, 0o600][number % 3];
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        set_modified(&path, number as u64);
    }
    let mut tar = Command::new("tar");
    tar.arg("-cf").arg(world.beside("archive"));
    run(tar.arg("-C").arg(world.beside("small")).arg("."));
}

fn set_modified(path: &std::path::Path, seconds: u64) {
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000 + seconds);
    let times = FileTimes::new().set_modified(time);
    File::options()
        .write(true)
        .open(path)
        .unwrap()
        .set_times(times)
        .unwrap();
}

fn run(command: &mut Command) {
    let status = command.status().unwrap();
    assert!(status.success(), "{command:?}: {status}");
}

/// Requests since then, but those that nobody waits for.
fn since(world: &World, before: &HashMap<String, usize>) -> HashMap<String, usize> {
    let mut counts = world.files.waited_for();
    for (name, count) in before {
        *counts.entry(name.clone()).or_default() -= count;
    }
    counts
}

#[test]
fn an_archive_takes_two_round_trips_for_each_file_and_removing_it_one() {
    let name = "an_archive_takes_two_round_trips_for_each_file_and_removing_it_one";
    in_mount(name, Wish::default(), |world| {
        make_archive(&world);
        // Nothing is told: what would be is known here, and when it comes is a matter of luck.
        fs::create_dir(world.server("new")).unwrap();
        let before = world.files.waited_for();
        let mut tar = Command::new("tar");
        tar.arg("-xf").arg(world.beside("archive"));
        run(tar.arg("-C").arg(world.server("new")));
        let asked = since(&world, &before);
        let total: usize = asked.values().sum();
        // Where this machine is busy, a few take one or two more.
        let most = FILES * 5 / 2 + DIRECTORIES * 6;
        assert!(total <= most, "{total}: {asked:?}");
        let mut diff = Command::new("diff");
        run(diff
            .arg("-r")
            .arg(world.beside("small"))
            .arg(world.laptop("new")));
        for number in 0..FILES {
            let name = format!("d{}/file{number}", number % DIRECTORIES);
            let made = fs::metadata(world.laptop("new").join(&name)).unwrap();
            let meant = fs::metadata(world.beside("small").join(&name)).unwrap();
            assert_eq!((made.mode(), made.mtime()), (meant.mode(), meant.mtime()));
            let shown = fs::metadata(world.server("new").join(&name)).unwrap();
            let of = |file: &fs::Metadata| (file.mode(), file.mtime_nsec(), file.ctime_nsec());
            assert_eq!(of(&shown), of(&made), "{name}");
        }
        let before = world.files.waited_for();
        run(Command::new("rm").arg("-r").arg(world.server("new")));
        let asked = since(&world, &before);
        let total: usize = asked.values().sum();
        let most = FILES * 3 / 2 + DIRECTORIES * 6;
        assert!(total <= most, "{total}: {asked:?}");
        assert!(!world.laptop("new").exists());
    });
}

fn is_making(request: &Request) -> bool {
    matches!(
        request,
        Request::WriteAndSet { .. } | Request::SetAttributes(..)
    )
}

fn new_file(world: &World, name: &str) -> File {
    let mut options = OpenOptions::new();
    let options = options.write(true).create_new(true).mode(0o600);
    options.open(world.server(name)).unwrap()
}

#[test]
fn what_is_written_and_set_first_is_on_the_laptop_when_it_is_closed() {
    let name = "what_is_written_and_set_first_is_on_the_laptop_when_it_is_closed";
    in_mount(name, Wish::default(), |world| {
        let mut file = new_file(&world, "file");
        file.write_all(b"some ").unwrap();
        file.write_all(b"text").unwrap();
        file.set_permissions(Permissions::from_mode(0o751)).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::new(7, 9);
        file.set_times(FileTimes::new().set_modified(time)).unwrap();
        // It is waited for by whoever wants to know.
        let shown = file.metadata().unwrap();
        assert_eq!((shown.len(), shown.mode() & 0o7777), (9, 0o751));
        assert_eq!(shown.modified().unwrap(), time);
        // What is written after that is so.
        file.write_all(b"!").unwrap();
        drop(file);
        let path = world.laptop("file");
        assert_eq!(fs::read(&path).unwrap(), b"some text!");
        let made = fs::metadata(&path).unwrap();
        assert_eq!(made.mode() & 0o7777, 0o751);
        assert_ne!(made.modified().unwrap(), time);
    });
}

#[test]
fn what_is_written_to_a_file_that_stays_open_comes_soon() {
    let name = "what_is_written_to_a_file_that_stays_open_comes_soon";
    in_mount(name, Wish::default(), |world| {
        let mut file = new_file(&world, "log");
        file.write_all(b"line").unwrap();
        wait_until("it is there", LIMIT, || {
            fs::read(world.laptop("log")).unwrap() == b"line"
        });
        file.set_permissions(Permissions::from_mode(0o640)).unwrap();
        wait_until("its permissions are", LIMIT, || {
            fs::metadata(world.laptop("log")).unwrap().mode() & 0o7777 == 0o640
        });
    });
}

#[test]
fn a_file_has_its_new_name_with_what_was_written_before() {
    let name = "a_file_has_its_new_name_with_what_was_written_before";
    in_mount(name, Wish::default(), |world| {
        let holding = world.files.hold(is_making);
        let mut file = new_file(&world, "temporary");
        file.write_all(b"whole").unwrap();
        file.set_permissions(Permissions::from_mode(0o644)).unwrap();
        let (from, to) = (world.server("temporary"), world.server("named"));
        let renaming = std::thread::spawn(move || fs::rename(from, to).unwrap());
        wait_until("it is written", LIMIT, || world.files.held() > 0);
        assert!(!world.laptop("named").exists());
        drop(holding);
        renaming.join().unwrap();
        assert_eq!(fs::read(world.laptop("named")).unwrap(), b"whole");
        let mode = fs::metadata(world.laptop("named")).unwrap().mode();
        assert_eq!(mode & 0o7777, 0o644);
    });
}

#[test]
fn what_the_laptop_refuses_is_told_at_close_or_sync() {
    let name = "what_the_laptop_refuses_is_told_at_close_or_sync";
    in_mount(name, Wish::default(), |world| {
        if !rustix::process::geteuid().is_root() {
            return testkit::skip("needs root, to make a file immutable");
        }
        for (name, syncs) in [("closed", false), ("synced", true)] {
            let mut file = new_file(&world, name);
            // From here on nothing of it can be changed but what is written through what is open.
            let mut immutable = Command::new("chattr");
            let immutable = immutable.arg("+i").arg(world.laptop(name)).status();
            if !immutable.is_ok_and(|status| status.success()) {
                return testkit::skip("needs a file system with attributes of ext2");
            }
            file.write_all(b"text").unwrap();
            let set = file.set_permissions(Permissions::from_mode(0o644));
            let told = match syncs {
                true => file.sync_all(),
                false => close(file),
            };
            run(Command::new("chattr").arg("-i").arg(world.laptop(name)));
            set.unwrap();
            assert_eq!(
                told.unwrap_err().kind(),
                ErrorKind::PermissionDenied,
                "{name}"
            );
            assert_eq!(
                fs::metadata(world.laptop(name)).unwrap().mode() & 0o7777,
                0o600
            );
        }
    });
}

#[test]
fn no_room_on_the_laptop_is_told_at_close() {
    let name = "no_room_on_the_laptop_is_told_at_close";
    in_mount(name, Wish::default(), |world| {
        let full = world.laptop("full");
        fs::create_dir(&full).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=64k", "tmpfs"]);
        if !mount
            .arg(&full)
            .status()
            .is_ok_and(|status| status.success())
        {
            return testkit::skip("needs a file system of its own");
        }
        fs::write(full.join("filler"), vec![1; 60 << 10]).unwrap();
        let mut file = new_file(&world, "full/new");
        file.write_all(&[7; 20 << 10]).unwrap();
        let told = close(file).unwrap_err();
        assert_eq!(told.kind(), ErrorKind::StorageFull);
        // It is told once, and the mount shows what is there.
        let on_laptop = fs::metadata(full.join("new")).unwrap().len();
        assert!(on_laptop < 20 << 10);
        assert_eq!(
            fs::metadata(world.server("full/new")).unwrap().len(),
            on_laptop
        );
        assert_eq!(
            fs::read(world.server("full/new")).unwrap(),
            fs::read(full.join("new")).unwrap()
        );
        drop(world);
        run(Command::new("umount").arg(&full));
    });
}

#[test]
fn owner_and_lent_identities_are_not_taken_for_granted() {
    let name = "owner_and_lent_identities_are_not_taken_for_granted";
    in_mount(name, Wish::default(), |world| {
        let mut file = new_file(&world, "file");
        file.write_all(b"text").unwrap();
        let set = file.set_permissions(Permissions::from_mode(0o4755));
        assert_eq!(set.unwrap_err().kind(), ErrorKind::PermissionDenied);
        let own = rustix::process::geteuid();
        std::os::unix::fs::fchown(&file, Some(own.as_raw()), None).unwrap();
        if own.is_root() {
            let given = std::os::unix::fs::fchown(&file, Some(12345), None);
            assert_eq!(given.unwrap_err().kind(), ErrorKind::PermissionDenied);
        }
        drop(file);
        let made = fs::metadata(world.laptop("file")).unwrap();
        assert_eq!((made.mode() & 0o7777, made.uid()), (0o600, own.as_raw()));
    });
}
