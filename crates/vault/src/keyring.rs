//! The key in the OS keyring (Secret Service over D-Bus; no other process of ours is involved).

use std::sync::Arc;

use keyring_core::{CredentialStore, Entry};

use crate::{KeyId, VaultError, VaultKey};

const SERVICE: &str = "claude-accounts";

pub(crate) fn load(id: &KeyId) -> Result<VaultKey, VaultError> {
    let text = entry(id)?.get_password().map_err(|error| failure(&error))?;
    let text = zeroize::Zeroizing::new(text);
    VaultKey::parse(&text).ok_or_else(|| VaultError::Keyring("its entry holds no key".into()))
}

pub(crate) fn store(key: &VaultKey) -> Result<(), VaultError> {
    entry(&key.id())?
        .set_password(key.expose())
        .map_err(|error| failure(&error))
}

pub(crate) fn forget(id: &KeyId) -> Result<(), VaultError> {
    entry(id)?
        .delete_credential()
        .map_err(|error| failure(&error))
}

fn entry(id: &KeyId) -> Result<Entry, VaultError> {
    let store: Arc<CredentialStore> =
        zbus_secret_service_keyring_store::Store::new().map_err(|error| failure(&error))?;
    store
        .build(SERVICE, &format!("vault key {}", id.as_str()), None)
        .map_err(|error| failure(&error))
}

/// Without the values that some variants carry.
fn failure(error: &keyring_core::Error) -> VaultError {
    use keyring_core::Error;
    VaultError::Keyring(match error {
        Error::NoEntry => "it has no key for this vault".to_owned(),
        Error::PlatformFailure(source) => format!("it does not answer ({source})"),
        Error::NoStorageAccess(source) => format!("it cannot be opened ({source})"),
        _ => "it refuses the request".to_owned(),
    })
}
