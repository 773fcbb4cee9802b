//! The database and key of the Python program that came before open here, and ours open there.
//!
//! Its part is played by `python/format.py`, written from a description of the format.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]
#![allow(
    clippy::disallowed_methods,
    reason = "the runner tells where it put Python's packages"
)]

mod support;

use std::path::PathBuf;

use model::{AuthType, LoginState, Secret};
use rusqlite::Connection;
use serde_json::{Value, json};
use support::{
    EXPIRY, access, api_key, contents, key_account, login, login_account, name, refresh,
};
use testkit::{Ran, TestHome, skip};
use vault::{Cause, Credential, Protection, Vault};

struct Python<'home> {
    home: &'home TestHome,
}

impl<'home> Python<'home> {
    /// Python with what it needs, or the reason why there is none.
    fn find(home: &'home TestHome) -> Result<Self, String> {
        let python = Self { home };
        let ran = python.try_run(&["-c", "import cryptography.fernet, sqlite3"]);
        match ran {
            Some(ran) if ran.status.success() => Ok(python),
            Some(ran) => {
                let reason = ran.stderr.lines().last().unwrap_or_default().to_owned();
                Err(format!("python3 lacks something: {reason}"))
            }
            None => Err("there is no python3".to_owned()),
        }
    }

    fn try_run(&self, arguments: &[&str]) -> Option<Ran> {
        let mut command = self.home.command("python3");
        // The runner's Python may come from a place that the home's PATH does not name.
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if let Some(packages) = std::env::var_os("CLAUDE_ACCOUNTS_TEST_PYTHONPATH") {
            command.env("PYTHONPATH", packages);
        }
        command.env("PYTHONDONTWRITEBYTECODE", "1").args(arguments);
        command.output().ok().map(|output| Ran {
            status: output.status,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    fn run(&self, verb: &str, argument: Option<&Value>) -> Ran {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python/format.py");
        let directory = self.home.vault_dir();
        let argument = argument.map(Value::to_string);
        let mut arguments = vec![script, verb, directory.to_str().unwrap()];
        arguments.extend(argument.as_deref());
        self.try_run(&arguments)
            .expect("python3 to start")
            .success()
    }

    fn write(&self, accounts: &Value, settings: &Value) {
        drop(self.run(
            "write",
            Some(&json!({"accounts": accounts, "settings": settings})),
        ));
    }

    fn read(&self) -> Value {
        self.run("read", None).json()
    }

    /// As its renewal does: tokens and expiry, nothing else.
    fn store_tokens(&self, account: &str, tag: &str, expires_at: i64) {
        let update = json!({"name": account, "access_token": access(tag),
            "refresh_token": refresh(tag), "expires_at": expires_at});
        drop(self.run("tokens", Some(&update)));
    }
}

fn key_record(account: &str) -> Value {
    json!({"id": format!("acc_{account}_1f2e3d4c"), "name": account, "auth_type": "api_key",
        "api_key": api_key(account), "access_token": "", "refresh_token": "", "expires_at": 0})
}

fn login_record(account: &str) -> Value {
    json!({"id": format!("acc_{account}_5a6b7c8d"), "name": account, "auth_type": "oauth",
        "api_key": "", "access_token": access(account), "refresh_token": refresh(account),
        "expires_at": EXPIRY})
}

/// Names that the Python program takes and this one would not give.
const ODD_NAMES: [&str; 5] = ["Mon Compte", "a/b", "-x", "line\nbreak", "仕事 🦀"];

fn token(vault: &Vault, account: &str) -> String {
    let account = vault.find(account).unwrap();
    let unsealed = vault.unseal(&account).unwrap();
    unsealed.login().unwrap().access_token().expose().to_owned()
}

macro_rules! python_or_skip {
    ($home:expr) => {
        match Python::find($home) {
            Ok(python) => python,
            Err(reason) => return skip(reason),
        }
    };
}

#[test]
fn its_database_opens_with_every_record() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    let empty = json!({"id": "acc_leer_00000000", "name": "leer", "auth_type": "oauth",
        "api_key": "", "access_token": "", "refresh_token": "", "expires_at": 0});
    let mut records = vec![key_record("perso"), login_record("Boulot"), empty];
    records.extend(ODD_NAMES.map(login_record));
    let settings = json!({"password_hash": "scrypt:32768:8:1$FAKE$00", "api_token_hash": "00ff"});
    python.write(&json!(records), &settings);

    let vault = support::open(&home);
    let accounts = vault.accounts().unwrap();
    assert_eq!(accounts.len(), records.len());
    for (account, record) in accounts.iter().zip(&records) {
        assert_eq!(account.id.as_str(), record["id"]);
        assert_eq!(account.name, record["name"].as_str().unwrap());
        assert_eq!(account.auth_type.as_str(), record["auth_type"]);
        let unsealed = vault.unseal(account).unwrap();
        match &unsealed.credential {
            Credential::None => assert_eq!(account.name, "leer"),
            Credential::ApiKey(key) => assert_eq!(key.expose(), record["api_key"]),
            Credential::Login(document) => {
                assert_eq!(document.access_token().expose(), record["access_token"]);
                assert_eq!(document.refresh_token().expose(), record["refresh_token"]);
                assert_eq!(document.expires_at(), support::moment(EXPIRY));
                assert_eq!(document.scope(), "user:inference user:profile");
            }
        }
    }
    assert_eq!(vault.find("boulot").unwrap().name, "Boulot");
    for odd in ODD_NAMES {
        let account = vault.find(odd).unwrap();
        vault.rename(&account.id, &name("plain")).unwrap();
        assert_eq!(token(&vault, "plain"), access(odd));
        vault.remove(&account.id).unwrap();
    }
    let still = python.read()["settings"].clone();
    for key in ["password_hash", "api_token_hash"] {
        assert_eq!(still[key], settings[key]);
    }
}

#[test]
fn a_database_from_before_it_had_settings_opens() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    python.write(&json!([key_record("perso")]), &Value::Null);
    let vault = support::open(&home);
    assert_eq!(vault.accounts().unwrap().len(), 1);
    vault.add(&key_account("more", "more")).unwrap();
    assert_eq!(python.read()["accounts"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_written_here_opens_there() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    python.write(
        &json!([key_record("perso"), login_record("boulot")]),
        &json!({}),
    );
    let vault = support::open(&home);
    vault.add(&key_account("ours", "ours")).unwrap();
    vault.add(&login_account("signed-in", "first")).unwrap();
    let boulot = vault.find("boulot").unwrap();
    vault.store_login(&boulot.id, &login("second")).unwrap();
    vault.rename(&boulot.id, &name("travail")).unwrap();
    let read_there = || -> Vec<[String; 4]> {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        python.read()["accounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|account| {
                ["name", "api_key", "access_token", "refresh_token"].map(|key| text(&account[key]))
            })
            .collect()
    };
    let none = String::new;
    let expected = [
        ["perso".to_owned(), api_key("perso"), none(), none()],
        [
            "travail".to_owned(),
            none(),
            access("second"),
            refresh("second"),
        ],
        ["ours".to_owned(), api_key("ours"), none(), none()],
        [
            "signed-in".to_owned(),
            none(),
            access("first"),
            refresh("first"),
        ],
    ];
    assert_eq!(read_there(), expected);
    vault.rotate_key().unwrap();
    assert_eq!(read_there(), expected);
    let passphrase = Secret::new("FAKE passphrase");
    vault
        .protect(Protection::Passphrase, Some(&passphrase))
        .unwrap();
    vault.protect(Protection::File, None).unwrap();
    assert_eq!(read_there(), expected);
    assert_eq!(contents(&vault).len(), 4);
}

#[test]
fn a_vault_made_here_opens_there() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    let vault = support::open(&home);
    vault.add(&login_account("work", "work")).unwrap();
    // Also with nobody here who could bring the write-ahead log in.
    drop(vault);
    let account = python.read()["accounts"][0].clone();
    assert_eq!(account["access_token"], access("work"));
    assert_eq!(account["expires_at"], EXPIRY);
}

#[test]
fn tokens_that_it_stores_are_seen_here_and_kept_in_the_history() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    python.write(&json!([login_record("work")]), &json!({}));
    let vault = support::open(&home);
    let id = vault.find("work").unwrap().id;
    vault.store_login(&id, &login("ours-1")).unwrap();
    python.store_tokens("work", "theirs", EXPIRY + 1);
    assert_eq!(token(&vault, "work"), access("theirs"));
    let account = vault.find("work").unwrap();
    assert_eq!(account.expires_at, support::moment(EXPIRY + 1));
    // What the document held beside the tokens is still there.
    let document = vault.unseal(&account).unwrap().login().unwrap().to_value();
    assert_eq!(document["somethingNew"]["of"], "ours-1");

