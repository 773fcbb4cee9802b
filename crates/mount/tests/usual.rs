//! The usual operations.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{
    FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink,
};
use std::process::Command;
use std::time::{Duration, SystemTime};

use common::mapping::MappingProcess;
use common::{Wish, eventually, in_mount, read, write};
use rustix::fs::{FallocateFlags, RenameFlags, XattrFlags};

#[test]
fn files_are_made_written_read_and_removed() {
    in_mount(
        "files_are_made_written_read_and_removed",
        Wish::default(),
        |world| {
            write(world.server("a"), "hello");
            assert_eq!(
                (read(world.laptop("a")), read(world.server("a"))),
                ("hello".into(), "hello".into())
            );
            fs::create_dir_all(world.server("d/e")).unwrap();
            fs::rename(world.server("a"), world.server("d/e/b")).unwrap();
            assert_eq!(read(world.laptop("d/e/b")), "hello");
            symlink("../e/b", world.server("d/e/l")).unwrap();
            assert_eq!(
                (
                    read(world.server("d/e/l")),
                    fs::read_link(world.laptop("d/e/l")).unwrap()
                ),
                ("hello".into(), "../e/b".into())
            );
            assert_eq!(
                fs::remove_dir(world.server("d"))
                    .unwrap_err()
                    .raw_os_error(),
                Some(39)
            );
            fs::remove_dir_all(world.server("d")).unwrap();
            assert_eq!(fs::read_dir(world.laptop("")).unwrap().count(), 0);
            assert_eq!(
                File::open(world.server("a")).unwrap_err().raw_os_error(),
                Some(2)
            );
        },
    );
}

#[test]
fn stat_shows_the_laptops_file() {
    in_mount("stat_shows_the_laptops_file", Wish::default(), |world| {
        write(world.laptop("a"), "hello");
        fs::hard_link(world.laptop("a"), world.laptop("b")).unwrap();
        fs::set_permissions(world.laptop("a"), fs::Permissions::from_mode(0o751)).unwrap();
        let file = File::options().write(true).open(world.laptop("a")).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH - Duration::from_nanos(1_200_000_001))
            .unwrap();
        let (laptop, server) = (
            fs::metadata(world.laptop("a")).unwrap(),
            fs::metadata(world.server("a")).unwrap(),
        );
        let all = |data: &fs::Metadata| {
            let times = (
                data.mtime(),
                data.mtime_nsec(),
                data.ctime(),
                data.ctime_nsec(),
            );
            (
                data.ino() & 0xffff_ffff,
                data.mode(),
                data.nlink(),
                data.uid(),
                data.gid(),
                data.size(),
                data.blocks(),
                times,
            )
        };
        assert_eq!(all(&laptop), all(&server));
        assert_eq!(fs::metadata(world.server("b")).unwrap().ino(), server.ino());
        // Times are set as they are meant, before 1970 too.
        let old = SystemTime::UNIX_EPOCH - Duration::from_nanos(5_300_000_002);
        File::options()
            .write(true)
            .open(world.server("a"))
            .unwrap()
            .set_modified(old)
            .unwrap();
        assert_eq!(
            fs::metadata(world.laptop("a")).unwrap().modified().unwrap(),
            old
        );
        assert_eq!(
            fs::metadata(world.server("a")).unwrap().modified().unwrap(),
            old
        );
    });
}

#[test]
fn others_files_are_shown_as_nobodys_and_nothing_is_given_away() {
    in_mount(
        "others_files_are_shown_as_nobodys_and_nothing_is_given_away",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "");
            std::os::unix::fs::chown(world.laptop("a"), Some(12345), Some(12345)).unwrap();
            let shown = fs::metadata(world.server("a")).unwrap();
            assert_eq!((shown.uid(), shown.gid()), (65534, 65534));
            let given = std::os::unix::fs::chown(world.server("a"), Some(4711), None);
            assert_eq!(given.unwrap_err().raw_os_error(), Some(1));
        },
    );
}

