//! Which program is started.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use launch::{ClientIdentity, LaunchError, find_client};
use testkit::TestHome;
use testkit::documents::write_private;

struct Machine {
    home: TestHome,
    first: PathBuf,
    second: PathBuf,
    project: PathBuf,
}

impl Machine {
    fn new() -> Machine {
        let home = TestHome::new();
        let [first, second, project] =
            ["first", "second", "project"].map(|name| home.root().join(name));
        for directory in [&first, &second, &project] {
            fs::create_dir(directory).unwrap();
        }
        Machine {
            home,
            first,
            second,
            project,
        }
    }

    fn program(path: PathBuf, mode: u32) -> PathBuf {
        write_private(&path, "x");
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn search_path(&self) -> OsString {
        std::env::join_paths([&self.first, &self.second]).unwrap()
    }

    fn find(
        &self,
        explicit: Option<&str>,
        ourselves: Option<&Path>,
    ) -> Result<PathBuf, LaunchError> {
        find_client(
            explicit.map(Path::new),
            Some(&self.search_path()),
            &self.project,
            ourselves,
        )
    }
}

#[test]
fn the_first_executable_file_in_the_path_is_the_client() {
    let machine = Machine::new();
    let error = machine.find(None, None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains(&*machine.second.to_string_lossy()),
        "{error}"
    );
    fs::create_dir(machine.first.join("claude")).unwrap();
    let error = machine.find(None, None).unwrap_err();
    assert!(
        matches!(error, LaunchError::NotExecutable { path } if path == machine.first.join("claude"))
    );
    let client = Machine::program(machine.second.join("claude"), 0o755);
    assert_eq!(machine.find(None, None).unwrap(), client);
    fs::remove_dir(machine.first.join("claude")).unwrap();
    Machine::program(machine.first.join("claude"), 0o644);
    assert_eq!(machine.find(None, None).unwrap(), client);
}

#[test]
fn we_are_never_the_client() {
    let machine = Machine::new();
    let us = Machine::program(machine.home.root().join("claude-accounts"), 0o755);
    symlink(&us, machine.first.join("claude")).unwrap();
    assert!(matches!(
        machine.find(None, Some(&us)),
        Err(LaunchError::ClientNotFound { .. })
    ));
    let named = machine.first.join("claude");
    let error = machine.find(named.to_str(), Some(&us)).unwrap_err();
    assert!(matches!(error, LaunchError::Ourselves(_)), "{error}");
    let client = Machine::program(machine.second.join("claude"), 0o755);
    assert_eq!(machine.find(None, Some(&us)).unwrap(), client);
}

#[test]
fn a_project_cannot_supply_the_client() {
    let machine = Machine::new();
    Machine::program(machine.project.join("claude"), 0o755);
    Machine::program(machine.project.join("bin/claude"), 0o755);
    for search_path in ["", ":", "bin", "./bin:.", "::bin"] {
        let found = find_client(None, Some(OsStr::new(search_path)), &machine.project, None);
        assert!(
            matches!(found, Err(LaunchError::ClientNotFound { .. })),
            "{search_path:?}: {found:?}"
        );
    }
    assert!(find_client(None, None, &machine.project, None).is_err());
}

#[test]
fn a_named_client_is_a_path_or_a_name() {
    let machine = Machine::new();
    let beside = Machine::program(machine.project.join("bin/claude-next"), 0o755);
    let in_path = Machine::program(machine.second.join("claude-next"), 0o755);
    assert_eq!(machine.find(Some("bin/claude-next"), None).unwrap(), beside);
    assert_eq!(machine.find(Some("claude-next"), None).unwrap(), in_path);
    assert_eq!(machine.find(in_path.to_str(), None).unwrap(), in_path);
    assert!(matches!(
        machine.find(Some("./none"), None),
        Err(LaunchError::ClientNotFound { .. })
    ));
    Machine::program(machine.project.join("plain"), 0o600);
    assert!(matches!(
        machine.find(Some("./plain"), None),
        Err(LaunchError::NotExecutable { .. })
    ));
}

#[test]
fn an_update_is_another_identity() {
    let machine = Machine::new();
    let version = Machine::program(machine.home.root().join("2.1.330"), 0o755);
    let link = machine.first.join("claude");
    symlink(&version, &link).unwrap();
    let before = ClientIdentity::of(&link).unwrap();
    assert_eq!(before.path, fs::canonicalize(&version).unwrap());
    assert_eq!(ClientIdentity::of(&version).unwrap(), before);
    let older = std::time::SystemTime::UNIX_EPOCH
        + std::time::Duration::from_nanos(1_500_000_000_000_000_123);
    fs::File::open(&version)
        .unwrap()
        .set_modified(older)
        .unwrap();
    let after = ClientIdentity::of(&link).unwrap();
    assert_eq!(
        (after.mtime_ns, after.size),
        (1_500_000_000_000_000_123, before.size)
    );
    assert_ne!(after, before);
    assert!(ClientIdentity::of(Path::new("/nowhere/claude")).is_err());
}
