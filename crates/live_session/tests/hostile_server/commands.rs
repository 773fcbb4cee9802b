//! What a server says of commands: more of them than anybody types, and nonsense.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use connection::Connection;
use live::commands::{Command, End, LARGEST_PIECE, News, Order, Start, WINDOW};
use live::message::{ToLaptop, ToServer};
use live::programs::Size;
use live::{Message as _, RelativePath};
use live_session::laptop::{CommandLog, CommandOptions, Publisher, Record};
use proxy::{Name, Names};
use publish::Limits;
use tempfile::TempDir;
use tokio::net::{UnixListener, UnixStream};

use crate::driver::{HONEST, LIMIT, Laptop, ROOT, SESSION, Server, play};
use crate::memory::{IS_LAPTOP, MOST_MEMORY, Process};
use crate::outside::Outside;

/// How many are asked for at once.
const FLOOD: u64 = 10_000;
/// How many may run.
const MOST_RUNNING: usize = 512;
/// How much all of them may output without that being seen, and each in any case, in bytes.
const MOST_UNSEEN: u64 = 64 << 20;

struct NoLog;

impl CommandLog for NoLog {
    fn ended(&self, _: Record) {}
}

/// Has commands run, a shell called `run` among them.
fn proxy(publisher: &Publisher, bin: &Path) {
    symlink("/bin/sh", bin.join("run")).unwrap();
    let test = std::env::current_exe().unwrap();
    let runner = test.ancestors().nth(2).unwrap();
    let path = format!("{}:/usr/bin:/bin", bin.display());
    publisher.proxy(CommandOptions {
        names: Names::new(&[Name::new("run").unwrap()], &BTreeSet::new(), &[]),
        environment: vec![("PATH".into(), path.into())],
        runner: (runner.join("examples/command_runner"), Vec::new()),
        limits: runner::Limits::default(),
        sandbox: None,
        map_output: true,
        patience: Duration::from_secs(600),
        approval: None,
        log: Arc::new(NoLog),
    });
}

/// And the directory of its programs, beside its home.
fn laptop() -> (Laptop, TempDir) {
    let laptop = Laptop::new();
    let bin = TempDir::with_prefix("hostile").unwrap();
    proxy(&laptop.publisher, bin.path());
    (laptop, bin)
}

fn command(number: u64) -> Command {
    Command {
        number,
        has_terminal: false,
    }
}

fn script(text: &str) -> Start {
    Start {
        name: Bytes::from_static(b"run"),
        arguments: vec![
            Bytes::from_static(b"-c"),
            Bytes::copy_from_slice(text.as_bytes()),
        ],
        root: ROOT,
        directory: RelativePath::root(),
        environment: Vec::new(),
        streams: [End::Pipe, End::Pipe, End::AsOutput],
        size: None,
        umask: u32::MAX,
    }
}

fn order(command: Command, order: Order) -> ToLaptop {
    ToLaptop::Command(command, order)
}

fn begin(command: Command, start: Start) -> ToLaptop {
    order(command, Order::Start(Box::new(start)))
}

/// What is said of a command next.
async fn next(server: &mut Server) -> (Command, News) {
    loop {
        if let ToServer::Command(command, news) = server.next().await.expect("news") {
            return (command, news);
        }
    }
}

/// Waits until this is said of that command.
async fn wait_for(server: &mut Server, command: Command, expected: impl Fn(&News) -> bool) {
    loop {
        let (told, news) = next(server).await;
        if told == command && expected(&news) {
            return;
        }
    }
}

/// Every order but a start.
fn orders() -> [Order; 8] {
    let size = |rows, columns| Order::Resize(Size { rows, columns });
    [
        Order::Input(Bytes::from(vec![b'x'; LARGEST_PIECE])),
        Order::InputEnded,
        size(0, u16::MAX),
        size(u16::MAX, 0),
        Order::Signal(i32::MIN),
        Order::Signal(9),
        Order::Seen(u64::MAX),
        Order::End,
    ]
}

