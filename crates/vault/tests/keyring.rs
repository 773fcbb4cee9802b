//! The key in the OS keyring: a real Secret Service on a session bus of the test's own.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]

mod support;

use std::fs;
use std::time::Duration;

use model::Secret;
use support::{access, contents, key_account, login_account};
use testkit::{PlantedSecrets, Process, TestHome, skip};
use vault::{Protection, Vault, VaultError, VaultPaths};

const PATIENCE: Duration = Duration::from_secs(60);

/// Starts a Secret Service whose keyring is open, then the arguments, and ends it with them.
/// Asks the bus for it in a way that has the bus start no other one.
const SESSION: &str = r#"
    printf FAKE | gnome-keyring-daemon --foreground --unlock --components=secrets >/dev/null &
    keyring=$!
    trap 'kill $keyring; wait $keyring' EXIT
    until dbus-send --session --print-reply --dest=org.freedesktop.DBus / \
        org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets | grep -q 'boolean true'
    do
        kill -0 $keyring || exit 77
        sleep 0.02
    done
    "$@"
"#;
/// How [`SESSION`] ends where that cannot be had.
const NO_KEYRING: Option<i32> = Some(77);

/// Does something only as a child of the tests below.
#[test]
fn child() {
    let Some(message) = support::message() else {
        return;
    };
    let (verb, directory) = message.split_once(' ').unwrap();
    let paths = VaultPaths::new(directory);
    match verb {
        "with" => with_a_keyring(&paths),
        "without" => without_a_keyring(&paths),
        unknown => panic!("no verb {unknown}"),
    }
}

fn with_a_keyring(paths: &VaultPaths) {
    let vault = support::open_at(paths);
    vault.add(&login_account("work", "work")).unwrap();
    let before = contents(&vault);
    let mut planted = PlantedSecrets::new();
    let mut plant_key = |vault: &Vault| planted.plant(vault.expose_key().unwrap().expose());
    let first = plant_key(&vault);

    vault.protect(Protection::Keyring, None).unwrap();
    assert_eq!(vault.protection().unwrap(), Protection::Keyring);
    assert_eq!(contents(&support::open_at(paths)), before);
    // Again is no change, and loses nothing.
    vault.protect(Protection::Keyring, None).unwrap();
    assert_eq!(plant_key(&support::open_at(paths)), first);

    let first_file = fs::read(paths.key()).unwrap();
    vault.rotate_key().unwrap();
    let second = plant_key(&support::open_at(paths));
    assert_ne!(second, first);
    assert_eq!(contents(&support::open_at(paths)), before);
    let second_file = fs::read(paths.key()).unwrap();
    // Beside the keyring's own file there is no key on the disk.
    assert!(planted.find_in_tree(&[paths.directory()], &[]).is_empty());

    // A key that seals nothing any more is in the keyring no more.
    fs::remove_file(paths.key()).unwrap();
    put(paths, &first_file);
    let error = support::open_at(paths).unlock().unwrap_err();
    assert!(matches!(error, VaultError::KeyWrong(_)), "{error}");
    put(paths, &second_file);

    vault.protect(Protection::File, None).unwrap();
    assert_eq!(vault.protection().unwrap(), Protection::File);
    assert_eq!(contents(&support::open_at(paths)), before);
    put(paths, &second_file);
    let error = support::open_at(paths).unlock().unwrap_err();
    assert!(matches!(error, VaultError::Keyring(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(&second));
    put(paths, second.as_bytes());

    let passphrase = Secret::new("FAKE passphrase");
    vault
        .protect(Protection::Passphrase, Some(&passphrase))
        .unwrap();
    vault.protect(Protection::Keyring, None).unwrap();
    vault.add(&key_account("more", "more")).unwrap();
    assert_eq!(contents(&support::open_at(paths)).len(), 2);
}

fn put(paths: &VaultPaths, bytes: &[u8]) {
    vault::durable::write(&paths.key(), bytes, 0o600, vault::durable::Placing::Replace).unwrap();
}

fn without_a_keyring(paths: &VaultPaths) {
    let vault = support::open_at(paths);
    vault.add(&login_account("work", "work")).unwrap();
    let before = contents(&vault);
    let key = fs::read(paths.key()).unwrap();
    let error = vault.protect(Protection::Keyring, None).unwrap_err();
    assert!(matches!(error, VaultError::Keyring(_)), "{error}");
    assert!(!format!("{error} {error:?}").contains(&access("work")));
    assert_eq!(fs::read(paths.key()).unwrap(), key);
    assert_eq!(contents(&support::open_at(paths)), before);
    vault.rotate_key().unwrap();
    // A vault whose key is in a keyring that is not there.
    let key = fs::read(paths.key()).unwrap();
    let id = vault.expose_key().unwrap().id();
    put(
        paths,
        format!("{{\"protection\":\"keyring\",\"id\":\"{}\"}}", id.as_str()).as_bytes(),
    );
    let other = support::open_at(paths);
    assert_eq!(other.names().unwrap().len(), 1);
    for outcome in [
        other.unlock(),
        other.rotate_key(),
        other.protect(Protection::File, None),
        other.add(&key_account("more", "more")).map(drop),
    ] {
        let error = outcome.unwrap_err();
        assert!(matches!(error, VaultError::Keyring(_)), "{error}");
    }
    put(paths, &key);
    assert_eq!(contents(&support::open_at(paths)), before);
}

#[test]
fn a_key_goes_to_the_keyring_and_back() {
    let home = TestHome::new();
    for program in ["dbus-run-session", "dbus-send", "gnome-keyring-daemon"] {
        if !support::has_program(program) {
            return skip(format!("needs {program}"));
        }
    }
    let mut session = home.command("dbus-run-session");
    session.args(["--", "sh", "-c", SESSION, "sh"]);
    let message = format!("with {}", home.vault_dir().display());
    let mut child = Process::spawn(support::child_under(session, "child", &message));
    let status = child.wait(PATIENCE);
    if status.code() == NO_KEYRING {
        return skip("gnome-keyring-daemon ends as soon as it is started");
    }
    assert!(status.success(), "{status}");
}

#[test]
fn without_a_keyring_nothing_changes() {
    let home = TestHome::new();
    let message = format!("without {}", home.vault_dir().display());
    let mut command = support::child(&home, "child", &message);
    let nowhere = home.runtime().join("no-bus");
    command.env(
        "DBUS_SESSION_BUS_ADDRESS",
        format!("unix:path={}", nowhere.display()),
    );
    let mut child = Process::spawn(command);
    assert!(child.wait(PATIENCE).success());
}
