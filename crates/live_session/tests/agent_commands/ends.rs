//! An agent that has mounted a directory, and the laptop's end of its connection.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::Location;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use connection::{Connection, Happening, Receiver};
use live::commands::{Command, End, News, Order};
use live::control::{Adapter, Failure, Reply, Request, Wanted};
use live::files::Root;
use live::message::{ToLaptop, ToServer};
use live::programs::{Output, Viewer};
use live::{Bytes, SessionId};
use live_session::server::RunningCommand;
use live_session::server::{Agent, AgentOptions, Commands, Proxying, Told, Typed};
use publish::{Limits, Service};
use testkit::{Isolation, isolated};
use tokio::io::duplex;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::task::{AbortHandle, JoinHandle, spawn_blocking};

const SESSION: SessionId = SessionId(*b"a session's name");
/// Bounds the wait for a condition; no test is measured by it.
const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const MAIN: Root = Root(7);
pub(crate) const READ_ONLY: Root = Root(8);

/// The server. The directory is everything that it has.
pub(crate) struct Server {
    pub(crate) agent: Arc<Agent>,
    pub(crate) commands: Commands,
    connection: Connection<ToLaptop>,
    pub(crate) running: JoinHandle<Option<String>>,
    /// What names were to be found, each time.
    pub(crate) linked: Arc<Mutex<Vec<Vec<String>>>>,
}

/// The laptop: it answers what is asked of files, and says what the test says.
pub(crate) struct Laptop {
    connection: Connection<ToServer>,
    orders: UnboundedReceiver<(Command, Order)>,
    replies: UnboundedReceiver<(u64, Result<Reply, Failure>)>,
    pub(crate) outputs: UnboundedReceiver<(Viewer, Output)>,
    wishes: u64,
    hearing: JoinHandle<()>,
}

/// What joins the two.
pub(crate) struct Cable([AbortHandle; 2]);

impl Cable {
    pub(crate) fn new(laptop: &Laptop, server: &Server) -> Self {
        let (one, other) = duplex(64 << 10);
        let (laptop, server) = (laptop.connection.clone(), server.connection.clone());
        let laptop = tokio::spawn(async move { drop(laptop.run(one).await) });
        let server = tokio::spawn(async move { drop(server.run(other).await) });
        Self([laptop.abort_handle(), server.abort_handle()])
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        self.0.iter().for_each(AbortHandle::abort);
    }
}

/// Everything of a test.
pub(crate) struct Ends {
    pub(crate) home: PathBuf,
    pub(crate) project: PathBuf,
    pub(crate) point: PathBuf,
    pub(crate) server: Server,
    pub(crate) laptop: Laptop,
    pub(crate) cable: Option<Cable>,
}

/// In a mount namespace of its own, with a project that is mounted, and `npm`, `node` and `make` on the list.
pub(crate) fn with_ends<F>(name: &str, patience: Duration, test: impl FnOnce(Ends) -> F)
where
    F: Future<Output = ()>,
{
    isolated(name, Isolation::MOUNTS, || {
        if !Path::new("/dev/fuse").exists() {
            return testkit::skip("no /dev/fuse");
        }
        let directory = tempfile::tempdir().unwrap();
        let directory = directory.path().canonicalize().unwrap();
        let [project, home] = ["project", "home"].map(|name| directory.join(name));
        fs::create_dir_all(project.join("sub")).unwrap();
        fs::create_dir_all(home.join("mounts")).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o700)).unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let server = start_agent(&home, patience);
            let mut laptop = start_laptop(&project);
            let cable = Cable::new(&laptop, &server);
            let point = laptop.mount(MAIN, "project").await;
            laptop.proxy(&["npm", "node", "make"]).await;
            let ends = Ends {
                home,
                project,
                point,
                server,
                laptop,
                cable: Some(cable),
            };
            test(ends).await;
        });
        // Unmounts.
        runtime.shutdown_timeout(LIMIT);
    });
}

/// What puts the directory of the commands into `PATH`, as this program does.
const INSIDE: &str = "#!/bin/sh\n[ \"$1 $2 $3 $5\" = 'agent inside --bin --' ] || exit 99\nPATH=$4:$PATH\nshift 5\nexport PATH\nexec \"$@\"\n";

fn start_agent(home: &Path, patience: Duration) -> Server {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let environment = [("PATH", "/usr/bin:/bin"), ("LANG", "C.UTF-8")];
    let environment = environment.map(|(name, value)| (name.into(), value.into()));
    let homes = [("HOME".into(), home.into())];
    let environment: Vec<(OsString, OsString)> = environment.into_iter().chain(homes).collect();
    let options = AgentOptions {
        main: home.join("main"),
        mounts: home.join("mounts"),
        account: Vec::new(),
        patience,
        environment,
    };
    let program = home.join("inside");
    fs::write(&program, INSIDE).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let linked = Arc::<Mutex<Vec<Vec<String>>>>::default();
    let links = Arc::clone(&linked);
    let proxying = Proxying {
        session: "project-1".to_owned(),
        directory: home.join("bin"),
        program,
        shell_file: home.join("path.sh"),
        link: Arc::new(move |names| {
            links.lock().unwrap().push(names.to_vec());
            Ok(())
        }),
    };
    let agent = Agent::with_proxying(connection.clone(), options, Some(proxying)).unwrap();
    let agent = Arc::new(agent);
    let runs = Arc::clone(&agent);
    Server {
        commands: agent.commands(),
        agent,
        connection,
        running: tokio::spawn(async move { runs.run(receiver).await }),
        linked,
    }
}

