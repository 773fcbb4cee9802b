//! The vault's key.

use std::fmt;

use model::Secret;
use sha2::{Digest as _, Sha256};

use crate::VaultError;

/// 32 bytes as base64.
const TEXT_LENGTH: usize = 44;

/// A Fernet key: 32 bytes as URL-safe base64, 44 characters.
#[derive(Clone, PartialEq, Eq)]
pub struct VaultKey(Secret);

/// Which key it is, without saying anything about it: the start of a SHA-256, 16 hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyId(String);

impl VaultKey {
    /// A new random key.
    ///
    /// # Errors
    /// If the system gives no random numbers.
    pub fn generate() -> Result<Self, VaultError> {
        let mut bytes = zeroize::Zeroizing::new([0_u8; 32]);
        getrandom::fill(bytes.as_mut()).map_err(|_| VaultError::Random)?;
        Ok(Self(Secret::new(base64_url(bytes.as_ref()))))
    }

    /// A key as written in `.key`; white space around it is ignored.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        // The library also takes a key without its padding, which would have another identifier.
        let is_whole = text.len() == TEXT_LENGTH && fernet::Fernet::new(text).is_some();
        is_whole.then(|| Self(Secret::new(text)))
    }

    /// A key from 32 bytes that a passphrase was turned into.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(Secret::new(base64_url(bytes)))
    }

    /// The text of the key, for the place where it is kept.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Which key it is.
    #[must_use]
    pub fn id(&self) -> KeyId {
        let digest = Sha256::new()
            .chain_update("claude-accounts key id\0")
            .chain_update(self.expose())
            .finalize();
        KeyId(
            digest[..8]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect(),
        )
    }
}

impl KeyId {
    pub(crate) fn from_stored(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for VaultKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("VaultKey([redacted])")
    }
}

/// RFC 4648, section 5, with padding.
fn base64_url(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let group = chunk
            .iter()
            .fold(0_u32, |group, &byte| group << 8 | u32::from(byte))
            << (8 * (3 - chunk.len()));
        for position in 0..4 {
            let digit = (group >> (18 - 6 * position)) & 63;
            text.push(if position > chunk.len() {
                '='
            } else {
                char::from(ALPHABET[digit as usize])
            });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_one_that_fernet_takes() {
        let key = VaultKey::generate().unwrap();
        assert_eq!(key.expose().len(), 44);
        assert_eq!(
            VaultKey::parse(&format!("{}\n", key.expose())),
            Some(key.clone())
        );
        assert_eq!(format!("{key:?}"), "VaultKey([redacted])");
        assert_ne!(key.id(), VaultKey::generate().unwrap().id());
    }

    #[test]
    fn base64_as_the_standard_has_it() {
        for (bytes, text) in [
            ("", ""),
            ("f", "Zg=="),
            ("fo", "Zm8="),
            ("foo", "Zm9v"),
            ("\u{ff}\u{fe}", "w7_Dvg=="),
        ] {
            assert_eq!(base64_url(bytes.as_bytes()), text);
        }
    }

    #[test]
    fn what_is_no_key_is_no_key() {
        assert_eq!(VaultKey::parse(""), None);
        assert_eq!(VaultKey::parse("hello"), None);
        assert_eq!(VaultKey::parse(&"A".repeat(44)), None);
    }
}
