//! What is mounted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::Bytes;
use live::control::{Failure, Wanted};
use live::files::{Change, Root};
use mount::{Files, Mounted, Options};

/// The longest name of a mount point, in bytes: `NAME_MAX`.
const LONGEST_NAME: usize = 255;
/// Of a mount point without its mount: nothing lands there when the mount is lost. Root's processes are not kept out.
const BARE: u32 = 0o500;

/// See the head of this file.
pub(super) struct Mounts {
    directory: PathBuf,
    files: Arc<dyn Files>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    mounted: BTreeMap<Root, Mount>,
    /// Of which directories all changes are told, mounted or not yet.
    watched: BTreeSet<Root>,
    is_over: bool,
}

/// A mount in the directory that was made for it. Both end when this is dropped, which waits for the kernel.
struct Mount {
    /// `None` only while it ends.
    mounted: Option<Mounted>,
    point: PathBuf,
}

impl Mounts {
    pub(super) fn new(directory: PathBuf, files: Arc<dyn Files>) -> Self {
        Self {
            directory,
            files,
            state: Mutex::default(),
        }
    }

    /// Mounts a directory, or finds that it is; where.
    pub(super) fn mount(&self, wanted: &Wanted) -> Result<Bytes, Failure> {
        let as_bytes = |point: &Path| Bytes::copy_from_slice(point.as_os_str().as_bytes());
        if let Some(mount) = self.state().mounted.get(&wanted.root) {
            return Ok(as_bytes(&mount.point));
        }
        if !is_name(&wanted.name) {
            return Err(failure("the name of a mount point is none", ""));
        }
        let point = self.directory.join(&wanted.name);
        let told = |error: io::Error| {
            let message = format!("cannot mount at {}: {error}", point.display());
            failure(
                &message,
                "Is FUSE there? Debian and Ubuntu: apt install fuse3",
            )
        };
        DirBuilder::new().mode(BARE).create(&point).map_err(told)?;
        let options = Options {
            name: wanted.name.clone(),
            user: wanted.user,
            group: wanted.group,
            read_only: wanted.read_only,
            for_others: false,
        };
        let files = Arc::clone(&self.files);
        let mounted = mount::mount(&point, wanted.root, files, &options).map_err(|error| {
            drop(fs::remove_dir(&point));
            told(error)
        })?;
        let place = as_bytes(&point);
        self.keep(
            wanted.root,
            Mount {
                mounted: Some(mounted),
                point,
            },
        );
        Ok(place)
    }

    fn keep(&self, root: Root, mount: Mount) {
        let unused = {
            let mut state = self.state();
            if state.watched.contains(&root) {
                mount.changed(&[Change::Watched { root, all: true }]);
            }
            match state.is_over {
                true => Some(mount),
                false => state.mounted.insert(root, mount),
            }
        };
        // Not under the lock, as it waits.
        drop(unused);
    }

    pub(super) fn unmount(&self, root: Root) {
        let mount = {
            let mut state = self.state();
            state.watched.remove(&root);
            state.mounted.remove(&root)
        };
        drop(mount);
    }

    /// All, and none comes after that.
    pub(super) fn end_all(&self) {
        let mounted = {
            let mut state = self.state();
            state.is_over = true;
            std::mem::take(&mut state.mounted)
        };
        drop(mounted);
    }

    /// Tells every mount what has changed.
    pub(super) fn changed(&self, changes: &[Change]) {
        let mut state = self.state();
        for change in changes {
            if let Change::Watched { root, all } = change {
                match all {
                    true => drop(state.watched.insert(*root)),
                    false => drop(state.watched.remove(root)),
                }
            }
        }
        for mount in state.mounted.values() {
            mount.changed(changes);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mount {
    fn changed(&self, changes: &[Change]) {
        if let Some(mounted) = &self.mounted {
            mounted.changed(changes);
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What is still in use is detached: it is an error to those who use it, and gone with the last of them.
        drop(self.mounted.take().map(Mounted::unmount));
        drop(fs::remove_dir(&self.point));
    }
}

fn is_name(name: &str) -> bool {
    let is_elsewhere = matches!(name, "" | "." | "..") || name.contains(['/', '\0']);
    !is_elsewhere && name.len() <= LONGEST_NAME
}

fn failure(message: &str, hint: &str) -> Failure {
    Failure {
        message: message.to_owned(),
        hint: hint.to_owned(),
    }
}
