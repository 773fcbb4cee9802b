//! The vault, as the dashboard works with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vault::{NoPassphrase, Vault, VaultError, VaultKey, VaultPaths};

use crate::error::ApiError;

/// Opens the vault as often as is needed: one connection stays open for what is quick, and what
/// waits for the network or for people gets its own.
#[derive(Clone)]
pub(crate) struct Vaults {
    paths: VaultPaths,
    key: Option<VaultKey>,
    quick: Arc<Mutex<Vault>>,
}

impl Vaults {
    /// Opens the vault, or makes an empty one.
    pub(crate) fn open(paths: &VaultPaths, key: Option<&VaultKey>) -> Result<Self, VaultError> {
        drop(Vault::open_or_create(paths, Box::new(NoPassphrase))?);
        let quick = open(paths, key)?;
        Ok(Self {
            paths: paths.clone(),
            key: key.cloned(),
            quick: Arc::new(Mutex::new(quick)),
        })
    }

    /// Does `work`, which takes milliseconds, away from the tasks that serve the network.
    pub(crate) async fn quick<T, E>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        let vault = Arc::clone(&self.quick);
        blocking(move || work(&lock(&vault)).map_err(Into::into)).await
    }

    /// Does `work`, which may take as long as the network, on a connection of its own.
    pub(crate) async fn slow<T, E>(
        &self,
        work: impl FnOnce(&Vault) -> Result<T, E> + Send + 'static,
    ) -> Result<T, ApiError>
    where
        T: Send + 'static,
        E: Into<ApiError> + Send + 'static,
    {
        let (paths, key) = (self.paths.clone(), self.key.clone());
        blocking(move || work(&open(&paths, key.as_ref())?).map_err(Into::into)).await
    }

    /// A connection of its own, for whoever keeps one.
    pub(crate) fn another(&self) -> Result<Vault, VaultError> {
        open(&self.paths, self.key.as_ref())
    }

    /// The key, where a passphrase wraps it: for programs that are started in terminals.
    pub(crate) fn wrapped_key(&self) -> Option<&VaultKey> {
        self.key.as_ref()
    }
}

/// Never makes one: where it has been removed, there is not to be another one that nobody asked for.
fn open(paths: &VaultPaths, key: Option<&VaultKey>) -> Result<Vault, VaultError> {
    let vault = Vault::open(paths, Box::new(NoPassphrase))?;
    if let Some(key) = key {
        vault.unlock_with(key)?;
    }
    Ok(vault)
}

/// A panic in another thread's work leaves the vault as it was: each of its writes is a transaction.
fn lock(vault: &Mutex<Vault>) -> MutexGuard<'_, Vault> {
    vault.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `work` where it may block.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
) -> Result<T, ApiError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(ApiError::internal(
            "the work was broken off by a fault in this program",
        )),
    }
}
