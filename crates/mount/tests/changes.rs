//! What changes on the laptop is seen, and what does not is not asked for.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::process::Command;
use std::time::Duration;

use common::{ROOT, Wish, World, eventually, in_mount, read, write};
use live::RelativePath;
use live::files::{Change, Request};

fn names(path: impl AsRef<std::path::Path>) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(path.as_ref())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn a_change_of_contents_is_seen_by_who_has_the_file_open_and_by_who_opens_it() {
    in_mount(
        "a_change_of_contents_is_seen_by_who_has_the_file_open_and_by_who_opens_it",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "before");
            let file = File::open(world.server("a")).unwrap();
            let mut bytes = [0; 6];
            file.read_exact_at(&mut bytes, 0).unwrap();
            write(world.laptop("a"), "AFTER, and more");
            assert_eq!(read(world.server("a")), "before", "nobody has told yet");
            world.tell_of("a");
            eventually("the new contents", || {
                let mut bytes = [0; 6];
                file.read_exact_at(&mut bytes, 0).unwrap();
                &bytes == b"AFTER,"
            });
            eventually("the new length", || file.metadata().unwrap().len() == 15);
            assert_eq!(read(world.server("a")), "AFTER, and more");
        },
    );
}

#[test]
fn names_that_come_go_and_lead_elsewhere_are_seen() {
    in_mount(
        "names_that_come_go_and_lead_elsewhere_are_seen",
        Wish::default(),
        |world| {
            fs::create_dir(world.laptop("d")).unwrap();
            write(world.laptop("d/a"), "a");
            assert_eq!(names(world.server("d")), ["a"]);
            assert!(!world.server("d/b").exists());
            write(world.laptop("d/b"), "b");
            assert!(!world.server("d/b").exists(), "nobody has told yet");
            world.tell_of("d/b");
            eventually("the new name", || world.server("d/b").exists());
            eventually("the new name in the list", || {
                names(world.server("d")) == ["a", "b"]
            });
            let old = fs::metadata(world.server("d/a")).unwrap().ino();
            write(world.laptop("d/new"), "another");
            fs::rename(world.laptop("d/new"), world.laptop("d/a")).unwrap();
            world.tell_of("d/new");
            world.tell_of("d/a");
            eventually("the other file", || read(world.server("d/a")) == "another");
            assert_ne!(fs::metadata(world.server("d/a")).unwrap().ino(), old);
            fs::remove_file(world.laptop("d/b")).unwrap();
            world.tell_of("d/b");
            eventually("no name", || !world.server("d/b").exists());
            eventually("no name in the list", || names(world.server("d")) == ["a"]);
        },
    );
}

#[test]
fn what_is_written_by_one_name_is_seen_by_the_other() {
    in_mount(
        "what_is_written_by_one_name_is_seen_by_the_other",
        Wish::default(),
        |mut world| {
            fs::create_dir_all(world.laptop("store/deep")).unwrap();
            fs::create_dir(world.laptop("used")).unwrap();
            write(world.laptop("store/deep/one"), "before");
            let link = |to: &str| fs::hard_link(world.laptop("store/deep/one"), world.laptop(to));
            link("used/other").unwrap();
            link("used/third").unwrap();
            world.watch();
            // The server knows no name but the other; whole directories are read ahead.
            assert_eq!(names(world.server("used")), ["other", "third"]);
            let open = File::open(world.server("used/other")).unwrap();
            assert_eq!(read(world.server("used/other")), "before");
            assert_eq!(open.metadata().unwrap().nlink(), 3);
            write(world.laptop("store/deep/one"), "after, and more");
            eventually("what is new, by who has it open", || {
                let mut bytes = [0; 15];
                let count = open.read_at(&mut bytes, 0).unwrap();
                &bytes[..count] == b"after, and more"
            });
            eventually("what is new, by the name that was never used", || {
                fs::metadata(world.server("used/third")).unwrap().len() == 15
                    && read(world.server("used/third")) == "after, and more"
            });
            // Back again, by the other: both are known on the server now.
            assert_eq!(read(world.server("store/deep/one")), "after, and more");
            write(world.server("used/other"), "from the server");
            assert_eq!(read(world.laptop("store/deep/one")), "from the server");
            assert_eq!(read(world.server("store/deep/one")), "from the server");
            fs::remove_file(world.laptop("store/deep/one")).unwrap();
            eventually("one name less", || open.metadata().unwrap().nlink() == 2);
            assert_eq!(read(world.server("used/third")), "from the server");
        },
    );
}

