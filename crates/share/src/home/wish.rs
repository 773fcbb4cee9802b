//! What is asked of the process that touches a home, and what it answers.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What is shared, in the order in which it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// `.claude/.credentials.json`.
    Credentials,
    /// `.claude.json`.
    ClaudeJson,
    /// `.claude/settings.json`.
    Settings,
    /// `.claude/settings.local.json`.
    SettingsLocal,
    /// The marked block with `umask 002` in the shell's files.
    Umask,
}

impl Item {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 5] = [
        Self::Credentials,
        Self::ClaudeJson,
        Self::Settings,
        Self::SettingsLocal,
        Self::Umask,
    ];

    /// Its path below the home; for the block what people know it by.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Credentials => ".claude/.credentials.json",
            Self::ClaudeJson => ".claude.json",
            Self::Settings => ".claude/settings.json",
            Self::SettingsLocal => ".claude/settings.local.json",
            Self::Umask => "umask 002",
        }
    }
}

/// Whose home it is. The process becomes this user before it does anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user's name.
    pub name: String,
    /// His number.
    pub uid: u32,
    /// His first group.
    pub gid: u32,
    /// The shared group, whose files he may read.
    pub shared_gid: u32,
    /// His home, as the system knows it.
    pub home: PathBuf,
    /// His shell, as the system knows it: it tells which files it reads.
    pub shell: PathBuf,
}

/// What a home is to look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeWish {
    /// `.claude/.credentials.json`.
    pub credentials: CredentialsWish,
    /// `.claude.json`.
    pub claude_json: ClaudeJsonWish,
    /// `.claude/settings.json`.
    pub settings: SettingsWish,
    /// `.claude/settings.local.json`.
    pub settings_local: SettingsWish,
    /// Whether the shell's files are to have the block.
    pub umask: bool,
}

/// What the credential file is to be.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum CredentialsWish {
    /// A view: this document, which has no refresh token.
    View(String),
    /// A link to this file.
    Link(PathBuf),
    /// No view of ours and no link of ours; anything else stays.
    Absent,
    /// As it is: there is no login to show at the moment.
    Leave,
}

impl std::fmt::Debug for CredentialsWish {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::View(_) => "View([redacted])",
            Self::Link(_) => "Link",
            Self::Absent => "Absent",
            Self::Leave => "Leave",
        })
    }
}

/// What `.claude.json` is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ClaudeJsonWish {
    /// The user's own file, of which some keys are shared.
    Merge,
    /// A link to this file.
    Link(PathBuf),
    /// None of our business.
    Private,
}

/// What a settings file is to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SettingsWish {
    /// A link to this file.
    Link(PathBuf),
    /// The user's own file with this `apiKeyHelper`; made from the shared file where there is none.
    KeyHelper {
        /// The command that prints the key.
        command: String,
        /// The shared file.
        shared: PathBuf,
    },
    /// None of our business; a link of ours (to the path given) is replaced by a copy.
    Private(PathBuf),
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Task {
    /// Tell what is there.
    Look,
    /// Make it as wished.
    Mend {
        /// The SHA-256, in hexadecimal, of a login of the user's own that may be replaced.
        reclaim: Option<String>,
        /// Replace whatever login of his own is there, keeping it as a backup.
        reclaim_any: bool,
    },
    /// Take back what is ours, and put back what was there before.
    TakeBack {
        /// The backups to restore, by item.
        originals: BTreeMap<Item, String>,
        /// A whole login to leave in the credential file: the source user's own.
        login: Option<String>,
    },
    /// Let whoever has the private key of this one log in as the user.
    AuthorizeKey {
        /// A line of an `authorized_keys` file.
        key: String,
    },
}

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeRequest {
    /// The home.
    pub home: PathBuf,
    /// The user's shell.
    pub shell: PathBuf,
    /// The shared directory: links into it are ours.
    pub shared_directory: PathBuf,
    /// What it is to look like.
    pub wish: HomeWish,
    /// What is to be done.
    pub task: Task,
    /// UTC, `YYYYMMDD-HHMMSS`: part of the names of backups.
    pub stamp: String,
    /// Whether to watch the directories with the descriptor that came along.
    pub watch: bool,
    /// Whether to tell what the settings files hold.
    #[serde(default)]
    pub with_contents: bool,
}

/// How an item was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Condition {
    /// As wished.
    Good,
    /// A login of the user's own, which is not touched.
    OwnLogin,
    /// Something else; for people.
    Wrong(String),
    /// Nothing is wished.
    NotShared,
}

/// What was done about an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mended {
    /// The backup's name, beside the item, of what was replaced and was worth keeping.
    pub backup: Option<String>,
}

/// One item of a home.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemReport {
    /// Which.
    pub item: Item,
    /// How it was found.
    pub found: Condition,
    /// What came of mending it; `None` if nothing was done.
    pub mended: Option<Result<Mended, String>>,
}

impl ItemReport {
    /// Whether it now is as wished, or deliberately not.
    #[must_use]
    pub fn is_good(&self) -> bool {
        match (&self.found, &self.mended) {
            (_, Some(mended)) => mended.is_ok(),
            (Condition::Wrong(_), None) => false,
            (Condition::Good | Condition::OwnLogin | Condition::NotShared, None) => true,
        }
    }
}

/// A directory that is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum WatchedDirectory {
    /// The home.
    Home,
    /// `.claude` in it.
    Claude,
}

/// A watch that was set on the descriptor that came along.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Watch {
    /// What is watched.
    pub directory: WatchedDirectory,
    /// The watch's number.
    pub number: i32,
}

/// What is answered.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HomeReport {
    /// Every item.
    pub items: Vec<ItemReport>,
    /// Why the home cannot be used at all.
    pub problem: Option<String>,
    /// The whole credential document, where it is a login with a refresh token.
    pub own_login: Option<String>,
    /// How long it has been there, in seconds; 0 if that cannot be told.
    pub own_login_age: u64,
    /// Who signed in to it, as `.claude.json` says (`oauthAccount`).
    pub signed_in: Option<Value>,
    /// The keys of `.claude.json` that are shared, as they are there now; `None` where there is no
    /// such file of the user's own.
    pub claude_json: Option<Map<String, Value>>,
    /// Watches that were set.
    pub watches: Vec<Watch>,
    /// What the settings files hold, where that is asked and they are JSON objects.
    #[serde(default)]
    pub contents: BTreeMap<Item, String>,
}

impl std::fmt::Debug for HomeReport {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("HomeReport")
            .field("items", &self.items)
            .field("problem", &self.problem)
            .finish_non_exhaustive()
    }
}
