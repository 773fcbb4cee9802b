//! Sealing and opening single values.

use std::time::{SystemTime, UNIX_EPOCH};

use model::Secret;
use zeroize::Zeroizing;

use crate::{KeyId, VaultError, VaultKey};

/// Seals values as Fernet tokens (AES-128-CBC, HMAC-SHA256), as the Python program does.
///
/// Not protected: which record a token belongs to. Whoever can write the database can swap two
/// sealed values, though not read or make one.
pub(crate) struct Sealer {
    fernet: fernet::Fernet,
    id: KeyId,
}

impl Sealer {
    pub(crate) fn new(key: &VaultKey) -> Self {
        let fernet =
            fernet::Fernet::new(key.expose()).expect("a VaultKey was checked when it was made");
        Self {
            fernet,
            id: key.id(),
        }
    }

    pub(crate) fn id(&self) -> &KeyId {
        &self.id
    }

    /// Seals `text`; nothing stays nothing, as in the Python program.
    pub(crate) fn seal(&self, text: &str) -> String {
        if text.is_empty() {
            return String::new();
        }
        let seconds = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        self.fernet.encrypt_at_time(text.as_bytes(), seconds)
    }

    pub(crate) fn seal_secret(&self, secret: &Secret) -> String {
        self.seal(secret.expose())
    }

    /// Opens what [`Sealer::seal`] made; `None` if another key made it or it is damaged.
    ///
    /// The time in the token is ignored: a clock that was set back must not lock anybody out.
    pub(crate) fn open(&self, token: &str) -> Option<Secret> {
        if token.is_empty() {
            return Some(Secret::new(""));
        }
        // The library adds 60 s of tolerance to the time that it is given.
        const END_OF_TIME: u64 = u64::MAX - 60;
        let bytes = self.fernet.decrypt_at_time(token, None, END_OF_TIME).ok()?;
        let bytes = Zeroizing::new(bytes);
        std::str::from_utf8(&bytes).ok().map(Secret::new)
    }

    /// [`Sealer::open`] with the error that names the account and the part.
    pub(crate) fn open_part(
        &self,
        token: &str,
        name: &str,
        part: &'static str,
    ) -> Result<Secret, VaultError> {
        self.open(token).ok_or_else(|| VaultError::Damaged {
            name: name.to_owned(),
            part,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(&VaultKey::generate().unwrap())
    }

    #[test]
    fn what_was_sealed_opens_with_its_key_alone() {
        let sealer = sealer();
        let token = sealer.seal("sk-ant-api03-FAKE");
        assert_eq!(sealer.open(&token).unwrap().expose(), "sk-ant-api03-FAKE");
        assert!(super::tests::sealer().open(&token).is_none());
        assert!(sealer.open("gAAAAA-not-a-token").is_none());
        assert!(sealer.open(&token[..token.len() - 8]).is_none());
        assert_eq!(sealer.seal(""), "");
        assert!(sealer.open("").unwrap().is_empty());
    }

    #[test]
    fn a_token_from_the_future_opens() {
        let sealer = sealer();
        let token = sealer.fernet.encrypt_at_time(b"x", 99_999_999_999);
        assert_eq!(sealer.open(&token).unwrap().expose(), "x");
    }
}
