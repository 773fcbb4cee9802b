//! Both ends of a session, with a real mount, over streams that break.

#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "tests: they make files that nobody has to recover, and panic if they cannot go on"
)]

use std::fs::{self, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use connection::{Connection, reconnect};
use live::SessionId;
use live::files::Root;
use live_session::laptop::{Mount, Publisher};
use live_session::server::{Agent, AgentOptions};
use publish::Limits;
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags, open, statx};
use testkit::{Isolation, isolated};
use tokio::io::{DuplexStream, duplex};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, spawn_blocking};

const SESSION: SessionId = SessionId(*b"a session's name");
const ROOT: Root = Root(7);
const LONG: Duration = Duration::from_secs(600);
/// Bounds the wait for a condition; no test is measured by it.
const LIMIT: Duration = Duration::from_secs(60);

/// What carries streams from the laptop to whichever agent there is.
struct Cable {
    /// Counts: whatever runs ends when it changes.
    cuts: watch::Sender<u64>,
    is_out: AtomicBool,
    streams: watch::Sender<Option<mpsc::Sender<DuplexStream>>>,
}

impl Cable {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            cuts: watch::Sender::new(0),
            is_out: AtomicBool::new(false),
            streams: watch::Sender::new(None),
        })
    }

    /// What is under way is lost.
    fn cut(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }

    fn set_out(&self, is_out: bool) {
        self.is_out.store(is_out, Ordering::SeqCst);
        self.cut();
    }

    /// A stream, as far as the cable is whole.
    async fn connect(self: Arc<Self>) -> io::Result<DuplexStream> {
        let agent = self.streams.borrow().clone();
        let Some(agent) = agent.filter(|_| !self.is_out.load(Ordering::SeqCst)) else {
            return Err(io::ErrorKind::ConnectionRefused.into());
        };
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

/// An agent, and the task in which it runs.
struct Server {
    running: JoinHandle<Option<String>>,
    connection: Connection<live::message::ToLaptop>,
}

fn start_agent(cable: &Cable, mounts: &Path, patience: Duration) -> Server {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let options = AgentOptions {
        environment: Vec::new(),
        main: mounts.join("main"),
        mounts: mounts.to_owned(),
        account: Vec::new(),
        patience,
    };
    let agent = Agent::new(connection.clone(), options).unwrap();
    let (sender, mut streams) = mpsc::channel::<DuplexStream>(1);
    cable.streams.send_replace(Some(sender));
    let carried = connection.clone();
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
        };
        tokio::select! {
            reason = agent.run(receiver) => reason,
            () = carry => None,
        }
    });
    Server {
        running,
        connection,
    }
}

/// The laptop's end, and the task that keeps it connected.
struct Laptop {
    publisher: Arc<Publisher>,
    connection: Connection<live::message::ToServer>,
    tasks: [JoinHandle<()>; 2],
}

fn start_laptop(cable: &Arc<Cable>) -> Laptop {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let publisher = Arc::new(Publisher::new(connection.clone(), Limits::default()).unwrap());
    let answering = Arc::clone(&publisher);
    let answers = tokio::spawn(async move { drop(answering.run(receiver).await) });
    let cable = Arc::clone(cable);
    let options = reconnect::Options {
        shortest: Duration::from_millis(1),
        longest: Duration::from_millis(50),
        ..reconnect::Options::default()
    };
    let (_keeper, keeping) = reconnect::keep(
        connection.clone(),
        move || Arc::clone(&cable).connect(),
        options,
    );
    let keeps = tokio::spawn(async move { drop(keeping.await) });
    Laptop {
        publisher,
        connection,
        tasks: [answers, keeps],
    }
}

async fn mounted(told: &mut watch::Receiver<Mount>) -> PathBuf {
    let told = told.wait_for(|mount| !matches!(mount, Mount::Asked));
    match &*tokio::time::timeout(LIMIT, told).await.unwrap().unwrap() {
        Mount::At(path) => path.clone(),
        other => panic!("{other:?}"),
    }
}