#[test]
fn a_directory_that_the_laptop_moves_stays_where_programs_work() {
    in_mount(
        "a_directory_that_the_laptop_moves_stays_where_programs_work",
        Wish::default(),
        |world| {
            fs::create_dir_all(world.laptop("d/e")).unwrap();
            write(world.laptop("d/e/f"), "f");
            assert_eq!(read(world.server("d/e/f")), "f");
            let mut shell = Command::new("sh");
            shell
                .current_dir(world.server("d/e"))
                .args(["-c", "read go; cat f; /bin/pwd -P; echo more > g"]);
            shell
                .stdin(std::process::Stdio::piped())
                .stdout(std::process::Stdio::piped());
            let mut shell = shell.spawn().unwrap();
            fs::rename(world.laptop("d"), world.laptop("x")).unwrap();
            world.tell_of("d");
            world.tell_of("x");
            eventually("the new name", || {
                world.server("x").exists() && !world.server("d").exists()
            });
            drop(shell.stdin.take());
            let output = shell.wait_with_output().unwrap();
            assert_eq!(
                String::from_utf8(output.stdout).unwrap(),
                format!("f{}\n", world.server("x/e").display())
            );
            assert_eq!(read(world.laptop("x/e/g")), "more\n");
        },
    );
}

#[test]
fn what_is_known_is_not_asked_for_again() {
    in_mount(
        "what_is_known_is_not_asked_for_again",
        Wish::default(),
        |world| {
            fs::create_dir(world.laptop("d")).unwrap();
            write(world.laptop("d/a"), "hello");
            let look = || {
                let all = Command::new("ls")
                    .args(["-la"])
                    .arg(world.server("d"))
                    .output()
                    .unwrap();
                assert!(all.status.success());
                assert_eq!(read(world.server("d/a")), "hello");
                assert!(!world.server("d/none").exists());
                fs::metadata(world.server("d/a")).unwrap().ino()
            };
            let first = look();
            let before = world.files.waited_for();
            assert_eq!(look(), first);
            assert_eq!(world.files.waited_for(), before);
            // Telling what is known already changes nothing.
            for name in ["d", "d/a", "d/none"] {
                world.tell_of(name);
            }
            look();
            assert_eq!(world.files.waited_for(), before);
        },
    );
}

#[test]
fn nothing_is_kept_long_where_changes_are_not_told() {
    let wish = Wish {
        watched: false,
        ..Wish::default()
    };
    in_mount(
        "nothing_is_kept_long_where_changes_are_not_told",
        wish,
        |world| {
            write(world.laptop("a"), "before");
            let file = File::open(world.server("a")).unwrap();
            assert_eq!(
                (read(world.server("a")), world.server("b").exists()),
                ("before".into(), false)
            );
            write(world.laptop("a"), "after that");
            write(world.laptop("b"), "");
            assert!(world.server("b").exists());
            eventually("the new contents", || {
                read(world.server("a")) == "after that"
            });
            eventually("the new length", || file.metadata().unwrap().len() == 10);
        },
    );
}

#[test]
fn when_changes_are_no_longer_told_everything_is_asked_for_again() {
    in_mount(
        "when_changes_are_no_longer_told_everything_is_asked_for_again",
        Wish::default(),
        |world| {
            fs::create_dir(world.laptop("d")).unwrap();
            write(world.laptop("d/a"), "before");
            assert_eq!(
                (read(world.server("d/a")), names(world.server("d"))),
                ("before".into(), vec!["a".into()])
            );
            write(world.laptop("d/a"), "AFTER!");
            write(world.laptop("d/b"), "");
            world.tell(Change::Watched {
                root: ROOT,
                all: false,
            });
            eventually("the new contents", || read(world.server("d/a")) == "AFTER!");
            eventually("the new list", || names(world.server("d")) == ["a", "b"]);
        },
    );
}

