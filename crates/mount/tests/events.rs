//! What the laptop does is told to programs that watch the mount, once, and nothing is done on the laptop for it.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, Metadata, OpenOptions, Permissions};
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;
use std::sync::Arc;
use std::thread;

use common::{Wish, World, eventually, in_mount, read, write};
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

/// An `inotify(7)` of some files or directories, and what it has told.
struct Watching {
    inotify: OwnedFd,
    told: Vec<String>,
}

/// All but who opens, reads and closes without having written.
const WANTED: WatchFlags = WatchFlags::ALL_EVENTS
    .difference(WatchFlags::OPEN)
    .difference(WatchFlags::ACCESS)
    .difference(WatchFlags::CLOSE_NOWRITE);

impl Watching {
    fn new(path: impl AsRef<Path>) -> Watching {
        let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
        inotify::add_watch(&inotify, path.as_ref(), WANTED).unwrap();
        let told = Vec::new();
        Watching { inotify, told }
    }

    /// All that it has told so far, as `CREATE name`.
    fn told(&mut self) -> &[String] {
        let mut space = [MaybeUninit::uninit(); 64 << 10];
        let mut reader = Reader::new(&self.inotify, &mut space);
        loop {
            match reader.next() {
                Ok(event) => {
                    let name = event.file_name().map(|name| name.to_str().unwrap());
                    let what = said(event.events());
                    self.told
                        .push(format!("{what} {}", name.unwrap_or_default()));
                }
                Err(Errno::AGAIN) => return &self.told,
                Err(error) => panic!("{error}"),
            }
        }
    }

    #[track_caller]
    fn tells(&mut self, event: &str) {
        eventually(event, || self.told().iter().any(|told| told == event));
    }

    fn has_told(&mut self, event: &str) -> bool {
        self.told().iter().any(|told| told == event)
    }
}

fn said(flags: ReadFlags) -> &'static str {
    let names = [
        (ReadFlags::ATTRIB, "ATTRIB"),
        (ReadFlags::CLOSE_WRITE, "CLOSE_WRITE"),
        (ReadFlags::CREATE, "CREATE"),
        (ReadFlags::DELETE, "DELETE"),
        (ReadFlags::DELETE_SELF, "DELETE_SELF"),
        (ReadFlags::MODIFY, "MODIFY"),
        (ReadFlags::MOVE_SELF, "MOVE_SELF"),
        (ReadFlags::MOVED_FROM, "MOVED_FROM"),
        (ReadFlags::MOVED_TO, "MOVED_TO"),
        (ReadFlags::IGNORED, "IGNORED"),
        (ReadFlags::QUEUE_OVERFLOW, "OVERFLOW"),
    ];
    let name = names.iter().find(|(flag, _)| flags.contains(*flag));
    name.map_or("?", |(_, name)| name)
}

/// In one step, without making it empty before.
fn append(path: &Path, more: &str) {
    let mut file = OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(more.as_bytes()).unwrap();
}

/// What must not change on the laptop because somebody is told of it.
fn state(metadata: &Metadata) -> (u64, u32, u64, [i64; 4]) {
    let times = [
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.ctime(),
        metadata.ctime_nsec(),
    ];
    (metadata.ino(), metadata.mode(), metadata.size(), times)
}

fn laptop_state(world: &World, name: &str) -> (u64, u32, u64, [i64; 4]) {
    state(&fs::symlink_metadata(world.laptop(name)).unwrap())
}

