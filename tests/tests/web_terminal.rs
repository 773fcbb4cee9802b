//! What the dashboard starts in its terminals: the account by its identifier, the vault's key over a pipe.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::Command;

use end_to_end::Machine;
use rusqlite::Connection;
use serde_json::json;
use testkit::Ran;

const DONE: [&str; 3] = ["--", "--exit-status", "0"];

fn database(machine: &Machine) -> Connection {
    Connection::open(machine.home.vault_dir().join("accounts.db")).unwrap()
}

fn id_of(machine: &Machine, account: &str) -> String {
    let query = "SELECT id FROM accounts WHERE name = ?1";
    let read = |row: &rusqlite::Row<'_>| row.get(0);
    database(machine).query_row(query, [account], read).unwrap()
}

#[test]
fn an_account_is_meant_by_its_identifier_whatever_its_name() {
    let machine = Machine::new();
    machine.add_key("key");
    let login = machine.tokens.issue("other");
    drop(machine.add_login("login"));
    let (key, id) = (id_of(&machine, "key"), id_of(&machine, "login"));
    // As another program may have called it.
    let odd = "-x\n仕事 'a/b'";
    let rename = "UPDATE accounts SET name = ?1 WHERE id = ?2";
    database(&machine).execute(rename, [odd, &key]).unwrap();
    let launch = |id: &str| {
        let id = format!("--id={id}");
        machine.run(&[&["launch", &id], &DONE[..]].concat())
    };
    drop(launch(&key).success());
    assert!(machine.last_launch().env.contains_key("ANTHROPIC_API_KEY"));
    drop(launch("acc_none").code(3));
    let by_id = format!("--id={id}");
    drop(machine.run(&["launch", "login", &by_id]).code(2));
    let settings = json!({"record": true, "login": {"credentials": login.credentials()}});
    machine.home.configure_stand_in_client(&settings);
    let sign_in = |id: &str| machine.run(&["login", &format!("--id={id}"), "--sign-in"]);
    drop(sign_in(&id).success());
    let stored = machine.export();
    let access = |entry: &serde_json::Value| entry["access_token"].clone();
    let stored: Vec<_> = stored.as_array().unwrap().iter().map(access).collect();
    assert!(
        stored.contains(&login.credentials()["claudeAiOauth"]["accessToken"]),
        "{stored:?}"
    );
    drop(sign_in("acc_none").code(3));
    drop(sign_in(&key).code(4));
}

/// Runs the program with `key` in a pipe at descriptor 3.
fn with_key(machine: &Machine, key: &str, arguments: &[&str]) -> Ran {
    let mut command: Command = machine.home.command("bash");
    let script = r#"exec 3< <(printf '%s\n' "$0"); exec "$@""#;
    command.env("CLAUDE_ACCOUNTS_KEY_FD", "3");
    command.args(["-c", script, key]);
    command.arg(testkit::programs::path("claude-accounts"));
    Ran::of({
        command.args(arguments);
        command
    })
}

#[test]
fn a_vault_behind_a_passphrase_opens_with_the_key_that_is_handed_over() {
    let machine = Machine::new();
    drop(machine.add_login("login"));
    let file = machine.home.vault_dir().join(".key");
    let key = std::fs::read_to_string(&file).unwrap();
    let wrap = [
        "key",
        "protect",
        "--with",
        "passphrase",
        "--passphrase-fd",
        "0",
    ];
    drop(
        machine
            .home
            .claude_accounts_with_input(&wrap, b"FAKE passphrase\n")
            .success(),
    );
    let id = format!("--id={}", id_of(&machine, "login"));
    for inject in ["env", "view"] {
        let launch = [&["launch", &id, "--inject", inject], &DONE[..]].concat();
        drop(machine.run(&launch).code(5));
        drop(with_key(&machine, key.trim(), &launch).success());
        let environment = machine.last_launch().env;
        assert!(!environment.contains_key("CLAUDE_ACCOUNTS_KEY_FD"));
        assert!(!environment.values().any(|value| value.contains(key.trim())));
    }
    // It opens the vault twice, and the pipe gives the key once.
    let login = machine.tokens.issue("other");
    let settings = json!({"record": true, "login": {"credentials": login.credentials()}});
    machine.home.configure_stand_in_client(&settings);
    drop(with_key(&machine, key.trim(), &["login", &id, "--sign-in"]).success());
    for wrong in ["", "nonsense"] {
        drop(with_key(&machine, wrong, &["launch", &id]).code(5));
    }
}
