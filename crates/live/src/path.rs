//! Paths that lead nowhere but down.

use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt as _;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The longest path, in bytes: `PATH_MAX` without its end.
const LONGEST: usize = 4095;
/// The longest name in it, in bytes: `NAME_MAX`.
const LONGEST_NAME: usize = 255;

/// A path below a published directory: names between slashes, none of them empty, `.` or `..`, no zero byte. Empty for the
/// directory itself. Names are bytes: they need not be UTF-8.
///
/// That says nothing of links on the way: whoever opens it has to refuse those.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct RelativePath(Box<[u8]>);

/// Why something is no [`RelativePath`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It has an empty name, `.`, `..` or a zero byte.
    #[error("a path that may lead elsewhere")]
    Elsewhere,
    /// It, or a name in it, is longer than any may be.
    #[error("a path or name that is too long")]
    TooLong,
}

impl RelativePath {
    /// The published directory itself.
    #[must_use]
    pub fn root() -> Self {
        Self::default()
    }

    /// `bytes`, checked.
    ///
    /// # Errors
    /// If they are not such a path.
    pub fn new(bytes: &[u8]) -> Result<Self, PathError> {
        if bytes.len() > LONGEST {
            return Err(PathError::TooLong);
        }
        if !bytes.is_empty() {
            for name in bytes.split(|&byte| byte == b'/') {
                check_name(name)?;
            }
        }
        Ok(Self(bytes.into()))
    }

    /// Whether it is the published directory itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// What is called `name` in this directory.
    ///
    /// # Errors
    /// If that is no name, or the path becomes too long.
    pub fn join(&self, name: &OsStr) -> Result<Self, PathError> {
        check_name(name.as_bytes())?;
        if self.is_root() {
            return Ok(Self(name.as_bytes().into()));
        }
        let joined = [&self.0, b"/".as_slice(), name.as_bytes()].concat();
        if joined.len() > LONGEST {
            return Err(PathError::TooLong);
        }
        Ok(Self(joined.into()))
    }

    /// The directory that it is in, and its name there; `None` for the published directory itself.
    #[must_use]
    pub fn split(&self) -> Option<(RelativePath, &OsStr)> {
        if self.is_root() {
            return None;
        }
        let (parent, name) = match self.0.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&self.0[..slash], &self.0[slash + 1..]),
            None => (&[][..], &self.0[..]),
        };
        Some((Self(parent.into()), OsStr::from_bytes(name)))
    }

    /// Its names, the first first.
    pub fn names(&self) -> impl Iterator<Item = &OsStr> {
        let names = self.0.split(|&byte| byte == b'/');
        names.filter(|name| !name.is_empty()).map(OsStr::from_bytes)
    }

    /// As a program of the system takes it; `.` for the published directory itself.
    #[must_use]
    pub fn as_os_str(&self) -> &OsStr {
        match self.is_root() {
            true => OsStr::new("."),
            false => OsStr::from_bytes(&self.0),
        }
    }

    /// Whether this is `other`, or below it.
    #[must_use]
    pub fn starts_with(&self, other: &RelativePath) -> bool {
        other.is_root()
            || self
                .0
                .strip_prefix(&other.0[..])
                .is_some_and(|rest| rest.first().is_none_or(|&byte| byte == b'/'))
    }

    /// Its bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

fn check_name(name: &[u8]) -> Result<(), PathError> {
    if name.len() > LONGEST_NAME {
        return Err(PathError::TooLong);
    }
    let is_elsewhere =
        matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.contains(&0);
    if is_elsewhere {
        Err(PathError::Elsewhere)
    } else {
        Ok(())
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_os_str().fmt(formatter)
    }
}

