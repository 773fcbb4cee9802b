//! Secrets that a test planted, and the search for them where they must not be.

use std::fs;
use std::io::BufRead;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The secrets that a test planted.
#[derive(Debug, Default, Clone)]
pub struct PlantedSecrets {
    secrets: Vec<String>,
}

impl PlantedSecrets {
    /// No secrets yet.
    #[must_use]
    pub fn new() -> PlantedSecrets {
        PlantedSecrets::default()
    }

    /// Remembers `secret` and gives it back.
    ///
    /// # Panics
    /// When it is shorter than 8 bytes, which would be found everywhere.
    pub fn plant(&mut self, secret: impl Into<String>) -> String {
        let secret = secret.into();
        assert!(
            secret.len() >= 8,
            "a secret of {} bytes is found everywhere",
            secret.len()
        );
        if !self.secrets.contains(&secret) {
            self.secrets.push(secret.clone());
        }
        secret
    }

    /// The planted secrets that `bytes` holds as they are. Encoded ones (Base64, hex) are not looked for.
    #[must_use]
    pub fn find_in_bytes(&self, bytes: &[u8]) -> Vec<String> {
        self.secrets
            .iter()
            .filter(|secret| holds(bytes, secret.as_bytes()))
            .cloned()
            .collect()
    }

    /// Every regular file, symlink target and file name below `directories` that holds a planted secret, with the secret.
    /// Paths below one of `excluding` are not entered. Symlinks are not followed; what vanishes meanwhile is left out.
    ///
    /// # Panics
    /// When something exists and cannot be read: an unread file would look like a clean one.
    #[must_use]
    pub fn find_in_tree(
        &self,
        directories: &[&Path],
        excluding: &[&Path],
    ) -> Vec<(PathBuf, String)> {
        let mut found = Vec::new();
        for directory in directories {
            self.search(directory, excluding, &mut found);
        }
        found
    }

    fn search(&self, path: &Path, excluding: &[&Path], found: &mut Vec<(PathBuf, String)>) {
        if excluding.iter().any(|excluded| path.starts_with(excluded)) {
            return;
        }
        let Some(metadata) = present(path, fs::symlink_metadata(path)) else {
            return;
        };
        let name = path
            .file_name()
            .map(|name| name.as_bytes().to_vec())
            .unwrap_or_default();
        let mut note = |bytes: &[u8]| {
            found.extend(
                self.find_in_bytes(bytes)
                    .into_iter()
                    .map(|secret| (path.to_owned(), secret)),
            );
        };
        note(&name);
        if metadata.is_symlink() {
            note(
                present(path, fs::read_link(path))
                    .unwrap_or_default()
                    .as_os_str()
                    .as_bytes(),
            );
        } else if metadata.is_file() {
            note(&present(path, fs::read(path)).unwrap_or_default());
        } else if metadata.is_dir() {
            let Some(entries) = present(path, fs::read_dir(path)) else {
                return;
            };
            for entry in entries.map_while(|entry| present(path, entry)) {
                self.search(&entry.path(), excluding, found);
            }
        }
    }
}

fn present<T>(path: &Path, outcome: std::io::Result<T>) -> Option<T> {
    match outcome {
        Ok(value) => Some(value),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => panic!("{}: {error}", path.display()),
    }
}

/// Skips from one first byte to the next with the standard library's optimised search:
/// a loop written here would run unoptimised in tests, over databases of megabytes.
fn holds(mut bytes: &[u8], secret: &[u8]) -> bool {
    let Some((first, rest)) = secret.split_first() else {
        return false;
    };
    while bytes.skip_until(*first).is_ok_and(|skipped| skipped > 0) {
        if bytes.starts_with(rest) && !rest.is_empty() {
            return true;
        }
    }
    false
}
