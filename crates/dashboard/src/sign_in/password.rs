//! Passwords: what they are in a request, and which ones will do.

use std::fmt;

use model::Secret;
use serde::{Deserialize, Deserializer};

use crate::error::ApiError;

/// Longest password, in bytes.
pub(crate) const LONGEST: usize = 1024;
/// From so many characters on, any password will do.
const LONG_ENOUGH: usize = 12;
/// From so many characters on, a password will do that is hard to guess.
const SHORTEST: usize = 8;
/// What hard to guess means for one: as many guesses as zxcvbn counts for eight characters at random.
const HARD_TO_GUESS: u64 = 100_000_000;

/// A password from a request. Cannot be printed.
#[derive(Clone)]
pub(crate) struct Password(Secret);

impl Password {
    pub(crate) fn new(secret: Secret) -> Self {
        Self(secret)
    }

    /// The password itself.
    pub(crate) fn expose(&self) -> &str {
        self.0.expose()
    }

    /// # Errors
    /// 400 for one that nobody can have set.
    pub(crate) fn check_length(&self) -> Result<(), ApiError> {
        match self.expose().len() {
            0 => Err(ApiError::bad_request("the password is empty")),
            1..=LONGEST => Ok(()),
            _ => Err(ApiError::bad_request(
                "the password has more than 1024 bytes",
            )),
        }
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

impl<'de> Deserialize<'de> for Password {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|text| Self(Secret::new(text)))
    }
}

/// How hard a password is to guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Strength {
    /// zxcvbn's: 0 at once, 4 never.
    pub(crate) score: u8,
    pub(crate) acceptable: bool,
    /// What would make it better; empty if nothing need.
    pub(crate) feedback: String,
}

/// Takes milliseconds.
pub(crate) fn strength(password: &Password) -> Strength {
    let text = password.expose();
    let length = text.chars().count();
    let estimate = zxcvbn::zxcvbn(text, &["claude", "accounts", "dashboard"]);
    let fits = (1..=LONGEST).contains(&text.len());
    let is_hard = estimate.guesses() >= HARD_TO_GUESS;
    let acceptable = fits && (length >= LONG_ENOUGH || (length >= SHORTEST && is_hard));
    let mut advice: Vec<String> = Vec::new();
    if !acceptable {
        advice.push(match fits || text.is_empty() {
            true => "Use at least 12 characters, or 8 that are hard to guess.".to_owned(),
            false => "Use at most 1024 bytes.".to_owned(),
        });
    }
    if let Some(feedback) = estimate.feedback() {
        advice.extend(feedback.warning().map(|warning| warning.to_string()));
        advice.extend(feedback.suggestions().iter().map(ToString::to_string));
    }
    Strength {
        score: estimate.score().into(),
        acceptable,
        feedback: advice.join(" "),
    }
}

/// # Errors
/// 400 for a new password that will not do.
pub(crate) fn check_new(password: &Password) -> Result<(), ApiError> {
    let strength = strength(password);
    match strength.acceptable {
        true => Ok(()),
        false => Err(
            ApiError::bad_request("this password is too easy to guess, or too long")
                .hinted(strength.feedback),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(text: &str) -> Strength {
        strength(&Password::new(Secret::new(text)))
    }

    #[test]
    fn twelve_characters_or_eight_that_are_hard_to_guess() {
        for (text, acceptable) in [
            ("", false),
            ("password", false),
            ("password123", false),
            ("aaaaaaaaaaa", false),
            ("xkR7#qLpZ", true),
            ("xkR7#qL", false),
            ("xkR7#qLp", true),
            ("xkRxkRxk", false),
            ("aaaaaaaaaaaa", true),
            ("ééééééééééé", false),
            ("一二三四五六七八九十甲乙", true),
        ] {
            assert_eq!(judge(text).acceptable, acceptable, "{text}");
        }
        assert!(judge(&"a".repeat(LONGEST)).acceptable);
        assert!(!judge(&"a".repeat(LONGEST + 1)).acceptable);
        assert!(!judge("password").feedback.is_empty());
        assert_eq!(judge("password").score, 0);
    }

    #[test]
    fn a_password_is_not_printed() {
        let password: Password = serde_json::from_str("\"FAKE secret\"").unwrap();
        assert_eq!(format!("{password:?}"), "[redacted]");
    }
}
