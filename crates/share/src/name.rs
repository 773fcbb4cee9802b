//! Names of users, groups and the shared directory: a value of these types has been checked.

mod shared_directory;

use std::fmt;

use model::printable;

use crate::ShareError;

pub use shared_directory::SharedDirectory;

/// Longest name of a user or group, in bytes: `useradd` of shadow takes no longer one
/// (`is_valid_user_name`, utmp's field).
pub const NAME_LIMIT: usize = 32;

/// What a new user or group may be called. Debian, RHEL, Arch (shadow) and Alpine (BusyBox) all
/// take such names; what one of them alone takes is not here.
pub(crate) const NEW_NAME_RULE: &str =
    "1 to 32 of a-z, 0-9, `_` and `-`, the first of them a letter or `_`";

/// What a user who is already there may be called.
const EXISTING_NAME_RULE: &str =
    "1 to 32 of A-Z, a-z, 0-9, `_`, `.` and `-`, the first of them a letter or `_`";

/// The name of a Linux user. No shell, path, option or line of `/etc/passwd` trips over it.
///
/// Whether it is one that may be managed (not `root`) is not said by it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserName(String);

/// The name of a Linux group, as strict as that of a new user.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupName(String);

impl UserName {
    /// Checks a name for a user who may have to be made.
    ///
    /// # Errors
    /// [`ShareError::Name`] with what is allowed.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        if is_new_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(refused("a user", text, NEW_NAME_RULE))
    }

    /// Checks the name of a user who is already there: capitals and `.` are somebody's, too.
    ///
    /// # Errors
    /// [`ShareError::Name`] with what is allowed.
    pub fn parse_existing(text: &str) -> Result<Self, ShareError> {
        let other = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let first = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
        if is_name(text, first, other) {
            return Ok(Self(text.to_owned()));
        }
        Err(refused("a user", text, EXISTING_NAME_RULE))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl GroupName {
    /// Checks a name for a group.
    ///
    /// # Errors
    /// [`ShareError::Name`] with what is allowed.
    pub fn parse(text: &str) -> Result<Self, ShareError> {
        if is_new_name(text) {
            return Ok(Self(text.to_owned()));
        }
        Err(refused("a group", text, NEW_NAME_RULE))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn is_new_name(text: &str) -> bool {
    let first = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let other = |byte: u8| first(byte) || byte.is_ascii_digit() || byte == b'-';
    is_name(text, first, other)
}

fn is_name(text: &str, first: impl Fn(u8) -> bool, other: impl Fn(u8) -> bool) -> bool {
    text.len() <= NAME_LIMIT && text.bytes().next().is_some_and(first) && text.bytes().all(other)
}

/// The text is cut: it may be anything, also a whole file pasted at a prompt.
fn refused(what: &str, text: &str, rule: &str) -> ShareError {
    ShareError::Name(format!(
        "`{}` cannot be the name of {what}: a name has {rule}",
        shown(text)
    ))
}

fn shown(text: &str) -> String {
    const SHOWN: usize = 64;
    let mut shown: String = text.chars().take(SHOWN).collect();
    if shown.len() < text.len() {
        shown.push('…');
    }
    printable(&shown)
}

impl AsRef<str> for UserName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for GroupName {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_every_useradd_takes_are_taken() {
        for name in ["usera", "_x", "a", "web-2", "a_b", &"a".repeat(32)] {
            assert_eq!(UserName::parse(name).unwrap().as_str(), name);
            assert_eq!(GroupName::parse(name).unwrap().as_str(), name);
        }
    }

    #[test]
    fn what_one_useradd_alone_takes_is_refused_for_new_users() {
        let long = "a".repeat(33);
        for name in [
            "", "-x", "2nd", "Alice", "a.b", "machine$", "a b", "a:b", "a/b", "a\n", "é", &long,
        ] {
            let error = UserName::parse(name).unwrap_err().to_string();
            assert!(error.contains("1 to 32 of a-z"), "{error}");
            assert!(!error.contains('\n'), "{error}");
            assert!(GroupName::parse(name).is_err(), "{name:?}");
        }
    }

    #[test]
    fn users_who_are_there_may_have_capitals_and_dots() {
        for name in ["Alice", "first.last", "a2", "_apt"] {
            assert_eq!(UserName::parse_existing(name).unwrap().as_str(), name);
        }
        for name in ["", ".", "..", "-x", "machine$", "DOM\\alice", "a@b", "1st"] {
            assert!(UserName::parse_existing(name).is_err(), "{name}");
        }
    }

    #[test]
    fn a_pasted_file_is_not_repeated_whole() {
        let error = UserName::parse(&"x ".repeat(10_000)).unwrap_err();
        assert!(error.to_string().len() < 300);
    }

    proptest! {
        #[test]
        fn no_name_has_anything_that_a_shell_or_passwd_reads(
            text in "[ -~\n\t\u{0}é]{0,40}|[a-zA-Z_.$-]{1,33}") {
            let names = [
                UserName::parse(&text).ok().map(|name| name.to_string()),
                UserName::parse_existing(&text).ok().map(|name| name.to_string()),
                GroupName::parse(&text).ok().map(|name| name.to_string()),
            ];
            for name in names.into_iter().flatten() {
                prop_assert!(!name.is_empty() && !name.starts_with(['-', '.']));
                let trips = |character: char| {
                    character.is_whitespace() || character.is_control()
                        || "$`\\\"'|&;<>()*?[]{}!~#=%^:/,@+".contains(character)
                };
                prop_assert!(!name.contains(trips), "{}", name);
            }
        }

        #[test]
        fn a_name_for_a_new_user_would_do_for_an_old_one(text in "[a-z_][a-z0-9_-]{0,31}") {
            let name = UserName::parse(&text).unwrap();
            prop_assert_eq!(UserName::parse_existing(&text).unwrap(), name);
        }
    }
}
