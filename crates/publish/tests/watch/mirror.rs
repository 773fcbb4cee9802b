//! A published directory that is watched, and a mirror of it that knows only what is told.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, mpsc};
use std::time::Duration;

use live::RelativePath;
use live::files::{Attributes, Change, Identity, Kind, Root, Time};
use publish::watch::Watcher;
use tempfile::TempDir;
use testkit::wait_until;

pub(crate) const ROOT: Root = Root(7);
pub(crate) const LIMIT: Duration = Duration::from_secs(60);

/// By path; what is compared of each file.
pub(crate) type Tree = BTreeMap<RelativePath, Attributes>;

/// What has been told.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) changes: Vec<Change>,
    pub(crate) trees: BTreeMap<Root, Tree>,
    pub(crate) watched: BTreeMap<Root, bool>,
    pub(crate) largest_batch: usize,
}

impl Told {
    fn apply(&mut self, change: &Change, directory: Option<&Path>) {
        match change {
            Change::At {
                root,
                path,
                attributes,
            } => {
                let tree = self.trees.entry(*root).or_default();
                let known = tree.get(path).map(|known| known.identity);
                let now = attributes.map(|is| is.identity);
                if now.is_none() || known.is_some_and(|known| Some(known) != now) {
                    remove(tree, path);
                }
                if let Some(attributes) = attributes {
                    tree.insert(path.clone(), comparable(*attributes));
                }
            }
            Change::Anything { root, path } => {
                let tree = self.trees.entry(*root).or_default();
                remove(tree, path);
                if let Some(directory) = directory
                    && !is_behind_link(directory, path)
                {
                    read_tree(
                        &directory.join(OsStr::from_bytes(path.as_bytes())),
                        path,
                        tree,
                    );
                }
            }
            Change::Watched { root, all } => {
                self.watched.insert(*root, *all);
            }
        }
    }

    /// The last that was told of `path` itself.
    pub(crate) fn last(&self, path: &str) -> Option<&Change> {
        self.changes.iter().rev().find(
            |change| matches!(change, Change::At { path: told, .. } if *told == relative(path)),
        )
    }

    /// Everything that was told to be at some path, or not.
    pub(crate) fn paths(&self) -> Vec<String> {
        let path = |change: &Change| match change {
            Change::At { path, .. } => Some(String::from_utf8_lossy(path.as_bytes()).into_owned()),
            Change::Anything { .. } | Change::Watched { .. } => None,
        };
        self.changes.iter().filter_map(path).collect()
    }

    pub(crate) fn anything(&self) -> usize {
        let is_anything = |change: &&Change| matches!(change, Change::Anything { .. });
        self.changes.iter().filter(is_anything).count()
    }
}

pub(crate) fn relative(path: &str) -> RelativePath {
    RelativePath::new(path.as_bytes()).unwrap()
}

/// A directory for tests with a published one in it, which is watched.
pub(crate) struct Scene {
    pub(crate) watcher: Watcher,
    pub(crate) told: Arc<Mutex<Told>>,
    /// Held, nothing more is told.
    pub(crate) gate: Arc<Mutex<()>>,
    /// The published directory.
    pub(crate) directory: PathBuf,
    /// A directory beside it.
    pub(crate) outside: PathBuf,
    _home: TempDir,
}

impl Scene {
    /// Watched, with everything told of the beginning.
    pub(crate) fn new() -> Self {
        Self::with(usize::MAX, |_| {})
    }

    /// As [`Scene::new`], with at most so many watches, in a directory that `prepare` has filled.
    pub(crate) fn with(most_watches: usize, prepare: impl FnOnce(&Path)) -> Self {
        let home = TempDir::with_prefix("watch").unwrap();
        let (directory, outside) = (home.path().join("published"), home.path().join("outside"));
        fs::create_dir(&directory).unwrap();
        fs::create_dir(&outside).unwrap();
        prepare(&directory);
        let told = Arc::new(Mutex::new(Told::default()));
        let gate = Arc::new(Mutex::new(()));
        let (telling, passing, below) = (Arc::clone(&told), Arc::clone(&gate), directory.clone());
        let tell = move |changes: Vec<Change>| {
            drop(passing.lock().unwrap());
            let mut told = telling.lock().unwrap();
            told.largest_batch = told.largest_batch.max(changes.len());
            for change in changes {
                told.apply(&change, Some(&below));
                told.changes.push(change);
            }
        };
        let watcher = Watcher::with_most_watches(tell, most_watches);
        watcher.add(ROOT, &directory).unwrap();
        let scene = Self {
            watcher,
            told,
            gate,
            directory,
            outside,
            _home: home,
        };
        wait_until("the end of setting up", LIMIT, || {
            scene.told().watched.contains_key(&ROOT)
        });
        scene.told().changes.clear();
        scene
    }

