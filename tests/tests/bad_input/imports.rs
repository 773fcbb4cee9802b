//! Imports that cannot be taken: all or nothing.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::path::Path;

use end_to_end::Machine;
use rustix::fs::{CWD, FileType, mknodat};
use serde_json::json;
use testkit::documents::write_private;

use super::{assert_ends, machine};

const INPUT: i32 = 9;
const STORAGE: i32 = 6;

/// Puts something at the path of an import.
type Maker = fn(&Path);

/// An account that could be taken, before and after one that cannot.
fn around(bad: &str) -> String {
    let good =
        |name: &str| format!(r#"{{"name": "{name}", "api_key": "sk-ant-api03-FAKE-{name}"}}"#);
    format!("[{}, {bad}, {}]", good("before"), good("after"))
}

fn tokens(more: &str) -> String {
    around(&format!(
        r#"{{"name": "n", "auth_type": "oauth", "access_token": "sk-ant-oat01-FAKE", {more}}}"#
    ))
}

fn malformed() -> Vec<(&'static str, Vec<u8>, &'static [&'static str])> {
    let not_json: &[&str] = &["nothing was imported", "not JSON"];
    let entry: &[&str] = &["nothing was imported", "number 2"];
    let text = |text: &str| text.as_bytes().to_vec();
    vec![
        ("empty", Vec::new(), not_json),
        (
            "cut short",
            text(r#"[{"name": "a", "api_key": "sk-ant-api03-FAKE"#),
            not_json,
        ),
        ("two documents", text("[] []"), not_json),
        ("nested deeply", b"[".repeat(200_000), not_json),
        (
            "nested deeply inside",
            tokens(&format!("\"document\": {}", "[".repeat(5_000))).into_bytes(),
            not_json,
        ),
        (
            "not UTF-8",
            b"[{\"name\": \"\xff\xfe\"}]".to_vec(),
            not_json,
        ),
        (
            "a number too large",
            tokens(r#""expires_at": 1e999"#).into_bytes(),
            not_json,
        ),
        ("an object", text("{}"), &["not an array"]),
        ("a text", text("\"sk-ant-api03-FAKE\""), &["not an array"]),
        ("null", text("null"), &["not an array"]),
        ("no object", around("7").into_bytes(), entry),
        (
            "no name",
            around(r#"{"api_key": "sk-ant-api03-FAKE"}"#).into_bytes(),
            entry,
        ),
        (
            "a key that no header can carry",
            around(r#"{"name": "n", "api_key": "sk-ant-api03-FAKE\nx"}"#).into_bytes(),
            entry,
        ),
        (
            "a bad name",
            around(r#"{"name": "a/b"}"#).into_bytes(),
            entry,
        ),
        (
            "a number for a name",
            around(r#"{"name": 7}"#).into_bytes(),
            entry,
        ),
        (
            "a number for a key",
            around(r#"{"name": "n", "api_key": 7}"#).into_bytes(),
            entry,
        ),
        (
            "a type that is none",
            around(r#"{"name": "n", "auth_type": "magic"}"#).into_bytes(),
            entry,
        ),
        (
            "an expiry that is none",
            tokens(r#""expires_at": "tomorrow""#).into_bytes(),
            entry,
        ),
        (
            "a document that is none",
            tokens(r#""document": [1]"#).into_bytes(),
            entry,
        ),
        (
            "an environment that is none",
            around(r#"{"name": "n", "environment": [1]}"#).into_bytes(),
            entry,
        ),
        (
            "a variable that is none",
            around(r#"{"name": "n", "environment": {"A B": "FAKE"}}"#).into_bytes(),
            entry,
        ),
        (
            "a name twice",
            around(r#"{"name": "BEFORE"}"#).into_bytes(),
            entry,
        ),
        (
            "an age file cut short",
            text("age-encryption.org/v1\n-> X25519 "),
            &["encrypted file"],
        ),
    ]
}

#[test]
fn all_or_nothing() {
    let machine = machine();
    let before = machine.export();
    for (what, bytes, words) in malformed() {
        let file = machine.home.home().join("import.json");
        write_private(&file, &bytes);
        for policy in ["skip", "replace", "rename"] {
            let ran = machine.run(&["import", "--on-conflict", policy, "import.json"]);
            assert_ends(&ran, INPUT, words, what);
        }
        let ran = machine.run(&["import", "--dry-run", "import.json"]);
        assert_ends(&ran, INPUT, words, what);
        let ran = machine
            .home
            .claude_accounts_with_input(&["import", "-"], &bytes);
        assert_ends(&ran, INPUT, words, what);
        assert_eq!(machine.export(), before, "{what}");
    }
}

#[test]
fn files_that_are_none() {
    let makers: [(&str, Maker, i32, &str); 6] = [
        ("missing", |_| {}, INPUT, "there is no file"),
        (
            "a FIFO",
            |path| mknodat(CWD, path, FileType::Fifo, 0o600.into(), 0).unwrap(),
            STORAGE,
            "not a regular file",
        ),
        (
            "a directory",
            |path| fs::create_dir(path).unwrap(),
            STORAGE,
            "not a regular file",
        ),
        (
            "a link",
            |path| symlink("/etc/passwd", path).unwrap(),
            STORAGE,
            "symbolic link",
        ),
        (
            "of 200 MB",
            |path| sparse(path, 200_000_000),
            STORAGE,
            "200000000 bytes",
        ),
        (
            "of 70 MB",
            |path| sparse(path, 70_000_000),
            INPUT,
            "larger than",
        ),
    ];
    let machine = machine();
    let before = machine.export();
    for (what, make, code, words) in makers {
        let name = format!("{}.json", what.replace(' ', "-"));
        make(&machine.home.home().join(&name));
        assert_ends(&machine.run(&["import", &name]), code, &[words], what);
        assert_eq!(machine.export(), before, "{what}");
    }
}

fn sparse(path: &Path, length: u64) {
    File::create(path).unwrap().set_len(length).unwrap();
}

/// Strange, and still to be taken; and everything of it comes back.
#[test]
fn what_is_strange_and_good() {
    let machine = Machine::without_client();
    let entries = json!([
        {"name": "équipe", "api_key": " sk-ant-api03-FAKE-e\n", "unknown": {"key": 1}},
        {"name": "x", "auth_type": "oauth", "access_token": "sk-ant-oat01-FAKE-x", "refresh_token": "", "expires_at": -5},
        {"name": "y", "auth_type": "oauth", "access_token": "sk-ant-oat01-FAKE-y", "refresh_token": "sk-ant-ort01-FAKE-y",
            "expires_at": i64::MAX},
        {"name": "z", "auth_type": "oauth", "access_token": null, "refresh_token": null, "expires_at": null},
    ]);
    let ran = machine
        .home
        .claude_accounts_with_input(&["import", "-"], entries.to_string().as_bytes());
    assert_ends(&ran, 0, &[], "strange accounts");
    assert_eq!(machine.export().as_array().unwrap().len(), 4);
    for command in [&["list"][..], &["list", "--json"], &["status"], &["doctor"]] {
        let ran = machine.run(command);
        assert!(matches!(ran.status.code(), Some(0 | 12)), "{ran:#?}");
        super::assert_says_no_secret(&ran, "strange accounts");
    }
}
