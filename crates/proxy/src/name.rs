//! What a command may be called.

use std::fmt;

/// The longest name, in bytes: `NAME_MAX`, since it is a file's.
const LONGEST: usize = 255;
/// What is never proxied: these programs' own, and the client, which would then be started by whoever has the server.
const OWN: [&str; 4] = ["claude", "claude-accounts", "claude-share", "cs"];

/// The name of a command: of a file in a directory of `PATH`, nothing more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(String);

/// That is no name of a command that can be proxied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// It is empty, or longer than a file's name.
    #[error("the name of a command has 1 to 255 bytes")]
    Length,
    /// It leads somewhere.
    #[error("a command is proxied by its name alone, without a directory")]
    Path,
    /// It cannot be shown.
    #[error("the name of a command is made of printable letters")]
    Letters,
    /// It is a program of this product, or the client.
    #[error("Claude Code and its accounts are the server's own matter: this is never proxied")]
    Own,
}

impl Name {
    /// `name`, if commands may be called so.
    ///
    /// # Errors
    /// Why they may not.
    pub fn new(name: &str) -> Result<Self, NameError> {
        if name.is_empty() || name.len() > LONGEST {
            return Err(NameError::Length);
        }
        if name.contains('/') || matches!(name, "." | "..") {
            return Err(NameError::Path);
        }
        if name
            .chars()
            .any(|letter| letter.is_control() || letter == char::REPLACEMENT_CHARACTER)
        {
            return Err(NameError::Letters);
        }
        if OWN.contains(&name) {
            return Err(NameError::Own);
        }
        Ok(Self(name.to_owned()))
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_files_and_leads_nowhere() {
        for (name, error) in [
            ("", NameError::Length),
            (&"x".repeat(256), NameError::Length),
            ("/bin/sh", NameError::Path),
            ("./npm", NameError::Path),
            ("..", NameError::Path),
            ("npm\0", NameError::Letters),
            ("n\x1bpm", NameError::Letters),
            ("claude", NameError::Own),
            ("cs", NameError::Own),
        ] {
            assert_eq!(Name::new(name), Err(error), "{name:?}");
        }
        for name in ["npm", "g++", "python3.13", "[", "été", &"x".repeat(255)] {
            assert_eq!(Name::new(name).unwrap().as_str(), name);
        }
    }
}