    vault.store_login(&id, &login("ours-2")).unwrap();
    let account = vault.find("work").unwrap();
    let history: Vec<(Cause, String, bool)> = vault
        .history(&account)
        .unwrap()
        .into_iter()
        .map(|generation| {
            let token = generation.document.unwrap().access_token();
            (
                generation.cause,
                token.expose().to_owned(),
                generation.present,
            )
        })
        .collect();
    let expected = [
        (Cause::Renewed, access("ours-2"), true),
        (Cause::AnotherProgram, access("theirs"), false),
        (Cause::Renewed, access("ours-1"), false),
        (Cause::AnotherProgram, access("work"), false),
    ];
    assert_eq!(history, expected);
}

#[test]
fn a_refusal_ends_when_it_stores_another_login() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    python.write(&json!([login_record("work")]), &json!({}));
    let vault = support::open(&home);
    let id = vault.find("work").unwrap().id;
    vault.mark_refused(&id, "no longer accepted").unwrap();
    let state = || vault.find("work").unwrap().state;
    assert!(matches!(state(), LoginState::SignInAgain { .. }));
    python.store_tokens("work", "fresh", EXPIRY + 7);
    assert_eq!(state(), LoginState::Alive);
    assert_eq!(token(&vault, "work"), access("fresh"));
}

