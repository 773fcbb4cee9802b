//! What was read ahead: directories and small files that nobody has asked for yet.
//!
//! Pure. It is good for as long as nothing is told, or done from here, that may concern it: then it is forgotten, and what
//! is on its way at that time is not taken when it comes. So what is in here is as the laptop had it after everything that
//! is known here. It is used only while all changes are told.
//!
//! Everything goes by paths. Who uses it makes sure that the path still leads to the same file.

mod following;
mod linked;
mod store;

pub(crate) use following::LARGEST_SMALL;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;

use bytes::Bytes;
use live::RelativePath;
use live::files::{Attributes, Contents, Entry, Identity, Kind, Listing};

use crate::nodes::Epoch;
use crate::pending::Answerer;
use linked::Linked;
use store::Store;

/// How much of directories is kept, and of files, in bytes, about.
const MOST_LISTINGS: usize = 16 << 20;
const MOST_CONTENTS: usize = 16 << 20;
/// About what an entry takes besides its name: itself, and its place in the index.
const ENTRY: usize = 240;
/// How many changes are remembered for what is on its way; when there are more, it is not taken.
const MOST_CHANGES: usize = 256;
/// How many doubtful names a list may have.
const MOST_DOUBTFUL: usize = 1024;

/// A directory that was read.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) identity: Identity,
    pub(crate) entries: Arc<[Entry]>,
    /// Where each name is in `entries`.
    names: Arc<HashMap<Bytes, usize>>,
    /// Names that may be there or not, or lead to something else, since then.
    doubtful: HashSet<Bytes>,
    /// It was made from here, and empty.
    is_own: bool,
    /// When it was asked for.
    pub(crate) asked: Epoch,
}

/// A file that was read.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) attributes: Attributes,
    pub(crate) bytes: Bytes,
    /// When it was asked for.
    pub(crate) asked: Epoch,
}

/// The number of something that is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Flight(u64);

/// What is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Aim {
    /// These directories and what is below them.
    Trees(Vec<RelativePath>),
    /// These files.
    Files(Vec<RelativePath>),
}

#[derive(Debug)]
struct Way {
    aim: Aim,
    asked: Epoch,
    /// What has changed since it was asked for; `None`: too much.
    changes: Option<Vec<Change>>,
    /// Who waits for it.
    waiting: Vec<Answerer>,
}

/// Something that may not be any more as it was.
#[derive(Clone, Debug)]
struct Change {
    path: RelativePath,
    /// In which directory that is.
    parent: Option<RelativePath>,
    /// What is below it, too.
    is_deep: bool,
}

impl Change {
    fn new(path: &RelativePath, is_deep: bool) -> Self {
        let parent = path.split().map(|(parent, _)| parent);
        let path = path.clone();
        Self {
            path,
            parent,
            is_deep,
        }
    }

    /// Whether the file at `path`, or the list of the directory there, may be another.
    fn concerns(&self, path: &RelativePath) -> bool {
        *path == self.path || (self.is_deep && path.starts_with(&self.path))
    }

    fn concerns_list(&self, path: &RelativePath) -> bool {
        self.concerns(path) || self.parent.as_ref() == Some(path)
    }
}

/// See the [module](self).
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    listings: Store<Listed>,
    contents: Store<Kept>,
    ways: BTreeMap<Flight, Way>,
    last: u64,
    /// Files with several names that have changed.
    pub(crate) linked: Linked,
    /// How far a walk through directories or files has been noticed.
    pub(crate) walk: following::Walk,
}

impl Ahead {
    /// The list of the directory at `path`.
    pub(crate) fn listed(&self, path: &RelativePath) -> Option<&Listed> {
        self.listings.get(path)
    }

    /// The file at `path`.
    pub(crate) fn kept(&self, path: &RelativePath) -> Option<&Kept> {
        self.contents.get(path)
    }

