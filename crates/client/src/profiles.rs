//! The servers that were made ready, by name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use model::AccountName;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::settings_file::{self, Lock};
use crate::shell::shell_word;
use crate::{ClientError, ClientPaths, Destination};

/// The layout of the file. One of a later layout is refused, not guessed at.
const FORMAT: u32 = 1;

/// The profiles. Fields of the file that are not known here stay as they are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profiles {
    #[serde(default = "first_format")]
    format: u32,
    #[serde(default)]
    default: Option<String>,
    #[serde(default)]
    profiles: BTreeMap<String, Profile>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

fn first_format() -> u32 {
    FORMAT
}

/// A server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Profile {
    /// Where it is, and as whom.
    pub destination: Destination,
    /// The private key; `None`: whatever ssh finds by itself.
    #[serde(default)]
    pub identity: Option<PathBuf>,
    /// `claude-share` on the server, by its whole path.
    pub program: String,
    /// When it was made ready first, in milliseconds since 1970.
    pub added_at: i64,
    /// What was made there and here for it, to be removed with it.
    #[serde(default)]
    pub made: Made,
    /// When it was agreed that commands typed there run on this machine, in milliseconds since 1970; `None`: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commands_agreed_at: Option<i64>,
    /// Fields that are not known here.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

/// What making a server ready has made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Made {
    /// Whether the private key was made for it.
    pub key: bool,
    /// The public key that was added to the server's `authorized_keys`: kind and key, no comment.
    pub authorized: Option<String>,
    /// Programs that were copied there.
    pub programs: Vec<Copied>,
}

/// A program that was copied to a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Copied {
    /// Its whole path there.
    pub path: String,
    /// SHA-256 of its contents, in hexadecimal: another file at the path is not ours to remove.
    pub sha256: String,
}

impl Profile {
    /// What `ssh` is to be told besides its destination: port and key.
    #[must_use]
    pub fn ssh_arguments(&self) -> Vec<OsString> {
        ssh_arguments(&self.destination, self.identity.as_deref())
    }

    /// The command that starts `claude-share` there with `arguments`, for any login shell.
    #[must_use]
    pub fn remote_command(&self, arguments: &[&str]) -> OsString {
        let words = std::iter::once(self.program.as_str()).chain(arguments.iter().copied());
        words.map(shell_word).collect::<Vec<_>>().join(" ").into()
    }
}

/// Port and key, as options of `ssh`. A key that was named is the only one that is offered: servers
/// end the connection after some that they do not know.
pub(crate) fn ssh_arguments(
    destination: &Destination,
    identity: Option<&std::path::Path>,
) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = Vec::new();
    if let Some(port) = destination.port() {
        arguments.extend(["-p".into(), port.to_string().into()]);
    }
    if let Some(identity) = identity {
        arguments.extend(["-i".into(), identity.as_os_str().to_owned()]);
        arguments.extend(["-o".into(), "IdentitiesOnly=yes".into()]);
    }
    arguments
}

impl Default for Profiles {
    fn default() -> Self {
        Self {
            format: FORMAT,
            default: None,
            profiles: BTreeMap::new(),
            other: Map::new(),
        }
    }
}

impl Profiles {
    /// Reads them; none if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read, or is damaged or of a later version.
    pub fn load(paths: &ClientPaths) -> Result<Self, ClientError> {
        let path = paths.profiles();
        let read: Self = settings_file::read(&path)?.unwrap_or_default();
        if read.format > FORMAT {
            let format = read.format;
            let problem = format!("it has format {format}, and this version knows up to {FORMAT}");
            return Err(ClientError::Settings { path, problem });
        }
        Ok(read)
    }

    /// Writes them: they are on the disk when this returns. Changes of another process since
    /// [`Profiles::load`] are lost: see [`Profiles::change`].
    ///
    /// # Errors
    /// If they cannot be written; then the file is as it was.
    pub fn store(&self, paths: &ClientPaths) -> Result<(), ClientError> {
        settings_file::write(paths, &paths.profiles(), self)
    }

    /// Reads them, lets `change` change them, and writes them, while no other process does.
    ///
    /// # Errors
    /// As of [`Profiles::load`] and [`Profiles::store`]; if another process holds them for too long.
    pub fn change<T>(
        paths: &ClientPaths,
        change: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, ClientError> {
        let _lock = Lock::take(paths)?;
        let mut profiles = Self::load(paths)?;
        let before = profiles.clone();
        let result = change(&mut profiles);
        if profiles != before {
            profiles.store(paths)?;
        }
        Ok(result)
    }

    /// The profile of that name, found without regard to case.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<(&str, &Profile)> {
        let found = self
            .profiles
            .iter()
            .find(|(known, _)| AccountName::same(known, name));
        found.map(|(name, profile)| (name.as_str(), profile))
    }

    /// The default profile.
    #[must_use]
    pub fn default_profile(&self) -> Option<(&str, &Profile)> {
        self.get(self.default.as_deref()?)
    }

    /// The profile that is meant by a name, or the default one where none was given.
    ///
    /// # Errors
    /// If there is none.
    pub fn choose(&self, name: Option<&str>) -> Result<(&str, &Profile), ClientError> {
        match name {
            Some(name) => self
                .get(name)
                .ok_or_else(|| ClientError::NoProfile(name.to_owned())),
            None => self.default_profile().ok_or(ClientError::NoProfiles),
        }
    }

