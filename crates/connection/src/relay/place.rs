//! Where a socket is, so that nobody else can put his in its place.

use std::fs::DirBuilder;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::{
    AtFlags, CWD, FileType, FlockOperation, Mode, OFlags, Stat, flock, fstat, openat, statat,
    unlinkat,
};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::path_of;

/// Why a socket cannot be where it is wanted, or was not connected to.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The directory is a link, or no directory.
    #[error("the directory of the socket is a link or no directory")]
    NotADirectory,
    /// The directory, or the process that listens in it, is another user's.
    #[error("the directory of the socket, or who listens there, is another user's")]
    NotOwn,
    /// Others may look into the directory.
    #[error("others have access to the directory of the socket: its mode has to be 0700")]
    Open,
    /// Its name is none of a file in the directory.
    #[error("that is no name of a socket")]
    Name,
    /// Somebody listens there.
    #[error("another process listens there")]
    InUse,
    /// There is something that is no socket.
    #[error("there is something in the place of the socket that is none")]
    NotASocket,
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
}

impl From<Errno> for PlaceError {
    fn from(error: Errno) -> Self {
        Self::System(error.into())
    }
}

/// A name in a directory of the user's own, held open.
#[derive(Debug)]
pub(super) struct Place {
    directory: OwnedFd,
    name: String,
    /// The socket that was made there: device and inode.
    made: Option<(u64, u64)>,
}

impl Place {
    /// Makes the directory if it is missing.
    pub(super) fn make(directory: &Path, name: &str) -> Result<Self, PlaceError> {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error.into()),
            _ => Self::find(directory, name),
        }
    }

    pub(super) fn find(directory: &Path, name: &str) -> Result<Self, PlaceError> {
        if name.is_empty() || name == "." || name == ".." || name.contains(['/', '\0']) {
            return Err(PlaceError::Name);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(CWD, directory, flags, Mode::empty());
        let directory = opened.map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => PlaceError::NotADirectory,
            other => other.into(),
        })?;
        let facts = fstat(&directory)?;
        if facts.st_uid != rustix::process::geteuid().as_raw() {
            return Err(PlaceError::NotOwn);
        }
        if facts.st_mode & 0o077 != 0 {
            return Err(PlaceError::Open);
        }
        Ok(Self {
            directory,
            name: name.to_owned(),
            made: None,
        })
    }

    pub(super) fn connect(&self) -> io::Result<UnixStream> {
        UnixStream::connect(path_of(&self.directory, &self.name))
    }

    /// Replaces a socket that nobody listens on. The lock keeps two that do so apart, also those of other names in the same
    /// directory, which are waited for: it is held for no longer than this takes.
    pub(super) fn listen(&mut self) -> Result<UnixListener, PlaceError> {
        retry_on_intr(|| flock(&self.directory, FlockOperation::LockExclusive))?;
        let bound = self.bind();
        flock(&self.directory, FlockOperation::Unlock)?;
        bound
    }

    fn bind(&mut self) -> Result<UnixListener, PlaceError> {
        match self.look()? {
            None => {}
            Some(facts) if FileType::from_raw_mode(facts.st_mode) != FileType::Socket => {
                return Err(PlaceError::NotASocket);
            }
            Some(_) if self.is_listened_to()? => return Err(PlaceError::InUse),
            Some(_) => unlinkat(&self.directory, self.name.as_str(), AtFlags::empty())?,
        }
        let listener = UnixListener::bind(path_of(&self.directory, &self.name))?;
        self.made = self.look()?.map(|facts| (facts.st_dev, facts.st_ino));
        Ok(listener)
    }

    fn look(&self) -> Result<Option<Stat>, PlaceError> {
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        match statat(&self.directory, self.name.as_str(), flags) {
            Err(Errno::NOENT) => Ok(None),
            facts => Ok(Some(facts?)),
        }
    }

    /// Never waits: one whose callers are in a queue that is full is listened to.
    fn is_listened_to(&self) -> Result<bool, PlaceError> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        let address = SocketAddrUnix::new(path_of(&self.directory, &self.name))?;
        match rustix::net::connect(&socket, &address) {
            Ok(()) | Err(Errno::AGAIN) => Ok(true),
            Err(Errno::CONNREFUSED) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Removes the socket that was made, unless another is in its place.
    pub(super) fn remove(&self) {
        let facts = self.look().ok().flatten();
        let there = facts.map(|facts| (facts.st_dev, facts.st_ino));
        if there.is_some() && there == self.made {
            // Fails only if it is gone.
            unlinkat(&self.directory, self.name.as_str(), AtFlags::empty()).ok();
        }
    }
}
