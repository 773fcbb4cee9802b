//! What is published.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use live::control::{Adapter, Failure};
use live::files::Root;
use live_session::laptop::{Mount, Publication, Publisher};
use model::printable;
use tokio::sync::watch;

use super::{Daemon, DaemonError};
use crate::client::{Published, Record};
use crate::local::{DirectoryStatus, LocalPath};
use crate::refusal;

/// How long a mount that failed is left at that.
const RETRY: Duration = Duration::from_secs(30);
/// How long the server has to unmount what is taken from it.
const UNMOUNTING: Duration = Duration::from_secs(20);

/// See the head of this file.
pub(super) struct Directories {
    mounting: Mounting,
    state: Mutex<State>,
}

/// How all directories of a session are mounted.
#[derive(Clone, Copy)]
struct Mounting {
    adapter: Adapter,
    when_asked: bool,
}

struct State {
    /// The number of the next. Never given twice: what is under way for one that was removed is for no other.
    next: u32,
    entries: Vec<Entry>,
}

struct Entry {
    published: Published,
    mount: watch::Receiver<Mount>,
    /// It is being taken from the server.
    removal: Option<Removal>,
}

/// Whether the server has said that it has it no longer; `None` until it is taken from it.
type Removal = watch::Receiver<Option<bool>>;
/// Tells it.
type Remover = watch::Sender<Option<bool>>;

impl Directories {
    /// Publishes what is so from the beginning.
    pub(super) fn begin(publisher: &Arc<Publisher>, record: &Record) -> Result<Self, DaemonError> {
        let published = &record.directories;
        let mounting = Mounting {
            adapter: record.adapter,
            when_asked: record.when_asked,
        };
        let publish_one = |published: &Published| publish(publisher, published.clone(), mounting);
        let entries: Result<Vec<Entry>, Failure> = published.iter().map(publish_one).collect();
        let entries = entries.map_err(|failure| DaemonError::Directory(failure.message))?;
        let last = published.iter().map(|published| published.root).max();
        let next = last.map_or(0, |last| last.saturating_add(1));
        Ok(Self {
            mounting,
            state: Mutex::new(State { next, entries }),
        })
    }

    /// What the server has.
    pub(super) fn published(&self) -> Vec<Published> {
        let state = self.state();
        let entries = state.entries.iter();
        entries.map(|entry| entry.published.clone()).collect()
    }

    /// The same without what is being taken from it.
    pub(super) fn lasting(&self) -> Vec<Published> {
        let state = self.state();
        let lasting = state.entries.iter().filter(|entry| entry.removal.is_none());
        lasting.map(|entry| entry.published.clone()).collect()
    }

    pub(super) fn status(&self) -> Vec<DirectoryStatus> {
        self.state().entries.iter().map(Entry::status).collect()
    }

