//! What a server says of programs: output that nobody asked for or sees, and answers that say nonsense.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use connection::Connection;
use live::control::{Failure, Reply, Request};
use live::files::Root;
use live::message::{ToLaptop, ToServer};
use live::programs::{
    Directory, Ended, Input, LARGEST_PIECE, LONGEST_TITLE, Output, Program, Report, Size, Stream,
    Viewer, What,
};
use live_session::laptop::{Mount, Programs, Publisher, Viewing};
use publish::Limits;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;

use crate::driver::{HONEST, LIMIT, Laptop, ROOT, SESSION, Server, play};
use crate::memory::{IS_LAPTOP, MOST_MEMORY, Process};
use crate::outside::Outside;

/// How many look at programs while the server floods them.
const VIEWERS: usize = 6;
/// How much each of them is sent: together more than [`MOST_MEMORY`].
const FLOOD: usize = 80 << 20;

fn bytes(length: usize, after: u64) -> Output {
    Output::Bytes {
        stream: Stream::Out,
        bytes: vec![b'x'; length].into(),
        after,
    }
}

fn ended(code: i32) -> Output {
    Output::Ended {
        code: Some(code),
        signal: None,
    }
}

type Starting = JoinHandle<Result<(Program, Option<Viewing>), Failure>>;

/// Begins to start a program on pipes.
fn start(programs: &Programs) -> Starting {
    let programs = programs.clone();
    tokio::spawn(async move {
        let what = What::Words(vec![Bytes::from_static(b"x")]);
        let directory = Directory::Home;
        programs.start(what, directory, Vec::new(), None).await
    })
}

/// The next program that is to be started: the wish, and who holds its pipes.
async fn asked_to_start(server: &mut Server) -> (u64, Viewer) {
    loop {
        let said = server.next().await.expect("a wish");
        if let ToServer::Control(wish, Request::Start(start)) = said {
            return (wish, start.viewer);
        }
    }
}

/// The next wish that is for `request`.
async fn asked(server: &mut Server, request: &Request) -> u64 {
    loop {
        match server.next().await.expect("a wish") {
            ToServer::Control(wish, wanted) if wanted == *request => return wish,
            _ => {}
        }
    }
}

async fn in_time<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(LIMIT, future).await.expect("in time")
}

#[test]
fn what_is_said_to_nobody_is_dropped() {
    play(async {
        let laptop = Laptop::new();
        let programs = laptop.publisher.programs();
        let mut server = laptop.connect().await;
        server.is_answered().await;
        let starting = start(&programs);
        let (wish, viewer) = asked_to_start(&mut server).await;
        for unknown in [0, 1, viewer.0 ^ 1, viewer.0.wrapping_add(1), u64::MAX] {
            for output in [
                bytes(LARGEST_PIECE, u64::MAX),
                Output::Picture {
                    text: Bytes::from(vec![b'x'; live::LARGEST_MESSAGE - 100]),
                    after: 0,
                },
                Output::Resized(Size {
                    rows: u16::MAX,
                    columns: 0,
                }),
                ended(i32::MIN),
            ] {
                server.say(&ToLaptop::Program(Viewer(unknown), output));
            }
            server.say(&ToLaptop::Taken(Viewer(unknown), u64::MAX));
            let reply = Ok(Reply::Programs(Vec::new()));
            server.say(&ToLaptop::Control(unknown, reply));
        }
        // To one who is not told yet that it was started: it waits for him.
        server.say(&ToLaptop::Program(viewer, bytes(3, 3)));
        server.say(&ToLaptop::Control(wish, Ok(Reply::Done)));
        server.say(&ToLaptop::Control(wish, Ok(Reply::Done)));
        server.is_answered().await;
        let (_, viewing) = in_time(starting).await.unwrap().unwrap();
        let mut viewing = viewing.expect("the other ends of its pipes");
        // That much was never typed.
        server.say(&ToLaptop::Taken(viewer, u64::MAX));
        server.is_answered().await;
        let typed = Input::Typed(Bytes::from_static(b"typed"));
        in_time(viewing.input.send(typed.clone())).await.unwrap();
        loop {
            match server.next().await.expect("what was typed") {
                ToServer::Program(to, said) if to == viewer => break assert_eq!(said, typed),
                _ => {}
            }
        }
        for output in [ended(1), ended(2), bytes(3, 6)] {
            server.say(&ToLaptop::Program(viewer, output));
        }
        server.is_answered().await;
        assert_eq!(in_time(viewing.output.next()).await, Some(bytes(3, 3)));
        assert_eq!(in_time(viewing.output.next()).await, Some(ended(1)));
        assert_eq!(in_time(viewing.output.next()).await, None);
        in_time(viewing.input.send(typed)).await.unwrap_err();
        server.is_answered().await;
        laptop.check().await;
    });
}

