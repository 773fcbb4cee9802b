//! A session of which both ends run here, with a real mount, over streams that can be cut.

use std::fs;
use std::future;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use connection::{Connection, reconnect};
use live::SessionId;
use live::control::Adapter;
use live::files::Root;
use live_session::laptop::{Mount, Publication, Publisher};
use live_session::server::{Agent, AgentOptions};
use publish::Limits;
use testkit::{Isolation, isolated, wait_until};
use tokio::io::{
    AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf, copy_bidirectional,
    duplex, split,
};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::task;
use tokio::time::{Instant, sleep_until};

const SESSION: SessionId = SessionId(*b"a session's name");
const ROOT: Root = Root(7);
/// Bounds the wait for a condition; no test is measured by it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
/// A round trip to a server that is not near.
pub(crate) const FAR: Duration = Duration::from_millis(20);
/// Between two cuts. Shorter than most of what is done takes, so that much of it is under way when one comes.
const BETWEEN_CUTS: Duration = Duration::from_millis(50);

/// How much is read at once where the way is long, in bytes, and how many of these may be on it.
const PIECE: usize = 16 << 10;
const ON_THE_WAY: usize = 4096;

/// A published directory and its mount. The mount is answered by threads of this process: what maps files of it has to be
/// another one.
pub(crate) struct Session {
    runtime: Runtime,
    cuts: Arc<watch::Sender<u64>>,
    streams: Arc<Streams>,
    laptop: Connection<live::message::ToServer>,
    agent: task::JoinHandle<Option<String>>,
    directory: tempfile::TempDir,
    point: PathBuf,
}

/// Runs `body` with a session of its own, in mounts of its own, or skips the test. Nothing stays mounted.
pub(crate) fn with_session(test_name: &str, body: impl FnOnce(&Session)) {
    with_adapter(test_name, Adapter::Native, body);
}

/// The same with so long a round trip between both ends.
pub(crate) fn with_far_session(test_name: &str, round_trip: Duration, body: impl FnOnce(&Session)) {
    with(test_name, Adapter::Native, round_trip, body);
}

/// The same as [`with_session`] with a mount that `adapter` makes.
pub(crate) fn with_adapter(test_name: &str, adapter: Adapter, body: impl FnOnce(&Session)) {
    with(test_name, adapter, Duration::ZERO, body);
}

fn with(test_name: &str, adapter: Adapter, round_trip: Duration, body: impl FnOnce(&Session)) {
    isolated(test_name, Isolation::MOUNTS, || {
        if !Path::new("/dev/fuse").exists() {
            return testkit::skip("needs /dev/fuse");
        }
        let session = Session::start(adapter, round_trip);
        body(&session);
        session.end();
    });
}

impl Session {
    fn start(adapter: Adapter, round_trip: Duration) -> Session {
        let directory = tempfile::Builder::new()
            .prefix("session")
            .tempdir()
            .unwrap();
        for name in ["laptop", "mounts", "beside"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let runtime = Runtime::new().unwrap();
        let cuts = Arc::new(watch::Sender::new(0));
        let streams = Arc::new(Streams {
            round_trip,
            ..Streams::default()
        });
        let joined = join(directory.path(), adapter, &cuts, &streams);
        let (laptop, agent, point) = runtime.block_on(joined);
        Session {
            runtime,
            cuts,
            streams,
            laptop,
            agent,
            directory,
            point,
        }
    }

    /// Where `path` of the published directory is on the laptop.
    pub(crate) fn laptop(&self, path: &str) -> PathBuf {
        self.directory.path().join("laptop").join(path)
    }

    /// Where it is on the server.
    pub(crate) fn server(&self, path: &str) -> PathBuf {
        self.point.join(path)
    }

    /// A place of this machine's own, for homes, references and what suites leave.
    pub(crate) fn beside(&self, path: &str) -> PathBuf {
        self.directory.path().join("beside").join(path)
    }

    /// Breaks the connection again and again, as long as what is given back lives. It comes back by itself.
    #[must_use = "it ends when it is dropped"]
    pub(crate) fn cutting(&self) -> Cutting {
        let (cuts, is_over) = (Arc::clone(&self.cuts), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            while !over.load(Ordering::SeqCst) {
                thread::sleep(BETWEEN_CUTS);
                cuts.send_modify(|cuts| *cuts += 1);
            }
        });
        Cutting {
            is_over,
            thread: Some(thread),
        }
    }

    /// How many connections there were.
    pub(crate) fn connections(&self) -> usize {
        self.streams.count.load(Ordering::SeqCst)
    }

    /// The laptop ends the session.
    fn end(self) {
        let mounts = self.point.parent().unwrap().to_owned();
        // A goodbye is said over one connection and confirmed by nobody: not over one that the last cut has still to reach.
        wait_until("a connection that is not cut", LIMIT, || {
            self.streams.cuts_before.load(Ordering::SeqCst) == *self.cuts.borrow()
        });
        self.runtime.block_on(async {
            self.laptop.settled().await;
            self.laptop.say_goodbye("stopped");
            let reason = tokio::time::timeout(LIMIT, self.agent).await;
            assert_eq!(reason.unwrap().unwrap().as_deref(), Some("stopped"));
        });
        assert_eq!(fs::read_dir(mounts).unwrap().count(), 0, "a mount stayed");
    }
}

