//! Both ends, and what carries them.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connection::{Connection, Happening, Receiver};
use live::commands::{Command, End, News, Order, Start};
use live::control::{Reply, Request};
use live::files::{Change, Root};
use live::message::{ToLaptop, ToServer};
use live::programs::{Size, Stream};
use live::{Bytes, RelativePath, SessionId};
use live_session::laptop::{CommandLog, CommandOptions, Publisher, Record};
use proxy::{Name, Names};
use publish::Limits;
use tempfile::TempDir;
use tokio::io::duplex;
use tokio::task::JoinHandle;
use tokio::time::timeout;

const SESSION: SessionId = SessionId(*b"a session's name");
pub(crate) const ROOT: Root = Root(7);
/// Where the server says that it has mounted the project.
pub(crate) const MOUNT: &str = "/mnt/server/project";
/// Bounds the wait for a condition; no test is measured by it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const LONG: Duration = Duration::from_secs(600);

/// The program of `examples/command_runner.rs`.
fn runner() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap();
    path.join("examples/command_runner")
}

pub(crate) fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<Record>>);

impl CommandLog for Log {
    fn ended(&self, record: Record) {
        self.0.lock().unwrap().push(record);
    }
}

/// A laptop's end that publishes `project` of a home, and has a shell that is called `run`.
pub(crate) struct Laptop {
    pub(crate) home: TempDir,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) connection: Connection<ToServer>,
    pub(crate) answering: JoinHandle<Option<String>>,
    pub(crate) log: Arc<Log>,
}

impl Laptop {
    /// Commands run, with the options that `change` has changed.
    pub(crate) fn with(change: impl FnOnce(&mut CommandOptions)) -> Self {
        let home = TempDir::with_prefix("commands").unwrap();
        for directory in ["project", "bin"] {
            fs::create_dir(home.path().join(directory)).unwrap();
        }
        symlink("/bin/sh", home.path().join("bin/run")).unwrap();
        let (connection, receiver) = Connection::new(SESSION).unwrap();
        let publisher = Publisher::new(connection.clone(), Limits::default()).unwrap();
        let publisher = Arc::new(publisher);
        let project = home.path().join("project");
        drop(publisher.publish(ROOT, &project, "project", false).unwrap());
        let log = Arc::new(Log::default());
        let path = format!("{}/bin:/usr/bin:/bin", home.path().display());
        let mut options = CommandOptions {
            names: Names::new(&[name("run"), name("missing")], &BTreeSet::new(), &[]),
            environment: [("PATH", path.as_str()), ("LAPTOP", "own")]
                .map(|(name, value)| (OsString::from(name), OsString::from(value)))
                .to_vec(),
            runner: (runner(), Vec::new()),
            limits: runner::Limits::default(),
            sandbox: None,
            map_output: false,
            patience: LONG,
            approval: None,
            log: Arc::clone(&log) as Arc<dyn CommandLog>,
        };
        change(&mut options);
        publisher.proxy(options);
        let answers = Arc::clone(&publisher);
        let answering = tokio::spawn(async move { answers.run(receiver).await });
        Self {
            home,
            publisher,
            connection,
            answering,
            log,
        }
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.home.path().join("project").canonicalize().unwrap()
    }

    /// A server that has never been there, once it has the names and the mount.
    pub(crate) async fn connect(&self) -> Server {
        let (connection, receiver) = Connection::new(SESSION).unwrap();
        let mut server = Server {
            carrying: carry(&self.connection, &connection),
            connection,
            receiver,
            names: None,
            changes: Vec::new(),
            is_mounted: false,
            number: 100,
            settled: HashMap::new(),
        };
        while server.names.is_none() || !server.is_mounted {
            server.hear().await;
        }
        // What the laptop has been told, it knows when it answers.
        let heard = server.run(start("run", &["-c", ":"])).await;
        assert_eq!(heard.code, Some(0));
        server
    }

    pub(crate) async fn both() -> (Self, Server) {
        let laptop = Self::with(|_| {});
        let server = laptop.connect().await;
        (laptop, server)
    }
}

fn carry(laptop: &Connection<ToServer>, server: &Connection<ToLaptop>) -> [JoinHandle<()>; 2] {
    let (near, far) = duplex(64 << 10);
    let (laptop, server) = (laptop.clone(), server.clone());
    [
        tokio::spawn(async move { drop(laptop.run(near).await) }),
        tokio::spawn(async move { drop(server.run(far).await) }),
    ]
}

/// A server that says what a test has it say.
pub(crate) struct Server {
    pub(crate) connection: Connection<ToLaptop>,
    receiver: Receiver<ToServer>,
    carrying: [JoinHandle<()>; 2],
    pub(crate) names: Option<Vec<String>>,
    /// All that was told.
    pub(crate) changes: Vec<Change>,
    is_mounted: bool,
    number: u64,
    /// Of commands that have not been heard to start, how many changes had been told when they were settled.
    settled: HashMap<Command, usize>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// What was heard of a command.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) output: Vec<u8>,
    pub(crate) errors: Vec<u8>,
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) read: u64,
    pub(crate) taken: u64,
    pub(crate) has_ended: bool,
    /// How many changes had been told by then.
    pub(crate) settled: Option<usize>,
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.output.clone()).unwrap()
    }
}

pub(crate) fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

/// A command without input, on pipes.
pub(crate) fn start(name: &str, words: &[&str]) -> Start {
    Start {
        name: bytes(name),
        arguments: words.iter().map(|word| bytes(word)).collect(),
        root: ROOT,
        directory: RelativePath::root(),
        environment: Vec::new(),
        streams: [End::Nothing, End::Pipe, End::Pipe],
        size: None,
        umask: 0o22,
    }
}

