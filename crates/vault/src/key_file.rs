//! The file `.key` and the three ways in which it keeps the key.

use model::Secret;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::sealer::Sealer;
use crate::{KeyId, VaultError, VaultKey};

/// Largest `.key` that is read, in bytes.
pub(crate) const KEY_FILE_LIMIT: u64 = 4096;

/// Where the vault's key is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protection {
    /// In `.key` as it is: readable by this user and root. What the Python program knows.
    File,
    /// In `.key`, wrapped by a passphrase.
    Passphrase,
    /// In the OS keyring; `.key` says so.
    Keyring,
}

impl Protection {
    /// One word for tables and `--json`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Passphrase => "passphrase",
            Self::Keyring => "keyring",
        }
    }
}

/// The contents of `.key`.
pub(crate) enum KeyFile {
    /// 44 characters, as the Python program writes them.
    Plain(VaultKey),
    /// Wrapped by a passphrase.
    Wrapped(WrappedKey),
    /// In the OS keyring under this identifier.
    InKeyring(KeyId),
}

/// A key wrapped by a passphrase: Argon2id makes a Fernet key of it, which seals the vault's.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct WrappedKey {
    id: String,
    argon2id: Cost,
    salt: String,
    sealed: String,
}

/// Argon2id's parameters (RFC 9106, section 3.1).
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Cost {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl Cost {
    /// The second recommendation of RFC 9106, section 4: 64 MiB, 3 passes, 4 lanes.
    const RECOMMENDED: Self = Self {
        memory_kib: 64 * 1024,
        passes: 3,
        lanes: 4,
    };
    /// More than this in a file is taken for damage: it would hang or exhaust the machine.
    const MOST: Self = Self {
        memory_kib: 1024 * 1024,
        passes: 64,
        lanes: 16,
    };

    fn params(self) -> Option<argon2::Params> {
        let is_sane = self.memory_kib <= Self::MOST.memory_kib
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes;
        let params = argon2::Params::new(self.memory_kib, self.passes, self.lanes, Some(32));
        params.ok().filter(|_| is_sane)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "protection", rename_all = "snake_case")]
enum Json {
    Passphrase(WrappedKey),
    Keyring { id: String },
}

impl KeyFile {
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        if let Some(key) = VaultKey::parse(text) {
            return Some(Self::Plain(key));
        }
        match serde_json::from_str(text).ok()? {
            Json::Passphrase(wrapped) => wrapped.is_usable().then_some(Self::Wrapped(wrapped)),
            Json::Keyring { id } => Some(Self::InKeyring(KeyId::from_stored(&id))),
        }
    }

    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let json = match self {
            Self::Plain(key) => return Zeroizing::new(key.expose().as_bytes().to_vec()),
            Self::Wrapped(wrapped) => Json::Passphrase(wrapped.clone()),
            Self::InKeyring(id) => Json::Keyring {
                id: id.as_str().to_owned(),
            },
        };
        let mut bytes = serde_json::to_vec(&json).expect("plain strings and numbers serialise");
        bytes.push(b'\n');
        Zeroizing::new(bytes)
    }

    pub(crate) fn id(&self) -> KeyId {
        match self {
            Self::Plain(key) => key.id(),
            Self::Wrapped(wrapped) => KeyId::from_stored(&wrapped.id),
            Self::InKeyring(id) => id.clone(),
        }
    }

    pub(crate) fn protection(&self) -> Protection {
        match self {
            Self::Plain(_) => Protection::File,
            Self::Wrapped(_) => Protection::Passphrase,
            Self::InKeyring(_) => Protection::Keyring,
        }
    }
}

impl WrappedKey {
    /// Whether anything at all could unwrap it: asked before somebody types a passphrase.
    fn is_usable(&self) -> bool {
        let salt = argon2::MIN_SALT_LEN..=64;
        self.argon2id.params().is_some() && salt.contains(&self.salt.len())
    }

    pub(crate) fn wrap(key: &VaultKey, passphrase: &Secret) -> Result<Self, VaultError> {
        let mut salt = [0_u8; 16];
        getrandom::fill(&mut salt).map_err(|_| VaultError::Random)?;
        let salt: String = salt.iter().map(|byte| format!("{byte:02x}")).collect();
        let cost = Cost::RECOMMENDED;
        let wrapping = stretch(passphrase, &salt, cost).ok_or(VaultError::PassphraseWrong)?;
        let sealer = Sealer::new(&wrapping);
        let sealed = sealer.seal(key.expose());
        Ok(Self {
            id: key.id().as_str().to_owned(),
            argon2id: cost,
            salt,
            sealed,
        })
    }

    pub(crate) fn unwrap(&self, passphrase: &Secret) -> Result<VaultKey, VaultError> {
        let wrapping = stretch(passphrase, &self.salt, self.argon2id);
        let sealer = Sealer::new(&wrapping.ok_or(VaultError::PassphraseWrong)?);
        let key = sealer
            .open(&self.sealed)
            .ok_or(VaultError::PassphraseWrong)?;
        VaultKey::parse(key.expose()).ok_or(VaultError::PassphraseWrong)
    }
}

/// `None` for parameters that [`WrappedKey::is_usable`] refuses.
fn stretch(passphrase: &Secret, salt: &str, cost: Cost) -> Option<VaultKey> {
    let (algorithm, version) = (argon2::Algorithm::Argon2id, argon2::Version::V0x13);
    let argon2 = argon2::Argon2::new(algorithm, version, cost.params()?);
    let mut bytes = Zeroizing::new([0_u8; 32]);
    let passphrase = passphrase.expose().as_bytes();
    let stretched = argon2.hash_password_into(passphrase, salt.as_bytes(), bytes.as_mut());
    stretched.ok().map(|()| VaultKey::from_bytes(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passphrase_opens_what_it_wrapped() {
        let key = VaultKey::generate().unwrap();
        let wrapped = WrappedKey::wrap(&key, &Secret::new("correct horse")).unwrap();
        let file = KeyFile::parse(&KeyFile::Wrapped(wrapped).to_bytes()).unwrap();
        assert_eq!(file.id(), key.id());
        assert_eq!(file.protection(), Protection::Passphrase);
        let KeyFile::Wrapped(wrapped) = file else {
            panic!("another form")
        };
        assert_eq!(wrapped.unwrap(&Secret::new("correct horse")).unwrap(), key);
        assert!(matches!(
            wrapped.unwrap(&Secret::new("wrong")),
            Err(VaultError::PassphraseWrong)
        ));
    }

    #[test]
    fn every_form_survives_its_file_and_rubbish_is_none() {
        let key = VaultKey::generate().unwrap();
        for file in [KeyFile::Plain(key.clone()), KeyFile::InKeyring(key.id())] {
            let again = KeyFile::parse(&file.to_bytes()).unwrap();
            assert_eq!(
                (again.id(), again.protection()),
                (file.id(), file.protection())
            );
        }
        for rubbish in [&b""[..], b"{}", b"\xff\xfe", b"{\"protection\":\"none\"}"] {
            assert!(KeyFile::parse(rubbish).is_none());
        }
    }
}
