//! A mount of a directory of this machine: the laptop's side is executed here, by threads of its own.

#![allow(dead_code, reason = "not every test needs everything")]
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "files of tests need not survive anything"
)]

pub(crate) mod local_files;
pub(crate) mod mapping;
pub(crate) mod system;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, mpsc};
use std::time::Duration;

use live::RelativePath;
use live::files::{Change, Place, Reply, Request, Root, Target};
use mount::{Mounted, Options, mount};
use publish::watch::Watcher;
use testkit::namespace::{Isolation, isolated};

pub(crate) use local_files::LocalFiles;

pub(crate) const ROOT: Root = Root(7);
/// A condition that does not come true in this time never will.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

/// What a test wants.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wish {
    pub(crate) watched: bool,
    pub(crate) read_only: bool,
    pub(crate) for_others: bool,
    /// How long every answer takes at most; each a random part of it.
    pub(crate) delay: Duration,
}

impl Default for Wish {
    fn default() -> Self {
        Wish {
            watched: true,
            read_only: false,
            for_others: false,
            delay: Duration::ZERO,
        }
    }
}

/// A mounted directory. Unmounted when dropped; the whole test's mounts go with its namespace.
pub(crate) struct World {
    pub(crate) files: Arc<LocalFiles>,
    pub(crate) mounted: Option<Arc<Mounted>>,
    /// Held, the watcher tells nothing more.
    pub(crate) gate: Arc<Mutex<()>>,
    directory: tempfile::TempDir,
    watcher: Option<Watcher>,
}

/// Runs `body` with mounts of its own, or skips the test.
pub(crate) fn in_mount(test_name: &str, wish: Wish, body: impl FnOnce(World)) {
    if !Path::new("/dev/fuse").exists() {
        return testkit::skip("needs /dev/fuse");
    }
    isolated(test_name, Isolation::MOUNTS, || body(World::new(wish)));
}

impl World {
    pub(crate) fn new(wish: Wish) -> World {
        let directory = tempfile::Builder::new().prefix("mount").tempdir().unwrap();
        let (laptop, server) = (
            directory.path().join("laptop"),
            directory.path().join("server"),
        );
        fs::create_dir(&laptop).unwrap();
        fs::create_dir(&server).unwrap();
        let files = LocalFiles::start(&laptop, wish.delay, wish.read_only);
        let options = Options {
            name: "test".to_owned(),
            user: rustix::process::getuid().as_raw(),
            group: rustix::process::getgid().as_raw(),
            read_only: wish.read_only,
            for_others: wish.for_others,
        };
        let shared: Arc<dyn mount::Files> = Arc::<LocalFiles>::clone(&files);
        let mounted = mount(&server, ROOT, shared, &options).unwrap();
        let world = World {
            files,
            mounted: Some(Arc::new(mounted)),
            gate: Arc::default(),
            directory,
            watcher: None,
        };
        world.tell(Change::Watched {
            root: ROOT,
            all: wish.watched,
        });
        world
    }

    /// The published directory, or what is in it.
    pub(crate) fn laptop(&self, name: &str) -> PathBuf {
        self.directory.path().join("laptop").join(name)
    }

    /// The mount, or what is in it.
    pub(crate) fn server(&self, name: &str) -> PathBuf {
        self.directory.path().join("server").join(name)
    }

    /// A directory beside them.
    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn mounted(&self) -> &Mounted {
        self.mounted.as_ref().unwrap()
    }

    pub(crate) fn tell(&self, change: Change) {
        self.mounted().changed(&[change]);
    }

    /// Tells the mount of the present state of something.
    pub(crate) fn tell_of(&self, name: &str) {
        let change = self.change_of(name);
        self.tell(change);
    }

    /// As it would be told.
    pub(crate) fn change_of(&self, name: &str) -> Change {
        let path = RelativePath::new(name.as_bytes()).unwrap();
        let target = Target::Place(Place {
            root: ROOT,
            path: path.clone(),
            identity: None,
        });
        let attributes = match self.files.service().execute(Request::Attributes(target)) {
            Ok(Reply::Attributes(attributes)) => Some(attributes),
            Err(_) => None,
            other => panic!("{other:?}"),
        };
        Change::At {
            root: ROOT,
            path,
            attributes,
        }
    }

    /// Has changes told by the laptop's own watcher.
    pub(crate) fn watch(&mut self) {
        let mounted = Arc::downgrade(self.mounted.as_ref().unwrap());
        let is_watched = Arc::new(OnceLock::new());
        let seen = Arc::clone(&is_watched);
        let gate = Arc::clone(&self.gate);
        let watcher = Watcher::new(move |changes: Vec<Change>| {
            drop(gate.lock().unwrap());
            if let Some(mounted) = mounted.upgrade() {
                mounted.changed(&changes);
            }
            if changes
                .iter()
                .any(|change| matches!(change, Change::Watched { all: true, .. }))
            {
                seen.get_or_init(|| ());
            }
        });
        let watcher = watcher.unwrap();
        watcher.add(ROOT, &self.laptop("")).unwrap();
        testkit::wait_until("the watcher", LIMIT, || is_watched.get().is_some());
        self.watcher = Some(watcher);
    }

    /// Until all that has happened on the laptop is told.
    pub(crate) fn drain(&self) {
        let (drained, is_drained) = mpsc::channel();
        let watcher = self.watcher.as_ref().expect("it is watched");
        watcher.drain(move || drained.send(()).unwrap());
        is_drained.recv_timeout(LIMIT).unwrap();
    }

    /// Unmounts it; what comes of that.
    pub(crate) fn unmount(&mut self) -> std::io::Result<()> {
        if let Some(watcher) = self.watcher.take() {
            // Waits for what is being told: the mount is in use for that.
            watcher.remove(ROOT);
        }
        Arc::into_inner(self.mounted.take().unwrap())
            .expect("nobody else has it")
            .unmount()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.files.let_go();
        self.watcher = None;
        self.mounted = None;
        self.files.stop();
    }
}

pub(crate) fn read(path: impl AsRef<Path>) -> String {
    String::from_utf8(
        fs::read(path.as_ref())
            .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display())),
    )
    .unwrap()
}

pub(crate) fn write(path: impl AsRef<Path>, contents: &str) {
    fs::write(path, contents).unwrap();
}

#[track_caller]
pub(crate) fn eventually(what: &str, condition: impl FnMut() -> bool) {
    testkit::wait_until(what, LIMIT, condition);
}
