//! Logins: captured, renewed by hand and by a launch, brought back from their history.

use std::fs;

use end_to_end::{HOURS_8, Machine, read_json};
use serde_json::json;
use testkit::documents::{credentials_with_unknown_keys, now_ms, write_private};

use crate::support::{assert_private, kept_refresh_token, named};

#[test]
fn an_account_whose_tokens_come_later() {
    let machine = Machine::new();
    drop(machine.run(&["add", "client", "--oauth"]).success());
    let launch = ["launch", "client", "--", "--version"];
    let early = machine.run(&launch).code(7);
    assert!(
        early.stderr.contains("claude-accounts login client"),
        "{early:#?}"
    );
    let login = machine.tokens.issue("client");
    let document = credentials_with_unknown_keys(
        &login.access_token,
        &login.refresh_token,
        now_ms() + HOURS_8,
    );
    machine.write_own_login(&document);
    let identity = json!({"accountUuid": "u-1", "emailAddress": "me@example.org", "organizationName": "Example & Co",
        "organizationUuid": "o-1"});
    write_private(
        &machine.home.home().join(".claude.json"),
        json!({"oauthAccount": identity}).to_string(),
    );
    drop(machine.run(&["login", "client"]).success());
    let status = machine.status("client");
    assert_eq!(
        [&status["email"], &status["organization"]],
        ["me@example.org", "Example & Co"]
    );
    // The whole document is kept, and the user's own file is as it was.
    let export = machine.export();
    let kept = &named(&export, "client")["document"];
    assert_eq!(kept["inventedBeside"], document["inventedBeside"]);
    assert_eq!(
        kept["claudeAiOauth"]["inventedInside"],
        document["claudeAiOauth"]["inventedInside"]
    );
    assert_eq!(read_json(&machine.own_login_path()), document);
    drop(machine.run(&launch).success());
}

#[test]
fn login_makes_the_account_if_need_be() {
    let machine = Machine::new();
    machine.write_own_login(&machine.tokens.issue("client").credentials());
    let added = machine.run(&["login", "client"]).success();
    assert!(
        added.stdout.contains("client: added and signed in"),
        "{added:#?}"
    );
    let again = machine.run(&["login", "client"]).success();
    assert!(again.stdout.contains("client: signed in"), "{again:#?}");
}

#[test]
fn a_renewal_by_hand_is_written_to_the_users_own_file_too() {
    let machine = Machine::new();
    let login = machine.tokens.issue("client");
    let document = credentials_with_unknown_keys(
        &login.access_token,
        &login.refresh_token,
        now_ms() + HOURS_8,
    );
    machine.write_own_login(&document);
    drop(machine.run(&["login", "client"]).success());
    let ran = machine.run(&["refresh", "client"]).success();
    assert!(
        ran.stdout.contains("client: renewed: sk-ant-oat01-…") && ran.stdout.contains("left"),
        "{ran:#?}"
    );
    let newest = machine.tokens.current("client");
    assert_eq!(kept_refresh_token(&machine, "client"), newest.1);
    let own = read_json(&machine.own_login_path());
    let tokens = [
        &own["claudeAiOauth"]["accessToken"],
        &own["claudeAiOauth"]["refreshToken"],
    ];
    assert_eq!(tokens, [&json!(newest.0), &json!(newest.1)]);
    assert_eq!(own["inventedBeside"], document["inventedBeside"]);
    assert_private(&machine.own_login_path(), "the user's own file");
    assert_eq!(machine.tokens.request_count(), 1);
}

#[test]
fn a_login_of_somebody_else_in_the_users_own_file_is_not_touched() {
    let machine = Machine::new();
    drop(machine.add_login("work"));
    machine.write_own_login(&machine.tokens.issue("somebody").credentials());
    let before = fs::read(machine.own_login_path()).unwrap();
    drop(machine.run(&["refresh", "work"]).success());
    assert_eq!(fs::read(machine.own_login_path()).unwrap(), before);
}

