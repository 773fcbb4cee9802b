//! The locked-out owner of a dashboard.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use end_to_end::Machine;
use rusqlite::{Connection, OptionalExtension as _};
use testkit::Ran;

const PASSWORD: &str = "FAKE pass phrase";

fn reset(machine: &Machine, password: &str, more: &[&str]) -> Ran {
    let mut arguments = vec!["dashboard", "reset-password", "--password-stdin"];
    arguments.extend(more);
    machine
        .home
        .claude_accounts_with_input(&arguments, password.as_bytes())
}

fn setting(machine: &Machine, key: &str) -> Option<String> {
    let connection = Connection::open(machine.home.vault_dir().join("accounts.db")).unwrap();
    let statement = "SELECT value FROM settings WHERE key = ?1";
    connection
        .query_row(statement, [key], |row| row.get(0))
        .optional()
        .unwrap()
}

#[test]
fn a_new_password_is_set_on_the_machine_itself() {
    let machine = Machine::without_client();
    // There is nothing to have a dashboard of.
    drop(reset(&machine, PASSWORD, &[]).code(3));
    machine.add_key("perso");
    for (password, hint) in [
        ("short\n", "at least 12 characters"),
        ("", "at least 12 characters"),
        ("FAKE one line\nFAKE and another\n", "one line"),
    ] {
        let refused = reset(&machine, password, &[]).code(9);
        assert!(refused.stderr.contains(hint), "{refused:#?}");
    }
    assert_eq!(setting(&machine, "password_hash"), None);
    let done = reset(&machine, &format!("{PASSWORD}\r\n"), &[]).success();
    assert!(
        done.stdout.contains("every browser is signed out"),
        "{done:#?}"
    );
    assert!(!format!("{done:?}").contains(PASSWORD));
    let hash = setting(&machine, "password_hash").unwrap();
    assert!(
        hash.starts_with("$argon2id$v=19$m=65536,t=3,p=4$"),
        "{hash}"
    );
    let path = machine.home.vault_dir().join("dashboard.db");
    assert_eq!(
        fs::metadata(path).unwrap().permissions().mode() & 0o7777,
        0o600
    );
}

#[test]
fn tokens_stay_unless_they_are_to_go() {
    let machine = Machine::without_client();
    machine.add_key("perso");
    let connection = Connection::open(machine.home.vault_dir().join("accounts.db")).unwrap();
    let statement = "INSERT INTO settings VALUES ('api_token_hash', 'FAKE')";
    connection.execute(statement, []).unwrap();
    drop(connection);
    drop(reset(&machine, PASSWORD, &["--remove-second-factors"]).success());
    let first = setting(&machine, "password_hash");
    assert_eq!(setting(&machine, "api_token_hash").as_deref(), Some("FAKE"));
    drop(reset(&machine, PASSWORD, &["--revoke-tokens"]).success());
    assert_ne!(setting(&machine, "password_hash"), first);
    assert_eq!(setting(&machine, "api_token_hash"), None);
}

#[test]
fn without_a_terminal_it_says_how_else_to_give_the_password() {
    let machine = Machine::without_client();
    machine.add_key("perso");
    let refused = machine.run(&["dashboard", "reset-password"]).code(2);
    assert!(refused.stderr.contains("--password-stdin"), "{refused:#?}");
}
