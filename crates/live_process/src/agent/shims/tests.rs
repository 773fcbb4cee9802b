//! What becomes of whoever says something as a shim does.

use std::fs;
use std::io::Write as _;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use connection::{Connection, Happening, Receiver};
use live::SessionId;
use live::commands::{Command, End, Order};
use live::control::{Adapter, Reply, Request, Wanted};
use live::files::Root;
use live::message::{ToLaptop, ToServer};
use live::programs::Stream;
use live_session::server::{Agent, AgentOptions};
use publish::{Limits, Service};
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use testkit::{Isolation, isolated};
use tokio::io::{DuplexStream, duplex};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::spawn_blocking;

use super::*;

const LIMIT: Duration = Duration::from_secs(60);
const SESSION: SessionId = SessionId(*b"a session's name");

/// Those of a session that has mounted nothing, and its end when the second is dropped.
fn commands() -> (Agent, Receiver<ToServer>) {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    (agent(connection, Path::new("/nowhere")), receiver)
}

fn agent(connection: Connection<ToLaptop>, home: &Path) -> Agent {
    let options = AgentOptions {
        main: home.join("main"),
        mounts: home.join("mounts"),
        account: Vec::new(),
        patience: LIMIT,
        environment: Vec::new(),
    };
    Agent::new(connection, options).unwrap()
}

/// What a shim hears that says these bytes, and how the talk with it ends.
async fn hear(said: &[u8]) -> (Vec<ToShim>, Result<(), ShimError>) {
    let (agent, _receiver) = commands();
    let (mut here, there) = duplex(64 << 10);
    let hearing = async {
        here.write_all(said).await.ok();
        let mut heard = BytesMut::new();
        while here.read_buf(&mut heard).await.unwrap() > 0 {}
        let mut messages = Vec::new();
        while let Some(message) = decode(&mut heard).unwrap() {
            messages.push(message);
        }
        messages
    };
    let (commands, given) = (agent.commands(), nothing_given());
    let both = async { tokio::join!(hearing, talk(&commands, there, &given)) };
    timeout(LIMIT, both).await.unwrap()
}

fn nothing_given() -> Given {
    Given::new(Room::new(0))
}

fn start_in(directory: &Path, are_sent: [bool; 3]) -> FromShim {
    FromShim::Start(Box::new(Typed {
        name: "npm".into(),
        arguments: Vec::new(),
        directory: Bytes::copy_from_slice(directory.as_os_str().as_bytes()),
        environment: Vec::new(),
        streams: [End::Nothing; 3],
        size: None,
        umask: 0o022,
        are_sent,
    }))
}

fn start() -> FromShim {
    start_in(Path::new("/"), [false; 3])
}

fn framed(messages: &[FromShim]) -> Vec<u8> {
    let framed = messages.iter().map(|message| encode(message).unwrap());
    framed.collect::<Vec<Bytes>>().concat()
}

#[tokio::test]
async fn what_is_not_for_the_laptop_is_told() {
    let said = framed(&[FromShim::Version(VERSION), start()]);
    let (heard, ended) = hear(&said).await;
    assert_eq!(heard, [ToShim::Version(VERSION), ToShim::Here]);
    ended.unwrap();
}

#[tokio::test]
async fn one_of_another_version_is_told_what_to_do() {
    let said = framed(&[FromShim::Version(VERSION + 1), start()]);
    let (heard, ended) = hear(&said).await;
    let [ToShim::Version(VERSION), ToShim::Refused { hint, .. }] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert!(hint.contains("cs stop"));
    ended.unwrap();
}

