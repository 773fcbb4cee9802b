//! Encrypted exports: the age format (age-encryption.org/v1), which other programs open too.

use std::io::{Read as _, Write as _};
use std::str::FromStr as _;

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::SecretString;
use age::{Decryptor, Encryptor};
use model::Secret;
use zeroize::Zeroizing;

use crate::{EXPORT_LIMIT, VaultError};

/// Who is to be able to open a file.
pub enum AgeLock<'text> {
    /// Whoever knows the passphrase.
    Passphrase(&'text Secret),
    /// Whoever has the private key of one of these (`age1…`).
    Recipients(&'text [String]),
}

/// What opens a file.
pub enum AgeUnlock<'text> {
    /// The passphrase.
    Passphrase(&'text Secret),
    /// The contents of an identity file (`AGE-SECRET-KEY-1…`, `#` comments).
    Identities(&'text Secret),
}

/// Whether bytes are an age file, armoured or not.
#[must_use]
pub fn is_age_file(bytes: &[u8]) -> bool {
    bytes.starts_with(b"age-encryption.org/v1")
        || bytes
            .trim_ascii_start()
            .starts_with(b"-----BEGIN AGE ENCRYPTED FILE-----")
}

/// Encrypts, as text that survives a mail or a paste.
///
/// # Errors
/// [`VaultError::Age`] if a recipient is none.
pub fn seal_age_file(plain: &[u8], lock: &AgeLock<'_>) -> Result<Vec<u8>, VaultError> {
    let encryptor = encryptor(lock)?;
    let mut sealed = Vec::new();
    let armor = ArmoredWriter::wrap_output(&mut sealed, Format::AsciiArmor).map_err(failure)?;
    let mut writer = encryptor.wrap_output(armor).map_err(failure)?;
    writer.write_all(plain).map_err(failure)?;
    writer
        .finish()
        .and_then(ArmoredWriter::finish)
        .map_err(failure)?;
    Ok(sealed)
}

fn encryptor(lock: &AgeLock<'_>) -> Result<Encryptor, VaultError> {
    match lock {
        AgeLock::Passphrase(passphrase) => Ok(Encryptor::with_user_passphrase(SecretString::from(
            passphrase.expose().to_owned(),
        ))),
        AgeLock::Recipients(texts) => {
            let parse = |text: &String| age::x25519::Recipient::from_str(text).map_err(failure);
            let recipients = texts.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
            Encryptor::with_recipients(recipients.iter().map(|recipient| recipient as _))
                .map_err(failure)
        }
    }
}

/// Whether an age file is opened by a passphrase rather than by a key.
///
/// # Errors
/// [`VaultError::Age`] if it is damaged.
pub fn needs_passphrase(sealed: &[u8]) -> Result<bool, VaultError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(failure)?;
    Ok(decryptor.is_scrypt())
}

/// Decrypts.
///
/// # Errors
/// [`VaultError::Age`] if it is damaged, or this does not open it.
pub fn open_age_file(
    sealed: &[u8],
    unlock: &AgeUnlock<'_>,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let decryptor = Decryptor::new_buffered(ArmoredReader::new(sealed)).map_err(failure)?;
    let reader = match unlock {
        AgeUnlock::Passphrase(passphrase) => {
            let identity =
                age::scrypt::Identity::new(SecretString::from(passphrase.expose().to_owned()));
            decryptor.decrypt(std::iter::once(&identity as &dyn age::Identity))
        }
        AgeUnlock::Identities(text) => {
            let identities = parse_identities(text)?;
            decryptor.decrypt(
                identities
                    .iter()
                    .map(|identity| identity as &dyn age::Identity),
            )
        }
    };
    let mut plain = Zeroizing::new(Vec::new());
    let limit = EXPORT_LIMIT as u64 + 1;
    reader
        .map_err(failure)?
        .take(limit)
        .read_to_end(&mut plain)
        .map_err(failure)?;
    Ok(plain)
}

fn parse_identities(text: &Secret) -> Result<Vec<age::x25519::Identity>, VaultError> {
    let lines = text
        .expose()
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| age::x25519::Identity::from_str(line).map_err(failure))
        .collect()
}

fn failure(error: impl std::fmt::Display) -> VaultError {
    VaultError::Age(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use age::secrecy::ExposeSecret as _;

    #[test]
    fn a_recipient_opens_what_was_sealed_for_him() {
        let identity = age::x25519::Identity::generate();
        let recipients = [identity.to_public().to_string()];
        let sealed = seal_age_file(b"accounts", &AgeLock::Recipients(&recipients)).unwrap();
        assert!(is_age_file(&sealed) && !needs_passphrase(&sealed).unwrap());
        let key = Secret::new(format!(
            "# mine\n{}\n",
            identity.to_string().expose_secret()
        ));
        assert_eq!(
            open_age_file(&sealed, &AgeUnlock::Identities(&key))
                .unwrap()
                .as_slice(),
            b"accounts"
        );
        let other = Secret::new(
            age::x25519::Identity::generate()
                .to_string()
                .expose_secret(),
        );
        assert!(open_age_file(&sealed, &AgeUnlock::Identities(&other)).is_err());
        assert!(open_age_file(&sealed[..sealed.len() / 2], &AgeUnlock::Identities(&key)).is_err());
    }

    #[test]
    fn a_wrong_recipient_is_an_error() {
        assert!(seal_age_file(b"x", &AgeLock::Recipients(&["age1nonsense".to_owned()])).is_err());
        assert!(!is_age_file(b"[]"));
    }
}
