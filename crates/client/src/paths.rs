//! Where a user's settings for live sessions are.

use std::path::{Path, PathBuf};

/// The files below a home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientPaths {
    home: PathBuf,
}

impl ClientPaths {
    /// Those of the user whose home this is.
    #[must_use]
    pub fn new(home: impl Into<PathBuf>) -> Self {
        Self { home: home.into() }
    }

    /// The home itself.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// `~/.claude-share`, for its owner alone.
    #[must_use]
    pub fn directory(&self) -> PathBuf {
        self.home.join(".claude-share")
    }

    /// The profiles.
    #[must_use]
    pub fn profiles(&self) -> PathBuf {
        self.directory().join("client.json")
    }

    /// The extra directories of sessions to come.
    #[must_use]
    pub fn extras(&self) -> PathBuf {
        self.directory().join("extras.json")
    }

    /// What is changed of the list of commands that run on this machine.
    #[must_use]
    pub fn commands(&self) -> PathBuf {
        self.directory().join("commands.json")
    }

    /// Held while one of these files is changed.
    pub(crate) fn lock(&self) -> PathBuf {
        self.directory().join("settings.lock")
    }

    /// The private key that is made where none is named.
    #[must_use]
    pub fn key(&self) -> PathBuf {
        self.home.join(".ssh/id_ed25519_claude_share")
    }

    /// Where a user's own programs are.
    #[must_use]
    pub fn programs(&self) -> PathBuf {
        self.home.join(".local/bin")
    }
}
