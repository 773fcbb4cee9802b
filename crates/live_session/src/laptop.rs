//! The laptop's end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use connection::{Connection, Happening, Receiver};
use live::control::{Account, Adapter, Failure, Reply, Request, Wanted};
use live::files::Root;
use live::message::{ToLaptop, ToServer};
use proxy::{Name, Names};
use publish::watch::Watcher;
use publish::{Limits, PublishError, Service};
use rustix::process::{getegid, geteuid};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

mod account;
mod bounded;
mod commands;
mod programs;
mod telling;
mod workers;

use crate::random;
pub use account::Brought;
use account::SessionAccount;
use bounded::bounded;
pub use commands::{
    Approval, Approved, CommandLine, CommandLog, CommandOptions, LONGEST_WORDS, OngoingCommand,
    Outcome, Record, find_program,
};
use commands::{Commands, Published};
pub use programs::{Gone, Programs, Typing, Viewing, Watching};
use telling::Telling;
use workers::{UNDER_WAY, Waiting, Workers};

/// Answers what the server asks of the published directories, tells what changes there, and has them mounted.
pub struct Publisher {
    connection: Connection<ToServer>,
    service: Arc<Service>,
    watcher: Arc<Watcher>,
    telling: Telling,
    workers: Workers,
    programs: Programs,
    commands: Commands,
    state: Mutex<State>,
}

struct State {
    directories: BTreeMap<Root, Directory>,
    account: SessionAccount,
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

/// How a directory is published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// What its mount point on the server is called.
    pub name: String,
    /// It is what the session is for.
    pub is_main: bool,
    /// Nothing in it can be changed from the server.
    pub read_only: bool,
    /// What makes the mount there.
    pub adapter: Adapter,
    /// It is mounted when somebody on the server asks for it, not before.
    pub when_asked: bool,
}

/// A published directory.
struct Directory {
    path: PathBuf,
    publication: Publication,
    /// The number of the wish that says how it is with the mount.
    wish: u64,
    mount: watch::Sender<Mount>,
    /// It is to be unmounted.
    is_ending: bool,
}

/// Whether a published directory is mounted on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mount {
    /// The server has been asked, or cannot be now.
    Asked,
    /// It is not, and will be when somebody on the server asks for it.
    Offered,
    /// It is, at this path there.
    At(PathBuf),
    /// It cannot be. The words are the server's: make them printable before they are shown.
    Failed(Failure),
    /// It is no more, see [`Publisher::unmount`].
    Gone,
}

impl Publisher {
    /// One that publishes nothing yet. Inside of a tokio runtime.
    ///
    /// # Errors
    /// If the system gives no threads, or no means to watch files.
    pub fn new(connection: Connection<ToServer>, limits: Limits) -> io::Result<Self> {
        let service = Arc::new(Service::new(limits));
        let telling = Telling::new(connection.clone());
        let tells = telling.clone();
        let watcher = Arc::new(Watcher::new(move |changes| tells.tell(changes))?);
        let commands = Commands::new(
            connection.clone(),
            Arc::clone(&service),
            Arc::clone(&watcher),
            telling.clone(),
        );
        Ok(Self {
            workers: Workers::start(&service, &connection)?,
            programs: Programs::new(connection.clone())?,
            commands,
            connection,
            service,
            watcher,
            telling,
            state: Mutex::new(State {
                directories: BTreeMap::new(),
                account: SessionAccount::default(),
                wishes: Wishes(random()?),
            }),
        })
    }

