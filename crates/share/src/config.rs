//! `/etc/claude-share/config`: `KEY=VALUE` as a shell reads it, edited by people, with all that is
//! not ours kept byte for byte.
//!
//! Nothing is run or expanded. A line is read by itself, so a value that goes on in the next line
//! (in quotes, or by a `\` at the end) is not understood: keys of ours refuse it, others keep it.

mod line;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use model::printable;
use vault::durable::{self, Placing};

use crate::ShareError;
use crate::name::{GroupName, SharedDirectory, UserName};
use crate::settings::{ClaudeJsonMode, CredentialsMode, Settings};

/// Largest file that is read, in bytes: a thousand users' names fit twice.
const LIMIT: usize = 64 * 1024;

const HEADER: &str = "\
# How Claude Code is shared on this server. Made by `claude-share server init`.
# Lines are KEY=VALUE as a shell reads them, without expansions. Other keys are kept.
# After a change: claude-share server sync
";

/// A key of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    SharedDir,
    SharedGroup,
    SourceUser,
    ShareSettingsLocal,
    Credentials,
    ClaudeJson,
    ManagedUsers,
}

/// The file's lines, and where the keys of ours are.
#[derive(Clone, Debug)]
pub struct ConfigFile {
    path: PathBuf,
    /// Each with its line break.
    lines: Vec<Vec<u8>>,
    /// The last of each: it is the one that a shell would go by.
    found: BTreeMap<Key, Found>,
}

#[derive(Clone, Debug)]
struct Found {
    /// Index in `lines`.
    line: usize,
    /// Where the value is in the line, with its quotes.
    range: Range<usize>,
    value: String,
}

/// What a file says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// How the server is to share.
    pub settings: Settings,
    /// The users to be managed; `None` if the file does not say.
    pub managed_users: Option<Vec<UserName>>,
}

impl ConfigFile {
    /// A file that is not there yet. `path` is for errors and [`ConfigFile::store`].
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            lines: Vec::new(),
            found: BTreeMap::new(),
        }
    }

    /// Understands the bytes of a file that is at `path`.
    ///
    /// # Errors
    /// [`ShareError::Config`] if it is too large, or a line with a key of ours is not a plain
    /// assignment.
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, ShareError> {
        let mut file = Self::new(path);
        if bytes.len() > LIMIT {
            return Err(file.error(0, format!("the file has more than {LIMIT} bytes")));
        }
        let lines = bytes.split_inclusive(|&byte| byte == b'\n');
        file.lines = lines.map(<[u8]>::to_vec).collect();
        for (index, line) in file.lines.iter().enumerate() {
            let read = line::read(line).map_err(|problem| file.error(index, problem))?;
            if let Some(assignment) = read {
                let found = Found {
                    line: index,
                    range: assignment.range,
                    value: assignment.value,
                };
                file.found.insert(assignment.key, found);
            }
        }
        Ok(file)
    }

    /// Reads the file at `path`; `None` if there is none.
    ///
    /// # Errors
    /// As [`ConfigFile::parse`], or if it is a link, another user's, or cannot be read.
    pub fn read(path: &Path) -> Result<Option<Self>, ShareError> {
        let bytes = durable::read_regular(path, LIMIT as u64)?;
        bytes.map(|bytes| Self::parse(path, &bytes)).transpose()
    }

    /// What the file says; for keys that are not in it, what `base` says.
    ///
    /// # Errors
    /// [`ShareError::Config`] if a value of ours is none that its key can have.
    pub fn config(&self, base: &Settings) -> Result<Config, ShareError> {
        let mut config = Config {
            settings: base.clone(),
            managed_users: None,
        };
        for (key, found) in &self.found {
            key.take(&found.value, &mut config)
                .map_err(|problem| self.error(found.line, problem))?;
        }
        Ok(config)
    }

    /// Makes the file say `settings` and `users`. A key that says so already stays as it is
    /// written, another is changed in its place, one that is missing is put at the end.
    ///
    /// # Errors
    /// [`ShareError::Name`] if a name in `settings` is none; then nothing is changed.
    pub fn apply(&mut self, settings: &Settings, users: &[UserName]) -> Result<(), ShareError> {
        let wanted = Config {
            settings: settings.clone(),
            managed_users: Some(users.to_vec()),
        };
        let texts = Key::ALL.map(|key| (key, key.text(&wanted)));
        for (key, text) in &texts {
            key.take(text, &mut wanted.clone())
                .map_err(ShareError::Name)?;
        }
        let new = self.lines.is_empty();
        if new {
            self.lines.extend(comment_lines(HEADER));
        }
        for (key, text) in texts {
            match self.found.get(&key) {
                Some(found) if key.says(found, &text, &wanted) => {}
                Some(_) => self.replace(key, text),
                None => self.append(key, text, new),
            }
        }
        Ok(())
    }

    /// The file, whole.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.concat()
    }

    /// Writes the file, 0644: it holds no secret, and users may look. On the disk when this
    /// returns. The directory must be there.
    ///
    /// # Errors
    /// If it cannot be written; then the old one is as it was.
    pub fn store(&self) -> Result<(), ShareError> {
        let bytes = self.to_bytes();
        Ok(durable::write(&self.path, &bytes, 0o644, Placing::Replace)?)
    }

    fn replace(&mut self, key: Key, value: String) {
        let Some(found) = self.found.get_mut(&key) else {
            return;
        };
        let quoted = quoted(&value);
        let range = found.range.clone();
        found.range = range.start..range.start + quoted.len();
        found.value = value;
        self.lines[found.line].splice(range, quoted.into_bytes());
    }

    fn append(&mut self, key: Key, value: String, explained: bool) {
        if let Some(last) = self.lines.last_mut()
            && !last.ends_with(b"\n")
        {
            last.push(b'\n');
        }
        if explained {
            self.lines.push(b"\n".to_vec());
            self.lines.extend(comment_lines(key.explanation()));
        }
        let (name, quoted) = (key.name(), quoted(&value));
        let start = name.len() + 1;
        let found = Found {
            line: self.lines.len(),
            range: start..start + quoted.len(),
            value,
        };
        self.found.insert(key, found);
        self.lines.push(format!("{name}={quoted}\n").into_bytes());
    }

    fn error(&self, index: usize, problem: String) -> ShareError {
        ShareError::Config {
            path: self.path.clone(),
            line: index + 1,
            problem,
        }
    }
}

