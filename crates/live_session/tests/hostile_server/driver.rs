//! A laptop's end, and a server that says what it likes.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use connection::{Connection, ConnectionError, Ended};
use live::files::{Attributes, Change, Outcome, Reply, Request, Root};
use live::message::{ToLaptop, ToServer};
use live::{Event, Incarnation, Lane, Link, Message as _, SessionId};
use live_session::laptop::Publisher;
use publish::Limits;
use tempfile::TempDir;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, duplex,
};
use tokio::task::JoinHandle;

use crate::outside::{Outside, SECRET};
use crate::requests::{READ, place};

pub(crate) const SESSION: SessionId = SessionId(*b"a session's name");
pub(crate) const ROOT: Root = Root(7);
/// Bounds the wait for a condition; no test is measured by it.
pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const HONEST: &[u8] = b"what the server may have";

/// What carries a session of the laptop, and how it ended.
pub(crate) type Carrying = JoinHandle<Result<Ended, ConnectionError>>;

/// A home with secrets and a project that is published.
pub(crate) struct Laptop {
    pub(crate) home: TempDir,
    pub(crate) outside: Arc<Outside>,
    pub(crate) publisher: Arc<Publisher>,
    pub(crate) connection: Connection<ToServer>,
    pub(crate) answering: JoinHandle<Option<String>>,
}

impl Laptop {
    /// Inside of a tokio runtime.
    pub(crate) fn new() -> Self {
        Self::with(Limits { open: 64 }, false, |_| {})
    }

    /// `prepare` is given the project's path before that is published.
    pub(crate) fn with(limits: Limits, read_only: bool, prepare: impl FnOnce(&Path)) -> Self {
        let home = TempDir::with_prefix("hostile").unwrap();
        let project = home.path().join("project");
        fs::create_dir(&project).unwrap();
        fs::write(project.join("honest"), HONEST).unwrap();
        prepare(&project);
        let outside = Arc::new(Outside::fill(home.path()));
        let (connection, receiver) = Connection::new(SESSION).unwrap();
        let publisher = Arc::new(Publisher::new(connection.clone(), limits).unwrap());
        drop(
            publisher
                .publish(ROOT, &project, "project", read_only)
                .unwrap(),
        );
        let answers = Arc::clone(&publisher);
        let answering = tokio::spawn(async move { answers.run(receiver).await });
        Self {
            home,
            outside,
            publisher,
            connection,
            answering,
        }
    }

    pub(crate) fn project(&self) -> PathBuf {
        self.home.path().join("project")
    }

    /// A stream to the laptop's end, on which nothing was said.
    pub(crate) fn stream(&self) -> (DuplexStream, Carrying) {
        let (laptop, server) = duplex(256 << 10);
        let connection = self.connection.clone();
        let carrying = tokio::spawn(async move { connection.run(laptop).await });
        (server, carrying)
    }

    /// A server that has said hello, and has never been there before.
    pub(crate) async fn connect(&self) -> Server {
        let (stream, carrying) = self.stream();
        let mut server = Server::new(stream, Arc::clone(&self.outside)).await;
        server.carrying = Some(carrying);
        server
    }

    /// Nothing outside has changed, and an honest server is answered.
    pub(crate) async fn check(&self) {
        let mut server = self.connect().await;
        server.is_answered().await;
        self.outside.check();
    }

    /// The session has ended with an error, and nothing outside has changed.
    pub(crate) async fn has_given_up(self) {
        let ended = tokio::time::timeout(LIMIT, self.answering).await;
        assert_eq!(ended.unwrap().unwrap(), None);
        assert!(matches!(
            self.connection.over(),
            Some(Err(ConnectionError::Unintelligible(_)))
        ));
        self.outside.check();
    }
}

/// Bytes both ways.
pub(crate) trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}
impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

/// One end of a link, in the hands of somebody hostile. Whatever comes to it is searched for what is outside.
pub(crate) struct Server {
    stream: Box<dyn Stream>,
    carrying: Option<Carrying>,
    link: Link,
    began: Instant,
    /// What is written next.
    pub(crate) out: BytesMut,
    buffer: Vec<u8>,
    number: u64,
    outside: Arc<Outside>,
}

impl Server {
    /// One that has said hello.
    pub(crate) async fn new(stream: impl Stream + 'static, outside: Arc<Outside>) -> Self {
        static INCARNATIONS: AtomicU64 = AtomicU64::new(1);
        let own = Incarnation(INCARNATIONS.fetch_add(1, Ordering::Relaxed));
        let mut server = Self {
            stream: Box::new(duplex(1).0),
            carrying: None,
            link: Link::new(SESSION, own),
            began: Instant::now(),
            out: BytesMut::new(),
            buffer: vec![0; 64 << 10],
            // What an earlier server has asked for may be answered to this one.
            number: own.0 << 32,
            outside,
        };
        server.go_on(stream).await;
        server
    }

    /// Its stream ends.
    pub(crate) fn cut(&mut self, unused: impl Stream + 'static) {
        self.stream = Box::new(unused);
    }

    /// On another stream, as the same.
    pub(crate) async fn go_on(&mut self, stream: impl Stream + 'static) {
        self.stream = Box::new(stream);
        self.out.clear();
        self.link.connected(self.began.elapsed());
        while !self.link.is_up() {
            self.turn().await.expect("a hello");
        }
    }

    /// Writes what there is to write and reads nothing; whether it was taken.
    pub(crate) async fn only_write(&mut self) -> bool {
        loop {
            self.link.transmit(&mut self.out, 64 << 10);
            if self.out.is_empty() {
                return true;
            }
            // What is not taken by then is held back: nobody waits for it.
            let written = self.stream.write_all_buf(&mut self.out);
            match tokio::time::timeout(Duration::from_secs(2), written).await {
                Ok(written) => written.expect("a stream"),
                Err(_) => return false,
            }
        }
    }

