//! What a session is called.

use std::fmt;
use std::path::Path;

use jiff::civil::DateTime;

/// The longest name of a session, in bytes.
const LONGEST_NAME: usize = 64;
/// How much of it the directory's name takes at most: the time follows, and what tells two of them apart.
const LONGEST_STEM: usize = LONGEST_NAME - "-20261231-235959-9999".len();

/// What a session is called: letters, digits, `.`, `_` and `-`, the first of them no `.` or `-`, at most 64. So it is one
/// name of a file, one word for a shell, and no option.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionName(String);

/// That is no name of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a session's name is made of at most 64 letters, digits, “.”, “_” and “-”, and begins with none of “.” and “-”"
)]
pub struct NameError;

impl SessionName {
    /// `name`, checked.
    ///
    /// # Errors
    /// If it is none.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let is_name = !name.is_empty()
            && name.len() <= LONGEST_NAME
            && name.chars().all(is_plain)
            && !name.starts_with(['.', '-']);
        match is_name {
            true => Ok(Self(name.to_owned())),
            false => Err(NameError),
        }
    }

    /// That of a session for `directory` that begins at `time`, as the laptop's clock shows it.
    #[must_use]
    pub fn of(directory: &Path, time: DateTime) -> Self {
        let name = directory.file_name().unwrap_or_default().to_string_lossy();
        let plain: String = name
            .chars()
            .map(|character| if is_plain(character) { character } else { '-' })
            .collect();
        let stem = plain.trim_start_matches(['.', '-']);
        let stem = &stem[..stem.len().min(LONGEST_STEM)];
        let stem = if stem.is_empty() { "session" } else { stem };
        Self(format!("{stem}-{}", time.strftime("%Y%m%d-%H%M%S")))
    }

    /// The same with a number behind it, for one that is taken.
    pub(crate) fn numbered(&self, number: u32) -> Self {
        Self(format!("{}-{number}", self.0))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SessionName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn is_plain(character: char) -> bool {
    character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_session_is_called_after_its_directory_and_the_time() {
        let time = date(2026, 1, 2).at(3, 4, 5, 0);
        let long = "x".repeat(200);
        for (directory, name) in [
            ("/home/a/project", "project-20260102-030405"),
            ("/home/a/my project (2)", "my-project--2--20260102-030405"),
            ("/home/a/.config", "config-20260102-030405"),
            ("/home/a/-rf", "rf-20260102-030405"),
            ("/home/a/日本", "session-20260102-030405"),
            ("/", "session-20260102-030405"),
        ] {
            let of = SessionName::of(Path::new(directory), time);
            assert_eq!(of.as_str(), name);
            assert_eq!(SessionName::new(name), Ok(of));
        }
        let of = SessionName::of(Path::new(&long), time).numbered(9999);
        assert_eq!(of.as_str().len(), LONGEST_NAME);
        assert!(SessionName::new(of.as_str()).is_ok());
    }

    #[test]
    fn nothing_else_is_a_name() {
        for name in [
            "",
            ".",
            "..",
            "-x",
            ".x",
            "a/b",
            "a b",
            "a\n",
            "ä",
            "a\0",
            &"x".repeat(65),
        ] {
            assert_eq!(SessionName::new(name), Err(NameError), "{name:?}");
        }
    }
}
