//! Streams on a unix socket: who may, and who goes before whom.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on panics, and says what it was about"
)]

mod common;

use std::fs::{self, OpenOptions, Permissions};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{PATIENCE, Said, end, ends, message, until_up, within};
use connection::relay::{PlaceError, Socket, connect, copy};
use connection::{Connection, ConnectionError, Ended};
use live::SessionId;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use tempfile::TempDir;
use testkit::{Process, skip};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::unix::pipe;
use tokio::net::{TcpStream, UnixStream};

const NAME: &str = "agent";

fn directory() -> (TempDir, PathBuf) {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("sockets");
    (temporary, path)
}

fn connected(directory: &Path) -> UnixStream {
    let stream = connect(directory, NAME).unwrap();
    stream.set_nonblocking(true).unwrap();
    UnixStream::from_std(stream).unwrap()
}

#[tokio::test]
async fn a_new_stream_takes_over_at_once_and_who_says_nothing_does_not() {
    let (_temporary, path) = directory();
    let socket = Socket::bind(&path, NAME).unwrap();
    let ((agent, mut agent_hears), (laptop, mut laptop_hears)) = ends();
    let served = agent.clone();
    let serving = tokio::spawn(async move { socket.serve(&served).await });
    for number in 0..20 {
        // Nobody reads or drops this one's stream: a link that is half gone.
        let (runs, stream) = (laptop.clone(), connected(&path));
        let running = tokio::spawn(async move { runs.run(stream).await });
        let silent = connected(&path);
        laptop.send(&Said::number(number)).unwrap();
        agent.send(&Said::number(number)).unwrap();
        assert_eq!(message(&mut agent_hears).await.number, number);
        assert_eq!(message(&mut laptop_hears).await.number, number);
        assert!(!running.is_finished());
        drop(silent);
    }
    // Another session throws the stream out, but ends nothing.
    let (stranger, _hears) = Connection::<Said>::new::<Said>(SessionId([3; 16])).unwrap();
    let refused = within(stranger.run(connected(&path))).await;
    assert!(refused.unwrap_err().is_final());
    agent.say_goodbye("done");
    let ended = within(laptop.run(connected(&path))).await.unwrap();
    assert_eq!(ended, Ended::Goodbye("done".to_owned()));
    assert_eq!(within(serving).await.unwrap().unwrap(), Ended::SaidGoodbye);
    assert!(!path.join(NAME).exists());
}

#[tokio::test]
async fn a_process_between_hands_its_socket_over() {
    joins_both_ways_until_the_agent_hangs_up(one_socket).await;
}

#[tokio::test]
async fn a_process_between_hands_its_pipes_over() {
    joins_both_ways_until_the_agent_hangs_up(pipes).await;
}

#[tokio::test]
async fn a_process_between_copies_what_it_cannot_hand_over() {
    joins_both_ways_until_the_agent_hangs_up(internet_sockets).await;
}

#[tokio::test]
async fn who_has_handed_its_streams_over_copies_nothing() {
    for streams in [one_socket, pipes] {
        let (_temporary, path) = directory();
        let socket = Socket::bind(&path, NAME).unwrap();
        let ((agent, mut agent_hears), (laptop, _laptop_hears)) = ends();
        let serving = tokio::spawn(async move { socket.serve(&agent).await });
        let (stream, input, output) = streams();
        let mut command = Command::new(connector());
        command.env_clear().arg(&path).arg(NAME);
        command.stdin(input).stdout(output);
        let process = Process::spawn(command);
        let runs = laptop.clone();
        tokio::spawn(async move { runs.run(stream).await });
        until_up(&laptop).await;
        let before = read_by(&process);
        laptop
            .send(&Said {
                lane: 3,
                number: 1,
                filler: vec![1; 1_000_000],
            })
            .unwrap();
        assert_eq!(message(&mut agent_hears).await.number, 1);
        assert_eq!(read_by(&process), before);
        serving.abort();
    }
}

