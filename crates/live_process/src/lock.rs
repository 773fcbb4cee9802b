//! Files that a process holds locked as long as it lives. The kernel lets go of them for a process that was killed.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use rustix::io::Errno;

/// How much of what a holder says of itself is read, in bytes.
const LONGEST: u64 = 4 << 10;

/// How often a directory is made anew that is taken along.
const TRIES: u32 = 10;

/// A lock that is held. Its file is removed when this is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
    path: PathBuf,
}

impl Lock {
    /// Takes the lock at `path`; `None` if somebody has it.
    pub(crate) fn take(path: &Path) -> io::Result<Option<Self>> {
        Self::with(path, FlockOperation::NonBlockingLockExclusive)
    }

    /// The same, but waits until nobody has it.
    pub(crate) fn wait(path: &Path) -> io::Result<Self> {
        let taken = Self::with(path, FlockOperation::LockExclusive)?;
        taken.ok_or_else(|| io::ErrorKind::WouldBlock.into())
    }

    fn with(path: &Path, operation: FlockOperation) -> io::Result<Option<Self>> {
        loop {
            let file = open(path, true)?;
            match flock(&file, operation) {
                Err(Errno::WOULDBLOCK) => return Ok(None),
                Err(Errno::INTR) => continue,
                locked => locked?,
            }
            // The one before removes it while it holds it: then this is no lock any more.
            if is_at(&file, path) {
                let path = path.to_owned();
                return Ok(Some(Self { file, path }));
            }
        }
    }

    /// Says something to whoever looks at the lock.
    pub(crate) fn say(&mut self, words: &str) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.write_all(words.as_bytes())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if is_at(&self.file, &self.path) {
            // Fails only if it is gone.
            fs::remove_file(&self.path).ok();
        }
    }
}

/// Does `take` with the lock `name` in the directory that `make` makes, and gives that directory too. The end of the last
/// session takes such a directory along: then it is made anew.
pub(crate) fn in_directory<T>(
    make: impl Fn() -> io::Result<PathBuf>,
    name: &str,
    take: impl Fn(&Path) -> io::Result<T>,
) -> io::Result<(PathBuf, T)> {
    let mut tries = 0;
    loop {
        tries += 1;
        let directory = make()?;
        match take(&directory.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && tries < TRIES => {}
            taken => return Ok((directory, taken?)),
        }
    }
}

/// What the holder of the lock at `path` says; `None` if nobody holds it.
pub(crate) fn holder(path: &Path) -> io::Result<Option<String>> {
    let file = match open(path, false) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened?,
    };
    // Shared: two who look do not take each other for the holder.
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Err(Errno::WOULDBLOCK) => {}
        locked => return locked.map(|()| None).map_err(Into::into),
    }
    let mut words = String::new();
    file.take(LONGEST).read_to_string(&mut words)?;
    Ok(Some(words))
}

fn open(path: &Path, may_make: bool) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).write(may_make).create(may_make);
    options.mode(0o600).custom_flags(flags).open(path)
}

fn is_at(file: &File, path: &Path) -> bool {
    let (held, there) = (file.metadata(), fs::symlink_metadata(path));
    let (Ok(held), Ok(there)) = (held, there) else {
        return false;
    };
    (held.dev(), held.ino()) == (there.dev(), there.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_says_who_he_is() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        assert_eq!(holder(&path).unwrap(), None);
        let mut held = Lock::take(&path).unwrap().unwrap();
        held.say("somebody").unwrap();
        assert!(Lock::take(&path).unwrap().is_none());
        assert_eq!(holder(&path).unwrap().as_deref(), Some("somebody"));
        drop(held);
        assert!(!path.exists());
        drop(Lock::wait(&path).unwrap());
        assert_eq!(holder(&path).unwrap(), None);
    }

    #[test]
    fn what_a_killed_process_left_is_taken_over() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("lock");
        File::create(&path).unwrap();
        assert_eq!(holder(&path).unwrap(), None);
        assert!(Lock::take(&path).unwrap().is_some());
    }
}