#[tokio::test]
async fn whatever_is_no_shim_is_hung_up_on() {
    for said in [
        b"GET / HTTP/1.1\r\n\r\n".to_vec(),
        framed(&[start()]),
        framed(&[FromShim::Version(VERSION), FromShim::InputEnded]),
        [framed(&[FromShim::Version(VERSION)]), vec![0, 0, 0, 1, 99]].concat(),
    ] {
        let (heard, ended) = hear(&said).await;
        assert_eq!(heard, [ToShim::Version(VERSION)]);
        ended.unwrap_err();
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_hung_up_on() {
    let (agent, _receiver) = commands();
    let (here, there) = duplex(64 << 10);
    let ended = talk(&agent.commands(), there, &nothing_given()).await;
    assert!(matches!(ended, Err(ShimError::Silent)));
    drop::<DuplexStream>(here);
}

/// A session whose laptop has one directory mounted, and says what the test says.
struct Session {
    agent: Arc<Agent>,
    laptop: Connection<ToServer>,
    orders: UnboundedReceiver<(Command, Order)>,
    point: PathBuf,
}

impl Session {
    async fn start(home: &Path) -> Self {
        let (connection, receiver) = Connection::new(SESSION).unwrap();
        let agent = Arc::new(agent(connection.clone(), home));
        let runs = Arc::clone(&agent);
        tokio::spawn(async move { runs.run(receiver).await });
        let (laptop, receiver) = Connection::new(SESSION).unwrap();
        let service = Service::new(Limits::default());
        service
            .publish(Root(1), &home.join("project"), false)
            .unwrap();
        let (says, orders) = unbounded_channel();
        let (replies, mut replied) = unbounded_channel();
        tokio::spawn(be_laptop(
            laptop.clone(),
            receiver,
            service.into(),
            says,
            replies,
        ));
        let (one, other) = duplex(64 << 10);
        let carried = laptop.clone();
        tokio::spawn(async move { carried.run(one).await.map(drop) });
        tokio::spawn(async move { connection.run(other).await.map(drop) });
        let wanted = Wanted {
            root: Root(1),
            name: "project".to_owned(),
            is_main: true,
            read_only: false,
            adapter: Adapter::Native,
            when_asked: false,
            user: 0,
            group: 0,
        };
        let names = Request::Proxy(vec!["npm".to_owned()]);
        for request in [names, Request::Mount(wanted)] {
            laptop.send(&ToServer::Control(1, request)).unwrap();
            let reply = timeout(LIMIT, replied.recv()).await.unwrap().unwrap();
            assert!(matches!(reply, Reply::Done | Reply::Mounted(_)));
        }
        Self {
            agent,
            laptop,
            orders,
            point: home.join("main"),
        }
    }

    async fn order(&mut self) -> (Command, Order) {
        timeout(LIMIT, self.orders.recv()).await.unwrap().unwrap()
    }

    /// The next command that is asked for. That output of another was seen may come before.
    async fn command(&mut self) -> Command {
        loop {
            if let (command, Order::Start(_)) = self.order().await {
                return command;
            }
        }
    }

    fn say(&self, command: Command, news: News) {
        self.laptop.send(&ToServer::Command(command, news)).unwrap();
    }

    /// A shim that has asked for a command.
    async fn shim(&mut self) -> (Shim, Command) {
        let shim = self.shim_that_sends([false; 3], &[]).await;
        let (command, order) = self.order().await;
        assert!(matches!(order, Order::Start(_)));
        (shim, command)
    }

    /// A shim that asks for a command and sends descriptors with that.
    async fn shim_that_sends(
        &mut self,
        are_sent: [bool; 3],
        descriptors: &[BorrowedFd<'_>],
    ) -> Shim {
        let room = Room::new(descriptors.len() + 2);
        self.shim_with_room(room, are_sent, descriptors).await
    }

    async fn shim_with_room(
        &mut self,
        room: Room,
        are_sent: [bool; 3],
        descriptors: &[BorrowedFd<'_>],
    ) -> Shim {
        let (here, there) = UnixStream::pair().unwrap();
        let commands = self.agent.commands();
        tokio::spawn(async move { answer(&commands, Connected::new(there, room)).await });
        let mut shim = Shim {
            stream: here,
            heard: BytesMut::new(),
        };
        shim.say(&FromShim::Version(VERSION)).await;
        let start = encode(&start_in(&self.point, are_sent)).unwrap();
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(3))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        if !descriptors.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(descriptors)));
        }
        let words = [io::IoSlice::new(&start)];
        let sent = sendmsg(&shim.stream, &words, &mut ancillary, SendFlags::empty());
        assert_eq!(sent.unwrap(), start.len());
        assert_eq!(shim.hear().await, ToShim::Version(VERSION));
        shim
    }
}

async fn be_laptop(
    laptop: Connection<ToServer>,
    mut receiver: Receiver<ToLaptop>,
    service: Arc<Service>,
    orders: UnboundedSender<(Command, Order)>,
    replies: UnboundedSender<Reply>,
) {
    while let Some(happening) = receiver.next().await {
        match happening {
            Happening::Message(ToLaptop::File(number, request)) => {
                let (service, laptop) = (Arc::clone(&service), laptop.clone());
                spawn_blocking(move || {
                    let outcome = service.execute(request);
                    laptop.send(&ToServer::File(number, outcome)).ok();
                });
            }
            Happening::Message(ToLaptop::Command(command, order)) => {
                orders.send((command, order)).ok();
            }
            Happening::Message(ToLaptop::Control(_, reply)) => {
                replies.send(reply.unwrap()).ok();
            }
            _ => {}
        }
    }
}

struct Shim {
    stream: UnixStream,
    heard: BytesMut,
}

impl Shim {
    async fn say(&mut self, message: &FromShim) {
        let bytes = encode(message).unwrap();
        self.stream.write_all(&bytes).await.unwrap();
    }