/// How much a process has read, in bytes: `rchar` of proc_pid_io(5).
fn read_by(process: &Process) -> u64 {
    let io = fs::read_to_string(format!("/proc/{}/io", process.id())).unwrap();
    let read = io.lines().find_map(|line| line.strip_prefix("rchar: "));
    read.unwrap().parse().unwrap()
}

/// This end, and a process's standard input and output.
type Ends = (UnixStream, OwnedFd, OwnedFd);

fn pair() -> (UnixStream, OwnedFd) {
    let (near, far) = std::os::unix::net::UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    (UnixStream::from_std(near).unwrap(), far.into())
}

/// As sshd makes it.
fn one_socket() -> Ends {
    let (near, far) = pair();
    (near, far.try_clone().unwrap(), far)
}

/// As another's sshd does. What copies between them and the one that is returned ends with them.
fn pipes() -> Ends {
    let (input, to_input) = std::io::pipe().unwrap();
    let (from_output, output) = std::io::pipe().unwrap();
    let from_output = pipe::Receiver::from_owned_fd(from_output.into()).unwrap();
    let to_input = pipe::Sender::from_owned_fd(to_input.into()).unwrap();
    (copied(from_output, to_input), input.into(), output.into())
}

/// As no sshd does.
fn internet_sockets() -> Ends {
    let ((input_near, input), (output_near, output)) = (internet_pair(), internet_pair());
    (copied(output_near, input_near), input, output)
}

fn internet_pair() -> (TcpStream, OwnedFd) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let near = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    near.set_nonblocking(true).unwrap();
    let (far, _) = listener.accept().unwrap();
    (TcpStream::from_std(near).unwrap(), far.into())
}

/// What comes from `reader` and goes to `writer`.
fn copied(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
) -> UnixStream {
    let (near, far) = pair();
    let far = std::os::unix::net::UnixStream::from(far);
    far.set_nonblocking(true).unwrap();
    let mut far = UnixStream::from_std(far).unwrap();
    let mut joined = tokio::io::join(reader, writer);
    tokio::spawn(async move { tokio::io::copy_bidirectional(&mut far, &mut joined).await });
    near
}

async fn joins_both_ways_until_the_agent_hangs_up(streams: fn() -> Ends) {
    let (_temporary, path) = directory();
    let socket = Socket::bind(&path, NAME).unwrap();
    let ((agent, mut agent_hears), (laptop, mut laptop_hears)) = ends();
    let served = agent.clone();
    let serving = tokio::spawn(async move { socket.serve(&served).await });
    let mut connectors = Vec::new();
    for number in 0..3 {
        let (stream, input, output) = streams();
        let mut command = Command::new(connector());
        command.env_clear().arg(&path).arg(NAME);
        command.stdin(input).stdout(output);
        connectors.push(Process::spawn(command));
        let runs = laptop.clone();
        tokio::spawn(async move { runs.run(stream).await });
        laptop
            .send(&Said {
                lane: 3,
                number,
                filler: vec![1; 1_000_000],
            })
            .unwrap();
        agent
            .send(&Said {
                lane: 3,
                number,
                filler: vec![2; 1_000_000],
            })
            .unwrap();
        assert_eq!(message(&mut agent_hears).await.number, number);
        assert_eq!(message(&mut laptop_hears).await.number, number);
    }
    laptop.say_goodbye("done");
    assert!(matches!(
        within(serving).await.unwrap(),
        Ok(Ended::Goodbye(_))
    ));
    for mut connector in connectors {
        // How is nobody's business: its output is gone.
        connector.wait(PATIENCE);
    }
}

/// Of `examples`, which are built with the tests.
fn connector() -> PathBuf {
    let mut path = std::env::current_exe().unwrap();
    path.pop();
    path.pop();
    path.join("examples/connector")
}

