//! The server's end.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use connection::{Connection, Happening, Receiver, State};
use live::control::{Failure, Reply, Request};
use live::message::{ToLaptop, ToServer};
use mount::Files;
use tokio::sync::Notify;
use tokio::sync::mpsc::unbounded_channel;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

mod account;
mod adapters;
mod commands;
mod first_look;
mod mounts;
mod offers;
mod points;
mod programs;
mod remote_files;

use crate::{failure, random};
use account::SessionAccount;
use mounts::Mounts;
use programs::{Inside, Programs};
use remote_files::RemoteFiles;

pub use account::remove as remove_account;
pub use commands::{Commands, RunningCommand, Told, Typed};
pub use offers::{Offer, Offers};
pub use points::clean;
pub use programs::{GIT_SETTINGS, path_with};

/// How long file operations wait for a lost connection, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(600);

/// How long the laptop has to take what programs have left behind in memory when this is told to end, and nobody else waits.
const FLUSHING: Duration = Duration::from_secs(3);

/// How an agent works. Not to be printed: the environment may have secrets.
#[derive(Clone)]
pub struct AgentOptions {
    /// Where the session's main directory is mounted. What is above it has to be there, and not for other users.
    pub main: PathBuf,
    /// The directory that the mount points of all other ones are made in, the session's own; the same holds.
    pub mounts: PathBuf,
    /// Where the view of an account that is brought along may be, this session's own: the first of these that is in memory
    /// is taken. The directory above each is made for this user alone, and has to be.
    pub account: Vec<PathBuf>,
    /// How long file operations wait for a lost connection before they fail with `EIO`.
    pub patience: Duration,
    /// The environment of the programs that are run, before anything is added: the agent's own. What tells of the
    /// connection that started the agent is left out here.
    pub environment: Vec<(OsString, OsString)>,
}

/// How programs here find the commands that run on the laptop.
#[derive(Clone)]
pub struct Proxying {
    /// What the session is called.
    pub session: String,
    /// The directory that is first in `PATH` of every program, while any command is to run on the laptop.
    pub directory: PathBuf,
    /// What puts it there: `PROGRAM agent inside --bin DIRECTORY -- WORDS…` becomes what the words name.
    pub program: PathBuf,
    /// A script that puts it there, too: for the client, whose commands run in shells that have `PATH` of a login shell.
    pub shell_file: PathBuf,
    /// Has commands of these names, and no others, be found in that directory. Waits for the file system.
    pub link: Arc<Link>,
}

/// See [`Proxying::link`].
pub type Link = dyn Fn(&[String]) -> io::Result<()> + Send + Sync;

/// Mounts what the laptop publishes. Outlives every connection; what was mounted is unmounted when it ends.
pub struct Agent {
    connection: Connection<ToLaptop>,
    files: Arc<RemoteFiles>,
    mounts: Arc<Mounts>,
    offers: Arc<Offers>,
    programs: Programs,
    commands: Commands,
    proxying: Option<Proxying>,
    account: Arc<SessionAccount>,
    patience: Duration,
    stopped: Notify,
}

impl Agent {
    /// One that has mounted nothing yet.
    ///
    /// # Errors
    /// If the system gives no random number.
    pub fn new(connection: Connection<ToLaptop>, options: AgentOptions) -> io::Result<Self> {
        Self::with_proxying(connection, options, None)
    }

    /// The same; programs find the commands that run on the laptop if `proxying` says how.
    ///
    /// # Errors
    /// If the system gives no random number.
    pub fn with_proxying(
        connection: Connection<ToLaptop>,
        options: AgentOptions,
        proxying: Option<Proxying>,
    ) -> io::Result<Self> {
        let files = Arc::new(RemoteFiles::new(connection.clone(), random()?));
        let asked: Arc<dyn Files> = Arc::<RemoteFiles>::clone(&files);
        let inside = proxying.as_ref().map(|proxying| Inside {
            session: proxying.session.clone().into(),
            workspace: options.main.clone(),
            directory: proxying.directory.clone(),
            program: proxying.program.clone(),
            shell_file: proxying.shell_file.clone(),
        });
        let mounts = Arc::new(Mounts::new(options.main, options.mounts, asked));
        Ok(Self {
            programs: Programs::new(connection.clone(), options.environment, inside),
            commands: Commands::new(connection.clone(), Arc::clone(&mounts))?,
            proxying,
            offers: Arc::new(Offers::new(Arc::clone(&mounts), connection.clone())),
            account: Arc::new(SessionAccount::new(options.account)),
            connection,
            mounts,
            files,
            patience: options.patience,
            stopped: Notify::new(),
        })
    }

