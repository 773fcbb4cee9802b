//! Credential files that are none, given to `login` and `add`, and lying in `~/.claude` while a login is renewed.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;

use end_to_end::Machine;
use rustix::fs::{CWD, FileType, mknodat};
use serde_json::json;
use testkit::documents::{credentials, now_ms, write_private};

use super::{SECRET, assert_ends, assert_says_no_secret, machine, state};
use crate::support::kept_refresh_token;

/// Something at the place of a credential file, and what is said when it is given.
#[derive(Clone, Copy)]
struct Bad {
    what: &'static str,
    make: fn(&Path),
    code: i32,
    words: &'static [&'static str],
}

const INPUT: i32 = 9;
const STORAGE: i32 = 6;

fn all() -> [Bad; 18] {
    let of_no_use = |what, make, words| Bad {
        what,
        make,
        code: INPUT,
        words,
    };
    let unsuitable = |what, make, words| Bad {
        what,
        make,
        code: STORAGE,
        words,
    };
    [
        of_no_use("empty", |path| write_private(path, ""), &["of no use"]),
        of_no_use("blanked", blanked, &["logged out", "claude auth login"]),
        of_no_use(
            "not JSON",
            |path| {
                write_private(
                    path,
                    "{\"claudeAiOauth\": {\"accessToken\": \"sk-ant-oat01-FAKE",
                );
            },
            &["not JSON"],
        ),
        of_no_use(
            "not UTF-8",
            |path| write_private(path, b"\xff\xfe{\0}\0"),
            &["not JSON"],
        ),
        of_no_use(
            "an array",
            |path| write_private(path, "[1, 2]"),
            &["of no use"],
        ),
        of_no_use(
            "nested deeply",
            |path| write_private(path, "[".repeat(100_000)),
            &["not JSON"],
        ),
        of_no_use(
            "without a login",
            |path| write_private(path, "{\"other\": 1}"),
            &["no login"],
        ),
        of_no_use(
            "null for a login",
            |path| document(path, &json!(null)),
            &["of no use"],
        ),
        of_no_use(
            "a text for a login",
            |path| document(path, &json!("sk-ant-oat01-FAKE")),
            &["of no use"],
        ),
        of_no_use(
            "an empty login",
            |path| document(path, &json!({})),
            &["of no use"],
        ),
        of_no_use(
            "numbers for tokens",
            |path| {
                document(
                    path,
                    &json!({"accessToken": 17, "refreshToken": 18, "expiresAt": 19}),
                );
            },
            &["of no use"],
        ),
        of_no_use(
            "a text for the expiry",
            |path| {
                document(
                    path,
                    &json!({"accessToken": "sk-ant-oat01-FAKE", "expiresAt": "soon"}),
                );
            },
            &["wrong type"],
        ),
        of_no_use(
            "a newline in the token",
            |path| {
                document(
                    path,
                    &json!({"accessToken": "sk-ant-oat01-FAKE\nx", "refreshToken": "sk-ant-ort01-FAKE"}),
                );
            },
            &["of no use"],
        ),
        unsuitable("a link", link, &["symbolic link"]),
        unsuitable(
            "a link to nothing",
            |path| symlink("/nonexistent", path).unwrap(),
            &["symbolic link"],
        ),
        unsuitable("a FIFO", fifo, &["not a regular file"]),
        unsuitable(
            "a directory",
            |path| fs::create_dir(path).unwrap(),
            &["not a regular file"],
        ),
        unsuitable("of 100 MB", giant, &["100000000 bytes"]),
    ]
}

fn document(path: &Path, login: &serde_json::Value) {
    write_private(path, json!({"claudeAiOauth": login}).to_string());
}

fn blanked(path: &Path) {
    document(
        path,
        &json!({"accessToken": "", "refreshToken": "", "expiresAt": 0, "scopes": ["user:inference"]}),
    );
}

/// To a login that is good.
fn link(path: &Path) {
    let target = path.with_extension("elsewhere");
    let login = credentials(
        "sk-ant-oat01-FAKE-elsewhere",
        "sk-ant-ort01-FAKE-elsewhere",
        now_ms() + 1_000_000,
    );
    write_private(&target, login.to_string());
    symlink(target, path).unwrap();
}

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap();
}

fn giant(path: &Path) {
    File::create(path).unwrap().set_len(100_000_000).unwrap();
}

#[test]
fn given_to_login_and_to_add() {
    let machine = machine();
    let before = machine.export();
    for bad in all() {
        let path = machine
            .home
            .root()
            .join(format!("{}.json", bad.what.replace(' ', "-")));
        (bad.make)(&path);
        let path = path.to_str().unwrap();
        for command in [
            ["login", "new", "--capture", path],
            ["login", "work", "--capture", path],
            ["add", "new", "--from", path],
        ] {
            let ran = machine.run(&command);
            assert_ends(&ran, bad.code, bad.words, &format!("{command:?}"));
        }
        assert_eq!(machine.export(), before, "{}", bad.what);
    }
}

