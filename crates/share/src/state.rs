//! What the commands have set up: durable, root only, and all that the keeper goes by.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use vault::durable::{self, Placing};

use crate::ShareError;
use crate::home::Item;
use crate::settings::Settings;

/// The layout of the file. A file of a later one is refused, not guessed at.
const FORMAT: u32 = 1;

/// Largest state file that is read, in bytes: room for a hundred thousand users.
const LIMIT: u64 = 64 * 1024 * 1024;

/// What has been set up on this server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerState {
    format: u32,
    /// The settings in force. The config file says what they are to be after the next `sync`.
    pub settings: Settings,
    /// The vault's account that a user without one of his own gets.
    pub default_account: String,
    /// The managed users by name.
    pub users: BTreeMap<String, UserRecord>,
    /// Users who are being set up: the keeper leaves their homes to the command, which notes what
    /// they had before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub joining: BTreeMap<String, UserRecord>,
    /// Users who are being taken off: the keeper leaves their homes alone, and what they had before
    /// is still known.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub leaving: BTreeMap<String, UserRecord>,
    /// The source user, whose login the vault took over: his file is a view too.
    pub source: Option<SourceRecord>,
    /// What `init` made and `uninstall` removes.
    #[serde(default)]
    pub made: Made,
}

/// A managed user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserRecord {
    /// His number when he was set up. Another one under the same name is another user.
    pub uid: u32,
    /// The vault's account assigned to him; `None`: the default one.
    #[serde(default)]
    pub account: Option<String>,
    /// Whether we made the Linux user.
    #[serde(default)]
    pub created: bool,
    /// Whether we put him into the group.
    #[serde(default)]
    pub joined_group: bool,
    /// What he had before, by item: the name of the backup beside it.
    #[serde(default)]
    pub originals: BTreeMap<Item, String>,
}

/// The source user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceRecord {
    /// His number when his login was taken over.
    pub uid: u32,
    /// The vault's account that has it.
    pub account: String,
    /// Whether we put him into the group.
    #[serde(default)]
    pub joined_group: bool,
}

/// What `init` made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// The group.
    pub group: bool,
    /// The unit of the keeper.
    pub unit: bool,
}

impl ServerState {
    /// A server without users.
    #[must_use]
    pub fn new(settings: Settings, default_account: String) -> Self {
        Self {
            format: FORMAT,
            settings,
            default_account,
            users: BTreeMap::new(),
            joining: BTreeMap::new(),
            leaving: BTreeMap::new(),
            source: None,
            made: Made::default(),
        }
    }

    /// A user who is managed, or about to be, or about not to be any more.
    #[must_use]
    pub fn record(&self, name: &str) -> Option<&UserRecord> {
        let maps = [&self.users, &self.joining, &self.leaving];
        maps.into_iter().find_map(|users| users.get(name))
    }

    /// The account of a managed user.
    #[must_use]
    pub fn account_of<'a>(&'a self, user: &'a UserRecord) -> &'a str {
        user.account.as_deref().unwrap_or(&self.default_account)
    }

    /// Reads the file; `None` if there is none.
    ///
    /// # Errors
    /// If it cannot be read, or is damaged or of a later version.
    pub fn load(path: &Path) -> Result<Option<Self>, ShareError> {
        let Some(bytes) = durable::read_regular(path, LIMIT)? else {
            return Ok(None);
        };
        let damaged = |problem: String| ShareError::State {
            path: path.to_owned(),
            problem,
        };
        let state: Self =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        if state.format > FORMAT {
            return Err(damaged(format!(
                "it has format {}, and this version knows up to {FORMAT}",
                state.format
            )));
        }
        Ok(Some(state))
    }

    /// Writes the file: it is on the disk when this returns.
    ///
    /// # Errors
    /// If it cannot be written; then the old one is as it was.
    pub fn store(&self, path: &Path) -> Result<(), ShareError> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("plain data with string keys");
        bytes.push(b'\n');
        Ok(durable::write(path, &bytes, 0o600, Placing::Replace)?)
    }
}