    /// Does what the laptop asks for until the session has ended; the reason that the laptop gave for that, if it did.
    pub async fn run(&self, mut receiver: Receiver<ToServer>) -> Option<String> {
        let state = self.connection.state();
        let waiting = remote_files::lose_patience(&self.files, state.clone(), self.patience);
        let losing_commands = self.commands.lose_patience(state, self.patience);
        // One after the other: a mount may be wished for twice, and not any more.
        let (wishes, mut wished) = unbounded_channel();
        let granting = async {
            while let Some(next) = wished.recv().await {
                match next {
                    Some((number, wish)) => self.grant(number, wish).await,
                    // Behind whatever the laptop wished for before it was started anew.
                    None => self.programs.detach_all(),
                }
            }
        };
        let receiving = async {
            loop {
                match receiver.next().await? {
                    // The login that the last connection was may have been the last of this user.
                    Happening::Connected { resumed: true } => self.account.mend(),
                    Happening::Connected { resumed: false } => {
                        // A laptop that was started anew has no file open any more, and looks at nothing.
                        self.files.fail_pending();
                        self.commands.begin_anew();
                        self.mounts.begin_anew();
                        wishes.send(None).ok()?;
                    }
                    Happening::Goodbye(reason) => return Some(reason),
                    Happening::Message(ToServer::File(number, outcome)) => {
                        self.files.answered(number, outcome);
                    }
                    Happening::Message(ToServer::Program(viewer, input)) => {
                        self.programs.said(viewer, input);
                    }
                    Happening::Message(ToServer::Command(command, news)) => {
                        self.commands.told(command, news);
                    }
                    Happening::Message(ToServer::Changed(changes)) => self.mounts.changed(&changes),
                    // Received as long as this runs.
                    Happening::Message(ToServer::Control(number, wish)) => {
                        wishes.send(Some((number, wish))).ok()?;
                    }
                }
            }
        };
        let losing = async {
            loop {
                self.mounts.wait_for_loss().await;
                let offers = Arc::clone(&self.offers);
                drop(spawn_blocking(move || offers.look_for_lost()).await);
            }
        };
        let reason = tokio::select! {
            reason = receiving => reason,
            () = granting => None,
            () = self.told_to_stop() => None,
            never = waiting => match never {},
            never = losing_commands => match never {},
            never = losing => match never {},
        };
        // Whoever waits for a file is told first, so that it can end.
        self.files.end();
        self.commands.end();
        self.programs.end_all().await;
        self.account.end();
        let mounts = Arc::clone(&self.mounts);
        // Unmounting waits for the kernel.
        drop(spawn_blocking(move || mounts.end_all()).await);
        reason
    }

    /// What the laptop wants mounted.
    #[must_use]
    pub fn offers(&self) -> Arc<Offers> {
        Arc::clone(&self.offers)
    }

    /// The commands that are typed here and run on the laptop.
    #[must_use]
    pub fn commands(&self) -> Commands {
        self.commands.clone()
    }

    /// How many programs run.
    #[must_use]
    pub fn running_programs(&self) -> usize {
        let reports = self.programs.list();
        let running = reports.iter().filter(|report| report.ended.is_none());
        running.count()
    }

    /// Has [`Agent::run`] end as if the session had ended. Nothing is said to the laptop.
    pub fn stop(&self) {
        self.stopped.notify_one();
    }

    /// Waits until this is to end. While the laptop is there, programs end before their files do: they may have something to
    /// write yet.
    async fn told_to_stop(&self) {
        self.stopped.notified().await;
        if let State::Down { .. } = *self.connection.state().borrow() {
            return;
        }
        self.programs.end_all().await;
        let mounts = Arc::clone(&self.mounts);
        drop(timeout(FLUSHING, spawn_blocking(move || mounts.flush())).await);
    }

    async fn grant(&self, number: u64, wish: Request) {
        let (mounts, programs) = (Arc::clone(&self.mounts), self.programs.clone());
        let (offers, account) = (Arc::clone(&self.offers), Arc::clone(&self.account));
        let (commands, proxying) = (self.commands.clone(), self.proxying.clone());
        let done = spawn_blocking(move || match wish {
            Request::Mount(wanted) => offers.want(number, &wanted),
            Request::Unmount(root) => {
                offers.withdraw(root);
                Ok(Reply::Done)
            }
            Request::Account(told) => account.set(told),
            Request::Start(start) => {
                let mount = |root| mounts.point(root);
                let started = programs.start(start, account.environment(), mount);
                started.map(|()| Reply::Done)
            }
            Request::Attach {
                program,
                viewer,
                size,
                read_only,
            } => {
                let attached = programs.attach(program, viewer, size, read_only);
                attached.map(|()| Reply::Done)
            }
            Request::Detach(viewer) => {
                programs.detach(viewer);
                Ok(Reply::Done)
            }
            Request::End(program) => programs.end(program).map(|()| Reply::Done),
            Request::Programs => Ok(Reply::Programs(programs.list())),
            Request::Proxy(names) => {
                let linked = proxying.map_or(Ok(()), |proxying| (proxying.link)(&names));
                linked.map_err(|error| not_linked(&error))?;
                programs.set_proxied(!names.is_empty());
                commands.set_names(&names);
                Ok(Reply::Done)
            }
        });
        let reply = done.await.unwrap_or_else(|_| {
            Err(Failure {
                message: "the agent on the server has failed".to_owned(),
                hint: String::new(),
            })
        });
        // Fails for a session that has ended.
        self.connection.send(&ToLaptop::Control(number, reply)).ok();
    }
}

fn not_linked(error: &io::Error) -> Failure {
    failure(
        &format!("commands cannot be found by programs on the server: {error}"),
        "Check ~/.claude-share/remote there and its permissions.",
    )
}