#[test]
fn a_wrong_key_for_its_database_is_told_and_changes_nothing() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    python.write(&json!([login_record("work")]), &json!({}));
    let other = vault::VaultKey::generate().unwrap();
    let key: PathBuf = home.vault_dir().join(".key");
    let right = std::fs::read(&key).unwrap();
    std::fs::write(&key, other.expose()).unwrap();
    let vault = support::open(&home);
    let account = vault.find("work").unwrap();
    let error = vault.unseal(&account).unwrap_err();
    assert!(matches!(error, vault::VaultError::KeyWrong(_)), "{error}");
    let error = vault.add(&key_account("more", "more")).unwrap_err();
    assert!(matches!(error, vault::VaultError::KeyWrong(_)), "{error}");
    std::fs::write(&key, right).unwrap();
    assert_eq!(token(&vault, "work"), access("work"));
    assert_eq!(vault.accounts().unwrap().len(), 1);
}

/// SQLite columns hold any type: a number as a name, a blob as a token.
#[test]
fn odd_values_hide_no_other_record_and_hold_up_no_rotation() {
    let home = TestHome::new();
    let python = python_or_skip!(&home);
    python.write(
        &json!([login_record("work"), key_record("perso")]),
        &json!({}),
    );
    let vault = support::open(&home);
    let raw = Connection::open(home.vault_dir().join("accounts.db")).unwrap();
    raw.execute_batch(
        "INSERT INTO accounts (id, name, auth_type, api_key_enc, expires_at)
         VALUES (x'ff00', x'fe', 'oauth', x'0102', 'soon'), (NULL, 12, 'api_key', 3.5, 1e300)",
    )
    .unwrap();
    assert_eq!(vault.accounts().unwrap().len(), 4);
    vault.add(&key_account("more", "more")).unwrap();
    vault.rotate_key().unwrap();
    assert_eq!(token(&vault, "work"), access("work"));
    let odd = vault.find("12").unwrap();
    assert_eq!(odd.auth_type, AuthType::ApiKey);
    assert!(vault.unseal(&odd).is_err());
}
