//! `.key` of a vault that holds an account: any bytes in it are told for what they are, and the
//! database stays as it is.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use model::{AccountName, AuthType, Secret};
use tempfile::TempDir;
use vault::{NewAccount, NoPassphrase, Protection, Vault, VaultError, VaultKey, VaultPaths};

/// One vault for all inputs, in memory where there is such a place: only its key file changes.
static HOME: LazyLock<TempDir> = LazyLock::new(|| {
    let memory = std::path::Path::new("/dev/shm");
    let home = match memory.is_dir() {
        true => TempDir::new_in(memory),
        false => TempDir::new(),
    };
    let home = home.expect("a temporary directory");
    let vault = open(&VaultPaths::new(home.path()));
    let name = AccountName::parse("work").expect("a name");
    let account = NewAccount {
        api_key: Secret::new("sk-ant-api03-FAKE"),
        ..NewAccount::empty(name, AuthType::ApiKey)
    };
    vault.add(&account).expect("an account to add");
    home
});

fn open(paths: &VaultPaths) -> Vault {
    Vault::open_or_create(paths, Box::new(NoPassphrase)).expect("a vault to open")
}

fuzz_target!(|bytes: &[u8]| {
    let paths = VaultPaths::new(HOME.path());
    fs::write(paths.key(), bytes).expect("a file to write");
    let vault = open(&paths);
    if let Ok(protection) = vault.protection() {
        assert!(protection == Protection::File || bytes.first() == Some(&b'{') || bytes[0].is_ascii_whitespace());
    }
    match vault.unlock() {
        // The one key that there is, is not known to whoever makes the inputs.
        Ok(()) => panic!("it was opened"),
        Err(VaultError::KeyMalformed(_) | VaultError::KeyWrong(_) | VaultError::Unsuitable { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    assert_eq!(vault.names().expect("names").len(), 1);
    if let Some(key) = std::str::from_utf8(bytes).ok().and_then(VaultKey::parse) {
        assert_eq!(VaultKey::parse(key.expose()).map(|key| key.id()), Some(key.id()));
    }
    // An open one is not made to lose the record by what stands there either.
    assert!(vault.rotate_key().is_err());
});
