//! The one credential file of `link` mode. Members of the group can write where it lies, so it is
//! reached by descriptors and never through a link.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;

use model::{CredentialDocument, DOCUMENT_LIMIT};
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, openat};
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
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = openat(
        directory(shared_directory).ok()?,
        NAME,
        flags,
        Mode::empty(),
    )
    .ok()?;
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

/// Puts a whole login into it: owned by root, for the group to read and write.
pub(super) fn write(
    shared_directory: &Path,
    gid: u32,
    login: &CredentialDocument,
) -> io::Result<()> {
    let directory = directory(shared_directory)?;
    // Whatever has that name is a leftover, or somebody's in our way.
    rustix::fs::unlinkat(&directory, ON_ITS_WAY, AtFlags::empty()).unwrap_or_default();
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = openat(&directory, ON_ITS_WAY, flags, Mode::from_raw_mode(0o600))?;
    rustix::fs::fchown(&file, Some(Uid::ROOT), Some(Gid::from_raw(gid)))?;
    let bytes = Zeroizing::new(login.to_bytes());
    let mut file = std::fs::File::from(file);
    file.write_all(&bytes)?;
    // Wider only now that it is the group's; before, nobody else could open it.
    rustix::fs::fchmod(&file, Mode::from_raw_mode(0o660))?;
    Ok(rustix::fs::renameat(
        &directory, ON_ITS_WAY, &directory, NAME,
    )?)
}