    /// All of them, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Profile)> {
        self.profiles
            .iter()
            .map(|(name, profile)| (name.as_str(), profile))
    }

    /// Whether this is the default one's name.
    #[must_use]
    pub fn is_default(&self, name: &str) -> bool {
        let default = self.default.as_deref();
        default.is_some_and(|default| AccountName::same(default, name))
    }

    /// Adds a profile, or puts it in the place of the one of that name. The first is the default.
    pub fn insert(&mut self, name: &AccountName, profile: Profile) {
        let known = self.get(name.as_str()).map(|(known, _)| known.to_owned());
        let name = known.unwrap_or_else(|| name.to_string());
        self.profiles.insert(name.clone(), profile);
        if self.default_profile().is_none() {
            self.default = Some(name);
        }
    }

    /// Makes the profile of that name the default one; `false` if there is none.
    pub fn set_default(&mut self, name: &str) -> bool {
        let known = self.get(name).map(|(known, _)| known.to_owned());
        let is_there = known.is_some();
        self.default = known.or_else(|| self.default.take());
        is_there
    }

    /// The profile of that name, to be changed; found without regard to case.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Profile> {
        let found = self
            .profiles
            .iter_mut()
            .find(|(known, _)| AccountName::same(known, name));
        found.map(|(_, profile)| profile)
    }

    /// Takes a profile off. If it was the default, the first of the others by name is from now on.
    pub fn remove(&mut self, name: &str) -> Option<Profile> {
        let known = self.get(name).map(|(known, _)| known.to_owned())?;
        let removed = self.profiles.remove(&known);
        if self.default_profile().is_none() {
            self.default = self.profiles.keys().next().cloned();
        }
        removed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(destination: &str) -> Profile {
        Profile {
            destination: Destination::parse(destination).unwrap(),
            identity: Some("/home/st/.ssh/key".into()),
            program: "/home/s t/.local/bin/claude-share".to_owned(),
            added_at: 1_790_000_000_000,
            made: Made::default(),
            commands_agreed_at: None,
            other: Map::new(),
        }
    }

    fn name(text: &str) -> AccountName {
        AccountName::parse(text).unwrap()
    }

    #[test]
    fn what_is_stored_is_loaded_and_unknown_fields_stay() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        assert_eq!(Profiles::load(&paths).unwrap(), Profiles::default());
        Profiles::change(&paths, |profiles| {
            profiles.insert(&name("work"), profile("st@host:2200"));
        })
        .unwrap();
        let text = std::fs::read_to_string(paths.profiles()).unwrap();
        let mut value: Value = serde_json::from_str(&text).unwrap();
        value["later"] = "kept".into();
        value["profiles"]["work"]["color"] = "blue".into();
        crate::settings_file::write(&paths, &paths.profiles(), &value).unwrap();
        Profiles::change(&paths, |profiles| {
            profiles.insert(&name("home"), profile("st@other"));
        })
        .unwrap();
        let text = std::fs::read_to_string(paths.profiles()).unwrap();
        assert!(text.contains("\"later\": \"kept\"") && text.contains("\"color\": \"blue\""));
        let loaded = Profiles::load(&paths).unwrap();
        assert_eq!(loaded.choose(None).unwrap().0, "work");
        assert!(!text.contains("commands_agreed_at"));
        Profiles::change(&paths, |profiles| {
            profiles.get_mut("Work").unwrap().commands_agreed_at = Some(7);
        })
        .unwrap();
        let agreed = Profiles::load(&paths).unwrap();
        let at = |name| agreed.get(name).unwrap().1.commands_agreed_at;
        assert_eq!((at("work"), at("home")), (Some(7), None));
        assert_eq!(
            loaded.get("WORK").unwrap().1.destination.to_string(),
            "st@host:2200"
        );
    }

    #[test]
    fn the_first_is_the_default_until_it_is_removed() {
        let mut profiles = Profiles::default();
        assert!(matches!(
            profiles.choose(None),
            Err(ClientError::NoProfiles)
        ));
        for text in ["b", "c", "a"] {
            profiles.insert(&name(text), profile("st@host"));
        }
        assert!(profiles.is_default("B") && !profiles.is_default("a"));
        assert!(profiles.remove("B").is_some() && profiles.remove("b").is_none());
        assert!(profiles.is_default("a"));
        assert!(profiles.set_default("C") && !profiles.set_default("none"));
        assert_eq!(profiles.default_profile().unwrap().0, "c");
        assert!(matches!(
            profiles.choose(Some("none")),
            Err(ClientError::NoProfile(_))
        ));
    }

    #[test]
    fn a_file_of_a_later_version_or_a_damaged_one_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        let later = serde_json::json!({"format": FORMAT + 1, "profiles": {}});
        crate::settings_file::write(&paths, &paths.profiles(), &later).unwrap();
        let error = Profiles::load(&paths).unwrap_err().to_string();
        assert!(error.contains("format 2"), "{error}");
        crate::settings_file::write(&paths, &paths.profiles(), &"text").unwrap();
        assert!(Profiles::load(&paths).is_err());
    }

    #[test]
    fn a_profile_tells_how_its_server_is_called() {
        let profile = profile("st@host:2200");
        assert_eq!(
            profile.ssh_arguments(),
            [
                "-p",
                "2200",
                "-i",
                "/home/st/.ssh/key",
                "-o",
                "IdentitiesOnly=yes"
            ]
        );
        assert_eq!(
            profile.remote_command(&["agent", "connect"]),
            "'/home/s t/.local/bin/claude-share' agent connect"
        );
    }
}
