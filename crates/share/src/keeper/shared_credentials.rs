//! The one credential file of `link` mode. Members of the group can write where it lies, so it is
//! reached by descriptors and never through a link.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use model::{CredentialDocument, DOCUMENT_LIMIT};
use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, RenameFlags, Uid, openat, renameat_with, unlinkat,
};
use rustix::io::Errno;
use zeroize::Zeroizing;

const NAME: &str = ".credentials.json";
const ON_ITS_WAY: &str = ".credentials.json.claude-share-keeper";

/// `<shared>/home/.claude`.
fn directory(shared_directory: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut directory = rustix::fs::open(shared_directory, flags, Mode::empty())?;
    for name in ["home", ".claude"] {
        directory = openat(&directory, name, flags, Mode::empty())?;
    }
    Ok(directory)
}

/// The login in it; `None` if there is none that can be renewed.
pub(super) fn read(shared_directory: &Path) -> Option<CredentialDocument> {
    read_at(&directory(shared_directory).ok()?, NAME)
}

fn read_at(directory: &OwnedFd, name: &str) -> Option<CredentialDocument> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(directory, name, flags, Mode::empty()).ok()?;
    let stat = rustix::fs::fstat(&file).ok()?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return None;
    }
    let mut bytes = Zeroizing::new(Vec::new());
    let limit = DOCUMENT_LIMIT as u64 + 1;
    std::fs::File::from(file)
        .take(limit)
        .read_to_end(&mut bytes)
        .ok()?;
    let document = CredentialDocument::parse(&bytes).ok()?;
    (!document.refresh_token().is_empty()).then_some(document)
}

/// Puts a whole login into it: owned by root, for the group to read and write. Gives the login that
/// was there, which may have come a moment ago.
pub(super) fn write(
    shared_directory: &Path,
    gid: u32,
    login: &CredentialDocument,
) -> io::Result<Option<CredentialDocument>> {
    let directory = directory(shared_directory)?;
    // Whatever has that name is a leftover, or somebody's in our way.
    clear_away(&directory);
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&directory, ON_ITS_WAY, flags, Mode::from_raw_mode(0o600))?;
    rustix::fs::fchown(&file, Some(Uid::ROOT), Some(Gid::from_raw(gid)))?;
    let bytes = Zeroizing::new(login.to_bytes());
    let mut file = std::fs::File::from(file);
    file.write_all(&bytes)?;
    // Wider only now that it is the group's; before, nobody else could open it.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o660))?;
    let replaced = put_in_place(&directory)?;
    clear_away(&directory);
    Ok(replaced)
}

/// Exchanges the two names where there is something to exchange, so that nothing is lost unseen.
fn put_in_place(directory: &OwnedFd) -> io::Result<Option<CredentialDocument>> {
    const ATTEMPTS: usize = 8;
    let rename = |flags| renameat_with(directory, ON_ITS_WAY, directory, NAME, flags);
    for _attempt in 0..ATTEMPTS {
        match rename(RenameFlags::EXCHANGE) {
            Ok(()) => return Ok(read_at(directory, ON_ITS_WAY)),
            Err(Errno::NOENT) => {}
            // A file system that cannot.
            Err(_) => break,
        }
        match rename(RenameFlags::NOREPLACE) {
            Ok(()) => return Ok(None),
            Err(Errno::EXIST) => {}
            Err(_) => break,
        }
    }
    let replaced = read_at(directory, NAME);
    rename(RenameFlags::empty())?;
    Ok(replaced)
}

fn clear_away(directory: &OwnedFd) {
    if unlinkat(directory, ON_ITS_WAY, AtFlags::empty()).is_err() {
        unlinkat(directory, ON_ITS_WAY, AtFlags::REMOVEDIR).unwrap_or_default();
    }
}
