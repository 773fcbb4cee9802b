//! Where the single copies may be.

use std::fmt;
use std::path::Path;

use super::shown;
use crate::ShareError;

/// Longest path, in bytes: what stands below it must stay under the system's 4096.
const PATH_LIMIT: usize = 1024;

/// Nothing at or below these: they are the system's, made anew at every start, or everybody's.
const TREES: [&str; 19] = [
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/proc",
    "/run",
    "/sbin",
    "/sys",
    "/tmp",
    "/usr",
    // The vault is not to be among what the group may write.
    "/var/lib/claude-share",
    "/var/lock",
    "/var/run",
    "/var/tmp",
    "/lost+found",
];

/// Not these themselves: they hold what is others', and `init` sets group and mode.
const TOPS: [&str; 15] = [
    "/home",
    "/media",
    "/mnt",
    "/opt",
    "/root",
    "/snap",
    "/srv",
    "/var",
    "/var/cache",
    "/var/lib",
    "/var/log",
    "/var/mail",
    "/var/opt",
    "/var/spool",
    "/var/www",
];

/// A path where the single copies may be: absolute, without `.`, `..` and doubled slashes, of
/// characters that mean nothing to a shell, and no directory of the system's.
///
/// It says nothing about what is there: whether a user owns a directory above it is seen when it
/// is made.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedDirectory(String);

impl SharedDirectory {
    /// Checks a path; one `/` at its end is left out.
    ///
    /// # Errors
    /// [`ShareError::Name`] with what is allowed.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        let path = text.strip_suffix('/').unwrap_or(text);
        match problem(path) {
            Some(problem) => Err(ShareError::Name(format!(
                "`{}` cannot be the shared directory: {problem}",
                shown(text)
            ))),
            None => Ok(Self(path.to_owned())),
        }
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn problem(path: &str) -> Option<String> {
    let Some(below_root) = path.strip_prefix('/') else {
        return Some("give a path that begins with `/`, such as /shared/claude-share".to_owned());
    };
    if path.len() > PATH_LIMIT {
        return Some(format!("it has more than {PATH_LIMIT} bytes"));
    }
    if !path.bytes().all(allowed) {
        return Some(
            "only A-Z, a-z, 0-9 and `.` `_` `/` `@` `+` `-` may be in it, so that a shell can read the config file"
                .to_owned(),
        );
    }
    if below_root
        .split('/')
        .any(|part| matches!(part, "" | "." | ".."))
    {
        return Some("write it without `.`, `..` and doubled slashes".to_owned());
    }
    let tree = TREES.iter().find(|tree| Path::new(path).starts_with(tree));
    if let Some(tree) = tree {
        return Some(format!(
            "{tree} and what is below it is the system's or everybody's; take a directory such as /shared/claude-share"
        ));
    }
    let top = TOPS.contains(&path);
    top.then(|| format!("{path} holds what is others'; take a directory of its own, such as {path}/claude-share-files"))
}

fn allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._/@+-".contains(&byte)
}

impl AsRef<str> for SharedDirectory {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<Path> for SharedDirectory {
    fn as_ref(&self) -> &Path {
        Path::new(&self.0)
    }
}

impl fmt::Display for SharedDirectory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ordinary_places_are_taken() {
        for path in [
            "/shared/claude-share",
            "/shared",
            "/srv/x",
            "/home/shared",
            "/var/lib/claude-share-files",
            "/library/a@b+c",
            "/opt/..a/.b",
        ] {
            assert_eq!(SharedDirectory::parse(path).unwrap().as_str(), path);
        }
        let ended = SharedDirectory::parse("/shared/x/").unwrap();
        assert_eq!(ended.as_str(), "/shared/x");
    }

    #[test]
    fn the_system_and_what_a_shell_reads_are_refused_with_a_way_out() {
        for (path, way_out) in [
            ("", "begins with `/`"),
            ("/", "begins with `/`"),
            ("shared", "begins with `/`"),
            ("//", "doubled"),
            ("/a//b", "doubled"),
            ("/a/../etc", "`..`"),
            ("/a/./b", "`.`"),
            ("/a b", "may be in it"),
            ("/a$(id)", "may be in it"),
            ("/a\nb", "may be in it"),
            ("/é", "may be in it"),
            ("/home", "of its own"),
            ("/var/lib/", "of its own"),
            ("/etc", "the system's"),
            ("/usr/share/x", "the system's"),
            ("/tmp/x", "everybody's"),
            ("/lib64/x", "the system's"),
            ("/var/lib/claude-share/x", "the system's"),
        ] {
            let error = SharedDirectory::parse(path).unwrap_err().to_string();
            assert!(error.contains(way_out), "{path}: {error}");
        }
        assert!(SharedDirectory::parse(&format!("/{}", "a".repeat(2000))).is_err());
    }

    proptest! {
        #[test]
        fn what_parses_is_normal_and_means_nothing_to_a_shell(text in "/?[ -~\n]{0,20}|(/[a-z.]{0,3}){1,5}") {
            if let Ok(directory) = SharedDirectory::parse(&text) {
                let path: &Path = directory.as_ref();
                let again: std::path::PathBuf = path.components().collect();
                prop_assert_eq!(again.to_str().unwrap(), directory.as_str());
                prop_assert!(path.is_absolute() && path.parent().is_some());
                prop_assert!(!path.components().any(|part| part == std::path::Component::ParentDir));
                let trips = |character: char| {
                    character.is_whitespace() || "$`\\\"'|&;<>()*?[]{}!~#:".contains(character)
                };
                prop_assert!(!directory.as_str().contains(trips), "{}", directory);
            }
        }
    }
}