#[test]
fn names_of_one_file_are_one_file() {
    in_mount("names_of_one_file_are_one_file", Wish::default(), |world| {
        write(world.server("a"), "1");
        fs::create_dir(world.server("d")).unwrap();
        fs::hard_link(world.server("a"), world.server("d/b")).unwrap();
        let (a, b) = (
            fs::metadata(world.server("a")).unwrap(),
            fs::metadata(world.server("d/b")).unwrap(),
        );
        assert_eq!((a.ino(), a.nlink(), b.nlink()), (b.ino(), 2, 2));
        write(world.server("d/b"), "22");
        assert_eq!(read(world.server("a")), "22");
        fs::remove_file(world.server("a")).unwrap();
        assert_eq!(
            (
                read(world.server("d/b")),
                fs::metadata(world.server("d/b")).unwrap().nlink()
            ),
            ("22".into(), 1)
        );
    });
}

#[test]
fn what_is_open_is_used_without_a_name() {
    in_mount(
        "what_is_open_is_used_without_a_name",
        Wish::default(),
        |world| {
            write(world.server("a"), "hello");
            let mut file = File::options()
                .read(true)
                .write(true)
                .open(world.server("a"))
                .unwrap();
            let mut lazy = File::open(world.server("a")).unwrap();
            fs::remove_file(world.server("a")).unwrap();
            assert_eq!(
                (
                    file.metadata().unwrap().nlink(),
                    fs::read_dir(world.laptop("")).unwrap().count()
                ),
                (0, 0)
            );
            file.write_all(b"HELLO there").unwrap();
            file.set_len(7).unwrap();
            file.set_permissions(fs::Permissions::from_mode(0o600))
                .unwrap();
            let mut text = String::new();
            lazy.read_to_string(&mut text).unwrap();
            assert_eq!(text, "HELLO t");
            // The same where another file takes its name.
            write(world.server("b"), "old");
            let mut old = File::open(world.server("b")).unwrap();
            write(world.server("c"), "new");
            fs::rename(world.server("c"), world.server("b")).unwrap();
            text.clear();
            old.read_to_string(&mut text).unwrap();
            assert_eq!(
                (text, read(world.server("b"))),
                ("old".into(), "new".into())
            );
        },
    );
}

#[test]
fn what_has_just_been_closed_is_removed() {
    in_mount(
        "what_has_just_been_closed_is_removed",
        Wish::default(),
        |world| {
            for number in 0..300 {
                let (file, directory) = (format!("file {number}"), format!("directory {number}"));
                write(world.laptop(&file), "");
                fs::create_dir(world.laptop(&directory)).unwrap();
                // The kernel tells of the closing later than it asks to remove, sometimes.
                drop((
                    File::open(world.server(&file)).unwrap(),
                    File::open(world.server(&directory)).unwrap(),
                ));
                fs::remove_file(world.server(&file)).unwrap();
                fs::remove_dir(world.server(&directory)).unwrap();
            }
        },
    );
}

#[test]
fn directories_are_moved_with_what_is_open_below() {
    in_mount(
        "directories_are_moved_with_what_is_open_below",
        Wish::default(),
        |world| {
            fs::create_dir_all(world.server("d/e")).unwrap();
            write(world.server("d/e/f"), "hello");
            let mut file = OpenOptions::new()
                .append(true)
                .open(world.server("d/e/f"))
                .unwrap();
            let lazy = File::open(world.server("d/e/f")).unwrap();
            fs::create_dir(world.server("x")).unwrap();
            fs::rename(world.server("d"), world.server("x/y")).unwrap();
            file.write_all(b" there").unwrap();
            let mut bytes = [0; 11];
            lazy.read_exact_at(&mut bytes, 0).unwrap();
            assert_eq!(
                (&bytes[..], read(world.server("x/y/e/f"))),
                (&b"hello there"[..], "hello there".into())
            );
            write(world.server("x/y/e/g"), "more");
            assert_eq!(read(world.laptop("x/y/e/g")), "more");
            assert!(!world.server("d").exists());
        },
    );
}