    /// Writes and reads once; `None` when the stream has ended.
    async fn turn(&mut self) -> Option<()> {
        let now = self.began.elapsed();
        self.link.tick(now);
        self.link.transmit(&mut self.out, 64 << 10);
        let (mut reader, mut writer) = tokio::io::split(&mut self.stream);
        tokio::select! {
            read = reader.read(&mut self.buffer) => {
                let length = read.ok().filter(|length| *length > 0)?;
                let now = self.began.elapsed();
                self.link.received(&self.buffer[..length], now).expect("frames of the laptop");
            }
            written = writer.write_buf(&mut self.out), if !self.out.is_empty() => {
                written.ok()?;
            }
            () = tokio::time::sleep(Duration::from_millis(200)) => {}
        }
        Some(())
    }

    /// What the laptop says next; `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<ToServer> {
        loop {
            match self.link.event() {
                Some(Event::Message(_, bytes)) => return Some(self.look(&bytes)),
                Some(_) => {}
                None => tokio::time::timeout(LIMIT, self.turn())
                    .await
                    .expect("a turn")?,
            }
        }
    }

    /// Nothing that comes may be of outside.
    fn look(&self, bytes: &Bytes) -> ToServer {
        let is_secret = bytes.windows(SECRET.len()).any(|part| part == SECRET);
        let message = ToServer::decode(bytes).unwrap();
        assert!(!is_secret, "{message:?}");
        let mut told: Vec<&Attributes> = Vec::new();
        let directories = match &message {
            ToServer::File(_, Ok(reply)) => reply.clone().split().1,
            _ => Vec::new(),
        };
        told.extend(&directories);
        match &message {
            ToServer::File(
                _,
                Ok(
                    Reply::Attributes(attributes)
                    | Reply::Opened { attributes, .. }
                    | Reply::Made { attributes, .. }
                    | Reply::Created { attributes, .. },
                ),
            ) => {
                told.push(attributes);
            }
            ToServer::File(_, Ok(Reply::Entries { entries, .. })) => {
                told.extend(entries.iter().map(|entry| &entry.attributes));
            }
            ToServer::File(_, Ok(Reply::Tree(listings))) => {
                let entries = listings.iter().flat_map(|listing| &listing.entries);
                told.extend(entries.map(|entry| &entry.attributes));
                let mut listed = listings.iter();
                assert!(
                    !listed.any(|listing| self.outside.has(listing.identity)),
                    "{message:?}"
                );
            }
            ToServer::File(_, Ok(Reply::Files(files))) => {
                told.extend(files.iter().flatten().map(|contents| &contents.attributes));
            }
            ToServer::Changed(changes) => {
                told.extend(changes.iter().filter_map(|change| match change {
                    Change::At { attributes, .. } => attributes.as_ref(),
                    Change::Anything { .. } | Change::Watched { .. } => None,
                }));
            }
            _ => {}
        }
        let is_outside = told.iter().any(|told| self.outside.has(told.identity));
        assert!(!is_outside, "{message:?}");
        message
    }

    /// Bytes as a message, whatever they are.
    pub(crate) fn say_bytes(&mut self, lane: Lane, bytes: Bytes) {
        self.link.send(lane, bytes).unwrap();
    }

    pub(crate) fn say(&mut self, message: &ToLaptop) {
        self.say_bytes(message.lane(), message.encode());
    }

    /// Sends a request and gives its number.
    pub(crate) fn request(&mut self, request: Request) -> u64 {
        self.number += 1;
        self.say(&ToLaptop::File(self.number, request));
        self.number
    }

    /// All at once; the outcomes in order.
    pub(crate) async fn ask_all(&mut self, requests: Vec<Request>) -> Vec<Outcome> {
        let numbers: Vec<_> = requests
            .into_iter()
            .map(|request| self.request(request))
            .collect();
        let mut outcomes = HashMap::new();
        while outcomes.len() < numbers.len() {
            let ToServer::File(number, outcome) = self.next().await.expect("an answer") else {
                continue;
            };
            if number >> 32 == self.number >> 32 {
                // What is told of directories is looked at as everything is.
                outcomes.insert(number, outcome.map(|reply| reply.split().0));
            }
        }
        let outcomes = numbers.iter().map(|number| outcomes.remove(number));
        outcomes
            .map(|outcome| outcome.expect("one answer to each"))
            .collect()
    }

    pub(crate) async fn ask(&mut self, request: Request) -> Outcome {
        self.ask_all(vec![request]).await.remove(0)
    }

    /// Until the laptop has hung up.
    pub(crate) async fn hung_up(mut self) -> Result<Ended, ConnectionError> {
        while self.next().await.is_some() {}
        tokio::time::timeout(LIMIT, self.carrying.unwrap())
            .await
            .unwrap()
            .unwrap()
    }

    /// An honest request is.
    pub(crate) async fn is_answered(&mut self) {
        let opened = self.ask(Request::Open(place("honest"), READ)).await;
        let Ok(Reply::Opened { handle, .. }) = opened else {
            panic!("{opened:?}");
        };
        let (offset, length) = (0, 1000);
        let read = Request::Read {
            handle,
            offset,
            length,
        };
        let read = self.ask(read).await;
        assert_eq!(read, Ok(Reply::Bytes(Bytes::from_static(HONEST))));
        assert_eq!(self.ask(Request::Close(handle)).await, Ok(Reply::Done));
    }
}

/// Runs `test` with a runtime of its own, for no longer than anything takes.
pub(crate) fn play(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let ended = tokio::time::timeout(5 * LIMIT, test).await;
        ended.expect("it does not hang");
    });
}
