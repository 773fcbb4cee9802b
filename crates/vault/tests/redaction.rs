//! `Debug` of whatever holds a secret shows none.

#![allow(
    clippy::unwrap_used,
    reason = "what must not fail in a test ends the test"
)]

mod support;

use std::fmt::Debug;

use model::{AnswerError, CredentialDocument, Secret, Timestamp, TokenAnswer};
use support::{access, api_key, key_account, login, login_account, refresh};
use testkit::{PlantedSecrets, TestHome};
use vault::{
    AgeLock, AgeUnlock, ConflictPolicy, VaultKey, open_age_file, parse_import, plan_import,
    seal_age_file,
};

struct Watch {
    planted: PlantedSecrets,
}

impl Watch {
    fn new() -> Self {
        let mut planted = PlantedSecrets::new();
        for tag in ["work", "perso", "newest"] {
            for secret in [access(tag), refresh(tag), api_key(tag)] {
                planted.plant(secret);
            }
        }
        planted.plant("https://perso.example.org");
        Self { planted }
    }

    #[track_caller]
    fn clean(&self, what: &impl Debug) {
        for text in [format!("{what:?}"), format!("{what:#?}")] {
            let found = self.planted.find_in_bytes(text.as_bytes());
            assert!(found.is_empty(), "{found:?} in {text}");
        }
    }
}

#[test]
fn of_the_model() {
    let watch = Watch::new();
    let login = login("work");
    let document = &login.document;
    watch.clean(&Secret::new(access("work")));
    watch.clean(&[document.clone(), document.view(), document.without_tokens()]);
    watch.clean(&document.access_token());
    let answer = format!(
        r#"{{"access_token": "{}", "refresh_token": "{}", "expires_in": 60}}"#,
        access("newest"),
        refresh("newest")
    );
    let answer = TokenAnswer::parse(200, answer.as_bytes()).unwrap();
    watch.clean(&answer);
    watch.clean(&document.renewed(&answer, Timestamp::from_millis(0)));
    watch.clean(&document.with_login_of(&support::login("newest").document));
    let refused: AnswerError = TokenAnswer::parse(
        400,
        format!(r#"{{"error": "{}"}}"#, access("work")).as_bytes(),
    )
    .unwrap_err();
    watch.clean(&refused);
    assert!(!refused.to_string().contains("FAKE"));
    for broken in [
        "{\"accessToken\": ",
        "{\"claudeAiOauth\": {\"accessToken\": [",
        "[",
    ] {
        let text = format!("{broken}\"{}\"", access("work"));
        let error = CredentialDocument::parse(text.as_bytes()).unwrap_err();
        watch.clean(&error);
        assert!(!error.to_string().contains("FAKE"));
    }
}

#[test]
fn of_the_vault() {
    let home = TestHome::new();
    let mut watch = Watch::new();
    let vault = support::open(&home);
    for account in [login_account("work", "work"), key_account("perso", "perso")] {
        watch.clean(&account);
        vault.add(&account).unwrap();
    }
    let key = vault.expose_key().unwrap();
    watch.planted.plant(key.expose());
    watch.clean(&(key.clone(), key.id(), VaultKey::parse(key.expose())));
    for account in vault.accounts().unwrap() {
        watch.clean(&account);
        watch.clean(&account.login_facts());
        let unsealed = vault.unseal(&account).unwrap();
        watch.clean(&unsealed);
        watch.clean(&unsealed.credential);
        watch.clean(&vault.history(&account).unwrap());
        // The masked form is for people to tell secrets apart, and short.
        assert!(
            watch
                .planted
                .find_in_bytes(unsealed.masked().as_bytes())
                .is_empty()
        );
    }
    let id = vault.find("work").unwrap().id;
    watch.clean(&login("newest"));
    let mut rescue = vault.prepare_rescue(&id).unwrap();
    vault
        .keep_rescued(&mut rescue, &id, 1, &login("newest"))
        .unwrap();
    watch.clean(&rescue);
    let entries = vec![login_account("work", "work"), key_account("new", "perso")];
    for policy in [
        ConflictPolicy::Skip,
        ConflictPolicy::Replace,
        ConflictPolicy::Rename,
    ] {
        watch.clean(&plan_import(&["WORK".to_owned()], entries.clone(), policy));
        watch.clean(&vault.import(&entries, policy).unwrap());
    }
}

#[test]
fn of_what_goes_wrong_with_a_file() {
    let watch = Watch::new();
    let secrets = format!("{} {} {}", access("work"), refresh("work"), api_key("work"));
    for text in [
        format!("[{{\"name\": \"{secrets}\", \"api_key\": \"{secrets}\"}}]"),
        format!("[{{\"name\": \"x\", \"auth_type\": \"{secrets}\"}}]"),
        format!("[{{\"name\": \"x\", \"access_token\": [\"{secrets}\"]}}]"),
        format!(
            "[{{\"name\": \"x\", \"access_token\": \"{secrets}\", \"expires_at\": \"{secrets}\"}}]"
        ),
        format!("[{{\"name\": \"x\", \"environment\": {{\"{secrets}\": \"{secrets}\"}}}}]"),
        format!(
            "[{{\"name\": \"x\", \"access_token\": \"{secrets}\", \"document\": \"{secrets}\"}}]"
        ),
        format!("[\"{secrets}\"] {secrets}"),
        secrets.clone(),
    ] {
        let error = parse_import(text.as_bytes()).unwrap_err();
        watch.clean(&error);
        assert!(
            watch
                .planted
                .find_in_bytes(error.to_string().as_bytes())
                .is_empty(),
            "{error}"
        );
    }
    let mut watch = watch;
    let identity = watch
        .planted
        .plant("AGE-SECRET-KEY-1FAKEFAKEFAKEFAKEFAKEFAKEFAKEFAKE");
    let recipients = [identity.clone()];
    let error = seal_age_file(b"x", &AgeLock::Recipients(&recipients)).unwrap_err();
    watch.clean(&error);
    let sealed = seal_age_file(b"x", &AgeLock::Passphrase(&Secret::new("FAKE"))).unwrap();
    let unlock = Secret::new(identity);
    let error = open_age_file(&sealed, &AgeUnlock::Identities(&unlock)).unwrap_err();
    watch.clean(&error);
    assert!(!error.to_string().contains("AGE-SECRET"), "{error}");
}

/// A login's secrets stand in the database sealed alone, and no file is for others to read.
#[test]
fn of_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = TestHome::new();
    let watch = Watch::new();
    let vault = support::open(&home);
    let id = vault.add(&login_account("work", "work")).unwrap();
    vault.add(&key_account("perso", "perso")).unwrap();
    let mut rescue = vault.prepare_rescue(&id).unwrap();
    vault
        .keep_rescued(&mut rescue, &id, 7, &login("newest"))
        .unwrap();
    vault.store_login(&id, &login("newest")).unwrap();
    vault.rotate_key().unwrap();
    assert!(watch.planted.find_in_tree(&[home.root()], &[]).is_empty());
    let paths = support::paths(&home);
    for directory in [paths.directory().to_owned(), paths.rescue()] {
        let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&directory), 0o700);
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
    }
}
