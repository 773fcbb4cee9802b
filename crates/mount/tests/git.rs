//! git, whose index is as sensitive to what `stat` shows as anything.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

use common::{Wish, eventually, in_mount, write};
use testkit::Ran;

fn git(home: &Path, directory: &Path, arguments: &[&str]) -> String {
    let mut command = Command::new("git");
    command
        .env_clear()
        .env("PATH", "/usr/local/bin:/usr/bin:/bin")
        .env("HOME", home)
        .env("GIT_CONFIG_NOSYSTEM", "1");
    let who = [
        "-c",
        "user.name=Test",
        "-c",
        "user.email=test@example.org",
        "-c",
        "init.defaultBranch=main",
    ];
    command.args(who).args(arguments).current_dir(directory);
    Ran::of(command).success().stdout
}

fn is_there() -> bool {
    Command::new("git").arg("--version").output().is_ok()
}

#[test]
fn git_works_in_the_mount() {
    if !is_there() {
        return testkit::skip("needs git");
    }
    in_mount("git_works_in_the_mount", Wish::default(), |mut world| {
        world.watch();
        let (home, server) = (world.beside(""), world.server(""));
        git(&home, &server, &["init"]);
        for number in 0..30 {
            fs::create_dir_all(world.server(&format!("d{}", number % 3))).unwrap();
            write(
                world.server(&format!("d{}/file {number}", number % 3)),
                &format!("contents {number}"),
            );
        }
        git(&home, &server, &["add", "."]);
        git(&home, &server, &["commit", "-m", "first"]);
        assert_eq!(git(&home, &server, &["status", "--porcelain"]), "");
        git(&home, &server, &["fsck", "--strict"]);
        git(&home, &server, &["switch", "-c", "other"]);
        git(&home, &server, &["mv", "d0", "moved"]);
        git(&home, &server, &["commit", "-m", "second"]);
        git(&home, &server, &["switch", "main"]);
        git(&home, &server, &["gc", "--quiet"]);
        git(&home, &server, &["fsck", "--strict"]);
        assert_eq!(git(&home, &server, &["status", "--porcelain"]), "");
        assert_eq!(
            git(&home, &world.laptop(""), &["status", "--porcelain"]),
            ""
        );
        // A change on the laptop is seen.
        write(world.laptop("d1/file 1"), "changed on the laptop");
        eventually("the change", || {
            git(&home, &server, &["status", "--porcelain"]) == " M \"d1/file 1\"\n"
        });
    });
}

#[test]
fn an_index_of_the_laptops_is_as_good_as_one_of_the_servers() {
    if !is_there() {
        return testkit::skip("needs git");
    }
    in_mount(
        "an_index_of_the_laptops_is_as_good_as_one_of_the_servers",
        Wish::default(),
        |world| {
            let (home, laptop) = (world.beside(""), world.laptop(""));
            git(&home, &laptop, &["init"]);
            for number in 0..200 {
                write(
                    world.laptop(&format!("file {number}")),
                    &format!("contents {number}"),
                );
            }
            git(&home, &laptop, &["add", "."]);
            git(&home, &laptop, &["commit", "-m", "first"]);
            // Contents that are as old as the index are read again, wherever it is.
            let index = fs::metadata(world.laptop(".git/index"))
                .unwrap()
                .modified()
                .unwrap();
            let later = index + std::time::Duration::from_secs(2);
            fs::File::options()
                .write(true)
                .open(world.laptop(".git/index"))
                .unwrap()
                .set_modified(later)
                .unwrap();
            assert_eq!(
                git(
                    &home,
                    &world.server(""),
                    &["--no-optional-locks", "status", "--porcelain"]
                ),
                ""
            );
            let reads = world.files.count("Read");
            assert!(
                reads < 40,
                "{reads} reads for git's own files, and 200 files that need none"
            );
        },
    );
}