/// Waits until `wanted` is there.
async fn until(wanted: impl Fn() -> bool + Send + Sync + 'static) {
    let wanted = Arc::new(wanted);
    let waiting = async {
        loop {
            let wanted = Arc::clone(&wanted);
            // On another thread: the file system that is looked at is answered by this one's tasks.
            if spawn_blocking(move || wanted()).await.unwrap() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(LIMIT, waiting).await.expect("in time");
}

/// A project on the laptop, a place for mounts on the server, and a runtime, in a mount namespace of their own.
fn with_mount<F>(name: &str, test: impl FnOnce(PathBuf, PathBuf) -> F)
where
    F: Future<Output = ()>,
{
    isolated(name, Isolation::MOUNTS, || {
        if !Path::new("/dev/fuse").exists() {
            return testkit::skip("no /dev/fuse");
        }
        let directory = tempfile::tempdir().unwrap();
        let [project, mounts] = ["project", "mounts"].map(|name| directory.path().join(name));
        fs::create_dir(&project).unwrap();
        fs::create_dir(&mounts).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(test(project, mounts));
    });
}

#[test]
fn what_is_done_at_one_end_is_there_at_the_other() {
    with_mount(
        "what_is_done_at_one_end_is_there_at_the_other",
        async |project: PathBuf, mounts: PathBuf| {
            let cable = Cable::new();
            let server = start_agent(&cable, &mounts, LONG);
            fs::write(project.join("before"), "1").unwrap();
            let laptop = start_laptop(&cable);
            let mut told = laptop
                .publisher
                .publish(ROOT, &project, "project", false)
                .unwrap();
            let point = mounted(&mut told).await;
            assert_eq!(point, mounts.join("project"));
            let (here, there) = (project.clone(), point.clone());
            spawn_blocking(move || {
                assert_eq!(fs::read_to_string(there.join("before")).unwrap(), "1");
                fs::create_dir(there.join("made")).unwrap();
                fs::write(there.join("made/there"), "2").unwrap();
                assert_eq!(fs::read_to_string(here.join("made/there")).unwrap(), "2");
            })
            .await
            .unwrap();
            fs::write(project.join("before"), "changed").unwrap();
            fs::rename(project.join("made"), project.join("moved")).unwrap();
            let there = point.clone();
            until(move || {
                fs::read_to_string(there.join("before")).is_ok_and(|text| text == "changed")
                    && fs::read_to_string(there.join("moved/there")).is_ok_and(|text| text == "2")
                    && !there.join("made").exists()
            })
            .await;
            // The laptop ends the session: nothing stays mounted, and no directory.
            laptop.connection.settled().await;
            laptop.connection.say_goodbye("stopped");
            let reason = tokio::time::timeout(LIMIT, server.running)
                .await
                .unwrap()
                .unwrap();
            assert_eq!(reason.as_deref(), Some("stopped"));
            assert_eq!(fs::read_dir(&mounts).unwrap().count(), 0);
            assert_eq!(
                fs::read_to_string(project.join("moved/there")).unwrap(),
                "2"
            );
        },
    );
}

#[test]
fn the_kernel_knows_who_may_enter_before_anybody_is_told_of_the_mount() {
    with_mount(
        "the_kernel_knows_who_may_enter_before_anybody_is_told_of_the_mount",
        async |project: PathBuf, mounts: PathBuf| {
            fs::set_permissions(&project, Permissions::from_mode(0o750)).unwrap();
            let cable = Cable::new();
            let _server = start_agent(&cable, &mounts, LONG);
            let laptop = start_laptop(&cable);
            let publisher = &laptop.publisher;
            let mut told = publisher.publish(ROOT, &project, "project", false).unwrap();
            let point = mounted(&mut told).await;
            let mode = spawn_blocking(move || {
                let root = open(&point, OFlags::PATH, Mode::empty()).unwrap();
                // Without asking the laptop.
                let flags = AtFlags::EMPTY_PATH | AtFlags::STATX_DONT_SYNC;
                statx(&root, "", flags, StatxFlags::MODE).unwrap().stx_mode
            });
            assert_eq!(mode.await.unwrap() & 0o7777, 0o750);
        },
    );
}

#[test]
fn nothing_is_lost_when_the_connection_breaks_again_and_again() {
    with_mount(
        "nothing_is_lost_when_the_connection_breaks_again_and_again",
        async |project: PathBuf, mounts: PathBuf| {
            let cable = Cable::new();
            let _server = start_agent(&cable, &mounts, LONG);
            let laptop = start_laptop(&cable);
            let mut told = laptop
                .publisher
                .publish(ROOT, &project, "project", false)
                .unwrap();
            let point = mounted(&mut told).await;
            let writing = spawn_blocking(move || {
                for number in 0..100_u32 {
                    let directory = point.join(format!("{}", number % 7));
                    fs::create_dir_all(&directory).unwrap();
                    let path = directory.join(format!("file {number}"));
                    // Exclusive, and appended to: what is done twice is seen.
                    let mut file = fs::File::create_new(&path).unwrap();
                    for piece in 0..3 {
                        writeln!(file, "{number} {piece}").unwrap();
                    }
                    drop(file);
                    let moved = directory.join(format!("moved {number}"));
                    fs::rename(&path, &moved).unwrap();
                    assert!(!path.exists() && moved.exists());
                }
            });
            let cutting = async {
                loop {
                    tokio::time::sleep(Duration::from_millis(7)).await;
                    cable.cut();
                }
            };
            tokio::select! {
                written = writing => written.unwrap(),
                () = cutting => {}
            }
            for number in 0..100_u32 {
                let path = project.join(format!("{}/moved {number}", number % 7));
                assert_eq!(
                    fs::read_to_string(path).unwrap(),
                    format!("{number} 0\n{number} 1\n{number} 2\n")
                );
            }
        },
    );
}

#[test]
fn who_waits_for_a_lost_laptop_gets_an_error_in_the_end_and_goes_on_when_it_is_back() {
    let name = "who_waits_for_a_lost_laptop_gets_an_error_in_the_end_and_goes_on_when_it_is_back";
    with_mount(name, async |project: PathBuf, mounts: PathBuf| {
        let cable = Cable::new();
        let _server = start_agent(&cable, &mounts, Duration::from_millis(200));
        let laptop = start_laptop(&cable);
        let mut told = laptop
            .publisher
            .publish(ROOT, &project, "project", false)
            .unwrap();
        let point = mounted(&mut told).await;
        cable.set_out(true);
        let there = point.clone();
        let error = spawn_blocking(move || fs::create_dir(there.join("new")).unwrap_err());
        let error = tokio::time::timeout(LIMIT, error).await.unwrap().unwrap();
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::IO.raw_os_error())
        );
        cable.set_out(false);
        until(move || fs::write(point.join("after"), "x").is_ok()).await;
        assert_eq!(fs::read_to_string(project.join("after")).unwrap(), "x");
        // What comes after it has been done: what had failed is not.
        assert!(!project.join("new").exists());
    });
}

