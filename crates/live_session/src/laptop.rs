//! The laptop's end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connection::{Connection, Happening, Receiver};
use live::LARGEST_MESSAGE;
use live::control::{Failure, Reply, Request, Wanted};
use live::files::{Change, Root};
use live::message::{ToLaptop, ToServer};
use publish::watch::Watcher;
use publish::{Limits, PublishError, Service};
use rustix::process::{getegid, geteuid};
use tokio::sync::{Semaphore, watch};

mod workers;

use crate::random;
use workers::{UNDER_WAY, Work, Workers};

/// What a change takes in a message beside its path, in bytes: more than the numbers in it can.
const MOST_OF_A_CHANGE: usize = 256;

/// Answers what the server asks of the published directories, tells what changes there, and has them mounted.
pub struct Publisher {
    connection: Connection<ToServer>,
    service: Arc<Service>,
    watcher: Watcher,
    workers: Workers,
    state: Mutex<State>,
}

struct State {
    directories: BTreeMap<Root, Directory>,
    wishes: Wishes,
}

/// The number of the last wish. Begins at random: an answer that was meant for an earlier process may still come.
struct Wishes(u64);

impl Wishes {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(1);
        self.0
    }
}

/// A published directory.
struct Directory {
    path: PathBuf,
    name: String,
    read_only: bool,
    /// The number of the wish that says how it is with the mount.
    wish: u64,
    mount: watch::Sender<Mount>,
}

/// Tells of changes, in messages that are not too long.
fn tell(connection: &Connection<ToServer>, changes: Vec<Change>) {
    let mut batch = Vec::new();
    let mut bytes = 0;
    for change in changes {
        let length = change.path().map_or(0, |path| path.as_bytes().len()) + MOST_OF_A_CHANGE;
        if bytes + length > LARGEST_MESSAGE {
            connection
                .send(&ToServer::Changed(std::mem::take(&mut batch)))
                .ok();
            bytes = 0;
        }
        bytes += length;
        batch.push(change);
    }
    // Fails for a session that has ended.
    connection.send(&ToServer::Changed(batch)).ok();
}

/// Whether a published directory is mounted on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// The server has been asked, or cannot be now.
    Asked,
    /// It is, at this path there.
    At(PathBuf),
    /// It cannot be. The words are the server's: make them printable before they are shown.
    Failed(Failure),
}

impl Publisher {
    /// One that publishes nothing yet. Inside of a tokio runtime.
    ///
    /// # Errors
    /// If the system gives no threads, or no means to watch files.
    pub fn new(connection: Connection<ToServer>, limits: Limits) -> io::Result<Self> {
        let service = Arc::new(Service::new(limits));
        let telling = connection.clone();
        let watcher = Watcher::new(move |changes| tell(&telling, changes))?;
        Ok(Self {
            workers: Workers::start(&service, &connection)?,
            connection,
            service,
            watcher,
            state: Mutex::new(State {
                directories: BTreeMap::new(),
                wishes: Wishes(random()?),
            }),
        })
    }

    /// Lets the server have `directory` as `root`, and has it mounted under `name` there: now, and again after an agent that
    /// was started anew. Tells how far that is.
    ///
    /// # Errors
    /// If it cannot be published or watched.
    pub fn publish(
        &self,
        root: Root,
        directory: &Path,
        name: &str,
        read_only: bool,
    ) -> Result<watch::Receiver<Mount>, PublishError> {
        self.service.publish(root, directory, read_only)?;
        if let Err(error) = self.watcher.add(root, directory) {
            self.service.withdraw(root);
            return Err(error);
        }
        let (mount, told) = watch::channel(Mount::Asked);
        let mut state = self.state();
        let directory = Directory {
            path: directory.to_owned(),
            name: name.to_owned(),
            read_only,
            wish: state.wishes.next(),
            mount,
        };
        self.ask_for_mount(root, &directory);
        state.directories.insert(root, directory);
        Ok(told)
    }

    /// The server has it no longer.
    pub fn withdraw(&self, root: Root) {
        let wish = {
            let mut state = self.state();
            if state.directories.remove(&root).is_none() {
                return;
            }
            state.wishes.next()
        };
        self.watcher.remove(root);
        self.service.withdraw(root);
        self.ask(wish, Request::Unmount(root));
    }

    /// Answers until the session has ended; the reason that the server gave for that, if it did.
    pub async fn run(&self, mut receiver: Receiver<ToLaptop>) -> Option<String> {
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        loop {
            match receiver.next().await? {
                Happening::Connected { resumed: true } => {}
                Happening::Connected { resumed: false } => self.begin_anew(),
                Happening::Goodbye(reason) => return Some(reason),
                Happening::Message(ToLaptop::Control(number, reply)) => self.replied(number, reply),
                Happening::Message(ToLaptop::File(number, request)) => {
                    // Closed by nobody.
                    let place = Arc::clone(&places).acquire_owned().await.ok()?;
                    self.workers.give(Work {
                        number,
                        request,
                        place,
                    });
                }
            }
        }
    }

    /// The agent knows of nothing: what an earlier one had open is closed, and everything is to be mounted.
    fn begin_anew(&self) {
        let mut state = self.state();
        let State {
            directories,
            wishes,
        } = &mut *state;
        for (root, directory) in directories {
            self.service.withdraw(*root);
            self.watcher.remove(*root);
            // What was removed meanwhile cannot be published any more, and is answered with errors.
            let read_only = directory.read_only;
            drop(self.service.publish(*root, &directory.path, read_only));
            drop(self.watcher.add(*root, &directory.path));
            directory.wish = wishes.next();
            directory.mount.send_replace(Mount::Asked);
            self.ask_for_mount(*root, directory);
        }
    }

    fn ask_for_mount(&self, root: Root, directory: &Directory) {
        let wanted = Wanted {
            root,
            name: directory.name.clone(),
            read_only: directory.read_only,
            user: geteuid().as_raw(),
            group: getegid().as_raw(),
        };
        self.ask(directory.wish, Request::Mount(wanted));
    }

    fn ask(&self, wish: u64, request: Request) {
        // Fails for a session that has ended.
        self.connection.send(&ToServer::Control(wish, request)).ok();
    }

    fn replied(&self, wish: u64, reply: Result<Reply, Failure>) {
        let state = self.state();
        let mut directories = state.directories.values();
        let Some(directory) = directories.find(|directory| directory.wish == wish) else {
            return;
        };
        directory.mount.send_replace(match reply {
            Ok(Reply::Mounted(path)) => Mount::At(OsString::from_vec(path.into()).into()),
            Ok(Reply::Done) => Mount::Asked,
            Err(failure) => Mount::Failed(failure),
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
