//! How a server shares: what `init` was told and `/etc/claude-share/config` says.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How the credential reaches the users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CredentialsMode {
    /// A file of his own for each user, without the refresh token.
    #[default]
    View,
    /// A link to one shared file, refresh token included: whoever renews replaces his link, and
    /// the keeper takes what he got and links again.
    Link,
}

/// How `.claude.json` is shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaudeJsonMode {
    /// A file of his own for each user; account, onboarding and user-scope MCP servers are carried
    /// between them.
    #[default]
    Merge,
    /// A link to one shared file, project paths included.
    Link,
    /// Not shared.
    Private,
}

/// How a server shares.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settings {
    /// Holds the single copies.
    pub shared_directory: PathBuf,
    /// The group that every managed user joins.
    pub group: String,
    /// Whose login and settings were the first ones.
    pub source_user: String,
    /// Whether `.claude/settings.local.json` is shared too.
    pub share_settings_local: bool,
    /// How the credential reaches the users.
    pub credentials: CredentialsMode,
    /// How `.claude.json` is shared.
    pub claude_json: ClaudeJsonMode,
}

impl Default for Settings {
    /// The documented defaults.
    fn default() -> Self {
        Self {
            shared_directory: "/shared/claude-share".into(),
            group: "claudeshare".to_owned(),
            source_user: "root".to_owned(),
            share_settings_local: true,
            credentials: CredentialsMode::default(),
            claude_json: ClaudeJsonMode::default(),
        }
    }
}