#[test]
fn what_is_said_of_no_command_is_dropped() {
    play(async {
        let (laptop, _bin) = laptop();
        let mut server = laptop.connect().await;
        for number in [0, 1, u64::MAX] {
            for has_terminal in [false, true] {
                let unknown = Command {
                    number,
                    has_terminal,
                };
                for said in orders() {
                    server.say(&order(unknown, said));
                }
            }
        }
        server.is_answered().await;
        // To one that has ended, and again with its number.
        let ended = command(5);
        server.say(&begin(ended, script("exit 1")));
        wait_for(&mut server, ended, |news| {
            matches!(news, News::Ended { .. })
        })
        .await;
        for said in orders() {
            server.say(&order(ended, said));
        }
        // To one that has not begun. What goes in the lane of terminals overtakes its start and is dropped, `End` too: it does
        // not begin, ends at once, or ends when it is told so again.
        let early = command(6);
        server.say(&begin(early, script("sleep 1000")));
        for said in orders() {
            server.say(&order(early, said));
        }
        loop {
            match next(&mut server).await {
                (told, News::Started) if told == early => server.say(&order(early, Order::End)),
                (told, News::Refused { .. } | News::Ended { .. }) if told == early => break,
                _ => {}
            }
        }
        // To one that runs, beginning with itself: nothing that is said before the last ends it.
        let running = command(7);
        server.say(&begin(
            running,
            script("trap '' TERM; while :; do sleep 1000; done"),
        ));
        wait_for(&mut server, running, |news| *news == News::Started).await;
        server.say(&begin(running, script("exit 1")));
        for said in [Order::Signal(0), Order::Signal(-9), Order::Signal(1 << 20)] {
            server.say(&order(running, said));
        }
        server.is_answered().await;
        for said in orders() {
            server.say(&order(running, said));
        }
        wait_for(&mut server, running, |news| {
            matches!(news, News::Ended { .. })
        })
        .await;
        laptop.check().await;
    });
}

#[test]
fn nothing_but_the_named_programs_runs_and_nowhere_else() {
    play(async {
        let (laptop, bin) = laptop();
        symlink("/", laptop.project().join("root")).unwrap();
        symlink("/bin/sh", laptop.project().join("run")).unwrap();
        let mut server = laptop.connect().await;
        let named = |name: &str| Start {
            name: Bytes::copy_from_slice(name.as_bytes()),
            ..script("echo ran")
        };
        let within = |path: &str| Start {
            directory: RelativePath::new(path.as_bytes()).unwrap(),
            ..script("echo ran")
        };
        let bin = bin.path().join("run");
        let mut starts: Vec<Start> = ["/bin/sh", "../bin/run", "./run", "sh", "", "run ", "run\0"]
            .into_iter()
            .map(named)
            .collect();
        starts.push(named(bin.to_str().unwrap()));
        starts.extend(["root", "root/tmp", "honest", "nowhere"].map(within));
        for (number, start) in (1..).zip(starts) {
            server.say(&begin(command(number), start));
            let news = next(&mut server).await;
            assert_eq!(news, (command(number), News::Here));
        }
        // Its terminal, which it has or has not.
        for (number, has_terminal) in [(100, false), (101, true)] {
            let pretending = Command {
                number,
                has_terminal,
            };
            let streams = match has_terminal {
                true => [End::Pipe; 3],
                false => [End::Terminal; 3],
            };
            let start = Start {
                streams,
                ..script("echo ran")
            };
            server.say(&begin(pretending, start));
            let (told, news) = next(&mut server).await;
            assert!(
                told == pretending && matches!(news, News::Refused { .. }),
                "{news:?}"
            );
        }
        laptop.check().await;
    });
}

#[test]
fn a_directory_above_is_no_message() {
    play(async {
        let (laptop, _bin) = laptop();
        let mut server = laptop.connect().await;
        let start = Start {
            directory: RelativePath::new(b"aa/bbbbbb").unwrap(),
            ..script("cat secret")
        };
        let message = begin(command(1), start);
        let bytes = message.encode();
        let at = bytes
            .windows(9)
            .position(|part| part == b"aa/bbbbbb")
            .unwrap();
        let mut forged = bytes.to_vec();
        forged[at..at + 9].copy_from_slice(b"../bbbbbb");
        server.say_bytes(message.lane(), forged.into());
        drop(server.hung_up().await);
        laptop.has_given_up().await;
    });
}

