//! What the tests of this crate share: made-up accounts, a vault in a private home, and a test
//! executable that starts itself again.

#![allow(dead_code, reason = "every test file uses another part of it")]
#![allow(
    clippy::disallowed_methods,
    reason = "the children of a test are told by their environment what to do"
)]

use std::env;
use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use model::{AccountName, AuthType, CredentialDocument, Identity, Secret, Timestamp};
use serde_json::json;
use testkit::TestHome;
use vault::{
    Account, Cause, Credential, NewAccount, NewLogin, NoPassphrase, Unlock, Vault, VaultError,
    VaultPaths,
};

/// Far enough away that nothing expires.
pub(crate) const EXPIRY: i64 = 4_000_000_000_000;

pub(crate) fn paths(home: &TestHome) -> VaultPaths {
    VaultPaths::new(home.vault_dir())
}

/// Opens or makes the vault of a home, without anybody to ask for a passphrase.
#[track_caller]
pub(crate) fn open(home: &TestHome) -> Vault {
    open_at(&paths(home))
}

#[track_caller]
pub(crate) fn open_at(paths: &VaultPaths) -> Vault {
    Vault::open_or_create(paths, Box::new(NoPassphrase)).unwrap()
}

/// Somebody who knows the passphrase.
pub(crate) struct Knows(pub(crate) &'static str);

impl Unlock for Knows {
    fn passphrase(&mut self) -> Result<Secret, VaultError> {
        Ok(Secret::new(self.0))
    }
}

pub(crate) fn name(text: &str) -> AccountName {
    AccountName::parse(text).unwrap()
}

pub(crate) fn access(tag: &str) -> String {
    format!("sk-ant-oat01-FAKE-access-{tag}-0123456789")
}

pub(crate) fn refresh(tag: &str) -> String {
    format!("sk-ant-ort01-FAKE-refresh-{tag}-0123456789")
}

pub(crate) fn api_key(tag: &str) -> String {
    format!("sk-ant-api03-FAKE-key-{tag}-0123456789")
}

/// A document as the client writes it, with a key of its own that nobody here knows.
pub(crate) fn document(tag: &str, expires_at: i64) -> CredentialDocument {
    let value = json!({
        "claudeAiOauth": {
            "accessToken": access(tag), "refreshToken": refresh(tag), "expiresAt": expires_at,
            "scopes": ["user:inference", "user:profile"], "subscriptionType": "max",
        },
        "somethingNew": {"of": tag},
    });
    CredentialDocument::parse(value.to_string().as_bytes()).unwrap()
}

pub(crate) fn login(tag: &str) -> NewLogin {
    NewLogin {
        document: document(tag, EXPIRY),
        identity: Identity::default(),
        lifetime: Some(Duration::from_secs(8 * 3600)),
        cause: Cause::Renewed,
    }
}

pub(crate) fn login_account(account: &str, tag: &str) -> NewAccount {
    NewAccount {
        login: Some(document(tag, EXPIRY)),
        identity: Identity {
            email: Some(format!("{tag}@example.org")),
            account_uuid: Some(format!("uuid-{tag}")),
            ..Identity::default()
        },
        ..NewAccount::empty(name(account), AuthType::OAuth)
    }
}

pub(crate) fn key_account(account: &str, tag: &str) -> NewAccount {
    NewAccount {
        api_key: Secret::new(api_key(tag)),
        environment: vec![(
            "ANTHROPIC_BASE_URL".to_owned(),
            Secret::new(format!("https://{tag}.example.org")),
        )],
        ..NewAccount::empty(name(account), AuthType::ApiKey)
    }
}

/// Everything that an account holds, in the clear, as one line: two vaults with the same lines
/// hold the same accounts. Moments, identifiers and keys are left out.
#[track_caller]
pub(crate) fn contents(vault: &Vault) -> Vec<String> {
    let accounts = vault.accounts().unwrap();
    accounts.iter().map(|one| line(vault, one)).collect()
}

#[track_caller]
fn line(vault: &Vault, account: &Account) -> String {
    let unsealed = vault.unseal(account).unwrap();
    let credential = match &unsealed.credential {
        Credential::None => "nothing".to_owned(),
        Credential::ApiKey(key) => key.expose().to_owned(),
        Credential::Login(document) => document.to_value().to_string(),
    };
    let environment: Vec<String> = unsealed
        .environment
        .iter()
        .map(|(name, value)| format!("{name}={}", value.expose()))
        .collect();
    let history: Vec<String> = vault
        .history(account)
        .unwrap()
        .iter()
        .map(|generation| {
            let document = generation.document.as_ref().expect("a generation to open");
            let tokens = document.access_token();
            format!("{} {}", generation.number, tokens.expose())
        })
        .collect();
    format!(
        "{} {credential} {environment:?} {:?} {} {history:?}",
        account.name, unsealed.identity.email, account.generation
    )
}

const CHILD_VARIABLE: &str = "VAULT_TEST_CHILD";

/// A command that runs the test `test` of this executable again, alone, as a child that is told
/// `message`. The test asks [`message`] for it and does nothing without.
pub(crate) fn child(home: &TestHome, test: &str, message: &str) -> Command {
    as_child(home.command(this_executable()), test, message)
}

/// The same behind a command that starts other programs.
pub(crate) fn child_under(mut command: Command, test: &str, message: &str) -> Command {
    command.arg(this_executable());
    as_child(command, test, message)
}

/// The same for a command that names a copy of this executable itself.
pub(crate) fn as_child(mut command: Command, test: &str, message: &str) -> Command {
    command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
    command.env(CHILD_VARIABLE, message);
    command
}

fn this_executable() -> OsString {
    env::current_exe().unwrap().into_os_string()
}

/// What this process was told as a child; `None` if it is the test itself.
pub(crate) fn message() -> Option<String> {
    env::var(CHILD_VARIABLE).ok()
}

/// Whether a program can be started here.
pub(crate) fn has_program(name: &str) -> bool {
    let found = env::split_paths(&env::var_os("PATH").unwrap_or_default())
        .any(|directory| directory.join(name).is_file());
    found || Path::new("/usr/bin").join(name).is_file()
}

pub(crate) fn moment(millis: i64) -> Option<Timestamp> {
    Some(Timestamp::from_millis(millis))
}
