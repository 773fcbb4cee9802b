//! Which watch is where: a tree of directories, of which each can be moved with all that is below it.
//!
//! Pure: it knows no file system.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;

use live::RelativePath;

/// The number of an inotify watch. The kernel does not use one again before 2^31 others.
pub(super) type Watch = i32;

/// More than the names of any [`RelativePath`].
const DEEPEST: usize = 4096;

struct Directory {
    /// `None` for the published directory itself, and for one that has lost its place.
    place: Option<(Watch, OsString)>,
    children: HashMap<OsString, Watch>,
}

/// The directories that are watched.
#[derive(Default)]
pub(super) struct Directories {
    root: Option<Watch>,
    known: HashMap<Watch, Directory>,
    /// Have lost their place, at least for a time.
    strays: Vec<Watch>,
}

impl Directories {
    /// The published directory itself.
    pub(super) fn root(&self) -> Option<Watch> {
        self.root
    }

    pub(super) fn set_root(&mut self, watch: Watch) {
        self.root = Some(watch);
        self.known.entry(watch).or_insert_with(Directory::new);
    }

    pub(super) fn contains(&self, watch: Watch) -> bool {
        self.known.contains_key(&watch)
    }

    /// `None` if it has lost its place, or a directory above it has; or if it is too long for a path.
    pub(super) fn path(&self, watch: Watch) -> Option<RelativePath> {
        let mut names = Vec::new();
        let mut at = watch;
        while Some(at) != self.root {
            let (parent, name) = self.known.get(&at)?.place.as_ref()?;
            names.push(name.as_bytes());
            at = *parent;
            if names.len() > DEEPEST {
                return None;
            }
        }
        names.reverse();
        RelativePath::new(&names.join(&b'/')).ok()
    }

    /// What is known to be called `name` in `parent`.
    pub(super) fn child(&self, parent: Watch, name: &OsStr) -> Option<Watch> {
        self.known.get(&parent)?.children.get(name).copied()
    }

    /// The names of all directories that are known in `parent`.
    pub(super) fn children(&self, parent: Watch) -> Vec<OsString> {
        let parent = self.known.get(&parent);
        parent.map_or_else(Vec::new, |parent| parent.children.keys().cloned().collect())
    }

    /// Whether `watch` is `below`, or above it.
    pub(super) fn is_above(&self, watch: Watch, below: Watch) -> bool {
        let mut at = Some(below);
        for _ in 0..DEEPEST {
            let Some(here) = at else { return false };
            if here == watch {
                return true;
            }
            let place = self.known.get(&here).and_then(|known| known.place.as_ref());
            at = place.map(|(parent, _)| *parent);
        }
        true
    }

    /// Puts `watch` there, from wherever it was; it must not be above that. Another one that was there loses its place.
    pub(super) fn put(&mut self, watch: Watch, parent: Watch, name: &OsStr) {
        self.take(parent, name);
        self.lift(watch);
        let Some(known) = self.known.get_mut(&parent) else {
            return;
        };
        known.children.insert(name.to_owned(), watch);
        let directory = self.known.entry(watch).or_insert_with(Directory::new);
        directory.place = Some((parent, name.to_owned()));
    }

    /// What is called `name` in `parent` loses its place. Whether there was any.
    pub(super) fn take(&mut self, parent: Watch, name: &OsStr) -> bool {
        let Some(watch) = self.child(parent, name) else {
            return false;
        };
        self.lift(watch);
        self.strays.push(watch);
        true
    }

    fn lift(&mut self, watch: Watch) {
        let Some(directory) = self.known.get_mut(&watch) else {
            return;
        };
        if let Some((parent, name)) = directory.place.take()
            && let Some(parent) = self.known.get_mut(&parent)
        {
            parent.children.remove(&name);
        }
    }

    /// `watch` is no more. Gives its place; what was below it has lost its own.
    pub(super) fn forget(&mut self, watch: Watch) -> Option<(Watch, OsString)> {
        let place = self.known.get(&watch)?.place.clone();
        self.lift(watch);
        let forgotten = self.known.remove(&watch)?;
        for child in forgotten.children.into_values() {
            if let Some(child_directory) = self.known.get_mut(&child) {
                child_directory.place = None;
                self.strays.push(child);
            }
        }
        place
    }

    pub(super) fn has_strays(&self) -> bool {
        !self.strays.is_empty()
    }

    /// Forgets all that have lost their place and not got another since, with all below them, and gives them.
    pub(super) fn forget_strays(&mut self) -> Vec<Watch> {
        let mut forgotten = Vec::new();
        while let Some(watch) = self.strays.pop() {
            let is_stray = self
                .known
                .get(&watch)
                .is_some_and(|known| known.place.is_none());
            if is_stray && Some(watch) != self.root {
                // Those below it become strays, and are taken next.
                self.forget(watch);
                forgotten.push(watch);
            }
        }
        forgotten
    }
}

impl Directory {
    fn new() -> Self {
        Self {
            place: None,
            children: HashMap::new(),
        }
    }
}
