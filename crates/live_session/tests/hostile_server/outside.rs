//! What no server may have or change: the home around the published directory.

use std::fs::{self, FileTimes};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use live::files::Identity;
use rustix::fs::{XattrFlags, getxattr, setxattr};

/// In every file outside, and in the name of one.
pub(crate) const SECRET: &[u8] = b"SECRET-of-the-laptop";
const FILES: [&str; 4] = [
    ".ssh/id_ed25519",
    ".claude/.credentials.json",
    "file",
    "SECRET-of-the-laptop",
];
const DIRECTORIES: [&str; 4] = [".ssh", ".claude", "empty", "directory"];
const ATTRIBUTE: &str = "user.mark";

/// The files outside, and how they were.
pub(crate) struct Outside {
    home: PathBuf,
    were: Vec<(PathBuf, Stat)>,
}

/// Everything that `stat` tells; the time of attributes changes with extended attributes and names, too.
#[derive(Debug, PartialEq, Eq)]
struct Stat([i64; 6], [u64; 6]);

impl Outside {
    /// Fills `home`, in which `project` is to be published.
    pub(crate) fn fill(home: &Path) -> Self {
        for name in DIRECTORIES {
            fs::create_dir(home.join(name)).unwrap();
        }
        for name in FILES.into_iter().chain(["directory/file"]) {
            let path = home.join(name);
            fs::write(&path, SECRET).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o604)).unwrap();
            // Not every file system has them.
            setxattr(&path, ATTRIBUTE, SECRET, XattrFlags::empty()).ok();
        }
        let mut outside = Self {
            home: home.to_owned(),
            were: Vec::new(),
        };
        for path in outside.list() {
            // Looking at them does not change times of access that are to come (`relatime`).
            let to_come = SystemTime::now() + Duration::from_secs(3600);
            let times = FileTimes::new().set_accessed(to_come);
            fs::File::open(&path).unwrap().set_times(times).unwrap();
            outside.were.push((path.clone(), stat(&path)));
        }
        outside
    }

    /// Everything in the home but the published directory, and the home itself.
    fn list(&self) -> Vec<PathBuf> {
        let mut all = vec![self.home.clone()];
        let mut left = vec![self.home.clone()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                if path == self.home.join("project") {
                    continue;
                }
                if path.is_dir() {
                    left.push(path.clone());
                }
                all.push(path);
            }
        }
        all.sort();
        all
    }

    /// Names, contents and everything that `stat` tells are as they were.
    #[track_caller]
    pub(crate) fn check(&self) {
        for (path, was) in &self.were {
            assert_eq!(stat(path), *was, "{}", path.display());
        }
        let names: Vec<_> = self.were.iter().map(|(path, _)| path.clone()).collect();
        assert_eq!(self.list(), names);
        for path in names.iter().filter(|path| path.is_file()) {
            assert_eq!(fs::read(path).unwrap(), SECRET, "{}", path.display());
            let mut value = [0; 64];
            if let Ok(length) = getxattr(path, ATTRIBUTE, &mut value) {
                assert_eq!(&value[..length], SECRET);
            }
        }
    }

    /// Whether this is one of them.
    pub(crate) fn has(&self, identity: Identity) -> bool {
        let mut all = self.were.iter();
        all.any(|(_, Stat(_, numbers))| {
            numbers[0] == identity.device && numbers[1] == identity.inode
        })
    }
}

fn stat(path: &Path) -> Stat {
    let found = fs::symlink_metadata(path).unwrap();
    let times = [
        found.atime(),
        found.atime_nsec(),
        found.mtime(),
        found.mtime_nsec(),
        found.ctime(),
        found.ctime_nsec(),
    ];
    let numbers = [
        found.dev(),
        found.ino(),
        found.mode().into(),
        found.nlink(),
        found.uid().into(),
        found.size(),
    ];
    Stat(times, numbers)
}
