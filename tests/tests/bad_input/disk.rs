//! A disk that is full, or becomes so at the worst moment, and a home that cannot be written.

use std::fs;
use std::os::unix::fs::symlink;

use end_to_end::{LIMIT, Machine};
use serde_json::Value;
use testkit::namespace::TmpfsMount;
use testkit::{Isolation, Process, isolated, read_only, small_tmpfs, wait_until};

use super::{assert_ends, assert_says_no_secret, fill, state};
use crate::support::kept_refresh_token;

const DISK_BYTES: u64 = 1 << 20;
const STORAGE: i32 = 6;

/// A machine with its home, and so its vault, on a small disk of its own.
fn on_small_disk() -> (Machine, TmpfsMount) {
    let (machine, disk) = (Machine::new(), small_tmpfs(DISK_BYTES).unwrap());
    fs::remove_dir(machine.home.home()).unwrap();
    symlink(disk.path(), machine.home.home()).unwrap();
    (machine, disk)
}

/// What changes something and cannot.
const CHANGES: [&[&str]; 15] = [
    &["add", "new", "--key-stdin"],
    &["add", "new", "--oauth"],
    &["refresh", "work"],
    &["refresh", "--all"],
    &["import", "import.json"],
    &["import", "--on-conflict", "replace", "import.json"],
    &["rename", "work", "renamed"],
    &["remove", "-y", "work"],
    &["restore", "-y", "work", "1"],
    &["default", "work"],
    &["use", "work"],
    &["key", "rotate"],
    &[
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ],
    &["login", "work", "--capture", "captured.json"],
    &["export", "--output", "export.json"],
];

/// What only reads, or changes nothing that has to last.
const READS: [&[&str]; 9] = [
    &["list"],
    &["list", "--json"],
    &["status", "work"],
    &["history", "work"],
    &["key", "status"],
    &["launch", "perso", "--", "--version"],
    &["launch", "work", "--inject", "env", "--", "--version"],
    &["launch", "work", "--", "--version"],
    &["exec", "client", "--", "true"],
];

/// Tries everything on a vault that cannot be written, and that nothing has changed there.
fn try_everything(machine: &Machine, before: &Value, words: &[&str]) {
    let requests = machine.tokens.request_count();
    for command in CHANGES {
        let ran = machine
            .home
            .claude_accounts_with_input(command, b"sk-ant-api03-FAKE-new-key");
        assert_ends(&ran, STORAGE, words, &format!("{command:?}"));
        assert_eq!(&machine.export(), before, "{command:?}");
    }
    for command in READS {
        assert_ends(&machine.run(command), 0, &[], &format!("{command:?}"));
    }
    assert_eq!(
        machine.tokens.request_count(),
        requests,
        "a token was spent"
    );
    for arguments in [&["doctor"][..], &["doctor", "--fix"]] {
        let doctor = machine.run(arguments);
        assert!(
            doctor
                .status
                .code()
                .is_some_and(|code| code != 1 && code != 101),
            "{doctor:#?}"
        );
        assert_says_no_secret(&doctor, "doctor");
    }
    assert_eq!(&machine.export(), before);
}

fn write_files(machine: &Machine) {
    let export = machine.export().to_string();
    testkit::documents::write_private(
        &machine.home.home().join("import.json"),
        export.replace("client", "newer"),
    );
    let login = machine.tokens.issue("work").credentials();
    testkit::documents::write_private(
        &machine.home.home().join("captured.json"),
        login.to_string(),
    );
}

#[test]
fn a_full_disk() {
    isolated("disk::a_full_disk", Isolation::MOUNTS, || {
        let (machine, disk) = on_small_disk();
        fill(&machine);
        write_files(&machine);
        let before = machine.export();
        let filler = disk.fill();
        try_everything(&machine, &before, &["disk is full"]);
        fs::remove_file(filler).unwrap();
        assert_eq!(machine.export(), before);
        drop(machine.run(&["key", "rotate"]).success());
        assert_eq!(machine.export(), before);
    });
}

#[test]
fn a_disk_that_is_full_from_the_start() {
    isolated(
        "disk::a_disk_that_is_full_from_the_start",
        Isolation::MOUNTS,
        || {
            let (machine, disk) = on_small_disk();
            let filler = disk.fill();
            for command in [
                &["add", "new", "--key-stdin"][..],
                &["add", "new", "--oauth"],
                &["login", "new"],
            ] {
                let ran = machine
                    .home
                    .claude_accounts_with_input(command, b"sk-ant-api03-FAKE-new-key");
                assert_ends(&ran, STORAGE, &["disk is full"], &format!("{command:?}"));
            }
            fs::remove_file(filler).unwrap();
            fill(&machine);
            assert_eq!(machine.export().as_array().unwrap().len(), 3);
        },
    );
}

