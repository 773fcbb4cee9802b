//! Opening a vault where there is nobody to ask.

use vault::{NoPassphrase, Vault, VaultError, VaultKey, VaultPaths};

pub(crate) fn open_vault(paths: &VaultPaths, key: Option<&VaultKey>) -> Result<Vault, VaultError> {
    let vault = Vault::open(paths, Box::new(NoPassphrase))?;
    match key {
        Some(key) => vault.unlock_with(key)?,
        None => vault.unlock()?,
    }
    Ok(vault)
}