    /// Waits until it is known whether the directory is mounted. One that is not published is left to the agent to refuse.
    pub(super) async fn mounted(&self, root: Root) -> Result<(), Failure> {
        let told = {
            let state = self.state();
            let mut entries = state.entries.iter();
            let found = entries.find(|entry| entry.published.root == root.0);
            found.map(|entry| entry.mount.clone())
        };
        match told {
            Some(told) => match place(told).await? {
                Some(_) => Ok(()),
                None => Err(Failure {
                    message: "the directory is not mounted: nobody on the server has asked for it"
                        .to_owned(),
                    hint: "Ask there: claude-share tunnel mount".to_owned(),
                }),
            },
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that `directory` is being taken from the server. Of what was not before, also its number, and whom to tell when
    /// it is.
    fn begin_removal(&self, directory: &Path) -> Option<(Removal, Option<(Root, Remover)>)> {
        let resolved = directory.canonicalize();
        let mut state = self.state();
        let is_it = |entry: &&mut Entry| {
            let path = &entry.published.path;
            path == directory || resolved.as_ref().is_ok_and(|resolved| path == resolved)
        };
        let entry = state.entries.iter_mut().find(is_it)?;
        if let Some(removal) = &entry.removal {
            return Some((removal.clone(), None));
        }
        let (tell, removal) = watch::channel(None);
        entry.removal = Some(removal.clone());
        Some((removal, Some((Root(entry.published.root), tell))))
    }

    fn forget(&self, root: Root) {
        let mut state = self.state();
        state.entries.retain(|entry| entry.published.root != root.0);
    }
}

impl Entry {
    fn status(&self) -> DirectoryStatus {
        let Published {
            path,
            root,
            name,
            read_only,
            is_main,
        } = self.published.clone();
        let mount = self.mount.borrow().clone();
        let is_offered = mount == Mount::Offered;
        let (remote, failure) = match mount {
            Mount::At(place) => (Some(LocalPath::new(&place)), None),
            Mount::Failed(failure) => (None, Some(printable(&failure.message))),
            Mount::Asked | Mount::Offered | Mount::Gone => (None, None),
        };
        DirectoryStatus {
            root: Root(root),
            local: LocalPath::new(&path),
            remote,
            name,
            is_main,
            read_only,
            is_offered,
            failure,
        }
    }
}

impl Daemon {
    /// Publishes `directory` too, and waits until it is mounted; where, unless the server is to ask for it first. Dropping
    /// the future leaves it published.
    pub(super) async fn add(
        &self,
        directory: &Path,
        read_only: bool,
    ) -> Result<Option<PathBuf>, Failure> {
        let (root, told) = {
            let mut state = self.directories.state();
            let paths = state
                .entries
                .iter()
                .map(|entry| entry.published.path.clone());
            let path = refusal::check(directory, &paths.collect::<Vec<_>>(), &self.places)?;
            let published = Published::new(path, state.next, read_only);
            let root = Root(published.root);
            let entry = publish(&self.publisher, published, self.directories.mounting)?;
            let told = entry.mount.clone();
            state.next = state.next.saturating_add(1);
            state.entries.push(entry);
            (root, told)
        };
        self.write_record();
        let place = place(told).await;
        if place.is_err() {
            self.forget(root);
        }
        place
    }

    /// Takes `directory` from the server, and waits until that has it no longer; whether it has said so. What is begun goes on
    /// when nobody waits for it any more, and does not depend on the server.
    pub(super) async fn remove(self: &Arc<Self>, directory: &Path) -> Result<bool, Failure> {
        let is_main = |entry: &Published| entry.is_main && entry.path == directory;
        if self.directories.published().iter().any(is_main) {
            return Err(Failure {
                message: format!("{} is what the session is for", directory.display()),
                hint: "End the session with `cs stop` instead.".to_owned(),
            });
        }
        let begun = self.directories.begin_removal(directory);
        let (mut removal, begun) = begun.ok_or_else(|| Failure {
            message: format!("{} is not published", directory.display()),
            hint: "`cs status` shows what is.".to_owned(),
        })?;
        if let Some((root, remover)) = begun {
            self.write_record();
            tokio::spawn(Arc::clone(self).take_back(root, remover));
        }
        let is_confirmed = removal.wait_for(Option::is_some).await;
        Ok(is_confirmed.is_ok_and(|is_confirmed| *is_confirmed == Some(true)))
    }

    async fn take_back(self: Arc<Self>, root: Root, remover: Remover) {
        let is_confirmed = self.publisher.unmount(root, UNMOUNTING).await;
        self.directories.forget(root);
        remover.send_replace(Some(is_confirmed));
    }

    /// Takes one back that cannot be mounted.
    fn forget(&self, root: Root) {
        self.directories.forget(root);
        self.publisher.withdraw(root);
        self.write_record();
    }
}

/// Has the server try again to mount what it could not, for as long as it is polled: what is missing there may be installed
/// meanwhile.
pub(super) async fn keep_trying(publisher: Arc<Publisher>) {
    loop {
        tokio::time::sleep(RETRY).await;
        publisher.retry();
    }
}

fn publish(
    publisher: &Publisher,
    published: Published,
    mounting: Mounting,
) -> Result<Entry, Failure> {
    let Published {
        path,
        root,
        name,
        read_only,
        is_main,
    } = &published;
    let publication = Publication {
        name: name.clone(),
        is_main: *is_main,
        read_only: *read_only,
        adapter: mounting.adapter,
        when_asked: mounting.when_asked,
    };
    let mount = publisher.publish_as(Root(*root), path, publication);
    let mount = mount.map_err(|error| Failure {
        message: format!("{} cannot be published: {error}", path.display()),
        hint: String::new(),
    })?;
    Ok(Entry {
        published,
        mount,
        removal: None,
    })
}

/// Where it is mounted; `None` if it is when somebody on the server asks for it. Waits until that is known.
async fn place(mut told: watch::Receiver<Mount>) -> Result<Option<PathBuf>, Failure> {
    let gone = || Failure {
        message: "the directory is not published any more".to_owned(),
        hint: String::new(),
    };
    let known = told.wait_for(|mount| !matches!(mount, Mount::Asked)).await;
    match known.map_err(|_| gone())?.clone() {
        Mount::At(place) => Ok(Some(place)),
        Mount::Offered => Ok(None),
        Mount::Failed(failure) => Err(failure),
        Mount::Asked | Mount::Gone => Err(gone()),
    }
}