#[test]
fn ten_thousand_at_once_are_too_many() {
    play(async {
        let (laptop, _bin) = laptop();
        let mut server = laptop.connect().await;
        for number in 1..=FLOOD {
            server.say(&begin(command(number), script("read line")));
        }
        let mut running = HashSet::new();
        let (mut refused, mut most) = (0, 0);
        while running.len() < MOST_RUNNING {
            match next(&mut server).await {
                (command, News::Started) => drop(running.insert(command)),
                (_, News::Refused { .. }) => refused += 1,
                news => panic!("{news:?}"),
            }
            most = most.max(laptop.publisher.running_commands());
        }
        assert!(most <= MOST_RUNNING, "{most}");
        server.is_answered().await;
        assert!(refused > 0);
        for command in &running {
            server.say(&order(*command, Order::InputEnded));
        }
        while !running.is_empty() {
            if let (command, News::Ended { .. }) = next(&mut server).await {
                running.remove(&command);
            }
        }
        let last = command(FLOOD + 1);
        server.say(&begin(last, script("exit 0")));
        wait_for(&mut server, last, |news| matches!(news, News::Started)).await;
        laptop.check().await;
    });
}

#[test]
fn more_input_than_may_come_ends_a_command() {
    play(async {
        let (laptop, _bin) = laptop();
        let mut server = laptop.connect().await;
        let greedy = command(1);
        server.say(&begin(greedy, script("sleep 1000")));
        wait_for(&mut server, greedy, |news| *news == News::Started).await;
        let piece = Bytes::from(vec![b'x'; LARGEST_PIECE]);
        // What the pipe holds was taken.
        for _ in 0..WINDOW / LARGEST_PIECE as u64 + 3 {
            server.say(&order(greedy, Order::Input(piece.clone())));
        }
        wait_for(&mut server, greedy, |news| {
            matches!(news, News::Ended { .. })
        })
        .await;
        laptop.check().await;
    });
}

/// Runs what is asked for, until there is no server any more.
async fn be_laptop(home: &Path) {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Arc::new(Publisher::new(connection.clone(), Limits::default()).unwrap());
    let project = home.join("project");
    drop(publisher.publish(ROOT, &project, "project", false).unwrap());
    let bin = home.join("bin");
    fs::create_dir(&bin).unwrap();
    proxy(&publisher, &bin);
    let answers = Arc::clone(&publisher);
    let answering = tokio::spawn(async move { answers.run(receiver).await });
    while let Ok(stream) = UnixStream::connect(home.join("socket")).await {
        drop(connection.run(stream).await);
    }
    publisher.end_commands().await;
    answering.abort();
}

#[test]
fn output_that_nobody_sees_has_an_end() {
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
        let name = "commands::output_that_nobody_sees_has_an_end";
        let process = Process::start(name, home.path());
        let (stream, _) = tokio::time::timeout(LIMIT, listener.accept())
            .await
            .unwrap()
            .unwrap();
        let mut server = Server::new(stream, Arc::clone(&outside)).await;
        let many = 40;
        for number in 1..=many {
            server.say(&begin(command(number), script("exec cat /dev/zero")));
        }
        let most = MOST_UNSEEN + many * LARGEST_PIECE as u64;
        let mut output = 0;
        while output < MOST_UNSEEN {
            if let (_, News::Output { bytes, .. }) = next(&mut server).await {
                output += bytes.len() as u64;
            }
        }
        // Behind whatever else is on its way.
        let last = command(many + 1);
        server.say(&begin(last, script("exit 0")));
        loop {
            match next(&mut server).await {
                (_, News::Output { bytes, .. }) => output += bytes.len() as u64,
                (told, News::Ended { .. }) if told == last => break,
                _ => {}
            }
        }
        assert!(output <= most, "{output}");
        // Nobody reads any more: what has come waits.
        for number in 1..=many {
            server.say(&order(command(number), Order::Seen(u64::MAX)));
        }
        server.only_write().await;
        for number in many + 2..FLOOD {
            server.say(&begin(command(number), script("echo anything")));
        }
        server.only_write().await;
        for number in 1..=many {
            server.say(&order(command(number), Order::End));
        }
        server.is_answered().await;
        let peak = process.peak();
        assert!(peak < MOST_MEMORY, "{} MiB", peak >> 20);
        drop(listener);
        drop(server);
    });
}
