//! What is remembered of the installed clients, so that each is asked once.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vault::durable;

use crate::{ClientIdentity, LaunchError, ViewSupport};

/// What was learned of the clients on this machine: `clients.json` in the vault's directory, 0600.
///
/// Two processes that remember at once lose one of the two, which is then asked for again.
#[derive(Clone, Debug)]
pub struct SupportCache {
    path: PathBuf,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    /// As ASCII with escapes: paths may be any bytes, JSON may not.
    path: String,
    size: u64,
    mtime_ns: i64,
    view: ViewSupport,
}

impl Remembered {
    fn is_of(&self, client: &ClientIdentity, path: &str) -> bool {
        self.path == path && self.size == client.size && self.mtime_ns == client.mtime_ns
    }
}

impl SupportCache {
    /// The newest this many are kept.
    const KEPT: usize = 20;
    /// In bytes; [`Self::KEPT`] with the longest paths have less.
    const LIMIT: u64 = 512 * 1024;

    /// The cache of the vault in `vault_dir`.
    #[must_use]
    pub fn new(vault_dir: &Path) -> Self {
        Self {
            path: vault_dir.join("clients.json"),
        }
    }

    /// What is known of this very client. A broken cache knows nothing.
    #[must_use]
    pub fn lookup(&self, client: &ClientIdentity) -> Option<ViewSupport> {
        let path = escaped(&client.path);
        let known = self.read();
        let found = known.iter().find(|known| known.is_of(client, &path))?;
        Some(found.view)
    }

    /// Remembers what a client supports, in place of what was known of its path.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn remember(&self, client: &ClientIdentity, view: ViewSupport) -> Result<(), LaunchError> {
        let path = escaped(&client.path);
        let mut known = self.read();
        known.retain(|known| known.path != path);
        let newest = Remembered {
            path,
            size: client.size,
            mtime_ns: client.mtime_ns,
            view,
        };
        known.insert(0, newest);
        known.truncate(Self::KEPT);
        let bytes = serde_json::to_vec(&known).map_err(std::io::Error::from);
        let bytes = bytes.map_err(LaunchError::file("write", &self.path))?;
        durable::replace_volatile(&self.path, &bytes, 0o600)?;
        Ok(())
    }

    /// Forgets everything, so that each client is asked anew.
    ///
    /// # Errors
    /// If the file cannot be removed.
    pub fn forget(&self) -> Result<(), LaunchError> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(LaunchError::file("remove", &self.path)(error))
            }
            _ => Ok(()),
        }
    }

    fn read(&self) -> Vec<Remembered> {
        let bytes = durable::read_regular(&self.path, Self::LIMIT);
        let bytes = bytes.ok().flatten().unwrap_or_default();
        serde_json::from_slice(&bytes).unwrap_or_default()
    }
}

fn escaped(path: &Path) -> String {
    path.as_os_str()
        .as_encoded_bytes()
        .escape_ascii()
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use testkit::TestHome;

    #[test]
    fn a_broken_cache_is_an_empty_one() {
        let home = TestHome::new();
        let cache = SupportCache::new(home.root());
        let client = ClientIdentity {
            path: "/x".into(),
            size: 1,
            mtime_ns: 2,
        };
        for text in ["", "{", "[{}]", "[1]", "null"] {
            testkit::documents::write_private(&home.root().join("clients.json"), text);
            assert_eq!(cache.lookup(&client), None);
            cache.remember(&client, ViewSupport::Neither).unwrap();
            assert_eq!(cache.lookup(&client), Some(ViewSupport::Neither));
        }
    }

    #[test]
    fn the_cache_keeps_the_newest_and_knows_an_update() {
        let home = TestHome::new();
        let cache = SupportCache::new(home.root());
        let client = |number: u64| ClientIdentity {
            path: format!("/client/{number}").into(),
            size: number,
            mtime_ns: -1,
        };
        for number in 0..30 {
            cache
                .remember(&client(number), ViewSupport::SecureStorage)
                .unwrap();
        }
        let known = (0..30).filter(|number| cache.lookup(&client(*number)).is_some());
        assert_eq!(known.collect::<Vec<_>>(), (10..30).collect::<Vec<_>>());
        let updated = ClientIdentity {
            size: 7,
            ..client(29)
        };
        assert_eq!(cache.lookup(&updated), None);
        cache
            .remember(&updated, ViewSupport::ConfigDirectory)
            .unwrap();
        assert_eq!(cache.lookup(&updated), Some(ViewSupport::ConfigDirectory));
        assert_eq!(cache.lookup(&client(29)), None);
        let mode = std::fs::metadata(home.root().join("clients.json"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
        cache.forget().unwrap();
        cache.forget().unwrap();
        assert_eq!(cache.lookup(&updated), None);
    }
}
