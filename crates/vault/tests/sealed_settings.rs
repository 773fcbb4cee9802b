//! Secrets that belong to no account, and the layout that brought them.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "looks at files byte by byte, and damages them on purpose"
)]

mod support;

use std::fs;

use model::Secret;
use proptest::prelude::*;
use rusqlite::Connection;
use support::{access, contents, key_account, login, login_account, open, open_at, paths};
use testkit::TestHome;
use vault::{Vault, VaultError};

const SECRET: &str = "FAKEBASE32SECRET234567";

fn secret() -> Secret {
    Secret::new(SECRET)
}

#[test]
fn a_secret_is_stored_sealed_replaced_and_removed() {
    let home = TestHome::new();
    let vault = open(&home);
    assert!(vault.sealed_setting("totp").unwrap().is_none());
    assert!(!vault.has_sealed_setting("totp").unwrap());
    vault.set_sealed_setting("totp", Some(&secret())).unwrap();
    assert!(vault.has_sealed_setting("totp").unwrap());
    assert_eq!(vault.sealed_setting("totp").unwrap(), Some(secret()));
    assert_eq!(open(&home).sealed_setting("totp").unwrap(), Some(secret()));
    assert!(vault.sealed_setting("other").unwrap().is_none());
    for file in fs::read_dir(home.vault_dir()).unwrap() {
        let bytes = fs::read(file.unwrap().path()).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(SECRET));
    }
    let other = Secret::new("FAKE other");
    vault.set_sealed_setting("totp", Some(&other)).unwrap();
    assert_eq!(vault.sealed_setting("totp").unwrap(), Some(other));
    vault.set_sealed_setting("totp", None).unwrap();
    assert!(vault.sealed_setting("totp").unwrap().is_none());
    vault.set_sealed_setting("totp", None).unwrap();
}

#[test]
fn a_rotation_seals_it_anew_also_for_those_who_have_the_vault_open() {
    let home = TestHome::new();
    let vault = open(&home);
    vault.set_sealed_setting("totp", Some(&secret())).unwrap();
    let other = open(&home);
    assert_eq!(other.sealed_setting("totp").unwrap(), Some(secret()));
    let sealed = || -> String {
        let connection = Connection::open(paths(&home).database()).unwrap();
        let statement = "SELECT value_enc FROM sealed_settings";
        connection
            .query_row(statement, [], |row| row.get(0))
            .unwrap()
    };
    let before = sealed();
    vault.rotate_key().unwrap();
    assert_ne!(sealed(), before);
    for vault in [&vault, &other, &open(&home)] {
        assert_eq!(vault.sealed_setting("totp").unwrap(), Some(secret()));
    }
    other
        .set_sealed_setting("totp", Some(&Secret::new("FAKE later")))
        .unwrap();
    assert_eq!(
        vault.sealed_setting("totp").unwrap(),
        Some(Secret::new("FAKE later"))
    );
}

#[test]
fn what_the_key_does_not_open_is_damage_and_holds_up_no_rotation() {
    let home = TestHome::new();
    let vault = open(&home);
    vault.set_sealed_setting("totp", Some(&secret())).unwrap();
    vault.set_sealed_setting("good", Some(&secret())).unwrap();
    let connection = Connection::open(paths(&home).database()).unwrap();
    let statement = "UPDATE sealed_settings SET value_enc = 'rubbish' WHERE name = 'totp'";
    connection.execute(statement, []).unwrap();
    for _ in 0..2 {
        assert!(matches!(
            vault.sealed_setting("totp"),
            Err(VaultError::Damaged { .. })
        ));
        assert!(vault.has_sealed_setting("totp").unwrap());
        assert_eq!(vault.sealed_setting("good").unwrap(), Some(secret()));
        vault.rotate_key().unwrap();
    }
    vault.set_sealed_setting("totp", Some(&secret())).unwrap();
    assert_eq!(vault.sealed_setting("totp").unwrap(), Some(secret()));
}

/// What was in the vault before the layout that has sealed settings and launches: the same without
/// their tables.
fn make_layout_1(home: &TestHome) {
    let connection = Connection::open(paths(home).database()).unwrap();
    connection
        .execute_batch("DROP TABLE sealed_settings; DROP TABLE launches; PRAGMA user_version = 1;")
        .unwrap();
}

/// Everything: accounts with their secrets and histories, bindings, the default, the password.
fn everything(vault: &Vault) -> Vec<String> {
    let mut lines = contents(vault);
    let accounts = vault.accounts().unwrap();
    lines.extend(accounts.iter().map(|account| format!("{account:?}")));
    lines.extend(
        vault
            .bindings()
            .unwrap()
            .iter()
            .map(|binding| format!("{binding:?}")),
    );
    lines.push(format!("{:?}", vault.default_account().unwrap()));
    lines.push(format!("{:?}", vault.password_hash().unwrap()));
    lines.push(format!("{:?}", vault.api_token_hash().unwrap()));
    lines.push(vault.key_id().unwrap().as_str().to_owned());
    lines
}

/// Some accounts, each a login with so many renewals, or a key.
fn fill(vault: &Vault, accounts: &[Option<usize>], password: Option<&str>) {
    for (number, kind) in accounts.iter().enumerate() {
        let (name, tag) = (format!("account-{number}"), format!("tag{number}"));
        let id = match kind {
            Some(renewals) => {
                let id = vault.add(&login_account(&name, &tag)).unwrap();
                for renewal in 0..*renewals {
                    vault
                        .store_login(&id, &login(&format!("{tag}-{renewal}")))
                        .unwrap();
                }
                id
            }
            None => vault.add(&key_account(&name, &tag)).unwrap(),
        };
        vault
            .bind(std::path::Path::new(&format!("/srv/{number}")), &id)
            .unwrap();
        vault.set_default_account(Some(&id)).unwrap();
    }
    assert!(vault.replace_password_hash(None, password).unwrap());
    assert!(vault.replace_api_token_hash(None, password).unwrap());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_upgrade_keeps_everything(
        accounts in prop::collection::vec(prop::option::of(0_usize..4), 0..6),
        password in prop::option::of("[a-z0-9$:]{1,40}"),
    ) {
        let home = TestHome::new();
        let vault = open(&home);
        fill(&vault, &accounts, password.as_deref());
        let before = everything(&vault);
        drop(vault);
        make_layout_1(&home);
        let upgraded = open(&home);
        prop_assert_eq!(&everything(&upgraded), &before);
        // And what is new works, with the key that there was.
        upgraded.set_sealed_setting("totp", Some(&secret())).unwrap();
        prop_assert_eq!(upgraded.sealed_setting("totp").unwrap(), Some(secret()));
        drop(upgraded);
        prop_assert_eq!(&everything(&open(&home)), &before);
    }
}

#[test]
fn an_upgrade_is_made_once_by_whoever_comes_first() {
    let home = TestHome::new();
    let vault = open(&home);
    vault.add(&login_account("work", "work")).unwrap();
    drop(vault);
    make_layout_1(&home);
    let (paths, start) = (&paths(&home), &std::sync::Barrier::new(4));
    std::thread::scope(|scope| {
        for number in 0..4 {
            scope.spawn(move || {
                start.wait();
                let name = format!("setting {number}");
                open_at(paths)
                    .set_sealed_setting(&name, Some(&secret()))
                    .unwrap();
            });
        }
    });
    let vault = open(&home);
    assert!((0..4).all(|number| {
        vault
            .has_sealed_setting(&format!("setting {number}"))
            .unwrap()
    }));
    assert!(contents(&vault)[0].contains(&access("work")));
}
