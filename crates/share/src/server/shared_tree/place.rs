//! A directory of the shared ones, by its descriptor.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, CWD, FileType, Gid, Mode, OFlags, RenameFlags, Stat, Uid, fstat, openat, statat,
};
use rustix::io::Errno;

use crate::ShareError;

/// Largest file that is read there, in bytes.
const LIMIT: u64 = 4 * 1024 * 1024;

const DIRECTORY: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How something in the shared directory was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Missing,
    Good,
    /// Ours, with another mode or group.
    Repairable(String),
    /// Not ours; for people.
    Foreign(String),
}

impl Found {
    /// Whether it can be gone into.
    pub(super) fn is_ours(&self) -> bool {
        matches!(self, Self::Good | Self::Repairable(_))
    }

    pub(super) fn text(&self) -> String {
        match self {
            Self::Missing => "is missing".to_owned(),
            Self::Good => "is as it should be".to_owned(),
            Self::Repairable(text) | Self::Foreign(text) => text.clone(),
        }
    }
}

/// What was done about something.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Change {
    None,
    Made,
    Repaired,
    /// Made anew; what was there has this name now.
    Replaced(String),
}

pub(super) struct Place {
    descriptor: OwnedFd,
}

/// The directory that holds `path`. Every directory down to it must be root's, and nobody else's
/// to write: otherwise a user could put a directory of his own in the place of ours. `None` if one
/// is missing and they need not all be there.
pub(super) fn parent(path: &Path, required: bool) -> Result<Option<Place>, ShareError> {
    let above = path.parent().unwrap_or(Path::new("/"));
    let opened = rustix::fs::open("/", DIRECTORY, Mode::empty());
    let mut descriptor = opened.map_err(|errno| ShareError::System {
        action: "open /".to_owned(),
        source: errno.into(),
    })?;
    let mut reached = PathBuf::from("/");
    check_trusted(&descriptor, &reached)?;
    for component in above.components() {
        let Component::Normal(name) = component else {
            continue;
        };
        reached.push(name);
        descriptor = match openat(&descriptor, name, DIRECTORY, Mode::empty()) {
            Err(Errno::NOENT) if !required => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                return Err(super::refused(
                    &reached,
                    "is a link or no directory; give the shared directory by a path without links",
                ));
            }
            opened => opened.map_err(|errno| ShareError::System {
                action: format!("open {}", reached.display()),
                source: errno.into(),
            })?,
        };
        check_trusted(&descriptor, &reached)?;
    }
    Ok(Some(Place { descriptor }))
}

fn check_trusted(descriptor: &OwnedFd, path: &Path) -> Result<(), ShareError> {
    let stat = fstat(descriptor).map_err(|errno| ShareError::System {
        action: format!("look at {}", path.display()),
        source: errno.into(),
    })?;
    let others_write = stat.st_mode & 0o022 != 0 && stat.st_mode & 0o1000 == 0;
    let problem = if stat.st_uid != 0 {
        format!("belongs to uid {}", stat.st_uid)
    } else if others_write {
        format!(
            "can be written by others (mode {:04o})",
            stat.st_mode & 0o7777
        )
    } else {
        return Ok(());
    };
    Err(super::refused(
        path,
        &format!(
            "{problem}, who could put something else in the place of the shared directory; choose a shared directory below directories of root's"
        ),
    ))
}

/// The directories above `path` that are not there, outermost first.
pub(super) fn missing_parents(path: &Path) -> Result<Vec<PathBuf>, ShareError> {
    let mut missing = Vec::new();
    let mut above = path.parent();
    while let Some(directory) = above {
        match directory.symlink_metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => missing.push(directory.to_owned()),
            found => {
                found.map_err(ShareError::system(format!(
                    "look at {}",
                    directory.display()
                )))?;
                break;
            }
        }
        above = directory.parent();
    }
    missing.reverse();
    // Nothing is made below a directory that is not to be trusted.
    if let Some(outermost) = missing.first() {
        parent(outermost, true)?;
    }
    Ok(missing)
}

/// The directory that holds `path`, which is the shared directory, above it or below it; `None` if
/// it is not there.
pub(super) fn holder(shared: &Path, path: &Path) -> io::Result<Option<Place>> {
    let top = if path.starts_with(shared) {
        shared
    } else {
        path
    };
    let opened = parent(top, false).map_err(|error| io::Error::other(error.to_string()))?;
    let Some(mut place) = opened else {
        return Ok(None);
    };
    let above = path.parent().unwrap_or(path);
    // From the name of the shared directory on.
    let start = top.components().count() - 1;
    for component in above.components().skip(start) {
        match place.directory(&component.as_os_str().to_string_lossy()) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => place = opened?,
        }
    }
    Ok(Some(place))
}

