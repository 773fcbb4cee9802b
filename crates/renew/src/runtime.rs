//! Where sessions and the keeper meet.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use vault::{VaultError, VaultPaths, durable};

/// The directory of one vault's sessions: in memory where the system has a place for that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeDirectory {
    path: PathBuf,
}

impl RuntimeDirectory {
    /// `xdg_runtime_dir`: the variable of that name. It is used if it is a directory of ours that
    /// nobody else can enter; else a directory in the vault's serves.
    #[must_use]
    pub fn locate(xdg_runtime_dir: Option<&Path>, vault: &VaultPaths) -> Self {
        let directory = vault.directory();
        let path = match xdg_runtime_dir.filter(|path| is_private(path)) {
            Some(base) => base.join("claude-accounts").join(short_digest(directory)),
            None => directory.join("run"),
        };
        Self { path }
    }

    /// The one at `path`, for a process that was told where it is.
    #[must_use]
    pub fn told(path: PathBuf) -> Self {
        Self { path }
    }

    /// The directory, 0700.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// One directory per session.
    #[must_use]
    pub fn sessions(&self) -> PathBuf {
        self.path.join("sessions")
    }

    /// The keeper's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.path.join("keeper.sock")
    }

    /// Held by the one keeper.
    #[must_use]
    pub fn keeper_lock(&self) -> PathBuf {
        self.path.join("keeper.lock")
    }

    /// Held by whoever writes views.
    pub(crate) fn views_lock(&self) -> PathBuf {
        self.path.join("views.lock")
    }

    /// Makes the directories.
    ///
    /// # Errors
    /// If they cannot be made or belong to another user.
    pub fn create(&self) -> Result<(), VaultError> {
        durable::private_directory(&self.path)?;
        durable::private_directory(&self.sessions())
    }
}

fn is_private(path: &Path) -> bool {
    let us = rustix::process::geteuid().as_raw();
    path.is_absolute()
        && fs::metadata(path).is_ok_and(|metadata| {
            metadata.is_dir() && metadata.uid() == us && metadata.mode() & 0o077 == 0
        })
}

/// Two vaults of one user must not meet; eight bytes tell them apart.
fn short_digest(directory: &Path) -> String {
    let canonical = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_owned());
    let digest = Sha256::digest(canonical.as_os_str().as_bytes());
    digest[..8]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_directory_that_others_can_enter_is_not_used() {
        let home = tempfile::tempdir().unwrap();
        let vault = VaultPaths::new(home.path().join("vault"));
        let xdg = home.path().join("runtime");
        fs::create_dir(&xdg).unwrap();
        fs::set_permissions(&xdg, fs::Permissions::from_mode(0o700)).unwrap();
        assert!(
            RuntimeDirectory::locate(Some(&xdg), &vault)
                .path()
                .starts_with(&xdg)
        );
        fs::set_permissions(&xdg, fs::Permissions::from_mode(0o755)).unwrap();
        assert_eq!(
            RuntimeDirectory::locate(Some(&xdg), &vault).path(),
            home.path().join("vault/run")
        );
        assert_eq!(
            RuntimeDirectory::locate(None, &vault).path(),
            home.path().join("vault/run")
        );
        assert_eq!(
            RuntimeDirectory::locate(Some(Path::new("run")), &vault).path(),
            home.path().join("vault/run")
        );
    }
}
