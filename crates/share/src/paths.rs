//! Where a server's files are.

use std::path::{Path, PathBuf};

use vault::VaultPaths;

/// Where a server's files are. The same on every machine; tests give each its own root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerPaths {
    /// Root only: vault, state, what the homes last agreed on.
    pub data: PathBuf,
    /// The keeper's socket and lock; gone after a restart.
    pub runtime: PathBuf,
    /// What people edit.
    pub config: PathBuf,
    /// The keeper's unit, where systemd runs.
    pub unit: PathBuf,
}

impl ServerPaths {
    /// The documented ones.
    #[must_use]
    pub fn documented() -> Self {
        Self {
            data: "/var/lib/claude-share".into(),
            runtime: "/run/claude-share".into(),
            config: "/etc/claude-share/config".into(),
            unit: "/etc/systemd/system/claude-share-keeper.service".into(),
        }
    }

    /// The vault: the only place that holds refresh tokens and API keys.
    #[must_use]
    pub fn vault(&self) -> VaultPaths {
        VaultPaths::new(self.data.join("vault"))
    }

    /// What the commands have set up: settings in force and managed users.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.data.join("state.json")
    }

    /// What the users' `.claude.json` files have in common, written by the keeper.
    #[must_use]
    pub fn claude_json(&self) -> PathBuf {
        self.data.join("claude-json.json")
    }

    /// Held by a command that changes the machine.
    #[must_use]
    pub fn command_lock(&self) -> PathBuf {
        self.data.join("commands.lock")
    }

    /// The keeper's log, where no supervisor collects it.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.data.join("keeper.log")
    }

    /// The keeper's socket: everybody may connect, it looks at who does.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("keeper.sock")
    }

    /// Held by the one keeper.
    #[must_use]
    pub fn keeper_lock(&self) -> PathBuf {
        self.data.join("keeper.lock")
    }
}

/// Where in the shared directory the single copy of what is at `relative` in the homes stands.
#[must_use]
pub fn shared_copy(shared_directory: &Path, relative: &str) -> PathBuf {
    shared_directory.join("home").join(relative)
}