#[tokio::test]
async fn who_hands_over_something_else_is_hung_up_on() {
    let (_temporary, path) = directory();
    let socket = Socket::bind(&path, NAME).unwrap();
    let ((agent, mut agent_hears), (laptop, _laptop_hears)) = ends();
    let serving = tokio::spawn(async move { socket.serve(&agent).await });
    let file = fs::File::open("/dev/null").unwrap();
    let (pipe, _other) = std::io::pipe().unwrap();
    for given in [
        vec![],
        vec![pipe.as_fd()],
        vec![file.as_fd(), file.as_fd()],
        // Of the wrong direction.
        vec![pipe.as_fd(), pipe.as_fd()],
    ] {
        let stream = connect(&path, NAME).unwrap();
        let mut space = [std::mem::MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(2))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let descriptors = given;
        if !descriptors.is_empty() {
            assert!(ancillary.push(SendAncillaryMessage::ScmRights(&descriptors)));
        }
        let words = [std::io::IoSlice::new(b"H")];
        sendmsg(&stream, &words, &mut ancillary, SendFlags::empty()).unwrap();
        let read =
            tokio::task::spawn_blocking(move || std::io::Read::read(&mut { stream }, &mut [0]));
        assert_eq!(within(read).await.unwrap().unwrap(), 0);
    }
    // And it serves on.
    let (runs, stream) = (laptop.clone(), connected(&path));
    tokio::spawn(async move { runs.run(stream).await });
    laptop.send(&Said::number(1)).unwrap();
    assert_eq!(message(&mut agent_hears).await.number, 1);
    serving.abort();
}

#[test]
fn copying_ends_when_the_output_takes_no_more() {
    let (near, mut far) = std::os::unix::net::UnixStream::pair().unwrap();
    let (output, closed) = std::os::unix::net::UnixStream::pair().unwrap();
    drop(closed);
    std::io::Write::write_all(&mut far, b"something").unwrap();
    let (input, _open) = std::os::unix::net::UnixStream::pair().unwrap();
    let error = copy(near, input, output).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[tokio::test]
async fn one_that_is_listened_to_stays_and_a_dead_one_is_replaced() {
    let (_temporary, path) = directory();
    let socket = Socket::bind(&path, NAME).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o700
    );
    assert!(matches!(Socket::bind(&path, NAME), Err(PlaceError::InUse)));
    assert!(connect(&path, NAME).is_ok());
    drop(socket);
    assert!(!path.join(NAME).exists());
    // As a process that was killed leaves it.
    drop(UnixListener::bind(path.join(NAME)).unwrap());
    assert!(matches!(connect(&path, NAME), Err(PlaceError::System(_))));
    let socket = Socket::bind(&path, NAME).unwrap();
    assert!(connect(&path, NAME).is_ok());
    // What is not its own it leaves.
    fs::remove_file(path.join(NAME)).unwrap();
    let other = Socket::bind(&path, NAME).unwrap();
    drop(socket);
    assert!(connect(&path, NAME).is_ok());
    drop(other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn many_bind_in_one_directory_at_once() {
    let (_temporary, path) = directory();
    let mut binding = tokio::task::JoinSet::new();
    for number in 0..400 {
        let path = path.clone();
        binding.spawn(async move { Socket::bind(&path, &format!("{NAME}-{number}")) });
    }
    for bound in binding.join_all().await {
        drop(bound.unwrap());
    }
}

#[tokio::test]
async fn a_directory_that_others_could_use_is_refused() {
    let (temporary, path) = directory();
    drop(Socket::bind(&path, NAME).unwrap());
    let link = temporary.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(
        Socket::bind(&link, NAME),
        Err(PlaceError::NotADirectory)
    ));
    assert!(matches!(
        connect(&link, NAME),
        Err(PlaceError::NotADirectory)
    ));
    let file = temporary.path().join("file");
    let opened = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&file);
    drop(opened.unwrap());
    assert!(matches!(
        Socket::bind(&file, NAME),
        Err(PlaceError::NotADirectory)
    ));
    for mode in [0o750, 0o701, 0o777] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert!(matches!(Socket::bind(&path, NAME), Err(PlaceError::Open)));
        assert!(matches!(connect(&path, NAME), Err(PlaceError::Open)));
    }
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    for name in ["", ".", "..", "a/b", "../x"] {
        assert!(matches!(Socket::bind(&path, name), Err(PlaceError::Name)));
    }
    fs::rename(&file, path.join(NAME)).unwrap();
    assert!(matches!(
        Socket::bind(&path, NAME),
        Err(PlaceError::NotASocket)
    ));
    assert!(path.join(NAME).is_file());
}

