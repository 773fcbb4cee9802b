//! A published directory of this machine, and servers of it.

use std::collections::HashMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use live::files::{Outcome, Request, Root};
use mount::{Answer, Files, Options};
use publish::{Limits, Service};
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{FileAttributes, StatusCode};
use sshfs::Server;

const ROOT: Root = Root(7);
const THREADS: usize = 4;
/// A condition that does not come true in this time never will.
const LIMIT: Duration = Duration::from_secs(60);

/// Files of this machine, of which answers can be held back.
pub(crate) struct LocalFiles {
    queue: Mutex<Sender<(Request, Answer)>>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    counts: Mutex<HashMap<String, usize>>,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    wanted: Option<fn(&Request) -> bool>,
    answers: Vec<(Answer, Outcome)>,
}

impl LocalFiles {
    fn start(directory: &Path) -> Arc<Self> {
        let service = Arc::new(Service::new(Limits::default()));
        service.publish(ROOT, directory, false).unwrap();
        let (sender, receiver) = channel();
        let (receiver, shared) = (Arc::new(Mutex::new(receiver)), Arc::<Shared>::default());
        for _ in 0..THREADS {
            let (service, receiver) = (Arc::clone(&service), Arc::clone(&receiver));
            let shared = Arc::clone(&shared);
            thread::spawn(move || work(&service, &receiver, &shared));
        }
        Arc::new(Self {
            queue: Mutex::new(sender),
            shared,
        })
    }

    /// Executes such requests, and keeps their answers until they are let go.
    pub(crate) fn hold(&self, wanted: fn(&Request) -> bool) {
        self.shared.held.lock().unwrap().wanted = Some(wanted);
    }

    /// How many answers are held.
    pub(crate) fn held(&self) -> usize {
        self.shared.held.lock().unwrap().answers.len()
    }

    pub(crate) fn let_go(&self) {
        let held = std::mem::take(&mut *self.shared.held.lock().unwrap());
        held.answers
            .into_iter()
            .for_each(|(answer, outcome)| answer(outcome));
    }

    /// How often something was asked, by the name of the request.
    pub(crate) fn count(&self, name: &str) -> usize {
        let counts = self.shared.counts.lock().unwrap();
        counts.get(name).copied().unwrap_or(0)
    }
}

impl Files for LocalFiles {
    fn ask(&self, request: Request, answer: Answer) {
        drop(self.queue.lock().unwrap().send((request, answer)));
    }
}

fn work(service: &Service, receiver: &Mutex<Receiver<(Request, Answer)>>, shared: &Shared) {
    loop {
        let next = receiver.lock().unwrap().recv();
        let Ok((request, answer)) = next else { return };
        let debug = format!("{request:?}");
        let end = |character: char| !character.is_alphanumeric();
        let name = debug.split(end).next().unwrap().to_owned();
        *shared.counts.lock().unwrap().entry(name).or_default() += 1;
        let wanted = shared.held.lock().unwrap().wanted;
        let is_held = wanted.is_some_and(|wanted| wanted(&request));
        let outcome = service.execute(request);
        match is_held {
            true => shared.held.lock().unwrap().answers.push((answer, outcome)),
            false => answer(outcome),
        }
    }
}

/// A directory `laptop` that is published, in one of its own.
pub(crate) struct World {
    pub(crate) files: Arc<LocalFiles>,
    directory: tempfile::TempDir,
    servers: Mutex<Vec<Server>>,
}

impl World {
    /// Runs `body` with one.
    pub(crate) fn run(body: impl AsyncFnOnce(&World)) {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("laptop")).unwrap();
        let world = World {
            files: LocalFiles::start(&directory.path().join("laptop")),
            directory,
            servers: Mutex::default(),
        };
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(body(&world));
    }

    pub(crate) fn laptop(&self, name: &str) -> PathBuf {
        self.directory.path().join("laptop").join(name)
    }

    pub(crate) fn beside(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A stream to a server of its own, to which nothing has been said.
    pub(crate) fn stream(&self) -> UnixStream {
        let (ours, servers) = UnixStream::pair().unwrap();
        ours.set_read_timeout(Some(LIMIT)).unwrap();
        let options = Options {
            name: "test".to_owned(),
            user: rustix::process::geteuid().as_raw(),
            group: rustix::process::getegid().as_raw(),
            read_only: false,
            for_others: false,
        };
        let files: Arc<dyn Files> = Arc::<LocalFiles>::clone(&self.files);
        let server = Server::start(servers, ROOT, files, &options, || {}).unwrap();
        self.servers.lock().unwrap().push(server);
        ours
    }

    /// A client of a server of its own.
    pub(crate) async fn client(&self) -> Arc<RawSftpSession> {
        let stream = self.stream();
        stream.set_nonblocking(true).unwrap();
        let client = RawSftpSession::new(tokio::net::UnixStream::from_std(stream).unwrap());
        client.set_timeout(LIMIT.as_secs());
        client.init().await.unwrap();
        Arc::new(client)
    }

    pub(crate) fn end_servers(&self) {
        self.servers.lock().unwrap().clear();
    }

    pub(crate) async fn until(&self, what: &str, condition: impl Fn(&LocalFiles) -> bool) {
        let deadline = Instant::now() + LIMIT;
        while !condition(&self.files) {
            assert!(Instant::now() < deadline, "never: {what}");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
}

/// What refused it.
#[track_caller]
pub(crate) fn status<T>(refused: Result<T, Error>) -> StatusCode {
    match refused {
        Err(Error::Status(status)) => status.status_code,
        Err(other) => panic!("{other}"),
        Ok(_) => panic!("it was done"),
    }
}

pub(crate) fn permissions(permissions: u32) -> FileAttributes {
    FileAttributes {
        permissions: Some(permissions),
        ..FileAttributes::empty()
    }
}

pub(crate) fn say(stream: &mut UnixStream, bytes: &[u8]) {
    stream.write_all(bytes).unwrap();
}

/// A packet with its length.
pub(crate) fn say_packet(stream: &mut UnixStream, packet: &[u8]) {
    let length = u32::try_from(packet.len()).unwrap().to_be_bytes();
    say(stream, &[&length[..], packet].concat());
}

/// The next packet without its length.
pub(crate) fn hear(stream: &mut UnixStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut packet = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut packet).unwrap();
    packet
}

pub(crate) fn exchange(stream: &mut UnixStream, packet: &[u8]) -> Vec<u8> {
    say_packet(stream, packet);
    hear(stream)
}

pub(crate) fn hello(stream: &mut UnixStream) {
    let answer = exchange(stream, &[1, 0, 0, 0, 3]);
    assert_eq!(answer[..5], [2, 0, 0, 0, 3]);
}

/// Whether nothing comes any more.
pub(crate) fn is_over(stream: &mut UnixStream) -> bool {
    matches!(stream.read(&mut [0]), Ok(0))
}

/// That the first four bytes are.
pub(crate) fn number(bytes: &[u8]) -> u32 {
    u32::from_be_bytes(bytes[..4].try_into().unwrap())
}
