//! A directory of a home, by its descriptor: nothing is reached by a path that somebody could
//! redirect.
//!
//! The user may change anything at any moment. So nothing is replaced unseen: the new one is
//! exchanged with what is there, and then it is looked at what came out.

use std::ffi::OsString;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, RenameFlags, ResolveFlags, Stat, openat,
    openat2,
};
use rustix::io::Errno;

/// What stands at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Missing,
    Link(PathBuf),
    File(FileFacts),
    Directory,
    /// A FIFO, a socket, a device; for people.
    Other(&'static str),
}

/// What is known of a regular file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileFacts {
    /// Permission bits.
    pub(super) mode: u32,
    pub(super) owner: u32,
    /// Whether this is its only name (no hard links).
    pub(super) is_only_name: bool,
    /// In bytes.
    pub(super) size: u64,
}

/// What is to stand at a name.
pub(super) enum New<'a> {
    File {
        bytes: &'a [u8],
        mode: u32,
        durable: bool,
    },
    Link(&'a Path),
}

/// What becomes of what was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Nobody needs it.
    Discard,
    /// It stays beside as a dated backup.
    Keep,
    /// It came while we were writing and has to stay where it was.
    PutBack,
}

/// What came of a replacement.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Replaced {
    /// The new one is in place; the backup's name, if there is one.
    Done(Option<String>),
    /// What was there had to stay.
    Stays,
}

pub(super) struct Directory {
    descriptor: OwnedFd,
}

const OPEN: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// How often a race with the user is run before he wins.
const ATTEMPTS: usize = 8;

impl Directory {
    /// Opens a home. The path to it is the system's and may have links; what is below may not.
    pub(super) fn open_home(path: &Path, uid: u32) -> Result<Self, String> {
        if !path.is_absolute() || path == Path::new("/") {
            return Err(format!("{} is no home", path.display()));
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        let descriptor = opened.map_err(|errno| match errno {
            Errno::NOENT => format!("{} does not exist", path.display()),
            errno => format!("{}: {}", path.display(), io::Error::from(errno)),
        })?;
        let owner = rustix::fs::fstat(&descriptor)
            .map_err(|errno| errno.to_string())?
            .st_uid;
        if owner != uid {
            return Err(format!(
                "{} belongs to another user (uid {owner}, not {uid})",
                path.display()
            ));
        }
        Ok(Self { descriptor })
    }

    /// Opens a directory of the shared ones, as far as this user may.
    pub(super) fn open_shared(path: &Path) -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let descriptor = rustix::fs::open(path, flags, Mode::empty())?;
        Ok(Self { descriptor })
    }

    /// A directory in this one; not through a link.
    pub(super) fn subdirectory(&self, name: &str) -> io::Result<Self> {
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let opened = match openat2(&self.descriptor, name, OPEN, Mode::empty(), resolve) {
            // Linux before 5.6: one name without a slash, and NOFOLLOW, say the same.
            Err(Errno::NOSYS) if !name.contains('/') => {
                openat(&self.descriptor, name, OPEN, Mode::empty())
            }
            opened => opened,
        };
        Ok(Self {
            descriptor: opened?,
        })
    }

    /// Makes a directory that only the user can enter.
    pub(super) fn make_subdirectory(&self, name: &str) -> io::Result<()> {
        self.make_with_mode(name, Mode::RWXU)
    }

    fn make_with_mode(&self, name: &str, mode: Mode) -> io::Result<()> {
        Ok(rustix::fs::mkdirat(&self.descriptor, name, mode)?)
    }

    /// Lets the owner read and write a file again. Should a link have come in its place, it is
    /// followed, as far as this user may.
    pub(super) fn give_owner_access(&self, name: &str) -> io::Result<()> {
        self.change_mode(name, 0o600)
    }

    /// Opens a directory in this one to its owner again.
    pub(super) fn make_accessible(&self, name: &str) -> io::Result<()> {
        self.change_mode(name, 0o700)
    }

    /// For what cannot be opened; through a link, if there is one.
    fn change_mode(&self, name: &str, mode: u32) -> io::Result<()> {
        let mode = Mode::from_raw_mode(mode);
        let changed = rustix::fs::chmodat(&self.descriptor, name, mode, AtFlags::empty());
        Ok(changed?)
    }

