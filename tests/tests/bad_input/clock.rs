//! A clock that has jumped a year, either way.

use end_to_end::{Machine, is_installed};
use rusqlite::Connection;
use serde_json::{Value, json};
use testkit::documents::now_ms;
use testkit::{Ran, skip};

use super::{assert_ends, machine, state};
use crate::support::{kept_refresh_token, named};

const YEAR_MS: i64 = 365 * 24 * 60 * 60 * 1000;

/// Everything that looks at the clock and needs no network.
const LOOKS: [&[&str]; 8] = [
    &["list"],
    &["list", "--json"],
    &["status"],
    &["status", "--json"],
    &["history", "work"],
    &["doctor"],
    &["statusline"],
    &["keeper", "status"],
];

/// Runs it with the clock moved, as `faketime` writes moves.
fn at(machine: &Machine, moved: &str, arguments: &[&str]) -> Ran {
    let program = machine.home.claude_accounts_command(arguments);
    let mut command = machine.home.command("faketime");
    command.args(["--exclude-monotonic", "-f", moved]);
    command.arg(program.get_program()).args(program.get_args());
    Ran::of(command)
}

#[track_caller]
fn assert_all_work(machine: &Machine, run: impl Fn(&[&str]) -> Ran, what: &str) {
    drop(machine.run(&["default", "work"]).success());
    for arguments in LOOKS {
        assert_ends(&run(arguments), 0, &[], &format!("{arguments:?}, {what}"));
    }
    for name in ["perso", "work"] {
        let launch = ["launch", name, "--inject", "env", "--", "--version"];
        assert_ends(&run(&launch), 0, &[], &format!("{launch:?}, {what}"));
    }
    assert_ends(
        &run(&["refresh", "work"]),
        0,
        &[],
        &format!("refresh, {what}"),
    );
    assert_newest_is_kept(machine, what);
}

#[track_caller]
fn assert_newest_is_kept(machine: &Machine, what: &str) {
    let newest = machine.tokens.current("work").1;
    assert_eq!(kept_refresh_token(machine, "work"), newest, "{what}");
}

#[test]
fn the_clock_of_the_machine_jumps() {
    if !is_installed("faketime") {
        return skip("needs faketime");
    }
    for moved in ["+365d", "-365d"] {
        let machine = machine();
        let others = |export: &Value| ["perso", "client"].map(|name| named(export, name).clone());
        let before = others(&machine.export());
        assert_all_work(&machine, |arguments| at(&machine, moved, arguments), moved);
        // And back again: what was stored under the wrong clock is not believed.
        let requests = machine.tokens.request_count();
        let launch = ["launch", "work", "--inject", "env", "--", "--version"];
        assert_ends(
            &machine.run(&launch),
            0,
            &[],
            "launch with the clock set right",
        );
        assert_eq!(machine.tokens.request_count(), requests + 1, "{moved}");
        assert_all_work(
            &machine,
            |arguments| machine.run(arguments),
            "the clock set right",
        );
        assert_eq!(others(&machine.export()), before, "{moved}");
    }
}

/// What a clock that was wrong leaves behind, without a clock that is wrong.
#[test]
fn records_from_another_year() {
    for by in [-YEAR_MS, YEAR_MS] {
        let machine = machine();
        let connection = Connection::open(machine.home.vault_dir().join("accounts.db")).unwrap();
        let moved =
            "UPDATE accounts SET obtained_at = obtained_at + ?1, renewed_at = renewed_at + ?1,
            expires_at = expires_at + ?1 WHERE name = 'work'";
        assert_eq!(connection.execute(moved, [by]), Ok(1));
        drop(connection);
        let requests = machine.tokens.request_count();
        let launch = ["launch", "work", "--inject", "env", "--", "--version"];
        assert_ends(&machine.run(&launch), 0, &[], "launch");
        assert_eq!(machine.tokens.request_count(), requests + 1, "{by}");
        assert_all_work(
            &machine,
            |arguments| machine.run(arguments),
            "records from another year",
        );
    }
}

#[test]
fn doctor_says_that_the_clock_was_set_back() {
    let machine = machine();
    let connection = Connection::open(machine.home.vault_dir().join("accounts.db")).unwrap();
    let moved = "UPDATE accounts SET obtained_at = obtained_at + ?1 WHERE name = 'work'";
    assert_eq!(connection.execute(moved, [YEAR_MS]), Ok(1));
    let doctor = machine.run(&["doctor"]);
    assert!(
        doctor.stdout.contains("stored in the future"),
        "{doctor:#?}"
    );
}

/// An import says when a token ends, not when it was got: a year off, either way.
#[test]
fn imports_from_another_year() {
    let machine = Machine::new();
    for (name, by) in [("past", -YEAR_MS), ("future", YEAR_MS)] {
        let login = machine.tokens.issue(name);
        let expires_at = i64::try_from(now_ms()).unwrap() + by;
        let entry = json!([{"name": name, "auth_type": "oauth", "access_token": login.access_token,
            "refresh_token": login.refresh_token, "expires_at": expires_at}]);
        let ran = machine
            .home
            .claude_accounts_with_input(&["import", "-"], entry.to_string().as_bytes());
        assert_ends(&ran, 0, &[], name);
        let launch = ["launch", name, "--inject", "env", "--", "--version"];
        assert_ends(&machine.run(&launch), 0, &[], name);
        assert_eq!(state(&machine, name), "ok");
        let newest = machine.tokens.current(name).1;
        assert_eq!(kept_refresh_token(&machine, name), newest);
    }
}