#[test]
fn contents_that_the_laptop_writes_are_told_and_can_be_read_then() {
    in_mount(
        "contents_that_the_laptop_writes_are_told_and_can_be_read_then",
        Wish::default(),
        |mut world| {
            fs::create_dir(world.laptop("d")).unwrap();
            write(world.laptop("d/a"), "before");
            write(world.laptop("d/program"), "#!/bin/sh\n");
            fs::set_permissions(world.laptop("d/program"), Permissions::from_mode(0o755)).unwrap();
            world.watch();
            assert_eq!(read(world.server("d/a")), "before");
            assert_eq!(read(world.server("d/program")), "#!/bin/sh\n");
            let mut directory = Watching::new(world.server("d"));
            let mut file = Watching::new(world.server("d/a"));
            append(&world.laptop("d/a"), ", after, and more");
            let before = laptop_state(&world, "d/a");
            file.tells("MODIFY ");
            assert_eq!(read(world.server("d/a")), "before, after, and more");
            file.tells("CLOSE_WRITE ");
            directory.tells("MODIFY a");
            directory.tells("CLOSE_WRITE a");
            // Nobody could run what is open to be written.
            write(world.laptop("d/program"), "#!/bin/sh\nexit 0\n");
            directory.tells("MODIFY program");
            assert!(!directory.has_told("CLOSE_WRITE program"));
            assert_eq!(laptop_state(&world, "d/a"), before);
            assert_eq!(read(world.laptop("d/a")), "before, after, and more");
        },
    );
}

#[test]
fn permissions_that_the_laptop_changes_are_told() {
    in_mount(
        "permissions_that_the_laptop_changes_are_told",
        Wish::default(),
        |mut world| {
            write(world.laptop("a"), "a");
            fs::create_dir(world.laptop("d")).unwrap();
            world.watch();
            assert_eq!(read(world.server("a")), "a");
            assert!(world.server("d").is_dir());
            let mut watching = Watching::new(world.server(""));
            fs::set_permissions(world.laptop("a"), Permissions::from_mode(0o600)).unwrap();
            fs::set_permissions(world.laptop("d"), Permissions::from_mode(0o700)).unwrap();
            let before = [laptop_state(&world, "a"), laptop_state(&world, "d")];
            watching.tells("ATTRIB a");
            watching.tells("ATTRIB d");
            assert_eq!(
                fs::metadata(world.server("a")).unwrap().mode() & 0o777,
                0o600
            );
            assert!(!watching.has_told("MODIFY a"));
            assert_eq!(
                [laptop_state(&world, "a"), laptop_state(&world, "d")],
                before
            );
        },
    );
}

#[test]
fn names_that_the_laptop_makes_are_told() {
    in_mount(
        "names_that_the_laptop_makes_are_told",
        Wish::default(),
        |mut world| {
            fs::create_dir(world.laptop("d")).unwrap();
            world.watch();
            let mut watching = Watching::new(world.server("d"));
            assert!(
                !world.server("d/file").exists(),
                "the kernel knows that there is none"
            );
            write(world.laptop("d/file"), "contents");
            write(world.laptop("d/empty"), "");
            fs::create_dir(world.laptop("d/directory")).unwrap();
            symlink("file", world.laptop("d/link")).unwrap();
            let names = ["file", "empty", "directory", "link"];
            for name in names {
                watching.tells(&format!("CREATE {name}"));
            }
            watching.tells("CLOSE_WRITE file");
            let before = names.map(|name| laptop_state(&world, &format!("d/{name}")));
            assert_eq!(read(world.server("d/file")), "contents");
            assert_eq!(read(world.server("d/link")), "contents");
            assert!(world.server("d/directory").is_dir());
            let mut below = Watching::new(world.server("d/directory"));
            write(world.laptop("d/directory/deep"), "deep");
            below.tells("CREATE deep");
            below.tells("CLOSE_WRITE deep");
            assert_eq!(read(world.server("d/directory/deep")), "deep");
            assert_eq!(read(world.laptop("d/file")), "contents");
            let after = ["file", "empty", "link"];
            for (name, before) in names.iter().zip(before) {
                if after.contains(name) {
                    assert_eq!(laptop_state(&world, &format!("d/{name}")), before);
                }
            }
        },
    );
}

