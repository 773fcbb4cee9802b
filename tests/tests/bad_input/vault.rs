//! A vault without its key or with another one, a database that is damaged, foreign or of a later version.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;

use end_to_end::Machine;
use rusqlite::Connection;
use rustix::fs::{CWD, FileType, mknodat};
use testkit::documents::write_private;

use super::{Case, assert_ends, machine, nothing, try_all};
use crate::support::copy_tree;

const NOT_FOUND: i32 = 3;
const VAULT: i32 = 5;
const STORAGE: i32 = 6;
const ATTENTION: i32 = 12;

/// Everything that opens the vault.
const COMMANDS: [&[&str]; 11] = [
    &["status"],
    &["export"],
    &["launch", "perso"],
    &["launch", "work"],
    &["exec", "perso", "--", "true"],
    &["env", "perso"],
    &["refresh", "work"],
    &["refresh", "--all"],
    &["add", "new", "--key-stdin"],
    &["key", "rotate"],
    &["list"],
];

fn key(machine: &Machine) -> PathBuf {
    machine.home.vault_dir().join(".key")
}

fn database(machine: &Machine) -> PathBuf {
    machine.home.vault_dir().join("accounts.db")
}

fn aside(machine: &Machine) -> PathBuf {
    machine.home.root().join("aside")
}

/// Remembers the whole vault, with everything in the database itself, for [`bring_back`].
fn put_aside(machine: &Machine) {
    let connection = Connection::open(database(machine)).unwrap();
    connection
        .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        .unwrap();
    drop(connection);
    copy_tree(&machine.home.vault_dir(), &aside(machine));
}

fn bring_back(machine: &Machine) {
    copy_tree(&aside(machine), &machine.home.vault_dir());
}

