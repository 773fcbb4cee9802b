//! A mount, from its beginning to its end.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use fuser::{BackgroundSession, Config, Session, SessionACL};
use live::files::{Change, Root};

use crate::attributes::Owners;
use crate::events;
use crate::events::replay::{self, Replay};
use crate::files::Files;
use crate::filesystem::{self, LaptopFiles};
use crate::invalidator::Invalidator;
use crate::later::Later;
use crate::mounting::{self, Mountpoint, SUBTYPE, Wish};
use crate::notifications::Notifications;
use crate::pending::Pending;
use crate::settling::{Meeting, THREADS, settle};
use crate::shared::{Shared, Table};

/// How long the end waits for the kernel to let go.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a mount is to be like.
#[derive(Clone, Debug)]
pub struct Options {
    /// What it is called in lists of mounts, after `claude-share:`.
    pub name: String,
    /// The number of the laptop's user, whose files are shown as the present user's.
    pub user: u32,
    /// The same of the group.
    pub group: u32,
    /// Nothing can be changed.
    pub read_only: bool,
    /// Other users of the server may use it, as permissions let them. Needs root, or `user_allow_other` in `/etc/fuse.conf`.
    pub for_others: bool,
}

/// A mount. It ends when this is dropped.
pub struct Mounted {
    shared: Arc<Shared>,
    mountpoint: Mountpoint,
    session: Option<BackgroundSession>,
    threads: Vec<JoinHandle<()>>,
}

/// Mounts the published directory `root` at `directory`.
///
/// Until [`Mounted::changed`] tells otherwise, changes are taken not to be told: the kernel keeps nothing for longer than a
/// second.
///
/// # Errors
/// If there is no such directory, or nothing can be mounted there.
pub fn mount(
    directory: &Path,
    root: Root,
    files: Arc<dyn Files>,
    options: &Options,
) -> io::Result<Mounted> {
    let source = format!("{SUBTYPE}:{}", options.name);
    let wish = Wish {
        source: &source,
        is_read_only: options.read_only,
        is_for_others: options.for_others,
    };
    let (device, mountpoint) = mounting::mount(directory, &wish)?;
    // From here on it has to be unmounted again if anything fails.
    match start(device, root, files, options) {
        Ok((shared, session, mut threads)) => {
            // Without it, those who watch are told of nothing that the laptop does.
            let events = mountpoint.place().map(|place| {
                let shared = Arc::clone(&shared);
                replay::start(shared, place)
            });
            threads.extend(events.and_then(Result::ok));
            Ok(Mounted {
                shared,
                mountpoint,
                session: Some(session),
                threads,
            })
        }
        Err(error) => {
            drop(mountpoint.detach());
            Err(error)
        }
    }
}

type Started = (Arc<Shared>, BackgroundSession, Vec<JoinHandle<()>>);

fn start(
    device: OwnedFd,
    root: Root,
    files: Arc<dyn Files>,
    options: &Options,
) -> io::Result<Started> {
    let notifications = Notifications::new(device.try_clone()?);
    let pending: Arc<Pending> = Arc::default();
    let (later, later_thread) = Later::start(Arc::clone(&pending))?;
    let replay: Arc<Replay> = Arc::default();
    let (invalidator, invalidator_thread) = Invalidator::start(notifications, Arc::clone(&replay))?;
    let owners = Owners::new(options.user, options.group);
    let table = Table::new(root);
    let under_way = table.writing.under_way();
    let table = Mutex::new(table);
    let shared = Arc::new(Shared {
        files,
        root,
        owners,
        pending,
        invalidator,
        later,
        replay,
        table,
        under_way,
        meeting: Meeting::default(),
    });
    let mut config = Config::default();
    config.n_threads = Some(THREADS);
    config.clone_fd = true;
    let acl = if options.for_others {
        SessionACL::All
    } else {
        SessionACL::Owner
    };
    let session = Session::from_fd(LaptopFiles(Arc::clone(&shared)), device, acl, config)
        .and_then(Session::spawn);
    match session {
        Ok(session) => Ok((shared, session, vec![later_thread, invalidator_thread])),
        Err(error) => {
            shared.end();
            Err(error)
        }
    }
}

impl Mounted {
    /// Takes over what has changed on the laptop. In the order in which the laptop tells it, and before answers that it gave
    /// after that. Does not wait.
    pub fn changed(&self, changes: &[Change]) {
        let (mut events, mut unclear) = (Vec::new(), Vec::new());
        for change in changes {
            let meaning = self.shared.changed(change);
            events.extend(meaning.events);
            unclear.extend(meaning.unclear);
        }
        let events = events::paired(events);
        self.shared.invalidator.then_replay(events);
        for change in changes {
            filesystem::ahead::follow(&self.shared, change);
        }
        for node in unclear {
            filesystem::looking::look(&self.shared, node);
        }
    }

    /// Waits until all that programs have written, made, removed or set through it before this is called has been answered by
    /// the laptop, also to memory that they have mapped, and what they have closed is closed there: whatever is asked of the
    /// laptop after that finds it done. Not for what they begin meanwhile. What could not be done, whoever asked for it is
    /// told, not this one. Waits for a lost connection as they do; for nothing once the mount has ended.
    ///
    /// Never to be called where [`Files::ask`] is answered.
    pub fn settle(&self) {
        self.settling()();
    }

    /// What does the same, and does not keep the mount from ending.
    pub fn settling(&self) -> impl FnOnce() + Send + 'static {
        let (shared, place) = (Arc::clone(&self.shared), self.mountpoint.place());
        move || settle(&shared, place.as_ref())
    }

    /// Waits until the kernel has been told what [`Mounted::changed`] was told before: whoever asks it from then on finds
    /// nothing as it was before. Those who watch files may be told later. For nothing once the mount has ended.
    ///
    /// The kernel may wait for answers before it lets itself be told: never to be called where they are given.
    pub fn caught_up(&self) {
        self.catching_up()();
    }

    /// What does the same, and does not keep the mount from ending.
    pub fn catching_up(&self) -> impl FnOnce() + Send + 'static {
        let invalidator = self.shared.invalidator.clone();
        move || invalidator.catch_up()
    }

    /// Ends it. Whoever waits for the laptop gets `EIO`; whoever has something open there gets errors from then on. What was
    /// changed in memory that is mapped from files there, and not written yet, is lost.
    ///
    /// # Errors
    /// If it cannot be unmounted. Everything in it is an error even then.
    pub fn unmount(mut self) -> io::Result<()> {
        self.end()
    }

    fn end(&mut self) -> io::Result<()> {
        let Some(session) = self.session.take() else {
            return Ok(());
        };
        self.shared.replay.end();
        self.shared.end();
        let detached = self.mountpoint.detach();
        let is_over = |session: &BackgroundSession| session.guard.is_finished();
        if !wait_until(PATIENCE / 4, || is_over(&session)) {
            // Somebody has something open, and is not root's.
            self.mountpoint.abort();
        }
        // Where even that is not possible, the threads answer everything with `EIO` until the last file is closed.
        if wait_until(PATIENCE, || is_over(&session)) {
            drop(session.join());
            self.threads
                .drain(..)
                .for_each(|thread| drop(thread.join()));
        }
        detached
    }
}

/// Whether it came true in time.
fn wait_until(patience: Duration, condition: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + patience;
    while !condition() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(2));
    }
    true
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Nobody is left to be told.
        drop(self.end());
    }
}

impl std::fmt::Debug for Mounted {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Mounted")
            .field("mountpoint", &self.mountpoint)
            .finish_non_exhaustive()
    }
}