#[test]
fn names_that_the_laptop_removes_are_told() {
    in_mount(
        "names_that_the_laptop_removes_are_told",
        Wish::default(),
        |mut world| {
            fs::create_dir_all(world.laptop("d/directory")).unwrap();
            write(world.laptop("d/file"), "file");
            write(world.laptop("d/unseen"), "nobody has looked at it");
            world.watch();
            assert_eq!(read(world.server("d/file")), "file");
            assert!(world.server("d/directory").is_dir());
            let mut watching = Watching::new(world.server("d"));
            let mut itself = Watching::new(world.server("d/directory"));
            fs::remove_file(world.laptop("d/file")).unwrap();
            fs::remove_file(world.laptop("d/unseen")).unwrap();
            fs::remove_dir(world.laptop("d/directory")).unwrap();
            for name in ["file", "unseen", "directory"] {
                watching.tells(&format!("DELETE {name}"));
                assert!(!world.server(&format!("d/{name}")).exists());
            }
            itself.tells("DELETE_SELF ");
            // The name is good for another.
            fs::create_dir(world.laptop("d/directory")).unwrap();
            watching.tells("CREATE directory");
            write(world.server("d/directory/new"), "new");
            assert_eq!(read(world.laptop("d/directory/new")), "new");
        },
    );
}

#[test]
fn names_that_the_laptop_moves_are_told() {
    in_mount(
        "names_that_the_laptop_moves_are_told",
        Wish::default(),
        |world| {
            for name in ["a", "over", "replaced"] {
                write(world.laptop(name), name);
                assert_eq!(read(world.server(name)), name);
            }
            fs::create_dir_all(world.laptop("d/e")).unwrap();
            assert!(world.server("d/e").is_dir());
            let mut watching = Watching::new(world.server(""));
            let mut replaced = Watching::new(world.server("replaced"));
            let mut moved = Watching::new(world.server("d"));
            for (from, to) in [("a", "b"), ("over", "replaced"), ("d", "x")] {
                fs::rename(world.laptop(from), world.laptop(to)).unwrap();
                // As the laptop's watcher tells it: together.
                let changes = [world.change_of(from), world.change_of(to)];
                world.mounted().changed(&changes);
                watching.tells(&format!("MOVED_FROM {from}"));
                watching.tells(&format!("MOVED_TO {to}"));
                assert!(!world.server(from).exists());
            }
            replaced.tells("DELETE_SELF ");
            moved.tells("MOVE_SELF ");
            assert_eq!(read(world.server("b")), "a");
            assert_eq!(read(world.server("replaced")), "over");
            write(world.server("x/e/new"), "new");
            assert_eq!(read(world.laptop("x/e/new")), "new");
            let told = watching.told();
            assert!(!told.iter().any(|told| told.starts_with("CREATE")));
            assert!(!told.iter().any(|told| told.starts_with("DELETE")));
        },
    );
}

#[test]
fn a_file_that_is_replaced_is_told_and_can_be_read_then() {
    in_mount(
        "a_file_that_is_replaced_is_told_and_can_be_read_then",
        Wish::default(),
        |mut world| {
            write(world.laptop("a"), "before");
            world.watch();
            assert_eq!(read(world.server("a")), "before");
            let mut watching = Watching::new(world.server(""));
            // As editors save.
            write(world.laptop("a.new"), "after, and more");
            fs::rename(world.laptop("a.new"), world.laptop("a")).unwrap();
            eventually("to be told", || {
                watching.has_told("CREATE a") || watching.has_told("MOVED_TO a")
            });
            assert_eq!(read(world.server("a")), "after, and more");
        },
    );
}

/// What a program of the server does, in whatever directory.
fn work(directory: &Path) {
    let at = |name: &str| directory.join(name);
    write(at("a"), "contents");
    append(&at("a"), "more");
    fs::set_permissions(at("a"), Permissions::from_mode(0o600)).unwrap();
    fs::create_dir(at("d")).unwrap();
    symlink("a", at("link")).unwrap();
    fs::hard_link(at("a"), at("other")).unwrap();
    fs::rename(at("a"), at("b")).unwrap();
    fs::remove_file(at("other")).unwrap();
    fs::remove_file(at("link")).unwrap();
    fs::remove_dir(at("d")).unwrap();
    write(at("b"), "all anew");
    for number in 0..50 {
        write(at("again"), &"x".repeat(number));
        fs::rename(at("again"), at("saved")).unwrap();
    }
}