/// A script without input, on pipes.
pub(crate) fn script(text: &str) -> Start {
    start("run", &["-c", text])
}

/// The same with input.
pub(crate) fn reading(text: &str) -> Start {
    Start {
        streams: [End::Pipe, End::Pipe, End::Pipe],
        ..script(text)
    }
}

/// The same on a terminal.
pub(crate) fn on_terminal(text: &str) -> Start {
    Start {
        streams: [End::Terminal; 3],
        size: Some(Size {
            rows: 31,
            columns: 97,
        }),
        ..script(text)
    }
}

impl Server {
    pub(crate) fn unplug(&self) {
        for carrying in &self.carrying {
            carrying.abort();
        }
    }

    pub(crate) fn plug_in(&mut self, laptop: &Laptop) {
        self.carrying = carry(&laptop.connection, &self.connection);
    }

    pub(crate) fn say(&self, command: Command, order: Order) {
        self.connection
            .send(&ToLaptop::Command(command, order))
            .unwrap();
    }

    /// Asks for a command.
    pub(crate) fn ask(&mut self, start: Start) -> Command {
        self.number += 1;
        let command = Command {
            number: self.number,
            has_terminal: start.streams.contains(&End::Terminal),
        };
        self.say(command, Order::Start(Box::new(start)));
        command
    }

    /// What is said next, if that is of a command.
    async fn hear(&mut self) -> Option<(Command, News)> {
        let happening = timeout(LIMIT, self.receiver.next()).await;
        let happening = happening.expect("something is said");
        match happening.expect("the session has not ended") {
            Happening::Message(ToServer::Command(command, news)) => return Some((command, news)),
            Happening::Message(ToServer::Changed(changes)) => self.changes.extend(changes),
            Happening::Message(ToServer::Control(wish, request)) => {
                let reply = match request {
                    Request::Proxy(names) => {
                        self.names = Some(names);
                        Reply::Done
                    }
                    Request::Mount(_) => {
                        self.is_mounted = true;
                        Reply::Mounted(bytes(MOUNT))
                    }
                    _ => Reply::Done,
                };
                let reply = ToLaptop::Control(wish, Ok(reply));
                self.connection.send(&reply).unwrap();
            }
            _ => {}
        }
        None
    }

    /// What is said of a command next.
    pub(crate) async fn next(&mut self) -> (Command, News) {
        loop {
            if let Some(news) = self.hear().await {
                return news;
            }
        }
    }

    /// What is said of this command next; of others nothing is.
    pub(crate) async fn next_of(&mut self, command: Command) -> News {
        let (told, news) = self.next().await;
        assert_eq!(told, command, "{news:?}");
        news
    }

    /// Asks for a command, which runs then.
    pub(crate) async fn begin(&mut self, start: Start) -> Command {
        let command = self.ask(start);
        loop {
            match self.next_of(command).await {
                News::Started => return command,
                // In a lane that goes first.
                News::Settled => drop(self.settled.insert(command, self.changes.len())),
                news => panic!("{news:?}"),
            }
        }
    }

    pub(crate) fn type_in(&self, command: Command, text: &str) {
        self.say(command, Order::Input(bytes(text)));
    }

    /// Hears all of a command, and sees all that it outputs.
    pub(crate) async fn finish(&mut self, command: Command) -> Heard {
        let mut heard = Heard {
            settled: self.settled.remove(&command),
            ..Heard::default()
        };
        while !(heard.has_ended && heard.settled.is_some()) {
            let news = self.next_of(command).await;
            self.note(command, news, &mut heard);
        }
        heard
    }

    /// Hears of a command until it has output this.
    pub(crate) async fn hear_until(&mut self, command: Command, text: &str) -> Heard {
        let mut heard = Heard::default();
        while !String::from_utf8_lossy(&heard.output).contains(text) {
            let news = self.next_of(command).await;
            assert!(!matches!(news, News::Ended { .. }), "{heard:?}");
            if news == News::Settled {
                self.settled.insert(command, self.changes.len());
            } else {
                self.note(command, news, &mut heard);
            }
        }
        heard
    }

    pub(crate) fn note(&self, command: Command, news: News, heard: &mut Heard) {
        match news {
            News::Output { stream, bytes } => {
                assert!(!heard.has_ended);
                match stream {
                    Stream::Out => heard.output.extend_from_slice(&bytes),
                    Stream::Err => heard.errors.extend_from_slice(&bytes),
                }
                let seen = heard.output.len() + heard.errors.len();
                self.say(command, Order::Seen(seen as u64));
            }
            News::Taken(taken) => heard.taken = taken,
            News::Ended { code, signal, read } => {
                (heard.code, heard.signal, heard.read) = (code, signal, read);
                heard.has_ended = true;
            }
            News::Settled => heard.settled = Some(self.changes.len()),
            news => panic!("{news:?}"),
        }
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&mut self, start: Start) -> Heard {
        let command = self.begin(start).await;
        self.finish(command).await
    }
}

/// Whether a process runs: not as a zombie.
pub(crate) fn lives(pid: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim()));
    status.is_ok_and(|status| !status.contains("\nState:\tZ"))
}

/// Waits until it does not.
pub(crate) async fn wait_gone(pid: &str) {
    let gone = async {
        while lives(pid) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, gone).await.expect("it ends");
}

/// Waits until so many run.
pub(crate) async fn wait_running(laptop: &Laptop, count: usize) {
    let there = async {
        while laptop.publisher.running_commands() != count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(LIMIT, there).await.expect("so many run");
}
