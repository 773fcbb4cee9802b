//! Names of accounts.

use std::fmt;

/// Longest name, in characters: it stays readable in a shell prompt and an alias.
pub const NAME_LIMIT: usize = 64;

/// A name that may be given to an account: 1 to [`NAME_LIMIT`] letters and digits of any script,
/// `.`, `_` and `-`, the first a letter, digit or `_`.
///
/// So it can stand in an alias, a table, a URL and behind a flag without quoting. Names keep their
/// case and are found without regard to it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountName(String);

/// Why a text cannot be an account's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// There is nothing in it.
    #[error("the name is empty")]
    Empty,
    /// More than [`NAME_LIMIT`] characters.
    #[error("the name has {0} characters; {NAME_LIMIT} is the most")]
    TooLong(usize),
    /// The first character is none that a name may start with.
    #[error("the name starts with {0:?}")]
    Start(char),
    /// Some other character is not allowed.
    #[error("the name contains {0:?}")]
    Character(char),
}

impl AccountName {
    /// Checks a name that a person or a file gives.
    ///
    /// # Errors
    /// Says what is wrong with it; the text itself is not repeated.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let length = text.chars().count();
        if length > NAME_LIMIT {
            return Err(NameError::TooLong(length));
        }
        let first = text.chars().next().ok_or(NameError::Empty)?;
        if !(first.is_alphanumeric() || first == '_') {
            return Err(NameError::Start(first));
        }
        match text.chars().find(|&character| !allowed(character)) {
            Some(character) => Err(NameError::Character(character)),
            None => Ok(Self(text.to_owned())),
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether two names would be found by the same words: equal without regard to case.
    #[must_use]
    pub fn same(left: &str, right: &str) -> bool {
        left == right || left.to_lowercase() == right.to_lowercase()
    }
}

fn allowed(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '.' | '_' | '-')
}

impl fmt::Display for AccountName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Text from elsewhere made fit for a terminal: control characters, line breaks and the invisible
/// characters that turn text around are shown as escapes.
#[must_use]
pub fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() || turns_text(character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Unicode's bidirectional controls and invisible separators (UAX #9; U+2028, U+2029, U+FEFF).
fn turns_text(character: char) -> bool {
    matches!(character,
        '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_of_any_script_are_taken() {
        for name in [
            "work", "Perso", "client-2", "équipe", "仕事", "a", "_x", "7", "a.b_c-d",
        ] {
            assert_eq!(AccountName::parse(name).unwrap().as_str(), name);
        }
        assert!(AccountName::parse(&"é".repeat(NAME_LIMIT)).is_ok());
    }

    #[test]
    fn what_a_shell_path_or_terminal_would_trip_over_is_refused() {
        assert_eq!(AccountName::parse(""), Err(NameError::Empty));
        assert_eq!(AccountName::parse("-x"), Err(NameError::Start('-')));
        assert_eq!(AccountName::parse("."), Err(NameError::Start('.')));
        assert_eq!(AccountName::parse("a/b"), Err(NameError::Character('/')));
        assert_eq!(AccountName::parse("a\nb"), Err(NameError::Character('\n')));
        assert_eq!(AccountName::parse("a b"), Err(NameError::Character(' ')));
        assert_eq!(
            AccountName::parse("a\u{202e}b"),
            Err(NameError::Character('\u{202e}'))
        );
        assert_eq!(AccountName::parse("a;b"), Err(NameError::Character(';')));
        assert_eq!(
            AccountName::parse(&"x".repeat(300)),
            Err(NameError::TooLong(300))
        );
    }

    #[test]
    fn case_makes_no_other_name() {
        assert!(AccountName::same("Work", "wORK"));
        assert!(AccountName::same("ÉQUIPE", "équipe"));
        assert!(!AccountName::same("work", "works"));
    }

    #[test]
    fn foreign_text_cannot_move_the_cursor_or_turn_the_line() {
        assert_eq!(printable("a\x1b[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(printable("a\u{202e}b"), "a\\u{202e}b");
        assert_eq!(printable("仕事 ok"), "仕事 ok");
    }
}
