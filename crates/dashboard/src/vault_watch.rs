//! Notices that somebody has changed the vault: another program, or another connection of this one.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Weak;
use std::time::Duration;

use rustix::fs::inotify::{self, CreateFlags, WatchFlags};
use tokio::io::unix::AsyncFd;

use crate::app::App;
use crate::events::Change;

/// How long it is waited for more changes before one is told of.
const DEBOUNCE: Duration = Duration::from_millis(50);
/// How often it is looked, where nothing tells of changes.
const POLL: Duration = Duration::from_secs(2);
/// How often in any case: as a check, and so that this ends after the server.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Tells of changes until the server has ended.
pub(crate) async fn watch(app: Weak<App>) {
    let Some((directory, database, mut seen)) = app.upgrade().and_then(|app| start(&app)) else {
        return;
    };
    let watcher = Watcher::new(&directory);
    loop {
        match &watcher {
            Ok(watcher) => {
                drop(tokio::time::timeout(LONGEST_WAIT, watcher.changed(&database)).await);
                tokio::time::sleep(DEBOUNCE).await;
            }
            Err(_) => tokio::time::sleep(POLL).await,
        }
        let Some(app) = app.upgrade() else { return };
        // What cannot be read now is looked at again at the next change.
        let Ok(version) = app.accounts.version() else {
            continue;
        };
        if version != seen {
            seen = version;
            app.events.tell(Change::Accounts);
        }
    }
}

fn start(app: &App) -> Option<(std::path::PathBuf, Vec<u8>, i64)> {
    let database = app.options.vault.database();
    let name = database.file_name()?.as_encoded_bytes().to_vec();
    let directory = app.options.vault.directory().to_owned();
    Some((directory, name, app.accounts.version().unwrap_or(-1)))
}

/// What the kernel tells of a directory.
struct Watcher {
    inotify: AsyncFd<OwnedFd>,
}

impl Watcher {
    fn new(directory: &Path) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let changes = WatchFlags::MODIFY | WatchFlags::CREATE | WatchFlags::MOVED_TO;
        inotify::add_watch(&inotify, directory, changes)?;
        Ok(Self {
            inotify: registered(inotify)?,
        })
    }

    /// Until a file is written whose name begins with `prefix`: the database, or its log.
    async fn changed(&self, prefix: &[u8]) -> io::Result<()> {
        loop {
            let mut ready = self.inotify.readable().await?;
            match ready.try_io(|inotify| is_among_changes(inotify.get_ref(), prefix)) {
                Ok(Ok(true)) => return Ok(()),
                Ok(Ok(false)) | Err(_) => {}
                Ok(Err(error)) => return Err(error),
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is unsafe for types whose descriptor may change; that of an OwnedFd does not"
)]
fn registered(inotify: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(inotify)
}

/// Reads what there is. More than was kept is taken for a change.
fn is_among_changes(inotify: &OwnedFd, prefix: &[u8]) -> io::Result<bool> {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = inotify::Reader::new(inotify, &mut buffer);
    let mut found = false;
    loop {
        match reader.next() {
            Ok(event) => {
                let is_ours = event
                    .file_name()
                    .is_none_or(|name| name.to_bytes().starts_with(prefix));
                found = found || is_ours;
            }
            Err(rustix::io::Errno::AGAIN) if found => return Ok(true),
            Err(errno) => return Err(errno.into()),
        }
    }
}
