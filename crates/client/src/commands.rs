//! Which commands typed on a server run on this machine: what its user has changed of the list.

use std::collections::BTreeSet;

use proxy::{DEFAULTS, Name, Names};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::settings_file::{self, Lock};
use crate::{ClientError, ClientPaths};

/// The layout of the file. One of a later layout is refused, not guessed at.
const FORMAT: u32 = 1;

/// What is added to [`DEFAULTS`], and what is removed from them. Fields of the file that are not known here stay as they
/// are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Commands {
    #[serde(default = "first_format")]
    format: u32,
    /// In the order in which they were added.
    #[serde(
        default,
        serialize_with = "write_names",
        deserialize_with = "read_names"
    )]
    added: Vec<Name>,
    #[serde(
        default,
        serialize_with = "write_names",
        deserialize_with = "read_names"
    )]
    removed: BTreeSet<Name>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

fn first_format() -> u32 {
    FORMAT
}

impl Default for Commands {
    fn default() -> Self {
        Self {
            format: FORMAT,
            added: Vec::new(),
            removed: BTreeSet::new(),
            other: Map::new(),
        }
    }
}

impl Commands {
    /// Reads them; nothing is changed of the list if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read, or is damaged or of a later version.
    pub fn load(paths: &ClientPaths) -> Result<Self, ClientError> {
        let path = paths.commands();
        let read: Self = settings_file::read(&path)?.unwrap_or_default();
        if read.format > FORMAT {
            let format = read.format;
            let problem = format!("it has format {format}, and this version knows up to {FORMAT}");
            return Err(ClientError::Settings { path, problem });
        }
        Ok(read)
    }

    /// What was added, in the order in which it was.
    #[must_use]
    pub fn added(&self) -> &[Name] {
        &self.added
    }

    /// What was removed.
    #[must_use]
    pub fn removed(&self) -> &BTreeSet<Name> {
        &self.removed
    }

    /// The list, with what was named for one `session` alone.
    #[must_use]
    pub fn names(&self, session: &[Name]) -> Names {
        Names::new(&self.added, &self.removed, session)
    }

    /// Puts `names` on the list for good; those of them that were not there.
    ///
    /// # Errors
    /// If the file cannot be read or written; then it is as it was.
    pub fn add(paths: &ClientPaths, names: &[Name]) -> Result<Vec<Name>, ClientError> {
        Self::change(paths, |commands| {
            let new = without(names, &commands.names(&[]));
            for name in &new {
                commands.removed.remove(name);
                if !is_default(name) && !commands.added.contains(name) {
                    commands.added.push(name.clone());
                }
            }
            new
        })
    }

    /// Takes `names` off the list for good; those of them that were there.
    ///
    /// # Errors
    /// If the file cannot be read or written; then it is as it was.
    pub fn remove(paths: &ClientPaths, names: &[Name]) -> Result<Vec<Name>, ClientError> {
        Self::change(paths, |commands| {
            let absent = without(names, &commands.names(&[]));
            let mut gone = names.to_vec();
            gone.retain(|name| !absent.contains(name));
            commands.added.retain(|name| !gone.contains(name));
            let defaults = gone.iter().filter(|name| is_default(name));
            commands.removed.extend(defaults.cloned());
            gone
        })
    }

    fn change<T>(
        paths: &ClientPaths,
        change: impl FnOnce(&mut Self) -> T,
    ) -> Result<T, ClientError> {
        let _lock = Lock::take(paths)?;
        let before = Self::load(paths)?;
        let mut commands = before.clone();
        let result = change(&mut commands);
        if commands != before {
            settings_file::write(paths, &paths.commands(), &commands)?;
        }
        Ok(result)
    }
}

/// Those of `names` that are not on the list, each once.
fn without(names: &[Name], list: &Names) -> Vec<Name> {
    let mut absent: Vec<Name> = Vec::new();
    for name in names {
        if list.find(name.as_str().as_bytes()).is_none() && !absent.contains(name) {
            absent.push(name.clone());
        }
    }
    absent
}