    /// The file at `path` has been used to its end: the kernel has it.
    pub(crate) fn used(&mut self, path: &RelativePath) {
        if self.contents.remove(path).is_some() {
            self.walk.used += 1;
        }
    }

    /// Keeps a whole directory that was asked for at `asked`, with nothing having changed since.
    pub(crate) fn keep(&mut self, listing: Listing, asked: Epoch) {
        let names = listing.entries.iter().enumerate();
        let names: HashMap<_, _> = names
            .map(|(index, entry)| (entry.name.clone(), index))
            .collect();
        let length = |entry: &Entry| ENTRY + entry.name.len();
        let bytes = ENTRY + listing.entries.iter().map(length).sum::<usize>();
        let listed = Listed {
            identity: listing.identity,
            entries: listing.entries.into(),
            names: Arc::new(names),
            doubtful: HashSet::new(),
            is_own: false,
            asked,
        };
        self.listings.insert(listing.path, listed, bytes);
        self.listings.shrink(MOST_LISTINGS);
    }

    /// The same of a directory that was made from here, and is empty.
    pub(crate) fn keep_own(&mut self, listing: Listing, asked: Epoch) {
        let path = listing.path.clone();
        self.keep(listing, asked);
        if let Some(listed) = self.listings.get_mut(&path) {
            listed.is_own = true;
        }
    }

    /// Something is asked for.
    pub(crate) fn start(&mut self, aim: Aim, asked: Epoch) -> Flight {
        self.last += 1;
        let way = Way {
            aim,
            asked,
            changes: Some(Vec::new()),
            waiting: Vec::new(),
        };
        self.ways.insert(Flight(self.last), way);
        Flight(self.last)
    }

    /// What is on its way that has the list of the directory at `path`, perhaps.
    pub(crate) fn coming_list(&self, path: &RelativePath) -> Option<Flight> {
        let has = |way: &Way| match &way.aim {
            Aim::Trees(trees) => trees.iter().any(|tree| path.starts_with(tree)),
            Aim::Files(_) => false,
        };
        let mut ways = self.ways.iter().filter(|(_, way)| has(way));
        ways.next().map(|(flight, _)| *flight)
    }

    /// What is on its way that has the file at `path`, perhaps.
    pub(crate) fn coming_file(&self, path: &RelativePath) -> Option<Flight> {
        let has = |way: &Way| match &way.aim {
            Aim::Trees(_) => false,
            Aim::Files(files) => files.contains(path),
        };
        let mut ways = self.ways.iter().filter(|(_, way)| has(way));
        ways.next().map(|(flight, _)| *flight)
    }

    /// Answers `answerer` when that has come, or will not. Given back if it has.
    pub(crate) fn wait(&mut self, flight: Flight, answerer: Answerer) -> Option<Answerer> {
        match self.ways.get_mut(&flight) {
            Some(way) => {
                way.waiting.push(answerer);
                None
            }
            None => Some(answerer),
        }
    }

    /// A directory that is made is known to be empty, if this was asked for with it: whether that is still so.
    pub(crate) fn is_still_empty(&mut self, flight: Flight, path: &RelativePath) -> bool {
        let way = self.ways.remove(&flight);
        way.is_some_and(|way| way.is_good(|change| change.concerns_list(path)))
    }

    /// Directories have come. Those who wait for them are to be answered.
    pub(crate) fn trees_came(&mut self, flight: Flight, listings: Vec<Listing>) -> Vec<Answerer> {
        let Some(way) = self.ways.remove(&flight) else {
            return Vec::new();
        };
        for listing in listings {
            if way.is_good(|change| change.concerns_list(&listing.path)) {
                self.keep(listing, way.asked);
            }
        }
        way.waiting
    }