#[test]
fn names_change_places_or_refuse_to() {
    in_mount(
        "names_change_places_or_refuse_to",
        Wish::default(),
        |world| {
            fs::create_dir(world.server("d")).unwrap();
            write(world.server("d/f"), "in d");
            write(world.server("a"), "a");
            let rename = |flags| {
                let here = rustix::fs::CWD;
                rustix::fs::renameat_with(here, world.server("a"), here, world.server("d"), flags)
            };
            assert_eq!(
                rename(RenameFlags::NOREPLACE),
                Err(rustix::io::Errno::EXIST)
            );
            rename(RenameFlags::EXCHANGE).unwrap();
            assert_eq!(
                (read(world.server("d")), read(world.server("a/f"))),
                ("a".into(), "in d".into())
            );
            assert_eq!(
                (read(world.laptop("d")), read(world.laptop("a/f"))),
                ("a".into(), "in d".into())
            );
        },
    );
}

#[test]
fn maps_of_files_are_read_and_written() {
    in_mount(
        "maps_of_files_are_read_and_written",
        Wish::default(),
        |world| {
            write(world.laptop("a"), &"x".repeat(10_000));
            let mut map = MappingProcess::start("a_process_that_maps_a_file", &world.server("a"));
            assert_eq!((map.read(0), map.read(9_999)), (b'x', b'x'));
            map.write(5_000, b'y');
            map.sync();
            assert_eq!(fs::read(world.laptop("a")).unwrap()[5_000], b'y');
            // The laptop's change is seen in the map.
            let laptop = File::options().write(true).open(world.laptop("a")).unwrap();
            laptop.write_all_at(b"z", 1).unwrap();
            world.tell_of("a");
            eventually("the laptop's byte", || map.read(1) == b'z');
            // What is written to the map is not lost by what is told.
            map.write(2, b'w');
            world.tell_of("a");
            drop(map);
            eventually("the server's byte", || {
                fs::read(world.laptop("a")).unwrap()[2] == b'w'
            });
        },
    );
}

/// Not a test: see [`MappingProcess`].
#[test]
#[ignore = "started by another test"]
fn a_process_that_maps_a_file() {
    common::mapping::serve();
}

#[test]
fn two_processes_append_without_losing_anything() {
    in_mount(
        "two_processes_append_without_losing_anything",
        Wish::default(),
        |world| {
            let script = "for i in 1 2 3 4 5 6 7 8 9 10; do echo \"$0\" >> \"$1\"; done";
            let start = |word: &str| {
                Command::new("sh")
                    .args(["-c", script, word])
                    .arg(world.server("log"))
                    .spawn()
                    .unwrap()
            };
            for mut child in [start("one"), start("three")] {
                assert!(child.wait().unwrap().success());
            }
            let log = read(world.laptop("log"));
            assert_eq!(
                (log.matches("one\n").count(), log.matches("three\n").count()),
                (10, 10),
                "{log}"
            );
            assert_eq!((log.len(), read(world.server("log"))), (100, log));
        },
    );
}

#[test]
fn only_one_makes_a_file_exclusively() {
    in_mount(
        "only_one_makes_a_file_exclusively",
        Wish::default(),
        |world| {
            let make = |name: &str| {
                OpenOptions::new()
                    .write(true)
                    .create_new(true)
                    .mode(0o640)
                    .open(world.server(name))
            };
            drop(make("a").unwrap());
            assert_eq!(make("a").unwrap_err().raw_os_error(), Some(17));
            // The kernel believes that there is none; the laptop knows better.
            assert!(!world.server("b").exists());
            write(world.laptop("b"), "");
            assert_eq!(make("b").unwrap_err().raw_os_error(), Some(17));
            assert_eq!(
                fs::metadata(world.laptop("a")).unwrap().mode() & 0o777,
                0o640
            );
        },
    );
}

