//! Names that cannot be an account's, wherever one is given; and unusual ones that can.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use serde_json::json;
use testkit::Ran;

use super::{assert_ends, machine};

const USAGE: i32 = 2;
const NOT_FOUND: i32 = 3;
const INPUT: i32 = 9;

fn long() -> String {
    "x".repeat(300)
}

fn bad() -> Vec<String> {
    let bad = [
        "",
        " ",
        "a b",
        "a/b",
        "/",
        "..",
        ".",
        "../../etc/passwd",
        "a\nb",
        "\n",
        "a\tb",
        "a\u{1b}[2Jb",
        "a;b",
        "$(id)",
        "a\u{202e}b",
        "a\u{200b}b",
        "emoji\u{1f600}",
        "*",
        "'",
        "\"",
    ];
    let mut bad: Vec<String> = bad.map(str::to_owned).to_vec();
    bad.extend([long(), "é".repeat(65)]);
    bad
}

#[test]
fn bad_names_are_refused_everywhere() {
    let machine = machine();
    let before = machine.export();
    for name in bad() {
        let new: [&[&str]; 4] = [
            &["add", &name, "--oauth"],
            &["add", &name, "--key-stdin"],
            &["rename", "work", &name],
            &["login", &name, "--capture", "nowhere"],
        ];
        for command in new {
            let ran = machine.run(command);
            assert_ends(
                &ran,
                INPUT,
                &["hint: A name has 1 to 64"],
                &format!("{command:?}"),
            );
        }
        let import =
            json!([{"name": "good", "api_key": "x"}, {"name": name, "api_key": "y"}]).to_string();
        let ran = machine
            .home
            .claude_accounts_with_input(&["import", "-"], import.as_bytes());
        assert_ends(&ran, INPUT, &["number 2"], &format!("import of {name:?}"));
    }
    assert_eq!(machine.export(), before);
}

#[test]
fn names_that_nobody_has_are_not_found_and_shown_harmlessly() {
    let machine = machine();
    let before = machine.export();
    for name in bad() {
        let present: [&[&str]; 11] = [
            &["use", &name],
            &["default", &name],
            &["launch", &name],
            &["exec", &name, "--", "true"],
            &["env", &name],
            &["refresh", &name],
            &["status", &name],
            &["history", &name],
            &["remove", "-y", &name],
            &["rename", &name, "fine"],
            &["export", &name],
        ];
        for command in present {
            let ran = machine.run(command);
            assert_ends(
                &ran,
                NOT_FOUND,
                &["there is no account"],
                &format!("{command:?}"),
            );
            let is_harmless = !ran
                .stderr
                .contains(['\u{1b}', '\u{202e}', '\u{200b}', '\t']);
            assert!(
                is_harmless && ran.stderr.lines().count() == 2,
                "{command:?}: {ran:#?}"
            );
        }
    }
    assert_eq!(machine.export(), before);
}

/// What starts with a hyphen is an option to the command line, and no name behind `--` either.
#[test]
fn a_leading_hyphen() {
    let machine = machine();
    let before = machine.export();
    for name in ["-", "-x", "--work", "-y"] {
        for command in [
            &["add", name][..],
            &["use", name],
            &["launch", name],
            &["refresh", name],
            &["rename", "work", name],
        ] {
            let ran = machine.run(command);
            let code = ran.status.code();
            assert!(code.is_some_and(|code| code != 0), "{command:?}: {ran:#?}");
            assert_ends(&ran, code.unwrap(), &[], &format!("{command:?}"));
        }
        let ran = machine.run(&["add", "--oauth", "--", name]);
        assert_ends(&ran, INPUT, &["starts with '-'"], name);
    }
    assert_eq!(machine.export(), before);
}

#[test]
fn a_name_that_is_no_text() {
    let machine = machine();
    for verb in ["add", "use", "launch", "refresh"] {
        let mut command = machine.home.claude_accounts_command(&[verb]);
        command.arg(OsStr::from_bytes(b"\xff\xfe"));
        assert_ends(&Ran::of(command), USAGE, &["UTF-8"], verb);
    }
}

#[test]
fn unusual_names_serve_as_others_do() {
    let machine = machine();
    for name in [
        "a",
        "7",
        "_",
        "équipe",
        "仕事",
        "Ünïcödé",
        "a.b_c-d",
        &"x".repeat(64),
        &"é".repeat(64),
    ] {
        let key = format!("sk-ant-api03-FAKE-{}", name.len());
        drop(
            machine
                .home
                .claude_accounts_with_input(&["add", name, "--key-stdin"], key.as_bytes())
                .success(),
        );
        for command in [
            &["use", name][..],
            &["default", name],
            &["status", name],
            &["launch", name, "--", "--version"],
            &["aliases"],
            &["current"],
        ] {
            assert_ends(&machine.run(command), 0, &[], &format!("{command:?}"));
        }
        assert_eq!(machine.last_launch().env["ANTHROPIC_API_KEY"], key);
        assert_ends(&machine.run(&["rename", name, "renamed"]), 0, &[], name);
        assert_ends(&machine.run(&["remove", "-y", "renamed"]), 0, &[], name);
    }
}
