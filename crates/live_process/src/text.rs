//! Paths and words of whatever bytes, in JSON: text if they are UTF-8, a list of numbers otherwise.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Words {
    Text(String),
    Bytes(Vec<u8>),
}

impl From<&std::ffi::OsStr> for Words {
    fn from(words: &std::ffi::OsStr) -> Self {
        match words.to_str() {
            Some(text) => Self::Text(text.to_owned()),
            None => Self::Bytes(words.as_bytes().to_vec()),
        }
    }
}

impl From<Words> for OsString {
    fn from(words: Words) -> Self {
        match words {
            Words::Text(text) => text.into(),
            Words::Bytes(bytes) => OsString::from_vec(bytes),
        }
    }
}

/// For a path.
pub(crate) mod path {
    use super::{Deserialize, Deserializer, OsString, Path, PathBuf, Serialize, Serializer, Words};

    pub(crate) fn serialize<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
        Words::from(path.as_os_str()).serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<PathBuf, D::Error> {
        Ok(OsString::from(Words::deserialize(from)?).into())
    }
}

/// For a path that may be missing.
pub(crate) mod maybe_path {
    use super::{Deserialize, Deserializer, OsString, PathBuf, Serialize, Serializer, Words};

    pub(crate) fn serialize<S: Serializer>(
        path: &Option<PathBuf>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let words = path.as_ref().map(|path| Words::from(path.as_os_str()));
        words.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<PathBuf>, D::Error> {
        let words: Option<Words> = Option::deserialize(from)?;
        Ok(words.map(|words| OsString::from(words).into()))
    }
}

/// For several paths.
pub(crate) mod paths {
    use super::{Deserialize, Deserializer, OsString, PathBuf, Serialize, Serializer, Words};

    pub(crate) fn serialize<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
        let words = paths.iter().map(|path| Words::from(path.as_os_str()));
        words.collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<PathBuf>, D::Error> {
        let words: Vec<Words> = Vec::deserialize(from)?;
        let paths = words.into_iter().map(|words| OsString::from(words).into());
        Ok(paths.collect())
    }
}

/// For an environment.
pub(crate) mod environment {
    use super::{Deserialize, Deserializer, OsString, Serialize, Serializer, Words};

    type Pairs = Vec<(OsString, OsString)>;

    pub(crate) fn serialize<S: Serializer>(pairs: &Pairs, to: S) -> Result<S::Ok, S::Error> {
        let words = |(name, value): &(OsString, OsString)| {
            (
                Words::from(name.as_os_str()),
                Words::from(value.as_os_str()),
            )
        };
        pairs.iter().map(words).collect::<Vec<_>>().serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Pairs, D::Error> {
        let pairs: Vec<(Words, Words)> = Vec::deserialize(from)?;
        let plain = |(name, value): (Words, Words)| (name.into(), value.into());
        Ok(pairs.into_iter().map(plain).collect())
    }
}
