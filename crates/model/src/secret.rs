//! The one type that holds a secret.

use std::fmt;

use zeroize::Zeroizing;

/// A key, a token or a passphrase: cannot be printed, is wiped from memory when dropped.
///
/// The wiping covers this value alone. Copies that a library makes while it encrypts, sends or
/// formats it are out of our hands.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes ownership of `text`.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The secret itself. Every call is a place to review.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether there is nothing in it: how both the client and the vault say "no token".
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A form for people to tell secrets apart: the kind's public prefix and the last four
    /// characters, or only the prefix where four characters would be a large part of the whole.
    #[must_use]
    pub fn masked(&self) -> String {
        const SHOWN: usize = 4;
        const SHORTEST_WITH_TAIL: usize = 24;
        let text = self.expose();
        if text.is_empty() {
            return String::new();
        }
        let prefix = public_prefix(text);
        let length = text.chars().count();
        if length < SHORTEST_WITH_TAIL {
            return format!("{prefix}…");
        }
        let tail: String = text.chars().skip(length - SHOWN).collect();
        format!("{prefix}…{tail}")
    }
}

/// The part of a token that only tells its kind: `sk-ant-api03-`, `sk-ant-oat01-`, `sk-ant-`.
fn public_prefix(text: &str) -> &str {
    const FAMILY: &str = "sk-ant-";
    const KIND_LENGTH: usize = "sk-ant-api03-".len();
    if !text.starts_with(FAMILY) {
        return "";
    }
    match text.get(..KIND_LENGTH) {
        Some(kind) if kind.ends_with('-') => kind,
        _ => FAMILY,
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl From<String> for Secret {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_prints_nothing_of_it() {
        let secret = Secret::new("sk-ant-oat01-FAKE-abcdefghijklmnop");
        assert_eq!(format!("{secret:?}"), "[redacted]");
        assert_eq!(format!("{:?}", Some(&secret)), "Some([redacted])");
    }

    #[test]
    fn a_mask_shows_the_kind_and_four_characters() {
        let mask = |text: &str| Secret::new(text).masked();
        assert_eq!(
            mask("sk-ant-oat01-FAKE-abcdefghijklmnop"),
            "sk-ant-oat01-…mnop"
        );
        assert_eq!(mask("sk-ant-FAKE-abcdefghijklmnopqrst"), "sk-ant-…qrst");
        assert_eq!(mask("some-gateway-key-with-30-chars"), "…hars");
        assert_eq!(mask("short"), "…");
        assert_eq!(mask("sk-ant-é"), "sk-ant-…");
        assert_eq!(mask(""), "");
    }
}
