//! A published directory, one beside it that is not, and requests in short.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::needless_pass_by_value,
    reason = "each test file is a crate and uses a part of it; requests are said in place"
)]

pub mod hostile;

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use live::RelativePath;
use live::files::{
    Access, Attributes, Entry, ErrorNumber, Handle, Kind, NewAttributes, Opening, Outcome, Place,
    Reply, Request, Root, Setting, Target, Time,
};
use publish::{Confinement, Limits, Service};
use tempfile::TempDir;

pub const ROOT: Root = Root(1);
pub const READ_WRITE: Opening = opening(Access::ReadWrite);
pub const READ: Opening = opening(Access::Read);
pub const WRITE: Opening = opening(Access::Write);
pub const BOTH: [Confinement; 2] = [Confinement::Kernel, Confinement::Steps];
/// Longer than anything takes: what has not come by then hangs.
pub const HANGS: Duration = Duration::from_secs(30);

pub const fn opening(access: Access) -> Opening {
    Opening {
        access,
        truncate: false,
        append: false,
    }
}

pub fn path(bytes: impl AsRef<[u8]>) -> RelativePath {
    RelativePath::new(bytes.as_ref()).unwrap()
}

pub fn place(bytes: impl AsRef<[u8]>) -> Place {
    place_in(ROOT, bytes)
}

pub fn place_in(root: Root, bytes: impl AsRef<[u8]>) -> Place {
    Place {
        root,
        path: path(bytes),
        identity: None,
    }
}

pub fn target(bytes: impl AsRef<[u8]>) -> Target {
    Target::Place(place(bytes))
}

pub fn errno(errno: rustix::io::Errno) -> ErrorNumber {
    ErrorNumber(u16::try_from(errno.raw_os_error()).unwrap())
}

pub struct Home {
    directory: TempDir,
    pub service: Arc<Service>,
}

impl Home {
    pub fn new(confinement: Confinement) -> Self {
        Self::with(confinement, false, Limits::default())
    }

    pub fn with(confinement: Confinement, read_only: bool, limits: Limits) -> Self {
        let directory = TempDir::with_prefix("publish").unwrap();
        fs::create_dir(directory.path().join("published")).unwrap();
        fs::create_dir(directory.path().join("outside")).unwrap();
        let service = Arc::new(Service::new(limits));
        let home = Self { directory, service };
        let root = home.root();
        home.service
            .publish_with(ROOT, &root, read_only, confinement)
            .unwrap();
        home
    }

    pub fn root(&self) -> PathBuf {
        self.directory.path().join("published")
    }

    pub fn at(&self, name: impl AsRef<[u8]>) -> PathBuf {
        self.root().join(std::ffi::OsStr::from_bytes(name.as_ref()))
    }

    pub fn outside(&self) -> PathBuf {
        self.directory.path().join("outside")
    }

    pub fn file(&self, name: impl AsRef<[u8]>, contents: &[u8]) -> PathBuf {
        put(&self.at(name), contents)
    }

    /// Fails instead of hanging.
    pub fn ask(&self, request: Request) -> Outcome {
        let (answer, answered) = mpsc::channel();
        let service = Arc::clone(&self.service);
        let said = format!("{request:?}");
        let asking = thread::spawn(move || drop(answer.send(plain(service.execute(request)))));
        let outcome = answered.recv_timeout(HANGS);
        let outcome = outcome.unwrap_or_else(|_| panic!("no answer to {said}"));
        asking.join().unwrap();
        outcome
    }

    #[track_caller]
    pub fn done(&self, request: Request) {
        assert_eq!(
            plain(self.service.execute(request.clone())),
            Ok(Reply::Done),
            "{request:?}"
        );
    }

    #[track_caller]
    pub fn refused(&self, request: Request, with: rustix::io::Errno) {
        assert_eq!(
            self.ask(request.clone()),
            Err(errno(with)),
            "{request:?}, {with:?}"
        );
    }

