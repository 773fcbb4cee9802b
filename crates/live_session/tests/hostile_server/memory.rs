//! How much memory a server can make the laptop take.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use connection::{Connection, ROOM};
use live::files::{Change, LARGEST_TRANSFER, Reply, Request};
use live::message::ToServer;
use live::{Lane, Message as _};
use live_session::laptop::Publisher;
use publish::Limits;
use publish::watch::LARGEST_BATCH;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use crate::driver::{HONEST, LIMIT, Laptop, ROOT, SESSION, Server, play};
use crate::frames::data;
use crate::outside::Outside;
use crate::requests::{READ, place};

/// Tells this test that it is to be the laptop, and in which directory.
pub(crate) const IS_LAPTOP: &str = "HOSTILE_SERVER_LAPTOP";
/// What the process takes at its peak: 64 requests of 2 MiB, as many answers of 1 MiB, what was sent and not confirmed in each
/// lane, the inbox, and as much again for what is copied and what the allocator leaves unused.
pub(crate) const MOST_MEMORY: u64 = 400 << 20;
/// How much is sent while nothing is read.
const FLOOD: usize = 1 << 30;

/// A process that runs a laptop's end; killed at the end.
pub(crate) struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Process {
    pub(crate) fn start(test: &str, home: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]);
        command.env_clear().env(IS_LAPTOP, home).env("TMPDIR", home);
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// The largest resident memory that it has had, in bytes (`proc_pid_status(5)`).
    pub(crate) fn peak(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim_end_matches("kB").trim().parse::<u64>().unwrap() << 10
    }
}

/// Until there is no server any more.
async fn be_laptop(home: &Path) {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Arc::new(Publisher::new(connection.clone(), Limits::default()).unwrap());
    drop(
        publisher
            .publish(ROOT, &home.join("project"), "project", false)
            .unwrap(),
    );
    let answering = tokio::spawn(async move { publisher.run(receiver).await });
    while let Ok(stream) = UnixStream::connect(home.join("socket")).await {
        drop(connection.run(stream).await);
    }
    answering.abort();
}

#[test]
fn a_flood_takes_no_more_memory_than_it_may() {
    if let Some(home) = std::env::var_os(IS_LAPTOP) {
        return play(be_laptop(Path::new(&home)));
    }
    play(async {
        let home = TempDir::with_prefix("hostile").unwrap();
        let project = home.path().join("project");
        fs::create_dir(&project).unwrap();
        fs::write(project.join("honest"), HONEST).unwrap();
        fs::write(project.join("large"), vec![7; 4 << 20]).unwrap();
        let outside = Arc::new(Outside::fill(home.path()));
        let listener = UnixListener::bind(home.path().join("project/../socket")).unwrap();
        let name = "memory::a_flood_takes_no_more_memory_than_it_may";
        let process = Process::start(name, home.path());
        let accept = async || {
            let accepted = tokio::time::timeout(LIMIT, listener.accept()).await;
            let (stream, _) = accepted.expect("the laptop connects").unwrap();
            Server::new(stream, Arc::clone(&outside)).await
        };
        let mut server = accept().await;
        server.is_answered().await;
        eprintln!("at first: {} MiB", process.peak() >> 20);
        ask_and_never_read(&mut server).await;
        eprintln!("after requests: {} MiB", process.peak() >> 20);
        say_little_among_much(&mut server).await;
        eprintln!("after messages: {} MiB", process.peak() >> 20);
        drop(server);
        let mut server = accept().await;
        write_and_never_read(&mut server).await;
        eprintln!("after writing: {} MiB", process.peak() >> 20);
        drop(server);
        let mut server = accept().await;
        server.is_answered().await;
        let peak = process.peak();
        assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
    });
}

/// Far more answers than it takes.
async fn ask_and_never_read(server: &mut Server) {
    let Ok(Reply::Opened { handle, .. }) = server.ask(Request::Open(place("large"), READ)).await
    else {
        panic!("no handle");
    };
    let (offset, length) = (0, LARGEST_TRANSFER);
    for _ in 0..20_000 {
        server.request(Request::Read {
            handle,
            offset,
            length,
        });
    }
    server.only_write().await;
}

/// Messages of a few bytes, each in the middle of much that was said before and is dropped.
async fn say_little_among_much(server: &mut Server) {
    let nothing = live::message::ToLaptop::Control(0, Ok(live::control::Reply::Done)).encode();
    let control = Lane::Control as u8;
    let before = data(1, 0, control, &[0; 16 << 10]).repeat(4);
    let mut number = 0;
    let mut said = 0;
    while said < FLOOD {
        number += 1;
        server.out.extend(data(number, 0, control | 0x80, &nothing));
        server.out.extend_from_slice(&before);
        said += before.len();
        if !server.only_write().await {
            return;
        }
    }
}

/// Requests that are as long as any may be.
async fn write_and_never_read(server: &mut Server) {
    let create = Request::Create {
        place: place("new"),
        permissions: 0o600,
        opening: crate::requests::READ_WRITE,
        exclusive: true,
    };
    let Ok(Reply::Opened { handle, .. }) = server.ask(create).await else {
        panic!("no handle");
    };
    for _ in 0..200 {
        let bytes = vec![1; live::LARGEST_MESSAGE - 100].into();
        server.request(Request::Write {
            handle,
            offset: 0,
            bytes,
        });
    }
    server.only_write().await;
}

/// While nobody takes them, changes on the laptop are not kept; afterwards it is told that anything may have changed.
#[test]
fn changes_that_nobody_takes_are_not_kept() {
    play(async {
        let laptop = Laptop::new();
        let mut server = laptop.connect().await;
        let is_watched = |change: &Change| matches!(change, Change::Watched { all: true, .. });
        while !changes(&mut server).await.iter().any(is_watched) {}
        // The stream ends; the server is the same when it comes back.
        let (gone, _) = tokio::io::duplex(1);
        server.cut(gone);
        let count = 10 * ROOM / 1000;
        for number in 0..count {
            let name = format!("{number:0>250}");
            fs::write(laptop.project().join(name), b"").unwrap();
        }
        let full = || !laptop.connection.has_room(Lane::Metadata);
        testkit::wait_until("the lane is full", LIMIT, full);
        let (stream, _carrying) = laptop.stream();
        server.go_on(stream).await;
        let mut bytes = 0;
        loop {
            let told = changes(&mut server).await;
            bytes += ToServer::Changed(told.clone()).encode().len();
            let is_all =
                |change: &Change| matches!(change, Change::Anything { path, .. } if path.is_root());
            if told.iter().any(is_all) {
                break;
            }
        }
        assert!(bytes < ROOM + LARGEST_BATCH * 1000, "{bytes}");
        fs::write(laptop.project().join("after"), b"").unwrap();
        let is_after = |change: &Change| {
            change
                .path()
                .is_some_and(|path| path.as_bytes() == b"after")
        };
        while !changes(&mut server).await.iter().any(is_after) {}
        server.is_answered().await;
        laptop.outside.check();
    });
}

async fn changes(server: &mut Server) -> Vec<Change> {
    loop {
        let next = tokio::time::timeout(LIMIT, server.next()).await;
        if let ToServer::Changed(changes) = next.expect("changes").expect("a stream") {
            return changes;
        }
    }
}
