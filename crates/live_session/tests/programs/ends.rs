//! Both ends, and what carries streams between them.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use connection::{Connection, reconnect};
use live::message::{ToLaptop, ToServer};
use live::programs::{Directory, Input, Output, Program, Size, Stream, What};
use live::{Bytes, SessionId};
use live_session::laptop::{Programs, Publisher, Viewing, Watching};
use live_session::server::{Agent, AgentOptions};
use publish::Limits;
use tempfile::TempDir;
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub(crate) const SESSION: SessionId = SessionId(*b"a session's name");
/// Bounds the wait for a condition; no test is measured by it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const SIZE: Option<Size> = Some(Size {
    rows: 24,
    columns: 80,
});

/// What carries streams from the laptop to whichever agent there is.
pub(crate) struct Cable {
    /// Counts: whatever runs ends when it changes.
    cuts: watch::Sender<u64>,
    streams: watch::Sender<Option<mpsc::Sender<DuplexStream>>>,
}

impl Cable {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            cuts: watch::Sender::new(0),
            streams: watch::Sender::new(None),
        })
    }

    /// What is under way is lost.
    pub(crate) fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    /// No stream leads anywhere, until another agent is started.
    pub(crate) fn unplug(&self) {
        self.streams.send_replace(None);
        self.cut();
    }

    /// Cuts again and again. Never returns.
    pub(crate) async fn keep_cutting(&self, every: Duration) {
        loop {
            tokio::time::sleep(every).await;
            self.cut();
        }
    }

    async fn connect(self: Arc<Self>) -> io::Result<DuplexStream> {
        let agent = self.streams.borrow().clone();
        let agent = agent.ok_or(io::ErrorKind::ConnectionRefused)?;
        let (laptop, mut near) = duplex(64 << 10);
        let (mut far, server) = duplex(64 << 10);
        let mut cuts = self.cuts.subscribe();
        tokio::spawn(async move {
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = cuts.changed() => {}
            }
        });
        agent.send(server).await.map_err(io::Error::other)?;
        Ok(laptop)
    }
}

/// The server, and the directory that is everything it has.
pub(crate) struct Server {
    pub(crate) running: JoinHandle<Option<String>>,
    pub(crate) connection: Connection<ToLaptop>,
    pub(crate) agent: Arc<Agent>,
}

