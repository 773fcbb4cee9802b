//! What is mounted.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use live::control::{Adapter, Failure, Wanted};
use live::files::{Change, Root};
use live::{Bytes, RelativePath};
use mount::Files;
use tokio::sync::Notify;

use super::adapters::{self, Mounted, Waiting, told};
use super::{first_look, points};
pub(super) use crate::failure;

/// The longest name of a mount point, in bytes: `NAME_MAX`.
const LONGEST_NAME: usize = 255;

/// See the head of this file.
pub(super) struct Mounts {
    /// Where the main directory is mounted.
    main: PathBuf,
    /// In what all others are.
    directory: PathBuf,
    files: Arc<dyn Files>,
    /// Told when a mount has ended by itself.
    lost: Arc<Notify>,
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
    mounted: Option<Box<dyn Mounted>>,
    adapter: Adapter,
    point: PathBuf,
    /// The same without links.
    place: PathBuf,
    read_only: bool,
}

impl Mounts {
    pub(super) fn new(main: PathBuf, directory: PathBuf, files: Arc<dyn Files>) -> Self {
        Self {
            main,
            directory,
            files,
            lost: Arc::default(),
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
        let point = match wanted.is_main {
            true => self.main.clone(),
            false => self.directory.join(&wanted.name),
        };
        let bare = points::make(&point)?;
        let real = point.canonicalize().map_err(|error| told(&point, &error))?;
        let (files, lost) = (Arc::clone(&self.files), Arc::clone(&self.lost));
        let gone = move || lost.notify_one();
        let mounted = adapters::mount(wanted, &point, files, gone).inspect_err(|_| {
            drop(fs::remove_dir(&point));
        })?;
        bare.close().map_err(|error| told(&point, &error))?;
        if wanted.adapter == Adapter::Native {
            first_look::look(&point);
        }
        let place = as_bytes(&point);
        self.keep(
            wanted.root,
            Mount {
                mounted: Some(mounted),
                adapter: wanted.adapter,
                point,
                place: real,
                read_only: wanted.read_only,
            },
        );
        Ok(place)
    }

    /// Waits until a mount may have ended by itself.
    pub(super) async fn wait_for_loss(&self) {
        self.lost.notified().await;
    }

    /// Takes away what is left of a mount that has ended by itself; why it has.
    pub(super) fn take_lost(&self, root: Root) -> Option<Failure> {
        let mut state = self.state();
        let failure = state.mounted.get(&root)?.mounted.as_ref()?.failure()?;
        let lost = state.mounted.remove(&root);
        drop(state);
        drop(lost);
        Some(failure)
    }

    /// Where a directory is mounted, if it is.
    pub(super) fn point(&self, root: Root) -> Option<PathBuf> {
        let state = self.state();
        state.mounted.get(&root).map(|mount| mount.point.clone())
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

    /// What was written through it is the laptop's when this returns, if that is there. Waits for it otherwise.
    pub(super) fn unmount(&self, root: Root) {
        self.state().watched.remove(&root);
        self.take_off(root);
    }

    /// The same of a directory that may be mounted again: the laptop goes on watching it.
    pub(super) fn take_off(&self, root: Root) {
        let mount = self.state().mounted.remove(&root);
        if let Some(mount) = &mount {
            mount.flush();
        }
        drop(mount);
    }

    /// What was written through any of them to mapped memory is the laptop's when this returns. Waits for that.
    pub(super) fn flush(&self) {
        let state = self.state();
        let mounts = state.mounted.values();
        let points: Vec<_> = mounts
            .map(|mount| (mount.adapter, mount.point.clone()))
            .collect();
        drop(state);
        for (adapter, point) in points {
            adapters::flush(adapter, &point);
        }
    }

    /// All that programs have written, made, removed or set through any of them before is the laptop's when this returns, or
    /// they will be told why it is not. Waits for that, as they would; not for what they begin meanwhile.
    pub(super) fn settle(&self) {
        self.wait_for_each(|mount| match mount.read_only {
            true => None,
            false => Some(mount.mounted.as_ref()?.settling()),
        });
    }

    /// The kernel has been told what [`Mounts::changed`] was told before when this returns: who asks it finds nothing as it was
    /// before. Not to be called where the laptop's answers are given.
    pub(super) fn caught_up(&self) {
        self.wait_for_each(|mount| Some(mount.mounted.as_ref()?.catching_up()));
    }

    /// In which mount the directory at that absolute path without links is, and where in it; `None` if it is in none, or in
    /// one where nothing may be changed.
    pub(super) fn locate(&self, directory: &Path) -> Option<(Root, RelativePath)> {
        let state = self.state();
        let mounted = state.mounted.iter();
        let above = mounted.filter(|(_, mount)| directory.starts_with(&mount.place));
        let (root, mount) = above.max_by_key(|(_, mount)| mount.place.as_os_str().len())?;
        let path = directory.strip_prefix(&mount.place).ok()?;
        let path = RelativePath::new(path.as_os_str().as_bytes()).ok()?;
        (!mount.read_only).then_some((*root, path))
    }

    /// Without the lock: a mount may end meanwhile.
    fn wait_for_each(&self, what: impl Fn(&Mount) -> Option<Waiting>) {
        let state = self.state();
        let waiting: Vec<_> = state.mounted.values().filter_map(what).collect();
        drop(state);
        for wait in waiting {
            wait();
        }
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

    /// The laptop was started anew. Until it says so again nobody tells of changes, and of some nobody may have told.
    pub(super) fn begin_anew(&self) {
        let watched = self.state().watched.clone();
        let changes = watched.into_iter();
        let changes = changes.map(|root| Change::Watched { root, all: false });
        self.changed(&changes.collect::<Vec<_>>());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Mount {
    fn flush(&self) {
        adapters::flush(self.adapter, &self.point);
    }

    fn changed(&self, changes: &[Change]) {
        if let Some(mounted) = &self.mounted {
            mounted.changed(changes);
        }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // What is still in use is detached: it is an error to those who use it, and gone with the last of them.
        drop(self.mounted.take());
        drop(fs::remove_dir(&self.point));
    }
}

fn is_name(name: &str) -> bool {
    let is_elsewhere = matches!(name, "" | "." | "..") || name.contains(['/', '\0']);
    !is_elsewhere && name.len() <= LONGEST_NAME
}