/// Whatever root's umask is, users have to get through it.
pub(super) fn open_to_all(path: &Path) -> Result<(), ShareError> {
    let set = || -> io::Result<()> {
        let directory = rustix::fs::openat(CWD, path, DIRECTORY, Mode::empty())?;
        Ok(rustix::fs::fchmod(&directory, Mode::from_raw_mode(0o755))?)
    };
    set().map_err(ShareError::system(format!(
        "open {} to all",
        path.display()
    )))
}

impl Place {
    pub(super) fn again(&self) -> io::Result<Self> {
        Ok(Self {
            descriptor: self.descriptor.try_clone()?,
        })
    }

    /// The directory above. A member of the group may have moved this one meanwhile; then that is
    /// some other directory of the shared ones, or one that he owns.
    pub(super) fn above(&self) -> io::Result<Self> {
        Ok(Self {
            descriptor: openat(&self.descriptor, "..", DIRECTORY, Mode::empty())?,
        })
    }

    pub(super) fn directory(&self, name: &str) -> io::Result<Self> {
        Ok(Self {
            descriptor: openat(&self.descriptor, name, DIRECTORY, Mode::empty())?,
        })
    }

    fn stat(&self, name: &str) -> io::Result<Option<Stat>> {
        match statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => Ok(None),
            stat => Ok(Some(stat?)),
        }
    }

    /// Whose it is, if it is there.
    pub(super) fn owner(&self, name: &str) -> Option<u32> {
        Some(self.stat(name).ok()??.st_uid)
    }

    /// How what stands at `name` is. `mode` tells whether it is to be a directory.
    pub(super) fn found(&self, name: &str, mode: u32, gid: Option<u32>) -> io::Result<Found> {
        Ok(match self.stat(name)? {
            None => Found::Missing,
            Some(stat) => judge(&stat, mode, gid),
        })
    }

    /// Makes a directory of the group's, or puts one right.
    pub(super) fn make_directory(&self, name: &str, gid: u32, stamp: &str) -> io::Result<Change> {
        let found = self.found(name, super::DIRECTORY_MODE, Some(gid))?;
        let kept = match &found {
            Found::Good => return Ok(Change::None),
            Found::Foreign(_) => Some(self.keep(name, stamp)?),
            Found::Missing | Found::Repairable(_) => None,
        };
        if !found.is_ours() {
            rustix::fs::mkdirat(&self.descriptor, name, Mode::from_raw_mode(0o700))?;
        }
        let directory = openat(&self.descriptor, name, DIRECTORY, Mode::empty())?;
        // A member of the group may have put another one there since it was looked at.
        if !judge(&fstat(&directory)?, super::DIRECTORY_MODE, Some(gid)).is_ours() {
            return Err(changing());
        }
        set(&directory, gid, super::DIRECTORY_MODE)?;
        Ok(change(&found, kept))
    }

    /// Makes a file of the group's, or puts one right.
    pub(super) fn make_file(
        &self,
        name: &str,
        bytes: &[u8],
        gid: u32,
        stamp: &str,
    ) -> io::Result<Change> {
        let found = self.found(name, super::FILE_MODE, Some(gid))?;
        let kept = match &found {
            Found::Good => return Ok(Change::None),
            Found::Repairable(_) => {
                self.repair_file(name, gid)?;
                return Ok(Change::Repaired);
            }
            Found::Foreign(_) => Some(self.keep(name, stamp)?),
            Found::Missing => None,
        };
        let beside = format!("{name}.claude-share-on-its-way");
        // Whatever has that name is a leftover, or somebody's in our way.
        drop(self.remove_made(&beside));
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, &beside, flags, Mode::from_raw_mode(0o600))?;
        let mut file = File::from(file);
        let written = file.write_all(bytes).and_then(|()| {
            // Wider only now that it is the group's; before, nobody else could open it.
            set_file(&file, gid, true)?;
            file.sync_all()
        });
        let placed = written.and_then(|()| self.rename(&beside, name));
        placed.inspect_err(|_| drop(self.remove_made(&beside)))?;
        Ok(change(&found, kept))
    }

    fn repair_file(&self, name: &str, gid: u32) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, name, flags, Mode::empty())?;
        match judge(&fstat(&file)?, super::FILE_MODE, Some(gid)).is_ours() {
            true => set_file(&File::from(file), gid, false),
            false => Err(changing()),
        }
    }

    /// Reads a regular file of the group's.
    pub(super) fn read(&self, name: &str, gid: u32) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, name, flags, Mode::empty())?;
        let stat = fstat(&file)?;
        let size = u64::try_from(stat.st_size).unwrap_or(u64::MAX);
        if !judge(&stat, super::FILE_MODE, Some(gid)).is_ours() || size > LIMIT {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or(0) + 1);
        File::from(file).take(LIMIT).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    pub(super) fn remove(&self, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(
            &self.descriptor,
            name,
            AtFlags::empty(),
        )?)
    }

    /// Removes a file, or a directory with nothing in it.
    pub(super) fn remove_made(&self, name: &str) -> io::Result<()> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Err(Errno::ISDIR | Errno::PERM) => Ok(rustix::fs::unlinkat(
                &self.descriptor,
                name,
                AtFlags::REMOVEDIR,
            )?),
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Moves something aside and closes it to all but root; gives its new name.
    pub(super) fn set_aside(&self, name: &str, stamp: &str) -> io::Result<String> {
        let kept = self.keep(name, stamp)?;
        if let Ok(directory) = openat(&self.descriptor, &kept, DIRECTORY, Mode::empty()) {
            rustix::fs::fchown(&directory, Some(Uid::ROOT), Some(Gid::ROOT))?;
            rustix::fs::fchmod(&directory, Mode::from_raw_mode(0o700))?;
        }
        Ok(kept)
    }

    /// Gives something the name of a dated backup.
    fn keep(&self, name: &str, stamp: &str) -> io::Result<String> {
        for count in 1..1_000_u32 {
            let suffix = if count == 1 {
                String::new()
            } else {
                format!("-{count}")
            };
            let kept = format!("{name}.claude-share-backup-{stamp}{suffix}");
            match self.rename(name, &kept) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                renamed => return renamed.map(|()| kept),
            }
        }
        Err(io::Error::other("there are too many backups of one second"))
    }

    /// Not over anything, where the file system knows how.
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (here, there) = (&self.descriptor, &self.descriptor);
        match rustix::fs::renameat_with(here, from, there, to, RenameFlags::NOREPLACE) {
            Err(Errno::INVAL | Errno::NOSYS) => match self.stat(to)? {
                Some(_) => Err(ErrorKind::AlreadyExists.into()),
                None => Ok(rustix::fs::renameat(here, from, there, to)?),
            },
            renamed => Ok(renamed?),
        }
    }
}