#[test]
fn anything_may_have_changed_below_a_directory() {
    in_mount(
        "anything_may_have_changed_below_a_directory",
        Wish::default(),
        |world| {
            fs::create_dir_all(world.laptop("d/e")).unwrap();
            write(world.laptop("d/e/a"), "before");
            write(world.laptop("other"), "other");
            let look = || {
                (
                    read(world.server("d/e/a")),
                    world.server("d/e/b").exists(),
                    read(world.server("other")),
                )
            };
            assert_eq!(look(), ("before".into(), false, "other".into()));
            write(world.laptop("d/e/a"), "AFTER!");
            write(world.laptop("d/e/b"), "");
            world.tell(Change::Anything {
                root: ROOT,
                path: RelativePath::new(b"d").unwrap(),
            });
            eventually("the new state", || {
                look() == ("AFTER!".into(), true, "other".into())
            });
        },
    );
}

/// The answers are those of before the change, and come after it was told.
fn cross(
    world: &World,
    hold: fn(&Request) -> bool,
    look: impl Fn(&World) -> Option<String> + Sync,
) {
    std::thread::scope(|scope| {
        let holding = world.files.hold(hold);
        let looking = scope.spawn(|| look(world));
        eventually("a held answer", || world.files.held() > 0);
        write(world.laptop("new"), "AFTER!");
        fs::rename(world.laptop("new"), world.laptop("a")).unwrap();
        world.tell_of("new");
        world.tell_of("a");
        drop(holding);
        drop(looking.join().unwrap());
    });
    eventually("the state after the change", || {
        look(world).as_deref() == Some("AFTER!")
    });
}

#[test]
fn an_answer_of_before_a_change_does_not_stay() {
    in_mount(
        "an_answer_of_before_a_change_does_not_stay",
        Wish::default(),
        |world| {
            let look = |world: &World| fs::read_to_string(world.server("a")).ok();
            // A name that was not there.
            cross(
                &world,
                |request| matches!(request, Request::Attributes(_)),
                look,
            );
            // Attributes.
            fs::remove_file(world.laptop("a")).unwrap();
            write(world.laptop("a"), "old");
            world.tell(Change::Anything {
                root: ROOT,
                path: RelativePath::root(),
            });
            cross(
                &world,
                |request| matches!(request, Request::Attributes(_)),
                look,
            );
        },
    );
}

#[test]
fn contents_of_before_a_change_do_not_stay() {
    in_mount(
        "contents_of_before_a_change_do_not_stay",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "before");
            let look = || read(world.server("a"));
            assert!(world.server("a").exists());
            std::thread::scope(|scope| {
                let holding = world
                    .files
                    .hold(|request| matches!(request, Request::Read { .. }));
                let looking = scope.spawn(look);
                eventually("a held answer", || world.files.held() > 0);
                write(world.laptop("a"), "AFTER!");
                world.tell_of("a");
                drop(holding);
                drop(looking.join().unwrap());
            });
            eventually("the state after the change", || look() == "AFTER!");
        },
    );
}

#[test]
fn a_list_of_before_a_change_does_not_stay() {
    in_mount(
        "a_list_of_before_a_change_does_not_stay",
        Wish::default(),
        |world| {
            write(world.laptop("a"), "");
            std::thread::scope(|scope| {
                let holding = world
                    .files
                    .hold(|request| matches!(request, Request::ReadDirectory { .. }));
                let looking = scope.spawn(|| names(world.server("")));
                eventually("a held answer", || world.files.held() > 0);
                fs::rename(world.laptop("a"), world.laptop("b")).unwrap();
                world.tell_of("a");
                world.tell_of("b");
                drop(holding);
                drop(looking.join().unwrap());
            });
            eventually("the state after the change", || {
                names(world.server("")) == ["b"] && !world.server("a").exists()
            });
        },
    );
}

#[test]
fn the_laptops_own_watcher_is_enough() {
    in_mount(
        "the_laptops_own_watcher_is_enough",
        Wish {
            delay: Duration::from_millis(2),
            ..Wish::default()
        },
        |mut world| {
            world.watch();
            fs::create_dir(world.server("d")).unwrap();
            for round in 0..20 {
                let text = format!("round {round}");
                write(world.laptop("d/a"), &text);
                eventually("the laptop's contents", || {
                    fs::read_to_string(world.server("d/a")).is_ok_and(|read| read == text)
                });
                write(world.server("d/b"), &text);
                assert_eq!(read(world.laptop("d/b")), text);
                fs::remove_file(world.laptop("d/a")).unwrap();
                eventually("no name", || !world.server("d/a").exists());
            }
        },
    );
}
