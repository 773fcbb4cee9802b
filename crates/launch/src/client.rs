//! Which program the client is.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, accessat};

use crate::LaunchError;

/// The client's name in `PATH`.
const CLIENT_NAME: &str = "claude";

/// The absolute path of the client: `explicit` if it is given, else `claude` in `search_path`.
///
/// An `explicit` with a slash is a path, relative to `cwd`; without one it is a name to look up.
/// `ourselves` is never the client, by whatever link it is reached.
///
/// # Errors
/// If there is none, or what is there cannot be started.
pub fn find_client(
    explicit: Option<&Path>,
    search_path: Option<&OsStr>,
    cwd: &Path,
    ourselves: Option<&Path>,
) -> Result<PathBuf, LaunchError> {
    let ourselves = ourselves.and_then(|path| fs::metadata(path).ok());
    match explicit {
        Some(path) if path.as_os_str().as_bytes().contains(&b'/') => {
            at_path(cwd.join(path), ourselves.as_ref())
        }
        name => {
            let name = name.unwrap_or(Path::new(CLIENT_NAME));
            in_search_path(name, search_path.unwrap_or_default(), ourselves.as_ref())
        }
    }
}

fn at_path(path: PathBuf, ourselves: Option<&Metadata>) -> Result<PathBuf, LaunchError> {
    match fs::metadata(&path) {
        Err(_) => Err(LaunchError::ClientNotFound {
            client: path,
            looked_in: Vec::new(),
        }),
        Ok(found) if is_same_file(&found, ourselves) => Err(LaunchError::Ourselves(path)),
        Ok(found) if !can_start(&path, &found) => Err(LaunchError::NotExecutable { path }),
        Ok(_) => Ok(path),
    }
}

fn in_search_path(
    name: &Path,
    search_path: &OsStr,
    ourselves: Option<&Metadata>,
) -> Result<PathBuf, LaunchError> {
    let mut looked_in = Vec::new();
    let mut unusable = None;
    let entries = search_path.as_bytes().split(|&byte| byte == b':');
    let directories = entries.map(|entry| Path::new(OsStr::from_bytes(entry)));
    // An empty or relative entry means the working directory: whoever wrote the project that is
    // open there would choose the program that gets the credential.
    for directory in directories.filter(|directory| directory.is_absolute()) {
        let path = directory.join(name);
        match fs::metadata(&path) {
            Ok(found) if is_same_file(&found, ourselves) => {}
            Ok(found) if can_start(&path, &found) => return Ok(path),
            Ok(_) => unusable = unusable.or(Some(path)),
            Err(_) => {}
        }
        looked_in.push(directory.to_owned());
    }
    Err(match unusable {
        Some(path) => LaunchError::NotExecutable { path },
        None => LaunchError::ClientNotFound {
            client: name.to_owned(),
            looked_in,
        },
    })
}

fn is_same_file(found: &Metadata, ourselves: Option<&Metadata>) -> bool {
    ourselves.is_some_and(|us| (us.dev(), us.ino()) == (found.dev(), found.ino()))
}

fn can_start(path: &Path, found: &Metadata) -> bool {
    found.is_file() && accessat(CWD, path, Access::EXEC_OK, AtFlags::EACCESS).is_ok()
}

/// What tells one installed client from another.
///
/// A wrapper script stays the same when what it calls is updated: then what was learned of it
/// stays as well, until `doctor` asks again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientIdentity {
    /// Links resolved.
    pub path: PathBuf,
    /// In bytes.
    pub size: u64,
    /// Modification time, in nanoseconds since the epoch.
    pub mtime_ns: i64,
}

impl ClientIdentity {
    /// Looks at a client.
    ///
    /// # Errors
    /// If it is not there.
    pub fn of(client: &Path) -> Result<Self, LaunchError> {
        const NANOS: i64 = 1_000_000_000;
        let look = LaunchError::file("look at", client);
        let found = fs::canonicalize(client).and_then(|path| Ok((fs::metadata(&path)?, path)));
        let (metadata, path) = found.map_err(look)?;
        Ok(Self {
            path,
            size: metadata.len(),
            mtime_ns: metadata
                .mtime()
                .saturating_mul(NANOS)
                .saturating_add(metadata.mtime_nsec()),
        })
    }
}