#[tokio::test]
async fn the_path_may_be_longer_than_a_socket_s() {
    let temporary = tempfile::tempdir().unwrap();
    let path = temporary.path().join("a".repeat(200));
    let _socket = Socket::bind(&path, NAME).unwrap();
    assert!(connect(&path, NAME).is_ok());
}

/// Perl that another user runs, with the socket's path.
fn as_nobody(script: &str, directory: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"])
        .args(["perl", "-e", script])
        .arg(directory.join(NAME));
    command
}

#[tokio::test]
async fn another_user_is_hung_up_on() {
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to be two users");
    }
    let (temporary, path) = directory();
    let socket = Socket::bind(&path, NAME).unwrap();
    // Open to him here, so that it is the check that keeps him out; also the way there.
    for place in [temporary.path(), &path] {
        fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
    }
    fs::set_permissions(path.join(NAME), Permissions::from_mode(0o777)).unwrap();
    let ((agent, mut agent_hears), (laptop, _laptop_hears)) = ends();
    let served = agent.clone();
    let serving = tokio::spawn(async move { socket.serve(&served).await });
    let script = "use Socket;
socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
connect($s, sockaddr_un($ARGV[0])) or die;
print(sysread($s, my $byte, 1) ? 'heard' : 'hung up')";
    let mut command = as_nobody(script, &path);
    let output = tokio::task::spawn_blocking(move || command.output());
    let output = within(output).await.unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    match output {
        Ok(output) if output.status.success() => assert_eq!(output.stdout, b"hung up"),
        other => return skip(format!("needs setpriv and perl: {other:?}")),
    }
    let runs = laptop.clone();
    let stream = connected(&path);
    tokio::spawn(async move { runs.run(stream).await });
    laptop.send(&Said::number(1)).unwrap();
    assert_eq!(message(&mut agent_hears).await.number, 1);
    serving.abort();
}

#[tokio::test]
async fn a_socket_that_somebody_else_listens_on_is_not_used() {
    if !rustix::process::geteuid().is_root() {
        return skip("needs root to be two users");
    }
    let (temporary, path) = directory();
    drop(Socket::bind(&path, NAME).unwrap());
    for place in [temporary.path(), &path] {
        fs::set_permissions(place, Permissions::from_mode(0o777)).unwrap();
    }
    let script = "use Socket; $| = 1;
socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die;
bind($s, sockaddr_un($ARGV[0])) or die;
listen($s, 5) or die;
print \"listens\\n\";
<STDIN>";
    let command = as_nobody(script, &path);
    let process = Process::spawn_talking(command);
    assert_eq!(process.wait_for_line(0, PATIENCE), "listens");
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    assert!(matches!(connect(&path, NAME), Err(PlaceError::NotOwn)));
}

#[tokio::test]
async fn a_killed_connector_ends_the_stream() {
    for streams in [one_socket, pipes, internet_sockets] {
        a_killed_connector_ends(streams).await;
    }
}

async fn a_killed_connector_ends(streams: fn() -> Ends) {
    let (_temporary, path) = directory();
    let socket = Socket::bind(&path, NAME).unwrap();
    let (agent, _agent_hears) = end();
    let (laptop, _laptop_hears) = end();
    let serving = tokio::spawn(async move { socket.serve(&agent).await });
    let mut command = Command::new(connector());
    command.env_clear().arg(&path).arg(NAME);
    let (stream, input, output) = streams();
    command.stdin(input).stdout(output);
    let process = Process::spawn(command);
    let killing = async {
        until_up(&laptop).await;
        process.signal(rustix::process::Signal::KILL);
    };
    let (ended, ()) = within(async { tokio::join!(laptop.run(stream), killing) }).await;
    assert!(matches!(
        ended,
        Err(ConnectionError::Closed | ConnectionError::Stream(_))
    ));
    serving.abort();
    drop(within(serving).await);
    assert!(!path.join(NAME).exists());
}