#[test]
fn all_are_renewed_and_one_failure_keeps_no_other() {
    let machine = Machine::new();
    machine.add_key("perso");
    drop(machine.run(&["add", "empty", "--oauth"]).success());
    for name in ["one", "two", "three"] {
        drop(machine.add_login(name));
    }
    machine.tokens.revoke("one");
    let ran = machine.run(&["refresh", "--all"]).code(7);
    assert!(ran.stderr.contains("1 login was not renewed"), "{ran:#?}");
    assert!(
        ran.stdout.contains("empty: nothing to renew it with"),
        "{ran:#?}"
    );
    for name in ["two", "three"] {
        assert_eq!(
            kept_refresh_token(&machine, name),
            machine.tokens.current(name).1
        );
        assert_eq!(machine.status(name)["generation"], 2);
    }
    assert_eq!(machine.status("one")["state"], "sign_in_again");
    // Asked again, nobody sends the refused token once more.
    let requests = machine.tokens.request_count();
    drop(machine.run(&["refresh", "one"]).code(7));
    assert_eq!(machine.tokens.request_count(), requests);
    drop(machine.add_login("one"));
    drop(machine.run(&["refresh", "one"]).success());
}

#[test]
fn an_expired_login_is_renewed_by_its_launch() {
    let machine = Machine::new();
    for inject in ["env", "view"] {
        drop(machine.add_expired_login("work"));
        assert_eq!(machine.status("work")["state"], "expired");
        let requests = machine.tokens.request_count();
        drop(
            machine
                .run(&["launch", "work", "--inject", inject, "--", "-p", "hello"])
                .success(),
        );
        assert_eq!(machine.tokens.request_count(), requests + 1, "{inject}");
        let newest = machine.tokens.current("work").0;
        assert_eq!(machine.bearers().last(), Some(&newest), "{inject}");
        assert_eq!(machine.status("work")["state"], "ok");
    }
}

#[test]
fn an_expired_login_that_cannot_be_renewed_says_what_mends_it() {
    let machine = Machine::new();
    drop(machine.add_expired_login("work"));
    machine.tokens.fail_next(1, 503);
    let ran = machine.run(&["launch", "work"]).code(8);
    assert!(
        ran.stderr.contains("503") && ran.stderr.contains("as it was"),
        "{ran:#?}"
    );
    machine.tokens.revoke("work");
    let ran = machine.run(&["launch", "work"]).code(7);
    assert!(
        ran.stderr
            .contains("hint: Sign in again: claude-accounts login work"),
        "{ran:#?}"
    );
    assert!(machine.launches().is_empty());
}

#[test]
fn ten_generations_are_kept_and_come_back() {
    let machine = Machine::new();
    drop(machine.add_login("work"));
    for _ in 0..12 {
        drop(machine.run(&["refresh", "work"]).success());
    }
    let history = machine.run(&["history", "work", "--json"]).success().json();
    let numbers: Vec<_> = history
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["generation"].as_i64().unwrap())
        .collect();
    assert_eq!(numbers, (4..=13).rev().collect::<Vec<_>>());
    assert_eq!(
        [&history[0]["present"], &history[1]["present"]],
        [true, false]
    );
    assert_eq!(history[0]["cause"], "renewed");
    let table = machine.run(&["history", "work"]).success().stdout;
    assert!(table.contains("13 *"), "{table}");
    let newest = kept_refresh_token(&machine, "work");
    drop(machine.run(&["restore", "work", "12"]).code(2));
    drop(machine.run(&["restore", "-y", "work", "12"]).success());
    assert_ne!(kept_refresh_token(&machine, "work"), newest);
    // An earlier generation is used up, as the hint says; the newest one is not, and is still there.
    drop(machine.run(&["refresh", "work"]).code(7));
    drop(machine.run(&["restore", "-y", "work", "13"]).success());
    assert_eq!(kept_refresh_token(&machine, "work"), newest);
    drop(machine.run(&["refresh", "work"]).success());
}