    async fn hear(&mut self) -> ToShim {
        loop {
            if let Some(message) = decode(&mut self.heard).unwrap() {
                return message;
            }
            let read = self.stream.read_buf(&mut self.heard);
            assert!(timeout(LIMIT, read).await.unwrap().unwrap() > 0);
        }
    }
}

fn with_session<F>(name: &str, test: impl FnOnce(Session) -> F)
where
    F: Future<Output = ()>,
{
    isolated(name, Isolation::MOUNTS, || {
        if !Path::new("/dev/fuse").exists() {
            return testkit::skip("no /dev/fuse");
        }
        let home = tempfile::tempdir().unwrap();
        let home = home.path().canonicalize().unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        for name in ["project", "mounts"] {
            fs::create_dir(home.join(name)).unwrap();
        }
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async { test(Session::start(&home).await).await });
        // Unmounts.
        runtime.shutdown_timeout(LIMIT);
    });
}

#[test]
fn what_a_shim_and_its_command_say_is_passed_on() {
    with_session(
        "agent::shims::tests::what_a_shim_and_its_command_say_is_passed_on",
        async |mut session| {
            let (mut shim, command) = session.shim().await;
            // Held until it runs.
            shim.say(&FromShim::Signal(2)).await;
            session.say(command, News::Started);
            assert_eq!(shim.hear().await, ToShim::Started { reads_input: false });
            assert_eq!(session.order().await, (command, Order::Signal(2)));
            for (said, order) in [
                (FromShim::Input("in".into()), Order::Input("in".into())),
                (FromShim::InputEnded, Order::InputEnded),
                (FromShim::Signal(15), Order::Signal(15)),
            ] {
                shim.say(&said).await;
                assert_eq!(session.order().await, (command, order));
            }
            let output = |length| News::Output {
                stream: Stream::Err,
                bytes: vec![b'x'; length].into(),
            };
            session.say(command, output(5));
            assert!(matches!(shim.hear().await, ToShim::Output { bytes, .. } if bytes.len() == 5));
            assert_eq!(session.order().await, (command, Order::Seen(5)));
            // More than is taken without being read: nothing of it is seen until it is.
            session.say(command, output(100_000));
            let mut left = 100_000;
            while left > 0 {
                let ToShim::Output { bytes, .. } = shim.hear().await else {
                    panic!("no output");
                };
                left -= bytes.len();
            }
            let mut seen = 0;
            while seen < 100_005 {
                let (_, Order::Seen(more)) = session.order().await else {
                    panic!("not seen");
                };
                assert!(more > seen);
                seen = more;
            }
            let ended = News::Ended {
                code: Some(7),
                signal: None,
                read: 2,
            };
            session.say(command, ended);
            session.say(command, News::Settled);
            let told = ToShim::Ended {
                code: Some(7),
                signal: None,
                read: 2,
            };
            assert_eq!(shim.hear().await, told);
            let rest = shim.stream.read_buf(&mut shim.heard);
            assert_eq!(timeout(LIMIT, rest).await.unwrap().unwrap(), 0);
        },
    );
}

#[test]
fn what_a_shim_has_pipes_for_goes_through_them() {
    with_session(
        "agent::shims::tests::what_a_shim_has_pipes_for_goes_through_them",
        async |mut session| {
            let (input, mut to_input) = io::pipe().unwrap();
            let (mut output, to_output) = io::pipe().unwrap();
            let sent = [input.as_fd(), to_output.as_fd()];
            let mut shim = session.shim_that_sends([true, true, false], &sent).await;
            drop((input, to_output));
            let (command, _) = session.order().await;
            session.say(command, News::Started);
            assert_eq!(shim.hear().await, ToShim::Started { reads_input: true });
            to_input.write_all(b"in").unwrap();
            assert_eq!(session.order().await, (command, Order::Input("in".into())));
            session.say(command, News::Taken(2));
            drop(to_input);
            assert_eq!(session.order().await, (command, Order::InputEnded));
            let said = |stream, bytes: &'static str| News::Output {
                stream,
                bytes: bytes.into(),
            };
            session.say(command, said(Stream::Out, "out"));
            // Not one of its pipes.
            session.say(command, said(Stream::Err, "wrong"));
            let wrong = ToShim::Output {
                stream: Stream::Err,
                bytes: "wrong".into(),
            };
            assert_eq!(shim.hear().await, wrong);
            let (code, signal, read) = (Some(0), None, 2);
            session.say(command, News::Ended { code, signal, read });
            session.say(command, News::Settled);
            assert_eq!(shim.hear().await, ToShim::Ended { code, signal, read });
            // The agent has it open no more.
            let mut come = String::new();
            io::Read::read_to_string(&mut output, &mut come).unwrap();
            assert_eq!(come, "out");
        },
    );
}