/// The connections that there were.
#[derive(Default)]
struct Streams {
    count: AtomicUsize,
    /// How many cuts there had been when the last one was made: these do not reach it.
    cuts_before: AtomicU64,
    /// How long the way is, there and back.
    round_trip: Duration,
}

/// See [`Session::cutting`].
pub(crate) struct Cutting {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Cutting {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(self.thread.take().map(JoinHandle::join));
    }
}

type Joined = (
    Connection<live::message::ToServer>,
    task::JoinHandle<Option<String>>,
    PathBuf,
);

/// Starts both ends, and waits until `laptop` in `directory` is mounted in `mounts` there.
async fn join(
    directory: &Path,
    adapter: Adapter,
    cuts: &Arc<watch::Sender<u64>>,
    counted: &Arc<Streams>,
) -> Joined {
    let (streams, agent) = start_agent(directory.join("mounts"));
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Arc::new(Publisher::new(connection.clone(), Limits::default()).unwrap());
    let answering = Arc::clone(&publisher);
    tokio::spawn(async move { drop(answering.run(receiver).await) });
    let options = reconnect::Options {
        shortest: Duration::from_millis(1),
        longest: Duration::from_millis(20),
        ..reconnect::Options::default()
    };
    let (cuts, counted) = (Arc::clone(cuts), Arc::clone(counted));
    let connect = move || {
        let mut cuts = cuts.subscribe();
        let before = *cuts.borrow_and_update();
        counted.cuts_before.store(before, Ordering::SeqCst);
        counted.count.fetch_add(1, Ordering::SeqCst);
        stream(streams.clone(), cuts, counted.round_trip)
    };
    let (keeper, keeping) = reconnect::keep(connection.clone(), connect, options);
    tokio::spawn(async move {
        drop(keeping.await);
        drop(keeper);
    });
    let laptop = directory.join("laptop");
    let publication = Publication {
        name: "project".to_owned(),
        is_main: false,
        read_only: false,
        adapter,
        when_asked: false,
    };
    let mut told = publisher.publish_as(ROOT, &laptop, publication).unwrap();
    let mount = told.wait_for(|mount| !matches!(mount, Mount::Asked));
    let point = match &*tokio::time::timeout(LIMIT, mount).await.unwrap().unwrap() {
        Mount::At(point) => point.clone(),
        other => panic!("{other:?}"),
    };
    (connection, agent, point)
}

/// The agent, and where it takes streams.
fn start_agent(mounts: PathBuf) -> (mpsc::Sender<DuplexStream>, task::JoinHandle<Option<String>>) {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let options = AgentOptions {
        environment: Vec::new(),
        main: mounts.join("main"),
        mounts,
        account: Vec::new(),
        patience: Duration::from_secs(600),
    };
    let agent = Agent::new(connection.clone(), options).unwrap();
    let (sender, mut streams) = mpsc::channel::<DuplexStream>(1);
    let carry = async move {
        let mut current: Option<task::JoinHandle<()>> = None;
        while let Some(stream) = streams.recv().await {
            let connection = connection.clone();
            let next = tokio::spawn(async move { drop(connection.run(stream).await) });
            if let Some(last) = current.replace(next) {
                last.abort();
            }
        }
        // Whoever made the streams has ended; the agent does when it is told.
        future::pending::<()>().await;
    };
    let running = tokio::spawn(async move {
        tokio::select! {
            reason = agent.run(receiver) => reason,
            () = carry => None,
        }
    });
    (sender, running)
}

/// A stream to the agent; what is under way in it is lost at the next cut.
async fn stream(
    agent: mpsc::Sender<DuplexStream>,
    mut cuts: watch::Receiver<u64>,
    round_trip: Duration,
) -> io::Result<DuplexStream> {
    let (laptop, near) = duplex(64 << 10);
    let (far, server) = duplex(64 << 10);
    tokio::spawn(async move {
        tokio::select! {
            _ = copy(near, far, round_trip / 2) => {}
            _ = cuts.changed() => {}
        }
    });
    agent.send(server).await.map_err(io::Error::other)?;
    Ok(laptop)
}

/// Copies both ways, every byte `delay` after it came.
async fn copy(mut near: DuplexStream, mut far: DuplexStream, delay: Duration) -> io::Result<()> {
    if delay.is_zero() {
        return copy_bidirectional(&mut near, &mut far).await.map(drop);
    }
    let (from_near, to_near) = split(near);
    let (from_far, to_far) = split(far);
    let there = carry(from_near, to_far, delay);
    let back = carry(from_far, to_near, delay);
    tokio::try_join!(there, back).map(drop)
}

async fn carry(
    mut from: ReadHalf<DuplexStream>,
    mut to: WriteHalf<DuplexStream>,
    delay: Duration,
) -> io::Result<()> {
    let (sender, mut on_the_way) = mpsc::channel(ON_THE_WAY);
    let take = async move {
        let mut piece = vec![0; PIECE];
        loop {
            let length = from.read(&mut piece).await?;
            let due = Instant::now() + delay;
            let sent = sender.send((due, piece[..length].to_vec())).await;
            if length == 0 || sent.is_err() {
                return Ok(());
            }
        }
    };
    let give = async move {
        while let Some((due, piece)) = on_the_way.recv().await {
            sleep_until(due).await;
            to.write_all(&piece).await?;
        }
        to.shutdown().await
    };
    tokio::try_join!(take, give).map(drop)
}