/// The vault could be written when the token was spent, and cannot when the answer comes.
#[test]
fn a_disk_that_fills_up_while_the_server_answers() {
    isolated(
        "disk::a_disk_that_fills_up_while_the_server_answers",
        Isolation::MOUNTS,
        || {
            let (machine, disk) = on_small_disk();
            fill(&machine);
            let held = kept_refresh_token(&machine, "work");
            machine.tokens.hold_answers();
            let answered = machine.tokens.requests().len() + 1;
            let ran = std::thread::scope(|scope| {
                let command = machine.home.claude_accounts_command(&["refresh", "work"]);
                let refresh = scope.spawn(|| testkit::Ran::of(command));
                machine.tokens.wait_for_answers(answered);
                let filler = disk.fill();
                machine.tokens.release();
                let ran = refresh.join().unwrap();
                // As long as the disk is full nobody sends the spent token once more.
                let again = machine.run(&["refresh", "work"]);
                assert_ends(
                    &again,
                    STORAGE,
                    &["disk is full"],
                    "refresh with an answer kept aside",
                );
                fs::remove_file(filler).unwrap();
                ran
            });
            assert_ends(&ran, STORAGE, &["kept aside"], "refresh");
            assert_eq!(machine.tokens.request_count(), answered);
            assert_eq!(state(&machine, "work"), "ok");
            let newest = machine.tokens.current("work").1;
            assert_ne!(held, newest);
            assert_eq!(kept_refresh_token(&machine, "work"), newest);
            drop(machine.run(&["refresh", "work"]).success());
            let left = fs::read_dir(machine.home.vault_dir().join("rescue"))
                .unwrap()
                .count();
            assert_eq!(left, 0, "the answer kept aside is still there");
        },
    );
}

/// The same for a login that ten wait for: the one that holds the lease cannot store it, and the others may not try.
#[test]
fn ten_that_wait_while_the_disk_fills_up() {
    isolated(
        "disk::ten_that_wait_while_the_disk_fills_up",
        Isolation::MOUNTS,
        || {
            let (machine, disk) = on_small_disk();
            fill(&machine);
            let answered = machine.tokens.request_count() + 1;
            machine.tokens.hold_answers();
            let command = || {
                machine
                    .home
                    .claude_accounts_command(&["-q", "refresh", "work"])
            };
            let mut waiting: Vec<Process> =
                (0..10).map(|_| Process::spawn(quiet(command()))).collect();
            machine.tokens.wait_for_answers(answered);
            let filler = disk.fill();
            machine.tokens.release();
            for process in &mut waiting {
                assert!(!process.wait(LIMIT).success());
            }
            assert_eq!(machine.tokens.request_count(), answered);
            fs::remove_file(filler).unwrap();
            wait_until("the newest token in the vault", LIMIT, || {
                kept_refresh_token(&machine, "work") == machine.tokens.current("work").1
            });
        },
    );
}

fn quiet(mut command: std::process::Command) -> std::process::Command {
    command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null());
    command
}

#[test]
fn a_read_only_home() {
    isolated("disk::a_read_only_home", Isolation::MOUNTS, || {
        let machine = Machine::new();
        fill(&machine);
        write_files(&machine);
        let before = machine.export();
        let mount = read_only(&machine.home.home()).unwrap();
        try_everything(&machine, &before, &[]);
        drop(mount);
        assert_eq!(machine.export(), before);
        drop(machine.run(&["refresh", "work"]).success());
    });
}

#[test]
fn a_read_only_home_without_a_vault() {
    isolated(
        "disk::a_read_only_home_without_a_vault",
        Isolation::MOUNTS,
        || {
            let machine = Machine::new();
            let mount = read_only(&machine.home.home()).unwrap();
            for command in [
                &["add", "new", "--key-stdin"][..],
                &["add", "new", "--oauth"],
                &["install"],
            ] {
                let ran = machine
                    .home
                    .claude_accounts_with_input(command, b"sk-ant-api03-FAKE-new-key");
                assert_ends(&ran, STORAGE, &[], &format!("{command:?}"));
            }
            assert_ends(&machine.run(&["list"]), 0, &[], "list");
            drop(mount);
        },
    );
}