#[test]
fn reports_and_words_are_no_longer_than_they_may_be() {
    play(async {
        let laptop = Laptop::new();
        let programs = laptop.publisher.programs();
        let mut server = laptop.connect().await;
        server.is_answered().await;
        let listing = {
            let programs = programs.clone();
            tokio::spawn(async move { programs.list().await })
        };
        let wish = asked(&mut server, &Request::Programs).await;
        let report = |program, words: Vec<Bytes>| Report {
            program: Program(program),
            what: What::Words(words),
            since: u64::MAX,
            size: None,
            viewers: u32::MAX,
            ended: Some(Ended {
                code: Some(i32::MAX),
                signal: Some(i32::MIN),
                at: u64::MAX,
            }),
        };
        let title = Bytes::from(b"\x1b]0;x\x07".repeat(100_000));
        let mut reports = vec![
            report(0, vec![title]),
            report(1, vec![Bytes::new(); 100_000]),
        ];
        reports.extend((2..20_000).map(|program| report(program, Vec::new())));
        let reply = Ok(Reply::Programs(reports));
        server.say(&ToLaptop::Control(wish, reply));
        server.is_answered().await;
        let told = in_time(listing).await.unwrap().unwrap();
        assert!((2..1000).contains(&told.len()), "{}", told.len());
        for report in &told {
            let What::Words(words) = &report.what else {
                panic!("words");
            };
            let bytes: usize = words.iter().map(|word| word.len().max(1)).sum();
            assert!(bytes <= LONGEST_TITLE, "{bytes}");
        }
        words_of_mounts(&laptop, &mut server).await;
        laptop.check().await;
    });
}

/// Whatever the server says of a mount is short enough to be told to programs on the laptop.
async fn words_of_mounts(laptop: &Laptop, server: &mut Server) {
    let second = tempfile::tempdir().unwrap();
    let published = laptop
        .publisher
        .publish(Root(8), second.path(), "second", false);
    let mut told = published.unwrap();
    let wish = loop {
        if let Some(ToServer::Control(wish, Request::Mount(wanted))) = server.next().await
            && wanted.root == Root(8)
        {
            break wish;
        }
    };
    let long = "\x1b]0;x\x07".repeat(100_000);
    let failure = Failure {
        message: long.clone(),
        hint: long.clone(),
    };
    for reply in [Err(failure), Ok(Reply::Mounted(long.into()))] {
        server.say(&ToLaptop::Control(wish, reply));
        server.is_answered().await;
        in_time(told.changed()).await.unwrap();
        let Mount::Failed(failure) = told.borrow_and_update().clone() else {
            panic!("a failure");
        };
        assert!(failure.message.len() < 10_000 && failure.hint.len() < 10_000);
    }
}

/// Starts programs and shows nobody what they say, until there is no server any more.
async fn be_laptop(home: &Path) {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Arc::new(Publisher::new(connection.clone(), Limits::default()).unwrap());
    let project = home.join("project");
    drop(publisher.publish(ROOT, &project, "project", false).unwrap());
    let programs = publisher.programs();
    let answering = tokio::spawn(async move { publisher.run(receiver).await });
    let starting: Vec<Starting> = (0..VIEWERS).map(|_| start(&programs)).collect();
    while let Ok(stream) = UnixStream::connect(home.join("socket")).await {
        drop(connection.run(stream).await);
    }
    drop(starting);
    answering.abort();
}

#[test]
fn output_that_nobody_sees_takes_no_more_memory_than_it_may() {
    if let Some(home) = std::env::var_os(IS_LAPTOP) {
        return play(be_laptop(Path::new(&home)));
    }
    play(async {
        let home = TempDir::with_prefix("hostile").unwrap();
        let project = home.path().join("project");
        fs::create_dir(&project).unwrap();
        fs::write(project.join("honest"), HONEST).unwrap();
        let outside = Arc::new(Outside::fill(home.path()));
        let listener = UnixListener::bind(home.path().join("socket")).unwrap();
        let name = "programs::output_that_nobody_sees_takes_no_more_memory_than_it_may";
        let process = Process::start(name, home.path());
        let (stream, _) = in_time(listener.accept()).await.unwrap();
        let mut server = Server::new(stream, Arc::clone(&outside)).await;
        let mut viewers = Vec::new();
        while viewers.len() < VIEWERS {
            let (wish, viewer) = asked_to_start(&mut server).await;
            server.say(&ToLaptop::Control(wish, Ok(Reply::Done)));
            viewers.push(viewer);
        }
        // A picture is begun, and goes on as no terminal's does.
        for viewer in &viewers {
            let picture = Output::Picture {
                text: vec![b'x'; LARGEST_PIECE].into(),
                after: 0,
            };
            server.say(&ToLaptop::Program(*viewer, picture));
            for _ in 0..FLOOD / LARGEST_PIECE {
                server.say(&ToLaptop::Program(*viewer, bytes(LARGEST_PIECE, 0)));
                assert!(server.only_write().await, "it is all taken");
            }
        }
        server.is_answered().await;
        let peak = process.peak();
        assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
        drop(server);
    });
}
