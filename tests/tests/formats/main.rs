//! What earlier versions have written opens in this one: the samples of every version in `tests/samples`, each opened in a
//! copy by the programs of today, which find in it what it was made with (`contents.json`).

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "helpers of tests; files that nobody has to recover"
)]

mod accounts;
mod dashboard;
mod laptop;
mod server;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use end_to_end::read_json;
use serde_json::Value;

/// What one version wrote.
struct Sample {
    directory: PathBuf,
    /// What it was made with.
    contents: Value,
}

impl Sample {
    /// Those of all versions.
    fn all() -> Vec<Sample> {
        let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        let entries = fs::read_dir(samples).unwrap().flatten();
        let directories = entries.filter(|entry| entry.file_type().unwrap().is_dir());
        let samples = directories.map(|entry| Sample {
            directory: entry.path(),
            contents: read_json(&entry.path().join("contents.json")),
        });
        let samples: Vec<Sample> = samples.collect();
        assert!(!samples.is_empty());
        samples
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// Copies a directory of it with the modes that its files had: a checkout keeps none.
    fn copy(&self, name: &str, to: &Path) {
        copy(&self.path(name), to);
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o700)).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => copy_file(&entry.path(), &target),
        }
    }
}

fn copy_file(from: &Path, to: &Path) {
    fs::copy(from, to).unwrap();
    fs::set_permissions(to, Permissions::from_mode(0o600)).unwrap();
}

/// A member that no version knows.
const UNKNOWN: &str = "ofALaterVersion";

/// Adds it to an object of JSON.
fn add_unknown(path: &Path) {
    let mut value = read_json(path);
    value[UNKNOWN] = serde_json::json!({"kept": true});
    fs::write(path, value.to_string()).unwrap();
}

/// Fails if it is not there any more.
#[track_caller]
fn assert_keeps_unknown(path: &Path) {
    let value = read_json(path);
    assert_eq!(value[UNKNOWN]["kept"], true, "{value:#}");
}