pub(crate) fn start_laptop(project: &Path) -> Laptop {
    let (connection, receiver) = Connection::new(SESSION).unwrap();
    let service = Arc::new(Service::new(Limits::default()));
    service.publish(MAIN, project, false).unwrap();
    service.publish(READ_ONLY, project, true).unwrap();
    let (says_order, orders) = unbounded_channel();
    let (says_reply, replies) = unbounded_channel();
    let (says_output, outputs) = unbounded_channel();
    let heard = (says_order, says_reply, says_output);
    let hearing = tokio::spawn(hear(connection.clone(), receiver, service, heard));
    Laptop {
        connection,
        orders,
        replies,
        outputs,
        wishes: 0,
        hearing,
    }
}

type Heard = (
    UnboundedSender<(Command, Order)>,
    UnboundedSender<(u64, Result<Reply, Failure>)>,
    UnboundedSender<(Viewer, Output)>,
);

async fn hear(
    connection: Connection<ToServer>,
    mut receiver: Receiver<ToLaptop>,
    service: Arc<Service>,
    heard: Heard,
) {
    while let Some(happening) = receiver.next().await {
        match happening {
            Happening::Message(ToLaptop::File(number, request)) => {
                let (service, connection) = (Arc::clone(&service), connection.clone());
                spawn_blocking(move || {
                    let outcome = service.execute(request);
                    connection.send(&ToServer::File(number, outcome)).ok();
                });
            }
            Happening::Message(ToLaptop::Command(command, order)) => {
                heard.0.send((command, order)).ok();
            }
            Happening::Message(ToLaptop::Control(number, reply)) => {
                heard.1.send((number, reply)).ok();
            }
            Happening::Message(ToLaptop::Program(viewer, output)) => {
                heard.2.send((viewer, output)).ok();
            }
            Happening::Message(ToLaptop::Taken(..) | ToLaptop::GivenUp(_))
            | Happening::Connected { .. }
            | Happening::Goodbye(_) => {}
        }
    }
}

impl Drop for Laptop {
    fn drop(&mut self) {
        self.hearing.abort();
    }
}

impl Laptop {
    pub(crate) async fn wish(&mut self, request: Request) -> Reply {
        self.wishes += 1;
        let wish = ToServer::Control(self.wishes, request);
        self.connection.send(&wish).unwrap();
        let (number, reply) = bounded(self.replies.recv()).await.unwrap();
        assert_eq!(number, self.wishes);
        reply.unwrap()
    }

    pub(crate) async fn mount(&mut self, root: Root, name: &str) -> PathBuf {
        let wanted = Wanted {
            root,
            name: name.to_owned(),
            is_main: root == MAIN,
            read_only: root == READ_ONLY,
            adapter: Adapter::Native,
            when_asked: false,
            user: 0,
            group: 0,
        };
        match self.wish(Request::Mount(wanted)).await {
            Reply::Mounted(place) => PathBuf::from(String::from_utf8(place.to_vec()).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn proxy(&mut self, names: &[&str]) {
        let names = names.iter().map(|name| (*name).to_owned());
        let reply = self.wish(Request::Proxy(names.collect())).await;
        assert_eq!(reply, Reply::Done);
    }

    #[track_caller]
    pub(crate) fn order(&mut self) -> impl Future<Output = (Command, Order)> {
        let next = bounded(self.orders.recv());
        async { next.await.unwrap() }
    }

    /// The command that is asked for next.
    #[track_caller]
    pub(crate) fn asked(&mut self) -> impl Future<Output = (Command, live::commands::Start)> {
        let order = self.order();
        async {
            match order.await {
                (command, Order::Start(start)) => (command, *start),
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn say(&self, command: Command, news: News) {
        self.connection
            .send(&ToServer::Command(command, news))
            .unwrap();
    }

    pub(crate) fn tell(&self, message: &ToServer) {
        self.connection.send(message).unwrap();
    }
}

impl Ends {
    /// Nothing was said to the laptop that was not heard.
    pub(crate) async fn assert_quiet(&mut self) {
        // In the lane behind all others, and in order there.
        let last = self
            .server
            .commands
            .start(typed(&["make", "quiet"], &self.point));
        let (command, start) = self.laptop.asked().await;
        assert_eq!(start.name, "make");
        self.laptop.say(command, News::Here);
        assert_eq!(next(&last).await, Some(Told::News(News::Here)));
    }
}

/// Waits no longer than is allowed; who waits is told otherwise.
#[track_caller]
pub(crate) fn bounded<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let waited = tokio::time::timeout(LIMIT, future).await;
        waited.unwrap_or_else(|_| panic!("not in time: {caller}"))
    }
}

#[track_caller]
pub(crate) fn next(running: &RunningCommand) -> impl Future<Output = Option<Told>> {
    bounded(running.next())
}

/// That there is nothing to be told of it now.
pub(crate) async fn assert_nothing_told(running: &RunningCommand) {
    tokio::select! {
        biased;
        told = running.next() => panic!("{told:?}"),
        () = std::future::ready(()) => {}
    }
}

pub(crate) fn typed(words: &[&'static str], directory: &Path) -> Typed {
    let words: Vec<Bytes> = words.iter().map(|word| Bytes::from(*word)).collect();
    Typed {
        name: words[0].clone(),
        arguments: words[1..].to_vec(),
        directory: directory.to_owned(),
        environment: vec![("CI".into(), "1".into())],
        streams: [End::Pipe, End::Pipe, End::AsOutput],
        size: None,
        umask: 0o022,
    }
}
