//! What the user units start, started as systemd would: the same words, the sockets passed, told when it is ready, ended
//! by SIGTERM.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

use end_to_end::{LIMIT, Machine};
use rustix::process::Signal;
use testkit::http::send;
use testkit::{Mode, Process, programs};

use crate::{Scope, Unit};

/// Makes a socket of standard input the first that is passed.
const ACTIVATOR: &str = "exec 3<&0 0</dev/null && export LISTEN_FDS=1 LISTEN_PID=$$ && exec \"$@\"";

/// Seconds that a token lives which the keeper is to renew while the test looks on.
const SHORT: u64 = 2;

/// Where a service says how it is.
struct Notified {
    socket: UnixDatagram,
    path: std::path::PathBuf,
}

impl Notified {
    fn new(machine: &Machine) -> Notified {
        let path = machine.home.root().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        Notified { socket, path }
    }

    /// The next that is said.
    #[track_caller]
    fn next(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.socket.recv(&mut buffer).expect("a state that is told");
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

/// The words of a unit's `ExecStart=`, with its `Environment=`.
fn words(machine: &Machine, unit: &Unit, notified: &Notified, words: &[&str]) -> Command {
    let program = unit.value("ExecStart").strip_prefix("@BINDIR@/").unwrap();
    let (program, arguments) = program.split_once(' ').unwrap();
    let start = programs::path(program);
    let (first, rest) = match words.split_first() {
        Some((first, rest)) => ((*first).into(), rest),
        None => (start.clone(), &[][..]),
    };
    let mut command = machine.home.command(first);
    command.args(rest);
    if !words.is_empty() {
        command.arg(start);
    }
    command.args(arguments.split(' '));
    for variable in unit.values("Environment") {
        let (name, value) = variable.split_once('=').unwrap();
        command.env(name, value);
    }
    command.env("NOTIFY_SOCKET", &notified.path);
    command
}

#[test]
fn the_dashboard_starts_with_the_socket_that_is_passed() {
    let machine = Machine::new();
    let unit = Unit::named(Scope::User, "claude-accounts-serve.service");
    assert_eq!(unit.value("Type"), "notify");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    // A visit from before it runs waits.
    let early = TcpStream::connect(address).unwrap();
    let notified = Notified::new(&machine);
    let activator = ["sh", "-c", ACTIVATOR, "sh"];
    let mut command = words(&machine, &unit, &notified, &activator);
    command
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .stdout(Stdio::null());
    let mut service = Process::spawn(command);
    assert_eq!(notified.next(), "READY=1");
    let health = format!("http://{address}/healthz");
    let answer = send("GET", &health, &[], b"", LIMIT).unwrap();
    assert_eq!(answer.status, 200);
    drop(early);
    service.signal(Signal::TERM);
    assert_eq!(notified.next(), "STOPPING=1");
    assert!(service.wait(LIMIT).success());
}

#[test]
fn the_socket_listens_where_the_dashboard_does_by_itself() {
    let unit = Unit::named(Scope::User, "claude-accounts-serve.socket");
    let places = ["127.0.0.1:5111", "[::1]:5111"];
    assert_eq!(unit.values("ListenStream"), places);
    // As it does, also without IPv6.
    assert_eq!(unit.value("FreeBind"), "yes");
}

/// The keeper's service, running.
fn keeper(machine: &Machine, notified: &Notified) -> Process {
    let unit = Unit::named(Scope::User, "claude-accounts-keeper.service");
    assert_eq!(unit.value("Type"), "notify");
    let mut command = words(machine, &unit, notified, &[]);
    command.stdin(Stdio::null()).stderr(Stdio::null());
    let keeper = Process::spawn(command);
    assert_eq!(notified.next(), "READY=1");
    keeper
}

#[test]
fn the_keeper_says_when_it_is_ready_and_leaves_when_told() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let notified = Notified::new(&machine);
    let mut service = keeper(&machine, &notified);
    assert_eq!(machine.keeper()["pid"], service.id());
    service.signal(Signal::TERM);
    assert_eq!(notified.next(), "STOPPING=1");
    assert!(service.wait(LIMIT).success());
    assert_eq!(machine.keeper()["running"], false);
}

#[test]
fn a_keeper_that_is_told_to_leave_finishes_a_renewal() {
    let machine = Machine::new();
    let _ = machine.add_login("work");
    let notified = Notified::new(&machine);
    let mut service = keeper(&machine, &notified);
    let session = machine.session("work", &[]);
    machine.wait_for_kept_sessions(1);
    machine.tokens.set_mode(Mode::WithExpiresIn(SHORT));
    drop(machine.run(&["refresh", "work"]).success());
    machine.tokens.hold_answers();
    machine
        .tokens
        .wait_for_requests(machine.tokens.request_count() + 1);
    service.signal(Signal::TERM);
    assert_eq!(notified.next(), "STOPPING=1");
    machine.tokens.release();
    assert!(service.wait(LIMIT).success());
    let kept = &machine.export()[0]["refresh_token"];
    assert_eq!(*kept, machine.tokens.current("work").1);
    session.end();
}