#[test]
fn found_where_the_client_keeps_its_login() {
    let machine = machine();
    let before = machine.export();
    fs::create_dir(machine.home.claude_dir()).unwrap();
    for bad in all() {
        let path = machine.own_login_path();
        (bad.make)(&path);
        for command in [&["login", "new"][..], &["login", "work", "--capture"]] {
            let ran = machine.run(command);
            assert_ends(
                &ran,
                bad.code,
                bad.words,
                &format!("{command:?} with one {}", bad.what),
            );
        }
        assert_eq!(machine.export(), before, "{}", bad.what);
        clear(&path);
    }
}

#[test]
fn left_alone_by_a_renewal_and_no_hindrance() {
    let machine = machine();
    fs::create_dir(machine.home.claude_dir()).unwrap();
    for bad in all() {
        let path = machine.own_login_path();
        (bad.make)(&path);
        let before = trace_of(&path);
        let ran = machine.run(&["refresh", "work"]);
        assert_ends(&ran, 0, &[], bad.what);
        let newest = machine.tokens.current("work").1;
        assert_eq!(kept_refresh_token(&machine, "work"), newest, "{}", bad.what);
        for command in [
            &["launch", "work", "--inject", "view", "--", "--version"][..],
            &["launch", "perso", "--", "--version"],
        ] {
            assert_ends(&machine.run(command), 0, &[], bad.what);
        }
        let doctor = machine.run(&["doctor"]);
        assert!(
            matches!(doctor.status.code(), Some(0 | 12)),
            "{}: {doctor:#?}",
            bad.what
        );
        assert_says_no_secret(&doctor, bad.what);
        assert_eq!(trace_of(&path), before, "{}", bad.what);
        assert_eq!(state(&machine, "work"), "ok");
        clear(&path);
    }
}

/// The user's own login of the account that is renewed, behind a link: not followed, not replaced.
#[test]
fn a_link_to_the_accounts_own_login() {
    let machine = Machine::new();
    let login = machine.add_login("work");
    let (path, target) = (
        machine.own_login_path(),
        machine.home.home().join("shared.json"),
    );
    write_private(&target, login.credentials().to_string());
    fs::create_dir(machine.home.claude_dir()).unwrap();
    symlink(&target, &path).unwrap();
    let before = (trace_of(&path), trace_of(&target));
    assert_ends(&machine.run(&["refresh", "work"]), 0, &[], "a link");
    assert_eq!((trace_of(&path), trace_of(&target)), before);
    let doctor = machine.run(&["doctor"]).code(12);
    assert!(doctor.stdout.contains("symbolic link"), "{doctor:#?}");
}

#[test]
fn a_file_that_is_not_there() {
    let machine = machine();
    for (command, words) in [
        (
            &["login", "new", "--capture", "nowhere.json"][..],
            &["there is no nowhere.json"][..],
        ),
        (&["login", "new", "--capture"], &["there is no"]),
        (
            &["add", "new", "--from", "nowhere.json"],
            &["there is no file nowhere.json"],
        ),
    ] {
        assert_ends(&machine.run(command), INPUT, words, &format!("{command:?}"));
    }
}

/// What is good enough to be taken.
#[test]
fn a_login_of_a_token_and_nothing_else() {
    let machine = machine();
    let path = machine.home.root().join("bare.json");
    document(
        &path,
        &json!({"accessToken": "sk-ant-oat01-FAKE-bare-token", "refreshToken": null}),
    );
    let ran = machine.run(&["add", "bare", "--from", path.to_str().unwrap()]);
    assert_ends(&ran, 0, &[], "a bare token");
    assert_eq!(state(&machine, "bare"), "ok");
    let ran = machine.run(&["refresh", "bare"]);
    assert_ends(&ran, 7, &["no refresh token"], "a bare token");
}

/// What a file is, which one, since when and what is in it.
fn trace_of(path: &Path) -> (u32, u64, i64, i64, u64, Vec<u8>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    let small = metadata.is_file() && metadata.len() < 1_000_000;
    let bytes = if small {
        fs::read(path).unwrap()
    } else {
        Vec::new()
    };
    (
        metadata.mode(),
        metadata.ino(),
        metadata.mtime(),
        metadata.mtime_nsec(),
        metadata.len(),
        bytes,
    )
}

fn clear(path: &Path) {
    if fs::symlink_metadata(path).unwrap().is_dir() {
        fs::remove_dir(path).unwrap();
    } else {
        fs::remove_file(path).unwrap();
    }
    let beside = path.with_extension("elsewhere");
    if beside.exists() {
        assert!(fs::read_to_string(&beside).unwrap().contains(SECRET));
        fs::remove_file(beside).unwrap();
    }
}
