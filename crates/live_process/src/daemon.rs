//! The process on the laptop that a session is: it has the connection to the server, publishes directories, and does what
//! programs on the laptop ask for. It is detached from whoever started it, and ends when it is told to.

mod account;
mod asking;
mod commands;
mod counting;
mod directories;
mod holding;
mod link_state;
mod serving;
mod sleeping;
mod stopping;
mod viewing;

use std::ffi::OsString;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use connection::reconnect::{self, Keeper};
use connection::relay::{PlaceError, Socket};
use connection::ssh::FastCipher;
use connection::{Connection, Receiver};
use live::message::{ToLaptop, ToServer};
use live::programs::Program;
use live_session::laptop::{Programs, Publisher};
use runner::Limits;
use rustix::fs::Mode;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use crate::client::{LOCK, Record};
use crate::lock::Lock;
use crate::{BroughtAccount, IdError, NameError, Places, SessionName, detached, session_id, text};
use account::SessionAccount;
use asking::Asking;
use commands::Commands;
pub use commands::CommandsOptions;
use counting::{Counters, Counting};
use directories::Directories;
use link_state::LinkTeller;
use stopping::{StopRequest, Stopped};

/// What this program is called with, alone, to be what a command runs under: it is [`runner::run`] then.
pub const RUNNER: &str = "runner";

/// What a daemon is to be, as whoever starts it says on its standard input, in JSON.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DaemonOptions {
    pub(crate) record: Record,
    #[serde(with = "text::path")]
    pub(crate) home: PathBuf,
    #[serde(with = "text::path")]
    pub(crate) runtime: PathBuf,
    /// What no server may see, besides what is so in every home.
    #[serde(with = "text::paths")]
    pub(crate) private: Vec<PathBuf>,
    /// What the session brings along. What is passed of it has no refresh token.
    pub(crate) account: Option<BroughtAccount>,
    /// The commands that run here; `None`: none do.
    #[serde(default)]
    pub(crate) commands: Option<CommandsOptions>,
    /// Of ssh.
    #[serde(with = "text::environment")]
    pub(crate) environment: Vec<(OsString, OsString)>,
}

impl DaemonOptions {
    /// What `input` says, up to its end.
    ///
    /// # Errors
    /// If it says something else. Whoever waits on the standard output is told.
    pub fn read(input: impl Read) -> Result<Self, DaemonError> {
        let read = serde_json::from_reader(input).map_err(DaemonError::Options);
        read.inspect_err(detached::tell_failure)
    }
}