#[test]
fn a_mount_that_failed_is_tried_again() {
    with_mount(
        "a_mount_that_failed_is_tried_again",
        async |project: PathBuf, mounts: PathBuf| {
            fs::write(project.join("file"), "contents").unwrap();
            // No directory can be made there.
            fs::write(mounts.join("project"), "in the way").unwrap();
            let cable = Cable::new();
            let _server = start_agent(&cable, &mounts, LONG);
            let laptop = start_laptop(&cable);
            let mut told = laptop
                .publisher
                .publish(ROOT, &project, "project", false)
                .unwrap();
            let failed = told.wait_for(|mount| matches!(mount, Mount::Failed(_)));
            drop(tokio::time::timeout(LIMIT, failed).await.unwrap().unwrap());
            fs::remove_file(mounts.join("project")).unwrap();
            laptop.publisher.retry();
            let at = told.wait_for(|mount| matches!(mount, Mount::At(_)));
            drop(tokio::time::timeout(LIMIT, at).await.unwrap().unwrap());
            let there = mounts.join("project/file");
            let contents = spawn_blocking(move || fs::read_to_string(there).unwrap());
            assert_eq!(contents.await.unwrap(), "contents");
            // What is mounted stays so.
            laptop.publisher.retry();
            assert!(matches!(*told.borrow(), Mount::At(_)));
            assert!(laptop.publisher.unmount(ROOT, LONG).await);
            laptop.connection.say_goodbye("");
        },
    );
}

#[test]
fn an_end_that_was_started_anew_is_taken_up_again() {
    with_mount(
        "an_end_that_was_started_anew_is_taken_up_again",
        async |project: PathBuf, mounts: PathBuf| {
            fs::write(project.join("file"), "old").unwrap();
            let cable = Cable::new();
            let server = start_agent(&cable, &mounts, LONG);
            let laptop = start_laptop(&cable);
            let mut told = laptop
                .publisher
                .publish(ROOT, &project, "project", false)
                .unwrap();
            let point = mounted(&mut told).await;
            // The agent: everything is mounted again.
            server.connection.say_goodbye("");
            server.running.abort();
            drop(server.running.await);
            until({
                let point = point.clone();
                move || !point.exists()
            })
            .await;
            for task in laptop.tasks {
                task.abort();
            }
            let _server = start_agent(&cable, &mounts, LONG);
            let laptop = start_laptop(&cable);
            let mut told = laptop
                .publisher
                .publish(ROOT, &project, "project", false)
                .unwrap();
            let point = mounted(&mut told).await;
            let there = point.clone();
            let mut open = spawn_blocking(move || {
                fs::File::options()
                    .append(true)
                    .open(there.join("file"))
                    .unwrap()
            })
            .await
            .unwrap();
            let there = point.join("file");
            let before = spawn_blocking(move || fs::read_to_string(there).unwrap());
            assert_eq!(before.await.unwrap(), "old");
            // The laptop: what was open is not any more, and all else goes on.
            for task in laptop.tasks {
                task.abort();
            }
            drop(laptop.publisher);
            fs::write(project.join("file"), "while nobody looked").unwrap();
            let laptop = start_laptop(&cable);
            let mut told = laptop
                .publisher
                .publish(ROOT, &project, "project", false)
                .unwrap();
            assert_eq!(mounted(&mut told).await, point);
            let written = spawn_blocking(move || open.write_all(b"x").is_err())
                .await
                .unwrap();
            assert!(written, "a file that is not open any more");
            let there = point.join("file");
            until(move || {
                fs::read_to_string(&there).is_ok_and(|found| found == "while nobody looked")
            })
            .await;
            spawn_blocking(move || fs::write(point.join("file"), "new").unwrap())
                .await
                .unwrap();
            assert_eq!(fs::read_to_string(project.join("file")).unwrap(), "new");
        },
    );
}