impl Serialize for RelativePath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for RelativePath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;

        impl serde::de::Visitor<'_> for Visitor {
            type Value = RelativePath;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a path that leads nowhere but down")
            }

            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<RelativePath, E> {
                RelativePath::new(bytes).map_err(E::custom)
            }
        }

        deserializer.deserialize_bytes(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> RelativePath {
        RelativePath::new(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_what_leads_down_is_taken() {
        let elsewhere: [&[u8]; 17] = [
            b".",
            b"..",
            b"/",
            b"//",
            b"/x",
            b"x/",
            b"../x",
            b"x/..",
            b"x/../y",
            b"./x",
            b"a/./b",
            b"a//b",
            b"a/.",
            b"\0",
            b"a\0b",
            b"a/b\0",
            b"../../.ssh/id_ed25519",
        ];
        for bytes in elsewhere {
            assert_eq!(
                RelativePath::new(bytes),
                Err(PathError::Elsewhere),
                "{bytes:?}"
            );
        }
        let downward: [&[u8]; 9] = [
            b"",
            b"a",
            b"a/b/c",
            b"...",
            b"..a",
            b".git/config",
            b"a b\n",
            b"\xff\xfe/\x80",
            b"a\\..\\b",
        ];
        for bytes in downward {
            assert_eq!(RelativePath::new(bytes).unwrap().as_bytes(), bytes);
        }
    }

    #[test]
    fn lengths_have_bounds() {
        let name = "n".repeat(LONGEST_NAME);
        let longest = [name.as_str(); 16].join("/");
        assert_eq!(longest.len(), LONGEST);
        let longest = path(&longest);
        let too_long = [longest.as_bytes(), b"/x"].concat();
        assert_eq!(RelativePath::new(&too_long), Err(PathError::TooLong));
        assert_eq!(longest.join(OsStr::new("x")), Err(PathError::TooLong));
        assert_eq!(
            RelativePath::new(format!("a/{name}n").as_bytes()),
            Err(PathError::TooLong)
        );
        assert_eq!(
            RelativePath::root().join(OsStr::new(&format!("{name}n"))),
            Err(PathError::TooLong)
        );
        assert_eq!(longest.names().count(), 16);
    }

    #[test]
    fn only_one_name_is_joined() {
        for name in ["", ".", "..", "a/b", "/", "a/", "a\0"] {
            for directory in [RelativePath::root(), path("d")] {
                assert_eq!(
                    directory.join(OsStr::new(name)),
                    Err(PathError::Elsewhere),
                    "{name:?}"
                );
            }
        }
    }

    #[test]
    fn the_directory_itself_has_no_name() {
        let root = RelativePath::root();
        assert!(root.is_root() && root == path(""));
        assert_eq!(root.split(), None);
        assert_eq!(root.names().count(), 0);
        assert_eq!(root.as_os_str(), ".");
        assert_eq!(path("a").split(), Some((root, OsStr::new("a"))));
    }

    #[test]
    fn below_is_by_names_and_not_by_letters() {
        for (inner, outer, is_below) in [
            ("a", "", true),
            ("", "", true),
            ("", "a", false),
            ("a", "a", true),
            ("a/b", "a", true),
            ("ab", "a", false),
            ("ab/c", "a", false),
            ("a", "a/b", false),
            ("a/bc", "a/b", false),
            ("a/b/c", "a/b", true),
        ] {
            assert_eq!(
                path(inner).starts_with(&path(outer)),
                is_below,
                "{inner:?} below {outer:?}"
            );
        }
    }

    #[test]
    fn nothing_else_comes_over_the_wire() {
        let encoded = |bytes: &[u8]| [&[bytes.len() as u8], bytes].concat();
        let decode = |bytes: &[u8]| postcard::from_bytes::<RelativePath>(&encoded(bytes));
        assert_eq!(decode(b"a/b").unwrap(), path("a/b"));
        assert_eq!(decode(b"").unwrap(), RelativePath::root());
        for bad in [
            b"../x".as_slice(),
            b"/x",
            b"a//b",
            b"a/./b",
            b"a\0b",
            b"a/..",
            &[b'n'; 256],
        ] {
            let length = postcard::to_stdvec(&bytes::Bytes::copy_from_slice(bad)).unwrap();
            assert!(
                postcard::from_bytes::<RelativePath>(&length).is_err(),
                "{bad:?}"
            );
        }
    }

    fn names() -> impl Strategy<Value = Vec<Vec<u8>>> {
        let name = vec(any::<u8>(), 1..20).prop_filter("a name", |name| check_name(name).is_ok());
        vec(name, 0..6)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn names_make_the_path_that_has_them(names in names()) {
            let mut made = RelativePath::root();
            for name in &names {
                let name = OsStr::from_bytes(name);
                let joined = made.join(name).unwrap();
                prop_assert_eq!(joined.split(), Some((made.clone(), name)));
                prop_assert!(joined.starts_with(&made) && !made.starts_with(&joined));
                made = joined;
            }
            prop_assert_eq!(RelativePath::new(made.as_bytes()).unwrap(), made.clone());
            let told: Vec<&[u8]> = made.names().map(std::os::unix::ffi::OsStrExt::as_bytes).collect();
            prop_assert_eq!(told, names);
            let encoded = postcard::to_stdvec(&made).unwrap();
            prop_assert_eq!(postcard::from_bytes::<RelativePath>(&encoded).unwrap(), made);
        }

        #[test]
        fn what_is_taken_stays_below(bytes in "[a./]{0,12}") {
            if let Ok(path) = RelativePath::new(bytes.as_bytes()) {
                prop_assert!(path.names().all(|name| !["", ".", ".."].contains(&name.to_str().unwrap())));
                prop_assert!(!bytes.starts_with('/'));
                let below = std::path::Path::new("/root").join(path.as_os_str());
                prop_assert!(below.starts_with("/root"));
            }
        }
    }
}
