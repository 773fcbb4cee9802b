//! The shells that scripts are written for, and how each quotes.

use std::path::Path;

/// A shell. `Bash` and `Zsh` scripts keep to what every POSIX shell understands; csh is not
/// supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shell {
    /// bash, and sh.
    Bash,
    /// zsh.
    Zsh,
    /// fish.
    Fish,
}

impl Shell {
    /// The shell whose program this is, by its file name: `/bin/zsh`, `fish`, `-bash`.
    #[must_use]
    pub fn from_path(path: impl AsRef<Path>) -> Option<Self> {
        let name = path.as_ref().file_name()?.to_str()?;
        // A login shell's own name for itself starts with `-`.
        match name.strip_prefix('-').unwrap_or(name) {
            "bash" | "rbash" | "sh" | "dash" => Some(Self::Bash),
            "zsh" | "rzsh" => Some(Self::Zsh),
            "fish" => Some(Self::Fish),
            _ => None,
        }
    }

    /// Appends `text` as one word that the shell takes as it is, quoted in any case.
    pub(crate) fn quote_into(self, text: &str, script: &mut String) {
        script.push('\'');
        for character in text.chars() {
            match (self, character) {
                (Self::Bash | Self::Zsh, '\'') => script.push_str("'\\''"),
                (Self::Fish, '\'' | '\\') => script.extend(['\\', character]),
                _ => script.push(character),
            }
        }
        script.push('\'');
    }

    /// The same for bytes, such as those of a path.
    pub(crate) fn quote(self, text: &[u8]) -> Vec<u8> {
        let mut quoted = vec![b'\''];
        for &byte in text {
            match (self, byte) {
                (Self::Bash | Self::Zsh, b'\'') => quoted.extend(b"'\\''"),
                (Self::Fish, b'\'' | b'\\') => quoted.extend([b'\\', byte]),
                _ => quoted.push(byte),
            }
        }
        quoted.push(b'\'');
        quoted
    }

    /// As [`Shell::quote`], but left bare where it reads the same either way.
    pub(crate) fn word(self, text: &[u8]) -> Vec<u8> {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./+,@:".contains(byte);
        if !text.is_empty() && text.iter().all(plain) {
            return text.to_vec();
        }
        self.quote(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_shell_is_known_by_its_file_name() {
        assert_eq!(Shell::from_path("/usr/bin/zsh"), Some(Shell::Zsh));
        assert_eq!(Shell::from_path("-bash"), Some(Shell::Bash));
        assert_eq!(Shell::from_path("/opt/fish"), Some(Shell::Fish));
        assert_eq!(Shell::from_path("/bin/sh"), Some(Shell::Bash));
        assert_eq!(Shell::from_path("/bin/tcsh"), None);
        assert_eq!(Shell::from_path(""), None);
    }

    /// Reads a word back by the rules that bash(1) and fish's manual give for single quotes.
    fn unquote(shell: Shell, word: &str) -> String {
        let mut text = String::new();
        let (mut inside, mut characters) = (false, word.chars());
        while let Some(character) = characters.next() {
            let escapes = character == '\\' && (shell == Shell::Fish || !inside);
            match character {
                _ if escapes => text.push(characters.next().unwrap()),
                '\'' => inside = !inside,
                _ => {
                    assert!(inside, "bare {character:?}");
                    text.push(character);
                }
            }
        }
        assert!(!inside);
        text
    }

    proptest! {
        #[test]
        fn any_text_is_one_word(text in "[^\u{0}]{0,40}|['\\\\a]{0,12}") {
            for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
                let mut quoted = String::new();
                shell.quote_into(&text, &mut quoted);
                prop_assert_eq!(unquote(shell, &quoted), text.clone());
                prop_assert_eq!(shell.quote(text.as_bytes()), quoted.into_bytes());
            }
        }
    }
}