/// The environment that the agent has.
pub(crate) fn environment(home: &Path) -> Vec<(OsString, OsString)> {
    let fixed = [
        ("PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("LANG", "C.UTF-8"),
        ("SSH_CONNECTION", "203.0.113.9 1 203.0.113.8 22"),
        ("CLAUDE_SHARE_TEST", "the agent's own"),
    ];
    let fixed = fixed.map(|(name, value)| (name.into(), value.into()));
    let own = ["HOME", "TMPDIR", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR"];
    let own = own.map(|name| (name.into(), home.into()));
    fixed.into_iter().chain(own).collect()
}

pub(crate) fn start_agent(cable: &Cable, home: &Path) -> Server {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let options = AgentOptions {
        main: home.join("main"),
        mounts: home.join("mounts"),
        account: Vec::new(),
        patience: LIMIT,
        environment: environment(home),
    };
    let agent = Arc::new(Agent::new(connection.clone(), options).unwrap());
    let (sender, mut streams) = mpsc::channel::<DuplexStream>(1);
    cable.streams.send_replace(Some(sender));
    let (carried, runs) = (connection.clone(), Arc::clone(&agent));
    let running = tokio::spawn(async move {
        let carry = async {
            let mut current: Option<JoinHandle<()>> = None;
            while let Some(stream) = streams.recv().await {
                let connection = carried.clone();
                let next = tokio::spawn(async move { drop(connection.run(stream).await) });
                if let Some(last) = current.replace(next) {
                    last.abort();
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            reason = runs.run(receiver) => reason,
            () = carry => None,
        }
    });
    Server {
        running,
        connection,
        agent,
    }
}

/// The laptop's end, and the tasks that keep it going.
pub(crate) struct Laptop {
    pub(crate) programs: Programs,
    pub(crate) connection: Connection<ToServer>,
    tasks: [JoinHandle<()>; 2],
}

impl Drop for Laptop {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

pub(crate) fn start_laptop(cable: &Arc<Cable>) -> Laptop {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Publisher::new(connection.clone(), Limits::default()).unwrap();
    let programs = publisher.programs();
    let answers = tokio::spawn(async move { drop(publisher.run(receiver).await) });
    let cable = Arc::clone(cable);
    let options = reconnect::Options {
        shortest: Duration::from_millis(1),
        longest: Duration::from_millis(50),
        ..reconnect::Options::default()
    };
    let (keeper, keeping) = reconnect::keep(
        connection.clone(),
        move || Arc::clone(&cable).connect(),
        options,
    );
    let keeps = tokio::spawn(async move {
        drop(keeping.await);
        drop(keeper);
    });
    Laptop {
        programs,
        connection,
        tasks: [answers, keeps],
    }
}

/// A cable, a server with a home, a laptop.
pub(crate) fn both() -> (Arc<Cable>, TempDir, Server, Laptop) {
    let home = tempfile::tempdir().unwrap();
    let cable = Cable::new();
    let server = start_agent(&cable, home.path());
    let laptop = start_laptop(&cable);
    (cable, home, server, laptop)
}

/// Waits no longer than is allowed.
pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

pub(crate) fn words(words: &[&str]) -> What {
    let words = words.iter();
    What::Words(
        words
            .map(|word| Bytes::copy_from_slice(word.as_bytes()))
            .collect(),
    )
}

pub(crate) fn script(text: &str) -> What {
    words(&["sh", "-c", text])
}

impl Laptop {
    /// Starts a program on a terminal.
    pub(crate) async fn on_terminal(&self, what: What) -> Program {
        let started = self.programs.start(what, Directory::Home, Vec::new(), SIZE);
        let (program, viewing) = bounded(started).await.unwrap();
        assert!(viewing.is_none());
        program
    }

    /// Starts a program on pipes.
    pub(crate) async fn on_pipes(&self, what: What) -> (Program, Viewing) {
        let started = self.programs.start(what, Directory::Home, Vec::new(), None);
        let (program, viewing) = bounded(started).await.unwrap();
        (program, viewing.expect("the other ends of its pipes"))
    }

    pub(crate) async fn attach(&self, program: Program) -> Viewing {
        bounded(self.programs.attach(program, SIZE, false))
            .await
            .unwrap()
    }
}

/// What a program has output, and how it ended if that was so.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Heard {
    pub(crate) out: Vec<u8>,
    pub(crate) err: Vec<u8>,
    pub(crate) sizes: Vec<Size>,
    pub(crate) pictures: usize,
    pub(crate) ended: Option<(Option<i32>, Option<i32>)>,
}

impl Heard {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.out).into_owned()
    }

    fn hear(&mut self, output: Output, watching: &Watching) {
        match output {
            Output::Picture { text, after } => {
                self.pictures += 1;
                self.out.extend_from_slice(&text);
                watching.seen(after);
            }
            Output::Bytes {
                stream,
                bytes,
                after,
            } => {
                match stream {
                    Stream::Out => self.out.extend_from_slice(&bytes),
                    Stream::Err => self.err.extend_from_slice(&bytes),
                }
                watching.seen(after);
            }
            Output::Resized(size) => self.sizes.push(size),
            Output::Ended { code, signal } => self.ended = Some((code, signal)),
        }
    }
}

/// Listens until `text` was output.
pub(crate) async fn hear_until(viewing: &mut Viewing, text: &str) -> Heard {
    let mut heard = Heard::default();
    let listening = async {
        while !heard.text().contains(text) {
            let output = viewing.output.next().await;
            let output = output.unwrap_or_else(|| panic!("no {text:?} in {:?}", heard.text()));
            heard.hear(output, &viewing.output);
        }
    };
    bounded(listening).await;
    heard
}

/// Listens until the program has ended.
pub(crate) async fn hear_all(viewing: &mut Viewing) -> Heard {
    hear_rest(&mut viewing.output).await
}

pub(crate) async fn hear_rest(watching: &mut Watching) -> Heard {
    let mut heard = Heard::default();
    let listening = async {
        while let Some(output) = watching.next().await {
            heard.hear(output, watching);
        }
    };
    bounded(listening).await;
    heard
}

pub(crate) async fn type_in(viewing: &Viewing, text: &str) {
    let typed = Input::Typed(Bytes::copy_from_slice(text.as_bytes()));
    bounded(viewing.input.send(typed)).await.unwrap();
}

/// Whether a process is there, and not only its name.
pub(crate) fn lives(process: &str) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat"));
    status.is_ok_and(|status| !status.contains(") Z "))
}