    /// Lets the server have `directory` as `root`, and has it mounted there under `name`, beside the one that the session is
    /// for.
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
        let publication = Publication {
            name: name.to_owned(),
            is_main: false,
            read_only,
            adapter: Adapter::Native,
            when_asked: false,
        };
        self.publish_as(root, directory, publication)
    }

    /// Lets the server have `directory` as `root`, and has it mounted there: now, and again after an agent that was started
    /// anew. Tells how far that is.
    ///
    /// # Errors
    /// If it cannot be published or watched.
    pub fn publish_as(
        &self,
        root: Root,
        directory: &Path,
        publication: Publication,
    ) -> Result<watch::Receiver<Mount>, PublishError> {
        self.service
            .publish(root, directory, publication.read_only)?;
        if let Err(error) = self.watcher.add(root, directory) {
            self.service.withdraw(root);
            return Err(error);
        }
        let (mount, told) = watch::channel(Mount::Asked);
        let mut state = self.state();
        let directory = Directory {
            path: directory.to_owned(),
            publication,
            wish: state.wishes.next(),
            mount,
            is_ending: false,
        };
        self.ask_for_mount(root, &directory);
        state.directories.insert(root, directory);
        Ok(told)
    }

    /// Has the server unmount it, which brings here what programs there have written to mapped memory, and takes it from the
    /// server then; after `limit` also from one that has not said that it is unmounted, or that cannot be asked. Whether it
    /// has said so. Dropping the future leaves it published.
    pub async fn unmount(&self, root: Root, limit: Duration) -> bool {
        let told = {
            let mut state = self.state();
            let wish = state.wishes.next();
            state.directories.get_mut(&root).map(|directory| {
                directory.wish = wish;
                directory.is_ending = true;
                directory.mount.send_replace(Mount::Asked);
                self.ask(wish, Request::Unmount(root));
                directory.mount.subscribe()
            })
        };
        let Some(mut told) = told else { return true };
        let over = told.wait_for(|mount| matches!(mount, Mount::Gone | Mount::Failed(_)));
        // Fails if it was withdrawn meanwhile.
        let is_gone = matches!(timeout(limit, over).await, Ok(Ok(mount)) if *mount == Mount::Gone);
        self.withdraw(root);
        is_gone
    }

    /// Has the server work as `account` from now on, and every agent that is started anew.
    pub fn set_account(&self, account: Account) {
        let mut state = self.state();
        let wish = state.wishes.next();
        self.ask(wish, state.account.set(wish, account));
    }

    /// How far the server has it.
    #[must_use]
    pub fn brought(&self) -> watch::Receiver<Brought> {
        self.state().account.told()
    }

    /// The programs on the server.
    #[must_use]
    pub fn programs(&self) -> Programs {
        self.programs.clone()
    }

    /// From now on, commands that are typed on the server run here: those of the names in `options`, which the server is
    /// told, and every agent that is started anew. Before that, and of all other names, none do. Inside of a tokio runtime.
    pub fn proxy(&self, options: CommandOptions) {
        self.commands.proxy(options);
        self.tell_names(&mut self.state().wishes);
    }

    /// Commands of these names run here from now on, and no others; if any do at all.
    pub fn set_names(&self, names: Names) {
        self.commands.set_names(names);
        self.tell_names(&mut self.state().wishes);
    }

    /// How many commands run here, with those of which only what they have started does.
    #[must_use]
    pub fn running_commands(&self) -> usize {
        self.commands.running()
    }

    /// The commands that run here and have not ended, in the order in which they began.
    #[must_use]
    pub fn ongoing_commands(&self) -> Vec<OngoingCommand> {
        self.commands.ongoing()
    }

    /// What runs here for each name of the list, in its order: with the `PATH` that commands have, and the directories that
    /// are published now. Nothing if no commands run here. Blocks.
    #[must_use]
    pub fn find_commands(&self) -> Vec<(Name, Option<PathBuf>)> {
        self.commands.find(self.published())
    }

    /// Ends every command and runs none any more. Waits some seconds at most until nothing of them is left. A session that
    /// ends does so by itself, before [`Publisher::run`] returns.
    pub async fn end_commands(&self) {
        self.commands.end_all().await;
    }

    fn tell_names(&self, wishes: &mut Wishes) {
        if let Some(names) = self.commands.names() {
            self.ask(wishes.next(), Request::Proxy(names));
        }
    }

    /// What commands have to know of the directories.
    fn published(&self) -> Vec<Published> {
        let state = self.state();
        let published = state.directories.iter().map(|(root, directory)| Published {
            root: *root,
            directory: directory.path.clone(),
            read_only: directory.publication.read_only,
            mounted: match &*directory.mount.borrow() {
                Mount::At(path) => Some(path.clone()),
                Mount::Asked | Mount::Offered | Mount::Failed(_) | Mount::Gone => None,
            },
        });
        published.collect()
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
        self.telling.forget(root);
        self.service.withdraw(root);
        self.ask(wish, Request::Unmount(root));
    }

    /// Answers until the session has ended; the reason that the server gave for that, if it did.
    pub async fn run(&self, mut receiver: Receiver<ToLaptop>) -> Option<String> {
        let places = Arc::new(Semaphore::new(UNDER_WAY));
        let mut waiting = Waiting::default();
        let reason = loop {
            tokio::select! {
                // Closed by nobody.
                Ok(place) = Arc::clone(&places).acquire_owned(), if !waiting.is_empty() => {
                    waiting.give(place, &self.workers);
                }
                happening = receiver.next(), if !waiting.is_full() => match happening {
                    None => break None,
                    Some(Happening::Goodbye(reason)) => break Some(reason),
                    Some(Happening::Connected { resumed: true }) => {}
                    Some(Happening::Connected { resumed: false }) => {
                        // Asked for by a process that is gone.
                        waiting = Waiting::default();
                        self.begin_anew();
                    }
                    Some(Happening::Message(message)) => self.told(message, &mut waiting),
                },
            }
        };
        self.programs.end_all();
        self.commands.end_all().await;
        reason
    }

    fn told(&self, message: ToLaptop, waiting: &mut Waiting) {
        match message {
            ToLaptop::File(number, request) => waiting.add(number, request),
            ToLaptop::GivenUp(last) => waiting.give_up(last),
            ToLaptop::Control(number, reply) => self.replied(number, bounded(reply)),
            ToLaptop::Program(viewer, output) => self.programs.told(viewer, output),
            ToLaptop::Taken(viewer, taken) => self.programs.taken(viewer, taken),
            ToLaptop::Command(command, order) => {
                self.commands.told(command, order, || self.published());
            }
        }
    }

    /// The agent knows of nothing: what an earlier one had open is closed, and everything is to be mounted.
    fn begin_anew(&self) {
        self.programs.begin_anew();
        self.commands.begin_anew();
        let mut state = self.state();
        let State {
            directories,
            account,
            wishes,
        } = &mut *state;
        let wish = wishes.next();
        if let Some(request) = account.begin_anew(wish) {
            self.ask(wish, request);
        }
        self.tell_names(wishes);
        for (root, directory) in directories {
            if directory.is_ending {
                directory.mount.send_replace(Mount::Gone);
                continue;
            }
            self.service.withdraw(*root);
            self.watcher.remove(*root);
            self.telling.forget(*root);
            // What was removed meanwhile cannot be published any more, and is answered with errors.
            let read_only = directory.publication.read_only;
            drop(self.service.publish(*root, &directory.path, read_only));
            drop(self.watcher.add(*root, &directory.path));
            directory.wish = wishes.next();
            directory.mount.send_replace(Mount::Asked);
            self.ask_for_mount(*root, directory);
        }
    }

    /// Has the server try again to mount what it could not, as before it was told what is missing there. Until it answers,
    /// [`Mount::Failed`] stands.
    pub fn retry(&self) {
        let mut state = self.state();
        let State {
            directories,
            wishes,
            ..
        } = &mut *state;
        for (root, directory) in directories {
            let is_failed = matches!(*directory.mount.borrow(), Mount::Failed(_));
            if is_failed && !directory.is_ending {
                directory.wish = wishes.next();
                self.ask_for_mount(*root, directory);
            }
        }
    }

    fn ask_for_mount(&self, root: Root, directory: &Directory) {
        let Publication {
            name,
            is_main,
            read_only,
            adapter,
            when_asked,
        } = directory.publication.clone();
        let wanted = Wanted {
            root,
            name,
            is_main,
            read_only,
            adapter,
            when_asked,
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
        if state.account.is_asked_with(wish) {
            return state.account.replied(reply);
        }
        let mut directories = state.directories.values();
        let Some(directory) = directories.find(|directory| directory.wish == wish) else {
            drop(state);
            return self.programs.replied(wish, reply);
        };
        directory.mount.send_replace(match reply {
            Ok(Reply::Mounted(path)) => Mount::At(OsString::from_vec(path.into()).into()),
            Ok(Reply::Offered) => Mount::Offered,
            Ok(Reply::Done | Reply::Programs(_) | Reply::SignedIn) => Mount::Gone,
            Err(failure) => Mount::Failed(failure),
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
