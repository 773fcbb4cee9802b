//! A session directory for clients that only know `CLAUDE_CONFIG_DIR`: its own credentials, and
//! links for everything else.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};

use vault::durable::{self, Placing};

use crate::LaunchError;

/// Directories that the client makes as it needs them (2.1.330). Made before the session starts,
/// they are shared like the others; made by the session, they would be its own.
const CLIENT_DIRECTORIES: &[&str] = &[
    "agents",
    "backups",
    "cache",
    "commands",
    "debug",
    "downloads",
    "file-history",
    "ide",
    "paste-cache",
    "plans",
    "plugins",
    "projects",
    "session-env",
    "sessions",
    "shell-snapshots",
    "skills",
    "statsig",
    "tasks",
    "teams",
    "telemetry",
    "todos",
    "usage-data",
];

const STATE_FILE: &str = ".claude.json";

/// What came of [`carry_back`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CarriedBack {
    /// Names that are now in the client's directory.
    pub moved: Vec<PathBuf>,
    /// Names that stay in the session directory: the client's directory has them already, or they
    /// could not be copied.
    pub left: Vec<PathBuf>,
}

/// Fills `session`, which holds the real `.credentials.json`, with links to every entry of
/// `claude_dir` (`~/.claude`) but credentials and locks, and to `claude_json` (`~/.claude.json`).
/// What is missing of the directories that the client makes is made in `claude_dir` first.
///
/// All paths are absolute. What stands in `session` already stays as it is.
///
/// # Errors
/// The system's.
pub fn link_config(
    session: &Path,
    claude_dir: &Path,
    claude_json: &Path,
) -> Result<(), LaunchError> {
    make_directory(claude_dir)?;
    for name in CLIENT_DIRECTORIES {
        make_directory(&claude_dir.join(name))?;
    }
    let listing = |source| LaunchError::file("list", claude_dir)(source);
    for entry in fs::read_dir(claude_dir).map_err(listing)? {
        let name = entry.map_err(listing)?.file_name();
        if !is_private(&name) && name != STATE_FILE {
            link(&claude_dir.join(&name), &session.join(&name))?;
        }
    }
    // A link to nothing would be replaced by a file of the session's own at the first write.
    if claude_json.symlink_metadata().is_err() {
        durable::write(claude_json, b"{}\n", 0o600, Placing::New).or_else(only_if_missing)?;
    }
    link(claude_json, &session.join(STATE_FILE))
}

/// After the session: moves what the client made in `session` and `claude_dir` does not have.
/// Credentials, locks and links stay, to be wiped with `session`.
///
/// A `.claude.json` that is no link any more is left and reported: it was written past the link,
/// and which of the two is right cannot be told here.
///
/// # Errors
/// If `session` cannot be listed. What cannot be moved is reported instead.
pub fn carry_back(session: &Path, claude_dir: &Path) -> Result<CarriedBack, LaunchError> {
    let listing = |source| LaunchError::file("list", session)(source);
    let mut carried = CarriedBack::default();
    for entry in fs::read_dir(session).map_err(listing)? {
        let entry = entry.map_err(listing)?;
        let name = entry.file_name();
        let is_link = entry.file_type().map_err(listing)?.is_symlink();
        if is_link || is_private(&name) {
            continue;
        }
        let (from, to) = (session.join(&name), claude_dir.join(&name));
        if name != STATE_FILE && move_new(&from, &to).is_ok() {
            carried.moved.push(name.into());
        } else {
            carried.left.push(name.into());
        }
    }
    carried.moved.sort();
    carried.left.sort();
    Ok(carried)
}

/// Credentials with their temporary files, and locks, which are each session's own.
fn is_private(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.starts_with(b".credentials.json") || name.ends_with(b".lock")
}

fn make_directory(path: &Path) -> Result<(), LaunchError> {
    match DirBuilder::new().mode(0o700).create(path) {
        // Whatever it is, it is the user's: a link to elsewhere, for example.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(LaunchError::file("make the directory", path)),
    }
}

fn link(target: &Path, path: &Path) -> Result<(), LaunchError> {
    match symlink(target, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map_err(LaunchError::file("make the link", path)),
    }
}

/// Another launch may have made it in between.
fn only_if_missing(error: vault::VaultError) -> Result<(), vault::VaultError> {
    match error {
        vault::VaultError::File { source, .. } if source.kind() == io::ErrorKind::AlreadyExists => {
            Ok(())
        }
        error => Err(error),
    }
}

/// Moves across file systems, as the session directory is usually in memory: copied beside the
/// destination, then named only if nothing has that name, then removed.
fn move_new(from: &Path, to: &Path) -> io::Result<()> {
    if to.symlink_metadata().is_ok() {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let directory = to.parent().unwrap_or(Path::new("/"));
    let staging = tempfile::Builder::new()
        .prefix(".carried-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir_in(directory)?;
    let copy = staging.path().join("entry");
    copy_tree(from, &copy)?;
    if from.is_dir() {
        // Never in place of a file or of a directory with anything in it.
        fs::rename(&copy, to)?;
        fs::remove_dir_all(from)
    } else {
        fs::hard_link(&copy, to)?;
        fs::remove_file(from)
    }
}

/// Files keep their mode; sockets, FIFOs and devices cannot be carried anywhere.
fn copy_tree(from: &Path, to: &Path) -> io::Result<()> {
    let kind = from.symlink_metadata()?.file_type();
    if kind.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if kind.is_file() {
        return fs::copy(from, to).map(drop);
    }
    if !kind.is_dir() {
        return Err(io::ErrorKind::Unsupported.into());
    }
    DirBuilder::new().mode(0o700).create(to)?;
    for entry in fs::read_dir(from)? {
        let name = entry?.file_name();
        copy_tree(&from.join(&name), &to.join(&name))?;
    }
    Ok(())
}