impl Key {
    const ALL: [Self; 7] = [
        Self::SharedDir,
        Self::SharedGroup,
        Self::SourceUser,
        Self::ShareSettingsLocal,
        Self::Credentials,
        Self::ClaudeJson,
        Self::ManagedUsers,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::SharedDir => "SHARED_DIR",
            Self::SharedGroup => "SHARED_GROUP",
            Self::SourceUser => "SOURCE_USER",
            Self::ShareSettingsLocal => "SHARE_SETTINGS_LOCAL",
            Self::Credentials => "CREDENTIALS",
            Self::ClaudeJson => "CLAUDE_JSON",
            Self::ManagedUsers => "MANAGED_USERS",
        }
    }

    const fn explanation(self) -> &'static str {
        match self {
            Self::SharedDir => "# Where the single copies of the shared files are.\n",
            Self::SharedGroup => "# The group that may read and write them.\n",
            Self::SourceUser => "# Whose login and settings were the first ones.\n",
            Self::ShareSettingsLocal => {
                "# Whether ~/.claude/settings.local.json is shared too: true or false.\n"
            }
            Self::Credentials => {
                "# view: each user has a file of his own without the refresh token. link: all have one file.\n"
            }
            Self::ClaudeJson => {
                "# merge: each user has a ~/.claude.json of his own, with account and MCP servers in common.\n# link: all have one file. private: not shared.\n"
            }
            Self::ManagedUsers => "# The managed users, with spaces between them.\n",
        }
    }

    /// Whether what is written means what is wanted: `yes` is `true`, and users have no order.
    fn says(self, found: &Found, wanted_text: &str, wanted: &Config) -> bool {
        let mut config = wanted.clone();
        if self.take(&found.value, &mut config).is_err() {
            return false;
        }
        let text = self.text(&config);
        let words =
            |text: &'_ str| -> BTreeSet<String> { text.split(' ').map(str::to_owned).collect() };
        words(&text) == words(wanted_text)
    }

    fn take(self, value: &str, config: &mut Config) -> Result<(), String> {
        let settings = &mut config.settings;
        let name = |error: ShareError| error.to_string();
        match self {
            Self::SharedDir => {
                let directory = SharedDirectory::parse(value).map_err(name)?;
                settings.shared_directory = directory.as_str().into();
            }
            Self::SharedGroup => {
                settings.group = GroupName::parse(value).map_err(name)?.to_string();
            }
            Self::SourceUser => {
                settings.source_user = UserName::parse_existing(value).map_err(name)?.to_string();
            }
            Self::ShareSettingsLocal => settings.share_settings_local = truth(value)?,
            Self::Credentials => settings.credentials = one_of(self, value, &CREDENTIALS)?,
            Self::ClaudeJson => settings.claude_json = one_of(self, value, &CLAUDE_JSON)?,
            Self::ManagedUsers => config.managed_users = Some(users(value).map_err(name)?),
        }
        Ok(())
    }

    /// What [`Key::take`] understands, in the one form that we write.
    fn text(self, config: &Config) -> String {
        let settings = &config.settings;
        match self {
            // Bytes that are no text are none that a shared directory may have.
            Self::SharedDir => settings.shared_directory.to_string_lossy().into_owned(),
            Self::SharedGroup => settings.group.clone(),
            Self::SourceUser => settings.source_user.clone(),
            Self::ShareSettingsLocal => settings.share_settings_local.to_string(),
            Self::Credentials => word_for(settings.credentials, &CREDENTIALS),
            Self::ClaudeJson => word_for(settings.claude_json, &CLAUDE_JSON),
            Self::ManagedUsers => {
                let users = config.managed_users.as_deref().unwrap_or_default();
                users
                    .iter()
                    .map(UserName::as_str)
                    .collect::<Vec<_>>()
                    .join(" ")
            }
        }
    }
}