    /// Files have come, in the order of the aim. Those who wait for them are to be answered.
    pub(crate) fn files_came(
        &mut self,
        flight: Flight,
        files: Vec<Option<Contents>>,
    ) -> Vec<Answerer> {
        let Some(way) = self.ways.remove(&flight) else {
            return Vec::new();
        };
        let paths = match &way.aim {
            Aim::Files(paths) => paths.as_slice(),
            Aim::Trees(_) => &[],
        };
        for (path, contents) in paths.iter().zip(files) {
            let is_good = way.is_good(|change| change.concerns(path));
            if let Some(contents) = contents.filter(|_| is_good) {
                let kept = Kept {
                    attributes: contents.attributes,
                    bytes: contents.bytes,
                    asked: way.asked,
                };
                let bytes = kept.bytes.len() + ENTRY;
                self.contents.insert(path.clone(), kept, bytes);
            }
        }
        self.contents.shrink(MOST_CONTENTS);
        way.waiting
    }

    /// What is at `path` may be another, or like something else; with `is_deep`, what is below it, too.
    pub(crate) fn forget(&mut self, path: &RelativePath, is_deep: bool) {
        let change = Change::new(path, is_deep);
        if is_deep {
            self.listings.remove_below(path);
            self.contents.remove_below(path);
        }
        self.contents.remove(path);
        self.doubt(path);
        for way in self.ways.values_mut() {
            match &mut way.changes {
                Some(changes) if changes.len() < MOST_CHANGES => changes.push(change.clone()),
                changes => *changes = None,
            }
        }
    }

    /// Its name in its directory may lead elsewhere, or to something that is different.
    fn doubt(&mut self, path: &RelativePath) {
        let Some((parent, name)) = path.split() else {
            return;
        };
        let Some(listed) = self.listings.get_mut(&parent) else {
            return;
        };
        if listed.doubtful.len() < MOST_DOUBTFUL {
            let name = Bytes::copy_from_slice(name.as_bytes());
            listed.doubtful.insert(name);
        } else {
            self.listings.remove(&parent);
        }
    }

    /// The file at `path` is like that now; `None`: there is none.
    pub(crate) fn changed(&mut self, path: &RelativePath, attributes: Option<&Attributes>) {
        let is_same_directory = attributes.is_some_and(|attributes| {
            let listed = self.listed(path);
            attributes.kind == Kind::Directory
                && listed.is_some_and(|listed| listed.identity == attributes.identity)
        });
        self.forget(path, !is_same_directory);
    }

    /// Nothing is good any more.
    pub(crate) fn clear(&mut self) {
        self.forget(&RelativePath::root(), true);
    }

    /// How much is kept of files, in bytes.
    fn contents_length(&self) -> usize {
        self.contents.bytes
    }

    /// Whether files are on their way.
    fn has_files_coming(&self) -> bool {
        let mut ways = self.ways.values();
        ways.any(|way| matches!(way.aim, Aim::Files(_)))
    }
}

/// It may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Doubtful;

impl Listed {
    /// What is called `name` there; an error if that is doubtful. That there is none is doubtful where names come and go,
    /// unless they do from here.
    pub(crate) fn entry(&self, name: &[u8]) -> Result<Option<&Entry>, Doubtful> {
        let index = self.names.get(name);
        let may_be_new = index.is_none() && !self.is_own && !self.is_certain();
        if may_be_new || self.doubtful.contains(name) {
            return Err(Doubtful);
        }
        Ok(index.and_then(|index| self.entries.get(*index)))
    }

    /// Whether all of it is good.
    pub(crate) fn is_certain(&self) -> bool {
        self.doubtful.is_empty()
    }

    /// What comes after `name` there.
    fn after(&self, name: &[u8]) -> &[Entry] {
        let index = self.names.get(name).map_or(usize::MAX, |index| index + 1);
        self.entries.get(index..).unwrap_or_default()
    }
}

impl Way {
    fn is_good(&self, is_concerned: impl Fn(&Change) -> bool) -> bool {
        let changes = self.changes.as_ref();
        changes.is_some_and(|changes| !changes.iter().any(is_concerned))
    }
}
