//! Many processes with one vault: one key, nothing lost, and nobody hears of the others.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]

mod support;

use std::process::Stdio;
use std::time::Duration;

use model::Secret;
use support::{Knows, contents, key_account, login, login_account};
use testkit::{Process, TestHome};
use vault::{NoPassphrase, Protection, Vault, VaultError, VaultPaths, export_json};

const PATIENCE: Duration = Duration::from_secs(120);
const MANY: usize = 32;

/// Starts a child for each message, all at once, and waits for all to succeed.
fn at_once(home: &TestHome, messages: &[String]) {
    let mut children: Vec<Process> = messages
        .iter()
        .map(|message| {
            let message = format!("{} {message}", home.vault_dir().display());
            let mut command = support::child(home, "child", &message);
            command.stdout(Stdio::null());
            Process::spawn(command)
        })
        .collect();
    for (child, message) in children.iter_mut().zip(messages) {
        assert!(child.wait(PATIENCE).success(), "{message}");
    }
}

/// Does something only as a child of the tests below.
#[test]
fn child() {
    let Some(message) = support::message() else {
        return;
    };
    let mut words = message.split(' ');
    let mut next = || words.next().unwrap();
    let paths = VaultPaths::new(next());
    match (next(), next()) {
        ("add", tag) => drop(
            support::open_at(&paths)
                .add(&login_account(tag, tag))
                .unwrap(),
        ),
        ("turns", tag) => take_turns(&paths, tag),
        ("rotate", times) => {
            let vault = support::open_at(&paths);
            for _turn in 0..times.parse().unwrap() {
                vault.rotate_key().unwrap();
            }
        }
        unknown => panic!("no verb {unknown:?}"),
    }
}

/// Everything that seals or opens, again and again, with one vault kept open and fresh ones.
fn take_turns(paths: &VaultPaths, tag: &str) {
    let kept_open = support::open_at(paths);
    let id = kept_open.add(&login_account(tag, tag)).unwrap();
    for turn in 0..12 {
        let tag = format!("{tag}-{turn}");
        kept_open.add(&key_account(&tag, &tag)).unwrap();
        kept_open.store_login(&id, &login(&tag)).unwrap();
        for vault in [&kept_open, &support::open_at(paths)] {
            // Read before the key is, and the other way round.
            for account in vault.accounts().unwrap() {
                vault
                    .unseal(&account)
                    .unwrap_or_else(|error| panic!("{tag}: {error}"));
            }
            drop(export_json(vault).unwrap());
            let account = vault.get(&id).unwrap();
            let history = vault.history(&account).unwrap();
            assert!(
                history
                    .iter()
                    .all(|generation| generation.document.is_some())
            );
        }
    }
}

#[test]
fn a_fresh_vault_that_many_open_at_once_gets_one_key() {
    let home = TestHome::new();
    let messages: Vec<String> = (0..MANY)
        .map(|number| format!("add account-{number}"))
        .collect();
    at_once(&home, &messages);
    let vault = support::open(&home);
    assert_eq!(contents(&vault).len(), MANY);
    let mut files: Vec<String> = std::fs::read_dir(home.vault_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    let expected = [
        ".key",
        ".key.lock",
        "accounts.db",
        "accounts.db-shm",
        "accounts.db-wal",
    ];
    assert_eq!(files, expected);
}

#[test]
fn nobody_notices_that_the_key_is_rotated() {
    let home = TestHome::new();
    drop(support::open(&home));
    let mut messages: Vec<String> = (0..4)
        .map(|number| format!("turns worker-{number}"))
        .collect();
    messages.extend(["rotate 25".to_owned(), "rotate 25".to_owned()]);
    at_once(&home, &messages);
    assert_eq!(contents(&support::open(&home)).len(), 4 * 13);
}

#[test]
fn of_names_that_differ_in_case_one_wins() {
    let home = TestHome::new();
    drop(support::open(&home));
    let paths = support::paths(&home);
    let outcomes: Vec<Result<_, VaultError>> = std::thread::scope(|scope| {
        let add = |text: &'static str| {
            let paths = &paths;
            scope.spawn(move || support::open_at(paths).add(&key_account(text, text)))
        };
        let adding: Vec<_> = ["Work", "wORK", "work", "WORK"]
            .map(add)
            .into_iter()
            .collect();
        adding
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let taken = |outcome: &&Result<_, VaultError>| matches!(outcome, Err(VaultError::Exists(_)));
    assert_eq!(outcomes.iter().filter(taken).count(), 3);
    assert_eq!(support::open(&home).names().unwrap().len(), 1);
}

/// Somebody has the vault open, with the key unlocked, while somebody else changes how it is kept.
#[test]
fn an_open_vault_follows_a_change_of_passphrase() {
    let home = TestHome::new();
    let paths = support::paths(&home);
    let open = |passphrase| Vault::open(&paths, Box::new(Knows(passphrase))).unwrap();
    let first = support::open(&home);
    first.add(&login_account("work", "work")).unwrap();
    first
        .protect(Protection::Passphrase, Some(&Secret::new("FAKE one")))
        .unwrap();
    // The one who set the passphrase is not asked for it.
    first.rotate_key().unwrap();
    let second = open("FAKE two");
    let error = second.unlock().unwrap_err();
    assert!(matches!(error, VaultError::PassphraseWrong), "{error}");
    let second = open("FAKE one");
    second
        .protect(Protection::Passphrase, Some(&Secret::new("FAKE two")))
        .unwrap();
    // The first one knows a passphrase that is no longer the one, and nobody to ask.
    let error = first.rotate_key().unwrap_err();
    assert!(matches!(error, VaultError::PassphraseNeeded), "{error}");
    assert_eq!(contents(&first).len(), 1);
    second.rotate_key().unwrap();
    assert_eq!(contents(&open("FAKE two")).len(), 1);
    let error = Vault::open(&paths, Box::new(NoPassphrase))
        .unwrap()
        .unlock()
        .unwrap_err();
    assert!(matches!(error, VaultError::PassphraseNeeded), "{error}");
}

/// What is removed while it is being renewed does not come back.
#[test]
fn an_account_that_is_gone_stays_gone() {
    let home = TestHome::new();
    let vault = support::open(&home);
    let id = vault.add(&login_account("work", "work")).unwrap();
    let other = support::open(&home);
    other.remove(&id).unwrap();
    let gone =
        |outcome: Result<i64, VaultError>| matches!(outcome, Err(VaultError::NotFound { .. }));
    assert!(gone(vault.begin_renewal(&id, 1).map(|()| 0)));
    assert!(gone(vault.store_login(&id, &login("late"))));
    assert!(gone(vault.store_aside(&id, &login("late"))));
    assert!(gone(vault.rename(&id, &support::name("other")).map(|()| 0)));
    assert!(gone(vault.set_environment(&id, &[]).map(|()| 0)));
    assert_eq!(vault.pending_renewal(&id).unwrap(), None);
    let raw = rusqlite::Connection::open(support::paths(&home).database()).unwrap();
    let count = "SELECT (SELECT count(*) FROM generations) + (SELECT count(*) FROM renewals)";
    assert_eq!(
        raw.query_row(count, [], |row| row.get::<_, i64>(0))
            .unwrap(),
        0
    );
}