    #[track_caller]
    pub fn attributes(&self, request: Request) -> Attributes {
        match plain(self.service.execute(request.clone())) {
            Ok(Reply::Attributes(attributes)) => attributes,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[track_caller]
    pub fn bytes(&self, request: Request) -> Bytes {
        match self.service.execute(request.clone()) {
            Ok(Reply::Bytes(bytes)) => bytes,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[track_caller]
    pub fn count(&self, request: Request) -> u64 {
        match self.service.execute(request.clone()) {
            Ok(Reply::Count(count)) => count,
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[track_caller]
    pub fn opened(&self, request: Request) -> (Handle, Attributes) {
        match plain(self.service.execute(request.clone())) {
            Ok(Reply::Opened { handle, attributes }) => (handle, attributes),
            other => panic!("{request:?}: {other:?}"),
        }
    }

    #[track_caller]
    pub fn open(&self, name: impl AsRef<[u8]>, opening: Opening) -> Handle {
        self.opened(Request::Open(place(name), opening)).0
    }

    #[track_caller]
    pub fn close(&self, handle: Handle) {
        self.done(Request::Close(handle));
    }

    #[track_caller]
    pub fn read(&self, handle: Handle, offset: u64, length: u32) -> Bytes {
        self.bytes(Request::Read {
            handle,
            offset,
            length,
        })
    }

    #[track_caller]
    pub fn write(&self, handle: Handle, offset: u64, bytes: &[u8]) -> u64 {
        self.count(Request::Write {
            handle,
            offset,
            bytes: Bytes::copy_from_slice(bytes),
        })
    }

    #[track_caller]
    pub fn part(&self, handle: Handle, restart: bool) -> (Vec<Entry>, bool) {
        match self.ask(Request::ReadDirectory { handle, restart }) {
            Ok(Reply::Entries { entries, is_last }) => (entries, is_last),
            other => panic!("{other:?}"),
        }
    }

    #[track_caller]
    pub fn list(&self, name: impl AsRef<[u8]>) -> Vec<Entry> {
        let (handle, _) = self.opened(Request::OpenDirectory(place(name)));
        let mut all = Vec::new();
        loop {
            let (entries, is_last) = self.part(handle, false);
            all.extend(entries);
            if is_last {
                self.close(handle);
                return all;
            }
        }
    }

    /// The same file has these attributes for `std::fs`.
    #[track_caller]
    pub fn agrees(&self, name: impl AsRef<[u8]>) -> Attributes {
        let told = self.attributes(Request::Attributes(target(&name)));
        assert_eq!(told, attributes(&self.at(name)));
        told
    }
}

/// What `std::fs` tells.
pub fn attributes(path: &Path) -> Attributes {
    use std::os::unix::fs::FileTypeExt as _;
    let found = fs::symlink_metadata(path).unwrap();
    let kind = match found.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => Kind::Link,
        kind if kind.is_fifo() => Kind::Pipe,
        kind if kind.is_socket() => Kind::Socket,
        kind if kind.is_char_device() => Kind::CharacterDevice,
        kind if kind.is_block_device() => Kind::BlockDevice,
        _ => Kind::File,
    };
    let time = |seconds, nanoseconds| Time {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap(),
    };
    Attributes {
        identity: live::files::Identity {
            device: found.dev(),
            inode: found.ino(),
            born: born(&found),
        },
        kind,
        permissions: (found.mode() & 0o7777) as u16,
        links: u32::try_from(found.nlink()).unwrap(),
        user: found.uid(),
        group: found.gid(),
        device_number: found.rdev(),
        size: found.size(),
        blocks: found.blocks(),
        accessed: time(found.atime(), found.atime_nsec()),
        modified: time(found.mtime(), found.mtime_nsec()),
        changed: time(found.ctime(), found.ctime_nsec()),
    }
}

pub fn put(path: &Path, contents: &[u8]) -> PathBuf {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    options.open(path).unwrap().write_all(contents).unwrap();
    path.to_owned()
}

/// What is below a directory.
pub type Snapshot = Vec<(PathBuf, Attributes, Vec<u8>)>;

/// Everything below a directory: names, attributes but for the times of access, contents, what links say.
pub fn snapshot(directory: &Path) -> Snapshot {
    let mut all = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(path) = left.pop() {
        let mut attributes = attributes(&path);
        attributes.accessed = Time {
            seconds: 0,
            nanoseconds: 0,
        };
        let contents = match attributes.kind {
            Kind::Directory => {
                left.extend(
                    fs::read_dir(&path)
                        .unwrap()
                        .map(|entry| entry.unwrap().path()),
                );
                Vec::new()
            }
            Kind::Link => fs::read_link(&path)
                .unwrap()
                .as_os_str()
                .as_bytes()
                .to_vec(),
            Kind::File => fs::read(&path).unwrap(),
            _ => Vec::new(),
        };
        all.push((path, attributes, contents));
    }
    all.sort_by(|one, other| one.0.cmp(&other.0));
    all
}

pub fn permissions(permissions: u16) -> NewAttributes {
    NewAttributes {
        permissions: Some(permissions),
        ..NewAttributes::default()
    }
}

pub fn size(size: u64) -> NewAttributes {
    NewAttributes {
        size: Some(size),
        ..NewAttributes::default()
    }
}

/// Whether there are extended attributes of the user; if not, the test is skipped.
pub fn has_extended_attributes(directory: &Path) -> bool {
    let set = rustix::fs::setxattr(directory, "user.test", b"", rustix::fs::XattrFlags::empty());
    match set {
        Ok(()) => rustix::fs::removexattr(directory, "user.test").is_ok(),
        Err(error) => {
            testkit::skip(format!("no extended attributes here: {error}"));
            false
        }
    }
}

/// Ends the other thread, also after a panic.
pub struct End<'flag>(pub &'flag AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub fn set_extended(target: &Target, name: &str, value: &[u8], how: Setting) -> Request {
    Request::SetExtendedAttribute {
        target: target.clone(),
        name: name.to_owned().into(),
        value: value.to_vec().into(),
        how,
    }
}

/// When it was made; zero where the file system does not know.
fn born(metadata: &fs::Metadata) -> Time {
    let Ok(made) = metadata.created() else {
        return Time::default();
    };
    let since = made.duration_since(std::time::UNIX_EPOCH).unwrap();
    Time {
        seconds: since.as_secs().try_into().unwrap(),
        nanoseconds: since.subsec_nanos(),
    }
}

/// Without what is told of directories.
pub fn plain(outcome: Outcome) -> Outcome {
    outcome.map(|reply| reply.split().0)
}