#[test]
fn of_a_pipe_that_nobody_reads_the_command_learns_and_goes_on() {
    with_session(
        "agent::shims::tests::of_a_pipe_that_nobody_reads_the_command_learns_and_goes_on",
        async |mut session| {
            let (output, to_output) = io::pipe().unwrap();
            let sent = [to_output.as_fd()];
            let mut shim = session.shim_that_sends([false, true, false], &sent).await;
            let (command, _) = session.order().await;
            session.say(command, News::Started);
            assert_eq!(shim.hear().await, ToShim::Started { reads_input: false });
            drop(output);
            let (stream, bytes) = (Stream::Out, Bytes::from("out"));
            let output = |stream| News::Output {
                stream,
                bytes: bytes.clone(),
            };
            session.say(command, output(stream));
            assert_eq!(session.order().await, (command, Order::Unread(stream)));
            assert_eq!(session.order().await, (command, Order::Seen(3)));
            // What has been on its way is dropped, and counts as seen all the same.
            session.say(command, output(stream));
            assert_eq!(session.order().await, (command, Order::Seen(6)));
            // Of a stream that is the shim's, the shim says it.
            let errors = Stream::Err;
            session.say(command, output(errors));
            let told = ToShim::Output {
                stream: errors,
                bytes: bytes.clone(),
            };
            assert_eq!(shim.hear().await, told);
            assert_eq!(session.order().await, (command, Order::Seen(9)));
            shim.say(&FromShim::Unread(errors)).await;
            assert_eq!(session.order().await, (command, Order::Unread(errors)));
            let (code, signal, read) = (Some(1), None, 0);
            session.say(command, News::Ended { code, signal, read });
            session.say(command, News::Settled);
            assert_eq!(shim.hear().await, ToShim::Ended { code, signal, read });
        },
    );
}

#[test]
fn what_is_no_pipe_is_left_to_the_shim() {
    with_session(
        "agent::shims::tests::what_is_no_pipe_is_left_to_the_shim",
        async |mut session| {
            let file = fs::File::open("/dev/null").unwrap();
            // Said to be more than come, too.
            let mut shim = session.shim_that_sends([true; 3], &[file.as_fd()]).await;
            let command = session.command().await;
            session.say(command, News::Started);
            assert_eq!(shim.hear().await, ToShim::Started { reads_input: false });
            let (stream, bytes) = (Stream::Out, Bytes::from("out"));
            session.say(
                command,
                News::Output {
                    stream,
                    bytes: bytes.clone(),
                },
            );
            assert_eq!(shim.hear().await, ToShim::Output { stream, bytes });
            // Nor is the other end of a pipe: `npm <&1 | cat` reads nothing of what is for `cat`.
            let (reads, writes) = io::pipe().unwrap();
            let ends = [writes.as_fd(), reads.as_fd(), reads.as_fd()];
            let mut shim = session.shim_that_sends([true; 3], &ends).await;
            let command = session.command().await;
            session.say(command, News::Started);
            assert_eq!(shim.hear().await, ToShim::Started { reads_input: false });
            for stream in [Stream::Out, Stream::Err] {
                let bytes = Bytes::from("out");
                let told = ToShim::Output {
                    stream,
                    bytes: bytes.clone(),
                };
                session.say(command, News::Output { stream, bytes });
                assert_eq!(shim.hear().await, told);
            }
            // Nor is one for which there is no room.
            let room = Room::new(3);
            let (input, _to_input) = io::pipe().unwrap();
            let mut shims = Vec::new();
            for reads_input in [true, false] {
                let sent = [true, false, false];
                let input = [input.as_fd()];
                let mut shim = session.shim_with_room(room.clone(), sent, &input).await;
                let command = session.command().await;
                session.say(command, News::Started);
                assert_eq!(shim.hear().await, ToShim::Started { reads_input });
                shims.push(shim);
            }
        },
    );
}

#[test]
fn a_shim_that_hangs_up_ends_its_command() {
    with_session(
        "agent::shims::tests::a_shim_that_hangs_up_ends_its_command",
        async |mut session| {
            let (mut shim, command) = session.shim().await;
            session.say(command, News::Started);
            assert_eq!(shim.hear().await, ToShim::Started { reads_input: false });
            drop(shim);
            assert_eq!(session.order().await, (command, Order::End));
            // Before it runs: it is not to, and if it does all the same, it is to end.
            let (shim, command) = session.shim().await;
            drop(shim);
            assert_eq!(session.order().await, (command, Order::TakenBack));
            session.say(command, News::Started);
            assert_eq!(session.order().await, (command, Order::End));
        },
    );
}