#[test]
fn what_the_server_does_is_told_once() {
    in_mount(
        "what_the_server_does_is_told_once",
        Wish::default(),
        |mut world| {
            fs::create_dir(world.beside("plain")).unwrap();
            fs::create_dir(world.laptop("d")).unwrap();
            world.watch();
            let mut plain = Watching::new(world.beside("plain"));
            work(&world.beside("plain"));
            let mut watching = Watching::new(world.server("d"));
            work(&world.server("d"));
            // The laptop tells of this after all that was done before.
            write(world.laptop("d/last"), "");
            watching.tells("CREATE last");
            let told: Vec<_> = watching
                .told()
                .iter()
                .filter(|told| *told != "CREATE last")
                .cloned()
                .collect();
            assert_eq!(told, plain.told());
        },
    );
}

#[test]
fn what_the_laptop_writes_after_the_server_is_told() {
    in_mount(
        "what_the_laptop_writes_after_the_server_is_told",
        Wish::default(),
        |mut world| {
            world.watch();
            let mut watching = Watching::new(world.server(""));
            for number in 0..20 {
                write(world.server("a"), &format!("server {number}"));
                watching.tells("CLOSE_WRITE a");
                // What was written was looked at when it was closed.
                assert!(fs::metadata(world.server("a")).is_ok());
                watching.told.clear();
                write(world.laptop("a"), &format!("the laptop {number}"));
                // Whoever is told early looks again when it is told again.
                watching.tells("CLOSE_WRITE a");
                let now = format!("the laptop {number}");
                eventually("the contents", || read(world.server("a")) == now);
                watching.told();
                watching.told.clear();
            }
        },
    );
}

#[test]
fn what_the_laptop_does_to_what_the_server_has_open_is_told() {
    in_mount(
        "what_the_laptop_does_to_what_the_server_has_open_is_told",
        Wish::default(),
        |mut world| {
            world.watch();
            write(world.server("a"), "");
            let mut watching = Watching::new(world.server(""));
            let mut open = OpenOptions::new()
                .append(true)
                .open(world.server("a"))
                .unwrap();
            for _ in 0..20 {
                open.write_all(b"the server\n").unwrap();
                watching.tells("MODIFY a");
                watching.told();
                watching.told.clear();
                // What is done a moment later may be taken for that.
                eventually("the laptop's", || {
                    append(&world.laptop("a"), "the laptop\n");
                    watching.has_told("MODIFY a")
                });
                watching.told();
                watching.told.clear();
            }
        },
    );
}

#[test]
fn what_the_server_makes_and_the_laptop_takes_away_is_told() {
    in_mount(
        "what_the_server_makes_and_the_laptop_takes_away_is_told",
        Wish::default(),
        |mut world| {
            world.watch();
            let mut watching = Watching::new(world.server(""));
            for number in 0..20 {
                let name = format!("a{number}");
                write(world.server(&name), "made here");
                fs::remove_file(world.laptop(&name)).unwrap();
                watching.tells(&format!("DELETE {name}"));
                assert!(!world.server(&name).exists());
                let (from, to) = (format!("b{number}"), format!("c{number}"));
                write(world.server(&from), "made here");
                fs::rename(world.laptop(&from), world.laptop(&to)).unwrap();
                eventually("both names", || {
                    let moved = watching.has_told(&format!("MOVED_FROM {from}"))
                        && watching.has_told(&format!("MOVED_TO {to}"));
                    let anew = watching.has_told(&format!("DELETE {from}"))
                        && watching.has_told(&format!("CREATE {to}"));
                    moved || anew
                });
                assert!(!world.server(&from).exists());
                assert_eq!(read(world.server(&to)), "made here");
            }
        },
    );
}

#[test]
fn a_directory_that_the_server_fills_and_the_laptop_removes_is_told() {
    in_mount(
        "a_directory_that_the_server_fills_and_the_laptop_removes_is_told",
        Wish::default(),
        |mut world| {
            world.watch();
            let mut watching = Watching::new(world.server(""));
            for number in 0..10 {
                let name = format!("d{number}");
                fs::create_dir(world.server(&name)).unwrap();
                thread::scope(|scope| {
                    for thread in 0..4 {
                        let directory = world.server(&name);
                        scope.spawn(move || {
                            for file in 0..10 {
                                write(directory.join(format!("{thread}-{file}")), "made here");
                            }
                        });
                    }
                });
                fs::remove_dir_all(world.laptop(&name)).unwrap();
                watching.tells(&format!("DELETE {name}"));
                assert!(!world.server(&name).exists());
            }
        },
    );
}