/// What is done to a vault, how every command ends then, and what it says.
type Harm = (&'static str, fn(&Machine), i32, &'static [&'static str]);

/// Each harm with each command.
fn try_each(harms: &[Harm]) {
    for &(what, harm, code, words) in harms {
        let machine = machine();
        let before = machine.export();
        put_aside(&machine);
        for command in COMMANDS {
            harm(&machine);
            let key = b"sk-ant-api03-FAKE-new-key".as_slice();
            let ran = machine.home.claude_accounts_with_input(command, key);
            assert_ends(&ran, code, words, &format!("{command:?}, {what}"));
            bring_back(&machine);
        }
        harm(&machine);
        let doctor = machine.run(&["doctor"]);
        assert_ends(&doctor, ATTENTION, &[], &format!("doctor, {what}"));
        assert!(
            words.iter().all(|word| doctor.stdout.contains(word)),
            "{what}: {doctor:#?}"
        );
        assert_ends(&machine.run(&["doctor", "--fix"]), ATTENTION, &[], what);
        bring_back(&machine);
        assert_eq!(machine.export(), before, "{what}");
        assert!(
            machine.tokens.request_count() == 1,
            "{what}: a token was spent"
        );
    }
}

#[test]
fn keys_that_do_not_open_it() {
    let other_key = "FAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKEFAE=";
    assert_eq!(other_key.len(), 44);
    try_each(&[
        (
            "no key",
            |machine| fs::remove_file(key(machine)).unwrap(),
            VAULT,
            &["is missing"],
        ),
        (
            "an empty key",
            |machine| write_private(&key(machine), ""),
            VAULT,
            &["holds no key"],
        ),
        (
            "rubbish for a key",
            |machine| write_private(&key(machine), "FAKE rubbish"),
            VAULT,
            &["holds no key"],
        ),
        (
            "another vault's key",
            |machine| {
                write_private(
                    &key(machine),
                    "FAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKEFAE=",
                );
            },
            VAULT,
            &["does not open"],
        ),
        (
            "a huge key",
            |machine| {
                fs::File::create(key(machine))
                    .unwrap()
                    .set_len(100_000_000)
                    .unwrap();
            },
            STORAGE,
            &["bytes"],
        ),
        (
            "a FIFO for a key",
            |machine| {
                fs::remove_file(key(machine)).unwrap();
                mknodat(CWD, key(machine), FileType::Fifo, 0o600.into(), 0).unwrap();
            },
            STORAGE,
            &["not a regular file"],
        ),
    ]);
}

/// Keeps the first `numerator / denominator` of the database, and `less` bytes less.
fn cut(machine: &Machine, numerator: u64, denominator: u64, less: u64) {
    let path = database(machine);
    let length = fs::metadata(&path).unwrap().len();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_len(length * numerator / denominator - less)
        .unwrap();
}

fn replace(machine: &Machine, statements: &str) {
    let path = database(machine);
    fs::remove_file(&path).unwrap();
    Connection::open(path)
        .unwrap()
        .execute_batch(statements)
        .unwrap();
}

#[test]
fn databases_that_are_damaged_foreign_or_new() {
    try_each(&[
        (
            "cut to nothing",
            |machine| cut_to(machine, 0),
            VAULT,
            &["is damaged"],
        ),
        (
            "cut to 100 bytes",
            |machine| cut_to(machine, 100),
            VAULT,
            &["is damaged"],
        ),
        (
            "cut to its first page",
            |machine| cut_to(machine, 4096),
            VAULT,
            &["is damaged"],
        ),
        (
            "cut in half",
            |machine| cut(machine, 1, 2, 0),
            VAULT,
            &["is damaged"],
        ),
        (
            "rubbish",
            |machine| write_private(&database(machine), "FAKE ".repeat(2000)),
            VAULT,
            &["is damaged"],
        ),
        (
            "foreign",
            |machine| replace(machine, "CREATE TABLE accounts (id INTEGER, balance REAL)"),
            VAULT,
            &["of another program"],
        ),
        (
            "of a later version",
            |machine| {
                Connection::open(database(machine))
                    .unwrap()
                    .execute_batch("PRAGMA user_version = 9999")
                    .unwrap();
            },
            VAULT,
            &["newer version", "9999"],
        ),
        (
            "a directory",
            |machine| {
                fs::remove_file(database(machine)).unwrap();
                fs::create_dir(database(machine)).unwrap();
            },
            STORAGE,
            &["not a regular file"],
        ),
        (
            "a FIFO",
            |machine| {
                fs::remove_file(database(machine)).unwrap();
                mknodat(CWD, database(machine), FileType::Fifo, 0o600.into(), 0).unwrap();
            },
            STORAGE,
            &["not a regular file"],
        ),
        (
            "a link",
            |machine| {
                fs::remove_file(database(machine)).unwrap();
                symlink(aside(machine).join("accounts.db"), database(machine)).unwrap();
            },
            STORAGE,
            &["symbolic link"],
        ),
    ]);
}

fn cut_to(machine: &Machine, length: u64) {
    let file = fs::OpenOptions::new()
        .write(true)
        .open(database(machine))
        .unwrap();
    file.set_len(length).unwrap();
}

/// At any other length it opens or it does not; never a panic, and never a write that makes it worse.
#[test]
fn a_database_cut_anywhere() {
    let machine = machine();
    let before = machine.export();
    put_aside(&machine);
    let whole = fs::metadata(database(&machine)).unwrap().len();
    let lengths = [
        0,
        1,
        16,
        99,
        101,
        511,
        4095,
        4097,
        8192,
        whole / 3,
        whole - 4096,
        whole - 1,
    ];
    for length in lengths {
        for command in [
            &["list"][..],
            &["export"],
            &["launch", "perso"],
            &["refresh", "work"],
            &["key", "rotate"],
        ] {
            cut_to(&machine, length);
            let ran = machine.run(command);
            let code = ran.status.code().unwrap_or(-1);
            let what = format!("{command:?}, cut to {length} of {whole} bytes");
            assert!([0, NOT_FOUND, VAULT].contains(&code), "{what}: {ran:#?}");
            crate::support::assert_decent(&ran, &what);
            bring_back(&machine);
        }
    }
    assert_eq!(machine.export(), before);
}

/// One record's damage is that record's alone.
#[test]
fn a_record_that_is_damaged() {
    let machine = machine();
    Connection::open(database(&machine))
        .unwrap()
        .execute_batch("UPDATE accounts SET refresh_token_enc = 'gAAAAABFAKE' WHERE name = 'work'")
        .unwrap();
    let damaged: [(&[&str], i32); 5] = [
        (&["launch", "work"], VAULT),
        (&["refresh", "work"], VAULT),
        (&["refresh", "--all"], VAULT),
        (&["export"], VAULT),
        (&["env", "work"], VAULT),
    ];
    for (command, code) in damaged {
        assert_ends(
            &machine.run(command),
            code,
            &["damaged"],
            &format!("{command:?}"),
        );
    }
    let others: [&[&str]; 5] = [
        &["list"],
        &["launch", "perso", "--", "--version"],
        &["export", "perso", "-o", "perso.json"],
        &["refresh", "client"],
        &["key", "rotate"],
    ];
    for command in others {
        assert_ends(&machine.run(command), 0, &[], &format!("{command:?}"));
    }
    assert_eq!(super::state(&machine, "work"), "damaged");
    assert_eq!(super::state(&machine, "client"), "ok");
    let doctor = machine.run(&["doctor"]);
    assert_ends(&doctor, ATTENTION, &[], "doctor");
    assert!(doctor.stdout.contains("\"work\": damaged"), "{doctor:#?}");
    // Signing in mends it; its history is still there.
    drop(machine.add_login("work"));
    assert_eq!(super::state(&machine, "work"), "ok");
    drop(machine.run(&["history", "work"]).success());
}

#[test]
fn no_vault_at_all() {
    let machine = Machine::new();
    for command in [&["list"][..], &["status"]] {
        let ran = machine.run(command);
        assert_ends(&ran, 0, &["hint: Add one"], &format!("{command:?}"));
    }
    for command in [
        &["launch", "work"][..],
        &["launch"],
        &["refresh", "work"],
        &["refresh", "--all"],
        &["export"],
        &["use", "work"],
        &["key", "rotate"],
        &["remove", "-y", "work"],
    ] {
        assert_ends(
            &machine.run(command),
            NOT_FOUND,
            &["there is no vault"],
            &format!("{command:?}"),
        );
    }
    assert!(!machine.home.vault_dir().exists());
}

#[test]
fn what_cannot_be_had() {
    let refuse = |what, command, input, code, words| Case {
        what,
        harm: nothing,
        command,
        input,
        code,
        words,
        heal: nothing,
    };
    try_all(&[
        refuse(
            "an account that is there",
            &["add", "work", "--oauth"],
            b"",
            4,
            &["already an account"],
        ),
        refuse(
            "its name in other letters",
            &["add", "WORK", "--oauth"],
            b"",
            4,
            &["already an account"],
        ),
        refuse(
            "a name that is taken",
            &["rename", "perso", "Work"],
            b"",
            4,
            &["already an account"],
        ),
        refuse(
            "an empty key",
            &["add", "new", "--key-stdin"],
            b" \n",
            9,
            &["empty"],
        ),
        refuse(
            "a token for a key",
            &["add", "new", "--key-stdin"],
            b"sk-ant-ort01-FAKE-token",
            9,
            &["token of a login"],
        ),
        refuse(
            "a key with a newline",
            &["add", "new", "--key-stdin"],
            b"sk-ant-FAKE\nsecond",
            9,
            &["white space"],
        ),
        refuse(
            "a key that is no text",
            &["add", "new", "--key-stdin"],
            b"\xff\xfeFAKE",
            9,
            &["not text"],
        ),
        refuse(
            "no key and nobody to ask",
            &["add", "new"],
            b"",
            2,
            &["no terminal"],
        ),
        refuse(
            "a variable without value",
            &["add", "new", "--oauth", "--env", "FAKE"],
            b"",
            9,
            &["without a value"],
        ),
        refuse(
            "a variable that is none",
            &["add", "new", "--oauth", "--env", "1A=FAKE"],
            b"",
            9,
            &["variable"],
        ),
        refuse(
            "nobody to ask",
            &["remove", "work"],
            b"",
            2,
            &["no terminal", "-y"],
        ),
        refuse(
            "a generation that is none",
            &["restore", "-y", "work", "77"],
            b"",
            3,
            &["no generation"],
        ),
        refuse(
            "a key to be renewed",
            &["refresh", "perso"],
            b"",
            2,
            &["API key"],
        ),
        refuse(
            "a login for a key",
            &["login", "perso", "--capture"],
            b"",
            4,
            &["API key"],
        ),
        refuse(
            "no directory",
            &["use", "work", "nowhere"],
            b"",
            9,
            &["cannot be bound"],
        ),
        refuse(
            "no client",
            &["launch", "work", "--claude", "/nonexistent"],
            b"",
            127,
            &["cannot find /nonexistent", "--claude"],
        ),
        refuse(
            "a client that is no program",
            &["launch", "work", "--claude", "/etc/passwd"],
            b"",
            126,
            &["/etc/passwd"],
        ),
        refuse(
            "no program",
            &["exec", "work", "--", "no-such-program"],
            b"",
            127,
            &["no-such-program"],
        ),
        refuse(
            "a recipient that is none",
            &["export", "--recipient", "age1FAKE"],
            b"",
            9,
            &["encrypted file"],
        ),
        refuse(
            "no descriptor",
            &["export", "--passphrase-fd", "77"],
            b"",
            5,
            &["/dev/fd/77"],
        ),
        refuse(
            "an empty passphrase",
            &["export", "--passphrase-fd", "0"],
            b"\n",
            5,
            &["empty"],
        ),
        refuse(
            "a secret in the wrong place",
            &["launch", "work", "--key", "sk-ant-api03-FAKE-0123456789"],
            b"",
            2,
            &[],
        ),
    ]);
}
