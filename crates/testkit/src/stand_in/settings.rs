//! How this stand-in was told to behave, and the directories that follow from its environment.

use super::{SETTINGS_NAME, VERSION};
use serde_json::Value;
use std::env;
use std::fs;
use std::path::PathBuf;

pub(super) struct Settings {
    /// The directory that the program lies in.
    pub(super) beside: PathBuf,
    pub(super) version: String,
    pub(super) record: bool,
    /// `null` or what to sign in as.
    pub(super) login: Value,
    secure_storage: bool,
    config_dir: bool,
}

impl Settings {
    pub(super) fn load() -> Settings {
        // Not argv[0], which a caller chooses: the link that was started, however it was found.
        let program = env::current_exe().unwrap_or_default();
        let beside = program.parent().map(PathBuf::from).unwrap_or_default();
        let text = fs::read(beside.join(SETTINGS_NAME)).unwrap_or_default();
        let mut read: Value = if text.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{SETTINGS_NAME}: {error}"))
        };
        let supports = |name: &str| {
            read["supports"]
                .as_array()
                .is_none_or(|list| list.iter().any(|held| held == name))
        };
        Settings {
            secure_storage: supports("securestorage"),
            config_dir: supports("config-dir"),
            version: read["version"].as_str().unwrap_or(VERSION).to_owned(),
            record: read["record"] == true,
            login: read.get_mut("login").map(Value::take).unwrap_or_default(),
            beside,
        }
    }

    /// Where `.credentials.json` and its locks are.
    pub(super) fn credential_dir(&self) -> PathBuf {
        let named = if self.secure_storage {
            directory("CLAUDE_SECURESTORAGE_CONFIG_DIR")
        } else {
            None
        };
        named.unwrap_or_else(|| self.config_dir())
    }

    /// Where `settings.json` is.
    pub(super) fn config_dir(&self) -> PathBuf {
        self.named_config_dir()
            .unwrap_or_else(|| home().join(".claude"))
    }

    /// `.claude.json`: beside `~/.claude`, but inside `CLAUDE_CONFIG_DIR`.
    pub(super) fn state_file(&self) -> PathBuf {
        self.named_config_dir()
            .unwrap_or_else(home)
            .join(".claude.json")
    }

    fn named_config_dir(&self) -> Option<PathBuf> {
        if self.config_dir {
            directory("CLAUDE_CONFIG_DIR")
        } else {
            None
        }
    }
}

/// A variable's value; an empty one counts as unset, as it does for the real client.
pub(super) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn directory(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}

fn home() -> PathBuf {
    directory("HOME").unwrap_or_else(|| PathBuf::from("/"))
}
