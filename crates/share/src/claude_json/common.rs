//! What all users agree on, and its file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use vault::durable::{self, Placing};

pub(super) use super::mark::Mark;
use super::mark::{Offered, Seen};
use super::who;
use crate::ShareError;

/// The layout of the file. A file of a later one is refused, not guessed at.
const FORMAT: u32 = 1;

/// Largest file that is read, in bytes: a hundred thousand users with twenty servers each.
const LIMIT: u64 = 128 * 1024 * 1024;

/// What all users agree on, and what was last seen of each.
///
/// Root only, in memory and on the disk: MCP servers have environments, and those hold secrets.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub struct Common {
    format: u32,
    #[serde(default)]
    pub(super) mcp_servers: Map<String, Value>,
    #[serde(default)]
    pub(super) onboarded: bool,
    #[serde(default)]
    pub(super) onboarding_version: Option<String>,
    /// `oauthAccount` by the vault's account.
    #[serde(default)]
    pub(super) accounts: BTreeMap<String, Value>,
    #[serde(default)]
    pub(super) bases: BTreeMap<String, Base>,
}

/// What was last seen of a user's file, and what it was offered since.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Base {
    /// The vault's account whose login the user shared then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    pub(super) seen: Seen,
    #[serde(default, skip_serializing_if = "Offered::is_empty")]
    pub(super) offered: Offered,
}

impl Default for Common {
    /// Nothing that anybody agrees on, and nobody seen.
    fn default() -> Self {
        Self {
            format: FORMAT,
            mcp_servers: Map::new(),
            onboarded: false,
            onboarding_version: None,
            accounts: BTreeMap::new(),
            bases: BTreeMap::new(),
        }
    }
}

impl Common {
    /// The user-scope MCP servers that all have, by name.
    #[must_use]
    pub fn mcp_servers(&self) -> &Map<String, Value> {
        &self.mcp_servers
    }

    /// Whether this is the `oauthAccount` of any of the shared logins.
    #[must_use]
    pub fn is_shared(&self, oauth_account: &Value) -> bool {
        self.accounts.values().any(|known| known == oauth_account)
    }

    /// The `oauthAccount` of one of the vault's accounts.
    #[must_use]
    pub fn account(&self, id: &str) -> Option<&Value> {
        self.accounts.get(id)
    }

    /// Records the `oauthAccount` of one of the vault's accounts: normally the source user's, when
    /// his login is taken over. What cannot be one (not an object, over 16 KiB) is ignored.
    ///
    /// Returns whether that changed anything: then all users are due for a merge.
    pub fn set_account(&mut self, id: &str, value: Value) -> bool {
        let changes = who::usable(&value) && self.accounts.get(id) != Some(&value);
        if changes {
            self.accounts.insert(id.to_owned(), value);
        }
        changes
    }

    /// Forgets a user. What he added stays. If he comes back, he is one who was never seen.
    ///
    /// Returns whether he was known.
    pub fn remove_user(&mut self, user: &str) -> bool {
        self.bases.remove(user).is_some()
    }

    /// Reads the file; if there is none, nobody agrees on anything yet.
    ///
    /// # Errors
    /// If it cannot be read; [`ShareError::State`] if it is damaged or of a later version. A damaged
    /// one may be moved aside and begun anew: then nothing is removed from anybody's file, and the
    /// first user who is merged has the say about servers that differ.
    pub fn load(path: &Path) -> Result<Self, ShareError> {
        let Some(bytes) = durable::read_regular(path, LIMIT)? else {
            return Ok(Self::default());
        };
        let damaged = |problem: String| ShareError::State {
            path: path.to_owned(),
            problem,
        };
        // Where the damage is, not what: serde quotes what it found, and that may be a secret.
        let common: Self = serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            damaged(format!("it is damaged at line {line}, column {column}"))
        })?;
        if common.format > FORMAT {
            return Err(damaged(format!(
                "it has format {}, and this version knows up to {FORMAT}",
                common.format
            )));
        }
        Ok(common)
    }

    /// Writes the file, 0600: it is on the disk when this returns.
    ///
    /// # Errors
    /// If it cannot be written; then the old one is as it was.
    pub fn store(&self, path: &Path) -> Result<(), ShareError> {
        let mut bytes = serde_json::to_vec(self).expect("plain data with string keys");
        bytes.push(b'\n');
        Ok(durable::write(path, &bytes, 0o600, Placing::Replace)?)
    }
}

impl std::fmt::Debug for Common {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Common")
            .field("mcp_servers", &self.mcp_servers.len())
            .field("accounts", &self.accounts.len())
            .field("users", &self.bases.len())
            .finish_non_exhaustive()
    }
}