    /// Keeps other workers of ours out for as long as this value lives; `false` if one stays in.
    pub(super) fn lock(&self, patience: std::time::Duration) -> bool {
        let deadline = std::time::Instant::now() + patience;
        loop {
            match rustix::fs::flock(&self.descriptor, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => return true,
                Err(_) if std::time::Instant::now() >= deadline => return false,
                Err(_) => std::thread::sleep(std::time::Duration::from_millis(2)),
            }
        }
    }

    /// What stands at `name`.
    pub(super) fn entry(&self, name: &str) -> io::Result<Entry> {
        let stat = match rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(Entry::Missing),
            stat => stat?,
        };
        Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Entry::File(facts(&stat)),
            FileType::Directory => Entry::Directory,
            FileType::Symlink => {
                let target = rustix::fs::readlinkat(&self.descriptor, name, Vec::new())?;
                Entry::Link(OsString::from_vec(target.into_bytes()).into())
            }
            FileType::Fifo => Entry::Other("a FIFO"),
            FileType::Socket => Entry::Other("a socket"),
            _ => Entry::Other("a device"),
        })
    }

    /// Reads a regular file with at most `limit` bytes; never waits for anybody.
    pub(super) fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        self.read_if(name, limit, |_| true)
    }

    /// The same of a file that belongs to this process's user. Under one more name (a hard link)
    /// another's may be here, and is none of our business all the same.
    pub(super) fn read_own(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let uid = rustix::process::geteuid().as_raw();
        self.read_if(name, limit, |file| file.owner == uid)
    }

    fn read_if(
        &self,
        name: &str,
        limit: u64,
        is_wanted: impl FnOnce(&FileFacts) -> bool,
    ) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, name, flags, Mode::empty())?;
        let stat = rustix::fs::fstat(&file)?;
        let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
        let file_facts = facts(&stat);
        if !is_file || file_facts.size > limit || !is_wanted(&file_facts) {
            return Err(ErrorKind::InvalidData.into());
        }
        let mut bytes = Vec::new();
        let read = std::fs::File::from(file)
            .take(limit + 1)
            .read_to_end(&mut bytes)?;
        match read as u64 > limit {
            true => Err(ErrorKind::InvalidData.into()),
            false => Ok(bytes),
        }
    }

    /// The names in this directory; of a huge one the first thousands.
    pub(super) fn names(&self) -> io::Result<Vec<String>> {
        const MOST: usize = 4_096;
        let listing = rustix::fs::Dir::read_from(&self.descriptor)?;
        let names = listing.filter_map(|entry| {
            let entry = entry.ok()?;
            Some(entry.file_name().to_str().ok()?.to_owned())
        });
        Ok(names
            .filter(|name| name != "." && name != "..")
            .take(MOST)
            .collect())
    }

    /// Puts something new at `name`. `fate` judges what was there, which by then stands at the
    /// name that it is given, in this directory.
    pub(super) fn replace(
        &self,
        name: &str,
        new: &New<'_>,
        stamp: &str,
        fate: impl Fn(&Self, &str) -> Fate,
    ) -> io::Result<Replaced> {
        let beside = beside(name);
        self.clear(&beside, name, stamp, &fate)?;
        self.create(&beside, new)?;
        let swapped = self
            .swap_in(&beside, name)
            .inspect_err(|_| self.discard(&beside))?;
        if !swapped {
            return Ok(Replaced::Done(None));
        }
        match fate(self, &beside) {
            Fate::Discard => self
                .discard_or_keep(&beside, name, stamp)
                .map(Replaced::Done),
            Fate::Keep => self
                .keep(&beside, name, stamp)
                .map(|kept| Replaced::Done(Some(kept))),
            Fate::PutBack => {
                self.rename(&beside, name, RenameFlags::EXCHANGE)?;
                if !self.is(&beside, new) {
                    // It came still later, so it is the newest.
                    self.rename(&beside, name, RenameFlags::EXCHANGE)?;
                    self.keep(&beside, name, stamp)?;
                    return Ok(Replaced::Stays);
                }
                self.discard(&beside);
                Ok(Replaced::Stays)
            }
        }
    }

    /// Whether this is what we put there.
    fn is(&self, name: &str, new: &New<'_>) -> bool {
        match new {
            New::Link(target) => {
                matches!(self.entry(name), Ok(Entry::Link(found)) if found == **target)
            }
            New::File { bytes, .. } => self
                .read(name, bytes.len() as u64)
                .is_ok_and(|found| found == **bytes),
        }
    }

    /// Takes away what stands at `name`, which `fate` judges.
    pub(super) fn remove(
        &self,
        name: &str,
        stamp: &str,
        fate: impl Fn(&Self, &str) -> Fate,
    ) -> io::Result<Replaced> {
        let beside = beside(name);
        self.clear(&beside, name, stamp, &fate)?;
        match self.rename(name, &beside, RenameFlags::NOREPLACE) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Replaced::Done(None)),
            renamed => renamed?,
        }
        match fate(self, &beside) {
            Fate::Discard => self
                .discard_or_keep(&beside, name, stamp)
                .map(Replaced::Done),
            Fate::Keep => self
                .keep(&beside, name, stamp)
                .map(|kept| Replaced::Done(Some(kept))),
            Fate::PutBack => {
                // If something new stands there by now, that is the user's wish.
                if self.rename(&beside, name, RenameFlags::NOREPLACE).is_err() {
                    self.keep(&beside, name, stamp)?;
                }
                Ok(Replaced::Stays)
            }
        }
    }

    /// Moves a backup to where it came from, if nothing stands there.
    pub(super) fn restore(&self, backup: &str, name: &str) -> io::Result<()> {
        self.rename(backup, name, RenameFlags::NOREPLACE)
    }

    /// Moves something aside as a dated backup of `name`; gives the backup's name.
    pub(super) fn keep(&self, from: &str, name: &str, stamp: &str) -> io::Result<String> {
        for count in 1..1_000_u32 {
            let suffix = if count == 1 {
                String::new()
            } else {
                format!("-{count}")
            };
            let backup = format!("{name}.claude-share-backup-{stamp}{suffix}");
            match self.rename(from, &backup, RenameFlags::NOREPLACE) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                renamed => return renamed.map(|()| backup),
            }
        }
        Err(io::Error::other("there are too many backups of one second"))
    }

    /// A worker that was killed may have left something under our name for what is on its way.
    fn clear(
        &self,
        beside: &str,
        name: &str,
        stamp: &str,
        fate: &impl Fn(&Self, &str) -> Fate,
    ) -> io::Result<()> {
        if self.entry(beside)? == Entry::Missing {
            return Ok(());
        }
        match fate(self, beside) {
            Fate::Discard => self.discard_or_keep(beside, name, stamp).map(drop),
            Fate::Keep | Fate::PutBack => self.keep(beside, name, stamp).map(drop),
        }
    }

    fn create(&self, name: &str, new: &New<'_>) -> io::Result<()> {
        match new {
            New::Link(target) => Ok(rustix::fs::symlinkat(*target, &self.descriptor, name)?),
            New::File {
                bytes,
                mode,
                durable,
            } => {
                let flags = OFlags::WRONLY
                    | OFlags::CREATE
                    | OFlags::EXCL
                    | OFlags::NOFOLLOW
                    | OFlags::CLOEXEC;
                let file = openat(&self.descriptor, name, flags, Mode::from_raw_mode(*mode))?;
                let mut file = std::fs::File::from(file);
                let written = file.write_all(bytes).and_then(|()| match durable {
                    true => file.sync_data(),
                    false => Ok(()),
                });
                written.inspect_err(|_| self.discard(name))
            }
        }
    }

    /// Puts `beside` to `name`; `true` if what was there stands at `beside` now.
    fn swap_in(&self, beside: &str, name: &str) -> io::Result<bool> {
        for _attempt in 0..ATTEMPTS {
            match self.rename(beside, name, RenameFlags::EXCHANGE) {
                Ok(()) => return Ok(true),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            match self.rename(beside, name, RenameFlags::NOREPLACE) {
                Ok(()) => return Ok(false),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::other("something keeps coming and going there"))
    }

    fn rename(&self, from: &str, to: &str, flags: RenameFlags) -> io::Result<()> {
        let (here, there) = (&self.descriptor, &self.descriptor);
        match rustix::fs::renameat_with(here, from, there, to, flags) {
            Err(Errno::INVAL | Errno::NOSYS) => self.rename_in_steps(from, to, flags),
            renamed => Ok(renamed?),
        }
    }

    /// For file systems that know neither flag (NFS). Not protected: what is written to `to` just
    /// between two of the steps is lost.
    fn rename_in_steps(&self, from: &str, to: &str, flags: RenameFlags) -> io::Result<()> {
        let plain = |from: &str, to: &str| -> io::Result<()> {
            Ok(rustix::fs::renameat(
                &self.descriptor,
                from,
                &self.descriptor,
                to,
            )?)
        };
        let taken = self.entry(to)? != Entry::Missing;
        match (flags == RenameFlags::EXCHANGE, taken) {
            (true, false) => Err(ErrorKind::NotFound.into()),
            (false, true) => Err(ErrorKind::AlreadyExists.into()),
            (false, false) => plain(from, to),
            (true, true) => {
                let aside = format!("{to}.claude-share-aside");
                plain(to, &aside)?;
                plain(from, to)?;
                plain(&aside, from)
            }
        }
    }

    /// A directory with something in it is not discarded.
    fn discard_or_keep(&self, beside: &str, name: &str, stamp: &str) -> io::Result<Option<String>> {
        self.discard(beside);
        match self.entry(beside)? {
            Entry::Missing => Ok(None),
            _ => self.keep(beside, name, stamp).map(Some),
        }
    }

    fn discard(&self, name: &str) {
        if rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()).is_err() {
            rustix::fs::unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR).unwrap_or_default();
        }
    }

    /// Sets the permission bits of a regular file.
    pub(super) fn set_mode(&self, name: &str, mode: u32) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.descriptor, name, flags, Mode::empty())?;
        Ok(rustix::fs::fchmod(&file, Mode::from_raw_mode(mode))?)
    }

    /// Takes a lock as the client makes it: a directory of that name. `false` if it is taken. Ours
    /// has the sticky bit, which means nothing to the client.
    pub(super) fn make_lock(&self, name: &str) -> io::Result<bool> {
        match self.make_with_mode(name, Mode::RWXU | Mode::SVTX) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
            made => made.map(|()| true),
        }
    }

    /// Whether one of our workers has made such a lock.
    pub(super) fn is_our_lock(&self, name: &str) -> bool {
        let stat = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW);
        stat.is_ok_and(|stat| Mode::from_raw_mode(stat.st_mode).contains(Mode::SVTX))
    }

    /// Gives such a lock back.
    pub(super) fn remove_lock(&self, name: &str) {
        rustix::fs::unlinkat(&self.descriptor, name, AtFlags::REMOVEDIR).unwrap_or_default();
    }

    /// How long `name` has been as it is, in seconds; 0 if that cannot be told.
    pub(super) fn age(&self, name: &str) -> u64 {
        let modified = self
            .modified(name)
            .ok()
            .and_then(|at| u64::try_from(at).ok());
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        match (modified, since) {
            (Some(modified), Ok(since)) => since.as_secs().saturating_sub(modified),
            _ => 0,
        }
    }

    /// When `name` was last changed, in seconds since 1970.
    pub(super) fn modified(&self, name: &str) -> io::Result<i64> {
        let stat = rustix::fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW)?;
        Ok(stat.st_mtime)
    }
}

/// Where the new one waits and the old one goes. Our workers take turns in a home, so there is one.
fn beside(name: &str) -> String {
    format!("{name}.claude-share-on-its-way")
}

fn facts(stat: &Stat) -> FileFacts {
    FileFacts {
        mode: stat.st_mode & 0o7777,
        owner: stat.st_uid,
        is_only_name: stat.st_nlink == 1,
        size: u64::try_from(stat.st_size).unwrap_or(0),
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
