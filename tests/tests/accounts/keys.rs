//! Where the vault's key is kept, and changed.

use std::fs;

use end_to_end::Machine;
use serde_json::Value;
use testkit::Ran;

const PASSPHRASE: &[u8] = b"FAKE passphrase\n";
const WRAP: [&str; 6] = [
    "key",
    "protect",
    "--with",
    "passphrase",
    "--passphrase-fd",
    "0",
];

fn machine() -> Machine {
    let machine = Machine::new();
    machine.add_key("perso");
    drop(machine.add_login("work"));
    machine
}

fn key_file(machine: &Machine) -> String {
    fs::read_to_string(machine.home.vault_dir().join(".key")).unwrap()
}

fn status(machine: &Machine) -> Value {
    machine.run(&["key", "status", "--json"]).success().json()
}

/// Whoever has a descriptor with the passphrase.
fn with_passphrase(machine: &Machine, arguments: &[&str], passphrase: &[u8]) -> Ran {
    let mut command = machine.home.claude_accounts_command(arguments);
    command.env("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "0");
    Ran::with_input(command, passphrase)
}

#[test]
fn a_new_key_seals_everything() {
    let machine = machine();
    let (before, key) = (machine.export(), key_file(&machine));
    let first = status(&machine);
    assert_eq!(
        (&first["protection"], &first["key_file"]["mode"]),
        (&"file".into(), &"0600".into())
    );
    drop(machine.run(&["key", "rotate"]).success());
    assert_ne!(status(&machine)["id"], first["id"]);
    assert_eq!(machine.export(), before);
    // The old key opens nothing any more, and the new one put back opens everything.
    let path = machine.home.vault_dir().join(".key");
    let new = key_file(&machine);
    testkit::documents::write_private(&path, &key);
    drop(machine.run(&["export"]).code(5));
    testkit::documents::write_private(&path, &new);
    assert_eq!(machine.export(), before);
}

#[test]
fn behind_a_passphrase_and_back() {
    let machine = machine();
    let (before, key, id) = (
        machine.export(),
        key_file(&machine),
        status(&machine)["id"].clone(),
    );
    drop(
        machine
            .home
            .claude_accounts_with_input(&WRAP, PASSPHRASE)
            .success(),
    );
    assert!(!key_file(&machine).contains(&key));
    let wrapped = status(&machine);
    assert_eq!(
        (&wrapped["protection"], &wrapped["id"]),
        (&"passphrase".into(), &id)
    );
    let nobody = machine.run(&["export"]).code(5);
    assert!(
        nobody.stderr.contains("CLAUDE_ACCOUNTS_PASSPHRASE_FD"),
        "{nobody:#?}"
    );
    drop(with_passphrase(&machine, &["export"], b"another\n").code(5));
    assert_eq!(
        with_passphrase(&machine, &["export"], PASSPHRASE)
            .success()
            .json(),
        before
    );
    drop(
        with_passphrase(
            &machine,
            &["launch", "perso", "--", "--version"],
            PASSPHRASE,
        )
        .success(),
    );
    drop(with_passphrase(&machine, &["refresh", "work"], PASSPHRASE).success());
    // A new key stays behind the same passphrase.
    drop(with_passphrase(&machine, &["key", "rotate"], PASSPHRASE).success());
    assert_eq!(status(&machine)["protection"], "passphrase");
    drop(with_passphrase(&machine, &["export"], PASSPHRASE).success());
    drop(with_passphrase(&machine, &["key", "protect", "--with", "file"], PASSPHRASE).success());
    assert_eq!(status(&machine)["protection"], "file");
    drop(machine.export());
}

/// The keeper of a vault behind a passphrase is handed the key, and renews with it.
#[test]
fn a_session_of_a_vault_behind_a_passphrase() {
    let machine = machine();
    drop(
        machine
            .home
            .claude_accounts_with_input(&WRAP, PASSPHRASE)
            .success(),
    );
    let file = machine.home.root().join("passphrase");
    testkit::documents::write_private(&file, PASSPHRASE);
    let program = testkit::programs::path("claude-accounts");
    let mut command = machine.home.command("sh");
    command.env("CLAUDE_ACCOUNTS_PASSPHRASE_FD", "3");
    command
        .args(["-c", "exec 3<\"$1\"; shift; exec \"$@\"", "sh"])
        .arg(&file)
        .arg(program);
    command
        .args(["launch", "work", "--inject", "view", "--"])
        .args(end_to_end::STREAM);
    let mut session = end_to_end::Session::start(command);
    session.hello();
    assert!(machine.wait_for_keeper() > 0);
    drop(with_passphrase(&machine, &["refresh", "work"], PASSPHRASE).success());
    session.hello();
    assert_eq!(
        machine.bearers().last(),
        Some(&machine.tokens.current("work").0)
    );
    assert!(session.end().success());
}

#[test]
fn a_keyring_that_is_not_there() {
    let machine = machine();
    let (before, key) = (machine.export(), key_file(&machine));
    let ran = machine
        .run(&["key", "protect", "--with", "keyring"])
        .code(5);
    assert!(ran.stderr.contains("keyring"), "{ran:#?}");
    assert_eq!((machine.export(), key_file(&machine)), (before, key));
}
