//! The last resort for a renewed login: when the token server has answered and the database
//! cannot take the answer (disk full since the moment it was proven writable), the login goes
//! into blocks that were written beforehand.

use std::fs::{self, File, OpenOptions};
use std::io::{Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model::{AccountId, CredentialDocument, Identity};
use serde::{Deserialize, Serialize};

use crate::login::{Cause, NewLogin};
use crate::logins;
use crate::record::select;
use crate::{Vault, VaultError, durable};

/// Bytes written beforehand. A sealed document of the usual kilobyte takes two; a larger one that
/// does not fit still has its history of generations.
const RESERVED: usize = 16 * 1024;

/// Space on the disk for one sealed login. Dropping it gives the space back.
#[derive(Debug)]
pub struct Rescue {
    path: PathBuf,
    file: File,
    used: bool,
}

#[derive(Serialize, Deserialize)]
struct Rescued {
    account_id: String,
    generation: i64,
    document: serde_json::Value,
    lifetime_millis: Option<u64>,
}

impl Vault {
    /// Reserves the space, and removes what killed processes left reserved for this account. The
    /// caller holds the account's lease.
    ///
    /// # Errors
    /// If there is no space: then the token must not be spent.
    pub fn prepare_rescue(&self, id: &AccountId) -> Result<Rescue, VaultError> {
        let directory = self.paths().rescue();
        durable::private_directory(&directory)?;
        let prefix = format!("{}.", id.file_name());
        for (path, bytes) in entries(&directory) {
            let ours = path
                .file_name()
                .and_then(|name| name.to_str())
                .is_some_and(|name| name.starts_with(&prefix));
            if ours && is_unused(&bytes) {
                drop(fs::remove_file(path));
            }
        }
        let random = getrandom::u64().map_err(|_| VaultError::Random)?;
        Rescue::reserve(&directory.join(format!("{prefix}{random:016x}")))
    }

    /// Keeps a login in reserved space.
    ///
    /// # Errors
    /// If even that fails, or it is too large.
    pub fn keep_rescued(
        &self,
        rescue: &mut Rescue,
        id: &AccountId,
        generation: i64,
        login: &NewLogin,
    ) -> Result<(), VaultError> {
        let rescued = Rescued {
            account_id: id.as_str().to_owned(),
            generation,
            document: login.document.to_value(),
            lifetime_millis: login
                .lifetime
                .and_then(|lifetime| u64::try_from(lifetime.as_millis()).ok()),
        };
        let json = zeroize::Zeroizing::new(
            serde_json::to_string(&rescued).expect("a JSON value serialises"),
        );
        // Nothing but the key in force opens it later.
        self.forget_outdated_sealer();
        rescue.fill(self.sealer()?.seal(&json).as_bytes())
    }

    /// Stores what was rescued, where the account still has the generation that it follows.
    pub fn recover_rescued(&self) {
        for (path, bytes) in entries(&self.paths().rescue()) {
            if is_unused(&bytes) {
                continue;
            }
            // A vault that cannot be unlocked or written now is recovered another time.
            let recovered = self.recover(&bytes);
            if recovered.is_ok() {
                drop(fs::remove_file(path));
            }
        }
    }

    fn recover(&self, bytes: &[u8]) -> Result<(), VaultError> {
        let token = String::from_utf8_lossy(bytes);
        let unopened = || VaultError::Damaged {
            name: String::new(),
            part: "rescued login",
        };
        self.write(|transaction, sealer| {
            let json = sealer
                .open(token.trim_end_matches('\0'))
                .ok_or_else(unopened)?;
            let rescued: Rescued = serde_json::from_str(json.expose()).map_err(|_| unopened())?;
            let document = CredentialDocument::parse(rescued.document.to_string().as_bytes())
                .map_err(|_| unopened())?;
            let id = AccountId::from_stored(rescued.account_id);
            let wrap = |source| self.database_error(source);
            let account = select(transaction, "id = ?1", id.as_str()).map_err(wrap)?;
            if account.is_some_and(|account| account.generation == rescued.generation) {
                let lifetime = rescued.lifetime_millis.map(Duration::from_millis);
                let login = NewLogin {
                    document,
                    identity: Identity::default(),
                    lifetime,
                    cause: Cause::Renewed,
                };
                logins::store(transaction, sealer, &id, &login).map_err(wrap)?;
            }
            Ok(())
        })
    }
}

impl Rescue {
    fn reserve(path: &Path) -> Result<Self, VaultError> {
        let wrap = |source| VaultError::file("reserve space in", path, source);
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(path)
            .map_err(wrap)?;
        let mut rescue = Self {
            path: path.to_owned(),
            file,
            used: false,
        };
        rescue.file.write_all(&[0; RESERVED]).map_err(wrap)?;
        rescue.file.sync_all().map_err(wrap)?;
        durable::sync_directory_of(path)?;
        Ok(rescue)
    }

    fn fill(&mut self, sealed: &[u8]) -> Result<(), VaultError> {
        if sealed.len() > RESERVED {
            let problem = format!("has {RESERVED} bytes, and {} are needed", sealed.len());
            return Err(VaultError::Unsuitable {
                path: self.path.clone(),
                problem,
            });
        }
        let written = self
            .file
            .seek(SeekFrom::Start(0))
            .and_then(|_| self.file.write_all(sealed));
        written
            .and_then(|()| self.file.sync_data())
            .map_err(|source| VaultError::file("write", &self.path, source))?;
        self.used = true;
        Ok(())
    }
}

impl Drop for Rescue {
    fn drop(&mut self) {
        if !self.used {
            drop(fs::remove_file(&self.path));
        }
    }
}

fn is_unused(bytes: &[u8]) -> bool {
    bytes.first().is_none_or(|&first| first == 0)
}

fn entries(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(listing) = fs::read_dir(directory) else {
        return Vec::new();
    };
    let paths = listing.filter_map(Result::ok).map(|entry| entry.path());
    let read = paths.filter_map(|path| {
        let bytes = durable::read_regular(&path, RESERVED as u64).ok()??;
        Some((path, bytes))
    });
    read.collect()
}