    pub(crate) fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap()
    }

    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }

    pub(crate) fn is_watched(&self) -> bool {
        self.told().watched[&ROOT]
    }

    /// Until all that has happened is told.
    #[track_caller]
    pub(crate) fn drain(&self) {
        let (drained, is_drained) = mpsc::channel();
        self.watcher.drain(move || drained.send(()).unwrap());
        is_drained.recv_timeout(LIMIT).unwrap();
    }

    /// That all that has happened is told when it has been waited for.
    #[track_caller]
    pub(crate) fn check_drained(&self, what: &str) {
        self.drain();
        let told = self.told().trees[&ROOT].clone();
        assert_eq!(told, self.actual(), "{what}");
    }

    /// Until the mirror is as the directory is.
    #[track_caller]
    pub(crate) fn wait_for_mirror(&self) {
        let mut actual = Tree::new();
        for _ in 0..6000 {
            actual = self.actual();
            if self.told().trees[&ROOT] == actual {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let told = self.told();
        let mirror = &told.trees[&ROOT];
        let wrong = actual
            .iter()
            .filter(|(path, is)| mirror.get(path) != Some(is));
        let left = mirror.keys().filter(|path| !actual.contains_key(path));
        let wrong: Vec<_> = wrong
            .map(|(path, is)| (path, is, mirror.get(path)))
            .take(5)
            .collect();
        let left: Vec<_> = left.take(5).collect();
        let from = told.changes.len().saturating_sub(60);
        let shown = told.changes[from..]
            .iter()
            .map(show)
            .collect::<Vec<_>>()
            .join(
                "
",
            );
        panic!(
            "wrong: {wrong:?}
left: {left:?}
last:
{shown}"
        );
    }

    /// The mirror, and that nothing had to be read for it again: everything was told by name.
    #[track_caller]
    pub(crate) fn wait_for_names(&self) {
        self.wait_for_mirror();
        let told = self.told();
        let shown: Vec<_> = told.changes.iter().map(show).collect();
        assert_eq!(told.anything(), 0, "{shown:#?}");
    }

    fn actual(&self) -> Tree {
        let mut tree = Tree::new();
        read_tree(&self.directory, &RelativePath::root(), &mut tree);
        tree
    }
}

/// What is at `path` and below.
fn remove(tree: &mut Tree, path: &RelativePath) {
    let below = path.join(OsStr::new("\u{1}")).unwrap();
    let first = if path.is_root() { path.clone() } else { below };
    let after: Vec<_> = tree
        .range(first..)
        .map(|(known, _)| known.clone())
        .take_while(|known| known.starts_with(path))
        .collect();
    tree.remove(path);
    for known in after {
        tree.remove(&known);
    }
}

/// Whether a link would be followed on the way to it.
fn is_behind_link(directory: &Path, path: &RelativePath) -> bool {
    let mut at = directory.to_owned();
    path.names().any(|name| {
        let is_link = fs::symlink_metadata(&at).is_ok_and(|is| is.is_symlink());
        at.push(name);
        is_link
    })
}

fn show(change: &Change) -> String {
    match change {
        Change::At {
            path, attributes, ..
        } => {
            let shown = attributes.map(|is| (is.kind, is.identity.inode, is.size, is.links));
            format!("{path:?} {shown:?}")
        }
        Change::Anything { path, .. } => format!("{path:?} anything"),
        Change::Watched { all, .. } => format!("watched {all}"),
    }
}

/// What is at `path` and below, as far as it holds still.
pub(crate) fn read_tree(path: &Path, relative: &RelativePath, tree: &mut Tree) {
    let Ok(attributes) = attributes_of(path) else {
        return;
    };
    tree.insert(relative.clone(), comparable(attributes));
    if attributes.kind != Kind::Directory {
        return;
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let below = relative.join(&entry.file_name()).unwrap();
        read_tree(&entry.path(), &below, tree);
    }
}

/// Without what nothing tells of: reading, room on the disk, and the other names of a file.
pub(crate) fn comparable(mut attributes: Attributes) -> Attributes {
    let nothing = Time {
        seconds: 0,
        nanoseconds: 0,
    };
    attributes.accessed = nothing;
    attributes.blocks = 0;
    if attributes.kind != Kind::Directory {
        attributes.links = 0;
        attributes.changed = nothing;
    }
    attributes
}

pub(crate) fn attributes_of(path: &Path) -> std::io::Result<Attributes> {
    let is = fs::symlink_metadata(path)?;
    let time = |seconds, nanoseconds: i64| Time {
        seconds,
        nanoseconds: u32::try_from(nanoseconds).unwrap(),
    };
    let kind = match is.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_symlink() => Kind::Link,
        kind if kind.is_fifo() => Kind::Pipe,
        kind if kind.is_socket() => Kind::Socket,
        _ => Kind::File,
    };
    Ok(Attributes {
        identity: Identity {
            device: is.dev(),
            inode: is.ino(),
            born: born(&is),
        },
        kind,
        permissions: u16::try_from(is.mode() & 0o7777).unwrap(),
        links: u32::try_from(is.nlink()).unwrap(),
        user: is.uid(),
        group: is.gid(),
        device_number: is.rdev(),
        size: is.size(),
        blocks: is.blocks(),
        accessed: time(is.atime(), is.atime_nsec()),
        modified: time(is.mtime(), is.mtime_nsec()),
        changed: time(is.ctime(), is.ctime_nsec()),
    })
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
