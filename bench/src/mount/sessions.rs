//! The two mounts, and the way between their ends.

use std::future;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use connection::Connection;
use live::SessionId;
use live::control::Adapter;
use live::files::Root;
use live::message::ToServer;
use live_session::laptop::{Mount, Publication, Publisher};
use live_session::server::{Agent, AgentOptions, PATIENCE};
use publish::Limits;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::tree::Tree;

const SESSION: SessionId = SessionId(*b"a session's name");
const ROOT: Root = Root(1);
/// How much is read at once, in bytes, and how many of these may be on their way.
const PIECE: usize = 64 << 10;
const ON_THE_WAY: usize = 4096;
const SFTP_SERVER: &str = "/usr/lib/openssh/sftp-server";
/// All that `sshfs` has.
const TUNED: &str = "passive,no_contain_symlinks,dcache_timeout=3600,dcache_max_size=500000,entry_timeout=3600,\
                     attr_timeout=3600,negative_timeout=3600,kernel_cache";

/// A session, with both ends here.
pub(super) struct Native {
    runtime: Runtime,
    laptop: Connection<ToServer>,
    agent: Option<JoinHandle<Option<String>>>,
    // Tells of changes as long as it is there.
    _publisher: Arc<Publisher>,
    point: PathBuf,
}

impl Native {
    pub(super) fn mount(tree: &Tree, round_trip: Duration) -> Self {
        let mounts = tree.beside("mounts");
        let runtime = Runtime::new().unwrap();
        let (near, far) = way(round_trip);
        let entered = runtime.enter();
        let near = end(near);
        let agent = start_agent(mounts, end(far));
        let (laptop, receiver) = Connection::new(SESSION).unwrap();
        let publisher = Arc::new(Publisher::new(laptop.clone(), Limits::default()).unwrap());
        let (answering, carrying) = (Arc::clone(&publisher), laptop.clone());
        tokio::spawn(async move { drop(answering.run(receiver).await) });
        tokio::spawn(async move { drop(carrying.run(near).await) });
        let publication = Publication {
            name: "project".to_owned(),
            is_main: false,
            read_only: false,
            adapter: Adapter::Native,
            when_asked: false,
        };
        let mut told = publisher
            .publish_as(ROOT, &tree.project(), publication)
            .unwrap();
        drop(entered);
        let point = runtime.block_on(async {
            let mount = told.wait_for(|mount| !matches!(mount, Mount::Asked)).await;
            match &*mount.unwrap() {
                Mount::At(point) => point.clone(),
                other => panic!("{other:?}"),
            }
        });
        Self {
            runtime,
            laptop,
            agent: Some(agent),
            _publisher: publisher,
            point,
        }
    }

    pub(super) fn point(&self) -> &Path {
        &self.point
    }
}

impl Drop for Native {
    fn drop(&mut self) {
        let agent = self.agent.take();
        self.runtime.block_on(async {
            self.laptop.settled().await;
            self.laptop.say_goodbye("stopped");
            if let Some(agent) = agent {
                agent.await.unwrap();
            }
        });
    }
}

fn start_agent(mounts: PathBuf, stream: tokio::net::UnixStream) -> JoinHandle<Option<String>> {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let options = AgentOptions {
        environment: Vec::new(),
        main: mounts.join("main"),
        mounts,
        account: Vec::new(),
        patience: PATIENCE,
    };
    let agent = Agent::new(connection.clone(), options).unwrap();
    let carry = async move {
        drop(connection.run(stream).await);
        future::pending::<()>().await;
    };
    tokio::spawn(async move {
        tokio::select! {
            reason = agent.run(receiver) => reason,
            () = carry => None,
        }
    })
}

/// Two ends of a long way.
fn way(round_trip: Duration) -> (UnixStream, UnixStream) {
    let (one, near) = UnixStream::pair().unwrap();
    let (far, other) = UnixStream::pair().unwrap();
    let copy = |stream: &UnixStream| stream.try_clone().unwrap();
    carry(copy(&near), copy(&far), round_trip / 2);
    carry(far, near, round_trip / 2);
    (one, other)
}

/// Of the runtime that this is called in.
fn end(stream: UnixStream) -> tokio::net::UnixStream {
    stream.set_nonblocking(true).unwrap();
    tokio::net::UnixStream::from_std(stream).unwrap()
}

/// `sshfs`, and what answers it.
pub(super) struct Sshfs {
    processes: [Child; 2],
    point: PathBuf,
}

impl Sshfs {
    pub(super) fn is_installed() -> bool {
        let has = Command::new("sshfs").arg("--version").output().is_ok();
        let is_root = rustix::process::geteuid().is_root();
        has && is_root
            && [SFTP_SERVER, "/dev/fuse"]
                .iter()
                .all(|path| Path::new(path).exists())
    }

    pub(super) fn mount(tree: &Tree, round_trip: Duration) -> Self {
        let point = tree.beside("sshfs");
        let mut server = piped(&mut Command::new(SFTP_SERVER));
        let mut sshfs = Command::new("sshfs");
        sshfs
            .arg(format!(":{}", tree.project().display()))
            .arg(&point);
        let mut client = piped(sshfs.args(["-f", "-o", TUNED]));
        let delay = round_trip / 2;
        carry(
            server.stdout.take().unwrap(),
            client.stdin.take().unwrap(),
            delay,
        );
        carry(
            client.stdout.take().unwrap(),
            server.stdin.take().unwrap(),
            delay,
        );
        let is_mounted = || {
            let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
            mounts.contains(&point.display().to_string())
        };
        while !is_mounted() {
            assert!(client.try_wait().unwrap().is_none(), "sshfs has ended");
            thread::sleep(Duration::from_millis(10));
        }
        Self {
            processes: [client, server],
            point,
        }
    }

    pub(super) fn point(&self) -> &Path {
        &self.point
    }
}

impl Drop for Sshfs {
    fn drop(&mut self) {
        drop(
            Command::new("fusermount3")
                .arg("-u")
                .arg(&self.point)
                .status(),
        );
        for process in &mut self.processes {
            drop(process.kill());
            drop(process.wait());
        }
    }
}

fn piped(command: &mut Command) -> Child {
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// Every byte comes so much later. Up to the end of either.
fn carry(
    mut from: impl Read + Send + 'static,
    mut to: impl Write + Send + 'static,
    delay: Duration,
) {
    let (sender, receiver): (SyncSender<(Instant, Vec<u8>)>, Receiver<_>) =
        sync_channel(ON_THE_WAY);
    thread::spawn(move || {
        let mut piece = vec![0; PIECE];
        loop {
            let length = from.read(&mut piece).unwrap_or(0);
            let sent = (Instant::now() + delay, piece[..length].to_vec());
            if length == 0 || sender.send(sent).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, piece) in receiver {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).and_then(|()| to.flush()).is_err() {
                return;
            }
        }
    });
}