/// Makes and changes a great many files on the laptop.
fn storm(directory: &Path, files: usize) {
    for number in 0..files {
        write(directory.join(format!("f{number}")), "contents");
    }
}

#[test]
fn many_changes_hold_nobody_up_and_are_told() {
    in_mount(
        "many_changes_hold_nobody_up_and_are_told",
        Wish::default(),
        |mut world| {
            const FILES: usize = 10_000;
            fs::create_dir(world.laptop("d")).unwrap();
            write(world.laptop("other"), "other");
            world.watch();
            let mut watching = Watching::new(world.server("d"));
            let (laptop, server) = (world.laptop("d"), world.server("other"));
            let storm = std::thread::spawn(move || storm(&laptop, FILES));
            while !storm.is_finished() {
                assert_eq!(read(&server), "other");
                write(&server, "other");
                watching.told();
            }
            storm.join().unwrap();
            // What came last is told after all the others.
            let last = format!("CREATE f{}", FILES - 1);
            // However long that takes, as long as something comes.
            let (mut count, mut is_last) = (0, false);
            while !is_last {
                eventually("more, the last one, or more than the kernel keeps", || {
                    is_last = watching.has_told(&last) || watching.has_told("OVERFLOW ");
                    is_last || watching.told().len() > count
                });
                count = watching.told().len();
            }
            assert_eq!(fs::read_dir(world.server("d")).unwrap().count(), FILES);
            assert_eq!(read(world.server("d/f77")), "contents");
        },
    );
}

#[test]
fn what_was_lost_is_told_all_the_same() {
    in_mount(
        "what_was_lost_is_told_all_the_same",
        Wish::default(),
        |mut world| {
            fs::create_dir_all(world.laptop("d/below")).unwrap();
            fs::create_dir(world.laptop("busy")).unwrap();
            for name in ["changed", "removed", "stays", "renamed"] {
                write(world.laptop("d").join(name), "before");
            }
            world.watch();
            for name in ["changed", "removed", "stays", "renamed", "below"] {
                fs::metadata(world.server("d").join(name)).unwrap();
            }
            let mut watching = Watching::new(world.server("d"));
            let gate = Arc::clone(&world.gate);
            let gate = gate.lock().unwrap();
            // More than the kernel keeps, of what nobody watches.
            for number in 0..30_000 {
                write(world.laptop(&format!("busy/{}", number % 2)), "");
            }
            append(&world.laptop("d/changed"), ", after");
            fs::remove_file(world.laptop("d/removed")).unwrap();
            fs::rename(world.laptop("d/renamed"), world.laptop("d/other")).unwrap();
            fs::remove_dir(world.laptop("d/below")).unwrap();
            write(world.laptop("d/made"), "made");
            drop(gate);
            for told in [
                "MODIFY changed",
                "CREATE made",
                "DELETE removed",
                "DELETE below",
            ] {
                watching.tells(told);
            }
            eventually("the other name", || {
                watching.has_told("CREATE other") || watching.has_told("MOVED_TO other")
            });
            eventually("the name before", || {
                watching.has_told("DELETE renamed") || watching.has_told("MOVED_FROM renamed")
            });
            assert!(!watching.has_told("DELETE stays"));
            assert!(!watching.has_told("DELETE changed"));
            let deleted = |told: &&String| *told == "DELETE removed";
            assert_eq!(watching.told().iter().filter(deleted).count(), 1);
            assert_eq!(read(world.server("d/made")), "made");
        },
    );
}

#[test]
fn a_mount_ends_while_much_is_told() {
    in_mount(
        "a_mount_ends_while_much_is_told",
        Wish::default(),
        |mut world| {
            fs::create_dir(world.laptop("d")).unwrap();
            world.watch();
            let mut watching = Watching::new(world.server("d"));
            storm(&world.laptop("d"), 3000);
            eventually("the first one", || !watching.told().is_empty());
            drop(watching);
            world.unmount().unwrap();
            assert!(!world.server("d").exists());
            assert_eq!(fs::read_dir(world.laptop("d")).unwrap().count(), 3000);
        },
    );
}
