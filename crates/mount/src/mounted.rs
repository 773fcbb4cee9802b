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
use crate::filesystem::LaptopFiles;
use crate::invalidator::Invalidator;
use crate::later::Later;
use crate::mounting::{self, Mountpoint, SUBTYPE, Wish};
use crate::notifications::Notifications;
use crate::pending::Pending;
use crate::shared::{Shared, Table};

/// How many threads take the kernel's requests in. They do not wait for anything.
const THREADS: usize = 2;
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
    let table = Mutex::new(Table::new(root));
    let shared = Arc::new(Shared {
        files,
        root,
        owners,
        pending,
        invalidator,
        later,
        replay,
        table,
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
        let events = changes
            .iter()
            .flat_map(|change| self.shared.changed(change));
        let events = events::paired(events.collect());
        self.shared.invalidator.then_replay(events);
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