fn is_default(name: &Name) -> bool {
    DEFAULTS.contains(&name.as_str())
}

fn write_names<'a, S: Serializer>(
    names: impl IntoIterator<Item = &'a Name>,
    to: S,
) -> Result<S::Ok, S::Error> {
    to.collect_seq(names.into_iter().map(Name::as_str))
}

fn read_names<'de, D: Deserializer<'de>, C: FromIterator<Name>>(from: D) -> Result<C, D::Error> {
    let read: Vec<String> = Vec::deserialize(from)?;
    let name = |text: String| {
        Name::new(&text)
            .map_err(|error| serde::de::Error::custom(format_args!("{text:?}: {error}")))
    };
    read.into_iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use proxy::Why;

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn names(texts: &[&str]) -> Vec<Name> {
        texts.iter().map(|text| name(text)).collect()
    }

    #[test]
    fn what_is_added_and_removed_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        assert_eq!(Commands::load(&paths).unwrap(), Commands::default());
        let added = Commands::add(&paths, &names(&["just", "npm", "just", "été"])).unwrap();
        assert_eq!(added, names(&["just", "été"]));
        let gone = Commands::remove(&paths, &names(&["docker", "été", "hugo"])).unwrap();
        assert_eq!(gone, names(&["docker", "été"]));
        let commands = Commands::load(&paths).unwrap();
        assert_eq!(commands.added(), names(&["just"]));
        assert_eq!(commands.removed(), &BTreeSet::from([name("docker")]));
        let list = commands.names(&names(&["hugo"]));
        let why = |text: &str| {
            let mut all = list.iter();
            all.find(|(known, _)| known.as_str() == text)
                .map(|(_, why)| why)
        };
        assert_eq!(why("just"), Some(Why::Added));
        assert_eq!(why("hugo"), Some(Why::Session));
        assert_eq!(why("docker"), None);
        assert_eq!(
            Commands::add(&paths, &names(&["docker"])).unwrap(),
            names(&["docker"])
        );
        let commands = Commands::load(&paths).unwrap();
        assert!(commands.removed().is_empty() && commands.added() == names(&["just"]));
    }

    #[test]
    fn unknown_fields_stay_and_nothing_is_written_for_nothing() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        assert!(Commands::add(&paths, &names(&["npm"])).unwrap().is_empty());
        assert!(!paths.commands().exists());
        let value = serde_json::json!({"format": 1, "added": ["x"], "later": [1]});
        settings_file::write(&paths, &paths.commands(), &value).unwrap();
        assert_eq!(
            Commands::remove(&paths, &names(&["x"])).unwrap(),
            names(&["x"])
        );
        let text = std::fs::read_to_string(paths.commands()).unwrap();
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            read,
            serde_json::json!({"format": 1, "added": [], "removed": [], "later": [1]})
        );
    }

    #[test]
    fn what_is_no_list_is_refused_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        for wrong in [
            serde_json::json!({"format": 2}),
            serde_json::json!({"added": ["/bin/sh"]}),
            serde_json::json!({"removed": ["claude"]}),
            serde_json::json!({"added": "npm"}),
        ] {
            settings_file::write(&paths, &paths.commands(), &wrong).unwrap();
            let before = std::fs::read(paths.commands()).unwrap();
            let refused = Commands::add(&paths, &names(&["just"])).unwrap_err();
            assert!(refused.to_string().contains("commands.json"), "{refused}");
            assert_eq!(std::fs::read(paths.commands()).unwrap(), before);
        }
    }

    #[test]
    fn changes_at_the_same_time_are_all_kept() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        std::thread::scope(|scope| {
            for number in 0..8 {
                let paths = &paths;
                let one = names(&[&format!("tool{number}")]);
                scope.spawn(move || Commands::add(paths, &one).unwrap());
            }
        });
        assert_eq!(Commands::load(&paths).unwrap().added().len(), 8);
    }
}
