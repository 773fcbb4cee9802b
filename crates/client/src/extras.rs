//! Directories that sessions to come publish besides their main one.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Value};

use crate::settings_file::{self, Lock};
use crate::{ClientError, ClientPaths};

/// The directories, in the order in which they were added.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Extras {
    #[serde(default)]
    directories: Vec<Extra>,
    #[serde(flatten)]
    other: Map<String, Value>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Extra {
    /// Its whole path on this machine.
    #[serde(serialize_with = "write_path", deserialize_with = "read_path")]
    pub directory: PathBuf,
    /// Whether the server may change nothing in it.
    #[serde(default)]
    pub read_only: bool,
    #[serde(flatten)]
    other: Map<String, Value>,
}

impl Extra {
    /// A directory by its whole path.
    #[must_use]
    pub fn new(directory: PathBuf, read_only: bool) -> Self {
        Self {
            directory,
            read_only,
            other: Map::new(),
        }
    }
}

impl Extras {
    /// Reads them; none if there is no file.
    ///
    /// # Errors
    /// If the file cannot be read or is damaged.
    pub fn load(paths: &ClientPaths) -> Result<Self, ClientError> {
        Ok(settings_file::read(&paths.extras())?.unwrap_or_default())
    }

    /// All of them.
    #[must_use]
    pub fn list(&self) -> &[Extra] {
        &self.directories
    }

    /// Adds a directory for good; one that is there is only made read-only or not. `false` if
    /// nothing changed.
    ///
    /// # Errors
    /// If the file cannot be read or written; then it is as it was.
    pub fn add(paths: &ClientPaths, extra: Extra) -> Result<bool, ClientError> {
        Self::change(paths, |extras| {
            let mut known = extras.directories.iter_mut();
            match known.find(|known| known.directory == extra.directory) {
                Some(known) => known.read_only = extra.read_only,
                None => extras.directories.push(extra),
            }
        })
    }

    /// Removes a directory; `false` if it was not there.
    ///
    /// # Errors
    /// If the file cannot be read or written; then it is as it was.
    pub fn remove(paths: &ClientPaths, directory: &Path) -> Result<bool, ClientError> {
        Self::change(paths, |extras| {
            extras
                .directories
                .retain(|known| known.directory != directory);
        })
    }

    fn change(paths: &ClientPaths, change: impl FnOnce(&mut Self)) -> Result<bool, ClientError> {
        let _lock = Lock::take(paths)?;
        let before = Self::load(paths)?;
        let mut extras = before.clone();
        change(&mut extras);
        if extras == before {
            return Ok(false);
        }
        settings_file::write(paths, &paths.extras(), &extras)?;
        Ok(true)
    }
}

/// A path as JSON has it: text, or its bytes where it is no UTF-8.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Text(String),
    Bytes(Vec<u8>),
}

fn write_path<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    let written = match path.to_str() {
        Some(text) => Written::Text(text.to_owned()),
        None => Written::Bytes(path.as_os_str().as_bytes().to_vec()),
    };
    written.serialize(serializer)
}

fn read_path<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
    Ok(match Written::deserialize(deserializer)? {
        Written::Text(text) => PathBuf::from(text),
        Written::Bytes(bytes) => PathBuf::from(OsString::from_vec(bytes)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_come_and_go_whatever_they_are_called() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        let odd = PathBuf::from(OsString::from_vec(b"/data/\xff\n".to_vec()));
        let data = PathBuf::from("/data/été");
        assert!(Extras::add(&paths, Extra::new(odd.clone(), false)).unwrap());
        assert!(Extras::add(&paths, Extra::new(data.clone(), false)).unwrap());
        assert!(!Extras::add(&paths, Extra::new(data.clone(), false)).unwrap());
        assert!(Extras::add(&paths, Extra::new(data.clone(), true)).unwrap());
        let loaded = Extras::load(&paths).unwrap();
        let listed: Vec<_> = loaded.list().iter().collect();
        assert_eq!((&listed[0].directory, &listed[1].directory), (&odd, &data));
        assert!(listed[1].read_only && !listed[0].read_only);
        assert!(Extras::remove(&paths, &odd).unwrap());
        assert!(!Extras::remove(&paths, &odd).unwrap());
        assert_eq!(Extras::load(&paths).unwrap().list().len(), 1);
    }

    #[test]
    fn changes_at_the_same_time_are_all_kept() {
        let home = tempfile::tempdir().unwrap();
        let paths = ClientPaths::new(home.path());
        std::thread::scope(|scope| {
            for number in 0..8 {
                let paths = &paths;
                let directory = PathBuf::from(format!("/data/{number}"));
                scope.spawn(move || Extras::add(paths, Extra::new(directory, false)).unwrap());
            }
        });
        assert_eq!(Extras::load(&paths).unwrap().list().len(), 8);
    }
}