const CREDENTIALS: [(&str, CredentialsMode); 2] = [
    ("view", CredentialsMode::View),
    ("link", CredentialsMode::Link),
];

const CLAUDE_JSON: [(&str, ClaudeJsonMode); 3] = [
    ("merge", ClaudeJsonMode::Merge),
    ("link", ClaudeJsonMode::Link),
    ("private", ClaudeJsonMode::Private),
];

fn one_of<T: Copy>(key: Key, value: &str, words: &[(&str, T)]) -> Result<T, String> {
    let lower = value.to_ascii_lowercase();
    let found = words.iter().find(|(word, _)| *word == lower);
    found.map(|(_, meaning)| *meaning).ok_or_else(|| {
        let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        format!(
            "{} is {}, not `{}`",
            key.name(),
            words.join(" or "),
            printable(value)
        )
    })
}

fn word_for<T: Copy + PartialEq>(meaning: T, words: &[(&str, T)]) -> String {
    let found = words.iter().find(|(_, other)| *other == meaning);
    found.map_or_else(String::new, |(word, _)| (*word).to_owned())
}

fn truth(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" => Ok(true),
        "false" | "no" | "0" => Ok(false),
        _ => Err(format!(
            "{} is true or false, not `{}`",
            Key::ShareSettingsLocal.name(),
            printable(value)
        )),
    }
}

/// In the order of the file, each once.
fn users(value: &str) -> Result<Vec<UserName>, ShareError> {
    let mut seen = BTreeSet::new();
    let mut users = Vec::new();
    for word in value.split_ascii_whitespace() {
        let user = UserName::parse_existing(word)?;
        if seen.insert(user.clone()) {
            users.push(user);
        }
    }
    Ok(users)
}

/// All characters that checked values have mean nothing to a shell, but for the space.
fn quoted(value: &str) -> String {
    if value.is_empty() || value.contains(' ') {
        return format!("\"{value}\"");
    }
    value.to_owned()
}

fn comment_lines(text: &str) -> impl Iterator<Item = Vec<u8>> {
    text.split_inclusive('\n')
        .map(|line| line.as_bytes().to_vec())
}

#[cfg(test)]
mod tests;