#[test]
fn sizes_holes_and_copies() {
    in_mount("sizes_holes_and_copies", Wish::default(), |world| {
        let mut file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(world.server("a"))
            .unwrap();
        file.write_all(b"hello").unwrap();
        file.set_len(3).unwrap();
        file.set_len(1 << 20).unwrap();
        file.seek(SeekFrom::Start(2 << 20)).unwrap();
        file.write_all(b"end").unwrap();
        let on_laptop = fs::metadata(world.laptop("a")).unwrap();
        assert_eq!(on_laptop.len(), (2 << 20) + 3);
        assert!(on_laptop.blocks() < 100, "{}", on_laptop.blocks());
        assert_eq!(
            rustix::fs::seek(&file, rustix::fs::SeekFrom::Data(1 << 20)),
            Ok(2 << 20)
        );
        assert_eq!(
            rustix::fs::seek(&file, rustix::fs::SeekFrom::Hole(0)),
            Ok(4096)
        );
        rustix::fs::fallocate(
            &file,
            FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE,
            0,
            4096,
        )
        .unwrap();
        let mut bytes = [7; 5];
        file.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(bytes, [0; 5]);
        let copy = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(world.server("b"))
            .unwrap();
        let mut from = 2 << 20;
        assert_eq!(
            rustix::fs::copy_file_range(&file, Some(&mut from), &copy, None, 3),
            Ok(3)
        );
        assert_eq!(read(world.server("b")), "end");
        let space = rustix::fs::statvfs(world.server("")).unwrap();
        assert!(space.f_blocks > 0 && space.f_namemax == 255);
    });
}

#[test]
fn extended_attributes_are_the_laptops_where_they_are_the_users() {
    in_mount(
        "extended_attributes_are_the_laptops_where_they_are_the_users",
        Wish::default(),
        |world| {
            write(world.server("a"), "");
            let path = world.server("a");
            let list = || {
                let mut names = [0_u8; 100];
                let length = rustix::fs::listxattr(&path, &mut names[..]).unwrap();
                names[..length].to_vec()
            };
            assert_eq!(list(), b"");
            rustix::fs::setxattr(&path, "user.one", b"1", XattrFlags::CREATE).unwrap();
            assert_eq!(
                rustix::fs::setxattr(&path, "user.one", b"1", XattrFlags::CREATE),
                Err(rustix::io::Errno::EXIST)
            );
            assert_eq!(list(), b"user.one\0");
            let mut value = [0_u8; 9];
            assert_eq!(
                rustix::fs::getxattr(world.laptop("a"), "user.one", &mut value[..]),
                Ok(1)
            );
            assert_eq!(
                rustix::fs::getxattr(&path, "user.one", &mut value[..]),
                Ok(1)
            );
            rustix::fs::removexattr(&path, "user.one").unwrap();
            assert_eq!(
                rustix::fs::getxattr(&path, "user.one", &mut value[..]),
                Err(rustix::io::Errno::NODATA)
            );
            let before = world.files.total();
            assert_eq!(
                rustix::fs::getxattr(&path, "security.capability", &mut value[..]),
                Err(rustix::io::Errno::OPNOTSUPP)
            );
            assert_eq!(
                rustix::fs::setxattr(&path, "security.x", b"1", XattrFlags::empty()),
                Err(rustix::io::Errno::OPNOTSUPP)
            );
            assert_eq!(world.files.total(), before);
        },
    );
}

#[test]
fn nothing_is_changed_where_nothing_may_be() {
    let wish = Wish {
        read_only: true,
        ..Wish::default()
    };
    in_mount("nothing_is_changed_where_nothing_may_be", wish, |world| {
        write(world.laptop("a"), "hello");
        assert_eq!(read(world.server("a")), "hello");
        let read_only = Some(30);
        assert_eq!(
            fs::write(world.server("a"), "x")
                .unwrap_err()
                .raw_os_error(),
            read_only
        );
        assert_eq!(
            fs::remove_file(world.server("a"))
                .unwrap_err()
                .raw_os_error(),
            read_only
        );
        assert_eq!(
            fs::create_dir(world.server("d"))
                .unwrap_err()
                .raw_os_error(),
            read_only
        );
        let mode = fs::Permissions::from_mode(0o600);
        assert_eq!(
            fs::set_permissions(world.server("a"), mode)
                .unwrap_err()
                .raw_os_error(),
            read_only
        );
    });
}

#[test]
fn programs_are_run_from_it() {
    in_mount("programs_are_run_from_it", Wish::default(), |world| {
        fs::copy("/bin/true", world.server("true")).unwrap();
        assert!(
            Command::new(world.server("true"))
                .status()
                .unwrap()
                .success()
        );
        write(world.server("script"), "#!/bin/sh\necho ran\n");
        fs::set_permissions(world.server("script"), fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(
            Command::new(world.server("script"))
                .output()
                .unwrap()
                .stdout,
            b"ran\n"
        );
    });
}