/// Why a daemon could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// What it is to be is not understood: it was not started by [`crate::client::Sessions::start`].
    #[error("this is started by `cs live`, not by hand: {0}")]
    Options(serde_json::Error),
    /// What it is to be called is no name.
    #[error(transparent)]
    Name(#[from] NameError),
    /// What is to run here is no name of a command.
    #[error(transparent)]
    Command(#[from] proxy::NameError),
    /// The session's number is none.
    #[error(transparent)]
    Id(#[from] IdError),
    /// There is one for this session.
    #[error("a daemon of this session is running")]
    Running,
    /// Nothing can listen there.
    #[error("cannot listen for `cs`: {0}")]
    Socket(#[from] PlaceError),
    /// A directory cannot be published; why, in words.
    #[error("{0}")]
    Directory(String),
    /// The system refuses.
    #[error(transparent)]
    System(#[from] io::Error),
}

/// The name of a session's socket.
pub(crate) fn socket_name(session: &SessionName) -> String {
    format!("{session}.sock")
}

/// Is the daemon: tells whoever waits on its standard output that it answers, or why it cannot, and returns when the session
/// has ended. The standard error is its log. For a process that does nothing else.
///
/// # Errors
/// If it cannot begin.
pub fn run(options: DaemonOptions) -> Result<(), DaemonError> {
    detached::detach();
    let limits = Limits::of_this_process();
    // Each file that is open on the server is one.
    detached::raise_open_files();
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    let ran = match runtime {
        Ok(runtime) => {
            let ran = runtime.block_on(async { Running::begin(options, limits)?.run().await });
            // What still waits for a file or the server has nobody who waits for it.
            runtime.shutdown_background();
            ran
        }
        Err(error) => Err(error.into()),
    };
    ran.inspect_err(|error| {
        detached::log(&error.to_string());
        detached::tell_failure(error);
    })
}

/// What all who do something for the session share.
struct Daemon {
    name: SessionName,
    places: Places,
    connection: Connection<ToServer>,
    publisher: Arc<Publisher>,
    programs: Programs,
    directories: Directories,
    account: Option<SessionAccount>,
    /// Whom commands of the server wait for.
    asking: Option<Asking>,
    commands: Option<Commands>,
    keeper: Keeper,
    link: LinkTeller,
    counters: Arc<Counters>,
    /// What is written down, as it is now.
    record: Mutex<Record>,
    main: Mutex<Option<Program>>,
    stops: mpsc::Sender<StopRequest>,
    stopped: watch::Sender<Option<Stopped>>,
}

impl Daemon {
    fn record(&self) -> MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn main(&self) -> MutexGuard<'_, Option<Program>> {
        self.main.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what is published now.
    fn write_record(&self) {
        let record = {
            let mut record = self.record();
            record.directories = self.directories.lasting();
            record.clone()
        };
        if let Err(error) = record.write(&self.places.session(&self.name)) {
            detached::log(&format!("the record cannot be written: {error}"));
        }
    }
}

/// A daemon, and what only one has.
struct Running {
    daemon: Arc<Daemon>,
    socket: Socket,
    lock: Lock,
    stops: mpsc::Receiver<StopRequest>,
    tasks: Vec<JoinHandle<()>>,
}

impl Running {
    fn begin(options: DaemonOptions, limits: Limits) -> Result<Self, DaemonError> {
        let DaemonOptions {
            mut record,
            home,
            runtime,
            private,
            account,
            commands,
            environment,
        } = options;
        let name = SessionName::new(&record.session)?;
        let places = Places::told(home, runtime).with_private(private);
        let directory = places.session(&name);
        let mut lock = Lock::take(&directory.join(LOCK))?.ok_or(DaemonError::Running)?;
        record.pid = std::process::id();
        lock.say(&record.pid.to_string())?;
        record.write(&directory)?;
        let socket = Socket::bind(&places.make_daemons()?, &socket_name(&name))?;
        let (connection, receiver) = Connection::new(session_id(&record.id)?)?;
        let publisher = Arc::new(Publisher::new(
            connection.clone(),
            publish::Limits::default(),
        )?);
        // Before any directory: it is what the server is told first.
        let account = account.map(|account| SessionAccount::begin(account, &publisher));
        let account = account.transpose()?;
        let asks = record.commands.as_ref().is_some_and(|how| how.ask);
        // The way to the desktop is not in what is for ssh.
        let asking = commands.as_ref().filter(|_| asks);
        let asking = asking.map(|how| Asking::new(&how.environment, &published(&record)));
        let commands = commands.map(|commands| {
            let asking = asking.as_ref();
            Commands::begin(commands, &record, limits, &places, &publisher, asking)
        });
        let commands = commands.transpose()?;
        let directories = Directories::begin(&publisher, &record)?;
        let arguments = [
            "agent",
            "connect",
            "--session",
            name.as_str(),
            "--id",
            &record.id,
        ];
        let counters = Arc::new(Counters::default());
        let ssh = record.server.ssh(&arguments, &environment);
        let ssh = Counting::new(FastCipher::new(ssh), Arc::clone(&counters));
        let (keeper, kept) =
            reconnect::keep(connection.clone(), ssh, reconnect::Options::default());
        let (link, telling) = link_state::tell(&keeper);
        let waking = sleeping::wake_after_it(keeper.clone());
        let (stops, stops_receiver) = mpsc::channel(1);
        let daemon = Daemon {
            programs: publisher.programs(),
            record: Mutex::new(record),
            stopped: watch::Sender::new(None),
            main: Mutex::default(),
            name,
            places,
            connection,
            publisher: Arc::clone(&publisher),
            directories,
            account,
            asking,
            commands,
            keeper,
            link,
            counters,
            stops,
        };
        let tasks = vec![
            tokio::spawn(async move { drop(kept.await) }),
            tokio::spawn(telling),
            tokio::spawn(waking),
            tokio::spawn(directories::keep_trying(Arc::clone(&publisher))),
            tokio::spawn(publish(publisher, receiver)),
        ];
        Ok(Self {
            daemon: Arc::new(daemon),
            socket,
            lock,
            stops: stops_receiver,
            tasks,
        })
    }
}

fn published(record: &Record) -> Vec<PathBuf> {
    let directories = record.directories.iter();
    directories
        .map(|directory| directory.path.clone())
        .collect()
}

async fn publish(publisher: Arc<Publisher>, receiver: Receiver<ToLaptop>) {
    let reason = publisher.run(receiver).await;
    let reason = reason.unwrap_or_else(|| "no reason was given".to_owned());
    detached::log(&format!("nothing is published any more: {reason}"));
}
