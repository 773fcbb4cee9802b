//! What this program was called.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FileType, Stat, lstat, stat};
use rustix::param::linux_execfn;

/// The file that this process runs.
const OWN: &str = "/proc/self/exe";
/// The agent's socket, as seen from the directory of the links.
const SOCKET: &str = "../socket";

/// Which file it is: device and inode.
pub(crate) type Identity = (u64, u64);

/// A link to this program, through which it was started.
#[derive(Debug)]
pub(crate) struct Called {
    /// The link's name.
    pub(crate) name: OsString,
    /// The directory that the link is in.
    pub(crate) directory: PathBuf,
    /// All words, with the first, which is the name or says something else.
    pub(crate) words: Vec<OsString>,
    /// This program.
    pub(crate) own: Identity,
}

impl Called {
    /// `None` if it was started by one of its own names, or through no link.
    pub(crate) fn find(own_names: &[&str]) -> Option<Self> {
        // As the kernel was told. Of an interpreter that is the script, and the first word its own path.
        let executed = Path::new(OsStr::from_bytes(linux_execfn().to_bytes()));
        let name = executed.file_name()?;
        if own_names.iter().any(|own| name == *own) {
            return None;
        }
        let own = identity(&stat(OWN).ok()?);
        let words: Vec<OsString> = std::env::args_os().collect();
        let first = words
            .first()
            .map(Path::new)
            .filter(|first| has_slash(first));
        let link = [Some(executed), first]
            .into_iter()
            .flatten()
            .find(|path| is_link_to(path, own))?;
        let name = link.file_name()?;
        if own_names.iter().any(|own| name == *own) {
            return None;
        }
        let (name, directory) = (name.to_owned(), directory_of(link));
        Some(Self {
            name,
            directory,
            words,
            own,
        })
    }

    /// Whether there is a session, or one that was killed has left this.
    pub(crate) fn has_socket(&self) -> bool {
        lstat(self.directory.join(SOCKET)).is_ok()
    }
}

/// Which file that is.
pub(crate) fn identity(facts: &Stat) -> Identity {
    (facts.st_dev, facts.st_ino)
}

fn is_link_to(path: &Path, own: Identity) -> bool {
    let is_link =
        lstat(path).is_ok_and(|facts| FileType::from_raw_mode(facts.st_mode) == FileType::Symlink);
    is_link && stat(path).is_ok_and(|facts| identity(&facts) == own)
}

fn has_slash(path: &Path) -> bool {
    path.as_os_str().as_bytes().contains(&b'/')
}

fn directory_of(link: &Path) -> PathBuf {
    match link.parent() {
        Some(directory) if !directory.as_os_str().is_empty() => directory.to_owned(),
        _ => PathBuf::from("."),
    }
}