/// A directory of root's or the group's is ours; of files only those with one name and the group:
/// a second name may be that of a file somewhere else.
fn judge(stat: &Stat, mode: u32, gid: Option<u32>) -> Found {
    let is_directory = mode == super::DIRECTORY_MODE;
    let of_group = gid == Some(stat.st_gid);
    match (FileType::from_raw_mode(stat.st_mode), is_directory) {
        (FileType::Directory, true) if stat.st_uid == 0 || of_group => {}
        (FileType::RegularFile, false) if stat.st_nlink != 1 => {
            return Found::Foreign("has other names (hard links)".to_owned());
        }
        (FileType::RegularFile, false) if of_group => {}
        (FileType::Directory, true) | (FileType::RegularFile, false) => {
            return Found::Foreign("does not belong to the group".to_owned());
        }
        (FileType::Symlink, _) => return Found::Foreign("is a link".to_owned()),
        (FileType::Directory, false) => return Found::Foreign("is a directory".to_owned()),
        (_, true) => return Found::Foreign("is no directory".to_owned()),
        (_, false) => return Found::Foreign("is no regular file".to_owned()),
    }
    let found = stat.st_mode & 0o7777;
    if found != mode {
        return Found::Repairable(format!("has mode {found:04o}, not {mode:04o}"));
    }
    if is_directory && (stat.st_uid != 0 || !of_group) {
        return Found::Repairable("does not belong to root and the group".to_owned());
    }
    Found::Good
}

fn set(directory: &OwnedFd, gid: u32, mode: u32) -> io::Result<()> {
    rustix::fs::fchown(directory, Some(Uid::ROOT), Some(Gid::from_raw(gid)))?;
    Ok(rustix::fs::fchmod(directory, Mode::from_raw_mode(mode))?)
}

fn set_file(file: &File, gid: u32, is_new: bool) -> io::Result<()> {
    if is_new {
        rustix::fs::fchown(file, Some(Uid::ROOT), Some(Gid::from_raw(gid)))?;
    }
    Ok(rustix::fs::fchmod(
        file,
        Mode::from_raw_mode(super::FILE_MODE),
    )?)
}

fn change(found: &Found, kept: Option<String>) -> Change {
    match (found, kept) {
        (_, Some(kept)) => Change::Replaced(kept),
        (Found::Repairable(_), None) => Change::Repaired,
        (_, None) => Change::Made,
    }
}

fn changing() -> io::Error {
    io::Error::other("somebody keeps changing it")
}
