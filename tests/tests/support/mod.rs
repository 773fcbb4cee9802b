//! What the tests of accounts, of kills, of bad input and of secrets share: how a program of ours must end, and who can
//! read what it wrote.

#![allow(dead_code, reason = "every test file uses another part of it")]
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; files that nobody has to recover"
)]

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use end_to_end::Machine;
use serde_json::Value;
use testkit::Ran;

/// The exit codes that `--help` explains, without 0.
pub(crate) fn explained_codes(machine: &Machine) -> Vec<i32> {
    let help = machine.run(&["--help"]).success().stdout;
    let list = help
        .split_once("Exit codes:")
        .expect("the codes in the help")
        .1;
    let lines = list.lines().skip(1).take_while(|line| !line.is_empty());
    let codes = lines.filter_map(|line| line.split_whitespace().next()?.parse().ok());
    codes.filter(|code| *code != 0).collect()
}

/// Fails unless the program ended as a program may: no panic, no signal, and a failure says what to do.
#[track_caller]
pub(crate) fn assert_decent(ran: &Ran, what: &str) {
    let code = ran.status.code();
    let said = format!("{}{}", ran.stdout, ran.stderr);
    let panicked = said.contains("panicked at") || code == Some(101);
    assert!(!panicked, "{what}: {ran:#?}");
    assert!(code.is_some(), "{what}: {ran:#?}");
    let is_usage = code == Some(2) && ran.stderr.contains("--help");
    let helps = ran.stderr.contains("\nhint: ") || is_usage;
    assert!(code == Some(0) || helps, "{what}: no hint: {ran:#?}");
    let says = ran.stderr.starts_with("error: ") || ran.stderr.contains("\nerror: ");
    assert!(code == Some(0) || says, "{what}: no error: {ran:#?}");
}

/// Copies a directory with everything in it, modes included, in the place of what is at `to`.
pub(crate) fn copy_tree(from: &Path, to: &Path) {
    if to.exists() {
        fs::remove_dir_all(to).unwrap();
    }
    copy_into(from, to);
}

fn copy_into(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    fs::set_permissions(to, fs::metadata(from).unwrap().permissions()).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (kind, target) = (entry.file_type().unwrap(), to.join(entry.file_name()));
        if kind.is_dir() {
            copy_into(&entry.path(), &target);
        } else if kind.is_file() {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Everything at and below `path`, without following links.
pub(crate) fn tree(path: &Path) -> Vec<PathBuf> {
    let mut found = vec![path.to_owned()];
    let is_directory = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_dir());
    if is_directory {
        for entry in fs::read_dir(path).unwrap() {
            found.extend(tree(&entry.unwrap().path()));
        }
    }
    found
}

/// Fails if anything at or below `path` can be read, written or entered by another user. A link has no mode of its own.
#[track_caller]
pub(crate) fn assert_private(path: &Path, what: &str) {
    for path in tree(path) {
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        let mode = metadata.mode() & 0o7777;
        let is_private = metadata.is_symlink() || mode & 0o077 == 0;
        assert!(is_private, "{what}: {} has mode {mode:o}", path.display());
    }
}

/// The account of that name in a JSON array of `list`, `status` or `export`.
#[track_caller]
pub(crate) fn named<'list>(list: &'list Value, name: &str) -> &'list Value {
    let accounts = list.as_array().expect("an array of accounts");
    let found = accounts.iter().find(|account| account["name"] == name);
    found.unwrap_or_else(|| panic!("no account {name} in {list:#}"))
}

/// The refresh token that the vault holds for an account.
#[track_caller]
pub(crate) fn kept_refresh_token(machine: &Machine, name: &str) -> String {
    let export = machine.export();
    let token = named(&export, name)["refresh_token"].as_str();
    token.expect("a refresh token").to_owned()
}
